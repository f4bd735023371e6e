/*
 * try_lock.c
 *	  Take the lock that DDL needs on a partitioned table without ever queueing for it.
 */
#include "ddl/try_lock.h"

#include "access/relation.h"
#include "catalog/pg_inherits.h"
#include "commands/trigger.h"
#include "common/pg_prng.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "portability/instr_time.h"
#include "storage/lmgr.h"
#include "utils/rel.h"

/*
 * Would ALTER TABLE say "being used by active queries in this session" (55006)?  Opening them all costs nothing more:
 * it opens them next and finds them read.
 */
static bool
used_by_this_session(List *relations)
{
	ListCell *cell;

	foreach (cell, relations)
	{
		Relation relation = relation_open(lfirst_oid(cell), NoLock);
		bool used = relation->rd_refcnt > 1 || AfterTriggerPendingOnRel(lfirst_oid(cell));

		relation_close(relation, NoLock);
		if (used)
			return true;
	}
	return false;
}

static void
unlock(List *relations, int count)
{
	for (int i = 0; i < count; i++)
		UnlockRelationOid(list_nth_oid(relations, i), AccessExclusiveLock);
}

/* One round, all or nothing: the parent and its partitions, or NIL. */
static List *
lock_all(Oid relation)
{
	/* The parent comes first in the list, leaves follow in OID order. */
	List *relations = find_all_inheritors(relation, NoLock, NULL);
	int count = 0;

	while (count < list_length(relations) &&
		   ConditionalLockRelationOid(list_nth_oid(relations, count), AccessExclusiveLock))
		count++;
	/* ALTER TABLE would wait for a partition that was attached since we made the list, and miss a dropped one. */
	if (count == list_length(relations) && equal(relations, find_all_inheritors(relation, NoLock, NULL)))
		return relations;
	unlock(relations, count);
	return NIL;
}

static int64
elapsed_us(instr_time start)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, start);
	return INSTR_TIME_GET_MICROSEC(now);
}

const char *
ep_ddl_try_lock(Oid relation, int budget_ms, int64 *waited_us)
{
	instr_time start;

	INSTR_TIME_SET_CURRENT(start);
	for (;;)
	{
		List *relations = lock_all(relation);

		*waited_us = elapsed_us(start);
		if (relations != NIL)
			return used_by_this_session(relations) ? "busy" : NULL;
		if (*waited_us >= (int64) budget_ms * 1000)
			return "lock";
		CHECK_FOR_INTERRUPTS();
		pg_usleep(1000 + pg_prng_uint64_range(&pg_global_prng_state, 0, 2000));
	}
}
