/*
 * flight_pairing.c
 *	  Pairs takeoffs with landings, session by session, then across sessions.
 *
 *	events -> admit (rules 1, 2) -> sessions with clocks (3, 4: flight_clock.c) -> pair (5) -> bounce (6)
 *		   -> reboot (7) -> the end (8) -> sort, short, overlap (9)
 *
 * While a session is paired its flights hold uptimes; place_in_time turns them into UTC.
 * Every flight has its takeoff, its landing or both.  Memory comes from the caller's arena.
 */
#include "rollup/flight_clock.h"

#include <stdlib.h>
#include <string.h>

const EpFlightParams ep_flight_default_params = {
	.clock_floor = INT64_C(1472688000000), /* 2016-09-01 */
	.future_tol = 300000,
	.anchor_window = 5,
	.step = 2000,
	.dup = 5000,
	.bounce = 3000,
	.max_flight = 2700000,
	.reboot_gap = 120000,
	.short_flight = 10000,
	.open_timeout = 86400000,
	.boot_merge = 5000,
	.uptime_back = 1000,
};

const char *const ep_flight_status_names[] = {"complete", "no_takeoff", "no_landing", "open"};
const char *const ep_flight_end_names[] = {NULL,          "landing", "next_takeoff",
										   "implausible", "reboot",  "timeout"};
const char *const ep_flight_source_names[] = {"gps", "device", "received"};
const char *const ep_flight_flag_names[EP_FLIGHT_FLAG_COUNT] = {
	"bounce",  "clock_step", "dup_landing", "dup_takeoff", "gps_rollover", "implausible_duration",
	"overlap", "reboot",     "short"};

/* The state of the pairing of one session. */
typedef struct Pairing
{
	EpFlightSession *session;
	const EpFlightParams *params;
	int64_t last_takeoff; /* uptime of the last takeoff event, ignored ones too */
	int64_t last_landing; /* same for landings */
	int64_t seen;         /* highest uptime of any event below the current one */
} Pairing;

static bool
is_time(int64_t ms)
{
	return ms >= EP_FLIGHT_TIME_MIN && ms <= EP_FLIGHT_TIME_MAX;
}

/* Rule 1, but for the drone, which the caller knows. */
static bool
is_admissible(const EpFlightEvent *event)
{
	return event->event_id != NULL && event->type != NULL && is_time(event->received_at) &&
		   event->uptime >= 0 && event->uptime <= EP_FLIGHT_UPTIME_MAX &&
		   (event->boot_id != NULL || event->upload_id != NULL);
}

static int
compare_optional(int64_t a, int64_t b)
{
	if (a == b)
		return 0;
	if (a == EP_FLIGHT_ABSENT || b == EP_FLIGHT_ABSENT)
		return a == EP_FLIGHT_ABSENT ? 1 : -1;
	return ep_flight_compare_int(a, b);
}

/*
 * Rule 2's order. Copies that differ although arrival, upload and place are the same are ordered by what they
 * say, so that the order of the input never matters.
 */
static int
compare_copies(const void *left, const void *right)
{
	const EpFlightEntry *x = left;
	const EpFlightEntry *y = right;
	const EpFlightEvent *a = x->event;
	const EpFlightEvent *b = y->event;
	int order = (x->head > y->head) - (x->head < y->head);

	if (order == 0)
		order = strcmp(a->event_id, b->event_id);
	if (order == 0)
		order = ep_flight_compare_int(a->received_at, b->received_at);
	if (order == 0)
		order = ep_flight_compare_text(a->upload_id, b->upload_id);
	if (order == 0)
		order = compare_optional(a->seq, b->seq);
	if (order == 0)
		order = ep_flight_compare_text(a->boot_id, b->boot_id);
	if (order == 0)
		order = ep_flight_compare_int(a->uptime, b->uptime);
	if (order == 0)
		order = strcmp(a->type, b->type);
	if (order == 0)
		order = compare_optional(a->gps_time, b->gps_time);
	if (order == 0)
		order = compare_optional(a->gps_week, b->gps_week);
	if (order == 0)
		order = compare_optional(a->gps_tow, b->gps_tow);
	if (order == 0)
		order = compare_optional(a->gps_fix, b->gps_fix);
	if (order == 0)
		order = compare_optional(a->device_clock, b->device_clock);
	return order != 0 ? order : compare_optional(a->event_time, b->event_time);
}

/* Where flights stand on the time line. */
static int64_t
begin_of(const EpFlight *flight)
{
	return flight->takeoff_at != EP_FLIGHT_ABSENT ? flight->takeoff_at : flight->landing_at;
}

static int
compare_flights(const void *left, const void *right)
{
	const EpFlight *a = left;
	const EpFlight *b = right;
	int order = ep_flight_compare_int(begin_of(a), begin_of(b));

	if (order == 0)
		order = ep_flight_compare_text(a->boot_id, b->boot_id);
	return order != 0 ? order : strcmp(a->first_event_id, b->first_event_id);
}

/* Its first eight bytes as a number that orders as strcmp does. */
static uint64_t
head_of(const char *string)
{
	uint64_t head = 0;

	for (int i = 0; i < 8; i++)
		head = head << 8 | (unsigned char) (*string != '\0' ? *string++ : 0);
	return head;
}

/* Rules 1 and 2: entries has room for all events; gives how many are left. */
static size_t
admit(const EpFlightEvent *events, size_t count, EpFlightEntry *entries)
{
	size_t admitted = 0;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
	{
		EpFlightKind kind = EP_FLIGHT_EVIDENCE;

		if (!is_admissible(&events[i]))
			continue;
		if (strcmp(events[i].type, "landing") == 0)
			kind = EP_FLIGHT_LANDING;
		else if (strcmp(events[i].type, "takeoff") == 0)
			kind = EP_FLIGHT_TAKEOFF;
		entries[admitted++] = (EpFlightEntry){&events[i], head_of(events[i].event_id), kind, false};
	}
	qsort(entries, admitted, sizeof *entries, compare_copies);
	for (size_t i = 0; i < admitted; i++)
		if (i == 0 || entries[i].head != entries[i - 1].head ||
			strcmp(entries[i].event->event_id, entries[i - 1].event->event_id) != 0)
			entries[kept++] = entries[i];
	return kept;
}

/* The session's flight that was opened or landed last. */
static EpFlight *
last_row(EpFlightSession *session)
{
	return &session->rows[session->row_count - 1];
}

static EpFlight *
add_row(EpFlightSession *session, const EpFlightEntry *entry, EpFlightStatus status)
{
	EpFlight *row = &session->rows[session->row_count++];

	*row =
		(EpFlight){.boot_id = session->boot_id, .first_event_id = entry->event->event_id, .status = status};
	row->source = session->source;
	row->flags = session->flags;
	row->since = session->since;
	row->takeoff_at = row->landing_at = row->duration = EP_FLIGHT_ABSENT;
	row->last_seen_at = entry->event->uptime;
	return row;
}

/* A landing that has no takeoff. */
static EpFlight *
add_lone_landing(EpFlightSession *session, const EpFlightEntry *entry)
{
	EpFlight *row = add_row(session, entry, EP_FLIGHT_NO_TAKEOFF);

	row->landing_at = entry->event->uptime;
	row->end_reason = EP_FLIGHT_END_LANDING;
	row->touchdowns = 1;
	return row;
}

static void
end_without_landing(Pairing *p, EpFlightEnd reason)
{
	EpFlight *row = last_row(p->session);

	row->status = EP_FLIGHT_NO_LANDING;
	row->end_reason = reason;
	row->last_seen_at = p->seen;
	p->session->in_air = false;
}

/* Rule 5 a, b, c. */
static void
take_off(Pairing *p, const EpFlightEntry *entry)
{
	int64_t uptime = entry->event->uptime;
	EpFlightSession *session = p->session;

	if (session->in_air && uptime - p->last_takeoff <= p->params->dup)
		last_row(session)->flags |= EP_FLIGHT_DUP_TAKEOFF;
	else
	{
		EpFlight *row;

		if (session->in_air)
			end_without_landing(p, EP_FLIGHT_END_NEXT_TAKEOFF);
		row = add_row(session, entry, EP_FLIGHT_OPEN);
		row->takeoff_at = uptime;
		if (entry->doubled)
			row->flags |= EP_FLIGHT_DUP_TAKEOFF;
		session->in_air = true;
	}
	p->last_takeoff = uptime;
}

/* Rule 5 d. */
static EpFlight *
land_from_air(Pairing *p, const EpFlightEntry *entry)
{
	EpFlight *row = last_row(p->session);
	int64_t uptime = entry->event->uptime;

	if (uptime - row->takeoff_at > p->params->max_flight)
	{
		end_without_landing(p, EP_FLIGHT_END_IMPLAUSIBLE);
		row->flags |= EP_FLIGHT_IMPLAUSIBLE;
		row = add_lone_landing(p->session, entry);
		row->flags |= EP_FLIGHT_IMPLAUSIBLE;
		return row;
	}
	row->status = EP_FLIGHT_COMPLETE;
	row->end_reason = EP_FLIGHT_END_LANDING;
	row->landing_at = row->last_seen_at = uptime;
	row->touchdowns = 1;
	p->session->in_air = false;
	return row;
}

/* Rule 5 d, e. */
static void
land(Pairing *p, const EpFlightEntry *entry)
{
	int64_t uptime = entry->event->uptime;
	EpFlight *row;

	if (p->session->in_air)
		row = land_from_air(p, entry);
	else if (p->last_landing != EP_FLIGHT_ABSENT && uptime - p->last_landing <= p->params->dup)
	{
		row = last_row(p->session);
		row->flags |= EP_FLIGHT_DUP_LANDING;
	}
	else
		row = add_lone_landing(p->session, entry);
	if (entry->doubled)
		row->flags |= EP_FLIGHT_DUP_LANDING;
	p->last_landing = uptime;
}

/* Rule 5, into session->rows. */
static void
pair_session(EpFlightSession *session, const EpFlightParams *params)
{
	Pairing p = {session, params, EP_FLIGHT_ABSENT, EP_FLIGHT_ABSENT, EP_FLIGHT_ABSENT};

	for (size_t i = 0; i < session->count; i++)
	{
		const EpFlightEntry *entry = &session->entries[i];

		if (i > 0 && session->entries[i - 1].event->uptime < entry->event->uptime)
			p.seen = session->entries[i - 1].event->uptime;
		if (entry->kind == EP_FLIGHT_TAKEOFF)
			take_off(&p, entry);
		else if (entry->kind == EP_FLIGHT_LANDING)
			land(&p, entry);
	}
	if (session->in_air)
		last_row(session)->last_seen_at = session->entries[session->count - 1].event->uptime;
}

/*
 * Rule 6, left to right.  A lone landing and a flight that never lands stay apart: together they would have
 * neither takeoff nor landing.
 */
static void
join_bounces(EpFlightSession *session, int64_t bounce)
{
	size_t kept = 0;

	for (size_t i = 1; i < session->row_count; i++)
	{
		EpFlight *first = &session->rows[kept];
		EpFlight second = session->rows[i];

		if (first->landing_at == EP_FLIGHT_ABSENT || second.takeoff_at == EP_FLIGHT_ABSENT ||
			second.takeoff_at - first->landing_at > bounce ||
			(first->takeoff_at == EP_FLIGHT_ABSENT && second.landing_at == EP_FLIGHT_ABSENT))
		{
			session->rows[++kept] = second;
			continue;
		}
		if (first->takeoff_at != EP_FLIGHT_ABSENT) /* else it still has none */
			first->status = second.status;
		first->landing_at = second.landing_at;
		first->last_seen_at = second.last_seen_at;
		first->end_reason = second.end_reason;
		first->touchdowns += second.touchdowns;
		first->flags |= second.flags | EP_FLIGHT_BOUNCE;
	}
	if (session->row_count > 0)
		session->row_count = kept + 1;
}

static void
place_in_time(EpFlightSession *session)
{
	for (size_t i = 0; i < session->row_count; i++)
	{
		EpFlight *row = &session->rows[i];

		if (row->takeoff_at != EP_FLIGHT_ABSENT)
			row->takeoff_at += session->offset;
		if (row->landing_at != EP_FLIGHT_ABSENT)
			row->landing_at += session->offset;
		row->last_seen_at += session->offset;
	}
}

/* Rule 7: true when the flight that a leaves in the air is landed by b; then b's first flight is gone. */
static bool
survives_reboot(EpFlightSession *a, EpFlightSession *b, const EpFlightParams *params)
{
	EpFlight *flight = last_row(a);
	EpFlight *landing = b->rows;
	int64_t gap =
		(b->entries[0].event->uptime + b->offset) - (a->entries[a->count - 1].event->uptime + a->offset);

	if (b->row_count == 0 || landing->status != EP_FLIGHT_NO_TAKEOFF ||
		(landing->flags & EP_FLIGHT_IMPLAUSIBLE) != 0 || a->source == EP_FLIGHT_RECEIVED ||
		b->source == EP_FLIGHT_RECEIVED || gap < 0 || gap > params->reboot_gap ||
		landing->landing_at - flight->takeoff_at > params->max_flight)
		return false;
	flight->status = EP_FLIGHT_COMPLETE;
	flight->end_reason = EP_FLIGHT_END_LANDING;
	flight->landing_at = landing->landing_at;
	flight->last_seen_at = landing->last_seen_at;
	flight->touchdowns += landing->touchdowns;
	flight->flags |= landing->flags | EP_FLIGHT_REBOOT;
	if (landing->source > flight->source)
		flight->source = landing->source;
	if (landing->since < flight->since)
		flight->since = landing->since;
	b->rows++;
	b->row_count--;
	return true;
}

/* Rules 7 and 8 for sessions in order. */
static void
end_sessions(EpFlightSession *sessions, size_t count, const EpFlightParams *params, int64_t as_of)
{
	for (size_t i = 0; i < count; i++)
	{
		EpFlightSession *a = &sessions[i];
		EpFlight *flight;

		if (!a->in_air || (i + 1 < count && survives_reboot(a, &sessions[i + 1], params)))
			continue;
		flight = last_row(a);
		if (sessions[count - 1].offset > a->offset)
			flight->end_reason = EP_FLIGHT_END_REBOOT;
		else if (as_of >= a->last_received + params->open_timeout)
			flight->end_reason = EP_FLIGHT_END_TIMEOUT;
		flight->status = flight->end_reason == EP_FLIGHT_END_NONE ? EP_FLIGHT_OPEN : EP_FLIGHT_NO_LANDING;
	}
}

/* Gather the sessions' flights, in order, and rule 9. */
static void
gather(const EpFlightSession *sessions, size_t session_count, const EpFlightParams *params,
	   EpFlights *flights)
{
	int64_t seen = INT64_MIN;

	for (size_t i = 0; i < session_count; i++)
	{
		memcpy(flights->rows + flights->count, sessions[i].rows, sessions[i].row_count * sizeof(EpFlight));
		flights->count += sessions[i].row_count;
	}
	qsort(flights->rows, flights->count, sizeof(EpFlight), compare_flights);
	for (size_t i = 0; i < flights->count; i++)
	{
		EpFlight *row = &flights->rows[i];

		if (row->status == EP_FLIGHT_COMPLETE)
		{
			row->duration = row->landing_at - row->takeoff_at;
			if (row->duration < params->short_flight)
				row->flags |= EP_FLIGHT_SHORT;
		}
		if (row->takeoff_at != EP_FLIGHT_ABSENT && row->takeoff_at < seen)
			row->flags |= EP_FLIGHT_OVERLAP;
		seen = row->last_seen_at > seen ? row->last_seen_at : seen;
	}
}

EpCode
ep_flight_pair(const EpFlightEvent *events, size_t count, const EpFlightParams *params, int64_t as_of,
			   EpArena *arena, EpFlights *flights)
{
	EpFlightEntry *entries = ep_arena_array(arena, count, sizeof *entries);
	EpFlight *rows;
	EpFlightSession *sessions;
	size_t session_count;
	size_t kept;
	size_t pairs = 0;

	*flights = (EpFlights){0};
	if (entries == NULL)
		return EP_E_MEMORY;
	for (size_t i = 0; i < count; i++)
		flights->rejected += !is_admissible(&events[i]);
	kept = admit(events, count, entries);
	for (size_t i = 0; i < kept; i++) /* no flight without one of these of its own */
		pairs += entries[i].kind != EP_FLIGHT_EVIDENCE;
	rows = ep_arena_array(arena, pairs, sizeof *rows);
	flights->rows = ep_arena_array(arena, pairs, sizeof *rows);
	sessions = ep_flight_sessions(entries, kept, params, arena, &session_count);
	if (rows == NULL || flights->rows == NULL || sessions == NULL)
		return EP_E_MEMORY;
	for (size_t i = 0; i < session_count; i++)
	{
		sessions[i].rows = rows;
		pair_session(&sessions[i], params);
		rows += sessions[i].row_count;
		join_bounces(&sessions[i], params->bounce);
		place_in_time(&sessions[i]);
	}
	end_sessions(sessions, session_count, params, as_of);
	gather(sessions, session_count, params, flights);
	return EP_OK;
}
