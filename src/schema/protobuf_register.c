/*
 * protobuf_register.c
 *	  register_protobuf() and protobuf_check(): what may succeed a schema.
 *
 * Versions of one subject are given under a transaction advisory lock on its name, so two sessions that
 * register at once get two versions, or the second is checked against the first's.
 */
#include "schema/protobuf.h"

#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/hashfn.h"
#include "common/sha2.h"
#include "core/memory_server.h"
#include "executor/spi.h"
#include "format/protobuf/protobuf_compat.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "schema/argument.h"
#include "schema/catalog.h"
#include "schema/protobuf_rename.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

typedef struct Compatibility
{
	int breaks; /* EP_BREAKS_* that it refuses */
	bool transitive;
} Compatibility;

static Compatibility
parse_mode(const char *text)
{
	static const struct
	{
		const char *name;
		int breaks;
	} modes[] = {{"backward", EP_BREAKS_BACKWARD},
				 {"forward", EP_BREAKS_FORWARD},
				 {"full", EP_BREAKS_BACKWARD | EP_BREAKS_FORWARD},
				 {"none", 0}};

	for (int i = 0; i < (int) lengthof(modes); i++)
	{
		size_t length = strlen(modes[i].name);

		if (strncmp(text, modes[i].name, length) != 0)
			continue;
		if (text[length] == '\0')
			return (Compatibility){modes[i].breaks, false};
		if (modes[i].breaks != 0 && strcmp(text + length, "_transitive") == 0)
			return (Compatibility){modes[i].breaks, true};
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown compatibility mode \"%s\"", text),
			 errhint("Modes are backward, forward and full, each also with _transitive, and none.")));
}

static EpProtoFinding *
compare(const EpProtoSchema *before, const EpProtoSchema *after)
{
	EpArena arena;
	EpProtoFinding *findings;

	ep_arena_init(&arena, ep_palloc_allocator(CurrentMemoryContext), (size_t) 256 << 20);
	if (ep_protobuf_compare(before, after, &arena, &findings) != EP_OK)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("protobuf schemas differ in too many places")));
	return findings;
}

/* ---- register_protobuf ---- */

static void
lock_subject(const char *subject)
{
	char *key = psprintf("event_pipeline protobuf subject %s", subject);
	uint64 hash = hash_bytes_extended((const unsigned char *) key, strlen(key), 0);

	DirectFunctionCall1(pg_advisory_xact_lock_int8, Int64GetDatum((int64) hash));
}

static char *
sha256_hex(bytea *set)
{
	uint8 digest[PG_SHA256_DIGEST_LENGTH];
	char *hex = palloc(2 * PG_SHA256_DIGEST_LENGTH + 1);
	pg_cryptohash_ctx *context = pg_cryptohash_create(PG_SHA256);

	if (context == NULL || pg_cryptohash_init(context) < 0 ||
		pg_cryptohash_update(context, (uint8 *) VARDATA_ANY(set), VARSIZE_ANY_EXHDR(set)) < 0 ||
		pg_cryptohash_final(context, digest, sizeof digest) < 0)
		elog(ERROR, "could not compute a SHA-256 digest");
	pg_cryptohash_free(context);
	for (int i = 0; i < PG_SHA256_DIGEST_LENGTH; i++)
		sprintf(hex + 2 * i, "%02x", digest[i]);
	return hex;
}

/* The version that is this very set, or 0. */
static int
same_set(const char *subject, const char *digest)
{
	static EpStatement statement = {
		"SELECT version FROM event_pipeline._protobuf_schema WHERE subject = $1 AND digest = $2",
		2,
		{TEXTOID, TEXTOID}};
	Datum values[2] = {CStringGetTextDatum(subject), CStringGetTextDatum(digest)};
	bool isnull;

	return ep_catalog_run(&statement, values, NULL) == 0 ? 0 : DatumGetInt32(ep_catalog_datum(0, 1, &isnull));
}

static int
append_violations(StringInfo detail, const EpProtoFinding *finding, Compatibility mode, int version)
{
	int count = 0;

	for (; finding != NULL; finding = finding->next)
	{
		if ((finding->breaks & mode.breaks) == 0)
			continue;
		count++;
		appendStringInfo(detail, "%s%s: %s (%s", detail->len > 0 ? "\n" : "", finding->path, finding->message,
						 finding->rule);
		if (mode.transitive)
			appendStringInfo(detail, ", since version %d", version);
		appendStringInfoChar(detail, ')');
	}
	return count;
}

/* Refuse a set that breaks the newest version (or any, if transitive); the newest version's number. */
static int
check_successor(const char *subject, const EpProtoSchema *after, Compatibility mode)
{
	static EpStatement statement = {"SELECT version, descriptor_set FROM event_pipeline._protobuf_schema "
									"WHERE subject = $1 ORDER BY version DESC",
									1,
									{TEXTOID}};
	Datum values[1] = {CStringGetTextDatum(subject)};
	uint64 found = ep_catalog_run(&statement, values, NULL);
	StringInfoData detail;
	int newest = 0, count = 0;
	bool isnull;

	initStringInfo(&detail);
	for (uint64 i = 0; i < found && (i == 0 || mode.transitive) && mode.breaks != 0; i++)
	{
		int version = DatumGetInt32(ep_catalog_datum(i, 1, &isnull));
		bytea *set = DatumGetByteaPP(ep_catalog_datum(i, 2, &isnull));
		const EpProtoSchema *before = ep_protobuf_compile_in(
			CurrentMemoryContext, set, psprintf("version %d of protobuf subject \"%s\"", version, subject));

		count += append_violations(&detail, compare(before, after), mode, version);
	}
	if (found > 0)
		newest = DatumGetInt32(ep_catalog_datum(0, 1, &isnull));
	if (count > 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_SCHEMA_DEFINITION),
			 errmsg("descriptor set is no compatible successor of version %d of protobuf subject \"%s\"",
					newest, subject),
			 errdetail("%s", detail.data),
			 errhint("Mend the .proto file, or register with compatibility \"none\" if the break is meant. "
					 "In streams, renamed fields and enum values keep their columns and names.")));
	return newest;
}

static Datum
message_names(const EpProtoSchema *schema)
{
	Datum *names = palloc(schema->message_count * sizeof(Datum));
	int count = 0;

	for (uint32 i = 0; i < schema->message_count; i++)
		if (!schema->messages[i].map_entry)
			names[count++] = CStringGetTextDatum(schema->messages[i].full_name);
	return PointerGetDatum(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* One that this snapshot does not see, of who registered while we waited, makes it a serialization failure. */
static void
insert_version(const char *subject, int version, bytea *set, const char *compatibility, const char *digest,
			   const EpProtoSchema *schema)
{
	static EpStatement statement = {
		"INSERT INTO event_pipeline._protobuf_schema "
		"(subject, version, descriptor_set, compatibility, digest, messages, registered_by) "
		"VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (subject, version) DO NOTHING",
		7,
		{TEXTOID, INT4OID, BYTEAOID, TEXTOID, TEXTOID, TEXTARRAYOID, NAMEOID}};
	NameData role;
	Datum values[7] = {CStringGetTextDatum(subject), Int32GetDatum(version),
					   PointerGetDatum(set),         CStringGetTextDatum(compatibility),
					   CStringGetTextDatum(digest),  message_names(schema),
					   NameGetDatum(&role)};

	namestrcpy(&role, GetUserNameFromId(GetUserId(), false));
	ep_catalog_run(&statement, values, NULL);
}

/*
 * register_protobuf(subject text, descriptor_set bytea, compatibility text) returns int
 */
EP_FUNCTION(ep_register_protobuf);
Datum
ep_register_protobuf(PG_FUNCTION_ARGS)
{
	char *subject, *compatibility;
	bytea *set;
	const EpProtoSchema *schema;
	Compatibility mode;
	char *digest;
	int version;

	ep_argument_required(fcinfo, 0, "subject");
	ep_argument_required(fcinfo, 1, "descriptor set");
	ep_argument_required(fcinfo, 2, "compatibility");
	subject = text_to_cstring(PG_GETARG_TEXT_PP(0));
	set = PG_GETARG_BYTEA_PP(1);
	compatibility = text_to_cstring(PG_GETARG_TEXT_PP(2));
	mode = parse_mode(compatibility);
	digest = sha256_hex(set);
	if (subject[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("protobuf subject must not be empty")));
	schema = ep_protobuf_compile_in(CurrentMemoryContext, set, "descriptor set");
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	lock_subject(subject);
	version = same_set(subject, digest);
	if (version == 0)
	{
		version = check_successor(subject, schema, mode) + 1;
		ep_protobuf_keep_columns(subject, schema);
		insert_version(subject, version, set, compatibility, digest, schema);
	}
	SPI_finish();
	PG_RETURN_INT32(version);
}

/* ---- protobuf_check ---- */

/*
 * protobuf_check(old bytea, new bytea, mode text) returns setof (severity, rule, path, message)
 *
 * severity: error, what a registration would refuse in this mode; warning, the rest.
 */
EP_FUNCTION(ep_protobuf_check);
Datum
ep_protobuf_check(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const EpProtoSchema *before, *after;
	Compatibility mode;

	ep_argument_required(fcinfo, 0, "old descriptor set");
	ep_argument_required(fcinfo, 1, "new descriptor set");
	ep_argument_required(fcinfo, 2, "mode");
	mode = parse_mode(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	before = ep_protobuf_compile_in(CurrentMemoryContext, PG_GETARG_BYTEA_PP(0), "old descriptor set");
	after = ep_protobuf_compile_in(CurrentMemoryContext, PG_GETARG_BYTEA_PP(1), "new descriptor set");
	InitMaterializedSRF(fcinfo, 0);
	for (const EpProtoFinding *finding = compare(before, after); finding != NULL; finding = finding->next)
	{
		Datum values[4] = {CStringGetTextDatum((finding->breaks & mode.breaks) != 0 ? "error" : "warning"),
						   CStringGetTextDatum(finding->rule), CStringGetTextDatum(finding->path),
						   CStringGetTextDatum(finding->message)};
		bool nulls[4] = {false, false, false, false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
