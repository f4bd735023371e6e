/*
 * event.h
 *	  One decoded event: a flat list of (path, value), plus where in the payload it stands.
 *
 * This is the seam between formats and everything behind them.  A decoder fills an EpEvent and
 * knows nothing of columns; ingest reads it and knows nothing of bytes.
 */
#ifndef EP_CORE_EVENT_H
#define EP_CORE_EVENT_H

#include "core/path.h"

typedef struct EpField
{
	EpPath *path;
	EpValue value;
} EpField;

/* What EpEvent.time counts from. */
typedef enum EpTimeBasis
{
	EP_TIME_NONE = 0, /* the format knows nothing: the stream's event_time path, or arrival */
	EP_TIME_UTC,      /* microseconds since 1970-01-01 UTC */
	EP_TIME_ARRIVAL   /* microseconds after the arrival of the raw row (a log without a clock) */
} EpTimeBasis;

typedef struct EpEvent
{
	const char *bytes; /* this event's slice of the payload, for rejections; may be NULL */
	size_t length;
	size_t offset;     /* of that slice in the payload */
	const char *route; /* suffix of the table that takes it ("gps5"), or NULL: the stream's own */
	EpTimeBasis time_basis;
	int64_t time; /* see time_basis */
	EpField *fields;
	uint32_t field_count;
	uint32_t field_capacity;
	EpField *unknown; /* what the payload's schema does not know: bytes, kept beside the columns */
	uint32_t unknown_count;
	uint32_t partial_count; /* the first of them: fields that the schema knows, but not all that is in them */
	EpPath **lacks;         /* what the schema would need to have for that */
	uint32_t lack_count;
	uint32_t
		unnamed_enums; /* numbers of enums that the payload's schema has no name for: they are kept as numbers */
	const EpField *as_sent; /* as many, before aliases were put to them; NULL: fields are as they were sent */
} EpEvent;

/* Make the event empty; its field array is allocated from arena at first use. */
static inline void
ep_event_reset(EpEvent *event)
{
	event->bytes = event->route = NULL;
	event->length = event->offset = 0;
	event->time_basis = EP_TIME_NONE;
	event->time = 0;
	event->fields = NULL;
	event->field_count = event->field_capacity = 0;
	event->unknown = NULL;
	event->lacks = NULL;
	event->unknown_count = event->partial_count = event->lack_count = event->unnamed_enums = 0;
	event->as_sent = NULL;
}

/*
 * Room for one more field, from arena; NULL when it is full.  The caller fills it.
 */
extern EpField *ep_event_add(EpEvent *event, EpArena *arena);

#endif /* EP_CORE_EVENT_H */
