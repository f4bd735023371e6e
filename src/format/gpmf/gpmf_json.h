/*
 * gpmf_json.h
 *	  JSON text of what a log holds, built in an arena.
 *
 * The text is valid JSON that jsonb can store: UTF-8, no U+0000, no NaN or Infinity (they become null).
 */
#ifndef EP_GPMF_JSON_H
#define EP_GPMF_JSON_H

#include "format/gpmf/gpmf_decode.h"

typedef struct EpGpmfJson
{
	EpArena *arena;
	char *text;
	size_t length;
	size_t capacity;
	bool failed; /* the arena was full: the text is worth nothing */
	bool comma;  /* a comma stands before the next item */
} EpGpmfJson;

extern void ep_gpmf_json_begin(EpGpmfJson *json, EpArena *arena);

/* '{', '[', '}' or ']'. */
extern void ep_gpmf_json_bracket(EpGpmfJson *json, char bracket);

/* A key of an object; static and plain. */
extern void ep_gpmf_json_key(EpGpmfJson *json, const char *key);

extern void ep_gpmf_json_text(EpGpmfJson *json, const char *bytes, size_t length);
extern void ep_gpmf_json_integer(EpGpmfJson *json, int64_t value);
extern void ep_gpmf_json_unsigned(EpGpmfJson *json, uint64_t value);
extern void ep_gpmf_json_number(EpGpmfJson *json, double value);
extern void ep_gpmf_json_null(EpGpmfJson *json);

/* One object: stream, fourcc, name, type, elements, payloads, samples, units, scale, rate_hz, clock.  Leaves it open. */
extern void ep_gpmf_json_open_stream(EpGpmfJson *json, const EpGpmfStream *stream);

/* An array of such objects, for the streams of one device. */
extern void ep_gpmf_json_streams(EpGpmfJson *json, const EpGpmfLog *log, const EpGpmfDevice *device);

#endif /* EP_GPMF_JSON_H */
