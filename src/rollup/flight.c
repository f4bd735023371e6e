/*
 * flight.c
 *	  pair_flights() and its relatives.
 *
 * The shell around flight_pairing.c: events come from a query (flight_events.c), flights leave as rows.
 */
#include "core/compat.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "rollup/flight_events.h"
#include "rollup/flight_params.h"
#include "schema/argument.h"
#include "schema/type_map.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

EP_FUNCTION(ep_pair_flights);
EP_FUNCTION(ep_pair_flights_rejected);

#define FLIGHT_COLUMNS 11
#define EPOCH_MS (EP_EPOCH_SHIFT_US / 1000)

typedef struct Output
{
	EpFlightParams params;
	int64 as_of; /* ms */
	ReturnSetInfo *result;
	int64 rejected;
} Output;

static int64
ms_from_timestamptz(TimestampTz time)
{
	if (TIMESTAMP_NOT_FINITE(time))
		return TIMESTAMP_IS_NOBEGIN(time) ? EP_FLIGHT_TIME_MIN : EP_FLIGHT_TIME_MAX;
	return time / 1000 - (time % 1000 < 0) + EPOCH_MS;
}

static Datum
timestamptz_from_ms(int64 ms)
{
	return TimestampTzGetDatum((ms - EPOCH_MS) * 1000);
}

static Datum
flags_array(uint32 flags)
{
	Datum names[EP_FLIGHT_FLAG_COUNT];
	int count = 0;

	for (int i = 0; i < EP_FLIGHT_FLAG_COUNT; i++)
		if ((flags & 1u << i) != 0)
			names[count++] = CStringGetTextDatum(ep_flight_flag_names[i]);
	return PointerGetDatum(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
set_text(Datum *values, bool *nulls, int column, const char *string)
{
	nulls[column] = string == NULL;
	if (string != NULL)
		values[column] = CStringGetTextDatum(string);
}

static void
set_time(Datum *values, bool *nulls, int column, int64 ms)
{
	nulls[column] = ms == EP_FLIGHT_ABSENT;
	if (ms != EP_FLIGHT_ABSENT)
		values[column] = timestamptz_from_ms(ms);
}

/* One row of type flight; two more columns, where the caller declares them, are first_event_id and since. */
static void
put_flight(const char *drone_id, const EpFlight *flight, ReturnSetInfo *result)
{
	Datum values[FLIGHT_COLUMNS + 2] = {0};
	bool nulls[FLIGHT_COLUMNS + 2] = {0};

	set_text(values, nulls, 0, drone_id);
	set_text(values, nulls, 1, flight->boot_id);
	set_text(values, nulls, 2, ep_flight_status_names[flight->status]);
	set_time(values, nulls, 3, flight->takeoff_at);
	set_time(values, nulls, 4, flight->landing_at);
	set_time(values, nulls, 5, flight->last_seen_at);
	nulls[6] = flight->duration == EP_FLIGHT_ABSENT;
	values[6] = Int64GetDatum(flight->duration);
	set_text(values, nulls, 7, ep_flight_end_names[flight->end_reason]);
	set_text(values, nulls, 8, ep_flight_source_names[flight->source]);
	values[9] = Int32GetDatum(flight->touchdowns);
	values[10] = flags_array(flight->flags);
	set_text(values, nulls, 11, flight->first_event_id);
	set_time(values, nulls, 12, flight->since);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* EpFlightVisitor: pair one drone and put its flights out, if there is somewhere to put them. */
static void
pair_drone(const char *drone_id, const EpFlightEvent *events, size_t count, EpArena *arena, void *context)
{
	Output *output = context;
	EpFlights flights;

	if (ep_flight_pair(events, count, &output->params, output->as_of, arena, &flights) != EP_OK)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
						errdetail("Drone \"%s\" has %zu events.", drone_id, count)));
	output->rejected += flights.rejected;
	if (output->result != NULL)
		for (size_t i = 0; i < flights.count; i++)
			put_flight(drone_id, &flights.rows[i], output->result);
	CHECK_FOR_INTERRUPTS();
}

/*
 * pair_flights(events_query text, as_of timestamptz, params jsonb) returns setof flight; a fourth
 * argument, where the caller declares one, is the search_path of the query.
 */
Datum
ep_pair_flights(PG_FUNCTION_ARGS)
{
	Output output = {0};
	char *query;
	int settings = NewGUCNestLevel();

	ep_argument_required(fcinfo, 0, "events query");
	ep_argument_required(fcinfo, 1, "as_of");
	ep_argument_required(fcinfo, 2, "params");
	query = text_to_cstring(PG_GETARG_TEXT_PP(0));
	output.as_of = ms_from_timestamptz(PG_GETARG_TIMESTAMPTZ(1));
	output.params = ep_flight_params_from_jsonb(PG_GETARG_JSONB_P(2));
	InitMaterializedSRF(fcinfo, 0);
	output.result = (ReturnSetInfo *) fcinfo->resultinfo;
	if (PG_NARGS() == 4)
		(void) set_config_option("search_path", text_to_cstring(PG_GETARG_TEXT_PP(3)), PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	SPI_connect();
	output.rejected += ep_flight_visit_drones(query, pair_drone, &output);
	SPI_finish();
	AtEOXact_GUC(true, settings);
	if (output.rejected > 0)
		ereport(DEBUG1, (errmsg("%lld events were no events of a flight", (long long) output.rejected)));
	return (Datum) 0;
}

/* pair_flights_rejected(events_query text) returns bigint */
Datum
ep_pair_flights_rejected(PG_FUNCTION_ARGS)
{
	Output output = {.params = ep_flight_default_params};

	ep_argument_required(fcinfo, 0, "events query");
	SPI_connect();
	output.rejected += ep_flight_visit_drones(text_to_cstring(PG_GETARG_TEXT_PP(0)), pair_drone, &output);
	SPI_finish();
	PG_RETURN_INT64(output.rejected);
}
