/*
 * account.h
 *	  What is counted and put on record of the events of a run.
 */
#ifndef EP_INGEST_ACCOUNT_H
#define EP_INGEST_ACCOUNT_H

#include "ingest/state.h"

/* Record a rejection of an event of the row that is read just now, and count it; detail may be NULL. */
extern void ep_ingest_reject(EpIngest *ingest, const EpRawRow *row, int32 seq, const char *stage,
							 const EpError *error, const char *detail, const char *bytes, size_t length);

/* Count one.  An event that was counted before had its row, which somebody deleted: it is no typed one any more. */
extern void ep_ingest_count_rejected(EpIngest *ingest, const char *stage, EpCounted counted);

/* Was this event counted when its raw row came? */
extern EpCounted ep_ingest_counted(EpIngest *ingest, const EpRawRow *raw, int32 seq);

/* At the end: what attributes were wanted, and which quarter hours rollups have to look at again. */
extern void ep_ingest_account(EpIngest *ingest);

#endif /* EP_INGEST_ACCOUNT_H */
