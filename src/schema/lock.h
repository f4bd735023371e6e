/*
 * lock.h
 *	  Advisory locks of our own: pg_advisory_lock(), which everybody may call, has no name for them.
 */
#ifndef EP_SCHEMA_LOCK_H
#define EP_SCHEMA_LOCK_H

#include "core/compat.h"

/* Take the lock named by a table of ours and a number until the transaction ends; false when it is taken and we are not to wait. */
extern bool ep_lock_take(Oid kind, int32 id, bool shared, bool wait);

#endif /* EP_SCHEMA_LOCK_H */
