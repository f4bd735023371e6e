/*
 * caps.h
 *	  How many columns a table may still get: so that no sender can make more than people can read.
 */
#ifndef EP_INGEST_CAPS_H
#define EP_INGEST_CAPS_H

#include "schema/stream.h"

/*
 * How many columns the target may get now, 0 or more: max_new_columns for each statement, max_columns_per_hour, and
 * max_columns in all, dropped ones counted.  *reason is what values of further attributes are rescued for: rate or
 * limit.  The caller has connected to SPI.
 */
extern int ep_caps_room(const EpStream *stream, const EpTarget *target, const char **reason);

#endif /* EP_INGEST_CAPS_H */
