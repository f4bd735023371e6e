/*
 * raw_rows.c
 *	  Raw rows that are there already, by their ids, as a source for another run.
 */
#include "ingest/raw_rows.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/qunique.h"
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

/* How many ids make a short list. */
#define SHORT_LIST 1000

/*
 * The condition for rows of such ids.  Of a short list a BRIN index leads to each; of a long one the planner would look at
 * each for each partition, which could take it gigabytes.
 */
static char *
condition(const char *column, int count)
{
	return psprintf("%s %s AND %s BETWEEN $2 AND $3", column,
					count <= SHORT_LIST ? "= ANY ($1)" : "IN (SELECT unnest($1))", column);
}

static Datum
array_of(const int64 *ids, int count)
{
	Datum *items = palloc(sizeof(Datum) * Max(count, 1));
	ArrayType *array;

	for (int i = 0; i < count; i++)
		items[i] = Int64GetDatum(ids[i]);
	array = construct_array(items, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
	pfree(items);
	return PointerGetDatum(array);
}

/* $1, $2 and $3 of the condition; the ids ascend. */
static void
bind_ids(const int64 *ids, int count, Datum values[3])
{
	values[0] = array_of(ids, count);
	values[1] = Int64GetDatum(count > 0 ? ids[0] : 0);
	values[2] = Int64GetDatum(count > 0 ? ids[count - 1] : 0);
}

/* ---- reading ---- */

static void
open_scan(EpRawRows *rows)
{
	Oid types[3] = {INT8ARRAYOID, INT8OID, INT8OID};
	Datum values[3];

	bind_ids(rows->ids, rows->count, values);
	ep_scan_open(&rows->scan, ep_relation_owner(rows->stream->raw_relation),
				 psprintf("SELECT raw_id, received_at, payload FROM %s WHERE %s ORDER BY raw_id",
						  ep_relation_name(rows->stream->raw_relation), condition("raw_id", rows->count)),
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

void
ep_raw_rows_close(EpRawRows *rows)
{
	if (rows->scan.portal != NULL)
		ep_scan_close(&rows->scan);
}

/* ---- which there are ---- */

Datum
ep_raw_rows_ids(const EpRawRows *rows)
{
	return array_of(rows->ids, rows->count);
}

/* As the owner of the table; how many rows there are. */
static uint64
select_with(Oid table, const char *columns, const char *column, const int64 *ids, int count)
{
	int pinned = ep_settings_pin();
	EpRole saved = ep_role_enter_owner_of(table);
	Oid types[3] = {INT8ARRAYOID, INT8OID, INT8OID};
	Datum values[3];
	char *sql = psprintf("SELECT %s FROM %s WHERE %s ORDER BY %s", columns, ep_relation_name(table),
						 condition(column, count), column);

	bind_ids(ids, count, values);
	if (SPI_execute_with_args(sql, 3, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read tables of the stream");
	ep_role_leave(saved);
	ep_settings_unpin(pinned);
	return SPI_processed;
}

uint64
ep_raw_rows_select(const EpRawRows *rows, const char *columns, Oid table)
{
	return select_with(table, columns, "_ep_raw_id", rows->ids, rows->count);
}

static int
compare_ids(const void *a, const void *b)
{
	int64 x = *(const int64 *) a, y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

/* The ids of an array, each once, ascending; how many they are. */
static int
read_ids(ArrayType *array, int64 **ids)
{
	Datum *items;
	bool *nulls;
	int n, count = 0;

	deconstruct_array(array, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &items, &nulls, &n);
	*ids = palloc(sizeof(int64) * Max(n, 1));
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			(*ids)[count++] = DatumGetInt64(items[i]);
	qsort(*ids, count, sizeof(int64), compare_ids);
	return qunique(*ids, count, sizeof(int64), compare_ids);
}

void
ep_raw_rows_open(EpRawRows *rows, EpStream *stream, ArrayType *ids)
{
	int64 *asked;
	int count = read_ids(ids, &asked);
	uint64 found = select_with(stream->raw_relation, "raw_id", "raw_id", asked, count);

	rows->source.rewind = rewind_rows;
	rows->source.next = next_row;
	rows->stream = stream;
	rows->scan.portal = NULL;
	rows->ids = palloc(sizeof(int64) * Max(found, 1)); /* nothing makes a raw_id unique */
	rows->count = (int) found;
	for (uint64 i = 0; i < found; i++)
	{
		bool isnull;

		rows->ids[i] = DatumGetInt64(ep_catalog_datum(i, 1, &isnull));
	}
	SPI_freetuptable(SPI_tuptable);
	pfree(asked);
}

int
ep_raw_rows_find(const EpRawRows *rows, int64 raw_id)
{
	const int64 *id = bsearch(&raw_id, rows->ids, rows->count, sizeof(int64), compare_ids);

	return id == NULL ? -1 : id - rows->ids;
}
