/*
 * partition.c
 *	  The two things that the pg_partman adapter (partition.sql) cannot do in SQL.
 *
 * _partition_missing asks the relation cache, not pg_class: under REPEATABLE READ a query would
 * not see a partition that somebody else has just committed, and the tuple router would.
 *
 * _partman_run exists because pg_partman's functions end with set_config('search_path', ..., false).
 * Run below a function that pins its search_path, that pinned value would become the session's.
 * Here every setting goes back to what it was, as index_build() does with its callees.
 * Both run as the caller and own no memory beyond their call.
 */
#include "core/compat.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "catalog/partition.h"
#include "executor/spi.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/partcache.h"
#include "utils/rel.h"

EP_FUNCTION(ep_partition_missing);
EP_FUNCTION(ep_partman_run);

/* True when a range partition other than the default one holds value. */
static bool
partition_holds(PartitionKey key, PartitionBoundInfo bounds, Datum value)
{
	bool is_equal;
	int offset;

	if (bounds == NULL || bounds->ndatums == 0)
		return false;
	offset =
		partition_range_datum_bsearch(key->partsupfunc, key->partcollation, bounds, 1, &value, &is_equal);
	return bounds->indexes[offset + 1] >= 0;
}

static void
check_partition_key(Relation relation)
{
	PartitionKey key;

	if (relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
	{
		key = RelationGetPartitionKey(relation);
		if (key->strategy == PARTITION_STRATEGY_RANGE && key->partnatts == 1 &&
			key->parttypid[0] == TIMESTAMPTZOID)
			return;
	}
	ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
					errmsg("\"%s\" is not partitioned by range of one timestamptz column",
						   RelationGetRelationName(relation))));
}

/*
 * _partition_missing(relation regclass, times timestamptz[]) -> timestamptz[]
 * The elements of times (NULLs left out) that no partition of relation holds, in their order.
 */
Datum
ep_partition_missing(PG_FUNCTION_ARGS)
{
	Oid relid = PG_GETARG_OID(0);
	ArrayType *times = PG_GETARG_ARRAYTYPE_P(1);
	Relation relation;
	PartitionDesc partitions;
	Datum *values;
	bool *nulls;
	int count;
	int missing = 0;

	deconstruct_array(times, TIMESTAMPTZOID, sizeof(TimestampTz), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &values,
					  &nulls, &count);
	relation = table_open(relid, AccessShareLock);
	AcceptInvalidationMessages(); /* the lock may have been ours already */
	check_partition_key(relation);
	partitions = RelationGetPartitionDesc(relation, false);
	for (int i = 0; i < count; i++)
	{
		if (!nulls[i] &&
			!partition_holds(RelationGetPartitionKey(relation), partitions->boundinfo, values[i]))
			values[missing++] = values[i];
	}
	table_close(relation, NoLock);
	PG_RETURN_ARRAYTYPE_P(construct_array(values, missing, TIMESTAMPTZOID, sizeof(TimestampTz),
										  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static void
set_for_now(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/*
 * _partman_run(query text) -> void
 * Run one statement with settings under which pg_partman names and bounds partitions the same way
 * in every session, and put all settings back.
 *
 * pg_partman puts its schema and pg_temp before the search_path that it finds.  pg_catalog comes before them all only when that
 * path does not name it; else what a sender calls "text" in pg_temp would be the text of functions that run as the stream's owner.
 */
Datum
ep_partman_run(PG_FUNCTION_ARGS)
{
	char *query = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int level = NewGUCNestLevel();

	set_for_now("search_path", "pg_temp");
	set_for_now("TimeZone", "UTC");
	set_for_now("DateStyle", "ISO, YMD");
	set_for_now("IntervalStyle", "postgres");
	SPI_connect();
	if (SPI_execute(query, false, 0) < 0)
		elog(ERROR, "could not run: %s", query);
	SPI_finish();
	AtEOXact_GUC(false, level);
	PG_RETURN_VOID();
}
