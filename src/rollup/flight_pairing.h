/*
 * flight_pairing.h
 *	  From the events of one drone to its flights.
 *
 * Pure: no server, no clock, no global state.  The result depends on the set of events alone, not
 * on their order nor on how often an event was uploaded.  All instants are milliseconds since
 * 1970-01-01 UTC, uptimes are milliseconds since the boot of the drone, durations milliseconds.
 *
 * The rules, in the order in which they are applied:
 *	1  reject		events that lack what pairing needs
 *	2  re-uploads	one copy per event_id: the smallest (received_at, upload_id, seq), absent last
 *	3  sessions		one per boot_id; without one, pieces of an upload in seq order, cut where the
 *					uptime falls; pieces with the same boot instant by GPS are joined
 *	4  doubles		same type and uptime in a session: the smallest (received_at, event_id)
 *	   clock		one offset per session: time = offset + uptime (see flight_clock.h)
 *	5  pairing		takeoff with landing, by uptime
 *	6  bounce		a short touch of the ground joins two flights
 *	7  reboot		a flight that goes on in the drone's next session
 *	8  the end		what a flight without a landing ended by
 *	9  flags		short, overlap
 */
#ifndef EP_ROLLUP_FLIGHT_PAIRING_H
#define EP_ROLLUP_FLIGHT_PAIRING_H

#include "core/arena.h"

/* An instant or number that is not there. */
#define EP_FLIGHT_ABSENT INT64_MIN

/* Events with an uptime above this many ms (317 years), or times beyond year 9999, are no events. */
#define EP_FLIGHT_UPTIME_MAX INT64_C(10000000000000)
#define EP_FLIGHT_TIME_MIN INT64_C(-62135596800000)
#define EP_FLIGHT_TIME_MAX INT64_C(253402300799999)

typedef struct EpFlightEvent
{
	const char *event_id; /* strings are NUL-terminated, NULL when absent */
	const char *type;     /* "takeoff", "landing"; anything else is evidence only */
	const char *boot_id;
	const char *upload_id;
	int64_t seq; /* EP_FLIGHT_ABSENT when absent, as all below */
	int64_t uptime;
	int64_t received_at;
	int64_t device_clock;
	int64_t gps_time; /* UTC by the receiver; when absent, week and time of week count */
	int64_t gps_week;
	int64_t gps_tow;
	int64_t gps_fix;    /* 0..6 */
	int64_t event_time; /* where the event is stored; takes no part in the rules */
} EpFlightEvent;

typedef struct EpFlightParams
{
	int64_t clock_floor;   /* no true time lies before it */
	int64_t future_tol;    /* how far a clock may be ahead of the server */
	int64_t anchor_window; /* so many last anchors give the offset */
	int64_t step;          /* anchors further apart: clock_step */
	int64_t dup;           /* a repeat within this is a duplicate */
	int64_t bounce;        /* time on ground up to this joins two flights */
	int64_t max_flight;    /* longer is implausible */
	int64_t reboot_gap;    /* between last and first event of a reboot in the air */
	int64_t short_flight;  /* below: short */
	int64_t open_timeout;  /* after the last upload a flight is no longer open */
	int64_t boot_merge;    /* pieces whose boot instants differ by up to this are joined */
	int64_t uptime_back;   /* uptime falling by more than this is another boot */
} EpFlightParams;

/* Limits that keep sums of parameters and times far from overflow. */
#define EP_FLIGHT_PARAM_MAX INT64_C(1000000000000)
#define EP_FLIGHT_WINDOW_MAX 1000

extern const EpFlightParams ep_flight_default_params;

typedef enum EpFlightStatus
{
	EP_FLIGHT_COMPLETE,
	EP_FLIGHT_NO_TAKEOFF,
	EP_FLIGHT_NO_LANDING,
	EP_FLIGHT_OPEN
} EpFlightStatus;

typedef enum EpFlightEnd
{
	EP_FLIGHT_END_NONE,
	EP_FLIGHT_END_LANDING,
	EP_FLIGHT_END_NEXT_TAKEOFF,
	EP_FLIGHT_END_IMPLAUSIBLE,
	EP_FLIGHT_END_REBOOT,
	EP_FLIGHT_END_TIMEOUT
} EpFlightEnd;

/* Best to worst. */
typedef enum EpFlightSource
{
	EP_FLIGHT_GPS,
	EP_FLIGHT_DEVICE,
	EP_FLIGHT_RECEIVED
} EpFlightSource;

/* Bits in the alphabetical order of their names. */
enum
{
	EP_FLIGHT_BOUNCE = 1 << 0,
	EP_FLIGHT_CLOCK_STEP = 1 << 1,
	EP_FLIGHT_DUP_LANDING = 1 << 2,
	EP_FLIGHT_DUP_TAKEOFF = 1 << 3,
	EP_FLIGHT_GPS_ROLLOVER = 1 << 4,
	EP_FLIGHT_IMPLAUSIBLE = 1 << 5,
	EP_FLIGHT_OVERLAP = 1 << 6,
	EP_FLIGHT_REBOOT = 1 << 7,
	EP_FLIGHT_SHORT = 1 << 8
};
#define EP_FLIGHT_FLAG_COUNT 9

extern const char *const ep_flight_status_names[];
extern const char *const ep_flight_end_names[]; /* [EP_FLIGHT_END_NONE] is NULL */
extern const char *const ep_flight_source_names[];
extern const char *const ep_flight_flag_names[EP_FLIGHT_FLAG_COUNT];

typedef struct EpFlight
{
	const char *boot_id;        /* borrowed from the events; NULL when unknown */
	const char *first_event_id; /* the pair event it begins with: a stable name of the flight */
	EpFlightStatus status;
	EpFlightEnd end_reason;
	EpFlightSource source;
	int64_t takeoff_at; /* EP_FLIGHT_ABSENT when absent */
	int64_t landing_at;
	int64_t last_seen_at;
	int64_t duration; /* complete flights only */
	int64_t since;    /* earliest event_time of its sessions' events; EP_FLIGHT_ABSENT when one has none */
	int32_t touchdowns;
	uint32_t flags;
} EpFlight;

typedef struct EpFlights
{
	EpFlight *rows; /* by takeoff or else landing, boot_id (absent last), first event */
	size_t count;
	size_t rejected; /* events that rule 1 refused */
} EpFlights;

/*
 * Pair the events of one drone.  as_of decides only between open and timed out.  Everything in
 * flights lives in arena or is borrowed from events.  EP_OK, or EP_E_MEMORY when the arena is full.
 */
extern EpCode ep_flight_pair(const EpFlightEvent *events, size_t count, const EpFlightParams *params,
							 int64_t as_of, EpArena *arena, EpFlights *flights) EP_CHECK_RESULT;

#endif /* EP_ROLLUP_FLIGHT_PAIRING_H */
