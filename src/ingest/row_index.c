/*
 * row_index.c
 *	  An index that holds nothing: raw tables have one, so that the server tells us where it stores their rows.
 *
 * It has no operators, so that no query is planned with it, and no pages to build, to vacuum or to log.
 */
#include "ingest/row_index.h"

#include "access/amapi.h"
#include "commands/vacuum.h"
#include "ingest/capture.h"
#include "utils/rel.h"

/* The server writes down the heap's count of rows as what an index has found: let it be. */
static IndexBuildResult *
build(Relation heap, Relation index, IndexInfo *info)
{
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));

	result->heap_tuples = heap->rd_rel->reltuples;
	return result;
}

static void
build_empty(Relation index)
{
}

static bool
insert(Relation index, Datum *values, bool *isnull, ItemPointer place, Relation heap, IndexUniqueCheck unique,
	   bool unchanged, IndexInfo *info)
{
	if (!unchanged) /* else it is what an UPDATE makes of a row */
		ep_capture_row(RelationGetRelid(heap), place);
	return false;
}

static IndexBulkDeleteResult *
bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *result, IndexBulkDeleteCallback callback,
			void *state)
{
	return NULL;
}

static IndexBulkDeleteResult *
vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *result)
{
	return NULL;
}

static void
cost_estimate(struct PlannerInfo *root, struct IndexPath *path, double loops, Cost *startup, Cost *total,
			  Selectivity *selectivity, double *correlation, double *pages)
{
	*startup = *total = 1.0e10; /* it is never asked */
	*selectivity = *correlation = *pages = 1;
}

static bytea *
options(Datum given, bool validate)
{
	return NULL;
}

static bool
validate(Oid operator_class)
{
	return true;
}

static IndexScanDesc
begin_scan(Relation index, int keys, int order_bys)
{
	elog(ERROR, "index \"%s\" holds nothing", RelationGetRelationName(index));
}

static void
rescan(IndexScanDesc scan, ScanKey keys, int key_count, ScanKey order_bys, int order_by_count)
{
}

static void
end_scan(IndexScanDesc scan)
{
}

EP_FUNCTION(ep_row_index);

Datum
ep_row_index(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *routine = makeNode(IndexAmRoutine);

	routine->ambuild = build;
	routine->ambuildempty = build_empty;
	routine->aminsert = insert;
	routine->ambulkdelete = bulk_delete;
	routine->amvacuumcleanup = vacuum_cleanup;
	routine->amcostestimate = cost_estimate;
	routine->amoptions = options;
	routine->amvalidate = validate;
	routine->ambeginscan = begin_scan;
	routine->amrescan = rescan;
	routine->amendscan = end_scan;
	PG_RETURN_POINTER(routine);
}
