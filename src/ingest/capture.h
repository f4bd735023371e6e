/*
 * capture.h
 *	  Where the rows are that one statement puts into a raw table.
 *
 * A transition table would copy every payload and spill, and it turns COPY's multi-insert off for
 * partitioned tables.  So only places are noted: an index that holds nothing (row_index.h) is told of each row just after
 * it was stored.  The rows are read where they lie, most of them still in
 * shared buffers: at the end of the statement, or, of a load, some thousands at a time (direct.c).  Few rows with many
 * bytes are a load as well, which shows only at the end.
 *
 *	  BEFORE STATEMENT   ep_capture_open
 *	  each row           ep_capture_row, which now and then takes those before it
 *	  AFTER STATEMENT    ep_capture_close, ep_capture_finish
 *
 * Statements nest (a function that the statement calls may insert, too): each has its own capture, the
 * innermost one of a table gets the rows.  Those of a subtransaction that was rolled back are not read, nor those
 * that the statement only moves from one partition to another, by UPDATE or by DELETE and INSERT in one.
 */
#ifndef EP_INGEST_CAPTURE_H
#define EP_INGEST_CAPTURE_H

#include "ingest/state.h"

typedef struct EpCapture EpCapture;

typedef enum EpLoadState
{
	EP_LOAD_NONE = 0, /* too few rows as yet */
	EP_LOAD_GOES_ON,  /* rows are taken while the statement runs */
	EP_LOAD_STOPPED   /* all that follow wait for its end */
} EpLoadState;

/* A statement on this raw table begins. */
extern void ep_capture_open(Oid raw_table);

/*
 * A row was stored; nothing is noted when no statement on the raw table is open (the row was moved, say).  When many wait, they
 * are taken first: this one may still be refused, by another index.
 */
extern void ep_capture_row(Oid leaf, ItemPointer place);

/* A raw row was deleted, or is on its way to another partition. */
extern void ep_capture_departure(Oid raw_table, int64 raw_id);

/*
 * The statement has ended: what it stored, or NULL when nothing.  No longer open: rows that come while it is being
 * worked on belong to another statement.
 */
extern EpCapture *ep_capture_close(Oid raw_table);

/* Take all that is left, and put the counters on record. The capture is gone then. */
extern void ep_capture_finish(EpCapture *capture);

/* Registers what happens at the end of (sub)transactions. */
extern void ep_capture_init(void);

#endif /* EP_INGEST_CAPTURE_H */
