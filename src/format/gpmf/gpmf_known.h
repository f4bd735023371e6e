/*
 * gpmf_known.h
 *	  What is known of FourCCs: the columns that a sample becomes, their units and meaning.
 *
 * From GoPro's format text and, for the Karma drone, from MAVLink's message definitions and
 * measurement.  Names tell the values as the log has them; where a firmware's own unit is wrong, the
 * column is named for what its numbers are.
 */
#ifndef EP_GPMF_KNOWN_H
#define EP_GPMF_KNOWN_H

#include <stdint.h>

typedef struct EpGpmfColumn
{
	const char *name; /* column name; one name has one comment in the whole table */
	const char *unit; /* "" where there is none */
	const char *comment;
} EpGpmfColumn;

typedef struct EpGpmfKnown
{
	const char *fourcc;
	const char *meaning;
	const char *types; /* the expanded TYPE it describes; NULL: any with that many elements */
	uint16_t count;    /* 0: only the FourCC is known, its elements are not */
	const EpGpmfColumn *columns;
	uint8_t clock;     /* EpGpmfClock of the sample's own time, 0: none */
	double clock_unit; /* seconds per unit of its first element */
} EpGpmfKnown;

/* The entry for a stream of that shape, or NULL. types: expanded TYPE or the element's type repeated. */
extern const EpGpmfKnown *ep_gpmf_known_find(const char *fourcc, const char *types, unsigned count);

/* The whole table; ends with fourcc NULL. */
extern const EpGpmfKnown *ep_gpmf_known_all(void);

#endif /* EP_GPMF_KNOWN_H */
