/*
 * flight_clock.c
 *	  Cuts the events of one drone into sessions and gives each session its clock.
 *
 *	entries -> by boot_id ------------------> doubles -> clock -> session
 *			-> by upload_id, cut into pieces -> doubles -> clock -> GPS pieces of one boot joined
 *																	 -> doubles -> clock -> session
 *
 * Sorting aside, everything is linear.  Memory comes from the caller's arena.
 */
#include "rollup/flight_clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WEEK_MS (INT64_C(7) * 86400000)
#define GPS_EPOCH_MS INT64_C(315964800000) /* 1980-01-06 */
#define ROLLOVER_MS (1024 * WEEK_MS)

/* UTC lags behind GPS time by so many seconds from these instants on (ms, IERS bulletins C). */
static const struct
{
	int64_t from;
	int64_t seconds;
} leap_seconds[] = {
	{INT64_C(1483228800000), 18}, /* 2017-01-01 */
	{INT64_C(1435708800000), 17}, /* 2015-07-01 */
	{INT64_MIN, 16},              /* 2012-07-01; no clock floor makes sense before it */
};

typedef struct Anchor
{
	const EpFlightEvent *event;
	int64_t offset;
	bool repaired; /* by adding 1024 weeks */
} Anchor;

int
ep_flight_compare_text(const char *a, const char *b)
{
	if (a == b)
		return 0;
	if (a == NULL || b == NULL)
		return a == NULL ? 1 : -1;
	return strcmp(a, b);
}

/* Within a session, once doubles are gone: by uptime, and a landing before a takeoff. */
static int
compare_in_session(const void *left, const void *right)
{
	const EpFlightEvent *a = ((const EpFlightEntry *) left)->event;
	const EpFlightEvent *b = ((const EpFlightEntry *) right)->event;
	int order = ep_flight_compare_int(a->uptime, b->uptime);

	if (order == 0)
		order = strcmp(a->type, b->type);
	if (order == 0)
		order = ep_flight_compare_int(a->received_at, b->received_at);
	return order != 0 ? order : strcmp(a->event_id, b->event_id);
}

/* Boots first, each in session order; then uploads of unknown boots, each in the order of the upload. */
static int
compare_by_session(const void *left, const void *right)
{
	const EpFlightEvent *a = ((const EpFlightEntry *) left)->event;
	const EpFlightEvent *b = ((const EpFlightEntry *) right)->event;
	int order = ep_flight_compare_text(a->boot_id, b->boot_id);

	if (order != 0)
		return order;
	if (a->boot_id != NULL)
		return compare_in_session(left, right);
	order = strcmp(a->upload_id, b->upload_id);
	if (order == 0) /* an absent seq stands last */
		order = ep_flight_compare_int((a->seq == EP_FLIGHT_ABSENT), (b->seq == EP_FLIGHT_ABSENT));
	if (order == 0)
		order = ep_flight_compare_int(a->seq, b->seq);
	return order != 0 ? order : compare_in_session(left, right);
}

static int
compare_sessions(const void *left, const void *right)
{
	const EpFlightSession *a = left;
	const EpFlightSession *b = right;
	int order = ep_flight_compare_int(a->offset, b->offset);

	return order != 0 ? order : strcmp(a->key, b->key);
}

/* GPS pieces by offset at the front; boots and other pieces behind. */
static int
compare_pieces(const void *left, const void *right)
{
	const EpFlightSession *a = left;
	const EpFlightSession *b = right;
	bool a_joins = a->boot_id == NULL && a->source == EP_FLIGHT_GPS;
	bool b_joins = b->boot_id == NULL && b->source == EP_FLIGHT_GPS;

	return a_joins != b_joins ? (a_joins ? -1 : 1) : compare_sessions(left, right);
}

/* Newest anchor first. */
static int
compare_anchors(const void *left, const void *right)
{
	const Anchor *a = left;
	const Anchor *b = right;
	int order = ep_flight_compare_int(b->event->uptime, a->event->uptime);

	return order != 0 ? order : strcmp(b->event->event_id, a->event->event_id);
}

static int
compare_offsets(const void *left, const void *right)
{
	return ep_flight_compare_int(((const Anchor *) left)->offset, ((const Anchor *) right)->offset);
}

static int64_t
leap_ms(int64_t gps_scale)
{
	int i = 0;

	while (gps_scale < leap_seconds[i].from)
		i++;
	return leap_seconds[i].seconds * 1000;
}

/*
 * The UTC of an event by its receiver, wrapped weeks repaired; EP_FLIGHT_ABSENT when it has none.  The leap
 * seconds of week and time of week are those of the date in the GPS scale, after the repair.
 */
static int64_t
gps_utc(const EpFlightEvent *event, int64_t floor, bool *repaired)
{
	bool by_week = event->gps_time == EP_FLIGHT_ABSENT;
	int64_t scale = event->gps_time;
	int64_t utc;
	int wraps = 0;

	if (by_week)
	{
		if (event->gps_week < 0 || event->gps_week > 65535 || event->gps_tow < 0 || event->gps_tow >= WEEK_MS)
			return EP_FLIGHT_ABSENT;
		scale = GPS_EPOCH_MS + event->gps_week * WEEK_MS + event->gps_tow;
	}
	while (utc = by_week ? scale - leap_ms(scale) : scale, utc < floor && wraps < 2)
	{
		scale += ROLLOVER_MS;
		wraps++;
	}
	*repaired = wraps > 0;
	return utc;
}

/* Fill *anchor from the event by this source; false when it gives none. */
static bool
anchor_of(const EpFlightEvent *event, EpFlightSource source, const EpFlightParams *params, Anchor *anchor)
{
	int64_t utc = event->device_clock;

	anchor->event = event;
	anchor->repaired = false;
	if (source == EP_FLIGHT_GPS)
	{
		if (event->gps_fix < 2)
			return false;
		utc = gps_utc(event, params->clock_floor, &anchor->repaired);
	}
	if (utc == EP_FLIGHT_ABSENT || utc < params->clock_floor || utc > event->received_at + params->future_tol)
		return false;
	anchor->offset = utc - event->uptime;
	return true;
}

/*
 * The clock by one source, from the last anchors.  anchors has room for all entries.  False when
 * there is no anchor.
 */
static bool
clock_by(EpFlightSession *session, EpFlightSource source, const EpFlightParams *params, Anchor *anchors)
{
	size_t window = (size_t) params->anchor_window;
	size_t taken = 0;
	int64_t least = INT64_MAX;
	int64_t greatest = INT64_MIN;

	for (size_t i = session->count; i-- > 0;)
	{
		Anchor anchor;

		if (!anchor_of(session->entries[i].event, source, params, &anchor))
			continue;
		least = anchor.offset < least ? anchor.offset : least;
		greatest = anchor.offset > greatest ? anchor.offset : greatest;
		/* Beyond the window only what shares the uptime of its last one may still belong to it. */
		if (taken < window || anchor.event->uptime == anchors[taken - 1].event->uptime)
			anchors[taken++] = anchor;
	}
	if (taken == 0)
		return false;
	qsort(anchors, taken, sizeof *anchors, compare_anchors);
	taken = taken < window ? taken : window;
	session->source = source;
	session->flags = greatest - least > params->step ? EP_FLIGHT_CLOCK_STEP : 0;
	for (size_t i = 0; i < taken; i++)
		if (anchors[i].repaired)
			session->flags |= EP_FLIGHT_GPS_ROLLOVER;
	qsort(anchors, taken, sizeof *anchors, compare_offsets);
	session->offset = anchors[(taken - 1) / 2].offset;
	return true;
}

/* Section "clock": GPS, else the device's clock, else the upper bound that arrival gives. */
static void
set_clock(EpFlightSession *session, const EpFlightParams *params, Anchor *anchors)
{
	if (clock_by(session, EP_FLIGHT_GPS, params, anchors) ||
		clock_by(session, EP_FLIGHT_DEVICE, params, anchors))
		return;
	session->source = EP_FLIGHT_RECEIVED;
	session->flags = 0;
	session->offset = INT64_MAX;
	for (size_t i = 0; i < session->count; i++)
	{
		const EpFlightEvent *event = session->entries[i].event;

		if (event->received_at - event->uptime < session->offset)
			session->offset = event->received_at - event->uptime;
	}
}

/* Rule 4, on entries in session order. */
static void
drop_doubles(EpFlightSession *session)
{
	size_t kept = 0;

	for (size_t i = 1; i < session->count; i++)
	{
		EpFlightEntry *last = &session->entries[kept];
		const EpFlightEvent *event = session->entries[i].event;

		if (last->event->uptime == event->uptime && strcmp(last->event->type, event->type) == 0)
			last->doubled = true;
		else
			session->entries[++kept] = session->entries[i];
	}
	session->count = kept + 1;
}

/* True when the entry begins another session than the one before it. */
static bool
begins_session(const EpFlightEvent *before, const EpFlightEvent *event, int64_t uptime_back)
{
	if (event->boot_id != NULL)
		return strcmp(before->boot_id, event->boot_id) != 0;
	return before->boot_id != NULL || strcmp(before->upload_id, event->upload_id) != 0 ||
		   event->uptime < before->uptime - uptime_back;
}

static const char *
make_key(const EpFlightEvent *event, unsigned piece, EpArena *arena)
{
	const char *id = event->boot_id != NULL ? event->boot_id : event->upload_id;
	size_t size = strlen(id) + 16;
	char *key = ep_arena_alloc(arena, size);

	if (key != NULL && event->boot_id != NULL)
		snprintf(key, size, "b:%s", id);
	else if (key != NULL)
		snprintf(key, size, "u:%s#%u", id, piece);
	return key;
}

static size_t
count_sessions(const EpFlightEntry *entries, size_t count, int64_t uptime_back)
{
	size_t sessions = count > 0;

	for (size_t i = 1; i < count; i++)
		sessions += begins_session(entries[i - 1].event, entries[i].event, uptime_back);
	return sessions;
}

/* Rule 3 without joins: sessions has room for all.  False when the arena is full. */
static bool
cut_sessions(EpFlightEntry *entries, size_t count, const EpFlightParams *params, EpArena *arena,
			 EpFlightSession *sessions, size_t *session_count)
{
	unsigned piece = 0;
	size_t made = 0;

	for (size_t i = 0; i < count; i++)
	{
		const EpFlightEvent *event = entries[i].event;
		const EpFlightEvent *before = i > 0 ? entries[i - 1].event : NULL;

		if (before != NULL && !begins_session(before, event, params->uptime_back))
		{
			sessions[made - 1].count++;
			continue;
		}
		piece = before != NULL && before->boot_id == NULL && event->boot_id == NULL &&
						strcmp(before->upload_id, event->upload_id) == 0
					? piece + 1
					: 1;
		sessions[made] = (EpFlightSession){.entries = &entries[i], .count = 1, .boot_id = event->boot_id};
		sessions[made].key = make_key(event, piece, arena);
		if (sessions[made++].key == NULL)
			return false;
	}
	*session_count = made;
	return true;
}

/* The bounds of arrival and storage. */
static void
set_bounds(EpFlightSession *session)
{
	session->last_received = INT64_MIN;
	session->since = INT64_MAX;
	for (size_t i = 0; i < session->count; i++)
	{
		const EpFlightEvent *event = session->entries[i].event;

		if (event->received_at > session->last_received)
			session->last_received = event->received_at;
		if (event->event_time < session->since)
			session->since = event->event_time;
	}
}

/* Put the entries in session order; those of a boot are in it. */
static void
sort_in_session(EpFlightSession *session)
{
	for (size_t i = 1; i < session->count; i++)
		if (compare_in_session(&session->entries[i - 1], &session->entries[i]) > 0)
		{
			qsort(session->entries, session->count, sizeof *session->entries, compare_in_session);
			return;
		}
}

static void
settle(EpFlightSession *session, const EpFlightParams *params, Anchor *anchors)
{
	sort_in_session(session);
	drop_doubles(session);
	set_bounds(session);
	set_clock(session, params, anchors);
}

/* Make one session of pieces[0..count); its entries go to room. */
static void
join(EpFlightSession *pieces, size_t count, EpFlightEntry *room, const EpFlightParams *params,
	 Anchor *anchors, EpFlightSession *joined)
{
	size_t used = 0;

	*joined = pieces[0];
	for (size_t i = 0; i < count; i++)
	{
		memcpy(room + used, pieces[i].entries, pieces[i].count * sizeof *room);
		used += pieces[i].count;
		if (strcmp(pieces[i].key, joined->key) < 0)
			joined->key = pieces[i].key;
	}
	joined->entries = room;
	joined->count = used;
	settle(joined, params, anchors);
}

/* Join the GPS pieces that come from one boot; gives how many sessions are left. */
static size_t
join_pieces(EpFlightSession *sessions, size_t count, EpFlightEntry *room, const EpFlightParams *params,
			Anchor *anchors)
{
	size_t kept = 0;
	size_t next;

	qsort(sessions, count, sizeof *sessions, compare_pieces);
	for (size_t i = 0; i < count; i = next)
	{
		next = i + 1;
		if (sessions[i].boot_id == NULL && sessions[i].source == EP_FLIGHT_GPS)
			while (next < count && sessions[next].boot_id == NULL && sessions[next].source == EP_FLIGHT_GPS &&
				   sessions[next].offset - sessions[next - 1].offset <= params->boot_merge)
				next++;
		if (next == i + 1)
			sessions[kept++] = sessions[i];
		else
		{
			EpFlightSession joined;

			join(&sessions[i], next - i, room, params, anchors, &joined);
			room += joined.count;
			sessions[kept++] = joined;
		}
	}
	return kept;
}

EpFlightSession *
ep_flight_sessions(EpFlightEntry *entries, size_t count, const EpFlightParams *params, EpArena *arena,
				   size_t *session_count)
{
	EpFlightSession *sessions;
	Anchor *anchors = ep_arena_array(arena, count, sizeof *anchors);
	EpFlightEntry *room = ep_arena_array(arena, count, sizeof *room);

	*session_count = 0;
	if (anchors == NULL || room == NULL)
		return NULL;
	qsort(entries, count, sizeof *entries, compare_by_session);
	sessions = ep_arena_array(arena, count_sessions(entries, count, params->uptime_back), sizeof *sessions);
	if (sessions == NULL || count == 0)
		return sessions;
	if (!cut_sessions(entries, count, params, arena, sessions, session_count))
		return NULL;
	for (size_t i = 0; i < *session_count; i++)
		settle(&sessions[i], params, anchors);
	*session_count = join_pieces(sessions, *session_count, room, params, anchors);
	qsort(sessions, *session_count, sizeof *sessions, compare_sessions);
	return sessions;
}
