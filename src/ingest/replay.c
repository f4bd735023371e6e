/*
 * replay.c
 *	  Taking raw rows through the pipeline again: what was rejected, or what was never decoded.
 *
 * Idempotent: an event that has its row stays as it is, whatever is replayed.  Of a raw row with
 * rejections, the events that were rejected are tried again, and those after them when the last event known
 * of could not be decoded, because decoding stopped there; of a raw row without any, every event
 * that has no row.  The rejections that are tried again are replaced by what comes of it.
 *
 * Runs as the caller, who must own the event table; one replay of a stream at a time.
 */
#include "ingest/raw_rows.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "ingest/statement.h"
#include "schema/catalog.h"
#include "schema/relation.h"
#include "schema/registry.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* What is on record about one raw row. */
typedef struct ReplayRow
{
	int32 *rejected; /* seqs, ascending */
	int rejected_count;
	int32 undecoded; /* the last one that could not be decoded; -1: none */
	int32 last;      /* known of: typed or rejected */
	int32 attempts;
	EpCounted counted; /* when it came; of use where nothing else is on record */
	bool added;        /* to the raw rows of this run, for it was not counted before */
} ReplayRow;

typedef struct Replay
{
	EpRawRows rows;    /* first: see wants */
	ReplayRow *record; /* parallel to rows.ids */
	HTAB *typed;       /* events that have their row */
	EpCounters *counters;
	bool (*next)(EpRawSource *source, MemoryContext row_context, EpRawRow *raw); /* that of rows */
} Replay;

/* ---- what to replay ---- */

/* The raw rows with rejections, as bigint[]. */
static Datum
rejected_rows(EpStream *stream)
{
	static EpStatement statement = {
		"SELECT ARRAY(SELECT DISTINCT raw_id FROM event_pipeline._rejection WHERE stream_id = $1 AND raw_id IS NOT NULL"
		" AND dismissed_at IS NULL)",
		1,
		{INT4OID}};
	Datum values[1] = {Int32GetDatum(stream->id)};
	bool isnull;

	ep_catalog_read(&statement, values);
	return ep_catalog_datum(0, 1, &isnull);
}

static ReplayRow *
record_of(Replay *replay, int64 raw_id)
{
	int at = ep_raw_rows_find(&replay->rows, raw_id);

	return at < 0 ? NULL : &replay->record[at];
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

static void
read_rejections(Replay *replay)
{
	static EpStatement statement = {
		"SELECT r.raw_id, pg_catalog.array_agg(r.seq ORDER BY r.seq),"
		" coalesce(pg_catalog.max(r.seq) FILTER (WHERE r.stage OPERATOR(pg_catalog.=) 'decode'), -1),"
		" pg_catalog.max(r.attempts) FROM event_pipeline._rejection r"
		" WHERE r.stream_id OPERATOR(pg_catalog.=) $1 AND r.raw_id OPERATOR(pg_catalog.=) ANY ($2)"
		" AND r.seq IS NOT NULL GROUP BY r.raw_id",
		2,
		{INT4OID, INT8ARRAYOID}};
	Datum values[2] = {Int32GetDatum(replay->rows.stream->id), ep_raw_rows_ids(&replay->rows)};
	uint64 n = ep_catalog_read(&statement, values);

	replay->record = palloc0(sizeof(ReplayRow) * Max(replay->rows.count, 1));
	for (int i = 0; i < replay->rows.count; i++)
		replay->record[i].undecoded = -1;
	for (uint64 i = 0; i < n; i++)
	{
		bool isnull;
		ReplayRow *row = record_of(replay, DatumGetInt64(ep_catalog_datum(i, 1, &isnull)));

		read_seqs(row, ep_catalog_datum(i, 2, &isnull));
		row->last = row->rejected[row->rejected_count - 1];
		row->undecoded = DatumGetInt32(ep_catalog_datum(i, 3, &isnull));
		row->attempts = DatumGetInt32(ep_catalog_datum(i, 4, &isnull));
	}
}

static bool
nothing_on_record(const ReplayRow *row)
{
	return row->rejected_count == 0 && row->last == 0;
}

/* Of which raw rows is there nothing on record?  As bigint[]. */
static Datum
rows_without_record(const Replay *replay)
{
	ArrayBuildState *ids = initArrayResult(INT8OID, CurrentMemoryContext, false);

	for (int i = 0; i < replay->rows.count; i++)
		if (nothing_on_record(&replay->record[i]))
			accumArrayResult(ids, Int64GetDatum(replay->rows.ids[i]), false, INT8OID, CurrentMemoryContext);
	return makeArrayResult(ids, CurrentMemoryContext);
}

/* Which of them were counted when they came, by the transactions that wrote them. */
static void
read_counted(Replay *replay)
{
	static EpStatement statement = {
		"SELECT raw_id, counted FROM event_pipeline._sweep_counted($1, $2)", 2, {INT4OID, INT8ARRAYOID}};
	ArrayType *ids = DatumGetArrayTypeP(rows_without_record(replay));
	Datum values[2] = {Int32GetDatum(replay->rows.stream->id), PointerGetDatum(ids)};
	uint64 n = ARR_NDIM(ids) == 0 ? 0 : ep_catalog_run(&statement, values, NULL);

	for (uint64 i = 0; i < n; i++)
	{
		bool isnull;
		ReplayRow *row = record_of(replay, DatumGetInt64(ep_catalog_datum(i, 1, &isnull)));
		bool counted = DatumGetBool(ep_catalog_datum(i, 2, &isnull));

		row->counted = isnull ? EP_COUNTED_MAYBE : counted ? EP_COUNTED : EP_COUNTED_NO;
	}
}

static void
note_typed(Replay *replay, int64 raw_id, int32 seq)
{
	EpEventKey key = ep_event_key(raw_id, seq);
	ReplayRow *row = record_of(replay, raw_id);

	hash_search(replay->typed, &key, HASH_ENTER, NULL);
	row->last = Max(row->last, seq);
}

static void
read_typed(Replay *replay)
{
	EpStream *stream = replay->rows.stream;
	HASHCTL control = {
		.keysize = sizeof(EpEventKey), .entrysize = sizeof(EpEventKey), .hcxt = CurrentMemoryContext};

	replay->typed =
		hash_create("event_pipeline typed events", 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (int t = 0; t < stream->target_count; t++)
	{
		uint64 n = ep_raw_rows_select(&replay->rows, "_ep_raw_id, _ep_seq", stream->targets[t]->relation);

		for (uint64 i = 0; i < n; i++)
		{
			bool isnull;

			note_typed(replay, DatumGetInt64(ep_catalog_datum(i, 1, &isnull)),
					   DatumGetInt32(ep_catalog_datum(i, 2, &isnull)));
		}
		SPI_freetuptable(SPI_tuptable);
	}
}

static bool
wants(EpRawSource *source, const EpRawRow *raw, int32 seq)
{
	Replay *replay = (Replay *) source;
	const ReplayRow *row = &replay->record[replay->rows.at];
	EpEventKey key = ep_event_key(raw->raw_id, seq);

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

/* Rejections are withdrawn, and what was never decoded was never counted; all else was when its raw row came. */
static EpCounted
counted(EpRawSource *source, const EpRawRow *raw, int32 seq)
{
	Replay *replay = (Replay *) source;
	const ReplayRow *row = &replay->record[replay->rows.at];

	if (nothing_on_record(row))
		return row->counted;
	if (row->rejected_count == 0)
		return EP_COUNTED;
	return EP_COUNTED_NO;
}

/* A raw row that was never taken counts now, when it is first read. */
static bool
next(EpRawSource *source, MemoryContext row_context, EpRawRow *raw)
{
	Replay *replay = (Replay *) source;
	ReplayRow *row;

	if (!replay->next(source, row_context, raw))
		return false;
	row = &replay->record[replay->rows.at];
	if (nothing_on_record(row) && row->counted == EP_COUNTED_NO && !row->added)
	{
		row->added = true;
		replay->counters->raw_rows++;
		replay->counters->bytes += raw->length;
	}
	return true;
}

/* ---- the records ---- */

/* The rejections that are tried again go, and count no more; how many they were. */
static int64
withdraw_rejections(Replay *replay, EpCounters *counters)
{
	static EpStatement statement = {
		"WITH gone AS (DELETE FROM event_pipeline._rejection WHERE stream_id = $1 AND raw_id = ANY ($2) RETURNING stage)"
		" SELECT stage, pg_catalog.count(*) FROM gone GROUP BY stage",
		2,
		{INT4OID, INT8ARRAYOID}};
	Datum values[2] = {Int32GetDatum(replay->rows.stream->id), ep_raw_rows_ids(&replay->rows)};

	uint64 n = ep_catalog_run(&statement, values, NULL);
	int64 withdrawn = 0;

	for (uint64 i = 0; i < n; i++)
	{
		bool isnull;
		int64 events = DatumGetInt64(ep_catalog_datum(i, 2, &isnull));

		ep_counters_reject(counters, ep_catalog_text(i, 1), -events);
		withdrawn += events;
	}
	return withdrawn;
}

/* Those that came back have been tried once more. */
static void
count_attempts(Replay *replay)
{
	static EpStatement statement = {
		"UPDATE event_pipeline._rejection SET attempts = $3 + 1 WHERE stream_id = $1 AND raw_id = $2",
		3,
		{INT4OID, INT8OID, INT4OID}};

	for (int i = 0; i < replay->rows.count; i++)
	{
		Datum values[3] = {Int32GetDatum(replay->rows.stream->id), Int64GetDatum(replay->rows.ids[i]),
						   Int32GetDatum(replay->record[i].attempts)};

		if (replay->record[i].attempts > 0)
			ep_catalog_run(&statement, values, NULL);
	}
}

/* Replay the rows with these ids, or all with rejections; how many rejections were withdrawn. */
static int64
run(Replay *replay, EpStream *stream, Datum ids)
{
	int64 withdrawn;

	ep_raw_rows_open(&replay->rows, stream, DatumGetArrayTypeP(ids));
	replay->rows.source.wants = wants;
	replay->rows.source.counted = counted;
	replay->next = replay->rows.source.next;
	replay->rows.source.next = next;
	read_rejections(replay);
	read_typed(replay);
	read_counted(replay);
	withdrawn = withdraw_rejections(replay, replay->counters);
	ep_ingest_run(stream, &replay->rows.source, replay->counters);
	ep_raw_rows_close(&replay->rows);
	count_attempts(replay);
	return withdrawn;
}

/*
 * _replay(event_table regclass, raw_ids bigint[]) returns record (raw_rows, events, typed, rejected, duplicates, discarded): what
 * became of the events that were tried.  raw_ids NULL: all raw rows with rejections.
 */
EP_FUNCTION(ep_replay);

Datum
ep_replay(PG_FUNCTION_ARGS)
{
	EpCounters counters = {.last_event = DT_NOBEGIN};
	Replay replay = {.counters = &counters};
	EpStream *stream;
	int64 withdrawn;
	TupleDesc descriptor;
	Datum values[6];
	bool nulls[6] = {false};

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	descriptor = BlessTupleDesc(descriptor);
	SPI_connect();
	stream = ep_stream_of_event_table(PG_GETARG_OID(0));
	ep_check_owner(stream->event_relation);
	if (!ep_registry_try_lock(stream->id, EP_REGISTRY_REPLAY))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("stream \"%s\" is being replayed already", get_rel_name(stream->event_relation)),
				 errhint("Try again when the other session is done.")));
	withdrawn = run(&replay, stream, PG_ARGISNULL(1) ? rejected_rows(stream) : PG_GETARG_DATUM(1));
	values[0] = Int64GetDatum(replay.rows.count);
	SPI_finish();
	values[1] = Int64GetDatum(counters.events + withdrawn);
	values[2] = Int64GetDatum(counters.typed);
	values[3] = Int64GetDatum(counters.rejected + withdrawn);
	values[4] = Int64GetDatum(counters.duplicates);
	values[5] = Int64GetDatum(counters.discarded);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls)));
}
