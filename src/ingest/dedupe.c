/*
 * dedupe.c
 *	  event_id: an event that was seen before is counted, not inserted.
 *
 * Ids are taken in the table "<stream>_ids" by INSERT ... ON CONFLICT DO NOTHING, in the client's
 * transaction: a concurrent session with the same id waits until we commit or abort, so an id is
 * taken once across statements, sessions and partitions.  Ids are taken in sorted order, so that two
 * batches that share several cannot deadlock.
 */
#include "ingest/batch.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "schema/attempt.h"
#include "schema/relation.h"
#include "schema/role.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

/* So often an id is waited for that is then somebody else's. */
#define MAX_TRIES 1000

typedef struct TakenId
{
	char id[EP_EVENT_ID_MAX + 1]; /* hash key */
	TimestampTz time;
	bool fresh; /* nobody had it before this batch */
	EpRow *row; /* that has it in this round */
} TakenId;

char *
ep_dedupe_key(const char *bytes, size_t length, bool binary)
{
	bytea *digest;

	if (!binary && length <= EP_EVENT_ID_MAX)
		return pnstrdup(bytes, length);
	digest = DatumGetByteaPP(
		DirectFunctionCall1(sha256_bytea, PointerGetDatum(cstring_to_text_with_len(bytes, length))));
	return psprintf("sha256:%s", text_to_cstring(DatumGetTextPP(DirectFunctionCall2(
									 binary_encode, PointerGetDatum(digest), CStringGetTextDatum("hex")))));
}

char *
ep_dedupe_id(const EpValue *value)
{
	switch (value->kind)
	{
		case EP_INT:
			return psprintf(INT64_FORMAT, value->as.i);
		case EP_UINT:
			return psprintf(UINT64_FORMAT, value->as.u);
		case EP_BOOL:
		case EP_NULL:
			return NULL;
		default:
			if (value->text == NULL || value->length == 0)
				return NULL;
			break;
	}
	return ep_dedupe_key(value->text, value->length, value->kind == EP_BYTES);
}

static char *
id_table_name(EpIngest *ingest)
{
	Oid table = ingest->stream->id_table;

	if (get_rel_name(table) == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("the table of event ids of stream \"%s\" does not exist",
							   get_rel_name(ingest->stream->event_relation)),
						errdetail("Without it, events that came before cannot be told from new ones.")));
	return ep_relation_name(table);
}

/*
 * As the owner of the table of ids.  With a snapshot of now: under REPEATABLE READ an id that somebody took since the transaction's own one would otherwise be
 * a serialization failure, not a duplicate.  SPI would leave us in a context that lasts until SPI_finish; batches are many.
 */
static void
run(EpIngest *ingest, const char *sql, int count, Oid *types, Datum *values, int expected)
{
	MemoryContext context = CurrentMemoryContext;
	EpRole saved = ep_role_enter_owner_of(ingest->stream->id_table);
	SPIPlanPtr plan = SPI_prepare(sql, count, types);
	int code = plan == NULL ? SPI_result
							: SPI_execute_snapshot(plan, values, NULL, GetLatestSnapshot(), InvalidSnapshot,
												   false, true, 0);

	if (plan != NULL)
		SPI_freeplan(plan);
	ep_role_leave(saved);
	MemoryContextSwitchTo(context);
	if (code != expected)
		elog(ERROR, "could not run \"%s\": %s", sql, SPI_result_code_string(code));
}

static int
compare_ids(const void *a, const void *b)
{
	return strcmp((*(TakenId *const *) a)->id, (*(TakenId *const *) b)->id);
}

/* The distinct ids of the batch. */
static HTAB *
collect(EpBatch *batch)
{
	HASHCTL control = {.keysize = EP_EVENT_ID_MAX + 1, .entrysize = sizeof(TakenId), .hcxt = batch->context};
	HTAB *ids = hash_create("event_pipeline event ids", EP_BATCH_ROWS, &control,
							HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);

	for (int i = 0; i < batch->count; i++)
	{
		bool found;
		TakenId *entry;

		if (batch->rows[i].event_id == NULL || batch->rows[i].state != EP_ROW_WAITING)
			continue;
		entry = hash_search(ids, batch->rows[i].event_id, HASH_ENTER, &found);
		if (!found)
		{
			entry->time = batch->rows[i].time;
			entry->fresh = false;
			entry->row = NULL;
		}
	}
	return ids;
}

/* The ids of a batch, in order, on their way into the table. */
typedef struct Taking
{
	EpIngest *ingest;
	HTAB *ids;
	Datum texts, times; /* parallel arrays */
} Taking;

/* Take those that nobody has. */
static bool
take_ids(void *argument)
{
	Taking *taking = argument;
	Oid types[2] = {TEXTARRAYOID, TIMESTAMPTZARRAYOID};
	Datum values[2] = {taking->texts, taking->times};
	char *sql = psprintf("INSERT INTO %s (event_id, event_time)"
						 " SELECT i, t FROM unnest($1, $2) u(i, t) ON CONFLICT DO NOTHING RETURNING event_id",
						 id_table_name(taking->ingest));

	run(taking->ingest, sql, 2, types, values, SPI_OK_INSERT_RETURNING);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char *id = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		TakenId *entry = hash_search(taking->ids, id, HASH_FIND, NULL);

		if (entry != NULL)
			entry->fresh = true;
	}
	SPI_freetuptable(SPI_tuptable);
	return true;
}

/*
 * Under REPEATABLE READ an id that was taken while we waited for it is a serialization failure, even to a snapshot that was taken
 * before the wait.  To a later one it is a duplicate.
 */
static void
take_under_old_snapshot(Taking *taking)
{
	ErrorData *error;

	for (int i = 0; !ep_attempt(take_ids, taking, &error); i++)
		if (error->sqlerrcode != ERRCODE_T_R_SERIALIZATION_FAILURE || i == MAX_TRIES)
			ReThrowError(error);
}

static void
take(EpIngest *ingest, HTAB *ids)
{
	int count = hash_get_num_entries(ids), n = 0;
	TakenId **sorted = palloc(count * sizeof(TakenId *));
	Datum *texts = palloc(count * sizeof(Datum)), *times = palloc(count * sizeof(Datum));
	Taking taking = {ingest, ids};
	HASH_SEQ_STATUS scan;
	TakenId *entry;

	hash_seq_init(&scan, ids);
	while ((entry = hash_seq_search(&scan)) != NULL)
		sorted[n++] = entry;
	qsort(sorted, n, sizeof(TakenId *), compare_ids);
	for (int i = 0; i < n; i++)
	{
		texts[i] = CStringGetTextDatum(sorted[i]->id);
		times[i] = TimestampTzGetDatum(sorted[i]->time);
	}
	taking.texts = PointerGetDatum(construct_array(texts, n, TEXTOID, -1, false, TYPALIGN_INT));
	taking.times = PointerGetDatum(
		construct_array(times, n, TIMESTAMPTZOID, sizeof(TimestampTz), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	if (IsolationUsesXactSnapshot())
		take_under_old_snapshot(&taking);
	else
		(void) take_ids(&taking);
}

static void
is_duplicate(EpIngest *ingest, EpRow *row)
{
	row->state = EP_ROW_DONE;
	ingest->counters->duplicates_again += row->counted != EP_COUNTED_NO;
	ingest->counters->events++;
	ingest->counters->duplicates++;
}

void
ep_dedupe_batch(EpIngest *ingest, EpBatch *batch)
{
	HTAB *ids;

	if (!OidIsValid(ingest->stream->id_table))
		return;
	ep_ingest_pin(ingest);
	ids = collect(batch);
	if (hash_get_num_entries(ids) == 0)
		return;
	take(ingest, ids);
	for (int i = 0; i < batch->count; i++)
	{
		EpRow *row = &batch->rows[i];
		TakenId *entry;

		if (row->event_id == NULL || row->state != EP_ROW_WAITING)
			continue;
		entry = hash_search(ids, row->event_id, HASH_FIND, NULL);
		if (!entry->fresh)
			is_duplicate(ingest, row);
		else if (entry->row == NULL)
			entry->row = row;
		else
		{
			row->state = EP_ROW_HELD;
			row->first = entry->row;
		}
	}
}

bool
ep_dedupe_settle(EpIngest *ingest, EpBatch *batch)
{
	bool waiting = false;

	for (int i = 0; i < batch->count; i++)
	{
		EpRow *row = &batch->rows[i];

		if (row->state != EP_ROW_HELD)
			continue;
		if (row->first->refused)
		{
			row->state = EP_ROW_WAITING;
			waiting = true;
		}
		else
			is_duplicate(ingest, row);
	}
	return waiting;
}

void
ep_dedupe_release(EpIngest *ingest, const char *event_id)
{
	Oid types[1] = {TEXTOID};
	Datum values[1] = {CStringGetTextDatum(event_id)};
	char *sql = psprintf("DELETE FROM %s WHERE event_id = $1", id_table_name(ingest));

	run(ingest, sql, 1, types, values, SPI_OK_DELETE);
}
