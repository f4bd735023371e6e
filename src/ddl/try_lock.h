/*
 * try_lock.h
 *	  Take the lock that DDL needs on a partitioned table without ever queueing for it.
 *
 * A waiting ACCESS EXCLUSIVE request makes every later reader wait behind it.  So parent and
 * leaves are asked for conditionally, everything is given back on the first refusal, and the round
 * is repeated a few times within a small budget.
 */
#ifndef EP_DDL_TRY_LOCK_H
#define EP_DDL_TRY_LOCK_H

#include "core/compat.h"

/*
 * NULL when the locks are held (until the transaction ends), else why not: "lock" (others use the
 * table) or "busy" (this session itself does: an open cursor, INSERT ... SELECT from it, pending
 * triggers).  *waited_us tells how long it took.
 */
extern const char *ep_ddl_try_lock(Oid relation, int budget_ms, int64 *waited_us);

#endif /* EP_DDL_TRY_LOCK_H */
