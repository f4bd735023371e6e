/*
 * writer.c
 *	  Writing rows into event tables: routed by event_time, inserted many at a time.
 *
 * A batch's rows go to their leaf partitions' buffers and from there through table_multi_insert.  What the
 * executor would set up for that is set up only where a leaf has indexes or constraints, for it would take longer
 * than to write one row.  A leaf on which users put something that can refuse a row (CHECK, NOT NULL, unique or expression
 * indexes) is written in a subtransaction; when that fails, its rows are tried one by one and the
 * bad ones are rejected.  A leaf with row triggers, generated columns or foreign storage is written
 * by SQL, one row at a time, because the executor knows best what they need, and with constraints that could be put off to
 * the end of the transaction made immediate: by then nobody could reject the row alone.  So is a table with statement
 * triggers, which then fire for each row, with row security that its owner obeys, one that is a partition itself,
 * is not partitioned by event_time, or has a partition that is itself partitioned, and may have no place for a row.
 *
 * Locks: ROW EXCLUSIVE on the target, which evolve took before, and on the leaves that get rows.
 */
#include "ingest/batch.h"

#include "access/detoast.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/tupconvert.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "ingest/deferred.h"
#include "ingest/obstacle.h"
#include "ingest/outcome.h"
#include "lib/stringinfo.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "schema/attempt.h"
#include "schema/relation.h"
#include "schema/role.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* Slots that are kept from batch to batch; with more (rows of many leaves), all are given back. */
#define MAX_KEPT_SLOTS (4 * EP_BATCH_ROWS)

/* With so many rows in one go, a leaf's writing is kept to a ring of buffers. */
#define BULK_ROWS 100

/* What row.c leaves of a page's room for what an event does not fill. */
#define DEFAULTS_ROOM 128

typedef enum LeafMode
{
	LEAF_PLAIN,   /* nothing can refuse a row */
	LEAF_CAREFUL, /* constraints or indexes can */
	LEAF_SQL      /* through SQL, row by row */
} LeafMode;

typedef struct Leaf
{
	Relation relation;
	LeafMode mode;
	AttrMap *map;         /* from the table's columns to its own; NULL: they are alike */
	ResultRelInfo *info;  /* NULL: it has no indexes, and no constraints that can refuse a row */
	BulkInsertState bulk; /* LEAF_PLAIN only: its pin would outlive a failed subtransaction; NULL: none yet */
	TupleTableSlot **slots; /* capacity of them, made as needed */
	int slot_count;
	EpRow **rows;
	int count; /* buffered */
	int capacity;
} Leaf;

typedef struct EpWriter
{
	Relation relation;
	bool by_sql;              /* all rows go to the table itself, as to a leaf that is LEAF_SQL */
	List *defaults;           /* of Default */
	int defaults_width;       /* bytes that constants take in a row at most */
	bool defaults_can_refuse; /* one of them is no constant, or they may make a row too wide */
	List *leaves;
	Leaf *last;
	/* NULL until something needs them */
	EState *estate;
	ResultRelInfo *root;
	TupleTableSlot *slot; /* of the table */
	SPIPlanPtr insert;    /* LEAF_SQL */
	List *attnums;        /* its parameters */
} EpWriter;

typedef struct Default
{
	int column;       /* attnum - 1 */
	bool required;    /* the column is NOT NULL */
	ExprState *state; /* NULL: a constant */
	Datum value;
	bool isnull;
} Default;

/* ---- what the executor is needed for: constraints, indexes, defaults ---- */

static EState *
executor_state(EpIngest *ingest, EpWriter *writer)
{
	MemoryContext old;

	if (writer->estate != NULL)
		return writer->estate;
	ep_ingest_pin(ingest); /* people's expressions and operators are evaluated in it */
	old = MemoryContextSwitchTo(ingest->context);
	writer->estate = ep_executor_state(writer->relation);
	MemoryContextSwitchTo(writer->estate->es_query_cxt);
	writer->root = makeNode(ResultRelInfo);
	InitResultRelInfo(writer->root, writer->relation, 1, NULL, 0);
	MemoryContextSwitchTo(old);
	return writer->estate;
}

static ResultRelInfo *
executor_info(EpIngest *ingest, EpWriter *writer, Relation relation)
{
	EState *estate = executor_state(ingest, writer);
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);
	ResultRelInfo *info = writer->root;

	if (relation != writer->relation)
	{
		info = makeNode(ResultRelInfo);
		InitResultRelInfo(info, relation, 0, writer->root, 0);
	}
	ExecOpenIndices(info, false);
	MemoryContextSwitchTo(old);
	return info;
}

/* With the padding before it, once TOAST has done what it can. */
static int
width_in_row(Form_pg_attribute attribute)
{
	return MAXALIGN(attribute->attlen > 0 ? attribute->attlen : TOAST_POINTER_SIZE);
}

/* A value for what an event does not fill.  Planning evaluates what is immutable in it. */
static void
add_default(EpIngest *ingest, EpWriter *writer, AttrNumber attnum)
{
	Default *entry;
	Node *expression;

	ep_ingest_pin(ingest);
	expression = build_column_default(writer->relation, attnum);
	if (expression == NULL)
		return;
	expression = (Node *) expression_planner((Expr *) expression);
	entry = palloc0(sizeof(Default));
	entry->column = attnum - 1;
	entry->required = TupleDescAttr(RelationGetDescr(writer->relation), attnum - 1)->attnotnull;
	if (IsA(expression, Const))
	{
		entry->value = ((Const *) expression)->constvalue;
		entry->isnull = ((Const *) expression)->constisnull;
		if (!entry->isnull)
			writer->defaults_width +=
				width_in_row(TupleDescAttr(RelationGetDescr(writer->relation), attnum - 1));
		writer->defaults_can_refuse |= writer->defaults_width > DEFAULTS_ROOM;
	}
	else
	{
		(void) executor_state(ingest, writer);
		entry->state = ExecInitExpr((Expr *) expression, NULL);
		writer->defaults_can_refuse = true;
	}
	writer->defaults = lappend(writer->defaults, entry);
}

/* Ours have none; people's columns may, identity columns do, and so may the types that people make. */
static void
prepare_defaults(EpIngest *ingest, EpWriter *writer)
{
	TupleDesc descriptor = RelationGetDescr(writer->relation);

	for (int i = 0; i < descriptor->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(descriptor, i);

		if (!attribute->attisdropped && !attribute->attgenerated &&
			(attribute->atthasdef || attribute->attidentity || attribute->atttypid >= FirstNormalObjectId))
			add_default(ingest, writer, attribute->attnum);
	}
}

/* Inside an attempt unless all of them are constants: people's expressions may raise. */
static void
fill_defaults(EpWriter *writer, const EpRow *row, Datum *values, bool *nulls)
{
	ListCell *cell;

	foreach (cell, writer->defaults)
	{
		Default *entry = lfirst(cell);

		if (!nulls[entry->column] || (!entry->required && bms_is_member(entry->column + 1, row->given)))
			continue;
		values[entry->column] = entry->value;
		nulls[entry->column] = entry->isnull;
		if (entry->state != NULL)
			values[entry->column] =
				ExecEvalExpr(entry->state, GetPerTupleExprContext(writer->estate), &nulls[entry->column]);
	}
}

bool
ep_writer_has_defaults(const EpTargetWork *work)
{
	return work->writer->defaults != NIL;
}

/*
 * Judged by the target itself: constraints and triggers of a partitioned table are cloned to its
 * leaves.  A constraint on a single leaf is still obeyed; only the event's bytes are then not kept.
 */
bool
ep_writer_is_careful(EpIngest *ingest, EpTargetWork *work)
{
	EpWriter *writer = work->writer;

	return writer->by_sql || writer->defaults_can_refuse || ep_obstacle_insert_fires(writer->relation) ||
		   writer->relation->rd_rel->relhasindex || ep_obstacle_constraint_can_refuse(writer->relation);
}

/* ---- opening and closing ---- */

/* What people put on a table runs as its owner, who for a while may be another role than the event table's. */
static EpRole
enter_owner(const EpWriter *writer)
{
	return ep_role_enter_owner(writer->relation->rd_rel->relowner);
}

void
ep_writer_open(EpIngest *ingest, EpTargetWork *work)
{
	MemoryContext old = MemoryContextSwitchTo(ingest->context);
	EpWriter *writer = palloc0(sizeof(EpWriter));
	EpRole saved;

	writer->relation = table_open(work->target->relation, NoLock); /* ep_ingest_hold took it */
	saved = enter_owner(writer);
	ep_target_check_tracked(ingest->stream, work->target);
	writer->by_sql =
		ep_obstacle_table_needs_sql(writer->relation, ep_coverage_of(ingest->stream, work->target));
	prepare_defaults(ingest, writer);
	ep_role_leave(saved);
	work->writer = writer;
	MemoryContextSwitchTo(old);
}

/* Before any row is built, so that a user's trigger cannot change a table under rows that wait for it. */
void
ep_writer_start(EpIngest *ingest)
{
	for (int i = 0; i < ingest->work_count; i++)
		ep_writer_open(ingest, ingest->works[i]);
}

/* Give back what leaves keep from batch to batch. */
static void
release_leaves(EpWriter *writer)
{
	ListCell *cell;

	foreach (cell, writer->leaves)
	{
		Leaf *leaf = lfirst(cell);

		while (leaf->slot_count > 0)
			ExecDropSingleTupleTableSlot(leaf->slots[--leaf->slot_count]);
		if (leaf->bulk != NULL)
			FreeBulkInsertState(leaf->bulk);
		leaf->bulk = NULL;
	}
}

static void
close_leaf(EpWriter *writer, Leaf *leaf)
{
	if (leaf->mode != LEAF_SQL)
		table_finish_bulk_insert(leaf->relation, 0);
	if (leaf->info != NULL)
		ExecCloseIndices(leaf->info);
	if (leaf->relation != writer->relation)
		table_close(leaf->relation, NoLock);
}

static void
close_writer(EpWriter *writer)
{
	ListCell *cell;

	release_leaves(writer);
	foreach (cell, writer->leaves)
		close_leaf(writer, lfirst(cell));
	if (writer->slot != NULL)
		ExecDropSingleTupleTableSlot(writer->slot);
	if (writer->estate != NULL)
		FreeExecutorState(writer->estate);
	table_close(writer->relation, NoLock);
}

void
ep_writer_finish(EpIngest *ingest)
{
	for (int i = 0; i < ingest->work_count; i++)
		if (ingest->works[i]->writer != NULL)
		{
			close_writer(ingest->works[i]->writer);
			ingest->works[i]->writer = NULL;
		}
	ep_deferred_restore(ingest);
}

/* ---- buffering ---- */

static void
choose_mode(EpIngest *ingest, EpWriter *writer, Leaf *leaf)
{
	bool refuses = ep_obstacle_constraint_can_refuse(leaf->relation);

	if (writer->by_sql || ep_obstacle_leaf_needs_sql(leaf->relation))
	{
		leaf->mode = LEAF_SQL;
		ep_ingest_pin(ingest);
		ep_deferred_ask_now(leaf->relation);
		return;
	}
	if (refuses || leaf->relation->rd_rel->relhasindex)
		leaf->info = executor_info(ingest, writer, leaf->relation);
	refuses |=
		writer->defaults_can_refuse || (leaf->info != NULL && ep_obstacle_index_can_refuse(leaf->info));
	leaf->mode = refuses ? LEAF_CAREFUL : LEAF_PLAIN;
}

static Leaf *
open_leaf(EpIngest *ingest, EpWriter *writer, EpPartition *partition)
{
	MemoryContext old = MemoryContextSwitchTo(ingest->context);
	Leaf *leaf = palloc0(sizeof(Leaf));

	leaf->relation = writer->relation;
	if (partition != NULL)
	{
		leaf->relation = table_open(partition->relation, RowExclusiveLock);
		if (!partition->is_alike)
			leaf->map =
				ep_attribute_map(RelationGetDescr(writer->relation), RelationGetDescr(leaf->relation));
		partition->is_alike = leaf->map == NULL;
	}
	choose_mode(ingest, writer, leaf);
	if (leaf->map != NULL && writer->slot == NULL)
		writer->slot = table_slot_create(writer->relation, NULL);
	writer->leaves = lappend(writer->leaves, leaf);
	MemoryContextSwitchTo(old);
	return leaf;
}

/* event_time alone decides on the leaf, and it has a partition: where more is asked, the row goes by SQL. */
static Leaf *
leaf_of(EpIngest *ingest, const EpRow *row)
{
	EpWriter *writer = row->work->writer;
	EpCoverage *coverage = ep_coverage_of(ingest->stream, row->work->target);
	EpPartition *partition =
		writer->by_sql || coverage->everything ? NULL : ep_coverage_partition(coverage, row->time);
	Oid relation = partition == NULL ? RelationGetRelid(writer->relation) : partition->relation;
	ListCell *cell;

	if (writer->last != NULL && RelationGetRelid(writer->last->relation) == relation)
		return writer->last;
	foreach (cell, writer->leaves)
		if (RelationGetRelid(((Leaf *) lfirst(cell))->relation) == relation)
			return writer->last = lfirst(cell);
	return writer->last = open_leaf(ingest, writer, partition);
}

/* Room for one more row: statements of one row are many, and want little. */
static void
grow(EpIngest *ingest, Leaf *leaf)
{
	int capacity = leaf->capacity == 0 ? 4 : Min(4 * leaf->capacity, EP_BATCH_ROWS);
	TupleTableSlot **slots = MemoryContextAlloc(ingest->context, capacity * sizeof(TupleTableSlot *));
	EpRow **rows = MemoryContextAlloc(ingest->context, capacity * sizeof(EpRow *));

	if (leaf->capacity > 0)
	{
		memcpy(slots, leaf->slots, leaf->capacity * sizeof(TupleTableSlot *));
		memcpy(rows, leaf->rows, leaf->capacity * sizeof(EpRow *));
		pfree(leaf->slots);
		pfree(leaf->rows);
	}
	leaf->slots = slots;
	leaf->rows = rows;
	leaf->capacity = capacity;
}

static void
make_slot(EpIngest *ingest, Leaf *leaf)
{
	MemoryContext old = MemoryContextSwitchTo(ingest->context);

	leaf->slots[leaf->slot_count++] = table_slot_create(leaf->relation, NULL);
	ingest->batch->slots++;
	MemoryContextSwitchTo(old);
}

static void
start_bulk(EpIngest *ingest, Leaf *leaf)
{
	MemoryContext old = MemoryContextSwitchTo(ingest->context);

	leaf->bulk = GetBulkInsertState();
	MemoryContextSwitchTo(old);
}

static void
buffer_row(EpIngest *ingest, EpRow *row)
{
	Leaf *leaf = leaf_of(ingest, row);

	if (leaf->count == leaf->capacity)
		grow(ingest, leaf);
	if (leaf->mode != LEAF_SQL && leaf->count == leaf->slot_count)
		make_slot(ingest, leaf);
	leaf->rows[leaf->count++] = row;
}

static void
fill(TupleTableSlot *slot, const EpRow *row)
{
	int natts = slot->tts_tupleDescriptor->natts;

	ExecClearTuple(slot);
	memcpy(slot->tts_values, row->values, natts * sizeof(Datum));
	memcpy(slot->tts_isnull, row->nulls, natts * sizeof(bool));
	ExecStoreVirtualTuple(slot);
}

/* ---- inserting ---- */

typedef struct LeafInsert
{
	EpWriter *writer;
	Leaf *leaf;
	int from, to;          /* rows [from, to) */
	MemoryContext context; /* for the tuples as they are stored; soon reset */
} LeafInsert;

/* The row with its defaults, as the leaf numbers its columns. */
static void
fill_leaf_slot(EpWriter *writer, Leaf *leaf, int i)
{
	TupleTableSlot *slot = leaf->map == NULL ? leaf->slots[i] : writer->slot;

	fill(slot, leaf->rows[i]);
	fill_defaults(writer, leaf->rows[i], slot->tts_values, slot->tts_isnull);
	if (leaf->map != NULL)
		slot = execute_attr_map_slot(leaf->map, slot, leaf->slots[i]);
	slot->tts_tableOid = RelationGetRelid(leaf->relation);
}

static void
insert_index_tuples(Leaf *leaf, TupleTableSlot **slots, int count, EState *estate)
{
	for (int i = 0; i < count && leaf->info->ri_NumIndices > 0; i++)
		list_free(ep_insert_index_tuples(leaf->info, slots[i], estate));
	ResetPerTupleExprContext(estate);
}

static bool
insert_into_leaf(void *argument)
{
	LeafInsert *insert = argument;
	Leaf *leaf = insert->leaf;
	EState *estate = insert->writer->estate;
	CommandId command = GetCurrentCommandId(true);
	TupleTableSlot **slots = leaf->slots + insert->from;
	int count = insert->to - insert->from;
	MemoryContext old;

	if (estate != NULL)
		estate->es_output_cid = command;
	for (int i = insert->from; i < insert->to; i++)
		fill_leaf_slot(insert->writer, leaf, i);
	if (leaf->mode == LEAF_CAREFUL && leaf->info != NULL && RelationGetDescr(leaf->relation)->constr != NULL)
		for (int i = 0; i < count; i++)
			ExecConstraints(leaf->info, slots[i], estate);
	old = MemoryContextSwitchTo(insert->context);
	table_multi_insert(leaf->relation, slots, count, command, 0, leaf->bulk);
	MemoryContextSwitchTo(old);
	if (leaf->info != NULL)
		insert_index_tuples(leaf, slots, count, estate);
	return true;
}

/* INSERT INTO target (all columns that can be written) VALUES ($1, ...) */
static void
plan_insert(EpIngest *ingest, EpWriter *writer)
{
	TupleDesc descriptor = RelationGetDescr(writer->relation);
	Oid *types = palloc(sizeof(Oid) * descriptor->natts);
	StringInfoData columns, parameters;
	MemoryContext old;
	int n = 0;

	initStringInfo(&columns);
	initStringInfo(&parameters);
	for (int i = 0; i < descriptor->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(descriptor, i);

		if (attribute->attisdropped || attribute->attgenerated || attribute->attidentity)
			continue;
		appendStringInfo(&columns, "%s%s", n > 0 ? ", " : "", quote_identifier(NameStr(attribute->attname)));
		appendStringInfo(&parameters, "%s$%d", n > 0 ? ", " : "", n + 1);
		types[n++] = attribute->atttypid;
		old = MemoryContextSwitchTo(ingest->context);
		writer->attnums = lappend_int(writer->attnums, attribute->attnum);
		MemoryContextSwitchTo(old);
	}
	writer->insert = SPI_prepare(psprintf("INSERT INTO %s (%s) VALUES (%s)",
										  ep_relation_name(RelationGetRelid(writer->relation)), columns.data,
										  parameters.data),
								 n, types);
	if (writer->insert == NULL)
		elog(ERROR, "could not plan an insert: %s", SPI_result_code_string(SPI_result));
}

static bool
insert_by_sql(void *argument)
{
	LeafInsert *insert = argument;
	EpWriter *writer = insert->writer;
	int n = list_length(writer->attnums);
	int natts = RelationGetDescr(writer->relation)->natts;
	Datum *row_values = palloc(sizeof(Datum) * natts), *values = palloc(sizeof(Datum) * n);
	bool *row_nulls = palloc(sizeof(bool) * natts);
	char *nulls = palloc(n + 1);

	for (int row_number = insert->from; row_number < insert->to; row_number++)
	{
		EpRow *row = insert->leaf->rows[row_number];
		ListCell *cell;
		int i = 0;

		memcpy(row_values, row->values, natts * sizeof(Datum));
		memcpy(row_nulls, row->nulls, natts * sizeof(bool));
		fill_defaults(writer, row, row_values, row_nulls);
		foreach (cell, writer->attnums)
		{
			values[i] = row_values[lfirst_int(cell) - 1];
			nulls[i++] = row_nulls[lfirst_int(cell) - 1] ? 'n' : ' ';
		}
		if (SPI_execute_plan(writer->insert, values, nulls, false, 0) != SPI_OK_INSERT)
			elog(ERROR, "could not insert into \"%s\"", RelationGetRelationName(writer->relation));
		row->left_out = SPI_processed == 0;
	}
	return true;
}

/* ---- flushing ---- */

/* In a subtransaction. */
static bool
insert_or_not(EpIngest *ingest, LeafInsert *insert, ErrorData **error)
{
	bool (*body)(void *) = insert->leaf->mode == LEAF_SQL ? insert_by_sql : insert_into_leaf;

	if (ep_attempt(body, insert, error) ||
		(ep_deferred_hasten(ingest, *error) && ep_attempt(body, insert, error)))
		return true;
	ep_deferred_explain(*error);
	return false;
}

static void
insert_one_by_one(EpIngest *ingest, EpWriter *writer, Leaf *leaf)
{
	for (int i = 0; i < leaf->count; i++)
	{
		LeafInsert insert = {writer, leaf, i, i + 1, ingest->event_context};
		ErrorData *error;

		if (insert_or_not(ingest, &insert, &error))
			ep_outcome_taken(ingest, leaf->rows[i]);
		else if (ep_outcome_is_about_row(error))
			ep_outcome_refused(ingest, leaf->rows[i], error);
		else
			ReThrowError(error);
	}
}

/* All rows in one subtransaction, or none needed; one for each row only when that fails. */
static void
flush_leaf(EpIngest *ingest, EpWriter *writer, Leaf *leaf)
{
	LeafInsert insert = {writer, leaf, 0, leaf->count, ingest->event_context};
	ErrorData *error;
	bool done;

	if (leaf->mode == LEAF_SQL && writer->insert == NULL)
	{
		ep_ingest_pin(ingest);
		plan_insert(ingest, writer);
	}
	if (leaf->mode == LEAF_PLAIN && leaf->bulk == NULL && leaf->count >= BULK_ROWS)
		start_bulk(ingest, leaf);
	done = leaf->mode == LEAF_PLAIN ? insert_into_leaf(&insert) : insert_or_not(ingest, &insert, &error);
	if (done)
		for (int i = 0; i < leaf->count; i++)
			ep_outcome_taken(ingest, leaf->rows[i]);
	else
		insert_one_by_one(ingest, writer, leaf);
	for (int i = 0; i < leaf->count && leaf->mode != LEAF_SQL; i++)
		ExecClearTuple(leaf->slots[i]);
	leaf->count = 0;
}

static void
flush_writer(EpIngest *ingest, EpWriter *writer)
{
	EpRole saved = enter_owner(writer);
	ListCell *cell;

	foreach (cell, writer->leaves)
		if (((Leaf *) lfirst(cell))->count > 0)
			flush_leaf(ingest, writer, lfirst(cell));
	ep_role_leave(saved);
}

static void
write_waiting(EpIngest *ingest, EpBatch *batch)
{
	for (int i = 0; i < batch->count; i++)
		if (batch->rows[i].state == EP_ROW_WAITING)
		{
			batch->rows[i].state = EP_ROW_DONE;
			buffer_row(ingest, &batch->rows[i]);
		}
	for (int i = 0; i < ingest->work_count; i++)
		if (ingest->works[i]->writer != NULL)
			flush_writer(ingest, ingest->works[i]->writer);
}

void
ep_writer_flush(EpIngest *ingest, EpBatch *batch)
{
	MemoryContext old = MemoryContextSwitchTo(batch->context);

	do
	{
		ep_dedupe_batch(ingest, batch);
		write_waiting(ingest, batch);
	} while (ep_dedupe_settle(ingest, batch));
	if (batch->slots > MAX_KEPT_SLOTS)
	{
		for (int i = 0; i < ingest->work_count; i++)
			if (ingest->works[i]->writer != NULL)
				release_leaves(ingest->works[i]->writer);
		batch->slots = 0;
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(batch->context);
	batch->count = 0;
}
