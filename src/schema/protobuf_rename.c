/*
 * protobuf_rename.c
 *	  A field that a new version renames keeps its column.
 *
 * A number is an identity, a path is made of names: so the two versions are walked together, by number.  What is written down are
 * aliases like those that people make, so that everything which follows aliases (routes, event times, replays, proofs) follows renames.
 */
#include "schema/protobuf_rename.h"

#include "catalog/pg_type.h"
#include "core/memory_server.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "schema/alias.h"
#include "schema/catalog.h"
#include "utils/builtins.h"

typedef struct Renames
{
	int stream_id;
	EpPathTree paths;
	EpAliases *aliases; /* of the stream, before */
} Renames;

static EpPath *
child_of(Renames *renames, EpPath *parent, const char *name)
{
	EpPath *path = ep_path_child(&renames->paths, parent, NULL, name, strlen(name), &renames->paths.arena);

	if (path == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return path;
}

static const char *
identity_of(Renames *renames, const EpPath *path)
{
	const char *identity = ep_path_identity(path, &renames->paths.arena);

	if (identity == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return identity;
}

/* An alias that is there already was made by somebody who knew better. */
static void
add_alias(Renames *renames, const EpPath *path, const EpPath *to)
{
	static EpStatement statement = {
		"INSERT INTO event_pipeline._alias (stream_id, path, identity, to_path, to_identity) VALUES ($1, $2, $3, $4, $5)"
		" ON CONFLICT DO NOTHING",
		5,
		{INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}};
	const char *identity = identity_of(renames, path), *to_identity = identity_of(renames, to);
	Datum values[5] = {
		Int32GetDatum(renames->stream_id), CStringGetTextDatum(ep_path_to_text(path, &renames->paths.arena)),
		CStringGetTextDatum(identity), CStringGetTextDatum(ep_path_to_text(to, &renames->paths.arena)),
		CStringGetTextDatum(to_identity)};

	if (strcmp(identity, to_identity) != 0)
		ep_catalog_run(&statement, values, NULL);
}

/* The list of required fields is of the new names too. */
static void
rename_required(Renames *renames, const char *before, const char *after)
{
	static EpStatement statement = {
		"UPDATE event_pipeline._stream SET settings = settings || pg_catalog.jsonb_build_object('required',"
		" pg_catalog.regexp_replace(settings ->> 'required', '(^|[{}, ])' || $2 || '($|[{}, ])', '\\1' || $3 || '\\2', 'g'))"
		" WHERE stream_id = $1 AND settings ->> 'required' ~ ('(^|[{}, ])' || $2 || '($|[{}, ])')",
		3,
		{INT4OID, TEXTOID, TEXTOID}};
	Datum values[3] = {Int32GetDatum(renames->stream_id), CStringGetTextDatum(before),
					   CStringGetTextDatum(after)};

	ep_catalog_run(&statement, values, NULL);
}

/* Has the stream a column at the path, or below it, or does it look for event times, ids or routes there? */
static bool
is_used(Renames *renames, const EpPath *path)
{
	static EpStatement statement = {
		"SELECT FROM event_pipeline._attribute a JOIN event_pipeline._target t USING (target_id)"
		" WHERE t.stream_id = $1 AND (a.identity = $2 OR pg_catalog.starts_with(a.identity, $2 || '.'))"
		" UNION ALL SELECT FROM event_pipeline._stream s, unnest(ARRAY[s.event_time, s.event_id, s.route_by]) key,"
		" pg_catalog.replace(pg_catalog.lower(key), '_', '') identity"
		" WHERE s.stream_id = $1 AND (identity = $2 OR pg_catalog.starts_with(identity, $2 || '.')) LIMIT 1",
		2,
		{INT4OID, TEXTOID}};
	Datum values[2] = {Int32GetDatum(renames->stream_id), CStringGetTextDatum(identity_of(renames, path))};

	return ep_catalog_run(&statement, values, NULL) > 0;
}

static EpPath *
resolve(Renames *renames, EpPath *path)
{
	EpPath *resolved = ep_aliases_resolve(renames->aliases, path, &renames->paths.arena);

	if (resolved == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return resolved;
}

/* ---- walking two versions ---- */

/* A field, or message, as both versions have it. */
typedef struct Place
{
	EpProtoOpen before, after;
	EpPath *was;   /* its path in the version before */
	EpPath *now;   /* its path in the new one */
	EpPath *leads; /* where that leads by the aliases there are, and those just made */
} Place;

/* Did the message give that name to a field of another number, which it calls otherwise now? */
static bool
takes_name(const Place *message, const EpProtoField *field)
{
	const EpProtoField *other =
		ep_protobuf_find_field(message->before.message, field->name, strlen(field->name));

	return other != NULL && other->number != field->number &&
		   ep_protobuf_field(message->after.message, other->number) != NULL;
}

/* Make path lead to another column than it does, if the stream uses that; true when it did. */
static bool
redirect(Renames *renames, const EpPath *path, const EpPath *leads, const EpPath *column, const EpPath *used)
{
	if (strcmp(identity_of(renames, leads), identity_of(renames, column)) == 0 || !is_used(renames, used))
		return false;
	add_alias(renames, path, column);
	return true;
}

static void walk(Renames *renames, const Place *message);

static void
follow(Renames *renames, const Place *message, const EpProtoField *old, const EpProtoField *field)
{
	Place place = {.before = {&message->before, old->message, message->before.depth + 1},
				   .after = {&message->after, field->message, message->after.depth + 1}};
	EpPath *column, *leads;

	place.was = child_of(renames, message->was, old->name);
	place.now = child_of(renames, message->now, field->name);
	column = resolve(renames, place.was);
	leads = resolve(renames, place.now);
	place.leads = leads != place.now ? leads : child_of(renames, message->leads, field->name);
	if (redirect(renames, place.now, place.leads, column, column))
		place.leads = column;
	if (message->now->parent == NULL && strcmp(old->name, field->name) != 0)
		rename_required(renames, old->name, field->name);
	if (ep_protobuf_flatten(field, &message->after) == EP_TYPE_NONE)
		walk(renames, &place);
}

static void
walk(Renames *renames, const Place *message)
{
	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	for (uint32 i = 0; i < message->after.message->field_count; i++)
	{
		const EpProtoField *field = &message->after.message->fields[i];
		const EpProtoField *old = ep_protobuf_field(message->before.message, field->number);

		if (old != NULL &&
			ep_protobuf_flatten(old, &message->before) == ep_protobuf_flatten(field, &message->after))
			follow(renames, message, old, field);
		else if (old == NULL && takes_name(message, field))
		{
			const char *name = psprintf("%s_%u", field->name, field->number);
			EpPath *leads = child_of(renames, message->leads, field->name);

			(void) redirect(renames, child_of(renames, message->now, field->name), leads,
							child_of(renames, message->leads, name), leads);
		}
	}
}

/* ---- streams ---- */

/* The newest version that defines the message type; 0: none does. */
static int
version_before(const char *subject, const char *message_type)
{
	static EpStatement statement = {"SELECT max(version) FROM event_pipeline._protobuf_schema"
									" WHERE subject = $1 AND $2 = ANY (messages)",
									2,
									{TEXTOID, TEXTOID}};
	Datum values[2] = {CStringGetTextDatum(subject), CStringGetTextDatum(message_type)};
	bool isnull;
	Datum version;

	ep_catalog_run(&statement, values, NULL);
	version = ep_catalog_datum(0, 1, &isnull);
	return isnull ? 0 : DatumGetInt32(version);
}

static void
keep_columns(int stream_id, const char *subject, const char *message_type, const EpProtoSchema *schema)
{
	const EpProtoMessage *after = ep_protobuf_find_message(schema, message_type, strlen(message_type));
	int version = after == NULL ? 0 : version_before(subject, message_type);
	Renames renames = {.stream_id = stream_id};
	Place top = {.after = {NULL, after, 0}};

	if (version == 0)
		return;
	top.before.message = ep_protobuf_message_version(subject, version, message_type);
	if (!ep_path_tree_init(&renames.paths, ep_palloc_allocator(CurrentMemoryContext), 10000))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	renames.aliases = ep_aliases_load(stream_id, &renames.paths, CurrentMemoryContext);
	top.was = top.now = top.leads = &renames.paths.root;
	walk(&renames, &top);
	ep_path_tree_free(&renames.paths);
}

void
ep_protobuf_keep_columns(const char *subject, const EpProtoSchema *schema)
{
	static EpStatement statement = {
		"SELECT stream_id, message_type FROM event_pipeline._stream"
		" WHERE format = 'protobuf' AND coalesce(settings ->> 'subject', $1) = $1",
		1,
		{TEXTOID}};
	Datum values[1] = {CStringGetTextDatum(subject)};
	uint64 count = ep_catalog_run(&statement, values, NULL);
	int *ids = palloc(sizeof(int) * Max(count, 1));
	char **types = palloc(sizeof(char *) * Max(count, 1));
	bool isnull;

	for (uint64 i = 0; i < count; i++)
	{
		ids[i] = DatumGetInt32(ep_catalog_datum(i, 1, &isnull));
		types[i] = ep_catalog_text(i, 2);
	}
	for (uint64 i = 0; i < count; i++)
		keep_columns(ids[i], subject, types[i], schema);
}
