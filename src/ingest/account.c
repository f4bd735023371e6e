/*
 * account.c
 *	  What is counted and put on record of the events of a run.
 */
#include "ingest/account.h"

#include "ingest/wanted.h"

EpCounted
ep_ingest_counted(EpIngest *ingest, const EpRawRow *raw, int32 seq)
{
	EpRawSource *source = ingest->source;

	return source->counted == NULL ? EP_COUNTED_NO : source->counted(source, raw, seq);
}

void
ep_ingest_count_rejected(EpIngest *ingest, const char *stage, EpCounted counted)
{
	ep_counters_reject(ingest->counters, stage, 1);
	ingest->counters->typed_again += counted == EP_COUNTED;
}

void
ep_ingest_reject(EpIngest *ingest, const EpRawRow *row, int32 seq, const char *stage, const EpError *error,
				 const char *detail, const char *bytes, size_t length)
{
	EpRejection rejection = {.raw_id = row->raw_id,
							 .seq = seq,
							 .stage = stage,
							 .path = error->path,
							 .expected = error->expected,
							 .found = error->found,
							 .sqlstate = ep_sqlstate(error->code),
							 .message = error->message,
							 .detail = detail,
							 .bytes = bytes,
							 .length = length};

	ep_journal_reject(ingest->stream, &rejection);
	ep_ingest_count_rejected(ingest, stage, ep_ingest_counted(ingest, row, seq));
}

void
ep_ingest_account(EpIngest *ingest)
{
	for (int i = 0; i < ingest->work_count; i++)
	{
		EpTargetWork *work = ingest->works[i];
		HASH_SEQ_STATUS scan;
		TimestampTz *granule, *granules;
		int count = 0;

		ep_wanted_append(ingest, work);
		if (work->granules == NULL)
			continue;
		granules = palloc(hash_get_num_entries(work->granules) * sizeof(TimestampTz));
		hash_seq_init(&scan, work->granules);
		while ((granule = hash_seq_search(&scan)) != NULL)
			granules[count++] = *granule;
		ep_journal_invalidate(work->target->id, granules, count);
	}
}
