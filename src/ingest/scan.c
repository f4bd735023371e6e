/*
 * scan.c
 *	  The rows of a query, a few hundred at a time.
 *
 * SPI leaves its callers in a context that lasts until SPI_finish; here everybody stays in his own.
 */
#include "ingest/scan.h"

#include "schema/role.h"

#define CHUNK_ROWS 256

void
ep_scan_open(EpScan *scan, Oid reader, const char *sql, int nargs, Oid *types, Datum *values, bool frozen)
{
	MemoryContext context = CurrentMemoryContext;
	EpRole saved = ep_role_enter_owner(reader);

	*scan = (EpScan){.reader = reader};
	scan->portal =
		SPI_cursor_open_with_args(NULL, sql, nargs, types, values, NULL, frozen, CURSOR_OPT_SCROLL);
	if (scan->portal == NULL)
		elog(ERROR, "could not open \"%s\": %s", sql, SPI_result_code_string(SPI_result));
	ep_role_leave(saved);
	MemoryContextSwitchTo(context);
}

static void
drop_chunk(EpScan *scan)
{
	if (scan->chunk != NULL)
		SPI_freetuptable(scan->chunk);
	scan->chunk = NULL;
	scan->count = scan->at = 0;
}

bool
ep_scan_next(EpScan *scan)
{
	MemoryContext context = CurrentMemoryContext;
	EpRole saved;

	if (scan->chunk != NULL && ++scan->at < scan->count)
		return true;
	drop_chunk(scan);
	saved = ep_role_enter_owner(scan->reader);
	SPI_cursor_fetch(scan->portal, true, CHUNK_ROWS);
	ep_role_leave(saved);
	scan->chunk = SPI_tuptable;
	scan->count = SPI_processed;
	MemoryContextSwitchTo(context);
	return scan->count > 0;
}

void
ep_scan_rewind(EpScan *scan)
{
	MemoryContext context = CurrentMemoryContext;
	EpRole saved = ep_role_enter_owner(scan->reader);

	drop_chunk(scan);
	SPI_scroll_cursor_move(scan->portal, FETCH_ABSOLUTE, 0);
	ep_role_leave(saved);
	MemoryContextSwitchTo(context);
}

Datum
ep_scan_datum(const EpScan *scan, int column, bool *isnull)
{
	return SPI_getbinval(scan->chunk->vals[scan->at], scan->chunk->tupdesc, column, isnull);
}

void
ep_scan_close(EpScan *scan)
{
	MemoryContext context = CurrentMemoryContext;

	drop_chunk(scan);
	SPI_cursor_close(scan->portal);
	scan->portal = NULL;
	MemoryContextSwitchTo(context);
}
