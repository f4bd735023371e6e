/*
 * state.c
 *	  The state of one ingest run.
 *
 * Memory: `event_pipeline statement` holds what lives as long as the run; the decoder's arenas are
 * children of it and bounded, so that one hostile payload cannot take the server's memory.
 */
#include "ingest/state.h"

#include "core/interrupt_server.h"
#include "core/memory_server.h"
#include "schema/role.h"
#include "utils/memutils.h"

/* What the decoding of one event, one payload, one statement may take. */
#define MAX_EVENT_BYTES ((size_t) 128 * 1024 * 1024)
#define MAX_PAYLOAD_BYTES ((size_t) 128 * 1024 * 1024)
#define MAX_LASTING_BYTES ((size_t) 256 * 1024 * 1024)

EpIngest *
ep_ingest_begin(EpStream *stream, EpRawSource *source)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "event_pipeline statement", ALLOCSET_DEFAULT_SIZES);
	EpIngest *ingest = MemoryContextAllocZero(context, sizeof(EpIngest));
	EpAllocator allocator = ep_palloc_allocator(context);

	ingest->stream = stream;
	ingest->source = source;
	ingest->context = context;
	ingest->row_context = AllocSetContextCreate(context, "event_pipeline raw row", ALLOCSET_DEFAULT_SIZES);
	ingest->event_context = AllocSetContextCreate(context, "event_pipeline event", ALLOCSET_DEFAULT_SIZES);
	ep_arena_init(&ingest->lasting, allocator, MAX_LASTING_BYTES);
	ep_arena_init(&ingest->payload, allocator, MAX_PAYLOAD_BYTES);
	ep_arena_init(&ingest->event_arena, allocator, MAX_EVENT_BYTES);
	ingest->decoder.format = stream->format;
	ingest->decoder.paths = &stream->paths;
	ingest->decoder.arena = &ingest->event_arena;
	ingest->decoder.payload = &ingest->payload;
	ingest->decoder.lasting = &ingest->lasting;
	ingest->decoder.schema = stream->message;
	ingest->decoder.schema_ids = stream->schema_ids;
	ingest->decoder.options = stream->options;
	ingest->decoder.interrupted = ep_interrupted;
	ep_rescue_init(&ingest->rescue, &ingest->event_arena, context);
	return ingest;
}

void
ep_ingest_pin(EpIngest *ingest)
{
	if (ingest->pinned == 0)
		ingest->pinned = ep_settings_pin();
}
