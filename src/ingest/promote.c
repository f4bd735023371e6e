/*
 * promote.c
 *	  Columns for attributes that were kept in _ep_rescued.
 *
 * The same change as ingest makes (ep_evolve_columns), under the same names, registry and caps, but with patience: the
 * lock is tried now and then for some seconds, and still never waited for.  Values are moved by SQL afterwards
 * (lifecycle/promote.sql).
 */
#include "ingest/evolve.h"

#include "ingest/caps.h"

#include "core/memory_server.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "schema/attempt.h"
#include "schema/relation.h"
#include "schema/role.h"
#include "schema/type_map.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#define TRIES 20
#define PAUSE_US 100000
#define ARENA_BYTES ((size_t) 64 * 1024 * 1024)

/* What is asked for, in parallel arrays. */
typedef struct Request
{
	EpStream *stream;
	EpTarget *target;
	EpArena arena;
	char **paths;
	int count;
} Request;

static Datum *
elements(Datum array, Oid type, int *count)
{
	int16 length;
	bool by_value;
	char align;
	Datum *items;

	get_typlenbyvalalign(type, &length, &by_value, &align);
	deconstruct_array(DatumGetArrayTypeP(array), type, length, by_value, align, &items, NULL, count);
	return items;
}

/* Arguments (event_table regclass, target_id int, paths text[]). The caller has connected to SPI. */
static void
open_request(Request *request, FunctionCallInfo fcinfo)
{
	int target_id = PG_GETARG_INT32(1);
	Datum *paths;

	request->stream = ep_stream_of_event_table(PG_GETARG_OID(0));
	ep_check_owner(request->stream->event_relation);
	for (int t = 0; t < request->stream->target_count; t++)
		if (request->stream->targets[t]->id == target_id)
			request->target = request->stream->targets[t];
	if (request->target == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("stream \"%s\" has no event table number %d",
							   get_rel_name(request->stream->event_relation), target_id)));
	ep_target_reload(request->stream, request->target);
	ep_arena_init(&request->arena, ep_palloc_allocator(CurrentMemoryContext), ARENA_BYTES);
	paths = elements(PG_GETARG_DATUM(2), TEXTOID, &request->count);
	request->paths = palloc(sizeof(char *) * Max(request->count, 1));
	for (int i = 0; i < request->count; i++)
		request->paths[i] = TextDatumGetCString(paths[i]);
}

/* The attribute that the path is a spelling of; *path and *identity are its own. NULL: it has none yet. */
static EpAttribute *
find_attribute(Request *request, const char *text, EpPath **path, char **identity)
{
	*path = ep_path_from_text(&request->stream->paths, text, &request->arena);
	*identity = *path == NULL ? NULL : ep_path_identity(*path, &request->arena);
	return *identity == NULL ? NULL : ep_target_attribute(request->target, *identity);
}

/* ---- adding columns ---- */

static EpNewAttribute *
find_new(EpColumnChange *change, const char *identity)
{
	for (int i = 0; i < change->count; i++)
		if (strcmp(change->attributes[i].identity, identity) == 0)
			return &change->attributes[i];
	return NULL;
}

/* Values of another statement, maybe in another spelling: the type that holds all, or that of the first. */
static void
join_type(EpNewAttribute *attribute, EpType type, bool wide, bool untyped)
{
	EpType joined = ep_type_join(attribute->type, type, untyped);

	attribute->wide |= wide;
	if (joined == EP_TYPE_FLOAT8 && attribute->wide)
		joined = EP_TYPE_NUMERIC;
	if (joined != EP_TYPE_NONE)
		attribute->type = joined;
}

/* Objects above it are kept whole by now: nothing would come into its column. */
static bool
is_in_map(const EpPath *path)
{
	while ((path = path->parent) != NULL)
		if (path->whole)
			return true;
	return false;
}

static void
gather(Request *request, EpColumnChange *change, Datum *types, Datum *wides)
{
	EpStream *stream = request->stream;
	const char *reason;
	int room = ep_caps_room(stream, request->target, &reason);

	for (int i = 0; i < request->count; i++)
	{
		EpType type = ep_type_from_oid(DatumGetObjectId(types[i]));
		bool wide = DatumGetBool(wides[i]);
		EpPath *path;
		char *identity;
		EpNewAttribute *attribute;

		if (find_attribute(request, request->paths[i], &path, &identity) != NULL || identity == NULL ||
			type == EP_TYPE_NONE || is_in_map(path) ||
			ep_contract_of_path(stream->contract, EP_CONTRACT_COLUMNS, path, NULL) != EP_POLICY_EVOLVE)
			continue;
		attribute = find_new(change, identity);
		if (attribute != NULL)
			join_type(attribute, type, wide, stream->format->untyped);
		else if (change->count < room)
			change->attributes[change->count++] = (EpNewAttribute){.identity = identity,
																   .path = path,
																   .comment = path->comment,
																   .type = type,
																   .wide = wide,
																   .untyped = stream->format->untyped};
	}
}

/* Try, pause, try again; NULL when it is done, else why not. */
static const char *
add_patiently(EpColumnChange *change)
{
	for (int i = 0; i < TRIES; i++)
	{
		ErrorData *error;

		CHECK_FOR_INTERRUPTS();
		if (i > 0)
			pg_usleep(PAUSE_US);
		if (ep_attempt(ep_evolve_columns, change, &error))
			return NULL;
		if (error != NULL)
			ReThrowError(error);
	}
	return change->refusal;
}

/*
 * _promote_columns(event_table regclass, target_id int, paths text[], types oid[], wide boolean[]) returns void: add the
 * columns that these attributes lack, the first ones first, as many as the stream's caps let in.  55P03 when the lock
 * was not to be had.
 */
EP_FUNCTION(ep_promote_columns);

Datum
ep_promote_columns(PG_FUNCTION_ARGS)
{
	Request request = {NULL};
	EpColumnChange change = {.mode = "promoted"};
	const char *refusal;
	EpRole saved;
	int count, pinned;

	SPI_connect();
	open_request(&request, fcinfo);
	change.stream = request.stream;
	change.target = request.target;
	change.arena = &request.arena;
	change.attributes = palloc(sizeof(EpNewAttribute) * Max(request.count, 1));
	gather(&request, &change, elements(PG_GETARG_DATUM(3), OIDOID, &count),
		   elements(PG_GETARG_DATUM(4), BOOLOID, &count));
	saved = ep_role_enter_owner(request.stream->owner);
	pinned = ep_settings_pin();
	refusal = change.count == 0 ? NULL : add_patiently(&change);
	ep_settings_unpin(pinned);
	ep_role_leave(saved);
	if (refusal != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE), errmsg("columns were not added to \"%s\": it is in use",
															 get_rel_name(request.target->relation))));
	SPI_finish();
	PG_RETURN_VOID();
}

/*
 * _promoted(event_table regclass, target_id int, paths text[]) returns setof (path text, column_name name): those of the
 * paths that have a column by now.
 */
EP_FUNCTION(ep_promoted);

Datum
ep_promoted(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Request request = {NULL};

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	open_request(&request, fcinfo);
	for (int i = 0; i < request.count; i++)
	{
		EpPath *path;
		char *identity;
		EpAttribute *attribute = find_attribute(&request, request.paths[i], &path, &identity);
		Datum values[2];
		bool nulls[2] = {false};
		NameData name;

		if (attribute == NULL || attribute->attnum == InvalidAttrNumber || attribute->type == EP_TYPE_NONE)
			continue;
		namestrcpy(&name, attribute->column_name);
		values[0] = CStringGetTextDatum(request.paths[i]);
		values[1] = NameGetDatum(&name);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	SPI_finish();
	PG_RETURN_NULL();
}
