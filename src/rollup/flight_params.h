/*
 * flight_params.h
 *	  The pairing's parameters, from SQL.
 */
#ifndef EP_ROLLUP_FLIGHT_PARAMS_H
#define EP_ROLLUP_FLIGHT_PARAMS_H

#include "core/compat.h"
#include "rollup/flight_pairing.h"
#include "utils/jsonb.h"

/*
 * The defaults, with what the object overrides: {"max_flight_ms": 3600000, "clock_floor": "2016-09-01T00:00:00Z"}.
 * An error for an unknown name, a value of the wrong type or one out of range.
 */
extern EpFlightParams ep_flight_params_from_jsonb(Jsonb *object);

#endif /* EP_ROLLUP_FLIGHT_PARAMS_H */
