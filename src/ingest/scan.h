/*
 * scan.h
 *	  The rows of a query, a few hundred at a time: however many there are, they take little memory.
 */
#ifndef EP_INGEST_SCAN_H
#define EP_INGEST_SCAN_H

#include "core/compat.h"
#include "executor/spi.h"

typedef struct EpScan
{
	Portal portal;
	Oid reader;
	SPITupleTable *chunk;
	uint64 count, at; /* rows of the chunk, and which of them is the current one */
} EpScan;

/*
 * Open a cursor over a SELECT that runs as a role, to the end.  frozen: it sees what the calling statement sees, so that several
 * scans see the same; else what is committed by now and what this transaction did.  The caller has connected to SPI and
 * stays connected until ep_scan_close.
 */
extern void
ep_scan_open(EpScan *scan, Oid reader, const char *sql, int nargs, Oid *types, Datum *values, bool frozen);

/* Step to the next row, from before the first one on; false at the end. Values of the row before are gone. */
extern bool ep_scan_next(EpScan *scan);

/* Back to before the first row: the same rows again, whatever has happened meanwhile. */
extern void ep_scan_rewind(EpScan *scan);

/* A value of the current row; columns count from 1. */
extern Datum ep_scan_datum(const EpScan *scan, int column, bool *isnull);

extern void ep_scan_close(EpScan *scan);

#endif /* EP_INGEST_SCAN_H */
