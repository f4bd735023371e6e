/*
 * flight_params.c
 *	  The pairing's parameters, from SQL.
 */
#include "rollup/flight_params.h"

#include "core/value.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

static const struct
{
	const char *name;
	size_t offset;
	int64 least;
	int64 greatest;
} parameters[] = {
	{"future_tol_ms", offsetof(EpFlightParams, future_tol), 0, EP_FLIGHT_PARAM_MAX},
	{"anchor_window", offsetof(EpFlightParams, anchor_window), 1, EP_FLIGHT_WINDOW_MAX},
	{"step_ms", offsetof(EpFlightParams, step), 0, EP_FLIGHT_PARAM_MAX},
	{"dup_ms", offsetof(EpFlightParams, dup), 0, EP_FLIGHT_PARAM_MAX},
	{"bounce_ms", offsetof(EpFlightParams, bounce), 0, EP_FLIGHT_PARAM_MAX},
	{"max_flight_ms", offsetof(EpFlightParams, max_flight), 0, EP_FLIGHT_PARAM_MAX},
	{"reboot_gap_ms", offsetof(EpFlightParams, reboot_gap), 0, EP_FLIGHT_PARAM_MAX},
	{"short_ms", offsetof(EpFlightParams, short_flight), 0, EP_FLIGHT_PARAM_MAX},
	{"open_timeout_ms", offsetof(EpFlightParams, open_timeout), 0, EP_FLIGHT_PARAM_MAX},
	{"boot_merge_ms", offsetof(EpFlightParams, boot_merge), 0, EP_FLIGHT_PARAM_MAX},
	{"uptime_back_ms", offsetof(EpFlightParams, uptime_back), 0, EP_FLIGHT_PARAM_MAX},
};

static void
set_clock_floor(EpFlightParams *params, const JsonbValue *value)
{
	int64 micros;
	int16 nanos;

	if (value->type != jbvString ||
		!ep_timestamp_from_text(value->val.string.val, value->val.string.len, &micros, &nanos))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("flight parameter \"clock_floor\" must be a timestamp in ISO 8601 form"),
						errhint("For example \"2016-09-01T00:00:00Z\".")));
	params->clock_floor = micros / 1000;
}

static void
set_number(EpFlightParams *params, int which, const JsonbValue *value)
{
	double number = -1;

	if (value->type == jbvNumeric)
		number = DatumGetFloat8(
			DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric)));
	if (value->type != jbvNumeric || number != (double) (int64) number ||
		number < (double) parameters[which].least || number > (double) parameters[which].greatest)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("flight parameter \"%s\" must be a whole number from %lld to %lld",
							   parameters[which].name, (long long) parameters[which].least,
							   (long long) parameters[which].greatest)));
	*(int64 *) ((char *) params + parameters[which].offset) = (int64) number;
}

static void
set_parameter(EpFlightParams *params, const char *name, const JsonbValue *value)
{
	StringInfoData names;

	if (strcmp(name, "clock_floor") == 0)
	{
		set_clock_floor(params, value);
		return;
	}
	initStringInfo(&names);
	for (int i = 0; i < lengthof(parameters); i++)
	{
		if (strcmp(name, parameters[i].name) == 0)
		{
			set_number(params, i, value);
			return;
		}
		appendStringInfo(&names, ", %s", parameters[i].name);
	}
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown flight parameter \"%s\"", name),
					errhint("The parameters are clock_floor%s.", names.data)));
}

EpFlightParams
ep_flight_params_from_jsonb(Jsonb *object)
{
	EpFlightParams params = ep_flight_default_params;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue value;

	if (!JB_ROOT_IS_OBJECT(object))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("flight parameters must be a JSON object"),
				 errhint("For example {\"max_flight_ms\": 3600000}.")));
	iterator = JsonbIteratorInit(&object->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		char *name;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(value.val.string.val, value.val.string.len);
		(void) JsonbIteratorNext(&iterator, &value, true);
		set_parameter(&params, name, &value);
	}
	return params;
}
