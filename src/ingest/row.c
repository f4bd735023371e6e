/*
 * row.c
 *	  From an event to the datums of one row, and what it keeps beside its columns.
 */
#include "ingest/batch.h"

#include "access/htup_details.h"
#include "ingest/declared.h"
#include "ingest/place.h"
#include "schema/datum.h"
#include "ingest/survey.h"
#include "ingest/unexpected.h"
#include "ingest/versions.h"
#include "ingest/wanted.h"
#include "utils/jsonb.h"

/*
 * A heap tuple must fit a page whatever TOAST does (MaxHeapTupleSize is 8160); fixed columns and
 * the header are counted in the start value.
 */
#define ROW_BUDGET 8000
#define FIXED_COLUMNS_WIDTH 64

typedef struct RowBuilder
{
	EpIngest *ingest;
	EpTarget *target;
	EpRow *row;
	int width;
	int discarded;     /* values */
	EpError *error;    /* filled when stage is */
	const char *stage; /* at which the event is rejected, or NULL */
} RowBuilder;

/* Does the value come through whole?  Nanoseconds below a microsecond do not. */
static bool
is_exact(EpType type, const EpValue *value)
{
	return (type != EP_TYPE_TIMESTAMPTZ && type != EP_TYPE_INTERVAL) || value->nanos == 0;
}

/* Keep it beside the columns. */
static void
rescue(RowBuilder *builder, const EpField *field, const char *reason)
{
	ep_rescue_add(&builder->ingest->rescue, field->path, &field->value, reason);
	ep_wanted_note(builder->ingest, builder->row->work, field, reason, builder->row->time);
}

/* Has an earlier field of the event filled a column of this attribute, its own or a variant? */
static bool
is_filled(RowBuilder *builder, const EpColumn *column)
{
	const EpAttribute *attribute;

	if (!builder->row->nulls[column->attnum - 1])
		return true;
	if (!column->variants)
		return false;
	attribute = &builder->target->attributes[column->attribute];
	while ((attribute = ep_target_next_variant(builder->target, attribute)) != NULL)
		if (attribute->attnum != InvalidAttrNumber && !builder->row->nulls[attribute->attnum - 1])
			return true;
	return false;
}

/* The variant that takes what its column does not, or why there is none. */
static const char *
choose_variant(RowBuilder *builder, const EpColumn *column, const EpField *field, AttrNumber *attnum,
			   EpType *type)
{
	const EpAttribute *attribute = &builder->target->attributes[column->attribute];
	const EpAttribute *variant = ep_target_variant(builder->target, attribute, &field->value);

	if (variant == NULL)
		return attribute->refusal != NULL && ep_survey_type(field) != EP_TYPE_NONE ? attribute->refusal
																				   : "type";
	*attnum = variant->attnum;
	*type = variant->type;
	return variant->attnum == InvalidAttrNumber ? "contract" : NULL;
}

/* Keep a value out of the columns as the contract says: reason is why it is rescued, if it is. */
static void
leave_out(RowBuilder *builder, EpPolicy policy, const EpField *field, const char *reason)
{
	if (policy == EP_POLICY_DISCARD)
		builder->discarded++;
	else if (policy == EP_POLICY_REJECT)
		builder->stage = "contract";
	else
		rescue(builder, field, policy == EP_POLICY_RESCUE ? "contract" : reason);
}

/* The column stays empty, though the event has a value for it. */
static void
leave_empty(RowBuilder *builder, AttrNumber attnum)
{
	EpRow *row = builder->row;

	if (attnum != InvalidAttrNumber && ep_writer_has_defaults(row->work))
		row->given = bms_add_member(row->given, attnum);
}

static void
place(RowBuilder *builder, const EpColumn *column, const EpField *field)
{
	EpRow *row = builder->row;
	AttrNumber attnum = column->attnum;
	EpType type = column->type;
	const char *reason = NULL;
	int width = 0;

	if (is_filled(builder, column))
		reason = "name"; /* another spelling, or the same key again, came first */
	else if (!ep_type_accepts(type, &field->value))
	{
		leave_empty(builder, column->attnum);
		reason = choose_variant(builder, column, field, &attnum, &type);
		if (reason != NULL)
		{
			leave_out(builder, ep_unexpected_value(builder->ingest, column, field, builder->error), field,
					  reason);
			return;
		}
	}
	if (reason == NULL)
	{
		width = ep_datum_width(type, &field->value);
		if (builder->width + width > ROW_BUDGET ||
			(type == EP_TYPE_JSONB && !ep_datum_fits_json(field->value.text, field->value.length)))
		{
			leave_empty(builder, attnum);
			reason = "size";
		}
	}
	if (reason == NULL)
	{
		row->values[attnum - 1] = ep_datum(type, &field->value);
		row->nulls[attnum - 1] = false;
		builder->width += width;
		if (is_exact(type, &field->value))
			return;
		reason = "type";
	}
	rescue(builder, field, reason);
}

/* A value of an attribute that has no column. */
static void
place_nowhere(RowBuilder *builder, EpColumn *column, const EpField *field)
{
	EpIngest *ingest = builder->ingest;
	EpPolicy policy = EP_POLICY_EVOLVE;

	if (ep_writer_has_defaults(builder->row->work))
		leave_empty(builder, ep_declared_column(ingest->stream, builder->target, field->path,
												ep_path_identity(field->path, &ingest->event_arena)));
	if (column->state == EP_COLUMN_UNSEEN || field->path->id == EP_PATH_TRANSIENT)
		ep_unexpected_attribute(ingest, builder->row->work, field, column);
	if (column->state == EP_COLUMN_DISCARDED)
		policy = EP_POLICY_DISCARD;
	else if (column->state == EP_COLUMN_REJECTED)
	{
		policy = EP_POLICY_REJECT;
		ep_unexpected_refuse(ingest, field, builder->error);
	}
	leave_out(builder, policy, field, column->reason != NULL ? column->reason : "limit");
}

static void
place_fields(RowBuilder *builder, const EpEvent *event)
{
	EpTarget *target = builder->target;

	for (uint32 i = 0; i < event->field_count && builder->stage == NULL; i++)
	{
		const EpField *field = &event->fields[i];
		uint32 id = field->path->id;
		EpColumn *column;

		if (field->value.kind == EP_NULL)
			continue;
		column = id < target->column_capacity
					 ? &target->columns[id]
					 : ep_target_column(target, field->path, builder->ingest->stream->context);
		if (column->state == EP_COLUMN_KNOWN)
			place(builder, column, field);
		else
			place_nowhere(builder, column, field);
	}
}

/* Does the contract drop the field that the bytes under its number are of? */
static bool
is_discarded(RowBuilder *builder, const EpPath *number)
{
	EpStream *stream = builder->ingest->stream;
	EpPath *path = ep_versions_field_path(stream, number, &builder->ingest->event_arena);

	return path != NULL &&
		   ep_target_column(builder->target, path, stream->context)->state == EP_COLUMN_DISCARDED;
}

/* What its schema does not know is no attribute yet: the contract has no say. */
static void
keep_unknown(RowBuilder *builder, const EpEvent *event)
{
	EpIngest *ingest = builder->ingest;
	EpAliases *aliases = ingest->stream->aliases;
	EpRow *row = builder->row;

	for (uint32 i = 0; i < event->unknown_count; i++)
	{
		bool partial = i < event->partial_count;
		EpPath *path = ep_aliases_resolve(aliases, event->unknown[i].path, &ingest->event_arena);

		if (partial && is_discarded(builder, event->unknown[i].path))
			continue;
		if (path == NULL)
			path = event->unknown[i].path;
		ep_rescue_add(&ingest->rescue, path, &event->unknown[i].value,
					  partial ? EP_RESCUE_PARTIAL : EP_RESCUE_UNKNOWN);
	}
	for (uint32 i = 0; i < event->lack_count; i++)
	{
		EpField field = {ep_aliases_resolve(aliases, event->lacks[i], &ingest->event_arena)};

		if (field.path != NULL)
			ep_wanted_note(ingest, row->work, &field, EP_RESCUE_UNKNOWN, row->time);
	}
}

static void
set(EpRow *row, AttrNumber attnum, Datum value)
{
	if (attnum == InvalidAttrNumber)
		return;
	row->values[attnum - 1] = value;
	row->nulls[attnum - 1] = false;
}

/* A column of ours that the row cannot do without. */
static const char *
missing_column(const EpTarget *target, bool rescues)
{
	if (target->event_time == InvalidAttrNumber)
		return "event_time timestamp with time zone";
	return rescues && target->rescued == InvalidAttrNumber ? "_ep_rescued jsonb" : NULL;
}

const char *
ep_row_build(EpIngest *ingest, EpRow *row, const EpEvent *event, const EpKeys *keys, const EpRawRow *raw,
			 EpError *error)
{
	EpTarget *target = row->work->target;
	RowBuilder builder = {ingest, target, row, FIXED_COLUMNS_WIDTH + target->natts / 8, .error = error};
	EpRescue *rescue = &ingest->rescue;
	const char *missing;

	row->values = palloc(target->natts * sizeof(Datum));
	row->nulls = palloc(target->natts * sizeof(bool));
	memset(row->nulls, true, target->natts * sizeof(bool));
	ep_rescue_begin(rescue);
	place_fields(&builder, event);
	if (builder.stage != NULL)
		return builder.stage;
	keep_unknown(&builder, event);
	if (!ep_rescue_fits(rescue))
	{
		ep_fail(error, EP_E_LIMIT, event->offset,
				"event has more to keep beside its columns than one row can");
		return "type";
	}
	missing = missing_column(target, rescue->count > 0);
	if (missing != NULL)
	{
		ep_fail(error, EP_E_MISSING, event->offset,
				"event table lacks a column that every event table needs");
		error->expected = missing;
		return "type";
	}
	set(row, target->event_time, TimestampTzGetDatum(row->time));
	set(row, target->received_at, TimestampTzGetDatum(raw->received_at));
	set(row, target->raw_id, Int64GetDatum(raw->raw_id));
	set(row, target->seq, Int32GetDatum(row->seq));
	if (rescue->count > 0)
	{
		Jsonb *kept = DatumGetJsonbP(ep_rescue_datum(rescue));

		/* Copies of attributes that are more than a tree of paths holds are not told apart. */
		if (JB_ROOT_COUNT(kept) < rescue->count)
		{
			ep_fail(error, EP_E_LIMIT, event->offset, "event has an attribute twice among too many others");
			return "type";
		}
		set(row, target->rescued, JsonbPGetDatum(kept));
	}
	row->rescued = rescue->count;
	row->discarded = builder.discarded;
	row->unnamed_enums = event->unnamed_enums;
	if (keys->id != NULL)
		row->event_id = ep_dedupe_id(&keys->id->value);
	if (event->bytes != NULL && ep_writer_is_careful(ingest, row->work))
	{
		row->bytes = pnstrdup(event->bytes, event->length);
		row->length = event->length;
	}
	return NULL;
}
