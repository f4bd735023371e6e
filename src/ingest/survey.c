/*
 * survey.c
 *	  Pass one over a statement: decode everything, look for what is missing.
 *
 * For known attributes this costs the decoding, one array look-up and one check of the type.  Types of new
 * attributes and of misfits are joined over all values, so that the first one does not fix the type.  Takes no lock but, for a new
 * route, those of creating a table that nobody else can see yet.
 */
#include "ingest/survey.h"

#include "ingest/map.h"
#include "ingest/passes.h"
#include "ingest/place.h"
#include "ingest/unexpected.h"
#include "ingest/walk.h"

/* More new attributes than this in one statement are rescued unseen. */
#define MAX_WISHES 10000

/* May values that misfit their column have another one? */
static bool
may_vary(const EpStream *stream, const EpPath *path)
{
	return ep_contract_of_path(stream->contract, EP_CONTRACT_TYPES, path, NULL) == EP_POLICY_EVOLVE;
}

/* A format may say another thing of the same path for each target. */
static char *
copy_comment(EpIngest *ingest, const EpPath *path)
{
	return path->comment == NULL ? NULL : MemoryContextStrdup(ingest->context, path->comment);
}

/* A new wish; its number from 1, or 0 when there are too many. */
static int
add_wish(EpIngest *ingest, EpTargetWork *work, const EpField *field, int64 raw_id)
{
	if (work->wish_count == MAX_WISHES)
		return 0;
	if (work->wish_count == work->wish_capacity)
	{
		work->wish_capacity = Max(16, work->wish_capacity * 2);
		if (work->wishes == NULL)
			work->wishes = MemoryContextAlloc(ingest->context, work->wish_capacity * sizeof(EpWish));
		else
			work->wishes = repalloc(work->wishes, work->wish_capacity * sizeof(EpWish));
	}
	work->wishes[work->wish_count++] =
		(EpWish){.path = field->path, .comment = copy_comment(ingest, field->path), .raw_id = raw_id};
	ingest->stream->stale = true; /* the marks we leave are this statement's alone */
	ingest->surprises++;
	return work->wish_count;
}

EpType
ep_survey_type(const EpField *field)
{
	EpType type = field->path->type != EP_TYPE_NONE ? field->path->type : ep_type_of(&field->value);

	return ep_type_accepts(type, &field->value) ? type : EP_TYPE_NONE;
}

/* Join it into one of the wishes that *head begins, or into a new one at their end. */
static void
wish_for(EpIngest *ingest, EpTargetWork *work, int head, const EpField *field, int64 raw_id)
{
	EpType type = ep_survey_type(field);
	int i = head, added;

	while (!ep_type_guess_value(&work->wishes[i - 1].guess, type, &field->value))
	{
		if (work->wishes[i - 1].next == 0)
		{
			if (!may_vary(ingest->stream, field->path) ||
				(added = add_wish(ingest, work, field, raw_id)) == 0)
				return; /* a misfit */
			work->wishes[i - 1].next = added;
		}
		i = work->wishes[i - 1].next;
	}
	work->wishes[i - 1].count++;
}

static void
survey_misfit(EpIngest *ingest, EpTargetWork *work, EpAttribute *attribute, const EpField *field,
			  int64 raw_id)
{
	if (ep_target_variant(work->target, attribute, &field->value) != NULL || attribute->refusal != NULL ||
		ep_survey_type(field) == EP_TYPE_NONE || !may_vary(ingest->stream, field->path))
		return;
	if (attribute->wish == 0)
	{
		if ((attribute->wish = add_wish(ingest, work, field, raw_id)) == 0)
			attribute->refusal = "rate";
		ingest->stream->stale = true;
	}
	if (attribute->wish != 0)
		wish_for(ingest, work, attribute->wish, field, raw_id);
}

static void
survey_new(EpIngest *ingest, EpTargetWork *work, const EpField *field, int64 raw_id)
{
	EpColumn *column = ep_target_column(work->target, field->path, ingest->stream->context);

	if (column->state == EP_COLUMN_UNSEEN)
		ep_unexpected_attribute(ingest, work, field, column);
	if (column->state == EP_COLUMN_UNSEEN)
	{
		column->attnum = add_wish(ingest, work, field, raw_id);
		column->state = column->attnum != 0 ? EP_COLUMN_WANTED : EP_COLUMN_RESCUED;
		column->reason = "rate";
		ingest->stream->stale = true;
	}
	if (column->state == EP_COLUMN_WANTED)
		wish_for(ingest, work, column->attnum, field, raw_id);
}

void
ep_survey_field(EpIngest *ingest, EpTargetWork *work, const EpField *field, int64 raw_id)
{
	EpTarget *target = work->target;
	uint32 id = field->path->id;
	const EpColumn *column = id < target->column_capacity ? &target->columns[id] : NULL;

	if (field->value.kind == EP_NULL)
		return;
	if (column == NULL || column->state != EP_COLUMN_KNOWN)
		survey_new(ingest, work, field, raw_id);
	else if (!ep_type_accepts(column->type, &field->value))
		survey_misfit(ingest, work, &target->attributes[column->attribute], field, raw_id);
}

static void
survey_time(EpIngest *ingest, EpTargetWork *work, TimestampTz time)
{
	TimestampTz second = time - ((time % USECS_PER_SEC) + USECS_PER_SEC) % USECS_PER_SEC;

	if (ep_coverage_has(ep_coverage_of(ingest->stream, work->target), time))
		return;
	ingest->surprises++;
	if (work->missing_count > 0 && work->missing[work->missing_count - 1] == second)
		return;
	if (work->missing_count == work->missing_capacity)
	{
		work->missing_capacity = Max(16, work->missing_capacity * 2);
		if (work->missing == NULL)
			work->missing = MemoryContextAlloc(ingest->context, work->missing_capacity * sizeof(TimestampTz));
		else
			work->missing = repalloc_huge(work->missing, work->missing_capacity * sizeof(TimestampTz));
	}
	work->missing[work->missing_count++] = second;
}

void
ep_survey_event(EpIngest *ingest, const EpRawRow *row, const EpEvent *event, const EpPlace *place)
{
	if (place->work == NULL)
		return; /* it will be rejected: nothing is made for it */
	survey_time(ingest, place->work, place->time);
	for (uint32 i = 0; i < event->field_count; i++)
		ep_survey_field(ingest, place->work, &event->fields[i], row->raw_id);
}

static void
survey_event(EpIngest *ingest, const EpRawRow *row, int32 seq, EpEvent *event)
{
	EpPlace place;

	ep_ingest_place(ingest, row, event, true, &place);
	ep_survey_event(ingest, row, event, &place);
}

static void
survey_refused(EpIngest *ingest, const EpRawRow *row, int32 seq, const EpEvent *event, const EpError *error)
{
	/* pass two records it */
}

void
ep_ingest_survey(EpIngest *ingest)
{
	static const EpVisitor visitor = {true, survey_event, survey_refused};

	ep_ingest_walk(ingest, &visitor);
	ep_map_detect(ingest);
}
