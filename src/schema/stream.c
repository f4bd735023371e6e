/*
 * stream.c
 *	  The per-backend cache of streams, built from the catalog.
 *
 * Each entry owns a memory context under CacheMemoryContext.  An invalidation only marks an entry
 * stale, also while it is being built; the next look-up replaces it.  Stale and replaced entries are
 * deleted at the end of the transaction, because a statement further up may still hold them.
 */
#include "schema/stream.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "core/memory_server.h"
#include "executor/spi.h"
#include "schema/catalog.h"
#include "schema/protobuf.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define MAX_PATHS 20000
#define MAX_COLUMNS 1500                                     /* of 1600, dropped ones included */
#define MAX_WINDOW (INT64CONST(10000) * 366 * USECS_PER_DAY) /* sums with a time stay within int64 */

static HTAB *streams;      /* by raw relation */
static EpStream *building; /* not in streams yet, but to be told of changes all the same */
static List *orphans;      /* memory contexts of replaced entries */
static Oid catalog;        /* CATALOG_SIGNAL */

/* Its invalidation stands for all of our catalog.  An index, for one of a table would have every plan on it made again. */
#define CATALOG_SIGNAL "_stream_pkey"

typedef struct StreamEntry
{
	Oid raw_relation; /* hash key */
	EpStream *stream;
} StreamEntry;

/* ---- invalidation ---- */

static void
mark_stale(EpStream *stream, Oid relation)
{
	if (!OidIsValid(relation) || relation == catalog || relation == stream->raw_relation)
		stream->stale = true;
	for (int i = 0; i < stream->target_count; i++)
		if (!OidIsValid(relation) || stream->targets[i]->relation == relation)
			stream->stale = stream->targets[i]->changed = true;
}

static void
relation_invalidated(Datum arg, Oid relation)
{
	HASH_SEQ_STATUS scan;
	StreamEntry *entry;

	if (building != NULL)
		mark_stale(building, relation);
	if (streams == NULL)
		return;
	hash_seq_init(&scan, streams);
	while ((entry = hash_seq_search(&scan)) != NULL)
		mark_stale(entry->stream, relation);
}

/* Nobody holds an entry now: stale ones go, among them those of streams that were dropped. */
static void
transaction_ended(XactEvent event, void *arg)
{
	HASH_SEQ_STATUS scan;
	StreamEntry *entry;
	ListCell *cell;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	building = NULL;
	foreach (cell, orphans)
		MemoryContextDelete((MemoryContext) lfirst(cell));
	list_free(orphans);
	orphans = NIL;
	if (streams == NULL)
		return;
	hash_seq_init(&scan, streams);
	while ((entry = hash_seq_search(&scan)) != NULL)
		if (entry->stream->stale)
		{
			MemoryContextDelete(entry->stream->context);
			(void) hash_search(streams, &entry->raw_relation, HASH_REMOVE, NULL);
		}
}

void
ep_stream_init(void)
{
	CacheRegisterRelcacheCallback(relation_invalidated, (Datum) 0);
	RegisterXactCallback(transaction_ended, NULL);
}

/*
 * _catalog_changed() returns trigger: tell every backend, at commit, that streams are to be read
 * again.  AFTER ... FOR EACH STATEMENT on the tables that entries are built from.
 */
EP_FUNCTION(ep_catalog_changed);

Datum
ep_catalog_changed(PG_FUNCTION_ARGS)
{
	CacheInvalidateRelcacheByRelid(ep_catalog_relation(CATALOG_SIGNAL));
	return PointerGetDatum(NULL);
}

/* ---- building an entry ---- */

static char *
copy_text(EpStream *stream, uint64 row, int column)
{
	char *text = ep_catalog_text(row, column);

	return text == NULL ? NULL : MemoryContextStrdup(stream->context, text);
}

static int64
number_setting(uint64 row, int column, const char *name, int64 most)
{
	bool isnull;
	int64 number = DatumGetInt64(ep_catalog_datum(row, column, &isnull));

	if (number < 0 || number > most)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("setting \"%s\" of the stream is out of range", name),
						errdetail("It must be between 0 and %lld%s.", (long long) most,
								  most == MAX_WINDOW ? " microseconds" : "")));
	return number;
}

/* The identity of the path that an option names; NULL when the option is not set. */
static char *
option_identity(EpStream *stream, uint64 row, int column)
{
	char *text = ep_catalog_text(row, column);
	EpPath *path;

	if (text == NULL)
		return NULL;
	path = ep_path_from_text(&stream->paths, text, &stream->paths.arena);
	if (path == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("path \"%s\" is malformed", text)));
	return ep_path_identity(path, &stream->paths.arena);
}

/* Say so when the stream has lost its event table. */
static void
check_orphan(Oid raw_relation)
{
	static EpStatement statement = {"SELECT 1 FROM event_pipeline._stream WHERE raw_table = $1", 1, {OIDOID}};
	Datum values[1] = {ObjectIdGetDatum(raw_relation)};

	if (ep_catalog_read(&statement, values) == 1)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("the event table of \"%s\" was dropped", get_rel_name(raw_relation)),
						errhint("Drop the rest of the stream with event_pipeline.drop_stream().")));
}

static void
load_stream_row(EpStream *stream)
{
	static EpStatement statement = {
		"SELECT s.stream_id, s.event_table, s.format, s.message_type, s.event_time, s.event_id, s.route_by,"
		" s.id_table, c.relowner, s.settings->>'subject',"
		" coalesce((s.settings->>'lock_budget_ms')::bigint, 30),"
		" coalesce((s.settings->>'max_columns')::bigint, 400),"
		" coalesce((s.settings->>'max_new_columns')::bigint, 100),"
		" coalesce((s.settings->>'max_new_partitions')::bigint, 1000),"
		" coalesce((extract(epoch FROM (s.settings->>'future_window')::interval) * 1000000)::bigint,"
		"          366::bigint * 86400 * 1000000),"
		" coalesce((extract(epoch FROM (s.settings->>'late_window')::interval) * 1000000)::bigint, 0),"
		" coalesce((s.settings->>'max_tables_per_hour')::bigint, 100),"
		" coalesce((s.settings->>'max_columns_per_hour')::bigint, 400),"
		" coalesce((s.settings->>'max_map_keys')::bigint, 100),"
		" coalesce((s.settings->>'max_partitions')::bigint, 2000)"
		" FROM event_pipeline._stream s JOIN pg_catalog.pg_class c ON c.oid = s.event_table"
		" WHERE s.raw_table = $1",
		1,
		{OIDOID}};
	Datum values[1] = {ObjectIdGetDatum(stream->raw_relation)};
	bool isnull;
	char *format;

	if (ep_catalog_read(&statement, values) != 1)
	{
		check_orphan(stream->raw_relation);
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("table \"%s\" is not the raw table of a stream", get_rel_name(stream->raw_relation)),
				 errhint("Streams are made by event_pipeline.create_stream().")));
	}
	stream->id = DatumGetInt32(ep_catalog_datum(0, 1, &isnull));
	stream->event_relation = DatumGetObjectId(ep_catalog_datum(0, 2, &isnull));
	format = ep_catalog_text(0, 3);
	stream->format = ep_format_find(format);
	if (stream->format == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("format \"%s\" is not supported", format),
				 errhint("The formats are: %s.", ep_format_names())));
	stream->message_type = copy_text(stream, 0, 4);
	stream->event_time = option_identity(stream, 0, 5);
	stream->event_time_path = copy_text(stream, 0, 5);
	stream->event_id = option_identity(stream, 0, 6);
	stream->route_by = option_identity(stream, 0, 7);
	stream->id_table = DatumGetObjectId(ep_catalog_datum(0, 8, &isnull));
	if (isnull)
		stream->id_table = InvalidOid;
	stream->owner = DatumGetObjectId(ep_catalog_datum(0, 9, &isnull));
	stream->subject = copy_text(stream, 0, 10);
	stream->lock_budget_ms = number_setting(0, 11, "lock_budget_ms", 60000);
	stream->max_columns = number_setting(0, 12, "max_columns", MAX_COLUMNS);
	stream->max_new_columns = number_setting(0, 13, "max_new_columns", MAX_COLUMNS);
	stream->max_new_partitions = number_setting(0, 14, "max_new_partitions", 100000);
	stream->future_window = number_setting(0, 15, "future_window", MAX_WINDOW);
	stream->late_window = number_setting(0, 16, "late_window", MAX_WINDOW);
	stream->max_tables_per_hour = number_setting(0, 17, "max_tables_per_hour", 100000);
	stream->max_columns_per_hour = number_setting(0, 18, "max_columns_per_hour", MAX_COLUMNS);
	stream->max_map_keys = number_setting(0, 19, "max_map_keys", 100000);
	stream->max_partitions = number_setting(0, 20, "max_partitions", 100000);
}

/* Users own the raw table and may have changed it: what we read must be there. */
static AttrNumber
raw_column(EpStream *stream, const char *name, Oid type)
{
	AttrNumber attnum = ep_column_of_type(stream->raw_relation, name, type);

	if (attnum == InvalidAttrNumber)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("raw table \"%s\" has no column \"%s\" of type %s",
							   get_rel_name(stream->raw_relation), name, format_type_be(type))));
	return attnum;
}

/* The settings as the decoder's option list. */
static void
load_options(EpStream *stream)
{
	static EpStatement statement = {
		"SELECT e.key, e.value FROM event_pipeline._stream s,"
		" pg_catalog.jsonb_each_text(s.settings || pg_catalog.jsonb_build_object('route_by', s.route_by)) e"
		" WHERE s.stream_id = $1 AND e.value IS NOT NULL",
		1,
		{INT4OID}};
	Datum values[1] = {Int32GetDatum(stream->id)};
	uint64 n = ep_catalog_read(&statement, values);
	const char **options = MemoryContextAllocZero(stream->context, (2 * n + 1) * sizeof(char *));

	for (uint64 i = 0; i < n; i++)
	{
		options[2 * i] = copy_text(stream, i, 1);
		options[2 * i + 1] = copy_text(stream, i, 2);
	}
	stream->options = options;
}

static void
load_contract(EpStream *stream)
{
	static EpStatement statement = {
		"SELECT contract FROM event_pipeline._stream WHERE stream_id = $1 AND contract <> '{}'",
		1,
		{INT4OID}};
	Datum values[1] = {Int32GetDatum(stream->id)};
	bool isnull;

	if (ep_catalog_read(&statement, values) > 0)
		stream->contract = ep_contract_compile(ep_catalog_datum(0, 1, &isnull), stream->context);
}

static void
load_maps(EpStream *stream)
{
	static EpStatement statement = {
		"SELECT path, identity FROM event_pipeline._map WHERE stream_id = $1", 1, {INT4OID}};
	Datum values[1] = {Int32GetDatum(stream->id)};
	uint64 n = ep_catalog_read(&statement, values);

	stream->maps = MemoryContextAlloc(stream->context, Max(n, 1) * sizeof(char *));
	for (uint64 i = 0; i < n; i++)
	{
		EpPath *path = ep_path_from_text(&stream->paths, ep_catalog_text(i, 1), &stream->paths.arena);

		stream->maps[stream->map_count++] = copy_text(stream, i, 2);
		if (path != NULL)
			path->whole = true;
	}
}

bool
ep_stream_is_map(EpStream *stream, const EpPath *path)
{
	char *identity;

	if (stream->map_count == 0)
		return false;
	identity = ep_path_identity(path, &stream->paths.arena);
	for (int i = 0; i < stream->map_count && identity != NULL; i++)
		if (strcmp(stream->maps[i], identity) == 0)
			return true;
	return false;
}

static void
load_targets(EpStream *stream)
{
	static EpStatement statement = {
		"SELECT t.target_id, t.relation, t.route, t.tracked FROM event_pipeline._target t"
		" JOIN pg_catalog.pg_class c ON c.oid = t.relation WHERE t.stream_id = $1 ORDER BY t.target_id",
		1,
		{INT4OID}};
	Datum values[1] = {Int32GetDatum(stream->id)};
	uint64 n = ep_catalog_read(&statement, values);
	bool isnull;

	for (uint64 i = 0; i < n; i++)
	{
		char *route = ep_catalog_text(i, 3);
		EpTarget *target = ep_stream_add_target(stream, DatumGetInt32(ep_catalog_datum(i, 1, &isnull)),
												DatumGetObjectId(ep_catalog_datum(i, 2, &isnull)), route);

		target->tracked = DatumGetBool(ep_catalog_datum(i, 4, &isnull));
	}
	for (int i = 0; i < stream->target_count; i++)
		ep_target_reload(stream, stream->targets[i]);
}

/*
 * Compile the message type; entries of an older generation of the protobuf registry are stale.  The
 * generation is read first: what is compiled while it changes is freed at the end of the transaction.
 */
static void
load_message(EpStream *stream)
{
	if (!stream->format->needs_schema)
		return;
	stream->message_generation = ep_protobuf_generation();
	stream->message = ep_protobuf_message(stream->subject, stream->message_type);
	stream->schema_ids = ep_protobuf_ids(stream->subject, stream->message_type, stream->context);
}

static void
free_at_end(MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	orphans = lappend(orphans, context);
	MemoryContextSwitchTo(old);
}

static EpStream *
build_stream(Oid raw_relation)
{
	MemoryContext context =
		AllocSetContextCreate(CacheMemoryContext, "event_pipeline stream", ALLOCSET_DEFAULT_SIZES);
	EpStream *stream = MemoryContextAllocZero(context, sizeof(EpStream));

	free_at_end(context); /* were we to fail half-way */
	stream->context = context;
	stream->raw_relation = raw_relation;
	if (!ep_path_tree_init(&stream->paths, ep_palloc_allocator(context), MAX_PATHS))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	catalog = ep_catalog_relation(CATALOG_SIGNAL);
	stream->counter_table = ep_catalog_relation("_counter");
	building = stream;
	load_stream_row(stream);
	load_options(stream);
	load_contract(stream);
	load_maps(stream);
	stream->aliases = ep_aliases_load(stream->id, &stream->paths, stream->context);
	stream->raw_id = raw_column(stream, "raw_id", INT8OID);
	stream->received_at = raw_column(stream, "received_at", TIMESTAMPTZOID);
	stream->payload = raw_column(stream, "payload", stream->format->binary ? BYTEAOID : TEXTOID);
	load_targets(stream);
	load_message(stream);
	building = NULL;
	orphans = list_delete_ptr(orphans, context);
	return stream;
}

EpStream *
ep_stream_of_raw(Oid raw_relation)
{
	StreamEntry *entry;
	EpStream *stream;

	if (streams == NULL)
	{
		HASHCTL control = {
			.keysize = sizeof(Oid), .entrysize = sizeof(StreamEntry), .hcxt = CacheMemoryContext};

		streams = hash_create("event_pipeline streams", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	entry = hash_search(streams, &raw_relation, HASH_FIND, NULL);
	if (entry != NULL && entry->stream->format->needs_schema &&
		entry->stream->message_generation != ep_protobuf_generation())
		entry->stream->stale = true;
	if (entry != NULL && !entry->stream->stale)
		return entry->stream;
	stream = build_stream(raw_relation);
	if (entry != NULL)
		free_at_end(entry->stream->context);
	entry = hash_search(streams, &raw_relation, HASH_ENTER, NULL);
	entry->stream = stream;
	return stream;
}

/* An option of another format would be kept and do nothing. */
static void
check_option_formats(const EpStream *stream)
{
	for (const char *const *option = stream->options; option[0] != NULL; option += 2)
	{
		const EpFormat *format = ep_format_of_option(option[0]);

		if (format != NULL && format != stream->format)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("format \"%s\" has no option \"%s\"", stream->format->name, option[0]),
							errhint("It is an option of format \"%s\".", format->name)));
	}
}

void
ep_stream_check_options(EpStream *stream)
{
	EpAllocator allocator = ep_palloc_allocator(CurrentMemoryContext);
	EpArena arenas[3];
	EpDecoder decoder = {.format = stream->format,
						 .paths = &stream->paths,
						 .arena = &arenas[0],
						 .payload = &arenas[1],
						 .lasting = &arenas[2],
						 .schema = stream->message,
						 .options = stream->options};

	check_option_formats(stream);
	for (int i = 0; i < lengthof(arenas); i++)
		ep_arena_init(&arenas[i], allocator, (size_t) 256 * 1024 * 1024);
	if (stream->format->begin(&decoder) != EP_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", decoder.error.message),
				 decoder.error.path == NULL ? 0 : errdetail("It is \"%s\".", decoder.error.path),
				 decoder.error.expected == NULL ? 0 : errhint("Expected: %s.", decoder.error.expected)));
}

EpStream *
ep_stream_of_event_table(Oid event_relation)
{
	static EpStatement statement = {
		"SELECT raw_table FROM event_pipeline._stream WHERE event_table = $1", 1, {OIDOID}};
	Datum values[1] = {ObjectIdGetDatum(event_relation)};
	bool isnull;

	if (ep_catalog_read(&statement, values) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("table \"%s\" is not the event table of a stream", get_rel_name(event_relation)),
				 errhint("Streams are made by event_pipeline.create_stream().")));
	return ep_stream_of_raw(DatumGetObjectId(ep_catalog_datum(0, 1, &isnull)));
}

/* ---- roles of paths ---- */

static uint8
decide_role(EpStream *stream, const EpPath *path)
{
	char *identity;
	uint8 role = EP_ROLE_DECIDED;

	if (stream->event_time == NULL && stream->event_id == NULL && stream->route_by == NULL)
		return role;
	identity = ep_path_identity(path, &stream->paths.arena);
	if (identity == NULL)
		return role;
	if (stream->event_time != NULL && strcmp(identity, stream->event_time) == 0)
		role |= EP_ROLE_TIME;
	if (stream->event_id != NULL && strcmp(identity, stream->event_id) == 0)
		role |= EP_ROLE_ID;
	if (stream->route_by != NULL && strcmp(identity, stream->route_by) == 0)
		role |= EP_ROLE_ROUTE;
	return role;
}

uint8
ep_stream_role(EpStream *stream, const EpPath *path)
{
	if (path->id == EP_PATH_TRANSIENT)
		return 0;
	if (path->id >= stream->role_capacity)
	{
		uint32 capacity = Max(64, pg_nextpower2_32(path->id + 1));
		uint8 *roles = MemoryContextAllocZero(stream->context, capacity);

		if (stream->roles != NULL)
		{
			memcpy(roles, stream->roles, stream->role_capacity);
			pfree(stream->roles);
		}
		stream->roles = roles;
		stream->role_capacity = capacity;
	}
	if (stream->roles[path->id] == 0)
		stream->roles[path->id] = decide_role(stream, path);
	return stream->roles[path->id];
}
