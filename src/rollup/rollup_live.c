/*
 * rollup_live.c
 *	  One bucket of a rollup, computed for a reader of its live view.
 *
 * What a refresh would write is computed by the same statement, as the same role and under the same settings, but with the
 * snapshot of the query that reads: its events, its invalidations and the stored buckets are of one moment.
 */
#include "rollup/rollup.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "utils/builtins.h"
#include "utils/guc.h"

EP_FUNCTION(ep_rollup_live);

/* How a bucket is computed. */
typedef struct Bucket
{
	Oid owner;
	char *search_path;
	char *time_zone;
	char *statement;
	Datum bounds[2];
} Bucket;

static char *
text_column(int column)
{
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);
}

/* The caller has proved that they may read it by the key, which the view alone can read for them. */
static void
find_bucket(Datum rollup_id, Datum key, Datum start, Bucket *bucket)
{
	static const char *const query =
		"SELECT r.owner, r.search_path, r.time_zone, event_pipeline._rollup_select(r, $3, true),"
		" event_pipeline._bucket_end($3, r.bucket, r.time_zone)"
		" FROM event_pipeline._rollup r WHERE r.rollup_id = $1 AND r.live_key = $2";
	static const Oid types[3] = {INT4OID, INT8OID, TIMESTAMPTZOID};
	Datum values[3] = {rollup_id, key, start};
	bool isnull;

	if (SPI_execute_with_args(query, 3, (Oid *) types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look up a rollup");
	if (SPI_processed == 0)
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("permission denied for rollup %d", DatumGetInt32(rollup_id))));
	bucket->owner = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	bucket->search_path = text_column(2);
	bucket->time_zone = text_column(3);
	bucket->statement = text_column(4);
	bucket->bounds[0] = start;
	bucket->bounds[1] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 5, &isnull);
}

static void
run_into(const Bucket *bucket, ReturnSetInfo *result)
{
	static const Oid types[2] = {TIMESTAMPTZOID, TIMESTAMPTZOID};
	ParamListInfo parameters = makeParamList(2);
	SPIExecuteOptions options = {.params = parameters, .read_only = true};

	for (int i = 0; i < 2; i++)
	{
		parameters->params[i].value = bucket->bounds[i];
		parameters->params[i].isnull = false;
		parameters->params[i].pflags = PARAM_FLAG_CONST;
		parameters->params[i].ptype = types[i];
	}
	options.dest = CreateDestReceiver(DestTuplestore);
	SetTuplestoreDestReceiverParams(
		options.dest, result->setResult, result->econtext->ecxt_per_query_memory, false, result->setDesc,
		gettext_noop("the query of a rollup does not give the columns of its live view"));
	if (SPI_execute_extended(bucket->statement, &options) < 0)
		elog(ERROR, "could not run: %s", bucket->statement);
	options.dest->rDestroy(options.dest);
}

/*
 * _rollup_live(rollup_id int, key bigint, start timestamptz) -> setof record
 * The rows of the bucket that begins at start, as of the caller's snapshot.  42501 when the key is another one.
 */
Datum
ep_rollup_live(PG_FUNCTION_ARGS)
{
	Bucket bucket;
	Oid user;
	int security_context;
	int level;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	SPI_connect();
	find_bucket(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), &bucket);
	GetUserIdAndSecContext(&user, &security_context);
	level = ep_rollup_pin_settings(bucket.search_path, bucket.time_zone);
	SetUserIdAndSecContext(bucket.owner,
						   security_context | SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE);
	run_into(&bucket, (ReturnSetInfo *) fcinfo->resultinfo);
	SetUserIdAndSecContext(user, security_context);
	AtEOXact_GUC(false, level);
	SPI_finish();
	return (Datum) 0;
}
