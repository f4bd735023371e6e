/*
 * statement.h
 *	  The raw rows of one statement, through the whole pipeline.
 *
 *	  survey   decode everything once: which attributes, tables and partitions are missing?
 *	  evolve   make them, or decide to rescue (ddl)
 *	  write    decode again: every event becomes a row, a rejection or a duplicate
 *	  account  counters, invalidations
 *
 * A load does both passes in one while nothing is missing (direct.c).
 *
 * Nothing is locked while the survey runs.
 */
#ifndef EP_INGEST_STATEMENT_H
#define EP_INGEST_STATEMENT_H

#include "ingest/walk.h"

/*
 * Take the rows of source through the whole pipeline.  The caller has connected to SPI.  What was
 * done is added to the counters (which begin with last_event DT_NOBEGIN, else zero), and these are put on record.
 */
extern void ep_ingest_run(EpStream *stream, EpRawSource *source, EpCounters *counters);

/*
 * Take as many of the rows of source through it as lack nothing, in one pass (direct.c).  True when that was all; else
 * the source is marked, for ep_ingest_run to go on.  Counters are added to and not put on record.
 */
extern bool ep_ingest_some(EpStream *stream, EpRawSource *source, EpCounters *counters);

/* Only decode them, for the visitor. */
extern void ep_ingest_read(EpStream *stream, EpRawSource *source, const EpVisitor *visitor);

#endif /* EP_INGEST_STATEMENT_H */
