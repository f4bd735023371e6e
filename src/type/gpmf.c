/*
 * gpmf.c
 *	  The type gpmf: input, casts, and the functions that give one value for a log.
 *
 * A value is the bytes of the log as they came.  Input checks their structure, so the functions need
 * not; they read it all the same with the bounds of the decoder.
 */
#include "type/gpmf.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "core/memory_server.h"
#include "format/gpmf/gpmf_json.h"
#include "format/gpmf/gpmf_quirks.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

EP_FUNCTION(ep_gpmf_in);
EP_FUNCTION(ep_gpmf_recv);
EP_FUNCTION(ep_gpmf_from_bytea);
EP_FUNCTION(ep_gpmf_to_jsonb);

#define MEMORY_LIMIT ((size_t) 2 << 30)
#define SCRATCH_LIMIT ((size_t) 64 << 20)
#define UNIX_TO_POSTGRES ((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

static int
sqlstate_of(const EpError *error)
{
	const char *s = ep_sqlstate(error->code);

	return MAKE_SQLSTATE(s[0], s[1], s[2], s[3], s[4]);
}

void
ep_gpmf_raise_stream(const EpError *error, const char *fourcc)
{
	ereport(ERROR,
			(errcode(sqlstate_of(error)), errmsg("cannot read stream \"%s\": %s", fourcc, error->message),
			 errdetail("The fault is at byte %zu.", error->offset)));
}

void
ep_gpmf_raise(const EpError *error, int sqlstate)
{
	if (sqlstate == 0)
		sqlstate = sqlstate_of(error);
	ereport(ERROR, (errcode(sqlstate), errmsg("invalid GPMF log: %s", error->message),
					errdetail("The fault is at byte %zu.", error->offset)));
}

/* Refuse bytes that are no well-formed log. */
static void
check_log(const void *bytes, size_t length, int sqlstate)
{
	EpError error;

	if (ep_gpmf_validate(bytes, length, &error) != EP_OK)
		ep_gpmf_raise(&error, sqlstate);
}

Datum
ep_gpmf_in(PG_FUNCTION_ARGS)
{
	bytea *bytes = DatumGetByteaPP(DirectFunctionCall1(byteain, PG_GETARG_DATUM(0)));

	check_log(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), ERRCODE_INVALID_TEXT_REPRESENTATION);
	PG_RETURN_BYTEA_P(bytes);
}

Datum
ep_gpmf_recv(PG_FUNCTION_ARGS)
{
	bytea *bytes = DatumGetByteaPP(DirectFunctionCall1(bytearecv, PG_GETARG_DATUM(0)));

	check_log(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), ERRCODE_INVALID_BINARY_REPRESENTATION);
	PG_RETURN_BYTEA_P(bytes);
}

Datum
ep_gpmf_from_bytea(PG_FUNCTION_ARGS)
{
	bytea *bytes = PG_GETARG_BYTEA_PP(0);

	check_log(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), ERRCODE_INVALID_BINARY_REPRESENTATION);
	PG_RETURN_BYTEA_P(bytes);
}

EpGpmfValue *
ep_gpmf_value_of(bytea *bytes)
{
	EpGpmfValue *value = palloc(sizeof *value);
	EpAllocator allocator = ep_palloc_allocator(CurrentMemoryContext);
	EpError error;

	ep_arena_init(&value->arena, allocator, MEMORY_LIMIT);
	ep_arena_init(&value->scratch, allocator, SCRATCH_LIMIT);
	if (ep_gpmf_log_open(&value->log, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), &value->arena, &error) !=
		EP_OK)
		ep_gpmf_raise(&error, 0);
	ep_gpmf_read_begin(&value->reader, &value->log, &value->scratch);
	return value;
}

EpGpmfValue *
ep_gpmf_value_open(FunctionCallInfo fcinfo, int arg)
{
	return ep_gpmf_value_of(PG_GETARG_BYTEA_PP(arg));
}

void
ep_gpmf_value_retime(EpGpmfValue *value, FunctionCallInfo fcinfo, int arg)
{
	ArrayType *array;
	EpError error;

	if (PG_ARGISNULL(arg))
		return;
	array = PG_GETARG_ARRAYTYPE_P(arg);
	if (ARR_NDIM(array) != 1 || array_contains_nulls(array))
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
						errmsg("windows must be a one-dimensional array without nulls")));
	if (ep_gpmf_log_retime(&value->log, (const double *) ARR_DATA_PTR(array), ARR_DIMS(array)[0], &error) !=
		EP_OK)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", error.message),
						errdetail("The log has %u payloads, windows has %d values.", value->log.payloads,
								  ARR_DIMS(array)[0]),
						errhint("Give the start of each payload and the end of the last, in seconds.")));
}

Datum
ep_gpmf_text_datum(EpGpmfText text, bool *isnull)
{
	*isnull = text.bytes == NULL;
	return *isnull ? (Datum) 0 : PointerGetDatum(cstring_to_text_with_len(text.bytes, (int) text.length));
}

Datum
ep_gpmf_timestamp_datum(int64 micros)
{
	return TimestampTzGetDatum(micros - UNIX_TO_POSTGRES);
}

Datum
ep_gpmf_float_array(const double *values, int count)
{
	Size size = ARR_OVERHEAD_NONULLS(1) + sizeof(float8) * count;
	ArrayType *array;

	if (count == 0)
		return PointerGetDatum(construct_empty_array(FLOAT8OID));
	array = palloc0(size);
	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->elemtype = FLOAT8OID;
	ARR_DIMS(array)[0] = count;
	ARR_LBOUND(array)[0] = 1;
	memcpy(ARR_DATA_PTR(array), values, sizeof(float8) * count);
	return PointerGetDatum(array);
}

/* ---- jsonb ---- */

/* A number; a 64-bit integer that a double cannot hold, and that nothing has changed, by its own digits. */
static void
json_value(EpGpmfJson *json, const EpGpmfElement *element, const uint8_t *sample, double value)
{
	uint64_t raw = element->type == 'j' || element->type == 'J' ? ep_load_be64(sample + element->at) : 0;

	if (fabs(value) < 9007199254740992.0 || value != ep_gpmf_number(element->type, sample + element->at))
		ep_gpmf_json_number(json, value);
	else if (element->type == 'j')
		ep_gpmf_json_integer(json, (int64_t) raw);
	else if (element->type == 'J')
		ep_gpmf_json_unsigned(json, raw);
	else
		ep_gpmf_json_number(json, value);
}

/* [t, value, ...] of one sample, texts in their places. */
static void
json_sample(EpGpmfJson *json, const EpGpmfSample *sample)
{
	ep_gpmf_json_bracket(json, '[');
	ep_gpmf_json_number(json, sample->t);
	for (unsigned i = 0; i < sample->count; i++)
	{
		char text[32];

		if (ep_gpmf_type_is_text(sample->elements[i].type))
			ep_gpmf_json_text(json, text, ep_gpmf_element_text(&sample->elements[i], sample->bytes, text));
		else
			json_value(json, &sample->elements[i], sample->bytes, sample->values[i]);
	}
	if (sample->label.bytes != NULL)
		ep_gpmf_json_text(json, sample->label.bytes, sample->label.length);
	ep_gpmf_json_bracket(json, ']');
}

static void
json_stream(EpGpmfJson *json, EpGpmfValue *value, EpGpmfStream *stream, bool quirks)
{
	EpGpmfSample sample;
	EpError error;
	EpCode code;

	ep_gpmf_json_open_stream(json, stream);
	ep_gpmf_json_key(json, "data");
	ep_gpmf_json_bracket(json, '[');
	ep_gpmf_read_stream(&value->reader, stream);
	while ((code = ep_gpmf_read_next(&value->reader, &sample, &error)) != EP_DONE)
	{
		CHECK_FOR_INTERRUPTS();
		if (code == EP_OK && quirks)
			ep_gpmf_quirks_correct(&value->reader, &sample);
		if (code == EP_OK)
			json_sample(json, &sample);
		ep_arena_reset(&value->scratch);
	}
	ep_gpmf_json_bracket(json, ']');
	ep_gpmf_json_bracket(json, '}');
}

static void
json_text_or_null(EpGpmfJson *json, const char *key, EpGpmfText text)
{
	ep_gpmf_json_key(json, key);
	if (text.bytes == NULL)
		ep_gpmf_json_null(json);
	else
		ep_gpmf_json_text(json, text.bytes, text.length);
}

static void
json_device(EpGpmfJson *json, EpGpmfValue *value, const EpGpmfDevice *device, bool quirks)
{
	ep_gpmf_json_bracket(json, '{');
	ep_gpmf_json_key(json, "device_id");
	ep_gpmf_json_integer(json, device->id);
	json_text_or_null(json, "device_name", device->name);
	json_text_or_null(json, "firmware", device->firmware);
	ep_gpmf_json_key(json, "streams");
	ep_gpmf_json_bracket(json, '[');
	for (uint32_t i = 0; i < value->log.stream_count; i++)
		if (value->log.streams[i]->device == device)
			json_stream(json, value, value->log.streams[i], quirks);
	ep_gpmf_json_bracket(json, ']');
	ep_gpmf_json_bracket(json, '}');
}

static void
json_log(EpGpmfJson *json, EpGpmfValue *value, bool quirks)
{
	const EpGpmfLog *log = &value->log;
	EpGpmfText started = {NULL, 0};
	const char *clock = ep_gpmf_utc_name(log->utc);

	if (clock != NULL)
	{
		char buffer[MAXDATELEN + 1];
		struct pg_tm tm;
		fsec_t fsec;

		/* UTC whatever the session's time zone is: the function is immutable */
		if (timestamp2tm(log->started_at - UNIX_TO_POSTGRES, NULL, &tm, &fsec, NULL, NULL) == 0)
		{
			tm.tm_isdst = 0; /* show the zone */
			EncodeDateTime(&tm, fsec, true, 0, "UTC", USE_XSD_DATES, buffer);
			started.bytes = pstrdup(buffer);
			started.length = strlen(buffer);
		}
	}
	ep_gpmf_json_bracket(json, '{');
	json_text_or_null(json, "started_at", started);
	json_text_or_null(json, "clock", (EpGpmfText){clock, clock == NULL ? 0 : strlen(clock)});
	ep_gpmf_json_key(json, "duration_s");
	ep_gpmf_json_number(json, log->duration);
	ep_gpmf_json_key(json, "payloads");
	ep_gpmf_json_integer(json, log->payloads);
	ep_gpmf_json_key(json, "devices");
	ep_gpmf_json_bracket(json, '[');
	for (uint32_t i = 0; i < log->device_count; i++)
		json_device(json, value, log->devices[i], quirks);
	ep_gpmf_json_bracket(json, ']');
	ep_gpmf_json_bracket(json, '}');
}

Datum
ep_gpmf_to_jsonb(PG_FUNCTION_ARGS)
{
	EpGpmfValue *value = ep_gpmf_value_open(fcinfo, 0);
	EpGpmfJson json;

	ep_gpmf_json_begin(&json, &value->arena);
	json_log(&json, value, PG_GETARG_BOOL(1));
	if (json.failed)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("log is too large for jsonb"),
						errhint("Read it with gpmf_samples().")));
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(pnstrdup(json.text, json.length))));
}
