/*
 * lock.c
 *	  Advisory locks of our own.
 */
#include "schema/lock.h"

#include "miscadmin.h"
#include "storage/lock.h"

/* pg_advisory_lock() itself uses 1 and 2, ep_registry_try_lock() other numbers (schema/registry.h). */
#define LOCK_SPACE 100

bool
ep_lock_take(Oid kind, int32 id, bool shared, bool wait)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, kind, id, LOCK_SPACE);
	return LockAcquire(&tag, shared ? ShareLock : ExclusiveLock, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

/* _lock(kind regclass, id int, wait boolean, shared boolean) returns boolean: false when it is taken and we are not to wait. */
EP_FUNCTION(ep_lock);

Datum
ep_lock(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(ep_lock_take(PG_GETARG_OID(0), PG_GETARG_INT32(1), PG_GETARG_BOOL(3), PG_GETARG_BOOL(2)));
}
