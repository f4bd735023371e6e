/*
 * passes.h
 *	  The passes of a run over its rows.
 */
#ifndef EP_INGEST_PASSES_H
#define EP_INGEST_PASSES_H

#include "ingest/state.h"

/* Both passes in one, until something is missing; true when nothing was. */
extern bool ep_ingest_direct(EpIngest *ingest);

/* Pass one. */
extern void ep_ingest_survey(EpIngest *ingest);

/* Between the passes: columns and partitions. */
extern void ep_ingest_evolve(EpIngest *ingest);

/*
 * From here to the end of the transaction nobody changes the table: rows are built for its columns as they are
 * now.  False when they had changed since we looked, and were read again.
 */
extern bool ep_ingest_hold(EpIngest *ingest, EpTargetWork *work);

/* Pass two. */
extern void ep_ingest_write(EpIngest *ingest);

#endif /* EP_INGEST_PASSES_H */
