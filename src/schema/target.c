/*
 * target.c
 *	  The event tables of a stream in the cache: their layout, and which attribute has which columns.
 */
#include "schema/stream.h"

#include "access/relation.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "core/name.h"
#include "port/pg_bitutils.h"
#include "schema/catalog.h"
#include "schema/type_map.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

AttrNumber
ep_column_of_type(Oid relation, const char *name, Oid type)
{
	AttrNumber attnum = get_attnum(relation, name);

	return attnum > 0 && get_atttype(relation, attnum) == type ? attnum : InvalidAttrNumber;
}

EpTarget *
ep_stream_target(EpStream *stream, const char *route)
{
	for (int i = 0; i < stream->target_count; i++)
		if (strcmp(stream->targets[i]->route, route) == 0)
			return stream->targets[i];
	return NULL;
}

EpTarget *
ep_stream_add_target(EpStream *stream, int id, Oid relation, const char *route)
{
	EpTarget *target = MemoryContextAllocZero(stream->context, sizeof(EpTarget));

	target->id = id;
	target->relation = relation;
	target->changed = true; /* nobody tells us of changes until the entry is complete */
	target->route = MemoryContextStrdup(stream->context, route);
	if (stream->targets == NULL)
		stream->targets = MemoryContextAlloc(stream->context, 8 * sizeof(EpTarget *));
	else if (stream->target_count >= 8 && (stream->target_count & (stream->target_count - 1)) == 0)
		stream->targets = repalloc(stream->targets, 2 * stream->target_count * sizeof(EpTarget *));
	stream->targets[stream->target_count++] = target;
	return target;
}

/* Our fixed columns and the number of attributes, from the server's catalog. */
static void
load_layout(EpTarget *target, Relation relation)
{
	target->natts = RelationGetDescr(relation)->natts;
	target->event_time = ep_column_of_type(target->relation, "event_time", TIMESTAMPTZOID);
	target->received_at = ep_column_of_type(target->relation, "received_at", TIMESTAMPTZOID);
	target->raw_id = ep_column_of_type(target->relation, "_ep_raw_id", INT8OID);
	target->seq = ep_column_of_type(target->relation, "_ep_seq", INT4OID);
	target->rescued = ep_column_of_type(target->relation, "_ep_rescued", JSONBOID);
}

/* A row of the registry. */
typedef struct Registered
{
	char *path, *identity, *column_name;
	EpType type;
	bool variant, dropped;
	Form_pg_attribute column; /* NULL: it is gone */
} Registered;

/* Where numbers hold, the column of the registered number, whatever it is called by now. */
static Form_pg_attribute
column_by_number(Relation relation, AttrNumber attnum)
{
	TupleDesc descriptor = RelationGetDescr(relation);
	Form_pg_attribute column =
		attnum > 0 && attnum <= descriptor->natts ? TupleDescAttr(descriptor, attnum - 1) : NULL;

	return column == NULL || column->attisdropped ? NULL : column;
}

static Form_pg_attribute
column_by_name(Relation relation, const char *name)
{
	TupleDesc descriptor = RelationGetDescr(relation);

	for (int i = 0; i < descriptor->natts; i++)
		if (!TupleDescAttr(descriptor, i)->attisdropped &&
			strcmp(NameStr(TupleDescAttr(descriptor, i)->attname), name) == 0)
			return TupleDescAttr(descriptor, i);
	return NULL;
}

static Registered
read_registered(Relation relation, uint64 row)
{
	Registered registered = {.path = ep_catalog_text(row, 1),
							 .identity = ep_catalog_text(row, 2),
							 .column_name = ep_catalog_text(row, 3)};
	bool isnull;
	AttrNumber attnum = DatumGetInt16(ep_catalog_datum(row, 4, &isnull));

	registered.type = ep_type_from_oid(DatumGetObjectId(ep_catalog_datum(row, 6, &isnull)));
	registered.variant = DatumGetBool(ep_catalog_datum(row, 5, &isnull));
	registered.dropped = DatumGetBool(ep_catalog_datum(row, 7, &isnull));
	if (!registered.dropped)
		registered.column = column_by_number(relation, attnum);
	return registered;
}

/* Those without a number, or whose column is gone, have the column of their name, unless it is another attribute's by number. */
static void
find_columns_by_name(Relation relation, Registered *registered, uint64 n)
{
	bool *claimed = palloc0(sizeof(bool) * (RelationGetDescr(relation)->natts + 1));

	for (uint64 i = 0; i < n; i++)
		if (registered[i].column != NULL)
			claimed[registered[i].column->attnum] = true;
	for (uint64 i = 0; i < n; i++)
		if (registered[i].column == NULL && !registered[i].dropped)
		{
			Form_pg_attribute column = column_by_name(relation, registered[i].column_name);

			if (column != NULL && !claimed[column->attnum])
				registered[i].column = column;
		}
	pfree(claimed);
}

/* Attributes first, then variants, in the order in which their columns were made, so that a value finds the same one again. */
static int
compare_registered(const void *a, const void *b)
{
	const Registered *x = a, *y = b;

	if (x->variant != y->variant)
		return x->variant - y->variant;
	return (x->column == NULL ? PG_INT16_MAX : x->column->attnum) -
		   (y->column == NULL ? PG_INT16_MAX : y->column->attnum);
}

/* The type of a column that we write, or EP_TYPE_NONE. */
static EpType
type_of_column(Form_pg_attribute column)
{
	return column->attgenerated == '\0' && column->atttypmod == -1 ? ep_type_from_oid(column->atttypid)
																   : EP_TYPE_NONE;
}

static void
load_attribute(EpStream *stream, EpTarget *target, const Registered *registered)
{
	Form_pg_attribute column = registered->column;
	EpAttribute *attribute = ep_target_attribute(target, registered->identity);

	if (attribute == NULL || registered->variant)
	{
		bool variant = registered->variant && attribute != NULL;
		EpType type =
			column != NULL ? type_of_column(column) : (registered->variant ? registered->type : EP_TYPE_NONE);

		attribute =
			ep_target_add_attribute(stream, target, registered->identity,
									column == NULL ? registered->column_name : NameStr(column->attname),
									column == NULL ? InvalidAttrNumber : column->attnum, type, variant);
		attribute->registered_name = MemoryContextStrdup(stream->context, registered->column_name);
	}
	attribute->spellings++;
	attribute->dropped = registered->dropped;
}

static void
load_attributes(EpStream *stream, EpTarget *target, Relation relation, uint64 n)
{
	Registered *registered = palloc(Max(n, 1) * sizeof(Registered));

	for (uint64 i = 0; i < n; i++)
		registered[i] = read_registered(relation, i);
	find_columns_by_name(relation, registered, n);
	qsort(registered, n, sizeof(Registered), compare_registered);
	for (uint64 i = 0; i < n; i++)
		load_attribute(stream, target, &registered[i]);
	for (uint64 i = 0; i < n; i++)
	{
		EpPath *path = ep_path_from_text(&stream->paths, registered[i].path, &stream->paths.arena);

		if (path != NULL && path->id != EP_PATH_TRANSIENT)
			*ep_target_column(target, path, stream->context) =
				ep_target_attribute_column(target, ep_target_attribute(target, registered[i].identity));
	}
	pfree(registered);
}

void
ep_target_reload(EpStream *stream, EpTarget *target)
{
	static EpStatement statement = {
		"SELECT a.path, a.identity, a.column_name,"
		" CASE WHEN t.numbered = $2 AND t.numbered_cluster = $3 THEN coalesce(a.attnum, 0::smallint) ELSE 0::smallint END,"
		" a.variant, a.column_type, a.dropped"
		" FROM event_pipeline._attribute a JOIN event_pipeline._target t USING (target_id) WHERE a.target_id = $1",
		3,
		{INT4OID, OIDOID, INT8OID}};
	Datum values[3] = {Int32GetDatum(target->id), ObjectIdGetDatum(target->relation),
					   Int64GetDatum(GetSystemIdentifier())};
	uint64 n = ep_catalog_read(&statement, values);
	Relation relation;

	target->attribute_count = 0;
	target->coverage = NULL;
	if (target->columns != NULL)
		memset(target->columns, 0, target->column_capacity * sizeof(EpColumn));
	relation = relation_open(target->relation, AccessShareLock);
	load_layout(target, relation);
	load_attributes(stream, target, relation, n);
	relation_close(relation, AccessShareLock);
}

void
ep_target_check_tracked(EpStream *stream, EpTarget *target)
{
	static EpStatement statement = {
		"SELECT tracked FROM event_pipeline._target WHERE target_id = $1", 1, {INT4OID}};
	Datum values[1] = {Int32GetDatum(target->id)};
	bool isnull;

	if (stream->stale && ep_catalog_read(&statement, values) == 1)
		target->tracked = DatumGetBool(ep_catalog_datum(0, 1, &isnull));
}

EpColumn
ep_target_attribute_column(const EpTarget *target, const EpAttribute *attribute)
{
	EpColumn column = {.state = EP_COLUMN_KNOWN,
					   .type = attribute->type,
					   .attnum = attribute->attnum,
					   .attribute = attribute - target->attributes,
					   .variants = attribute->next != 0};

	/* Dropped by hand, or turned into a type we do not write: keep the values, do not make it again. */
	if (attribute->attnum == InvalidAttrNumber || attribute->type == EP_TYPE_NONE)
	{
		column.state = EP_COLUMN_RESCUED;
		column.reason = attribute->attnum == InvalidAttrNumber ? "contract" : "type";
	}
	return column;
}

EpColumn *
ep_target_column(EpTarget *target, const EpPath *path, MemoryContext context)
{
	static EpColumn transient;

	if (path->id == EP_PATH_TRANSIENT)
	{
		transient = (EpColumn){.state = EP_COLUMN_RESCUED, .reason = "limit"};
		return &transient;
	}
	if (path->id >= target->column_capacity)
	{
		uint32 capacity = Max(64, pg_nextpower2_32(path->id + 1));
		EpColumn *columns = MemoryContextAllocZero(context, capacity * sizeof(EpColumn));

		if (target->columns != NULL)
		{
			memcpy(columns, target->columns, target->column_capacity * sizeof(EpColumn));
			pfree(target->columns);
		}
		target->columns = columns;
		target->column_capacity = capacity;
	}
	return &target->columns[path->id];
}

EpAttribute *
ep_target_attribute(EpTarget *target, const char *identity)
{
	uint32 hash = ep_name_hash(identity, strlen(identity));

	for (int i = 0; i < target->attribute_count; i++)
		if (!target->attributes[i].variant && target->attributes[i].hash == hash &&
			strcmp(target->attributes[i].identity, identity) == 0)
			return &target->attributes[i];
	return NULL;
}

const EpAttribute *
ep_target_next_variant(const EpTarget *target, const EpAttribute *attribute)
{
	return attribute->next == 0 ? NULL : &target->attributes[attribute->next];
}

const EpAttribute *
ep_target_variant(const EpTarget *target, const EpAttribute *attribute, const EpValue *value)
{
	while ((attribute = ep_target_next_variant(target, attribute)) != NULL)
		if (ep_type_accepts(attribute->type, value))
			return attribute;
	return NULL;
}

bool
ep_target_holds(const EpTarget *target, const EpAttribute *attribute, const EpTypeGuess *guess)
{
	for (; attribute != NULL; attribute = ep_target_next_variant(target, attribute))
		if (ep_type_holds(attribute->type, guess))
			return true;
	return false;
}

/* Put the attribute added last behind the other variants of its identity. */
static void
chain_variant(EpTarget *target)
{
	EpAttribute *last = ep_target_attribute(target, target->attributes[target->attribute_count - 1].identity);

	while (last->next != 0)
		last = &target->attributes[last->next];
	last->next = target->attribute_count - 1;
}

EpAttribute *
ep_target_add_attribute(EpStream *stream, EpTarget *target, const char *identity, const char *column_name,
						AttrNumber attnum, EpType type, bool variant)
{
	EpAttribute *attribute;

	if (target->attribute_count == target->attribute_capacity)
	{
		target->attribute_capacity = Max(32, target->attribute_capacity * 2);
		if (target->attributes == NULL)
			target->attributes =
				MemoryContextAlloc(stream->context, target->attribute_capacity * sizeof(EpAttribute));
		else
			target->attributes =
				repalloc(target->attributes, target->attribute_capacity * sizeof(EpAttribute));
	}
	attribute = &target->attributes[target->attribute_count++];
	*attribute = (EpAttribute){.hash = ep_name_hash(identity, strlen(identity)),
							   .identity = MemoryContextStrdup(stream->context, identity),
							   .column_name = MemoryContextStrdup(stream->context, column_name),
							   .registered_name = MemoryContextStrdup(stream->context, column_name),
							   .attnum = attnum,
							   .type = type,
							   .variant = variant};
	if (variant)
		chain_variant(target);
	return attribute;
}
