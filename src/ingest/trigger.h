/*
 * trigger.h
 *	  The triggers on raw tables.
 */
#ifndef EP_INGEST_TRIGGER_H
#define EP_INGEST_TRIGGER_H

#include "core/compat.h"

/*
 * _ingest() returns trigger: BEFORE INSERT and AFTER INSERT FOR EACH STATEMENT on a raw table.  Before, it
 * begins to capture rows; after, it takes them through the pipeline, in the client's transaction.
 */
extern PGDLLEXPORT Datum ep_ingest_trigger(PG_FUNCTION_ARGS);

#endif /* EP_INGEST_TRIGGER_H */
