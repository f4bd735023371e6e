/*
 * catalog.c
 *	  Our own tables, as C reaches them.
 */
#include "schema/catalog.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "executor/spi.h"
#include "schema/relation.h"
#include "schema/role.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#define SCHEMA_NAME "event_pipeline"

Oid
ep_catalog_relation(const char *name)
{
	Oid schema = get_namespace_oid(SCHEMA_NAME, true);
	Oid relation = OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;

	if (!OidIsValid(relation))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s.%s\" of extension event_pipeline does not exist", SCHEMA_NAME, name),
				 errhint("Run CREATE EXTENSION event_pipeline CASCADE in this database.")));
	return relation;
}

Oid
ep_catalog_owner(void)
{
	return ep_relation_owner(ep_catalog_relation("_stream"));
}

void
ep_catalog_append(Oid table, int natts, const Datum *values, const bool *nulls)
{
	Relation relation = table_open(table, RowExclusiveLock);
	HeapTuple tuple;

	if (RelationGetNumberOfAttributes(relation) != natts)
		elog(ERROR, "table \"%s\" has %d columns, not %d", RelationGetRelationName(relation),
			 RelationGetNumberOfAttributes(relation), natts);
	tuple =
		heap_form_tuple(RelationGetDescr(relation), unconstify(Datum *, values), unconstify(bool *, nulls));
	if (relation->rd_rel->relhasindex)
		CatalogTupleInsert(relation, tuple);
	else
		simple_heap_insert(relation, tuple);
	heap_freetuple(tuple);
	table_close(relation, NoLock);
}

static uint64
run(EpStatement *statement, Datum *values, const char *nulls, bool read_only)
{
	/* Operators must not be looked up along the caller's path: we are the extension's owner here. */
	int pinned = ep_settings_pin();
	MemoryContext context = CurrentMemoryContext;
	EpRole saved = ep_role_enter_extension();
	int code;

	if (statement->plan == NULL)
	{
		/* Look-ups by key: no value is worth a plan of its own, which takes longer than the look-up. */
		SPIPlanPtr plan =
			SPI_prepare_cursor(statement->sql, statement->nargs, statement->types, CURSOR_OPT_GENERIC_PLAN);

		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "could not plan \"%s\": %s", statement->sql, SPI_result_code_string(SPI_result));
		statement->plan = plan;
	}
	code = SPI_execute_plan(statement->plan, values, nulls, read_only, 0);
	if (code < 0)
		elog(ERROR, "could not run \"%s\": %s", statement->sql, SPI_result_code_string(code));
	MemoryContextSwitchTo(context); /* SPI leaves us in a context that lasts until SPI_finish */
	ep_role_leave(saved);
	ep_settings_unpin(pinned);
	return SPI_processed;
}

uint64
ep_catalog_run(EpStatement *statement, Datum *values, const char *nulls)
{
	return run(statement, values, nulls, false);
}

uint64
ep_catalog_read(EpStatement *statement, Datum *values)
{
	uint64 rows;

	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	rows = run(statement, values, NULL, true);
	PopActiveSnapshot();
	return rows;
}

Datum
ep_catalog_datum(uint64 row, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

char *
ep_catalog_text(uint64 row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}
