/*
 * protobuf_rename.c
 *	  A field that a new version renames keeps its column, an enum value its name, a case of a oneof its table.
 *
 * A number is an identity, a path is made of names: so the two versions are walked together, by number.  What is written down are
 * aliases like those that people make, so that everything which follows aliases (routes, event times, replays, proofs) follows renames.
 * The same holds for what names become values: those of enums, and of the cases of a oneof that is the route.
 */
#include "schema/protobuf_rename.h"

#include "catalog/pg_type.h"
#include "core/memory_server.h"
#include "core/name.h"
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

/*
 * Has the stream a column at the path, or below it, or does it look for event times, ids or routes there, or keep there what the schema did
 * not know?
 */
static bool
is_used(Renames *renames, const EpPath *path)
{
	static EpStatement statement = {
		"SELECT FROM event_pipeline._attribute a JOIN event_pipeline._target t USING (target_id)"
		" WHERE t.stream_id = $1 AND (a.identity = $2 OR pg_catalog.starts_with(a.identity, $2 || '.'))"
		" UNION ALL SELECT FROM event_pipeline._stream s, unnest(ARRAY[s.event_time, s.event_id, s.route_by]) key,"
		" pg_catalog.replace(pg_catalog.lower(key), '_', '') identity"
		" WHERE s.stream_id = $1 AND (identity = $2 OR pg_catalog.starts_with(identity, $2 || '.'))"
		" UNION ALL SELECT FROM event_pipeline._wanted w JOIN event_pipeline._target t USING (target_id)"
		" WHERE t.stream_id = $1 AND pg_catalog.starts_with(pg_catalog.replace(pg_catalog.lower(w.path), '_', ''), $2 || '.') LIMIT 1",
		2,
		{INT4OID, TEXTOID}};
	Datum values[2] = {Int32GetDatum(renames->stream_id), CStringGetTextDatum(identity_of(renames, path))};

	return ep_catalog_run(&statement, values, NULL) > 0;
}

/* ---- names that are values ---- */

/* A text at a path is what another was; unless somebody has decided otherwise.  That one may have stood for a third. */
static void
add_text_alias(Renames *renames, const EpPath *path, const char *text, const char *was)
{
	static EpStatement statement = {
		"INSERT INTO event_pipeline._alias (stream_id, path, identity, value, to_value)"
		" SELECT $1, $2, $3, $4, to_value FROM (SELECT coalesce((SELECT a.to_value FROM event_pipeline._alias a"
		" WHERE a.stream_id = $1 AND a.identity = $3 AND a.value = $5 AND a.removed_at IS NULL), $5)) target (to_value)"
		" WHERE to_value <> $4 ON CONFLICT DO NOTHING",
		5,
		{INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}};
	Datum values[5] = {
		Int32GetDatum(renames->stream_id), CStringGetTextDatum(ep_path_to_text(path, &renames->paths.arena)),
		CStringGetTextDatum(identity_of(renames, path)), CStringGetTextDatum(text), CStringGetTextDatum(was)};

	ep_catalog_run(&statement, values, NULL);
}

/* Did the enum give that name to another number, which it calls otherwise now? */
static bool
takes_value_name(const EpProtoEnum *before, const EpProtoEnum *after, const EpProtoEnumValue *value)
{
	for (uint32 i = 0; i < before->value_count; i++)
	{
		const EpProtoEnumValue *other = &before->values[i];

		if (other->number != value->number && strcmp(other->name, value->name) == 0)
			return ep_protobuf_enum_name(after, other->number) != NULL;
	}
	return false;
}

/* The column goes on having the names that it has. */
static void
keep_enum_names(Renames *renames, const EpPath *column, const EpProtoEnum *before, const EpProtoEnum *after)
{
	for (uint32 i = 0; i < after->sorted_count; i++)
	{
		const EpProtoEnumValue *value = &after->sorted[i];
		const char *was = ep_protobuf_enum_name(before, value->number);

		CHECK_FOR_INTERRUPTS();
		if (was != NULL && strcmp(was, value->name) != 0)
			add_text_alias(renames, column, value->name, was);
		else if (was == NULL && takes_value_name(before, after, value))
			add_text_alias(renames, column, value->name, psprintf("%s_%d", value->name, (int) value->number));
	}
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
	if (old->enumeration != NULL && field->enumeration != NULL && is_used(renames, place.leads))
		keep_enum_names(renames, place.leads, old->enumeration, field->enumeration);
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

/* ---- a oneof that is the route ---- */

/* A case as part of a table name. */
static char *
route_name(const char *name)
{
	char *route = palloc(EP_NAME_MAX + 1);

	ep_name_from_segment(name, strlen(name), route, EP_NAME_MAX);
	return route;
}

/* The oneof has another name: what is said of the old one is said of it. */
static void
rename_route(Renames *renames, const EpPath *was, const EpPath *now)
{
	static EpStatement statement = {
		"WITH renamed AS (UPDATE event_pipeline._stream SET route_by = $2 WHERE stream_id = $1 RETURNING stream_id)"
		" UPDATE event_pipeline._alias a SET path = $2, identity = $3 FROM renamed"
		" WHERE a.stream_id = renamed.stream_id AND a.identity = $4 AND a.value IS NOT NULL",
		4,
		{INT4OID, TEXTOID, TEXTOID, TEXTOID}};
	Datum values[4] = {
		Int32GetDatum(renames->stream_id), CStringGetTextDatum(ep_path_to_text(now, &renames->paths.arena)),
		CStringGetTextDatum(identity_of(renames, now)), CStringGetTextDatum(identity_of(renames, was))};

	if (was != now)
		ep_catalog_run(&statement, values, NULL);
}

/* The oneof of the new version that has the first of the old one's cases there is; -1: none. */
static int
oneof_after(const EpProtoMessage *before, const EpProtoMessage *after, int oneof)
{
	for (uint32 i = 0; i < before->field_count; i++)
	{
		const EpProtoField *field =
			before->fields[i].oneof == oneof ? ep_protobuf_field(after, before->fields[i].number) : NULL;

		if (field != NULL && field->oneof >= 0)
			return field->oneof;
	}
	return -1;
}

/* Each case goes on having the table that it has. */
static void
keep_routes(Renames *renames, const char *route_by, const EpProtoMessage *before, const EpProtoMessage *after)
{
	int oneof = route_by == NULL ? -1 : ep_protobuf_find_oneof(before, route_by);
	int now = oneof < 0 ? -1 : oneof_after(before, after, oneof);
	Place message = {.before = {NULL, before, 0}, .after = {NULL, after, 0}};
	EpPath *path;

	if (now < 0)
		return;
	path = child_of(renames, &renames->paths.root, after->oneofs[now]);
	rename_route(renames, child_of(renames, &renames->paths.root, route_by), path);
	for (uint32 i = 0; i < after->field_count; i++)
	{
		const EpProtoField *field = &after->fields[i];
		const EpProtoField *old = ep_protobuf_field(before, field->number);

		if (field->oneof == now && old != NULL && old->oneof == oneof)
			add_text_alias(renames, path, route_name(field->name), route_name(old->name));
		else if (field->oneof == now && old == NULL && takes_name(&message, field))
			add_text_alias(renames, path, route_name(field->name),
						   route_name(psprintf("%s_%u", field->name, field->number)));
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
keep_columns(int stream_id, const char *subject, const char *message_type, const char *route_by,
			 const EpProtoSchema *schema)
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
	keep_routes(&renames, route_by, top.before.message, after);
	ep_path_tree_free(&renames.paths);
}

void
ep_protobuf_keep_columns(const char *subject, const EpProtoSchema *schema)
{
	static EpStatement statement = {
		"SELECT stream_id, message_type, route_by FROM event_pipeline._stream"
		" WHERE format = 'protobuf' AND coalesce(settings ->> 'subject', $1) = $1",
		1,
		{TEXTOID}};
	Datum values[1] = {CStringGetTextDatum(subject)};
	uint64 count = ep_catalog_run(&statement, values, NULL);
	int *ids = palloc(sizeof(int) * Max(count, 1));
	char **types = palloc(sizeof(char *) * Max(count, 1));
	char **routes = palloc(sizeof(char *) * Max(count, 1));
	bool isnull;

	for (uint64 i = 0; i < count; i++)
	{
		ids[i] = DatumGetInt32(ep_catalog_datum(i, 1, &isnull));
		types[i] = ep_catalog_text(i, 2);
		routes[i] = ep_catalog_text(i, 3);
	}
	for (uint64 i = 0; i < count; i++)
		keep_columns(ids[i], subject, types[i], routes[i], schema);
}
