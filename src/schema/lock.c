/*
 * lock.c
 *	  Advisory locks of our own.
 */
#include "schema/lock.h"

#include "miscadmin.h"
#include "storage/lock.h"

/* pg_advisory_lock() itself uses 1 and 2, ep_registry_try_lock() other numbers (schema/registry.h). */
#define LOCK_SPACE 100

static LOCKTAG
tag_of(Oid kind, int32 id)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, kind, id, LOCK_SPACE);
	return tag;
}

bool
ep_lock_take(Oid kind, int32 id, bool shared, bool wait)
{
	LOCKTAG tag = tag_of(kind, id);

	return LockAcquire(&tag, shared ? ShareLock : ExclusiveLock, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

/* _lock(kind regclass, id int, wait boolean, shared boolean) returns boolean: false when it is taken and we are not to wait. */
EP_FUNCTION(ep_lock);

Datum
ep_lock(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(ep_lock_take(PG_GETARG_OID(0), PG_GETARG_INT32(1), PG_GETARG_BOOL(3), PG_GETARG_BOOL(2)));
}

/* _lock_is_ours(kind regclass, id int) returns boolean */
EP_FUNCTION(ep_lock_is_ours);

Datum
ep_lock_is_ours(PG_FUNCTION_ARGS)
{
	LOCKTAG tag = tag_of(PG_GETARG_OID(0), PG_GETARG_INT32(1));

	PG_RETURN_BOOL(ep_lock_held_by_me(&tag, ExclusiveLock));
}
