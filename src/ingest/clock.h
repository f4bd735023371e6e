/*
 * clock.h
 *	  When an event happened.
 */
#ifndef EP_INGEST_CLOCK_H
#define EP_INGEST_CLOCK_H

#include "core/compat.h"
#include "core/event.h"
#include "schema/stream.h"

/*
 * The event's time, in this order: what the format knows itself; the value at the stream's
 * event_time path (a timestamp, RFC 3339 text, or a number since 1970: seconds, milliseconds,
 * microseconds or nanoseconds by magnitude); arrival, when the stream names no path.
 * field is the one at that path, or NULL.  EP_E_MISSING, EP_E_TYPE or EP_E_RANGE otherwise (outside the
 * stream's window counts as range), with *error filled.
 */
extern EpCode ep_clock_read(const EpStream *stream, const EpEvent *event, const EpField *field,
							TimestampTz received_at, TimestampTz *time, EpError *error) EP_CHECK_RESULT;

/* Before when retention may take events of this stream, whatever rollups read; DT_NOBEGIN: it takes none.  Reads through SPI. */
extern TimestampTz ep_clock_oldest_kept(const EpStream *stream);

#endif /* EP_INGEST_CLOCK_H */
