/*
 * walk.c
 *	  Decoding the rows of a run, event by event.
 */
#include "ingest/walk.h"

#include "miscadmin.h"
#include "utils/memutils.h"

static bool
is_wanted(EpIngest *ingest, const EpRawRow *row, int32 seq)
{
	return ingest->source->wants == NULL || ingest->source->wants(ingest->source, row, seq);
}

/* Whatever the visitor allocates without further thought is gone afterwards: events are many. */
static void
visit(EpIngest *ingest, const EpVisitor *visitor, const EpRawRow *row, int32 seq, EpEvent *event,
	  bool refused)
{
	MemoryContext old = MemoryContextSwitchTo(ingest->event_context);

	if (refused)
		visitor->refused(ingest, row, seq, event, &ingest->decoder.error);
	else
		visitor->event(ingest, row, seq, event);
	MemoryContextSwitchTo(old);
	MemoryContextReset(ingest->event_context);
}

static void
walk_row(EpIngest *ingest, const EpRawRow *row, const EpVisitor *visitor, int32 from)
{
	EpDecoder *decoder = &ingest->decoder;
	EpEvent event;
	EpCode code;
	int32 seq = 0;

	ep_event_reset(&event);
	ep_arena_reset(&ingest->payload);
	ep_arena_reset(&ingest->event_arena);
	if (row->payload == NULL || (row->length == 0 && !decoder->format->empty_is_event))
	{
		ep_fail(&decoder->error, EP_E_MISSING, 0,
				row->payload == NULL ? "payload is null" : "payload is empty");
		visit(ingest, visitor, row, 0, &event, true);
		return;
	}
	if (decoder->format->open(decoder, row->payload, row->length) != EP_OK)
	{
		event.bytes = row->payload;
		event.length = row->length;
		visit(ingest, visitor, row, 0, &event, true);
		return;
	}
	for (;;)
	{
		ep_arena_reset(&ingest->event_arena);
		ep_event_reset(&event);
		code = decoder->format->next(decoder, &event);
		CHECK_FOR_INTERRUPTS();
		if (code == EP_DONE)
			break;
		seq++;
		if (seq < from || !is_wanted(ingest, row, seq))
			continue;
		if (code == EP_OK && !ep_aliases_apply(ingest->stream->aliases, &event, &ingest->event_arena))
			code = ep_fail(&decoder->error, EP_E_MEMORY, event.offset, "event does not fit into its memory");
		visit(ingest, visitor, row, seq, &event, code != EP_OK);
		if (ingest->stopped)
			break;
	}
}

void
ep_ingest_walk(EpIngest *ingest, const EpVisitor *visitor)
{
	bool counts = visitor->first && ingest->source->wants == NULL;
	EpRawSource *source = ingest->source;
	EpRawRow row;

	source->rewind(source);
	while (!ingest->stopped && source->next(source, ingest->row_context, &row))
	{
		int32 from = row.raw_id == source->first_id ? source->first_seq : 0;

		if (counts && from == 0) /* else it was counted when walking stopped there */
		{
			ingest->counters->raw_rows++;
			ingest->counters->bytes += row.length;
		}
		walk_row(ingest, &row, visitor, from);
		MemoryContextReset(ingest->row_context);
	}
}
