/*
 * direct.c
 *	  Both passes in one, for loads: while nothing is missing, an event is written when it is first decoded.
 *
 * Pass one exists to find what the tables lack before they are locked.  A load whose attributes are all known lacks
 * nothing, and would be read and decoded twice for it.  So its rows are taken a few thousand at a time, while they are
 * still in shared buffers, until an event needs a column, a table or a partition that is not there; from that event on,
 * everything is as usual: survey, evolve, write, at the end of the statement.
 *
 * A raw row that a trigger of a user's deletes further on in the same statement keeps its events, like one that is deleted later.
 *
 * The price is that we then hold ROW EXCLUSIVE on the targets while we ask for more, so two loads that bring new attributes
 * at the same time keep each other from it and rescue them.  Therefore only loads do it, outside transaction blocks
 * (where a worker could not get by our lock), and only for tables that users have put nothing on that can refuse a row.
 */
#include "ingest/batch.h"

#include "ingest/passes.h"
#include "ingest/place.h"
#include "ingest/survey.h"
#include "ingest/walk.h"

/* Is nothing missing, and a writer there for the columns as they are now? */
static bool
can_write(EpIngest *ingest, const EpRawRow *row, const EpEvent *event, const EpPlace *place)
{
	EpTargetWork *work = place->work;

	ep_survey_event(ingest, row, event, place);
	if (work == NULL || work->writer != NULL || ingest->surprises > 0)
		return ingest->surprises == 0;
	if (!ep_ingest_hold(ingest, work))
		ep_survey_event(ingest, row, event, place);
	if (ingest->surprises > 0)
		return false;
	ep_writer_open(ingest, work);
	return !ep_writer_is_careful(ingest, work);
}

static void
direct_event(EpIngest *ingest, const EpRawRow *row, int32 seq, EpEvent *event)
{
	EpPlace place;

	ep_ingest_place(ingest, row, event, true, &place);
	if (can_write(ingest, row, event, &place))
	{
		ep_write_event(ingest, row, seq, event, &place);
		return;
	}
	ingest->stopped = true;
	ingest->source->mark(ingest->source);
	ingest->source->first_id = row->raw_id;
	ingest->source->first_seq = seq;
}

bool
ep_ingest_direct(EpIngest *ingest)
{
	static const EpVisitor visitor = {true, direct_event, ep_write_refused};

	ep_write_begin(ingest);
	ep_ingest_walk(ingest, &visitor);
	ep_write_end(ingest);
	return !ingest->stopped;
}
