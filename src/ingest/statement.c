/*
 * statement.c
 *	  The raw rows of one statement, through the whole pipeline.
 */
#include "ingest/statement.h"

#include "ingest/account.h"
#include "ingest/passes.h"
#include "schema/role.h"

static void
start_decoder(EpIngest *ingest)
{
	const EpFormat *format = ingest->stream->format;

	if (format->begin(&ingest->decoder) != EP_OK)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("decoder for format \"%s\" could not start: %s", format->name,
							   ingest->decoder.error.message)));
}

/* Attributes that came with events which no table took may have left no room for those of others: then the stream is read anew. */
static void
leave_room(EpStream *stream)
{
	stream->stale |= stream->paths.count >= stream->paths.max_nodes;
}

/* Everything that a run over rows of a stream does, as the owner of its tables. */
static bool
run(EpStream *stream, EpRawSource *source, EpCounters *counters, bool (*body)(EpIngest *))
{
	EpIngest *ingest = ep_ingest_begin(stream, source);
	EpRole saved = ep_role_enter_owner(stream->owner);
	bool result;

	ingest->counters = counters;
	start_decoder(ingest);
	result = body(ingest);
	ep_ingest_account(ingest);
	ep_settings_unpin(ingest->pinned);
	ep_role_leave(saved);
	leave_room(stream);
	MemoryContextDelete(ingest->context);
	return result;
}

static bool
run_all(EpIngest *ingest)
{
	ep_ingest_pin(ingest);
	ep_ingest_survey(ingest);
	ep_ingest_evolve(ingest);
	ep_ingest_write(ingest);
	return true;
}

void
ep_ingest_run(EpStream *stream, EpRawSource *source, EpCounters *counters)
{
	(void) run(stream, source, counters, run_all);
	ep_journal_count(stream, counters);
}

bool
ep_ingest_some(EpStream *stream, EpRawSource *source, EpCounters *counters)
{
	return run(stream, source, counters, ep_ingest_direct);
}

void
ep_ingest_read(EpStream *stream, EpRawSource *source, const EpVisitor *visitor)
{
	EpIngest *ingest = ep_ingest_begin(stream, source);
	EpRole saved = ep_role_enter_owner(stream->owner);

	ep_ingest_pin(ingest);
	start_decoder(ingest);
	ep_ingest_walk(ingest, visitor);
	ep_settings_unpin(ingest->pinned);
	ep_role_leave(saved);
	leave_room(stream);
	MemoryContextDelete(ingest->context);
}
