/*
 * deferred.h
 *	  Constraints that could be put off to the end of the transaction: by then nobody could reject one row alone.
 */
#ifndef EP_INGEST_DEFERRED_H
#define EP_INGEST_DEFERRED_H

#include "ingest/state.h"
#include "utils/rel.h"

/* Those of a table are asked at once, for the rest of the transaction, here and in partitions. */
extern void ep_deferred_ask_now(Relation relation);

/*
 * A row was refused with this error.  True when a trigger has written to another table with a constraint that is put off, which the
 * server refuses in a restricted context: until ep_deferred_restore, these are asked at once, too, and the row can be tried again.
 */
extern bool ep_deferred_hasten(EpIngest *ingest, const ErrorData *error);
extern void ep_deferred_restore(EpIngest *ingest);

/* Say in the detail what to do about a row that was refused with this error all the same. */
extern void ep_deferred_explain(ErrorData *error);

#endif /* EP_INGEST_DEFERRED_H */
