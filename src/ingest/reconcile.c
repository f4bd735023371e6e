/*
 * reconcile.c
 *	  The exact audit: raw rows are decoded again, and every event of them is found somewhere.
 *
 * Raw rows, the keys of typed rows and those of rejections are read side by side in the order of (raw_id, seq), all in
 * one snapshot, so any number of them takes little memory, and every table is read once.  An event
 *
 *	  typed       has its row in a target
 *	  rejected    else has a rejection
 *	  discarded   else was one that the contract, as it is now, lets go
 *	  duplicate   else has an event_id that the id table holds
 *	  expired     else is older than the stream's retention, which has taken its row
 *	  missing     else: nobody has processed it, or its row was deleted by hand
 *
 * Writes nothing.  verify() compares contents, this counts.
 */
#include "ingest/batch.h"
#include "ingest/raw_rows.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "ingest/clock.h"
#include "ingest/place.h"
#include "ingest/statement.h"
#include "ingest/walk.h"
#include "lib/stringinfo.h"
#include "schema/catalog.h"
#include "schema/relation.h"
#include "schema/role.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* How many event_ids are looked up together. */
#define ID_BATCH 1000

/* What became of the events of one bucket. */
typedef struct Tally
{
	TimestampTz bucket; /* hash key */
	int64 raw_rows, events, typed, rejected, duplicates, discarded, expired, missing;
} Tally;

/* A sorted scan over (raw_id, seq), walked beside the raw rows. */
typedef struct KeyScan
{
	EpScan scan;
	bool started, ended;
	int64 raw_id;
	int32 seq;
} KeyScan;

/* An event whose event_id has yet to be looked up. */
typedef struct Unsettled
{
	Tally *tally;
	int64 raw_id;
	TimestampTz time;
	char *event_id;
} Unsettled;

typedef struct Reconcile
{
	EpRawSource source; /* first */
	EpStream *stream;
	EpScan raw;
	KeyScan *typed; /* one for each role that owns targets */
	int typed_count;
	KeyScan rejected;
	HTAB *tallies;
	Tally *tally;       /* of the current raw row */
	TimestampTz oldest; /* what retention keeps; DT_NOBEGIN: everything */
	MemoryContext context, batch;
	Unsettled unsettled[ID_BATCH];
	int unsettled_count;
	ArrayBuildState *missing; /* raw ids, when wanted, with repetitions */
} Reconcile;

/* ---- keys ---- */

static void
step_key(KeyScan *keys)
{
	bool isnull;

	keys->started = true;
	keys->ended = !ep_scan_next(&keys->scan);
	if (keys->ended)
		return;
	keys->raw_id = DatumGetInt64(ep_scan_datum(&keys->scan, 1, &isnull));
	keys->seq = DatumGetInt32(ep_scan_datum(&keys->scan, 2, &isnull));
}

/* Is this event among the keys?  To be asked in ascending order. */
static bool
has_key(KeyScan *keys, int64 raw_id, int32 seq)
{
	while (!keys->started ||
		   (!keys->ended && (keys->raw_id < raw_id || (keys->raw_id == raw_id && keys->seq < seq))))
		step_key(keys);
	return !keys->ended && keys->raw_id == raw_id && keys->seq == seq;
}

static bool
has_row(Reconcile *reconcile, int64 raw_id, int32 seq)
{
	for (int i = 0; i < reconcile->typed_count; i++)
		if (has_key(&reconcile->typed[i], raw_id, seq))
			return true;
	return false;
}

/* ---- events without a row ---- */

static void
is_missing(Reconcile *reconcile, Tally *tally, int64 raw_id, TimestampTz time)
{
	if (time < reconcile->oldest)
		tally->expired++;
	else
	{
		tally->missing++;
		if (reconcile->missing != NULL)
			accumArrayResult(reconcile->missing, Int64GetDatum(raw_id), false, INT8OID, reconcile->context);
	}
}

/* Which of the waiting events have an id that is taken? */
static void
settle(Reconcile *reconcile)
{
	MemoryContext old = MemoryContextSwitchTo(reconcile->batch);
	int count = reconcile->unsettled_count;
	bool *taken = palloc0(sizeof(bool) * Max(count, 1));
	Datum *ids = palloc(sizeof(Datum) * Max(count, 1));
	Oid types[1] = {TEXTARRAYOID};
	Datum values[1];
	EpScan scan;
	bool isnull;

	for (int i = 0; i < count; i++)
		ids[i] = CStringGetTextDatum(reconcile->unsettled[i].event_id);
	values[0] = PointerGetDatum(construct_array(ids, count, TEXTOID, -1, false, TYPALIGN_INT));
	ep_scan_open(&scan, ep_relation_owner(reconcile->stream->id_table),
				 psprintf("SELECT u.i FROM unnest($1) WITH ORDINALITY u(id, i)"
						  " WHERE EXISTS (SELECT FROM %s t WHERE t.event_id = u.id)",
						  ep_relation_name(reconcile->stream->id_table)),
				 1, types, values, true);
	while (ep_scan_next(&scan))
		taken[DatumGetInt64(ep_scan_datum(&scan, 1, &isnull)) - 1] = true;
	ep_scan_close(&scan);
	for (int i = 0; i < count; i++)
	{
		Unsettled *event = &reconcile->unsettled[i];

		if (taken[i])
			event->tally->duplicates++;
		else
			is_missing(reconcile, event->tally, event->raw_id, event->time);
	}
	reconcile->unsettled_count = 0;
	MemoryContextSwitchTo(old);
	MemoryContextReset(reconcile->batch);
}

static void
look_up_id(Reconcile *reconcile, int64 raw_id, TimestampTz time, const EpValue *value)
{
	MemoryContext old = MemoryContextSwitchTo(reconcile->batch);
	char *id = ep_dedupe_id(value);

	MemoryContextSwitchTo(old);
	if (id == NULL)
	{
		is_missing(reconcile, reconcile->tally, raw_id, time);
		return;
	}
	reconcile->unsettled[reconcile->unsettled_count++] = (Unsettled){reconcile->tally, raw_id, time, id};
	if (reconcile->unsettled_count == ID_BATCH)
		settle(reconcile);
}

/* ---- visiting ---- */

static void
count_event(EpIngest *ingest, const EpRawRow *raw, int32 seq, EpEvent *event)
{
	Reconcile *reconcile = (Reconcile *) ingest->source;
	Tally *tally = reconcile->tally;
	TimestampTz time;
	EpError error;
	EpKeys keys;

	tally->events++;
	if (has_row(reconcile, raw->raw_id, seq))
	{
		tally->typed++;
		return;
	}
	if (has_key(&reconcile->rejected, raw->raw_id, seq))
	{
		tally->rejected++;
		return;
	}
	ep_ingest_keys(ingest, event, &keys);
	if (ep_ingest_is_discarded(ingest, event, &keys))
	{
		tally->discarded++;
		return;
	}
	if (ep_clock_read(ingest->stream, event, keys.time, raw->received_at, &time, &error) != EP_OK)
		time = DT_NOEND; /* it would have been rejected */
	if (keys.id != NULL && OidIsValid(ingest->stream->id_table))
		look_up_id(reconcile, raw->raw_id, time, &keys.id->value);
	else
		is_missing(reconcile, tally, raw->raw_id, time);
}

static void
count_refused(EpIngest *ingest, const EpRawRow *raw, int32 seq, const EpEvent *event, const EpError *error)
{
	Reconcile *reconcile = (Reconcile *) ingest->source;

	reconcile->tally->events++;
	if (has_key(&reconcile->rejected, raw->raw_id, seq))
		reconcile->tally->rejected++;
	else
		is_missing(reconcile, reconcile->tally, raw->raw_id, DT_NOEND);
}

/* ---- the source ---- */

/* Everything is read once. */
static void
rewind_rows(EpRawSource *source)
{
}

static bool
next_row(EpRawSource *source, MemoryContext row_context, EpRawRow *raw)
{
	Reconcile *reconcile = (Reconcile *) source;
	TimestampTz bucket;
	bool isnull, found;

	if (!ep_raw_scan_next(&reconcile->raw, row_context, raw))
		return false;
	bucket = DatumGetTimestampTz(ep_scan_datum(&reconcile->raw, 4, &isnull));
	reconcile->tally = hash_search(reconcile->tallies, &bucket, HASH_ENTER, &found);
	if (!found)
		*reconcile->tally = (Tally){.bucket = bucket};
	reconcile->tally->raw_rows++;
	return true;
}

/* SELECT ... UNION ALL SELECT ... over all targets of an owner, ordered. */
static char *
typed_keys(EpStream *stream, Oid owner, const char *condition)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int t = 0; t < stream->target_count; t++)
		if (ep_relation_owner(stream->targets[t]->relation) == owner)
			appendStringInfo(&sql, "%sSELECT _ep_raw_id, _ep_seq FROM %s WHERE %s",
							 sql.len > 0 ? " UNION ALL " : "", ep_relation_name(stream->targets[t]->relation),
							 condition);
	appendStringInfoString(&sql, " ORDER BY 1, 2");
	return sql.data;
}

/* All have one owner, unless some were given away by hand. */
static void
open_typed(Reconcile *reconcile, Oid *types, Datum *values, const char *condition)
{
	EpStream *stream = reconcile->stream;
	List *owners = NIL;
	ListCell *owner;

	for (int t = 0; t < stream->target_count; t++)
		owners = list_append_unique_oid(owners, ep_relation_owner(stream->targets[t]->relation));
	reconcile->typed = palloc0(sizeof(KeyScan) * list_length(owners));
	foreach (owner, owners)
		ep_scan_open(&reconcile->typed[reconcile->typed_count++].scan, lfirst_oid(owner),
					 typed_keys(stream, lfirst_oid(owner), condition), 3, types, values, true);
}

/* Read and count; the conditions restrict raw rows and typed rows alike by $1 and $2; $3 is the width of a bucket. */
static void
run(Reconcile *reconcile, Oid *types, Datum *values, const char *raw_condition, const char *typed_condition)
{
	static const EpVisitor visitor = {false, count_event, count_refused};
	EpStream *stream = reconcile->stream;
	HASHCTL control = {
		.keysize = sizeof(TimestampTz), .entrysize = sizeof(Tally), .hcxt = CurrentMemoryContext};
	Oid stream_type[1] = {INT4OID};
	Datum stream_id[1] = {Int32GetDatum(stream->id)};
	int pinned = ep_settings_pin();

	reconcile->source = (EpRawSource){rewind_rows, next_row};
	reconcile->context = CurrentMemoryContext;
	reconcile->batch =
		AllocSetContextCreate(CurrentMemoryContext, "event_pipeline event ids", ALLOCSET_DEFAULT_SIZES);
	reconcile->tallies =
		hash_create("event_pipeline tallies", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	reconcile->oldest = ep_clock_oldest_kept(stream);
	ep_scan_open(&reconcile->rejected.scan, ep_catalog_owner(),
				 "SELECT raw_id, seq FROM event_pipeline._rejection"
				 " WHERE stream_id = $1 AND raw_id IS NOT NULL AND seq IS NOT NULL ORDER BY raw_id, seq",
				 1, stream_type, stream_id, true);
	open_typed(reconcile, types, values, typed_condition);
	ep_scan_open(
		&reconcile->raw, ep_relation_owner(stream->raw_relation),
		psprintf("SELECT raw_id, received_at, payload, date_bin($3, received_at, '2000-01-03 00:00+00')"
				 " FROM %s WHERE %s ORDER BY raw_id",
				 ep_relation_name(stream->raw_relation), raw_condition),
		3, types, values, true);
	ep_ingest_read(stream, &reconcile->source, &visitor);
	if (reconcile->unsettled_count > 0)
		settle(reconcile);
	ep_scan_close(&reconcile->raw);
	for (int i = 0; i < reconcile->typed_count; i++)
		ep_scan_close(&reconcile->typed[i].scan);
	ep_scan_close(&reconcile->rejected.scan);
	ep_settings_unpin(pinned);
}

static EpStream *
stream_of_caller(Oid event_relation)
{
	EpStream *stream = ep_stream_of_event_table(event_relation);

	ep_check_owner(stream->event_relation);
	return stream;
}

static void
put_tallies(Reconcile *reconcile, ReturnSetInfo *result)
{
	HASH_SEQ_STATUS scan;
	Tally *tally;

	hash_seq_init(&scan, reconcile->tallies);
	while ((tally = hash_seq_search(&scan)) != NULL)
	{
		Datum values[9] = {TimestampTzGetDatum(tally->bucket), Int64GetDatum(tally->raw_rows),
						   Int64GetDatum(tally->events),       Int64GetDatum(tally->typed),
						   Int64GetDatum(tally->rejected),     Int64GetDatum(tally->duplicates),
						   Int64GetDatum(tally->discarded),    Int64GetDatum(tally->expired),
						   Int64GetDatum(tally->missing)};
		bool nulls[9] = {false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/*
 * _reconcile(event_table regclass, from_time timestamptz, to_time timestamptz, bucket interval) returns setof (bucket,
 * raw_rows, events, typed, rejected, duplicates, discarded, expired, missing): what became of the events of raw rows
 * received from from_time on, before to_time, in no order.
 */
EP_FUNCTION(ep_reconcile);

Datum
ep_reconcile(PG_FUNCTION_ARGS)
{
	static const char condition[] = "received_at >= $1 AND received_at < $2";
	Oid types[3] = {TIMESTAMPTZOID, TIMESTAMPTZOID, INTERVALOID};
	Datum values[3] = {PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), PG_GETARG_DATUM(3)};
	Reconcile *reconcile = palloc0(sizeof(Reconcile));

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	reconcile->stream = stream_of_caller(PG_GETARG_OID(0));
	run(reconcile, types, values, condition, condition);
	put_tallies(reconcile, (ReturnSetInfo *) fcinfo->resultinfo);
	SPI_finish();
	PG_RETURN_NULL();
}

static int64
least_id(ArrayType *ids)
{
	ArrayIterator items = array_create_iterator(ids, 0, NULL);
	int64 least = PG_INT64_MAX;
	Datum id;
	bool isnull;

	while (array_iterate(items, &id, &isnull))
		if (!isnull)
			least = Min(least, DatumGetInt64(id));
	array_free_iterator(items);
	return least;
}

/*
 * _unprocessed(event_table regclass, raw_ids bigint[]) returns bigint[]: of these, the raw rows with an event that is
 * missing.
 */
EP_FUNCTION(ep_unprocessed);

Datum
ep_unprocessed(PG_FUNCTION_ARGS)
{
	Oid types[3] = {INT8ARRAYOID, INT8OID, INTERVALOID};
	Interval ever = {.month = 0, .day = 1000000};
	Datum values[3] = {PG_GETARG_DATUM(1), Int64GetDatum(least_id(PG_GETARG_ARRAYTYPE_P(1))),
					   IntervalPGetDatum(&ever)};
	Reconcile *reconcile = palloc0(sizeof(Reconcile));
	Datum missing;

	reconcile->missing = initArrayResult(INT8OID, CurrentMemoryContext, false);
	SPI_connect();
	reconcile->stream = stream_of_caller(PG_GETARG_OID(0));
	run(reconcile, types, values, "raw_id IN (SELECT unnest($1)) AND raw_id >= $2",
		"_ep_raw_id IN (SELECT unnest($1)) AND _ep_raw_id >= $2");
	SPI_finish();
	missing = makeArrayResult(reconcile->missing, CurrentMemoryContext);
	PG_RETURN_DATUM(missing);
}
