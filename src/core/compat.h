/*
 * compat.h
 *	  Every difference between the PostgreSQL versions that we support, and nothing else.
 *
 * The only file with PG_VERSION_NUM.  Each shim names what made it needful.  For code with
 * server headers only; the decoders never include this.
 */
#ifndef EP_CORE_COMPAT_H
#define EP_CORE_COMPAT_H

#include "postgres.h"
#include "access/attmap.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "parser/parse_relation.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/rel.h"

#if PG_VERSION_NUM < 150000
#error "event_pipeline needs PostgreSQL 15 or later"
#endif

/*
 * Declare an SQL-callable function.  PG_FUNCTION_INFO_V1 exports the function itself only since
 * 16 (commit 089480c0); under -fvisibility=hidden 15 needs the prototype.
 */
#define EP_FUNCTION(name)                     \
	PGDLLEXPORT Datum name(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(name)

/*
 * Before the declaration of a function that does not return.  18 puts it in front and
 * no longer has pg_attribute_noreturn(), which went behind.
 */
#if PG_VERSION_NUM < 180000
#define pg_noreturn __attribute__((noreturn))
#endif

/*
 * Executor state for inserting into one relation without a plan, permissions already settled.
 * 16 split permissions off the range table (commit a61b1f74), 18 wants the unpruned relations.
 */
static inline EState *
ep_executor_state(Relation relation)
{
	EState *estate = CreateExecutorState();
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	List *permissions = NIL;

	rte->rtekind = RTE_RELATION;
	rte->relid = RelationGetRelid(relation);
	rte->relkind = relation->rd_rel->relkind;
	rte->rellockmode = RowExclusiveLock;
#if PG_VERSION_NUM >= 180000
	addRTEPermissionInfo(&permissions, rte);
	ExecInitRangeTable(estate, list_make1(rte), permissions, bms_make_singleton(1));
#elif PG_VERSION_NUM >= 160000
	addRTEPermissionInfo(&permissions, rte);
	ExecInitRangeTable(estate, list_make1(rte), permissions);
#else
	(void) permissions;
	ExecInitRangeTable(estate, list_make1(rte));
#endif
	return estate;
}

/* From the columns of one table to those of another that has them all, or NULL; 16 added an argument (commit ad86d159). */
static inline AttrMap *
ep_attribute_map(TupleDesc from, TupleDesc to)
{
#if PG_VERSION_NUM >= 160000
	return build_attrmap_by_name_if_req(from, to, false);
#else
	return build_attrmap_by_name_if_req(from, to);
#endif
}

/* ExecInsertIndexTuples for a plain insert; 16 added an argument (commit 19d8e230). */
static inline List *
ep_insert_index_tuples(ResultRelInfo *leaf, TupleTableSlot *slot, EState *estate)
{
#if PG_VERSION_NUM >= 160000
	return ExecInsertIndexTuples(leaf, slot, estate, false, false, NULL, NIL, false);
#else
	return ExecInsertIndexTuples(leaf, slot, estate, false, false, NULL, NIL);
#endif
}

/* Has this transaction the lock in this very mode? 17 added an argument. */
static inline bool
ep_lock_held_by_me(const LOCKTAG *tag, LOCKMODE mode)
{
#if PG_VERSION_NUM >= 170000
	return LockHeldByMe(tag, mode, false);
#else
	return LockHeldByMe(tag, mode);
#endif
}

/* Is role the owner of the relation, or a member of it? 16 folded the functions into one (commit afbfc029). */
static inline bool
ep_owns_relation(Oid relation, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(RelationRelationId, relation, role);
#else
	return pg_class_ownercheck(relation, role);
#endif
}

/* May role make relations in the schema?  Folded by the same commit. */
static inline bool
ep_may_create_in(Oid schema, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(NamespaceRelationId, schema, role, ACL_CREATE) == ACLCHECK_OK;
#else
	return pg_namespace_aclcheck(schema, role, ACL_CREATE) == ACLCHECK_OK;
#endif
}

#endif /* EP_CORE_COMPAT_H */
