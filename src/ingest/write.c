/*
 * write.c
 *	  Pass two over a statement: every event becomes a row, a rejection or a duplicate.
 */
#include "ingest/batch.h"

#include "ingest/account.h"
#include "ingest/passes.h"
#include "ingest/place.h"
#include "ingest/walk.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

/* A batch begins with room for so many. */
#define FIRST_ROWS 8

/* Rows wait for each other up to this much memory. */
#define MAX_BATCH_BYTES (16 * 1024 * 1024)

/* As much of a bad value as a message shows. */
#define MAX_SHOWN_BYTES 100

void
ep_write_refused(EpIngest *ingest, const EpRawRow *row, int32 seq, const EpEvent *event, const EpError *error)
{
	char detail[64];

	snprintf(detail, sizeof detail, "At byte %zu of the payload.", error->offset);
	ep_ingest_reject(ingest, row, seq, "decode", error, row->length == 0 ? NULL : detail, event->bytes,
					 event->length);
}

static void
reject_event(EpIngest *ingest, const EpRawRow *raw, int32 seq, const EpEvent *event, const char *stage,
			 const EpError *error, const char *detail)
{
	ep_ingest_reject(ingest, raw, seq, stage, error, detail, event->bytes, event->length);
}

/* The start of a value as it came, for a message; NULL when there is nothing to show. */
static const char *
shown(EpIngest *ingest, const EpField *field)
{
	const EpValue *value = field == NULL ? NULL : &field->value;

	if (value == NULL || value->text == NULL || value->kind == EP_BYTES)
		return NULL;
	return ep_arena_strdup(&ingest->event_arena, value->text,
						   pg_mbcliplen(value->text, value->length, MAX_SHOWN_BYTES));
}

/* The event has no table: the stage at which it is rejected, and why. */
static const char *
refuse_route(EpIngest *ingest, const EpEvent *event, const EpKeys *keys, EpError *error)
{
	if (ep_contract_of_stream(ingest->stream->contract, EP_CONTRACT_TABLES) == EP_POLICY_REJECT)
	{
		ep_fail(error, EP_E_NO_TABLE, event->offset,
				"event's route has no table, and the contract rejects it");
		error->path = keys->route == NULL ? NULL : ep_path_to_text(keys->route->path, &ingest->event_arena);
		error->expected = "a route that has a table";
		error->found = event->route != NULL ? event->route : shown(ingest, keys->route);
		return "contract";
	}
	ep_fail(error, EP_E_LIMIT, event->offset, "event has no table to go to");
	error->found = event->route;
	error->expected = ingest->refused_route;
	return "table";
}

static const char *
why_no_partition(const EpIngest *ingest, const EpTargetWork *work)
{
	return work->no_partition != NULL
			   ? work->no_partition
			   : psprintf(
					 "A statement makes the newest %d that it needs (max_new_partitions), while the table has "
					 "fewer than %d (max_partitions).",
					 ingest->stream->max_new_partitions, ingest->stream->max_partitions);
}

/* The batch grows as needed: statements of one event are many, and want little. */
static EpRow *
next_row(EpBatch *batch)
{
	if (batch->count == batch->capacity)
	{
		batch->capacity = Min(8 * batch->capacity, EP_BATCH_ROWS);
		batch->rows = repalloc(batch->rows, batch->capacity * sizeof(EpRow));
	}
	return memset(&batch->rows[batch->count], 0, sizeof(EpRow));
}

void
ep_write_event(EpIngest *ingest, const EpRawRow *raw, int32 seq, EpEvent *event, EpPlace *place)
{
	EpBatch *batch = ingest->batch;
	EpRow *row = next_row(batch);
	MemoryContext old = MemoryContextSwitchTo(batch->context);
	EpError *error = &place->error;
	const char *stage = NULL, *detail = NULL;

	row->raw_id = raw->raw_id;
	row->seq = seq;
	row->time = place->time;
	row->work = place->work;
	row->counted = ep_ingest_counted(ingest, raw, seq);
	if (place->code != EP_OK)
	{
		stage = "time";
		error->found = shown(ingest, place->keys.time);
	}
	else if (row->work == NULL)
		stage = refuse_route(ingest, event, &place->keys, error);
	else if (!ep_coverage_has(ep_coverage_of(ingest->stream, row->work->target), row->time))
	{
		ep_fail(error, EP_E_LIMIT, event->offset, "no partition could be made for the event's time");
		stage = "time";
		detail = why_no_partition(ingest, row->work);
	}
	else
		stage = ep_row_build(ingest, row, event, &place->keys, raw, error);
	MemoryContextSwitchTo(old);
	if (stage != NULL && row->work == NULL && ep_ingest_is_discarded(ingest, event, &place->keys))
	{
		ingest->counters->events++;
		ingest->counters->discarded++;
		ingest->counters->discarded_again += row->counted != EP_COUNTED_NO;
		return;
	}
	if (stage != NULL)
	{
		reject_event(ingest, raw, seq, event, stage, error, detail);
		return;
	}
	if (++batch->count == EP_BATCH_ROWS || MemoryContextMemAllocated(batch->context, true) > MAX_BATCH_BYTES)
		ep_writer_flush(ingest, batch);
}

static void
write_event(EpIngest *ingest, const EpRawRow *raw, int32 seq, EpEvent *event)
{
	EpPlace place;

	ep_ingest_place(ingest, raw, event, false, &place);
	ep_write_event(ingest, raw, seq, event, &place);
}

void
ep_write_begin(EpIngest *ingest)
{
	EpBatch *batch = MemoryContextAlloc(ingest->context, sizeof(EpBatch));

	batch->context = AllocSetContextCreate(ingest->context, "event_pipeline batch", ALLOCSET_DEFAULT_SIZES);
	batch->count = batch->slots = 0;
	batch->capacity = FIRST_ROWS;
	batch->rows = MemoryContextAlloc(ingest->context, FIRST_ROWS * sizeof(EpRow));
	ingest->batch = batch;
}

void
ep_write_end(EpIngest *ingest)
{
	ep_writer_flush(ingest, ingest->batch);
	ep_writer_finish(ingest);
	MemoryContextDelete(ingest->batch->context);
	pfree(ingest->batch->rows);
	pfree(ingest->batch);
	ingest->batch = NULL;
}

void
ep_ingest_write(EpIngest *ingest)
{
	static const EpVisitor visitor = {false, write_event, ep_write_refused};

	ep_write_begin(ingest);
	ep_writer_start(ingest);
	ep_ingest_walk(ingest, &visitor);
	ep_write_end(ingest);
}
