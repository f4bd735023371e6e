/*
 * outcome.h
 *	  What became of a row: in its table, or refused there; and what is noted of either.
 */
#ifndef EP_INGEST_OUTCOME_H
#define EP_INGEST_OUTCOME_H

#include "ingest/batch.h"

/* The server took the row without an error: it is counted, and its quarter hour noted for rollups; unless a trigger left it out. */
extern void ep_outcome_taken(EpIngest *ingest, EpRow *row);

/* A constraint refused the row: it is rejected, and its event_id given back. */
extern void ep_outcome_refused(EpIngest *ingest, EpRow *row, const ErrorData *error);

/* Does the error tell of the row, or of the moment: a serialization failure, a lock, a broken disk? */
extern bool ep_outcome_is_about_row(const ErrorData *error);

#endif /* EP_INGEST_OUTCOME_H */
