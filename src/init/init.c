/*
 * init.c
 *	  The module's entry point: each module registers what is its own.
 */
#include "core/compat.h"
#include "ingest/capture.h"
#include "schema/stream.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	ep_stream_init();
	ep_capture_init();
}
