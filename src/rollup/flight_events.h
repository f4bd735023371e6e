/*
 * flight_events.h
 *	  The events that a query gives, drone by drone.
 */
#ifndef EP_ROLLUP_FLIGHT_EVENTS_H
#define EP_ROLLUP_FLIGHT_EVENTS_H

#include "core/compat.h"
#include "rollup/flight_pairing.h"

/*
 * Called for each drone, in the byte order of drone ids, with all of its events; everything is gone
 * when it returns.  arena is empty and free to use; the current memory context is reset afterwards.
 */
typedef void (*EpFlightVisitor)(const char *drone_id, const EpFlightEvent *events, size_t count,
								EpArena *arena, void *context);

/*
 * Run the query as the current user and visit its drones.  Gives the number of rows without a
 * drone_id.  The caller has connected to SPI.
 *
 * The query must be one SELECT that changes nothing.  Its columns are found by name: event_id, drone_id, type, boot_id,
 * upload_id (any type, taken as text), device_uptime_ms, gps_week, gps_tow_ms, gps_fix, seq (numbers; fractions
 * are cut off), device_clock, gps_time, received_at (timestamptz, timestamp in UTC, or ISO 8601 text).  A column that is not
 * there is NULL; so are an id of more than 1000 bytes, a text that is no timestamp and a time outside the years 1 to 9999.
 */
extern int64 ep_flight_visit_drones(const char *query, EpFlightVisitor visit, void *context);

/* The errors of a query that is not such a SELECT, without running it. The caller has connected to SPI. */
extern void ep_flight_check_query(const char *query);

#endif /* EP_ROLLUP_FLIGHT_EVENTS_H */
