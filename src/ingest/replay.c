/*
 * replay.c
 *	  Taking raw rows through the pipeline again: what was rejected, or what was never decoded.
 *
 * Idempotent: an event that has its row stays as it is, whatever is replayed.  Of a raw row with
 * rejections, the events that were rejected are tried again, and those after them when the last event known
 * of could not be decoded, because decoding stopped there; of a raw row without any, every event
 * that has no row.
 * The rejections that are tried again are replaced by what comes of it.
 *
 * Runs as the caller, who must own the event table; one replay of a stream at a time.
 */
#include "ingest/statement.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "schema/catalog.h"
#include "schema/registry.h"
#include "schema/role.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* One raw row to be replayed, with what is on record about it. */
typedef struct ReplayRow
{
	int64 raw_id;
	int32 *rejected; /* seqs, ascending */
	int rejected_count;
	int32 undecoded; /* the last one that could not be decoded; -1: none */
	int32 last;      /* known of: typed or rejected */
	int32 attempts;
} ReplayRow;

typedef struct EventKey
{
	int64 raw_id;
	int32 seq;
	int32 pad; /* keys are compared as bytes */
} EventKey;

typedef struct Replay
{
	EpRawSource source;
	EpStream *stream;
	ReplayRow *rows;
	int count;
	int at;      /* the row handed out last */
	HTAB *typed; /* events that have their row */
	char *fetch; /* the query for one raw row */
} Replay;

/* ---- what to replay ---- */

static Datum
bigint_array(const Replay *replay)
{
	Datum *items = palloc(sizeof(Datum) * Max(replay->count, 1));

	for (int i = 0; i < replay->count; i++)
		items[i] = Int64GetDatum(replay->rows[i].raw_id);
	return PointerGetDatum(
		construct_array(items, replay->count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static void
read_seqs(ReplayRow *row, Datum array)
{
	Datum *items;
	bool *nulls;

	deconstruct_array(DatumGetArrayTypeP(array), INT4OID, sizeof(int32), true, TYPALIGN_INT, &items, &nulls,
					  &row->rejected_count);
	row->rejected = palloc(sizeof(int32) * Max(row->rejected_count, 1));
	for (int i = 0; i < row->rejected_count; i++)
		row->rejected[i] = DatumGetInt32(items[i]);
}

/* The raw rows that are asked for, or those with rejections; only such as are still there. */
static void
find_rows(Replay *replay, Datum raw_ids, bool all, MemoryContext context)
{
	static EpStatement statement = {
		"SELECT w.raw_id, coalesce(pg_catalog.array_agg(r.seq ORDER BY r.seq) FILTER (WHERE r.seq IS NOT NULL), '{}'),"
		" coalesce(pg_catalog.max(r.seq) FILTER (WHERE r.stage OPERATOR(pg_catalog.=) 'decode'), -1),"
		" coalesce(pg_catalog.max(r.attempts), 0)"
		" FROM (SELECT DISTINCT raw_id FROM event_pipeline._rejection WHERE $3 AND stream_id = $1"
		"       UNION SELECT u FROM pg_catalog.unnest($2) u) w (raw_id)"
		" LEFT JOIN event_pipeline._rejection r ON r.stream_id = $1 AND r.raw_id = w.raw_id"
		" WHERE w.raw_id IS NOT NULL GROUP BY w.raw_id ORDER BY w.raw_id",
		3,
		{INT4OID, INT8ARRAYOID, BOOLOID}};
	Datum values[3] = {Int32GetDatum(replay->stream->id), raw_ids, BoolGetDatum(all)};
	uint64 n = ep_catalog_read(&statement, values);
	MemoryContext old = MemoryContextSwitchTo(context);

	replay->rows = palloc0(sizeof(ReplayRow) * Max(n, 1));
	for (uint64 i = 0; i < n; i++)
	{
		ReplayRow *row = &replay->rows[replay->count++];
		bool isnull;

		row->raw_id = DatumGetInt64(ep_catalog_datum(i, 1, &isnull));
		read_seqs(row, ep_catalog_datum(i, 2, &isnull));
		row->last = row->rejected_count == 0 ? 0 : row->rejected[row->rejected_count - 1];
		row->undecoded = DatumGetInt32(ep_catalog_datum(i, 3, &isnull));
		row->attempts = DatumGetInt32(ep_catalog_datum(i, 4, &isnull));
	}
	MemoryContextSwitchTo(old);
}

static char *
table_name(Oid relation)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
									  get_rel_name(relation));
}

/* Run a query with the raw ids as its parameter, as the owner of the tables. */
static uint64
select_by_raw_id(Replay *replay, const char *sql)
{
	EpRole saved = ep_role_enter_owner(replay->stream->owner);
	Oid types[1] = {INT8ARRAYOID};
	Datum values[1] = {bigint_array(replay)};

	if (SPI_execute_with_args(sql, 1, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read tables of the stream");
	ep_role_leave(saved);
	return SPI_processed;
}

static void
drop_missing_rows(Replay *replay)
{
	uint64 n =
		select_by_raw_id(replay, psprintf("SELECT raw_id FROM %s WHERE raw_id = ANY ($1) ORDER BY raw_id",
										  table_name(replay->stream->raw_relation)));
	int kept = 0;
	uint64 i = 0;

	for (int k = 0; k < replay->count && i < n; k++)
	{
		bool isnull;
		int64 there = DatumGetInt64(ep_catalog_datum(i, 1, &isnull));

		if (replay->rows[k].raw_id != there)
			continue;
		replay->rows[kept++] = replay->rows[k];
		i++;
	}
	replay->count = kept;
}

static int
compare_rows(const void *raw_id, const void *row)
{
	int64 x = *(const int64 *) raw_id, y = ((const ReplayRow *) row)->raw_id;

	return x < y ? -1 : x > y;
}

static void
note_typed(Replay *replay, int64 raw_id, int32 seq)
{
	EventKey key = {0};
	ReplayRow *row = bsearch(&raw_id, replay->rows, replay->count, sizeof(ReplayRow), compare_rows);

	key.raw_id = raw_id;
	key.seq = seq;
	hash_search(replay->typed, &key, HASH_ENTER, NULL);
	if (row != NULL)
		row->last = Max(row->last, seq);
}

static void
find_typed(Replay *replay)
{
	HASHCTL control = {
		.keysize = sizeof(EventKey), .entrysize = sizeof(EventKey), .hcxt = CurrentMemoryContext};

	replay->typed =
		hash_create("event_pipeline typed events", 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (int t = 0; t < replay->stream->target_count; t++)
	{
		uint64 n = select_by_raw_id(replay,
									psprintf("SELECT _ep_raw_id, _ep_seq FROM %s WHERE _ep_raw_id = ANY ($1)",
											 table_name(replay->stream->targets[t]->relation)));

		for (uint64 i = 0; i < n; i++)
		{
			bool isnull;

			note_typed(replay, DatumGetInt64(ep_catalog_datum(i, 1, &isnull)),
					   DatumGetInt32(ep_catalog_datum(i, 2, &isnull)));
		}
		SPI_freetuptable(SPI_tuptable);
	}
}

/* ---- as a source of raw rows ---- */

static void
rewind_replay(EpRawSource *source)
{
	((Replay *) source)->at = -1;
}

static bool
next_row(EpRawSource *source, MemoryContext row_context, EpRawRow *raw)
{
	Replay *replay = (Replay *) source;
	Oid types[1] = {INT8OID};
	Datum values[1];
	MemoryContext old;
	bool isnull;
	Datum payload;

	if (++replay->at >= replay->count)
		return false;
	*raw = (EpRawRow){.raw_id = replay->rows[replay->at].raw_id};
	values[0] = Int64GetDatum(raw->raw_id);
	if (SPI_execute_with_args(replay->fetch, 1, types, values, NULL, false, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		ereport(ERROR, (errcode(ERRCODE_NO_DATA_FOUND),
						errmsg("raw row " INT64_FORMAT " has gone while it was replayed", raw->raw_id)));
	raw->received_at = DatumGetTimestampTz(ep_catalog_datum(0, 1, &isnull));
	payload = ep_catalog_datum(0, 2, &isnull);
	if (!isnull)
	{
		struct varlena *bytes;

		old = MemoryContextSwitchTo(row_context);
		bytes = PG_DETOAST_DATUM_COPY(payload);
		MemoryContextSwitchTo(old);
		raw->payload = VARDATA_ANY(bytes);
		raw->length = VARSIZE_ANY_EXHDR(bytes);
	}
	SPI_freetuptable(SPI_tuptable);
	return true;
}

static bool
wants(EpRawSource *source, const EpRawRow *raw, int32 seq)
{
	Replay *replay = (Replay *) source;
	const ReplayRow *row = &replay->rows[replay->at];
	EventKey key = {0};

	key.raw_id = raw->raw_id;
	key.seq = seq;
	if (hash_search(replay->typed, &key, HASH_FIND, NULL) != NULL)
		return false;
	if (row->rejected_count == 0 || row->rejected[0] == 0)
		return true;
	if (row->undecoded == row->last && seq > row->last)
		return true;
	for (int i = 0; i < row->rejected_count; i++)
		if (row->rejected[i] == seq)
			return true;
	return false;
}

/* ---- the records ---- */

/* The rejections that are tried again go; how many they were. */
static int64
withdraw_rejections(Replay *replay)
{
	static EpStatement statement = {
		"DELETE FROM event_pipeline._rejection WHERE stream_id = $1 AND raw_id = ANY ($2)",
		2,
		{INT4OID, INT8ARRAYOID}};
	Datum values[2] = {Int32GetDatum(replay->stream->id), bigint_array(replay)};

	return ep_catalog_run(&statement, values, NULL);
}

/* Those that came back have been tried once more. */
static void
count_attempts(Replay *replay)
{
	static EpStatement statement = {
		"UPDATE event_pipeline._rejection SET attempts = $3 + 1 WHERE stream_id = $1 AND raw_id = $2",
		3,
		{INT4OID, INT8OID, INT4OID}};

	for (int i = 0; i < replay->count; i++)
	{
		Datum values[3] = {Int32GetDatum(replay->stream->id), Int64GetDatum(replay->rows[i].raw_id),
						   Int32GetDatum(replay->rows[i].attempts)};

		if (replay->rows[i].attempts > 0)
			ep_catalog_run(&statement, values, NULL);
	}
}

/*
 * _replay(event_table oid, raw_ids bigint[]) returns record (raw_rows, events, typed, rejected, duplicates): what
 * became of the events that were tried.  raw_ids NULL: all raw rows with rejections.
 */
EP_FUNCTION(ep_replay);

Datum
ep_replay(PG_FUNCTION_ARGS)
{
	Replay replay = {{rewind_replay, next_row, wants}};
	EpCounters counters = {.last_event = DT_NOBEGIN};
	MemoryContext context = CurrentMemoryContext;
	bool all = PG_ARGISNULL(1);
	Datum raw_ids = all ? PointerGetDatum(construct_empty_array(INT8OID)) : PG_GETARG_DATUM(1);
	int64 withdrawn;
	TupleDesc descriptor;
	Datum values[5];
	bool nulls[5] = {false};

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	SPI_connect();
	replay.stream = ep_stream_of_event_table(PG_GETARG_OID(0));
	ep_check_owner(replay.stream->event_relation);
	if (!ep_registry_try_lock(replay.stream->id, EP_REGISTRY_REPLAY))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
						errmsg("stream \"%s\" is being replayed already",
							   get_rel_name(replay.stream->event_relation)),
						errhint("Try again when the other session is done.")));
	find_rows(&replay, raw_ids, all, context);
	drop_missing_rows(&replay);
	find_typed(&replay);
	replay.fetch = psprintf("SELECT received_at, payload FROM %s WHERE raw_id = $1",
							table_name(replay.stream->raw_relation));
	withdrawn = withdraw_rejections(&replay);
	counters.events = counters.rejected = -withdrawn;
	ep_ingest_run(replay.stream, &replay.source, &counters);
	count_attempts(&replay);
	SPI_finish();
	values[0] = Int64GetDatum(replay.count);
	values[1] = Int64GetDatum(counters.events + withdrawn);
	values[2] = Int64GetDatum(counters.typed);
	values[3] = Int64GetDatum(counters.rejected + withdrawn);
	values[4] = Int64GetDatum(counters.duplicates);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}
