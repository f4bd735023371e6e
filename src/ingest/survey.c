/*
 * survey.c
 *	  Pass one over a statement: decode everything, look for what is missing.
 *
 * For known attributes this costs the decoding and one array look-up.  Types of new attributes are
 * joined over all values, so that the first one does not fix the type.  Takes no lock but, for a new
 * route, those of creating a table that nobody else can see yet.
 */
#include "ingest/survey.h"

#include "ingest/clock.h"

/* More new attributes than this in one statement are rescued unseen. */
#define MAX_WISHES 10000

static void
add_wish(EpIngest *ingest, EpTargetWork *work, EpColumn *column, const EpField *field, int64 raw_id)
{
	EpWish *wish;

	if (work->wish_count == MAX_WISHES)
	{
		column->state = EP_COLUMN_RESCUED;
		column->reason = "rate";
		return;
	}
	if (work->wish_count == work->wish_capacity)
	{
		work->wish_capacity = Max(16, work->wish_capacity * 2);
		if (work->wishes == NULL)
			work->wishes = MemoryContextAlloc(ingest->context, work->wish_capacity * sizeof(EpWish));
		else
			work->wishes = repalloc(work->wishes, work->wish_capacity * sizeof(EpWish));
	}
	wish = &work->wishes[work->wish_count];
	*wish = (EpWish){.path = field->path, .untyped = field->value.untyped, .raw_id = raw_id};
	column->state = EP_COLUMN_WANTED;
	column->attnum = work->wish_count++;
}

/* Join the value's type into the wish; what does not join leaves it as it is. */
static void
join_wish(EpWish *wish, const EpField *field)
{
	if (field->path->type != EP_TYPE_NONE)
		wish->guess.type = field->path->type;
	else
		(void) ep_type_guess(&wish->guess, &field->value);
}

static void
survey_fields(EpIngest *ingest, EpTargetWork *work, const EpEvent *event, int64 raw_id)
{
	EpTarget *target = work->target;

	for (uint32 i = 0; i < event->field_count; i++)
	{
		const EpField *field = &event->fields[i];
		uint32 id = field->path->id;
		EpColumn *column;

		if (field->value.kind == EP_NULL)
			continue;
		if (id < target->column_capacity && target->columns[id].state == EP_COLUMN_KNOWN)
			continue;
		column = ep_target_column(target, field->path, ingest->stream->context);
		if (column->state == EP_COLUMN_UNSEEN)
		{
			ingest->stream->stale = true; /* the marks we leave are this statement's alone */
			add_wish(ingest, work, column, field, raw_id);
		}
		if (column->state == EP_COLUMN_WANTED)
			join_wish(&work->wishes[column->attnum], field);
	}
}

static void
survey_time(EpIngest *ingest, EpTargetWork *work, TimestampTz time)
{
	TimestampTz hour = time - ((time % USECS_PER_HOUR) + USECS_PER_HOUR) % USECS_PER_HOUR;

	if (ep_coverage_has(work->coverage, time))
		return;
	if (work->missing_count > 0 && work->missing[work->missing_count - 1] == hour)
		return;
	if (work->missing_count == work->missing_capacity)
	{
		work->missing_capacity = Max(16, work->missing_capacity * 2);
		if (work->missing == NULL)
			work->missing = MemoryContextAlloc(ingest->context, work->missing_capacity * sizeof(TimestampTz));
		else
			work->missing = repalloc_huge(work->missing, work->missing_capacity * sizeof(TimestampTz));
	}
	work->missing[work->missing_count++] = hour;
}

static void
survey_event(EpIngest *ingest, const EpRawRow *row, int32 seq, EpEvent *event)
{
	EpKeys keys;
	EpTargetWork *work;
	TimestampTz time;
	EpError error;

	ep_ingest_keys(ingest, event, &keys);
	if (ep_clock_read(ingest->stream, event, keys.time, row->received_at, &time, &error) != EP_OK)
		return; /* it will be rejected: nothing is made for it */
	work = ep_ingest_route(ingest, event, &keys, true, row->raw_id);
	if (work == NULL)
		return;
	survey_time(ingest, work, time);
	survey_fields(ingest, work, event, row->raw_id);
}

static void
survey_refused(EpIngest *ingest, const EpRawRow *row, int32 seq, const EpEvent *event, const EpError *error)
{
	/* pass two records it */
}

void
ep_ingest_survey(EpIngest *ingest)
{
	static const EpVisitor visitor = {survey_event, survey_refused};

	ep_ingest_walk(ingest, &visitor);
}
