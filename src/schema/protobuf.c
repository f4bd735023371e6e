/*
 * protobuf.c
 *	  Compiled schemas of this backend, and how message types are found in them.
 *
 * Each (subject, version) that is used is compiled into a memory context of its own.  A change of the
 * registry table (a trigger on it sends a relcache invalidation, here and elsewhere) raises the generation;
 * the next look-up retires everything compiled, and the end of the transaction frees what was
 * retired, so that a message in use stays valid for the statement that uses it.
 */
#include "schema/protobuf.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "core/memory_server.h"
#include "executor/spi.h"
#include "schema/catalog.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"

#define COMPILED_LIMIT ((size_t) 256 << 20)
#define SCRATCH_LIMIT ((size_t) 512 << 20)

typedef struct Compiled
{
	char *subject;
	int version;
	const EpProtoSchema *schema;
	MemoryContext context; /* holds all of it */
} Compiled;

/* What a look-up without version found. */
typedef struct Resolved
{
	char *subject; /* as asked: NULL for any */
	char *name;
	const EpProtoMessage *message;
} Resolved;

static uint64 generation = 1;
static uint64 compiled_generation; /* of the lists below */
static Oid registry = InvalidOid;
static MemoryContext current = NULL; /* the lists, and the parent of all compiled */
static MemoryContext retired = NULL; /* parents that are freed at the end of the transaction */
static List *compiled = NIL;
static List *resolved = NIL;

uint64
ep_protobuf_generation(void)
{
	return generation;
}

/* ---- errors ---- */

void
ep_protobuf_raise(const EpError *error)
{
	const char *state = ep_sqlstate(error->code);
	const char *where = error->path != NULL ? psprintf("At \"%s\", byte %zu", error->path, error->offset)
											: psprintf("At byte %zu", error->offset);

	ereport(ERROR, (errcode(MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4])),
					errmsg("%s", error->message),
					error->expected != NULL && error->found != NULL
						? errdetail("%s: expected %s, found %s.", where, error->expected, error->found)
						: errdetail("%s.", where)));
}

static void
raise_set(const EpError *error, const char *what)
{
	const char *state = ep_sqlstate(error->code);

	ereport(ERROR, (errcode(MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4])),
					errmsg("%s is not valid: %s", what, error->message),
					error->path == NULL    ? errdetail("At byte %zu.", error->offset)
					: error->found == NULL ? errdetail("In %s.", error->path)
										   : errdetail("In %s.%s.", error->path, error->found),
					errhint("Make the set with protoc --include_imports --include_source_info "
							"--descriptor_set_out, or with buf build --as-file-descriptor-set.")));
}

/* ---- compiling ---- */

const EpProtoSchema *
ep_protobuf_compile_in(MemoryContext context, bytea *set, const char *what)
{
	MemoryContext temporary =
		AllocSetContextCreate(CurrentMemoryContext, "event_pipeline descriptor", ALLOCSET_DEFAULT_SIZES);
	EpArena arena, scratch;
	EpError error;
	const EpProtoSchema *schema;

	ep_arena_init(&arena, ep_palloc_allocator(context), COMPILED_LIMIT);
	ep_arena_init(&scratch, ep_palloc_allocator(temporary), SCRATCH_LIMIT);
	schema = ep_protobuf_compile(VARDATA_ANY(set), VARSIZE_ANY_EXHDR(set), &arena, &scratch, &error);
	if (schema == NULL)
		raise_set(&error, what);
	MemoryContextDelete(temporary);
	return schema;
}

/* ---- the life of what is compiled ---- */

static void
registry_changed(Datum argument, Oid relation)
{
	if (relation == InvalidOid || relation == registry)
		generation++;
}

static void
free_retired(XactEvent event, void *argument)
{
	if (retired == NULL || event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PARALLEL_PRE_COMMIT ||
		event == XACT_EVENT_PRE_PREPARE)
		return;
	MemoryContextDelete(retired);
	retired = NULL;
}

/* Make the lists those of the generation at hand. */
static void
renew(void)
{
	static bool registered = false;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(registry_changed, (Datum) 0);
		RegisterXactCallback(free_retired, NULL);
		registered = true;
	}
	if (current != NULL && compiled_generation == generation)
		return;
	if (current != NULL)
	{
		if (retired == NULL)
			retired = AllocSetContextCreate(TopMemoryContext, "event_pipeline protobuf retired",
											ALLOCSET_SMALL_SIZES);
		MemoryContextSetParent(current, retired);
		current = NULL;
	}
	compiled = resolved = NIL;
	current = AllocSetContextCreate(TopMemoryContext, "event_pipeline protobuf", ALLOCSET_SMALL_SIZES);
	compiled_generation = generation;
	registry = ep_catalog_relation("_protobuf_schema");
}

/* ---- reading the registry; SPI is connected ---- */

static const EpProtoSchema *
load_version(const char *subject, int version)
{
	static EpStatement statement = {
		"SELECT descriptor_set FROM event_pipeline._protobuf_schema WHERE subject = $1 AND version = $2",
		2,
		{TEXTOID, INT4OID}};
	Datum values[2] = {CStringGetTextDatum(subject), Int32GetDatum(version)};
	MemoryContext context;
	MemoryContext old;
	Compiled *entry;
	bool isnull;
	ListCell *cell;

	foreach (cell, compiled)
	{
		entry = lfirst(cell);
		if (entry->version == version && strcmp(entry->subject, subject) == 0)
			return entry->schema;
	}
	if (ep_catalog_run(&statement, values, NULL) == 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("protobuf subject \"%s\" has no version %d", subject, version)));
	context =
		AllocSetContextCreate(CurrentMemoryContext, "event_pipeline protobuf schema", ALLOCSET_SMALL_SIZES);
	entry = MemoryContextAllocZero(context, sizeof(Compiled));
	entry->subject = MemoryContextStrdup(context, subject);
	entry->version = version;
	entry->context = context;
	entry->schema =
		ep_protobuf_compile_in(context, DatumGetByteaPP(ep_catalog_datum(0, 1, &isnull)),
							   psprintf("version %d of protobuf subject \"%s\"", version, subject));
	MemoryContextSetParent(context, current);
	old = MemoryContextSwitchTo(current);
	compiled = lappend(compiled, entry);
	MemoryContextSwitchTo(old);
	return entry->schema;
}

static void
raise_unknown(const char *subject, const char *full_name)
{
	if (subject != NULL)
		ereport(
			ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("protobuf subject \"%s\" does not define message type \"%s\"", subject, full_name),
			 errhint("Register a set that defines it: SELECT register_protobuf(subject, descriptor_set).")));
	ereport(
		ERROR,
		(errcode(ERRCODE_UNDEFINED_OBJECT),
		 errmsg("no registered protobuf schema defines message type \"%s\"", full_name),
		 errhint(
			 "Register a set that defines it: SELECT register_protobuf(subject, descriptor_set). "
			 "Names are full names without a leading dot, as in \"my.package.Message\"; protobuf_schemas has them.")));
}

/* The newest version that defines the name, of the subject or of the only one that does. */
static const EpProtoSchema *
find_newest(const char *subject, const char *full_name)
{
	static EpStatement statement = {"SELECT DISTINCT ON (subject) subject, version "
									"FROM event_pipeline._protobuf_schema "
									"WHERE $2 = ANY (messages) AND ($1 IS NULL OR subject = $1) "
									"ORDER BY subject, version DESC",
									2,
									{TEXTOID, TEXTOID}};
	Datum values[2] = {subject == NULL ? (Datum) 0 : CStringGetTextDatum(subject),
					   CStringGetTextDatum(full_name)};
	uint64 found = ep_catalog_run(&statement, values, subject == NULL ? "n " : NULL);
	bool isnull;

	if (found == 0)
		raise_unknown(subject, full_name);
	if (found > 1)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_ALIAS),
				 errmsg("several protobuf subjects define message type \"%s\"", full_name),
				 errdetail("Among them \"%s\" and \"%s\".", ep_catalog_text(0, 1), ep_catalog_text(1, 1)),
				 errhint("Say which one with the argument \"subject\".")));
	return load_version(ep_catalog_text(0, 1), DatumGetInt32(ep_catalog_datum(0, 2, &isnull)));
}

static const EpProtoMessage *
find_resolved(const char *subject, const char *full_name)
{
	ListCell *cell;

	foreach (cell, resolved)
	{
		const Resolved *entry = lfirst(cell);

		if (strcmp(entry->name, full_name) == 0 &&
			(subject == NULL ? entry->subject == NULL
							 : entry->subject != NULL && strcmp(entry->subject, subject) == 0))
			return entry->message;
	}
	return NULL;
}

static void
remember(const char *subject, const char *full_name, const EpProtoMessage *message)
{
	MemoryContext old = MemoryContextSwitchTo(current);
	Resolved *entry = palloc(sizeof(Resolved));

	entry->subject = subject == NULL ? NULL : pstrdup(subject);
	entry->name = pstrdup(full_name);
	entry->message = message;
	resolved = lappend(resolved, entry);
	MemoryContextSwitchTo(old);
}

const EpProtoMessage *
ep_protobuf_message(const char *subject, const char *full_name)
{
	const EpProtoMessage *message;

	renew();
	message = find_resolved(subject, full_name);
	if (message != NULL)
		return message;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	message = ep_protobuf_find_message(find_newest(subject, full_name), full_name, strlen(full_name));
	if (message == NULL)
		raise_unknown(subject, full_name);
	remember(subject, full_name, message);
	SPI_finish();
	return message;
}

const EpProtoMessage *
ep_protobuf_message_version(const char *subject, int version, const char *full_name)
{
	const EpProtoMessage *message;

	renew();
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	message = ep_protobuf_find_message(load_version(subject, version), full_name, strlen(full_name));
	SPI_finish();
	if (message == NULL)
		raise_unknown(subject, full_name);
	return message;
}

const EpProtoIds *
ep_protobuf_ids(const char *subject, const char *full_name, MemoryContext context)
{
	static EpStatement statement = {
		"SELECT i.schema_id, i.subject, i.version FROM event_pipeline._protobuf_schema_id i"
		" JOIN event_pipeline._protobuf_schema s USING (subject, version)"
		" WHERE $2 = ANY (s.messages) AND ($1 IS NULL OR subject = $1) ORDER BY i.schema_id",
		2,
		{TEXTOID, TEXTOID}};
	Datum values[2] = {subject == NULL ? (Datum) 0 : CStringGetTextDatum(subject),
					   CStringGetTextDatum(full_name)};
	uint64 count = ep_catalog_run(&statement, values, subject == NULL ? "n " : NULL);
	EpProtoIds *ids = MemoryContextAllocZero(context, sizeof(EpProtoIds));
	int *versions = palloc(sizeof(int) * Max(count, 1));
	char **subjects = palloc(sizeof(char *) * Max(count, 1));
	bool isnull;

	ids->ids = MemoryContextAllocZero(context, sizeof(struct EpProtoId) * Max(count, 1));
	ids->count = count;
	for (uint64 i = 0; i < count; i++)
	{
		ids->ids[i].id = (uint32) DatumGetInt32(ep_catalog_datum(i, 1, &isnull));
		subjects[i] = ep_catalog_text(i, 2);
		versions[i] = DatumGetInt32(ep_catalog_datum(i, 3, &isnull));
	}
	for (uint64 i = 0; i < count; i++)
		ids->ids[i].message = ep_protobuf_message_version(subjects[i], versions[i], full_name);
	return ids;
}

/* AFTER each statement that changes _protobuf_schema or _protobuf_schema_id, however it is changed. */
EP_FUNCTION(ep_protobuf_schema_changed);
Datum
ep_protobuf_schema_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("_protobuf_schema_changed() can only be called as a trigger")));
	CacheInvalidateRelcacheByRelid(ep_catalog_relation("_protobuf_schema"));
	return PointerGetDatum(NULL);
}
