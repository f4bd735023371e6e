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
#include "ingest/declared.h"
#include "ingest/gather.h"

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

/* What is asked for, in parallel arrays: attributes, and what is known of the values of each. */
typedef struct Request
{
	EpStream *stream;
	EpTarget *target;
	EpArena arena;
	char **paths;
	EpTypeGuess *guesses;
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

/* Arguments (event_table regclass, target_id int, paths text[], types oid[], misfits int[]). The caller has connected to SPI. */
static void
open_request(Request *request, FunctionCallInfo fcinfo)
{
	int target_id = PG_GETARG_INT32(1);
	Datum *paths, *types, *misfits;
	int type_count, misfit_count;

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
	types = elements(PG_GETARG_DATUM(3), OIDOID, &type_count);
	misfits = elements(PG_GETARG_DATUM(4), INT4OID, &misfit_count);
	if (type_count != request->count || misfit_count != request->count)
		elog(ERROR, "arrays of paths, types and misfits differ in length");
	request->paths = palloc(sizeof(char *) * Max(request->count, 1));
	request->guesses = palloc(sizeof(EpTypeGuess) * Max(request->count, 1));
	for (int i = 0; i < request->count; i++)
	{
		request->paths[i] = TextDatumGetCString(paths[i]);
		request->guesses[i] =
			(EpTypeGuess){ep_type_from_oid(DatumGetObjectId(types[i])), DatumGetInt32(misfits[i])};
	}
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

/* Objects above it are kept whole by now: nothing would come into its column. */
static bool
is_in_map(const EpPath *path)
{
	while ((path = path->parent) != NULL)
		if (path->whole)
			return true;
	return false;
}

/* The wish of entry i; false when it cannot have a column. */
static bool
wish_of(Request *request, int i, int64 count, EpNewAttribute *wish)
{
	EpStream *stream = request->stream;
	EpPath *path;
	char *identity;
	bool is_new = find_attribute(request, request->paths[i], &path, &identity) == NULL;

	if (identity == NULL || request->guesses[i].type == EP_TYPE_NONE || is_in_map(path))
		return false;
	*wish = (EpNewAttribute){.identity = identity,
							 .path = path,
							 .comment = path->comment,
							 .guess = request->guesses[i],
							 .count = count};
	return !is_new || ep_declared_column(stream, request->target, path, identity) != InvalidAttrNumber ||
		   ep_contract_of_path(stream->contract, EP_CONTRACT_COLUMNS, path, NULL) == EP_POLICY_EVOLVE;
}

/* What they need that is not there, the most wanted as far as there is room. */
static void
gather(Request *request, EpColumnChange *change, const Datum *counts)
{
	EpGather gather;
	const char *reason;

	ep_gather_begin(&gather, change, request->count);
	for (int i = 0; i < request->count; i++)
	{
		EpNewAttribute wish;

		if (wish_of(request, i, DatumGetInt64(counts[i]), &wish))
			(void) ep_gather_add(&gather, &wish);
	}
	if (change->count > 0)
		pfree(ep_gather_cut(&gather, ep_caps_room(request->stream, request->target, &reason)));
}

/* Try, pause, try again; NULL when it is done, else why not, with *error when somebody forbids it. */
static const char *
add_patiently(EpColumnChange *change, ErrorData **error)
{
	for (int i = 0; i < TRIES; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (i > 0)
			pg_usleep(PAUSE_US);
		if (ep_attempt(ep_evolve_columns, change, error))
			return NULL;
		if (*error != NULL)
			return ep_evolve_refusal(*error);
	}
	return change->refusal;
}

/* All of them at once; when somebody forbids that, an event trigger maybe, those that he lets in. */
static const char *
add(EpColumnChange *change)
{
	ErrorData *error = NULL;
	const char *refusal = add_patiently(change, &error);
	EpColumnChange single = *change;
	int refused = 0;

	if (error != NULL && (change->count == 1 || strcmp(refusal, "contract") != 0))
		ReThrowError(error);
	if (error == NULL)
		return refusal;
	for (int i = 0; i < change->count; i++)
	{
		single.attributes = &change->attributes[i];
		single.count = 1;
		if (add_patiently(&single, &error) == NULL)
			continue;
		refused++;
		if (error != NULL)
			ereport(WARNING,
					(errmsg("no column was added to \"%s\" for \"%s\": %s",
							get_rel_name(change->target->relation),
							ep_path_to_text(change->attributes[i].path, change->arena), error->message)));
	}
	return refused == change->count ? refusal : NULL;
}

/*
 * _promote_columns(event_table regclass, target_id int, paths text[], types oid[], misfits int[], counts bigint[]) returns void:
 * add the columns and variants that these values lack, the most frequent first, as many as the stream's caps let in.  55P03 when
 * the lock was not to be had.
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
	gather(&request, &change, elements(PG_GETARG_DATUM(5), INT8OID, &count));
	saved = ep_role_enter_owner(request.stream->owner);
	pinned = ep_settings_pin();
	refusal = change.count == 0 ? NULL : add(&change);
	ep_settings_unpin(pinned);
	ep_role_leave(saved);
	if (refusal != NULL)
		ereport(ERROR, (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
						errmsg(strcmp(refusal, "contract") == 0
								   ? "columns were not added to \"%s\": an event trigger forbids it"
								   : "columns were not added to \"%s\": it is in use",
							   get_rel_name(request.target->relation))));
	SPI_finish();
	PG_RETURN_VOID();
}

/* Is there a column for the values of entry i?  One that was dropped does not count. */
static bool
has_column(const Request *request, const EpAttribute *attribute, int i)
{
	if (ep_target_attribute_column(request->target, attribute).state != EP_COLUMN_KNOWN)
		return false;
	for (; attribute != NULL; attribute = ep_target_next_variant(request->target, attribute))
		if (attribute->attnum != InvalidAttrNumber && ep_type_holds(attribute->type, &request->guesses[i]))
			return true;
	return false;
}

/* The columns of an attribute that can be written, its own first, as name[] and regtype[]. */
static void
column_arrays(const EpTarget *target, const EpAttribute *attribute, Datum *columns, Datum *types)
{
	Datum *names = palloc(sizeof(Datum) * target->attribute_count);
	Datum *oids = palloc(sizeof(Datum) * target->attribute_count);
	int count = 0;

	for (; attribute != NULL; attribute = ep_target_next_variant(target, attribute))
		if (attribute->attnum != InvalidAttrNumber)
		{
			Name name = palloc0(sizeof(NameData));

			namestrcpy(name, attribute->column_name);
			names[count] = NameGetDatum(name);
			oids[count++] = ObjectIdGetDatum(ep_type_oid(attribute->type));
		}
	*columns = PointerGetDatum(construct_array(names, count, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR));
	*types = PointerGetDatum(construct_array(oids, count, REGTYPEOID, sizeof(Oid), true, TYPALIGN_INT));
}

/*
 * _promoted(event_table regclass, target_id int, paths text[], types oid[], misfits int[]) returns setof (path text, column_type
 * regtype, misfits int, columns name[], types regtype[]): those of these values that have columns by now, and which.
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
		Datum values[5];
		bool nulls[5] = {false};

		if (attribute == NULL || !has_column(&request, attribute, i))
			continue;
		values[0] = CStringGetTextDatum(request.paths[i]);
		values[1] = ObjectIdGetDatum(ep_type_oid(request.guesses[i].type));
		values[2] = Int32GetDatum((int32) request.guesses[i].misfits);
		column_arrays(request.target, attribute, &values[3], &values[4]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	SPI_finish();
	PG_RETURN_NULL();
}
