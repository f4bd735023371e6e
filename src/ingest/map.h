/*
 * map.h
 *	  Objects whose keys are data: kept whole, as one jsonb column, instead of a column for every key.
 *
 * Decided once for a stream, written down in _map and never undone: an object of which no member has a column, when
 * every new key in a statement looks like an id (core/id_key.h), or more than max_map_keys new ones have values of
 * like type.  The root is none: an event is not one value.
 */
#ifndef EP_INGEST_MAP_H
#define EP_INGEST_MAP_H

#include "ingest/state.h"

/*
 * After the survey, before columns are made: wishes for members of such objects give way to one for the object.  Pass
 * two then reads it whole.  When another session is deciding, the members are rescued for now.
 */
extern void ep_map_detect(EpIngest *ingest);

#endif /* EP_INGEST_MAP_H */
