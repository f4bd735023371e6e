/*
 * raw_rows.h
 *	  Raw rows that are there already, by their ids, as a source for another run (replay, verify).
 */
#ifndef EP_INGEST_RAW_ROWS_H
#define EP_INGEST_RAW_ROWS_H

#include "ingest/scan.h"
#include "ingest/state.h"
#include "utils/array.h"
#include "utils/hsearch.h"

typedef struct EpRawRows
{
	EpRawSource source; /* first: a source is cast to its EpRawRows */
	EpStream *stream;
	int64 *ids; /* ascending */
	int count;
	int at; /* the row handed out last */
	EpScan scan;
} EpRawRows;

/* One event: key of hash tables that say which events have a row. */
typedef struct EpEventKey
{
	int64 raw_id;
	int32 seq;
	int32 zero; /* keys are compared as bytes */
} EpEventKey;

static inline EpEventKey
ep_event_key(int64 raw_id, int32 seq)
{
	EpEventKey key;

	memset(&key, 0, sizeof key);
	key.raw_id = raw_id;
	key.seq = seq;
	return key;
}

/*
 * Of these ids (bigint[], in any order), the rows that are still there.  The caller has connected to SPI;
 * everything lives in the current memory context.
 */
extern void ep_raw_rows_open(EpRawRows *rows, EpStream *stream, ArrayType *ids);

/* Done with them: the tables are no longer in use. */
extern void ep_raw_rows_close(EpRawRows *rows);

/* Where among the ids one is; -1: nowhere. */
extern int ep_raw_rows_find(const EpRawRows *rows, int64 raw_id);

/* The ids as bigint[]. */
extern Datum ep_raw_rows_ids(const EpRawRows *rows);

/* Read these columns of an event table's rows of these ids, as its owner; results in SPI_tuptable, their number returned. */
extern uint64 ep_raw_rows_select(const EpRawRows *rows, const char *columns, Oid table);

/* The next row of a scan over (raw_id, received_at, payload); for the next of an EpRawSource. */
extern bool ep_raw_scan_next(EpScan *scan, MemoryContext row_context, EpRawRow *raw);

#endif /* EP_INGEST_RAW_ROWS_H */
