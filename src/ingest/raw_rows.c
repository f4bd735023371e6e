/*
 * raw_rows.c
 *	  Raw rows that are there already, by their ids, as a source for another run.
 */
#include "ingest/raw_rows.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "schema/catalog.h"
#include "schema/relation.h"
#include "schema/role.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

bool
ep_raw_scan_next(EpScan *scan, MemoryContext row_context, EpRawRow *raw)
{
	MemoryContext old;
	struct varlena *bytes;
	Datum payload;
	bool isnull;

	if (!ep_scan_next(scan))
		return false;
	*raw = (EpRawRow){.raw_id = DatumGetInt64(ep_scan_datum(scan, 1, &isnull)),
					  .received_at = DatumGetTimestampTz(ep_scan_datum(scan, 2, &isnull))};
	payload = ep_scan_datum(scan, 3, &isnull);
	if (isnull)
		return true;
	old = MemoryContextSwitchTo(row_context);
	bytes = PG_DETOAST_DATUM_PACKED(payload);
	MemoryContextSwitchTo(old);
	raw->payload = VARDATA_ANY(bytes);
	raw->length = VARSIZE_ANY_EXHDR(bytes);
	return true;
}

/* One query for all of them; a BRIN index on raw_id is asked for the range. */
static void
open_scan(EpRawRows *rows)
{
	Oid types[3] = {INT8ARRAYOID, INT8OID, INT8OID};
	Datum values[3] = {ep_raw_rows_ids(rows), Int64GetDatum(rows->count > 0 ? rows->ids[0] : 0),
					   Int64GetDatum(rows->count > 0 ? rows->ids[rows->count - 1] : 0)};

	ep_scan_open(&rows->scan, ep_relation_owner(rows->stream->raw_relation),
				 psprintf("SELECT raw_id, received_at, payload FROM %s WHERE raw_id = ANY ($1)"
						  " AND raw_id BETWEEN $2 AND $3 ORDER BY raw_id",
						  ep_relation_name(rows->stream->raw_relation)),
				 3, types, values, false);
}

static void
rewind_rows(EpRawSource *source)
{
	EpRawRows *rows = (EpRawRows *) source;

	if (rows->scan.portal == NULL)
		open_scan(rows);
	else
		ep_scan_rewind(&rows->scan);
	rows->at = -1;
}

static bool
next_row(EpRawSource *source, MemoryContext row_context, EpRawRow *raw)
{
	EpRawRows *rows = (EpRawRows *) source;

	if (++rows->at >= rows->count)
		return false;
	if (!ep_raw_scan_next(&rows->scan, row_context, raw) || raw->raw_id != rows->ids[rows->at])
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("raw row " INT64_FORMAT " has gone while it was read again", rows->ids[rows->at])));
	return true;
}

Datum
ep_raw_rows_ids(const EpRawRows *rows)
{
	Datum *items = palloc(sizeof(Datum) * Max(rows->count, 1));

	for (int i = 0; i < rows->count; i++)
		items[i] = Int64GetDatum(rows->ids[i]);
	return PointerGetDatum(
		construct_array(items, rows->count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static uint64
select_with(Oid table, const char *sql, Datum ids)
{
	EpRole saved = ep_role_enter_owner_of(table);
	Oid types[1] = {INT8ARRAYOID};

	if (SPI_execute_with_args(sql, 1, types, &ids, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read tables of the stream");
	ep_role_leave(saved);
	return SPI_processed;
}

uint64
ep_raw_rows_select(const EpRawRows *rows, Oid table, const char *sql)
{
	return select_with(table, sql, ep_raw_rows_ids(rows));
}

void
ep_raw_rows_open(EpRawRows *rows, EpStream *stream, ArrayType *ids)
{
	char *table = ep_relation_name(stream->raw_relation);
	MemoryContext context = CurrentMemoryContext;
	uint64 n;

	rows->source.rewind = rewind_rows;
	rows->source.next = next_row;
	rows->stream = stream;
	rows->scan.portal = NULL;
	n = select_with(
		stream->raw_relation,
		psprintf("SELECT raw_id FROM %s WHERE raw_id = ANY ($1) AND raw_id IS NOT NULL ORDER BY raw_id",
				 table),
		PointerGetDatum(ids));
	rows->ids = MemoryContextAlloc(context, sizeof(int64) * Max(n, 1));
	rows->count = (int) n;
	for (uint64 i = 0; i < n; i++)
	{
		bool isnull;

		rows->ids[i] = DatumGetInt64(ep_catalog_datum(i, 1, &isnull));
	}
}

void
ep_raw_rows_close(EpRawRows *rows)
{
	if (rows->scan.portal != NULL)
		ep_scan_close(&rows->scan);
}
