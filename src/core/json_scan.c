/*
 * json_scan.c
 *	  Strings, numbers, words and whole values of JSON, checked in one pass.
 */
#include "core/json_scan.h"

#include <stdio.h>
#include <string.h>

#include "core/utf8.h"

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS (ONES * 0x80)

const char *
ep_json_fail(EpJsonScan *scan, EpCode code, const char *p, const char *message)
{
	(void) ep_fail(scan->error, code, (size_t) (p - scan->start), message);
	return NULL;
}

const char *
ep_json_unexpected(EpJsonScan *scan, const char *p, const char *expected)
{
	char found[16];
	size_t length = ep_utf8_length(p, scan->end);

	(void) ep_json_fail(scan, EP_E_SYNTAX, p, "invalid JSON");
	scan->error->expected = expected;
	if (p >= scan->end)
		snprintf(found, sizeof found, "the end");
	else if (length == 0 || (uint8_t) *p < 0x20)
		snprintf(found, sizeof found, "byte 0x%02x", (uint8_t) *p);
	else
		snprintf(found, sizeof found, "\"%.*s\"", (int) length, p);
	scan->error->found = ep_arena_strdup(scan->arena, found, strlen(found));
	return NULL;
}

/* The first byte at or behind p that is not plain inside a string: '"', '\\', a control, not ASCII. */
static inline const char *
plain_end(const char *p, const char *end)
{
	for (; end - p >= 8; p += 8)
	{
		uint64_t x;
		uint64_t special;

		memcpy(&x, p, 8);
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
		x = __builtin_bswap64(x);
#endif
		/* zero-byte tests; a borrow spoils only bytes behind the first hit */
		special = ((x ^ ONES * '"') - ONES) | ((x ^ ONES * '\\') - ONES) | (x - ONES * 0x20);
		special = (special & ~x & HIGHS) | (x & HIGHS);
		if (special != 0)
			return p + (__builtin_ctzll(special) >> 3);
	}
	while (p < end && *p != '"' && *p != '\\' && (uint8_t) *p >= 0x20 && (uint8_t) *p < 0x80)
		p++;
	return p;
}

int
ep_json_hex4(const char *p, const char *end)
{
	int value = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++)
	{
		char c = p[i];

		if (c >= '0' && c <= '9')
			value = value * 16 + (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			value = value * 16 + ((c | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return value;
}

/* Check the escape whose backslash is at p. */
static const char *
check_escape(EpJsonScan *scan, const char *p)
{
	const char *end = scan->end;
	int code;
	int low;

	if (end - p < 2)
		return ep_json_unexpected(scan, end, "the rest of a string");
	if (p[1] != 'u')
		return p[1] != '\0' && strchr("\"\\/bfnrt", p[1]) != NULL
				   ? p + 2
				   : ep_json_unexpected(scan, p + 1, "an escape: one of \"\\/bfnrtu");
	code = ep_json_hex4(p + 2, end);
	if (code < 0)
		return ep_json_unexpected(scan, p + 2 < end ? p + 2 : end, "four hexadecimal digits");
	if (code == 0 && !scan->nul)
		return ep_json_fail(scan, EP_E_NUL, p, "\\u0000 cannot be stored as text");
	if (code < 0xD800 || code > 0xDFFF)
		return p + 6;
	low = code <= 0xDBFF && end - p >= 12 && p[6] == '\\' && p[7] == 'u' ? ep_json_hex4(p + 8, end) : -1;
	if (low < 0xDC00 || low > 0xDFFF)
		return ep_json_fail(scan, EP_E_ENCODING, p, "unpaired surrogate in a JSON string");
	return p + 12;
}

const char *
ep_json_string(EpJsonScan *scan, const char *p, bool *escaped)
{
	const char *end = scan->end;

	*escaped = false;
	for (;;)
	{
		p = plain_end(p, end);
		if (p >= end)
			return ep_json_unexpected(scan, p, "the rest of a string");
		if (*p == '"')
			return p + 1;
		if (*p == '\\')
		{
			*escaped = true;
			p = check_escape(scan, p);
			if (p == NULL)
				return NULL;
		}
		else if ((uint8_t) *p < 0x20)
			return ep_json_unexpected(scan, p, "a string without raw control characters");
		else
		{
			while (p < end && (uint8_t) *p >= 0x80)
			{
				size_t n = ep_utf8_length(p, end);

				if (n == 0)
					return ep_json_fail(scan, EP_E_ENCODING, p, "invalid UTF-8 in a JSON string");
				p += n;
			}
		}
	}
}

size_t
ep_json_unescape(const char *raw, size_t length, char *out)
{
	static const char from[] = "bfnrt";
	static const char to[] = "\b\f\n\r\t";
	const char *end = raw + length;
	char *o = out;

	while (raw < end)
	{
		const char *known;
		const char *next = memchr(raw, '\\', (size_t) (end - raw));
		size_t run = (size_t) ((next == NULL ? end : next) - raw);

		memcpy(o, raw, run);
		o += run;
		raw += run;
		if (raw == end)
			break;
		if (raw[1] == 'u')
		{
			uint32_t code = (uint32_t) ep_json_hex4(raw + 2, end);

			raw += 6;
			if (code >= 0xD800 && code <= 0xDBFF)
			{
				code = 0x10000 + ((code & 0x3FF) << 10) + ((uint32_t) ep_json_hex4(raw + 2, end) & 0x3FF);
				raw += 6;
			}
			o += ep_utf8_put(code, o);
			continue;
		}
		known = strchr(from, raw[1]);
		*o++ = known != NULL ? to[known - from] : raw[1];
		raw += 2;
	}
	return (size_t) (o - out);
}

const char *
ep_json_number(EpJsonScan *scan, const char *p, EpValue *value)
{
	EpCode code = ep_value_read_number(p, scan->end, value);

	if (code == EP_OK)
		return p + value->length;
	if (code == EP_E_SYNTAX)
		return ep_json_unexpected(scan, p, "a JSON value");
	return ep_json_fail(scan, code, p, "number outside the range of type numeric");
}

const char *
ep_json_word(EpJsonScan *scan, const char *p, EpValue *value)
{
	size_t left = (size_t) (scan->end - p);

	*value = (EpValue){.kind = EP_BOOL, .text = p, .length = 4};
	if (left >= 4 && memcmp(p, "true", 4) == 0)
		value->as.boolean = true;
	else if (left >= 5 && memcmp(p, "false", 5) == 0)
		value->length = 5;
	else if (left >= 4 && memcmp(p, "null", 4) == 0)
		value->kind = EP_NULL;
	else
		return ep_json_unexpected(scan, p, "a JSON value");
	return p + value->length;
}

static const char *
check_scalar(EpJsonScan *scan, const char *p)
{
	EpValue value;
	bool escaped;

	if (p >= scan->end)
		return ep_json_unexpected(scan, p, "a JSON value");
	if (*p == '"')
		return ep_json_string(scan, p + 1, &escaped);
	if (*p == 't' || *p == 'f' || *p == 'n')
		return ep_json_word(scan, p, &value);
	return ep_json_number(scan, p, &value);
}

/* A key and its colon at p. */
static const char *
check_key(EpJsonScan *scan, const char *p)
{
	bool escaped;

	if (p >= scan->end || *p != '"')
		return ep_json_unexpected(scan, p, "a key in double quotes");
	p = ep_json_string(scan, p + 1, &escaped);
	if (p == NULL)
		return NULL;
	p = ep_json_space(p, scan->end);
	if (p >= scan->end || *p != ':')
		return ep_json_unexpected(scan, p, "\":\"");
	return ep_json_space(p + 1, scan->end);
}

/*
 * Enter containers at p until a scalar or an empty container has been read.  open holds the closing
 * bracket of every container entered.
 */
static const char *
check_down(EpJsonScan *scan, const char *p, char *open, int *level, int limit)
{
	while (p < scan->end && (*p == '[' || *p == '{'))
	{
		char closing = *p == '[' ? ']' : '}';

		if (*level >= limit)
			return ep_json_fail(scan, EP_E_DEPTH, p, "JSON nested too deeply");
		p = ep_json_space(p + 1, scan->end);
		if (p < scan->end && *p == closing)
			return p + 1;
		open[(*level)++] = closing;
		if (closing == '}' && (p = check_key(scan, p)) == NULL)
			return NULL;
	}
	return check_scalar(scan, p);
}

const char *
ep_json_check(EpJsonScan *scan, const char *p, int depth)
{
	char open[EP_JSON_MAX_DEPTH];
	int level = 0;

	for (;;)
	{
		p = check_down(scan, p, open, &level, EP_JSON_MAX_DEPTH - depth);
		if (p == NULL)
			return NULL;
		for (;;)
		{
			if (level == 0)
				return p;
			p = ep_json_space(p, scan->end);
			if (p >= scan->end || *p != open[level - 1])
				break;
			level--;
			p++;
		}
		if (p >= scan->end || *p != ',')
			return ep_json_unexpected(scan, p, open[level - 1] == ']' ? "\",\" or \"]\"" : "\",\" or \"}\"");
		p = ep_json_space(p + 1, scan->end);
		if (open[level - 1] == '}' && (p = check_key(scan, p)) == NULL)
			return NULL;
	}
}

/* Step to the closing quote of the string whose opening one is at *p. */
static bool
balance_string(const char **p, const char *end)
{
	const char *at = *p + 1;

	while (at < end && *at != '"' && *at != '\n')
		at += *at == '\\' && end - at > 1 ? 2 : 1;
	*p = at;
	return at < end && *at == '"';
}

bool
ep_json_balance(const char **p, const char *end)
{
	size_t level = 0;

	for (; *p < end; (*p)++)
	{
		if (**p == '"')
		{
			if (!balance_string(p, end))
				return false;
		}
		else if (**p == '[' || **p == '{')
			level++;
		else if ((**p == ']' || **p == '}') && --level == 0)
		{
			(*p)++;
			return true;
		}
	}
	return false;
}

/* As measured on PostgreSQL 15; arrays of the tree grow by doubling. */
#define COST_OF_OBJECT 640
#define COST_OF_ARRAY 256
#define COST_OF_STRING 48 /* apart from its bytes */
#define COST_OF_COMMA 112 /* for what is behind it */

/* Behind the closing quote of the string whose opening quote is before p. */
static const char *
skip_string(const char *p, const char *end)
{
	for (; p < end && *p != '"'; p++)
		p += *p == '\\';
	return p + 1;
}

size_t
ep_json_cost(const char *text, size_t length)
{
	const char *p = text, *end = text + length;
	size_t cost = length;

	while (p < end)
		switch (*p++)
		{
			case '"':
				cost += COST_OF_STRING;
				p = skip_string(p, end);
				break;
			case '{':
				cost += COST_OF_OBJECT;
				break;
			case '[':
				cost += COST_OF_ARRAY;
				break;
			case ',':
				cost += COST_OF_COMMA;
				break;
		}
	return cost;
}
