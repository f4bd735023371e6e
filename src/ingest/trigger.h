/*
 * trigger.h
 *	  The statement trigger on raw tables.
 */
#ifndef EP_INGEST_TRIGGER_H
#define EP_INGEST_TRIGGER_H

#include "core/compat.h"

/*
 * _ingest() returns trigger: AFTER INSERT ... REFERENCING NEW TABLE ... FOR EACH STATEMENT on a raw
 * table.  Takes the inserted raw rows through the pipeline, in the client's transaction.
 */
extern PGDLLEXPORT Datum ep_ingest_trigger(PG_FUNCTION_ARGS);

#endif /* EP_INGEST_TRIGGER_H */
