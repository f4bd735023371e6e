/*
 * init.c
 *	  The module's entry point: each module registers what is its own.
 */
#include "core/interrupt_server.h"
#include "format/protobuf/protobuf_wire.h"
#include "ingest/capture.h"
#include "schema/stream.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	ep_wire_interrupted = ep_interrupted;
	ep_stream_init();
	ep_capture_init();
}
