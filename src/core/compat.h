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
#include "fmgr.h"

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

#endif /* EP_CORE_COMPAT_H */
