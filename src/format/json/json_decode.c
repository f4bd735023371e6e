/*
 * json_decode.c
 *	  JSON payloads: one object, objects one after the other (NDJSON or any white space), or an array
 *	  of objects.  Each object is an event; its nested objects become paths.
 *
 * Strict RFC 8259.  One pass, bounded recursion (EP_JSON_MAX_DEPTH), no copy but of strings with
 * escapes.  Values borrow the payload or the event's arena.  Duplicate keys are emitted as they
 * come.  An array is one EP_JSON value, checked here so that the server can read it for sure.
 *
 * After a refusal: what is well-bracketed but cannot be stored (too deep, \u0000, a number out of
 * range) is refused alone.  After broken syntax the next line that can begin an event goes on
 * (NDJSON); inside a top-level array, or when there is no such line, the rest is one refusal.
 */
#include "format/format.h"

#include <string.h>

#include "core/json_scan.h"

/* One value must stay within what the server's jsonb can build (268435455 bytes, 2^24 elements). */
#define MAX_JSON_BYTES ((size_t) 16 << 20)

/* Looking again at bytes after refusals costs at most this many times the payload. */
#define RESCAN_FACTOR 8

/* How many containers and members pass between two looks at decoder->interrupted. */
#define INTERRUPT_MASK 0xFFFF

typedef struct Json
{
	EpJsonScan scan;
	EpDecoder *decoder;
	EpEvent *event;
	const char *at;
	bool infer_timestamps;
	bool in_array;      /* inside a top-level array */
	bool after_element; /* and behind one of its elements */
	bool stopped;
	bool seen; /* the payload held something */
	size_t rescanned;
	uint32_t members;
} Json;

/* EpPath.owner of a key that is spelled in payloads as it is stored: it can be guessed by bytes. */
static char plain_key;

static const char *read_members(Json *j, const char *p, EpPath *parent, int depth);

static const char *
no_memory(Json *j, const char *p)
{
	return ep_json_fail(&j->scan, EP_E_MEMORY, p, "event does not fit into its memory");
}

/* Blame path for the error at hand; always NULL. */
static const char *
blame(Json *j, const EpPath *path)
{
	if (j->scan.error->path == NULL && path->parent != NULL)
		j->scan.error->path = ep_path_to_text(path, j->decoder->arena);
	return NULL;
}

/* The bytes of a string read from opening (behind its quote) to after, escapes undone. */
static const char *
string_bytes(Json *j, const char *opening, const char *after, bool escaped, size_t *length)
{
	char *copy;

	*length = (size_t) (after - 1 - opening);
	if (!escaped)
		return opening;
	copy = ep_arena_alloc(j->decoder->arena, *length);
	if (copy != NULL)
		*length = ep_json_unescape(opening, *length, copy);
	return copy;
}

/* The key at p (its opening quote) as a path; *after is behind its closing quote. NULL: refused. */
static EpPath *
read_key(Json *j, const char *p, EpPath *parent, EpPath *previous, const char **after)
{
	EpPath *guess = previous != NULL ? previous->follower : parent->first;
	const char *key;
	bool escaped;
	size_t length;

	if (p >= j->scan.end || *p != '"')
	{
		(void) ep_json_unexpected(
			&j->scan, p, previous == NULL ? "a key in double quotes or \"}\"" : "a key in double quotes");
		return NULL;
	}
	p++;
	if (guess != NULL && guess->owner == &plain_key && guess->parent == parent &&
		(size_t) (j->scan.end - p) > guess->key_length && p[guess->key_length] == '"' &&
		memcmp(p, guess->key, guess->key_length) == 0)
	{
		*after = p + guess->key_length + 1;
		return guess;
	}
	*after = ep_json_string(&j->scan, p, &escaped);
	if (*after == NULL)
		return NULL;
	key = string_bytes(j, p, *after, escaped, &length);
	guess = key == NULL ? NULL
						: ep_path_child(j->decoder->paths, parent, previous, key, length, j->decoder->arena);
	if (guess == NULL)
		(void) no_memory(j, p);
	else if (!escaped)
		guess->owner = &plain_key;
	return guess;
}

static const char *
read_array(Json *j, const char *p, int depth, EpValue *value)
{
	const char *after = ep_json_check(&j->scan, p, depth);

	if (after == NULL)
		return NULL;
	*value = (EpValue){.kind = EP_JSON, .text = p, .length = (size_t) (after - p)};
	if (value->length > MAX_JSON_BYTES)
		return ep_json_fail(&j->scan, EP_E_LIMIT, p, "JSON array is longer than 16 MB");
	return after;
}

static const char *
read_string(Json *j, const char *p, EpValue *value)
{
	bool escaped;
	const char *after = ep_json_string(&j->scan, p + 1, &escaped);

	if (after == NULL)
		return NULL;
	*value = (EpValue){.kind = EP_TEXT};
	value->text = string_bytes(j, p + 1, after, escaped, &value->length);
	if (value->text == NULL)
		return no_memory(j, p);
	if (j->infer_timestamps)
		ep_value_infer_timestamp(value);
	return after;
}

static const char *
read_object(Json *j, const char *p, EpPath *path, int depth, EpValue *value)
{
	if (path->whole)
	{
		const char *after = ep_json_check(&j->scan, p, depth);

		if (after == NULL)
			return NULL;
		if (after - p <= (ptrdiff_t) MAX_JSON_BYTES) /* a longer one as its members */
		{
			*value = (EpValue){.kind = EP_JSON, .text = p, .length = (size_t) (after - p)};
			return after;
		}
	}
	if (depth >= EP_JSON_MAX_DEPTH)
		return ep_json_fail(&j->scan, EP_E_DEPTH, p, "JSON nested too deeply");
	p = ep_json_space(p + 1, j->scan.end);
	if (p >= j->scan.end || *p != '}')
	{
		*value = (EpValue){.kind = EP_NULL}; /* without text: nothing of its own to add */
		return read_members(j, p, path, depth + 1);
	}
	*value = (EpValue){.kind = EP_JSON, .text = "{}", .length = 2};
	return p + 1;
}

/* The value at p, inside depth containers; an object's members are added to the event. */
static const char *
read_value(Json *j, const char *p, EpPath *path, int depth)
{
	EpValue value;
	EpField *field;

	switch (p < j->scan.end ? *p : '\0')
	{
		case '"':
			p = read_string(j, p, &value);
			break;
		case '{':
			p = read_object(j, p, path, depth, &value);
			break;
		case '[':
			p = read_array(j, p, depth, &value);
			break;
		case 't':
		case 'f':
		case 'n':
			p = ep_json_word(&j->scan, p, &value);
			break;
		default:
			p = ep_json_number(&j->scan, p, &value);
			break;
	}
	if (p == NULL || (value.kind == EP_NULL && value.text == NULL))
		return p;
	field = ep_event_add(j->event, j->decoder->arena);
	if (field == NULL)
		return no_memory(j, p);
	field->path = path;
	field->value = value;
	return p;
}

static bool
interrupted(Json *j)
{
	return (++j->members & INTERRUPT_MASK) == 0 && j->decoder->interrupted != NULL &&
		   j->decoder->interrupted();
}

/* The members of a non-empty object whose first key is at p; behind its closing brace. */
static const char *
read_members(Json *j, const char *p, EpPath *parent, int depth)
{
	const char *end = j->scan.end;
	EpPath *path = NULL;

	for (;;)
	{
		EpPath *next = read_key(j, p, parent, path, &p);

		if (next == NULL)
			return blame(j, parent);
		path = next;
		p = ep_json_space(p, end);
		if (p >= end || *p != ':')
			return ep_json_unexpected(&j->scan, p, "\":\""), blame(j, path);
		p = read_value(j, ep_json_space(p + 1, end), path, depth);
		if (p == NULL)
			return blame(j, path);
		p = ep_json_space(p, end);
		if (p < end && *p == '}')
			return p + 1;
		if (p >= end || *p != ',')
			return ep_json_unexpected(&j->scan, p, "\",\" or \"}\""), blame(j, parent);
		if (interrupted(j))
		{
			j->stopped = true;
			return ep_json_fail(&j->scan, EP_E_LIMIT, p, "interrupted");
		}
		p = ep_json_space(p + 1, end);
	}
}

static void
set_slice(Json *j, const char *from, const char *to)
{
	j->event->bytes = from;
	j->event->length = (size_t) (to - from);
	j->event->offset = (size_t) (from - j->scan.start);
}

/* The first line after p that can begin an event: not blank, indented, closing, or a key. */
static const char *
next_line(const char *p, const char *end)
{
	while ((p = memchr(p, '\n', (size_t) (end - p))) != NULL)
	{
		p++;
		if (p < end && strchr(" \t\r\n}]\"", *p) == NULL)
			return p;
	}
	return NULL;
}

/* Where reading can go on after the refusal of what starts at from, or NULL: nowhere. */
static const char *
resume_at(Json *j, const char *from)
{
	const char *end = j->scan.end;
	const char *reached = j->scan.start + j->scan.error->offset;
	const char *closed = from;
	const char *line;

	if (j->stopped || j->rescanned > RESCAN_FACTOR * (size_t) (end - j->scan.start))
		return NULL;
	if (j->scan.error->code != EP_E_SYNTAX && from < end && (*from == '{' || *from == '['))
	{
		if (ep_json_balance(&closed, end))
			return closed;
		j->rescanned += (size_t) (closed - from);
	}
	line = j->in_array ? NULL : next_line(from, end);
	if (line == NULL)
		return NULL;
	if (reached > line)
		j->rescanned += (size_t) (reached - line);
	while (line > from && (line[-1] == '\n' || line[-1] == '\r'))
		line--;
	return line;
}

/* Refuse what starts at from; the error is filled.  Decides where the next event begins. */
static EpCode
refuse(Json *j, const char *from)
{
	const char *resume = resume_at(j, from);

	j->event->fields = NULL;
	j->event->field_count = j->event->field_capacity = 0;
	j->stopped = resume == NULL;
	j->at = resume == NULL ? j->scan.end : resume;
	set_slice(j, from, j->at);
	return j->scan.error->code;
}

/* A value at p that is no object: refused by itself when it is valid. */
static EpCode
refuse_other(Json *j, const char *p)
{
	const char *after = ep_json_check(&j->scan, p, 0);

	if (after == NULL)
		return refuse(j, p);
	(void) ep_json_fail(&j->scan, EP_E_TYPE, p, "event is not a JSON object");
	j->scan.error->expected = "a JSON object";
	j->scan.error->found = *p == '[' ? "an array" : *p == '"' ? "a string" : "a number";
	if (*p == 't' || *p == 'f')
		j->scan.error->found = "a boolean";
	else if (*p == 'n')
		j->scan.error->found = "null";
	j->at = after;
	set_slice(j, p, after);
	return EP_E_TYPE;
}

/*
 * Step to where the next event starts: over white space, and the brackets and commas of a
 * top-level array.  EP_DONE at the end.
 */
static EpCode
find_event(Json *j, const char **event)
{
	const char *end = j->scan.end;
	const char *p = j->at;

	for (;;)
	{
		p = ep_json_space(p, end);
		*event = p;
		if (p >= end && !j->in_array)
		{
			j->stopped = true;
			if (j->seen)
				return EP_DONE;
			return ep_json_unexpected(&j->scan, p, "a JSON object"), EP_E_SYNTAX;
		}
		j->seen = true;
		if (!j->in_array)
		{
			if (*p != '[')
				return EP_OK;
			j->in_array = true;
			*event = p = ep_json_space(p + 1, end);
			if (p >= end || *p != ']')
				return EP_OK;
		}
		if (p < end && *p == ',')
		{
			*event = ep_json_space(p + 1, end);
			return EP_OK;
		}
		if (p >= end || *p != ']')
			return ep_json_unexpected(&j->scan, p, "\",\" or \"]\""), EP_E_SYNTAX;
		j->in_array = false;
		p++;
	}
}

static EpCode
json_begin(EpDecoder *decoder)
{
	Json *j = ep_arena_zalloc(decoder->lasting, sizeof *j);

	if (j == NULL)
		return ep_fail(&decoder->error, EP_E_MEMORY, 0, "out of memory");
	j->decoder = decoder;
	decoder->state = j;
	return ep_decoder_flag(decoder, "infer_timestamps", &j->infer_timestamps);
}

static EpCode
json_open(EpDecoder *decoder, const char *bytes, size_t length)
{
	Json *j = decoder->state;

	*j = (Json){.decoder = decoder, .infer_timestamps = j->infer_timestamps};
	j->scan = (EpJsonScan){
		.start = bytes, .end = bytes + length, .arena = decoder->arena, .error = &decoder->error};
	j->at = bytes;
	if (length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
		j->at += 3; /* a byte order mark, which RFC 8259 lets a reader ignore */
	return EP_OK;
}

static EpCode
json_next(EpDecoder *decoder, EpEvent *event)
{
	Json *j = decoder->state;
	EpPath *top = decoder->top != NULL ? decoder->top : &decoder->paths->root;
	EpCode code;
	const char *from;
	const char *p;

	ep_event_reset(event);
	j->event = event;
	j->scan.arena = decoder->arena;
	if (j->stopped)
		return EP_DONE;
	code = find_event(j, &from);
	if (code == EP_DONE)
		return code;
	if (code != EP_OK)
		return refuse(j, from);
	if (from >= j->scan.end || *from != '{')
		return refuse_other(j, from);
	p = ep_json_space(from + 1, j->scan.end);
	p = p < j->scan.end && *p == '}' ? p + 1 : read_members(j, p, top, 1);
	if (p == NULL)
		return refuse(j, from);
	j->at = p;
	set_slice(j, from, p);
	return EP_OK;
}

const EpFormat ep_json_format = {
	.name = "json",
	.keeps_objects = true,
	.begin = json_begin,
	.open = json_open,
	.next = json_next,
};
