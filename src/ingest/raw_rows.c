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

/*
 * Ids that one query on the raw table asks for.  A BRIN index leads to those of a list without reading what lies between
 * them; but the planner looks at each of the list for each partition, so a list of all could take it gigabytes.
 */
#define QUERY_IDS 1000

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

/* ---- reading ---- */

/* How many ids from first on go into one query: those that are the same stay together. */
static int
query_length(const EpRawRows *rows, int first)
{
	int end = Min(first + QUERY_IDS, rows->count);

	while (end < rows->count && rows->ids[end] == rows->ids[end - 1])
		end++;
	return end - first;
}

static void
open_scan(EpRawRows *rows, int first)
{
	int count = query_length(rows, first);
	Oid types[3] = {INT8ARRAYOID, INT8OID, INT8OID};
	Datum values[3] = {array_of(rows->ids + first, count), Int64GetDatum(rows->ids[first]),
					   Int64GetDatum(rows->ids[first + count - 1])};

	ep_scan_open(&rows->scan, ep_relation_owner(rows->stream->raw_relation),
				 psprintf("SELECT raw_id, received_at, payload FROM %s WHERE raw_id = ANY ($1)"
						  " AND raw_id BETWEEN $2 AND $3 ORDER BY raw_id",
						  ep_relation_name(rows->stream->raw_relation)),
				 3, types, values, false);
	rows->scan_begins = first;
	rows->scan_ends = first + count;
}

static void
rewind_rows(EpRawSource *source)
{
	EpRawRows *rows = (EpRawRows *) source;

	rows->at = -1;
	if (rows->scan.portal != NULL && rows->scan_begins == 0)
		ep_scan_rewind(&rows->scan);
	else
		rows->scan_ends = 0; /* the first row opens it */
}

static bool
next_row(EpRawSource *source, MemoryContext row_context, EpRawRow *raw)
{
	EpRawRows *rows = (EpRawRows *) source;

	if (++rows->at >= rows->count)
		return false;
	if (rows->at == rows->scan_ends)
	{
		ep_raw_rows_close(rows);
		open_scan(rows, rows->at);
	}
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

static uint64
select_with(Oid table, const char *sql, Datum ids)
{
	int pinned = ep_settings_pin();
	EpRole saved = ep_role_enter_owner_of(table);
	Oid types[1] = {INT8ARRAYOID};

	if (SPI_execute_with_args(sql, 1, types, &ids, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read tables of the stream");
	ep_role_leave(saved);
	ep_settings_unpin(pinned);
	return SPI_processed;
}

/* Not "= ANY ($1)": of a list, too, the planner looks at each for each partition. */
uint64
ep_raw_rows_select(const EpRawRows *rows, const char *columns, Oid table)
{
	return select_with(table,
					   psprintf("SELECT %s FROM %s WHERE _ep_raw_id IN (SELECT unnest($1))", columns,
								ep_relation_name(table)),
					   ep_raw_rows_ids(rows));
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

/* Nothing makes a raw_id unique: there may be more rows than ids. */
static void
add_found(EpRawRows *rows, uint64 n)
{
	rows->ids = repalloc_huge(rows->ids, sizeof(int64) * (rows->count + n + 1));
	for (uint64 i = 0; i < n; i++)
	{
		bool isnull;

		rows->ids[rows->count++] = DatumGetInt64(ep_catalog_datum(i, 1, &isnull));
	}
	SPI_freetuptable(SPI_tuptable);
}

void
ep_raw_rows_open(EpRawRows *rows, EpStream *stream, ArrayType *ids)
{
	const char *sql = psprintf("SELECT raw_id FROM %s WHERE raw_id = ANY ($1) ORDER BY raw_id",
							   ep_relation_name(stream->raw_relation));
	int64 *asked;
	int count = read_ids(ids, &asked);

	rows->source.rewind = rewind_rows;
	rows->source.next = next_row;
	rows->stream = stream;
	rows->scan.portal = NULL;
	rows->ids = palloc(sizeof(int64));
	rows->count = 0;
	for (int i = 0; i < count; i += QUERY_IDS)
		add_found(rows,
				  select_with(stream->raw_relation, sql, array_of(asked + i, Min(QUERY_IDS, count - i))));
	pfree(asked);
}

int
ep_raw_rows_find(const EpRawRows *rows, int64 raw_id)
{
	const int64 *id = bsearch(&raw_id, rows->ids, rows->count, sizeof(int64), compare_ids);

	return id == NULL ? -1 : id - rows->ids;
}
