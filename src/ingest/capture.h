/*
 * capture.h
 *	  Where the rows are that one statement puts into a raw table.
 *
 * A transition table would copy every payload and spill, and it turns COPY's multi-insert off for
 * partitioned tables.  So only places are noted: the trigger's WHEN clause is evaluated for each row just after
 * it was stored, and always says no, so nothing is queued.  At the end of the statement the rows are
 * read where they lie, most of them still in shared buffers.
 *
 *	  BEFORE STATEMENT   ep_capture_open
 *	  each row           ep_capture_row    (six bytes and a page number for each page, not for each row)
 *	  AFTER STATEMENT    ep_capture_close, then the capture is a source of raw rows
 *
 * Statements nest (a function that the statement calls may insert, too): each has its own capture, the
 * innermost one of a table gets the rows.  Those of a subtransaction that was rolled back are not read.
 */
#ifndef EP_INGEST_CAPTURE_H
#define EP_INGEST_CAPTURE_H

#include "ingest/statement.h"

typedef struct EpCapture EpCapture;

/* A statement on this raw table begins. */
extern void ep_capture_open(Oid raw_table);

/* A row was stored; nothing is noted when no statement on the raw table is open (the row was moved, say). */
extern void ep_capture_row(Oid raw_table, Oid leaf, ItemPointer place);

/*
 * The statement has ended: what it stored, or NULL when nothing.  No longer open: rows that come while it is being
 * worked on belong to another statement.
 */
extern EpCapture *ep_capture_close(Oid raw_table);

/* The rows as a source; ep_capture_free ends its use. */
extern EpRawSource *ep_capture_source(EpCapture *capture, EpStream *stream);

extern void ep_capture_free(EpCapture *capture);

/* Registers what happens at the end of (sub)transactions. */
extern void ep_capture_init(void);

#endif /* EP_INGEST_CAPTURE_H */
