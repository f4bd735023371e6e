/*
 * table.c
 *	  Making routed event tables and the partitions that rows need.
 *
 * The statements themselves live in SQL (_create_routed_table of ingest/stream.sql and
 * _partition_ensure of lifecycle/partition.sql); this only calls them.
 */
#include "ddl/table.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "core/name.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* The nth name, from 0, of a series that does not repeat. */
static char *
fit_name(const char *name, uint32 nth)
{
	bool fits = strlen(name) <= EP_NAME_MAX;
	char *suffix;

	if (nth == 0 && fits)
		return pstrdup(name);
	suffix = psprintf("_%08x", ep_name_hash(name, strlen(name)) + (fits ? nth - 1 : nth));
	return psprintf("%.*s%s", pg_mbcliplen(name, strlen(name), EP_NAME_MAX - strlen(suffix)), name, suffix);
}

static bool
name_is_taken(const char *name, Oid schema)
{
	return OidIsValid(get_relname_relid(name, schema)) ||
		   SearchSysCacheExists2(TYPENAMENSP, CStringGetDatum(name), ObjectIdGetDatum(schema));
}

/* <table>_p20261121, _p2026_11_21, _p2026w47 ...: pg_partman makes no partition whose name is taken. */
static bool
is_like_partition(const char *name)
{
	for (const char *p = name; (p = strstr(p, "_p")) != NULL; p += 2)
		if (strspn(p + 2, "0123456789") >= 4 && p[2 + strspn(p + 2, "0123456789_qw")] == '\0')
			return true;
	return false;
}

char *
ep_ddl_free_name(const char *wanted, Oid schema)
{
	char *name = fit_name(wanted, 0);

	for (uint32 n = 1; name_is_taken(name, schema) || is_like_partition(name); n++)
		name = fit_name(wanted, n);
	return name;
}

/* "<event table>_<route>", or the next free name: "raw" and "bi" may be routes, too. */
static char *
routed_table_name(Oid event_relation, const char *route)
{
	char segment[EP_NAME_MAX + 1];

	ep_name_from_segment(route, strlen(route), segment, EP_NAME_MAX);
	return ep_ddl_free_name(psprintf("%s_%s", get_rel_name(event_relation), segment),
							get_rel_namespace(event_relation));
}

Oid
ep_ddl_create_routed_table(Oid event_relation, const char *route)
{
	Oid types[2] = {OIDOID, TEXTOID};
	char *name = routed_table_name(event_relation, route);
	Datum values[2];

	values[0] = ObjectIdGetDatum(event_relation);
	values[1] = CStringGetTextDatum(name);
	if (SPI_execute_with_args("SELECT event_pipeline._create_routed_table($1::regclass, $2)", 2, types,
							  values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not create table \"%s\"", name);
	CommandCounterIncrement();
	return get_relname_relid(name, get_rel_namespace(event_relation));
}

int
ep_ddl_ensure_partitions(Oid relation, const TimestampTz *times, int count, int most, int in_all)
{
	Oid types[4] = {OIDOID, TIMESTAMPTZARRAYOID, INT4OID, INT4OID};
	Datum *items = palloc(count * sizeof(Datum));
	Datum values[4];
	bool isnull;

	for (int i = 0; i < count; i++)
		items[i] = TimestampTzGetDatum(times[i]);
	values[0] = ObjectIdGetDatum(relation);
	values[1] = PointerGetDatum(
		construct_array(items, count, TIMESTAMPTZOID, sizeof(TimestampTz), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[2] = Int32GetDatum(most);
	values[3] = Int32GetDatum(in_all);
	if (SPI_execute_with_args("SELECT event_pipeline._partition_ensure($1::regclass, $2, $3, $4)", 4, types,
							  values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not create partitions of \"%s\"", get_rel_name(relation));
	CommandCounterIncrement();
	pfree(items);
	return DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/* A bound as a time; MINVALUE and MAXVALUE as the infinities. */
static TimestampTz
bound_time(PartitionBoundInfo bounds, int i)
{
	if (bounds->kind != NULL && bounds->kind[i][0] != PARTITION_RANGE_DATUM_VALUE)
		return bounds->kind[i][0] == PARTITION_RANGE_DATUM_MINVALUE ? DT_NOBEGIN : DT_NOEND;
	return DatumGetTimestampTz(bounds->datums[i][0]);
}

static bool
is_by_event_time(Relation relation)
{
	PartitionKey key;

	if (relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return false;
	key = RelationGetPartitionKey(relation);
	return key->strategy == PARTITION_STRATEGY_RANGE && key->partnatts == 1 &&
		   key->parttypid[0] == TIMESTAMPTZOID && key->partattrs[0] > 0 &&
		   strcmp(NameStr(TupleDescAttr(RelationGetDescr(relation), key->partattrs[0] - 1)->attname),
				  "event_time") == 0;
}

static void
copy_bounds(EpCoverage *coverage, PartitionDesc partitions)
{
	PartitionBoundInfo bounds = partitions->boundinfo;

	coverage->count = bounds == NULL ? 0 : bounds->ndatums;
	coverage->bounds = palloc(sizeof(TimestampTz) * (coverage->count + 1));
	coverage->partitions = palloc0(sizeof(EpPartition) * (coverage->count + 1));
	for (int i = 0; i < coverage->count; i++)
		coverage->bounds[i] = bound_time(bounds, i);
	for (int i = 0; bounds != NULL && i < bounds->nindexes; i++)
		if (bounds->indexes[i] >= 0)
			coverage->partitions[i].relation = partitions->oids[bounds->indexes[i]];
	for (int i = 0; i < partitions->nparts; i++)
		coverage->nested |= !partitions->is_leaf[i];
}

static EpCoverage *
read_coverage(Oid relation_id)
{
	EpCoverage *coverage = palloc0(sizeof(EpCoverage));
	Relation relation = table_open(relation_id, AccessShareLock);

	coverage->everything = !is_by_event_time(relation);
	if (!coverage->everything)
		copy_bounds(coverage, RelationGetPartitionDesc(relation, true)); /* not those being detached */
	table_close(relation, AccessShareLock);
	return coverage;
}

EpCoverage *
ep_coverage_of(EpStream *stream, EpTarget *target)
{
	if (target->coverage == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(stream->context);

		target->coverage = read_coverage(target->relation);
		MemoryContextSwitchTo(old);
	}
	return target->coverage;
}

EpPartition *
ep_coverage_partition(EpCoverage *coverage, TimestampTz time)
{
	int low = 0, high = coverage->count;

	while (low < high) /* how many bounds are <= time */
	{
		int middle = (low + high) / 2;

		if (coverage->bounds[middle] <= time)
			low = middle + 1;
		else
			high = middle;
	}
	return &coverage->partitions[low];
}

bool
ep_coverage_has(EpCoverage *coverage, TimestampTz time)
{
	return coverage->everything || OidIsValid(ep_coverage_partition(coverage, time)->relation);
}
