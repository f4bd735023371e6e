/*
 * protobuf_record.c
 *	  protobuf_to_record: chosen fields of a message as a row, in one pass over its bytes.
 *
 * Which column takes which field is settled once per call site.  The decoder of streams then reads the fields that are asked for and
 * steps over the others.
 */
#include "schema/protobuf_site.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "core/interrupt_server.h"
#include "core/memory_server.h"
#include "core/name.h"
#include "format/format.h"
#include "format/protobuf/protobuf_unknown.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "schema/datum.h"
#include "schema/type_map.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* Which column a path fills. */
typedef struct Target
{
	int column; /* -1: none */
	EpType type;
	bool narrow; /* not every value of the field fits */
} Target;

typedef struct RecordPlan
{
	TupleDesc row;
	EpPathTree paths; /* of the fields that are asked for */
	EpArena lasting;
	EpDecoder decoder;
	Target *targets; /* by id of a path */
	uint32 target_count;
	Datum *values;
	bool *nulls;
} RecordPlan;

/* ---- which field a column takes ---- */

static void
no_memory(void)
{
	ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
}

static EpPath *
child_of(RecordPlan *plan, EpPath *parent, const EpProtoField *field)
{
	EpPath *path =
		ep_path_child(&plan->paths, parent, NULL, field->name, strlen(field->name), &plan->lasting);

	if (path == NULL)
		no_memory();
	return path;
}

/* The path of fields joined by '.'; NULL when there is none, or when it leads into what the row keeps whole. */
static EpPath *
find_spelled(RecordPlan *plan, const EpProtoMessage *message, const char *name)
{
	EpPath *path = &plan->paths.root;
	EpProtoPath found;

	if (!ep_protobuf_find_path(message, name, &found))
		return NULL;
	for (int i = 0; i < found.count; i++)
		path = child_of(plan, path, found.fields[i]);
	return ep_protobuf_field_at(message, path) == NULL ? NULL : path;
}

/* A path of the flattened message whose column in a stream has that name. */
static EpPath *
find_column(EpPathTree *tree, EpPath *parent, const EpProtoOpen *open, const char *name, EpArena *overflow)
{
	EpPath *path = NULL;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	for (uint32 i = 0; i < open->message->field_count; i++)
	{
		const EpProtoField *field = &open->message->fields[i];
		EpProtoOpen inner = {open, field->message, open->depth + 1};
		char column[EP_NAME_MAX + 1];
		EpPath *below = NULL;

		path = ep_path_child(tree, parent, path, field->name, strlen(field->name), overflow);
		if (path == NULL)
			no_memory();
		if (ep_protobuf_flatten(field, open) == EP_TYPE_NONE)
			below = find_column(tree, path, &inner, name, overflow);
		else
		{
			ep_name_from_path(path, column);
			below = strcmp(column, name) == 0 ? path : NULL;
		}
		if (below != NULL)
			return below;
	}
	return NULL;
}

/* The same path in plan->paths. */
static EpPath *
copy_path(RecordPlan *plan, const EpPath *path)
{
	EpPath *parent, *copy;

	if (path->parent == NULL)
		return &plan->paths.root;
	parent = copy_path(plan, path->parent);
	copy = ep_path_child(&plan->paths, parent, NULL, path->key, path->key_length, &plan->lasting);
	if (copy == NULL)
		no_memory();
	return copy;
}

static EpPath *
find_flattened(RecordPlan *plan, const EpProtoMessage *message, const char *name)
{
	EpProtoOpen open = {NULL, message, 0};
	EpPathTree tree;
	EpPath *path;

	if (!ep_path_tree_init(&tree, ep_palloc_allocator(CurrentMemoryContext), 10000))
		no_memory();
	path = find_column(&tree, &tree.root, &open, name, &plan->lasting);
	if (path != NULL)
		path = copy_path(plan, path);
	ep_path_tree_free(&tree);
	return path;
}

/* ---- whether its type takes it ---- */

/* Does a column of one type hold a field of the other?  *narrow: not every value. */
static bool
holds(EpType column, EpType field, bool *narrow)
{
	*narrow = false;
	if (column == EP_TYPE_NONE || field == EP_TYPE_NONE)
		return column == EP_TYPE_JSONB;
	if (column == field)
		return true;
	*narrow = column == EP_TYPE_INT8 && field == EP_TYPE_NUMERIC;
	return *narrow || (column == EP_TYPE_INT8 && field == EP_TYPE_INT4) ||
		   (column == EP_TYPE_NUMERIC && (field == EP_TYPE_INT4 || field == EP_TYPE_INT8)) ||
		   (column == EP_TYPE_FLOAT8 && (field == EP_TYPE_INT4 || field == EP_TYPE_FLOAT4));
}

static EpType
type_of(Form_pg_attribute attribute)
{
	if (attribute->atttypmod >= 0)
		return EP_TYPE_NONE;
	return attribute->atttypid == VARCHAROID ? EP_TYPE_TEXT : ep_type_from_oid(attribute->atttypid);
}

static const char *
column_name(const RecordPlan *plan, int column)
{
	return NameStr(TupleDescAttr(plan->row, column)->attname);
}

static Target *
target_of(RecordPlan *plan, const EpPath *path)
{
	if (path->id >= plan->target_count)
	{
		uint32 count = path->id + 16;

		plan->targets = plan->targets == NULL ? palloc(count * sizeof(Target))
											  : repalloc(plan->targets, count * sizeof(Target));
		while (plan->target_count < count)
			plan->targets[plan->target_count++] = (Target){.column = -1};
	}
	return &plan->targets[path->id];
}

static void
aim(RecordPlan *plan, const EpProtoMessage *message, EpPath *path, int column)
{
	Form_pg_attribute attribute = TupleDescAttr(plan->row, column);
	EpType field = ep_protobuf_type_at(message, path);
	Target target = {.column = column, .type = type_of(attribute)};
	Target *kept = target_of(plan, path);

	if (!holds(target.type, field, &target.narrow))
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("column \"%s\" of type %s cannot take protobuf field \"%s\"",
							   column_name(plan, column),
							   format_type_with_typemod(attribute->atttypid, attribute->atttypmod),
							   ep_path_to_text(path, &plan->lasting)),
						errhint("Declare it as %s.", field == EP_TYPE_NONE ? "jsonb" : ep_type_name(field))));
	if (kept->column >= 0)
		ereport(ERROR, (errcode(ERRCODE_DUPLICATE_COLUMN),
						errmsg("columns \"%s\" and \"%s\" ask for the same protobuf field",
							   column_name(plan, kept->column), column_name(plan, column))));
	if (target.type == EP_TYPE_JSONB)
		path->type = EP_TYPE_JSONB;
	*kept = target;
}

/* No column stands inside the whole message of another. */
static void
check_overlap(const RecordPlan *plan)
{
	for (uint32 id = 1; id < plan->target_count && id < plan->paths.count; id++)
	{
		const EpPath *path = plan->paths.nodes[id];

		if (plan->targets[id].column < 0)
			continue;
		for (path = path->parent; path->parent != NULL; path = path->parent)
			if (path->id < plan->target_count && plan->targets[path->id].column >= 0)
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("column \"%s\" asks for a part of the protobuf message in column \"%s\"",
								column_name(plan, plan->targets[id].column),
								column_name(plan, plan->targets[path->id].column))));
	}
}

/* ---- the plan ---- */

static void
find_field(RecordPlan *plan, const EpProtoMessage *message, int column)
{
	const char *name = column_name(plan, column);
	EpPath *path = find_spelled(plan, message, name);

	if (path == NULL)
		path = find_flattened(plan, message, name);
	if (path == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("message type \"%s\" has no field for column \"%s\"", message->full_name, name),
				 errhint("A column is named as the field or its JSON name, as a path in double quotes, or as "
						 "protobuf_fields(message_type) names it.")));
	aim(plan, message, path, column);
}

static void
start_decoder(RecordPlan *plan, EpProtoSite *site)
{
	static const char *const options[] = {"framing", "none", "picks", "true", NULL};

	plan->decoder = (EpDecoder){.format = &ep_protobuf_format,
								.paths = &plan->paths,
								.arena = &site->arena,
								.payload = &site->arena,
								.lasting = &plan->lasting,
								.schema = site->message,
								.options = options,
								.interrupted = ep_interrupted};
	if (plan->decoder.format->begin(&plan->decoder) != EP_OK)
		ep_protobuf_raise(&plan->decoder.error);
}

static void
make_plan(EpProtoSite *site, TupleDesc row)
{
	MemoryContext old = MemoryContextSwitchTo(site->context);
	RecordPlan *plan = palloc0(sizeof(RecordPlan));

	plan->row = BlessTupleDesc(CreateTupleDescCopy(row));
	plan->values = palloc(sizeof(Datum) * Max(row->natts, 1));
	plan->nulls = palloc(sizeof(bool) * Max(row->natts, 1));
	ep_arena_init(&plan->lasting, ep_palloc_allocator(site->context), MaxAllocSize);
	if (!ep_path_tree_init(&plan->paths, ep_palloc_allocator(site->context), 10000))
		no_memory();
	for (int i = 0; i < row->natts; i++)
		find_field(plan, site->message, i);
	check_overlap(plan);
	start_decoder(plan, site);
	MemoryContextSwitchTo(old);
	site->plan = plan;
}

/* ---- a row ---- */

static void
put_field(RecordPlan *plan, const EpField *field)
{
	const Target *target = field->path->id < plan->target_count ? &plan->targets[field->path->id] : NULL;

	if (target == NULL || target->column < 0 || field->value.kind == EP_NULL)
		return;
	if (target->narrow && !ep_type_accepts(target->type, &field->value))
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						errmsg("protobuf field is out of range for column \"%s\" of type %s",
							   column_name(plan, target->column), ep_type_name(target->type)),
						errhint("Declare it as numeric.")));
	plan->values[target->column] = ep_datum(target->type, &field->value);
	plan->nulls[target->column] = false;
}

static Datum
read_row(RecordPlan *plan, EpProtoSite *site, bytea *payload)
{
	EpEvent event;

	ep_arena_reset(&site->arena);
	memset(plan->nulls, true, sizeof(bool) * plan->row->natts);
	if (plan->decoder.format->open(&plan->decoder, VARDATA_ANY(payload), VARSIZE_ANY_EXHDR(payload)) !=
			EP_OK ||
		plan->decoder.format->next(&plan->decoder, &event) != EP_OK)
		ep_protobuf_site_refuse(&plan->decoder.error);
	for (uint32 i = 0; i < event.field_count; i++)
		put_field(plan, &event.fields[i]);
	ep_arena_reset(&site->arena);
	return HeapTupleGetDatum(heap_form_tuple(plan->row, plan->values, plan->nulls));
}

/*
 * protobuf_to_record(message_type text, payload bytea, subject text, version int) returns record: a column for each field
 * that the column definition list asks for
 */
EP_FUNCTION(ep_protobuf_to_record);
Datum
ep_protobuf_to_record(PG_FUNCTION_ARGS)
{
	EpProtoSite *site = ep_protobuf_site(fcinfo->flinfo);
	TupleDesc row;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	ep_protobuf_site_message(site, fcinfo);
	if (site->plan == NULL)
	{
		if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
			ereport(
				ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("protobuf_to_record() needs a column definition list"),
				 errhint(
					 "As in FROM protobuf_to_record('my.Event', payload) AS r(event_id text, at timestamptz).")));
		make_plan(site, row);
	}
	PG_RETURN_DATUM(read_row(site->plan, site, ep_protobuf_site_payload(fcinfo)));
}
