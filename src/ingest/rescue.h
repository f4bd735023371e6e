/*
 * rescue.h
 *	  _ep_rescued: the attributes of one event that are kept beside its columns.
 *
 *	  {"<path>": {"v": <value as it came>, "why": "<reason>", "as": "<type>"}, ...}
 *
 * The same path twice in one event gets '#2', '#3' ... after it: no path ends like that, because a
 * segment with '#' in it is quoted.  Of typed formats bytes come as "\x..." text, times as RFC 3339 text
 * with nanoseconds, NaN and infinities as text, and of any format minus zero: then "as" says what the text (or the texts of an
 * array) stands for, by the SQL name of its type.  So it does for a float that jsonb writes as an integer, such as 1e16,
 * and for a JSON value that is neither object nor array.
 */
#ifndef EP_INGEST_RESCUE_H
#define EP_INGEST_RESCUE_H

#include "core/compat.h"
#include "core/event.h"
#include "format/format.h"
#include "lib/stringinfo.h"
#include "utils/jsonb.h"

/*
 * The schema of the payload does not know it, or did not when it came.  Its path ends in the field number, in '#',
 * and the value is bytes, until the schema knows it.
 */
#define EP_RESCUE_UNKNOWN "unknown"

/*
 * The schema knows the field, but not all that is in it: its column has what could be read, and here are all of its bytes under its
 * number, until the schema knows more of it; then the value, under its path, that is to take the column's place.
 */
#define EP_RESCUE_PARTIAL "partial"

typedef struct EpRescueMark
{
	uint32 event;  /* which event, by number */
	uint32 copies; /* how often it kept this path */
} EpRescueMark;

typedef struct EpRescue
{
	StringInfoData json; /* an open object; unset while count is 0 */
	EpArena *arena;      /* for paths' texts */
	int count;
	bool overflow; /* something was left out, see ep_rescue_fits */
	uint32 event;
	EpRescueMark *marks; /* by path id */
	uint32 mark_capacity;
	MemoryContext lasting; /* of marks */
} EpRescue;

/* Once per statement; marks are kept in lasting. */
extern void ep_rescue_init(EpRescue *rescue, EpArena *arena, MemoryContext lasting);

/* Start over for the next event; what it keeps is allocated in the current context. */
extern void ep_rescue_begin(EpRescue *rescue);

/* Keep one value; reason is a static string (lock, busy, limit, type, contract, name, size, rate, unknown, partial). */
extern void ep_rescue_add(EpRescue *rescue, const EpPath *path, const EpValue *value, const char *reason);

/* Can a column be had later for values that were kept for this reason: lock, busy, rate, limit, contract, unknown, partial? */
extern bool ep_rescue_passes(const char *reason);

/* A guess made from the value of one entry, for which the source has declared the type. */
extern EpTypeGuess ep_rescued_guess(EpType type, JsonbContainer *entry, const EpFormat *format);

/* Is what was kept within what one row may keep?  Else the event must be rejected. */
extern bool ep_rescue_fits(const EpRescue *rescue);

/* The jsonb; only when count > 0 and it fits. */
extern Datum ep_rescue_datum(EpRescue *rescue);

#endif /* EP_INGEST_RESCUE_H */
