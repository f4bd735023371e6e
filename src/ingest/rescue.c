/*
 * rescue.c
 *	  _ep_rescued: the attributes of one event that are kept beside its columns.
 */
#include "ingest/rescue.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "datatype/timestamp.h"
#include "format/protobuf/protobuf_unknown.h"
#include "port/pg_bitutils.h"
#include "schema/datum.h"
#include "schema/type_map.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/jsonb.h"

/* One event may keep this much beside its columns; jsonb itself stops at 256 MB. */
#define MAX_RESCUED_BYTES (64 * 1024 * 1024)

/* A shorter value is not looked through: written as JSON, it is not more than six times as long. */
#define SHORT_VALUE (1024 * 1024)

void
ep_rescue_init(EpRescue *rescue, EpArena *arena, MemoryContext lasting)
{
	memset(rescue, 0, sizeof *rescue);
	rescue->arena = arena;
	rescue->lasting = lasting;
}

void
ep_rescue_begin(EpRescue *rescue)
{
	rescue->count = 0;
	rescue->overflow = false;
	rescue->event++;
}

static void
append_text(StringInfo out, const char *text, size_t length)
{
	char *copy = pnstrdup(text, length);

	escape_json(out, copy);
	pfree(copy);
}

static void
append_bytes(StringInfo out, const char *bytes, size_t length)
{
	static const char digits[] = "0123456789abcdef";

	appendStringInfoString(out, "\"\\\\x");
	for (size_t i = 0; i < length; i++)
	{
		appendStringInfoCharMacro(out, digits[(unsigned char) bytes[i] >> 4]);
		appendStringInfoCharMacro(out, digits[(unsigned char) bytes[i] & 15]);
	}
	appendStringInfoChar(out, '"');
}

/* As the source wrote it; a binary format's in the fewest digits, into buffer. */
static const char *
float_text(const EpValue *value, char *buffer, size_t *length)
{
	if (value->text == NULL)
		*length = double_to_shortest_decimal_bufn(value->as.f, buffer);
	else
		*length = value->length;
	return value->text == NULL ? buffer : value->text;
}

static bool
is_minus_zero(double f)
{
	return f == 0 && signbit(f);
}

static void
append_float(StringInfo out, const EpValue *value)
{
	char buffer[DOUBLE_SHORTEST_DECIMAL_LEN];
	double f = value->as.f;
	size_t length;
	const char *text = float_text(value, buffer, &length);

	if (isnan(f))
		appendStringInfoString(out, "\"NaN\"");
	else if (isinf(f))
		appendStringInfoString(out, f > 0 ? "\"Infinity\"" : "\"-Infinity\"");
	else if (is_minus_zero(f))
		append_text(out, text, length);
	else
		appendBinaryStringInfo(out, text, length);
}

/* RFC 3339 with nine decimals, UTC. */
static void
append_timestamp(StringInfo out, int64 micros, int nanos)
{
	int64 seconds = micros / USECS_PER_SEC, rest = micros % USECS_PER_SEC;
	int64 day, second_of_day;
	int year, month, mday;

	if (rest < 0)
	{
		rest += USECS_PER_SEC;
		seconds--;
	}
	day = seconds / SECS_PER_DAY;
	second_of_day = seconds % SECS_PER_DAY;
	if (second_of_day < 0)
	{
		second_of_day += SECS_PER_DAY;
		day--;
	}
	j2date(day + UNIX_EPOCH_JDATE, &year, &month, &mday);
	appendStringInfo(out, "\"%04d-%02d-%02dT%02d:%02d:%02d.%09dZ\"", year, month, mday,
					 (int) (second_of_day / SECS_PER_HOUR),
					 (int) (second_of_day / SECS_PER_MINUTE % MINS_PER_HOUR),
					 (int) (second_of_day % SECS_PER_MINUTE), (int) (rest * 1000 + nanos));
}

static void
append_interval(StringInfo out, int64 micros, int nanos)
{
	bool negative = micros < 0 || nanos < 0;
	uint64 magnitude = micros < 0 ? -(uint64) micros : (uint64) micros;

	appendStringInfo(out, "\"%s" UINT64_FORMAT ".%09ds\"", negative ? "-" : "", magnitude / USECS_PER_SEC,
					 (int) (magnitude % USECS_PER_SEC * 1000 + abs(nanos)));
}

static void
append_value(StringInfo out, const EpValue *value)
{
	if (value->untyped)
	{
		append_text(out, value->text, value->length);
		return;
	}
	switch ((EpKind) value->kind)
	{
		case EP_NULL:
			appendStringInfoString(out, "null");
			break;
		case EP_BOOL:
			appendStringInfoString(out, value->as.boolean ? "true" : "false");
			break;
		case EP_INT:
			appendStringInfo(out, INT64_FORMAT, value->as.i);
			break;
		case EP_UINT:
			appendStringInfo(out, UINT64_FORMAT, value->as.u);
			break;
		case EP_FLOAT:
		case EP_FLOAT4:
			append_float(out, value);
			break;
		case EP_NUMERIC:
		case EP_JSON:
			appendBinaryStringInfo(out, value->text, value->length);
			break;
		case EP_TEXT:
			append_text(out, value->text, value->length);
			break;
		case EP_BYTES:
			append_bytes(out, value->text, value->length);
			break;
		case EP_TIMESTAMP:
			append_timestamp(out, value->as.i, value->nanos);
			break;
		case EP_INTERVAL:
			append_interval(out, value->as.i, value->nanos);
			break;
		case EP_ARRAY:
			appendStringInfoChar(out, '[');
			for (uint32 i = 0; i < value->count && out->len <= MAX_RESCUED_BYTES; i++)
			{
				if (i > 0)
					appendStringInfoChar(out, ',');
				append_value(out, &value->as.items[i]);
			}
			appendStringInfoChar(out, ']');
			break;
	}
}

/* How long append_value() makes it, at least where it makes it longer; items of an array are weighed one by one. */
static size_t
written_length(const EpValue *value)
{
	size_t length = value->length;

	if (value->length <= SHORT_VALUE)
		return length;
	if (value->kind == EP_BYTES && !value->untyped)
		return 2 * length;
	if (value->kind == EP_TEXT || value->untyped)
		for (size_t i = 0; i < value->length; i++)
			length +=
				(unsigned char) value->text[i] < ' ' ? 5 : value->text[i] == '"' || value->text[i] == '\\';
	return length;
}

/* Does jsonb write the number as that, and with a point?  1e2 becomes 100 there, as if it had been an integer. */
static bool
is_plainly_float(const EpValue *value)
{
	char buffer[DOUBLE_SHORTEST_DECIMAL_LEN];
	size_t length;
	const char *text = float_text(value, buffer, &length);
	bool point = false;

	if (!isfinite(value->as.f) || is_minus_zero(value->as.f))
		return false;
	for (size_t i = 0; i < length; i++)
	{
		if (text[i] == 'e' || text[i] == 'E')
			return text[i + 1] == '-';
		point |= text[i] == '.';
	}
	return point;
}

/*
 * What a value that append_value() writes stands for, where its JSON does not say so; EP_TYPE_NONE: it does.  Records under a
 * field number are bytes anyway.
 */
static EpType
stands_for(const EpValue *value)
{
	EpType type = EP_TYPE_NONE;

	if (value->untyped)
		return EP_TYPE_NONE;
	switch ((EpKind) value->kind)
	{
		case EP_FLOAT:
		case EP_FLOAT4:
			return is_plainly_float(value) ? EP_TYPE_NONE : EP_TYPE_FLOAT8;
		case EP_JSON:
			return value->text[0] == '{' || value->text[0] == '[' ? EP_TYPE_NONE : EP_TYPE_JSONB;
		case EP_BYTES:
			return EP_TYPE_BYTEA;
		case EP_TIMESTAMP:
			return EP_TYPE_TIMESTAMPTZ;
		case EP_INTERVAL:
			return EP_TYPE_INTERVAL;
		case EP_ARRAY:
			for (uint32 i = 0; i < value->count && type == EP_TYPE_NONE; i++)
				type = stands_for(&value->as.items[i]);
			return type;
		default:
			return EP_TYPE_NONE;
	}
}

/* The how-manieth copy of this path this is in the event, from 1. */
static uint32
next_copy(EpRescue *rescue, const EpPath *path)
{
	EpRescueMark *mark;

	if (path->id == EP_PATH_TRANSIENT)
		return 1;
	if (path->id >= rescue->mark_capacity)
	{
		uint32 capacity = Max(64, pg_nextpower2_32(path->id + 1));
		EpRescueMark *marks = MemoryContextAllocZero(rescue->lasting, capacity * sizeof(EpRescueMark));

		if (rescue->marks != NULL)
		{
			memcpy(marks, rescue->marks, rescue->mark_capacity * sizeof(EpRescueMark));
			pfree(rescue->marks);
		}
		rescue->marks = marks;
		rescue->mark_capacity = capacity;
	}
	mark = &rescue->marks[path->id];
	if (mark->event != rescue->event)
		*mark = (EpRescueMark){rescue->event, 0};
	return ++mark->copies;
}

void
ep_rescue_add(EpRescue *rescue, const EpPath *path, const EpValue *value, const char *reason)
{
	char *text = ep_path_to_text(path, rescue->arena);
	uint32 copy = next_copy(rescue, path);
	EpType as = ep_protobuf_unknown_number(path) != 0 ? EP_TYPE_NONE : stands_for(value);

	if (text == NULL || rescue->overflow ||
		(rescue->count > 0 ? rescue->json.len : 0) + written_length(value) > MAX_RESCUED_BYTES)
	{
		rescue->overflow = true;
		return;
	}
	if (rescue->count++ == 0)
	{
		initStringInfo(&rescue->json);
		appendStringInfoChar(&rescue->json, '{');
	}
	else
		appendStringInfoChar(&rescue->json, ',');
	if (copy > 1)
		text = psprintf("%s#%u", text, copy);
	escape_json(&rescue->json, text);
	appendStringInfoString(&rescue->json, ":{\"v\":");
	append_value(&rescue->json, value);
	if (as != EP_TYPE_NONE)
		appendStringInfo(&rescue->json, ",\"as\":\"%s\"", ep_type_name(as));
	appendStringInfo(&rescue->json, ",\"why\":\"%s\"}", reason);
}

bool
ep_rescue_passes(const char *reason)
{
	static const char *const passing[] = {
		"lock", "busy", "rate", "limit", "contract", EP_RESCUE_UNKNOWN, EP_RESCUE_PARTIAL};

	for (int i = 0; i < lengthof(passing); i++)
		if (strcmp(reason, passing[i]) == 0)
			return true;
	return false;
}

bool
ep_rescue_fits(const EpRescue *rescue)
{
	return !rescue->overflow &&
		   (rescue->count == 0 || (rescue->json.len <= MAX_RESCUED_BYTES &&
								   ep_datum_fits_json(rescue->json.data, rescue->json.len)));
}

Datum
ep_rescue_datum(EpRescue *rescue)
{
	appendStringInfoChar(&rescue->json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(rescue->json.data));
}
