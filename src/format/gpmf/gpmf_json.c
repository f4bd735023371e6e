/*
 * gpmf_json.c
 *	  A small JSON writer and the summary of a stream.
 *
 * The text grows by doubling in the arena; what it outgrows is left there.
 */
#include "format/gpmf/gpmf_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void
ep_gpmf_json_begin(EpGpmfJson *json, EpArena *arena)
{
	memset(json, 0, sizeof *json);
	json->arena = arena;
}

static void
append(EpGpmfJson *json, const char *bytes, size_t length)
{
	if (json->failed)
		return;
	if (length > json->capacity - json->length)
	{
		size_t capacity = (json->capacity + length + 256) * 2;
		char *text = ep_arena_alloc(json->arena, capacity);

		json->failed = text == NULL;
		if (json->failed)
			return;
		if (json->length > 0)
			memcpy(text, json->text, json->length);
		json->text = text;
		json->capacity = capacity;
	}
	memcpy(json->text + json->length, bytes, length);
	json->length += length;
}

static void
begin_item(EpGpmfJson *json)
{
	if (json->comma)
		append(json, ", ", 2);
	json->comma = true;
}

void
ep_gpmf_json_bracket(EpGpmfJson *json, char bracket)
{
	bool opens = bracket == '{' || bracket == '[';

	if (opens)
		begin_item(json);
	append(json, &bracket, 1);
	json->comma = !opens;
}

static void
append_string(EpGpmfJson *json, const char *bytes, size_t length)
{
	append(json, "\"", 1);
	for (size_t i = 0; i < length; i++)
	{
		unsigned char c = (unsigned char) bytes[i];
		char escaped[8];

		if (c == '"' || c == '\\')
			append(json, (char[]){'\\', (char) c}, 2);
		else if (c < 0x20)
			append(json, escaped, (size_t) snprintf(escaped, sizeof escaped, "\\u%04x", c));
		else
			append(json, bytes + i, 1);
	}
	append(json, "\"", 1);
}

void
ep_gpmf_json_key(EpGpmfJson *json, const char *key)
{
	begin_item(json);
	append_string(json, key, strlen(key));
	append(json, ": ", 2);
	json->comma = false;
}

void
ep_gpmf_json_text(EpGpmfJson *json, const char *bytes, size_t length)
{
	begin_item(json);
	append_string(json, bytes, length);
}

void
ep_gpmf_json_null(EpGpmfJson *json)
{
	begin_item(json);
	append(json, "null", 4);
}

void
ep_gpmf_json_integer(EpGpmfJson *json, int64_t value)
{
	char digits[24];

	begin_item(json);
	append(json, digits, (size_t) snprintf(digits, sizeof digits, "%lld", (long long) value));
}

void
ep_gpmf_json_unsigned(EpGpmfJson *json, uint64_t value)
{
	char digits[24];

	begin_item(json);
	append(json, digits, (size_t) snprintf(digits, sizeof digits, "%llu", (unsigned long long) value));
}

/* The shortest of 15 or 17 digits that gives the value back. */
void
ep_gpmf_json_number(EpGpmfJson *json, double value)
{
	char digits[32];
	int length;

	if (!isfinite(value))
	{
		ep_gpmf_json_null(json);
		return;
	}
	begin_item(json);
	length = snprintf(digits, sizeof digits, "%.15g", value);
	if (strtod(digits, NULL) != value)
		length = snprintf(digits, sizeof digits, "%.17g", value);
	append(json, digits, (size_t) length);
}

static void
units(EpGpmfJson *json, const EpGpmfStream *stream)
{
	unsigned count = ep_gpmf_stream_unit_count(stream);

	ep_gpmf_json_bracket(json, '[');
	for (unsigned i = 0; i < count && i < EP_GPMF_MAX_ELEMENTS; i++)
	{
		EpGpmfText unit = ep_gpmf_stream_unit(stream, i, json->arena);

		if (unit.bytes == NULL)
			ep_gpmf_json_null(json);
		else
			ep_gpmf_json_text(json, unit.bytes, unit.length);
	}
	ep_gpmf_json_bracket(json, ']');
}

static void
scales(EpGpmfJson *json, const EpGpmfStream *stream)
{
	unsigned count = ep_gpmf_stream_scale_count(stream);

	ep_gpmf_json_bracket(json, '[');
	for (unsigned i = 0; i < count; i++)
		ep_gpmf_json_number(json, ep_gpmf_stream_scale(stream, i));
	ep_gpmf_json_bracket(json, ']');
}

void
ep_gpmf_json_open_stream(EpGpmfJson *json, const EpGpmfStream *stream)
{
	const char *clock = ep_gpmf_clock_name(stream);

	ep_gpmf_json_bracket(json, '{');
	ep_gpmf_json_key(json, "stream");
	ep_gpmf_json_integer(json, stream->index);
	ep_gpmf_json_key(json, "fourcc");
	ep_gpmf_json_text(json, stream->fourcc, 4);
	ep_gpmf_json_key(json, "name");
	if (stream->name.bytes == NULL)
		ep_gpmf_json_null(json);
	else
		ep_gpmf_json_text(json, stream->name.bytes, stream->name.length);
	ep_gpmf_json_key(json, "type");
	ep_gpmf_json_text(json, stream->types, strlen(stream->types));
	ep_gpmf_json_key(json, "elements");
	ep_gpmf_json_integer(json, stream->elements);
	ep_gpmf_json_key(json, "payloads");
	ep_gpmf_json_integer(json, stream->payloads);
	ep_gpmf_json_key(json, "samples");
	ep_gpmf_json_integer(json, (int64_t) stream->samples);
	ep_gpmf_json_key(json, "units");
	units(json, stream);
	ep_gpmf_json_key(json, "scale");
	scales(json, stream);
	ep_gpmf_json_key(json, "rate_hz");
	ep_gpmf_json_number(json, stream->rate > 0 ? stream->rate : NAN);
	ep_gpmf_json_key(json, "clock");
	ep_gpmf_json_text(json, clock, strlen(clock));
}

void
ep_gpmf_json_streams(EpGpmfJson *json, const EpGpmfLog *log, const EpGpmfDevice *device)
{
	ep_gpmf_json_bracket(json, '[');
	for (uint32_t i = 0; i < log->stream_count; i++)
	{
		if (log->streams[i]->device != device)
			continue;
		ep_gpmf_json_open_stream(json, log->streams[i]);
		ep_gpmf_json_bracket(json, '}');
	}
	ep_gpmf_json_bracket(json, ']');
}
