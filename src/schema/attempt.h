/*
 * attempt.h
 *	  Try something that may raise, and go on without it.
 */
#ifndef EP_SCHEMA_ATTEMPT_H
#define EP_SCHEMA_ATTEMPT_H

#include "core/compat.h"

/*
 * Run body in a subtransaction.  True when it returned true.  When it returned false or raised,
 * all it did is rolled back and its locks are released; *error is then the error in the current
 * memory context, or NULL when it merely returned false.  Cancellation, shutdown and exhausted
 * resources are not swallowed but raised on; out of memory is the caller's to judge, for rolling back
 * gives memory and places in the lock table back.
 */
extern bool ep_attempt(bool (*body)(void *argument), void *argument, ErrorData **error);

#endif /* EP_SCHEMA_ATTEMPT_H */
