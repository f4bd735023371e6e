/*
 * gpmf_ends.c
 *	  When a log began and how long it is, from its ends.
 *
 * Of a long stored log only the head and the tail are fetched.  The decoder says whether these settle the answer, that is
 * whether the whole log would give the same; if not, more is read.
 */
#include "type/gpmf.h"

#include <math.h>

#include "core/memory_server.h"
#include "type/gpmf_header.h"
#include "utils/timestamp.h"

EP_FUNCTION(ep_gpmf_started_at);
EP_FUNCTION(ep_gpmf_duration);

#define END_BYTES ((size_t) 256 << 10) /* some payloads of any camera */
#define GROWTH 4                       /* a head that settles nothing is followed by one that much longer */
#define UNKNOWN_GAP 2                  /* payloads: more than one, so that no step spans it */

static void
close_value(EpGpmfValue *value, bytea *bytes)
{
	ep_arena_free(&value->arena);
	ep_arena_free(&value->scratch);
	pfree(value);
	pfree(bytes);
}

static bool
is_long(const EpGpmfSource *source)
{
	return source->stored != NULL && source->length > 4 * END_BYTES;
}

/* The last DEVCs of the log, those that END_BYTES hold; NULL when they cannot be told from other bytes. */
static bytea *
fetch_tail(EpGpmfSource *source)
{
	size_t at = (source->length - END_BYTES) & ~(size_t) 3;
	bytea *bytes = ep_gpmf_source_slice(source, at, source->length - at);
	EpArena arena;
	size_t offset;
	bool found;

	ep_arena_init(&arena, ep_palloc_allocator(CurrentMemoryContext), END_BYTES);
	found = ep_gpmf_find_devc((uint8_t *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), &arena, &offset);
	ep_arena_free(&arena);
	pfree(bytes);
	return found ? ep_gpmf_source_slice(source, at + offset, source->length - at - offset) : NULL;
}

/* ---- the start ---- */

/* Whether the tail has nothing that tells the time. */
static bool
tail_is_clockless(EpGpmfSource *source)
{
	bytea *bytes = fetch_tail(source);
	EpGpmfValue *value;
	bool clockless;

	if (bytes == NULL)
		return false;
	value = ep_gpmf_value_of(bytes);
	clockless = value->log.fault.code == EP_OK && !value->log.clock_seen;
	close_value(value, bytes);
	return clockless;
}

/* The start as a head tells it; false when it does not settle it. */
static bool
start_of_head(EpGpmfSource *source, size_t length, EpGpmfUtc *utc, int64_t *started_at)
{
	bytea *bytes = ep_gpmf_source_slice(source, 0, length);
	EpGpmfValue *value = ep_gpmf_value_of(bytes);
	bool settled = value->log.start_settled;

	*utc = value->log.utc;
	*started_at = value->log.started_at;
	if (length == END_BYTES && !value->log.clock_seen)
		settled = tail_is_clockless(source);
	close_value(value, bytes);
	return settled;
}

Datum
ep_gpmf_started_at(PG_FUNCTION_ARGS)
{
	EpGpmfSource source;
	EpGpmfUtc utc;
	int64_t started_at;
	bool settled = false;

	ep_gpmf_source_open(&source, PG_GETARG_DATUM(0));
	for (size_t length = END_BYTES; is_long(&source) && !settled && length < source.length; length *= GROWTH)
		settled = start_of_head(&source, length, &utc, &started_at);
	if (!settled)
	{
		EpGpmfValue *value = ep_gpmf_value_open(fcinfo, 0);

		utc = value->log.utc;
		started_at = value->log.started_at;
	}
	if (utc == EP_GPMF_UTC_NONE)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(ep_gpmf_timestamp_datum(started_at));
}

/* ---- the duration ---- */

typedef struct Ends
{
	uint8_t *bytes; /* head and tail */
	size_t length;
	size_t gap; /* where the tail begins */
} Ends;

/* The whole DEVCs of a head, and in the tail all from the first that is of the same device as the log's first. */
static bool
join_ends(const bytea *head, const bytea *tail, Ends *ends)
{
	const uint8_t *first = (const uint8_t *) VARDATA_ANY(head);
	const uint8_t *last = (const uint8_t *) VARDATA_ANY(tail);
	EpCursor level = ep_cursor(first, VARSIZE_ANY_EXHDR(head));
	EpCursor back = ep_cursor(last, VARSIZE_ANY_EXHDR(tail));
	EpGpmfKlv klv, devc;
	EpError ignored;
	EpCode code;

	for (ends->gap = 0; ep_gpmf_klv_next(&level, &klv, &ignored) == EP_OK;)
		ends->gap = ep_cursor_offset(&level);
	if (ends->gap < 20) /* DEVC and DVID */
		return false;
	while ((code = ep_gpmf_klv_next(&back, &devc, &ignored)) == EP_OK)
		if (devc.length >= 12 && memcmp(devc.value, first + 8, 12) == 0)
			break;
	if (code != EP_OK)
		return false;
	ends->length = ends->gap + (back.end - last) - devc.offset;
	ends->bytes = palloc(ends->length);
	memcpy(ends->bytes, first, ends->gap);
	memcpy(ends->bytes + ends->gap, last + devc.offset, ends->length - ends->gap);
	return true;
}

/* Open both ends, skipped payloads apart; false when they are not as they should be. */
static bool
open_ends(EpGpmfLog *log, const Ends *ends, uint32_t skipped, EpArena *arena)
{
	EpError ignored;

	return ep_gpmf_log_open_ends(log, ends->bytes, ends->length, ends->gap, skipped, arena, &ignored) ==
			   EP_OK &&
		   log->tail != 0;
}

/* Without stamps the windows are even, and it takes the number of payloads to know when the last one is. */
static uint32_t
count_skipped(EpGpmfSource *source, const EpGpmfLog *log)
{
	uint32_t known = log->payloads - log->skipped;
	EpGpmfDevices devices;

	ep_gpmf_read_devices(source, &devices);
	return devices.payloads > known ? devices.payloads - known : 0;
}

/* The duration as both ends tell it; false when they do not settle it. */
static bool
duration_of_ends(EpGpmfSource *source, double *duration)
{
	bytea *tail = fetch_tail(source);
	EpGpmfLog *log = palloc(sizeof *log);
	EpArena arena;
	Ends ends;
	bool settled = false;

	ep_arena_init(&arena, ep_palloc_allocator(CurrentMemoryContext), MaxAllocSize);
	if (tail != NULL && join_ends(ep_gpmf_source_slice(source, 0, END_BYTES), tail, &ends) &&
		open_ends(log, &ends, UNKNOWN_GAP, &arena) && log->end_settled)
	{
		uint32_t skipped = log->stamped > 0 ? UNKNOWN_GAP : count_skipped(source, log);

		settled =
			log->stamped > 0 || (skipped > 0 && open_ends(log, &ends, skipped, &arena) && log->end_settled);
		*duration = log->duration;
	}
	ep_arena_free(&arena);
	return settled;
}

Datum
ep_gpmf_duration(PG_FUNCTION_ARGS)
{
	EpGpmfSource source;
	Interval *interval = palloc0(sizeof *interval);
	double duration;

	ep_gpmf_source_open(&source, PG_GETARG_DATUM(0));
	if (!is_long(&source) || !duration_of_ends(&source, &duration))
		duration = ep_gpmf_value_open(fcinfo, 0)->log.duration;
	interval->time = (TimeOffset) rint(duration * 1e6);
	PG_RETURN_INTERVAL_P(interval);
}
