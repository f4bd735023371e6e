/*
 * outcome.c
 *	  What became of a row.
 */
#include "ingest/outcome.h"

#include "ingest/account.h"
#include "schema/journal.h"

/* Which quarter hours the rollups have to look at again. */
static void
touch(EpIngest *ingest, EpTargetWork *work, TimestampTz time)
{
	const int64 quarter = 15 * USECS_PER_MINUTE;
	TimestampTz granule = time - ((time % quarter) + quarter) % quarter;

	if (!work->target->tracked || granule == work->last_granule)
		return;
	if (work->granules == NULL)
	{
		HASHCTL control = {
			.keysize = sizeof(TimestampTz), .entrysize = sizeof(TimestampTz), .hcxt = ingest->context};

		work->granules =
			hash_create("event_pipeline granules", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	hash_search(work->granules, &granule, HASH_ENTER, NULL);
	work->last_granule = granule;
}

static void
succeeded(EpIngest *ingest, const EpRow *row)
{
	AttrNumber received_at = row->work->target->received_at;

	touch(ingest, row->work, row->time);
	ingest->counters->events++;
	ingest->counters->typed++;
	if (row->counted == EP_COUNTED)
	{
		ingest->counters->typed_again++;
		return;
	}
	if (received_at != InvalidAttrNumber)
		ep_histogram_add(&ingest->counters->lag,
						 DatumGetTimestampTz(row->values[received_at - 1]) - row->time);
	ingest->counters->rescued += row->rescued;
	ingest->counters->discarded_values += row->discarded;
	ingest->counters->unnamed_enums += row->unnamed_enums;
	ingest->counters->last_event = Max(ingest->counters->last_event, row->time);
}

void
ep_outcome_refused(EpIngest *ingest, EpRow *row, const ErrorData *error)
{
	EpRejection rejection = {.raw_id = row->raw_id,
							 .seq = row->seq,
							 .stage = "constraint",
							 .path = error->column_name,
							 .expected = error->constraint_name,
							 .sqlstate = unpack_sql_state(error->sqlerrcode),
							 .message = error->message,
							 .detail = error->detail,
							 .bytes = row->bytes,
							 .length = row->length};

	row->refused = true;
	ep_journal_reject(ingest->stream, &rejection);
	ep_ingest_count_rejected(ingest, rejection.stage, row->counted);
	if (row->event_id != NULL && OidIsValid(ingest->stream->id_table))
		ep_dedupe_release(ingest, row->event_id);
}

bool
ep_outcome_is_about_row(const ErrorData *error)
{
	int category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	return category != ERRCODE_TRANSACTION_ROLLBACK && category != ERRCODE_SYSTEM_ERROR &&
		   category != ERRCODE_INSUFFICIENT_RESOURCES && error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE &&
		   error->sqlerrcode != ERRCODE_DATA_CORRUPTED && error->sqlerrcode != ERRCODE_INDEX_CORRUPTED;
}

void
ep_outcome_taken(EpIngest *ingest, EpRow *row)
{
	ErrorData error = {.sqlerrcode = ERRCODE_TRIGGERED_ACTION_EXCEPTION,
					   .message = "a trigger left the row out"};

	if (row->left_out)
		ep_outcome_refused(ingest, row, &error);
	else
		succeeded(ingest, row);
}
