/*
 * clock.c
 *	  When an event happened.
 */
#include "ingest/clock.h"

#include <math.h>

#include "schema/catalog.h"
#include "schema/type_map.h"

/* Microseconds since 1970 from a number in whatever unit its magnitude tells. */
static bool
epoch_micros(double number, int64 *micros)
{
	double magnitude = fabs(number);

	if (!(magnitude < 1e19))
		return false;
	if (magnitude < 1e11)
		*micros = (int64) rint(number * 1e6); /* seconds, until the year 5138 */
	else if (magnitude < 1e14)
		*micros = (int64) rint(number * 1e3); /* milliseconds */
	else if (magnitude < 1e17)
		*micros = (int64) rint(number);
	else
		*micros = (int64) floor(number / 1e3); /* nanoseconds */
	return true;
}

/* The same without a detour through a double. */
static int64
epoch_micros_exact(int64 number)
{
	uint64 magnitude = number < 0 ? -(uint64) number : (uint64) number;

	if (magnitude < UINT64CONST(100000000000))
		return number * 1000000;
	if (magnitude < UINT64CONST(100000000000000))
		return number * 1000;
	if (magnitude < UINT64CONST(100000000000000000))
		return number;
	return number / 1000;
}

static bool
value_micros(const EpValue *value, int64 *micros)
{
	int16_t nanos;

	switch (value->kind)
	{
		case EP_TIMESTAMP:
			*micros = value->as.i;
			return true;
		case EP_TEXT:
			return ep_timestamp_from_text(value->text, value->length, micros, &nanos);
		case EP_INT:
			*micros = epoch_micros_exact(value->as.i);
			return true;
		case EP_FLOAT:
		case EP_FLOAT4:
			return epoch_micros(value->as.f, micros);
		default:
			return false;
	}
}

static EpCode
refuse(EpError *error, EpCode code, const EpStream *stream, const char *message, const char *expected)
{
	EpCode result = ep_fail(error, code, 0, message);

	error->path = stream->event_time_path;
	error->expected = expected;
	return result;
}

/* 0001-01-01 to 9999-12-31 is what every client can show; the stream's window is narrower. */
static EpCode
check_window(const EpStream *stream, TimestampTz received_at, int64 micros, TimestampTz *time, EpError *error)
{
	const int64 first = INT64CONST(-62135596800000000), last = INT64CONST(253402300799999999);

	if (micros < first || micros > last)
		return refuse(error, EP_E_RANGE, stream, "event time is outside the years 1 to 9999", NULL);
	*time = micros - EP_EPOCH_SHIFT_US;
	if (*time > received_at + stream->future_window)
		return refuse(error, EP_E_RANGE, stream, "event time is too far in the future",
					  "not later than arrival plus future_window");
	if (stream->late_window > 0 && *time < received_at - stream->late_window)
		return refuse(error, EP_E_RANGE, stream, "event is too late",
					  "not earlier than arrival minus late_window");
	return EP_OK;
}

EpCode
ep_clock_read(const EpStream *stream, const EpEvent *event, const EpField *field, TimestampTz received_at,
			  TimestampTz *time, EpError *error)
{
	int64 micros;

	if (event->time_basis == EP_TIME_UTC)
		return check_window(stream, received_at, event->time, time, error);
	if (event->time_basis == EP_TIME_ARRIVAL)
	{
		*time = received_at;
		if (event->time > -INT64CONST(86400000000) * 366 && event->time < INT64CONST(86400000000) * 366)
			*time += event->time;
		return EP_OK;
	}
	if (stream->event_time == NULL)
	{
		*time = received_at;
		return EP_OK;
	}
	if (field == NULL || field->value.kind == EP_NULL)
		return refuse(error, EP_E_MISSING, stream, "event has no time",
					  "a value at the stream's event_time path");
	if (!value_micros(&field->value, &micros))
		return refuse(error, EP_E_TYPE, stream, "event time cannot be read as a time",
					  "RFC 3339 text, a number since 1970, or a timestamp");
	return check_window(stream, received_at, micros, time, error);
}

TimestampTz
ep_clock_oldest_kept(const EpStream *stream)
{
	static EpStatement statement = {
		"SELECT event_pipeline._retention_floor(0, retention) FROM event_pipeline._stream"
		" WHERE stream_id OPERATOR(pg_catalog.=) $1",
		1,
		{INT4OID}};
	Datum values[1] = {Int32GetDatum(stream->id)};
	Datum oldest = (Datum) 0;
	bool isnull = true;

	if (ep_catalog_read(&statement, values) > 0)
		oldest = ep_catalog_datum(0, 1, &isnull);
	return isnull ? DT_NOBEGIN : DatumGetTimestampTz(oldest);
}
