/*
 * row_index.h
 *	  An index that holds nothing: raw tables have one, so that the server tells us where it stores their rows.
 *
 * What else is called for each row costs more.  A trigger's WHEN clause is read from its text and planned by every statement,
 * AFTER ROW triggers queue each row, and BEFORE ROW triggers, transition tables and volatile defaults turn COPY's multi-insert
 * off.  An index is known by the relcache, all partitions have it, and it is told the place of a row right after that was stored.
 */
#ifndef EP_INGEST_ROW_INDEX_H
#define EP_INGEST_ROW_INDEX_H

#include "core/compat.h"

/* _row_index(internal) returns index_am_handler: of the access method event_pipeline_rows. */
extern PGDLLEXPORT Datum ep_row_index(PG_FUNCTION_ARGS);

#endif /* EP_INGEST_ROW_INDEX_H */
