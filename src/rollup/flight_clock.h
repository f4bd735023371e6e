/*
 * flight_clock.h
 *	  The sessions of one drone and the clock of each.
 *
 * A session is one boot.  Inside it only the uptime is trusted; one offset turns uptimes into UTC.
 * There is no drift model: 20 ppm over 20 minutes is 24 ms.
 */
#ifndef EP_ROLLUP_FLIGHT_CLOCK_H
#define EP_ROLLUP_FLIGHT_CLOCK_H

#include "rollup/flight_pairing.h"

typedef enum EpFlightKind
{
	EP_FLIGHT_EVIDENCE,
	EP_FLIGHT_LANDING,
	EP_FLIGHT_TAKEOFF
} EpFlightKind;

/* An event while it is worked on. */
typedef struct EpFlightEntry
{
	const EpFlightEvent *event;
	uint64_t head; /* first bytes of event_id: orders most without looking further */
	EpFlightKind kind;
	bool doubled; /* another event of the same type and uptime was dropped for it */
} EpFlightEntry;

typedef struct EpFlightSession
{
	EpFlightEntry *entries; /* by (uptime, type): a landing stands before a takeoff */
	size_t count;           /* never 0 */
	const char *boot_id;    /* NULL for pieces */
	const char *key;        /* b:<boot_id> or u:<upload_id>#<piece> */
	int64_t offset;
	EpFlightSource source;
	uint32_t flags;        /* of the clock, for every flight of the session */
	int64_t last_received; /* of its events */
	int64_t since;         /* earliest event_time; EP_FLIGHT_ABSENT is the earliest of all */
	EpFlight *rows;        /* the pairing's, between bounce and reboot */
	size_t row_count;
	bool in_air; /* the last row has not ended */
} EpFlightSession;

/*
 * Rules 3 and 4 and the clock.  entries are the drone's events, one per event_id; they are
 * reordered, and the sessions point into them or into arena.  Sessions come by (offset, key).
 * NULL when the arena is full.
 */
extern EpFlightSession *ep_flight_sessions(EpFlightEntry *entries, size_t count, const EpFlightParams *params,
										   EpArena *arena, size_t *session_count);

/* strcmp where NULL is greater than any string. */
extern int ep_flight_compare_text(const char *a, const char *b);

static inline int
ep_flight_compare_int(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

#endif /* EP_ROLLUP_FLIGHT_CLOCK_H */
