/*
 * alias.c
 *	  Aliases of paths and of values: kept, loaded, applied.
 */
#include "schema/alias.h"

#include "catalog/pg_type.h"
#include "core/memory_server.h"
#include "executor/spi.h"
#include "port/pg_bitutils.h"
#include "schema/catalog.h"
#include "schema/relation.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

typedef struct StreamAlias
{
	const char *identity;         /* of the path that it is about */
	const char *value;            /* NULL: it is about the path, not about a value there */
	EpPath *to_path;              /* of the former */
	const char *to_value;         /* of the latter */
	TimestampTz created, removed; /* DT_NOEND: present */
} StreamAlias;

/* What the present aliases make of a path. */
typedef struct Mark
{
	EpPath *path;         /* NULL: not decided yet */
	const char *identity; /* when there are aliases of values at it */
} Mark;

struct EpAliases
{
	MemoryContext context;
	EpPathTree *paths;
	StreamAlias *all;
	int count;
	bool present;         /* some are */
	TimestampTz *changes; /* when aliases were made or removed */
	int change_count;
	Mark *marks; /* by path id */
	uint32 mark_capacity;
};

/* ---- loading ---- */

EpAliases *
ep_aliases_load(int stream_id, EpPathTree *paths, MemoryContext context)
{
	static EpStatement statement = {
		"SELECT identity, value, to_path, to_value, created_at, coalesce(removed_at, 'infinity')"
		" FROM event_pipeline._alias WHERE stream_id = $1",
		1,
		{INT4OID}};
	Datum values[1] = {Int32GetDatum(stream_id)};
	uint64 n = ep_catalog_read(&statement, values);
	EpAliases *aliases;

	if (n == 0)
		return NULL;
	aliases = MemoryContextAllocZero(context, sizeof(EpAliases));
	aliases->context = context;
	aliases->paths = paths;
	aliases->all = MemoryContextAllocZero(context, n * sizeof(StreamAlias));
	aliases->changes = MemoryContextAllocZero(context, 2 * n * sizeof(TimestampTz));
	for (uint64 i = 0; i < n; i++)
	{
		StreamAlias *alias = &aliases->all[aliases->count];
		char *value = ep_catalog_text(i, 2), *to_path = ep_catalog_text(i, 3),
			 *to_value = ep_catalog_text(i, 4);
		bool isnull;

		alias->identity = MemoryContextStrdup(context, ep_catalog_text(i, 1));
		alias->value = value == NULL ? NULL : MemoryContextStrdup(context, value);
		alias->to_value = to_value == NULL ? NULL : MemoryContextStrdup(context, to_value);
		if (to_path != NULL)
			alias->to_path = ep_path_from_text(paths, to_path, &paths->arena);
		if (value == NULL && alias->to_path == NULL)
			continue; /* the tree is full: its values are as they come */
		aliases->count++;
		alias->created = DatumGetTimestampTz(ep_catalog_datum(i, 5, &isnull));
		alias->removed = DatumGetTimestampTz(ep_catalog_datum(i, 6, &isnull));
		aliases->changes[aliases->change_count++] = alias->created;
		if (alias->removed == DT_NOEND)
			aliases->present = true;
		else
			aliases->changes[aliases->change_count++] = alias->removed;
	}
	return aliases;
}

/* ---- applying ---- */

/* Was it one just before that moment? DT_NOEND: is it one now? */
static bool
is_in_force(const StreamAlias *alias, TimestampTz moment)
{
	return alias->created < moment && moment <= alias->removed;
}

static const StreamAlias *
find_path_alias(const EpAliases *aliases, TimestampTz moment, const char *identity)
{
	for (int i = 0; i < aliases->count; i++)
	{
		const StreamAlias *alias = &aliases->all[i];

		if (alias->value == NULL && is_in_force(alias, moment) && strcmp(alias->identity, identity) == 0)
			return alias;
	}
	return NULL;
}

static const StreamAlias *
find_value_alias(const EpAliases *aliases, TimestampTz moment, const char *identity, const EpValue *value)
{
	for (int i = 0; i < aliases->count; i++)
	{
		const StreamAlias *alias = &aliases->all[i];

		if (alias->value != NULL && is_in_force(alias, moment) && strlen(alias->value) == value->length &&
			memcmp(alias->value, value->text, value->length) == 0 && strcmp(alias->identity, identity) == 0)
			return alias;
	}
	return NULL;
}

/* What the schema says of a path is true of its alias, unless that has a schema of its own. */
static EpPath *
inherit(EpPath *path, const EpPath *from)
{
	if (path != NULL && path->type == EP_TYPE_NONE)
		path->type = from->type;
	if (path != NULL && path->comment == NULL)
		path->comment = from->comment;
	return path;
}

/* Where the aliases of a moment lead from a path; NULL when arena is full. */
static EpPath *
resolve(const EpAliases *aliases, TimestampTz moment, EpPath *path, EpArena *arena)
{
	const StreamAlias *alias;
	char *identity;
	EpPath *parent;

	if (path->parent == NULL)
		return path;
	identity = ep_path_identity(path, arena);
	if (identity == NULL)
		return NULL;
	alias = find_path_alias(aliases, moment, identity);
	if (alias != NULL)
		return inherit(alias->to_path, path);
	parent = resolve(aliases, moment, path->parent, arena);
	if (parent == NULL || parent == path->parent)
		return parent == NULL ? NULL : path;
	return inherit(ep_path_child(aliases->paths, parent, NULL, path->key, path->key_length, arena), path);
}

EpPath *
ep_aliases_resolve(const EpAliases *aliases, EpPath *path, EpArena *arena)
{
	return aliases == NULL ? path : resolve(aliases, DT_NOEND, path, arena);
}

static bool
has_values(const EpAliases *aliases, const char *identity)
{
	for (int i = 0; i < aliases->count; i++)
		if (aliases->all[i].value != NULL && is_in_force(&aliases->all[i], DT_NOEND) &&
			strcmp(aliases->all[i].identity, identity) == 0)
			return true;
	return false;
}

/* Room for the marks of all paths there are. */
static void
grow_marks(EpAliases *aliases, uint32 id)
{
	uint32 capacity = Max(64, pg_nextpower2_32(id + 1));
	Mark *marks = MemoryContextAllocZero(aliases->context, capacity * sizeof(Mark));

	if (aliases->marks != NULL)
	{
		memcpy(marks, aliases->marks, aliases->mark_capacity * sizeof(Mark));
		pfree(aliases->marks);
	}
	aliases->marks = marks;
	aliases->mark_capacity = capacity;
}

/* The decision about a path, made once if it is permanent; its path is NULL when arena is full. */
static Mark
mark_of(EpAliases *aliases, EpPath *path, EpArena *arena)
{
	Mark mark;
	char *identity;

	if (path->id < aliases->mark_capacity && aliases->marks[path->id].path != NULL)
		return aliases->marks[path->id];
	mark.path = resolve(aliases, DT_NOEND, path, arena);
	identity = mark.path == NULL ? NULL : ep_path_identity(mark.path, arena);
	mark.identity = identity != NULL && has_values(aliases, identity) ? identity : NULL;
	if (path->id == EP_PATH_TRANSIENT || mark.path == NULL || mark.path->id == EP_PATH_TRANSIENT)
		return mark;
	if (mark.identity != NULL)
		mark.identity = MemoryContextStrdup(aliases->context, mark.identity);
	if (path->id >= aliases->mark_capacity)
		grow_marks(aliases, path->id);
	return aliases->marks[path->id] = mark;
}

/* The value under another name. */
static void
rename_value(EpValue *value, const StreamAlias *alias)
{
	value->text = alias->to_value;
	value->length = strlen(alias->to_value);
}

static bool
has_text(const EpValue *value)
{
	return value->kind == EP_TEXT && value->text != NULL;
}

/* Put the aliases of texts at a path to a value: a text, or an array with texts. False when the arena is full. */
static bool
rename_texts(const EpAliases *aliases, TimestampTz moment, const char *identity, EpValue *value,
			 EpArena *arena)
{
	const StreamAlias *alias = NULL;
	EpValue *items;

	if (has_text(value))
		alias = find_value_alias(aliases, moment, identity, value);
	if (alias != NULL)
		rename_value(value, alias);
	if (value->kind != EP_ARRAY || value->count == 0)
		return true;
	items = ep_arena_array(arena, value->count, sizeof(EpValue));
	if (items == NULL)
		return false;
	memcpy(items, value->as.items, value->count * sizeof(EpValue));
	for (uint32 i = 0; i < value->count; i++)
		if (has_text(&items[i]) && !rename_texts(aliases, moment, identity, &items[i], arena))
			return false;
	value->as.items = items;
	return true;
}

/* Could aliases of texts change it? */
static bool
has_texts(const EpValue *value)
{
	return has_text(value) || (value->kind == EP_ARRAY && value->count > 0 && has_text(&value->as.items[0]));
}

static EpField *
copy_fields(const EpEvent *event, EpArena *arena)
{
	EpField *fields = ep_arena_array(arena, event->field_count, sizeof(EpField));

	if (fields != NULL && event->field_count > 0)
		memcpy(fields, event->as_sent != NULL ? event->as_sent : event->fields,
			   event->field_count * sizeof(EpField));
	return fields;
}

bool
ep_aliases_apply(EpAliases *aliases, EpEvent *event, EpArena *arena)
{
	if (aliases == NULL || !aliases->present)
		return true;
	for (uint32 i = 0; i < event->field_count; i++)
	{
		const EpField *field = &event->fields[i];
		Mark mark = mark_of(aliases, field->path, arena);
		EpValue value = field->value;
		bool renames = mark.identity != NULL && has_texts(&value);

		if (mark.path == NULL)
			return false;
		if (renames && !rename_texts(aliases, DT_NOEND, mark.identity, &value, arena))
			return false;
		if (mark.path == field->path && !renames)
			continue;
		if (event->as_sent == NULL)
		{
			EpField *copy = copy_fields(event, arena);

			if (copy == NULL)
				return false;
			event->as_sent = event->fields;
			event->fields = copy;
			event->field_capacity = event->field_count;
		}
		event->fields[i].path = mark.path;
		event->fields[i].value = value;
	}
	return true;
}

const char *
ep_aliases_route(const EpAliases *aliases, const char *identity, const char *route)
{
	EpValue value = {.kind = EP_TEXT, .text = route, .length = strlen(route)};
	const StreamAlias *alias = aliases == NULL ? NULL : find_value_alias(aliases, DT_NOEND, identity, &value);

	return alias == NULL ? route : alias->to_value;
}

int
ep_aliases_past_count(const EpAliases *aliases)
{
	return aliases == NULL ? 0 : aliases->change_count;
}

EpPath *
ep_aliases_resolve_past(const EpAliases *aliases, int way, EpPath *path, EpArena *arena)
{
	return resolve(aliases, aliases->changes[way], path, arena);
}

const EpField *
ep_aliases_read_past(EpAliases *aliases, int way, const EpEvent *event, EpArena *arena)
{
	TimestampTz moment = aliases->changes[way];
	EpField *fields = copy_fields(event, arena);

	for (uint32 i = 0; fields != NULL && i < event->field_count; i++)
	{
		char *identity;

		fields[i].path = resolve(aliases, moment, fields[i].path, arena);
		identity = fields[i].path == NULL ? NULL : ep_path_identity(fields[i].path, arena);
		if (identity == NULL || (has_texts(&fields[i].value) &&
								 !rename_texts(aliases, moment, identity, &fields[i].value, arena)))
			return NULL;
	}
	return fields;
}

/* ---- changing ---- */

static char *
identity_argument(const char *path)
{
	EpPathTree tree;
	EpPath *node;
	char *identity;

	if (!ep_path_tree_init(&tree, ep_palloc_allocator(CurrentMemoryContext), 1000))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	node = ep_path_from_text(&tree, path, &tree.arena);
	identity = node == NULL ? NULL : ep_path_identity(node, &tree.arena);
	if (identity == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" is no path", path),
				 errhint("Join the attribute names by periods, as in device.serial; put names with other "
						 "characters than letters, digits and _ in double quotes.")));
	return identity; /* in the tree's memory, which goes with the context */
}

/* Is the path of identity b the path of identity a, or below it? */
static bool
is_within(const char *a, const char *b)
{
	size_t length = strlen(a);

	return strncmp(a, b, length) == 0 && (b[length] == '\0' || b[length] == '.');
}

/* An alias leads in one step: its target is no alias, and no alias leads to it. */
static void
check_chain(Oid event_table, const char *identity, const char *path, const char *to_identity,
			const char *to_path)
{
	static EpStatement statement = {
		"SELECT a.path, a.to_path FROM event_pipeline._alias a JOIN event_pipeline._stream s USING (stream_id)"
		" WHERE s.event_table = $1 AND a.removed_at IS NULL AND a.value IS NULL"
		" AND (a.identity = $2 OR a.to_identity = $3)",
		3,
		{REGCLASSOID, TEXTOID, TEXTOID}};
	Datum values[3] = {ObjectIdGetDatum(event_table), CStringGetTextDatum(to_identity),
					   CStringGetTextDatum(identity)};

	if (is_within(identity, to_identity))
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("path \"%s\" cannot be an alias of \"%s\"", path, to_path),
			 errhint("Spellings that differ in case or underscores only are one attribute already; a path "
					 "cannot stand for one below itself.")));
	if (ep_catalog_read(&statement, values) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("path \"%s\" cannot be an alias of \"%s\"", path, to_path),
				 errdetail("\"%s\" is an alias of \"%s\".", ep_catalog_text(0, 1), ep_catalog_text(0, 2)),
				 errhint("An alias leads in one step: remove that one, or give its target.")));
}

/* The alias of this path, or of this value there, becomes a past one; is there one? */
static bool
withdraw(Oid event_table, const char *identity, const char *value)
{
	static EpStatement statement = {
		"UPDATE event_pipeline._alias a SET removed_at = pg_catalog.clock_timestamp() FROM event_pipeline._stream s"
		" WHERE s.stream_id = a.stream_id AND s.event_table = $1 AND a.removed_at IS NULL AND a.identity = $2"
		" AND a.value IS NOT DISTINCT FROM $3",
		3,
		{REGCLASSOID, TEXTOID, TEXTOID}};
	Datum values[3] = {ObjectIdGetDatum(event_table), CStringGetTextDatum(identity),
					   value == NULL ? (Datum) 0 : CStringGetTextDatum(value)};
	char nulls[4] = "   ";

	nulls[2] = value == NULL ? 'n' : ' ';
	return ep_catalog_run(&statement, values, nulls) > 0;
}

/*
 * _alias_set(event_table regclass, path text, value text, to_path text, to_value text): value NULL: path stands for
 * to_path; else value at path stands for to_value.  Both targets NULL: the alias is removed.
 */
EP_FUNCTION(ep_alias_set);

Datum
ep_alias_set(PG_FUNCTION_ARGS)
{
	static EpStatement insert = {
		"INSERT INTO event_pipeline._alias (stream_id, path, identity, value, to_path, to_identity, to_value)"
		" SELECT stream_id, $2, $3, $4, $5, $6, $7 FROM event_pipeline._stream WHERE event_table = $1",
		7,
		{REGCLASSOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}};
	char *argument[5] = {NULL};
	char *identity, *to_identity = NULL;
	bool removing, there;

	for (int i = 1; i < 5; i++)
		argument[i] = PG_ARGISNULL(i) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(i));
	if (PG_ARGISNULL(0) || argument[1] == NULL)
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("path must not be null")));
	removing = argument[3] == NULL && argument[4] == NULL;
	SPI_connect();
	ep_check_owner(PG_GETARG_OID(0));
	identity = identity_argument(argument[1]);
	if (argument[3] != NULL)
	{
		to_identity = identity_argument(argument[3]);
		check_chain(PG_GETARG_OID(0), identity, argument[1], to_identity, argument[3]);
	}
	there = withdraw(PG_GETARG_OID(0), identity, argument[2]);
	if (removing && !there)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						argument[2] == NULL
							? errmsg("path \"%s\" is no alias", argument[1])
							: errmsg("value \"%s\" at path \"%s\" is no alias", argument[2], argument[1]),
						errhint("event_pipeline.stream_aliases lists them.")));
	if (!removing)
	{
		Datum values[7] = {ObjectIdGetDatum(PG_GETARG_OID(0))};
		const char *row[7] = {"", argument[1], identity, argument[2], argument[3], to_identity, argument[4]};
		char nulls[8] = "       ";

		for (int i = 1; i < 7; i++)
		{
			nulls[i] = row[i] == NULL ? 'n' : ' ';
			values[i] = row[i] == NULL ? (Datum) 0 : CStringGetTextDatum(row[i]);
		}
		ep_catalog_run(&insert, values, nulls);
	}
	SPI_finish();
	PG_RETURN_VOID();
}
