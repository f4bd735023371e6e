/*
 * gpmf_klv.c
 *	  Reads KLV headers, walks nests, validates, converts text.
 *
 * Every KLV is visited once; a walk keeps one cursor per open nest and nothing else.
 */
#include "format/gpmf/gpmf_klv.h"

/* The bytes that a key is made of. */
static const bool key_byte[256] = {
	[' '] = true,
	['0' ... '9'] = true,
	['A' ... 'Z'] = true,
	['a' ... 'z'] = true,
};

static bool
key_is_legal(const uint8_t *key)
{
	return key_byte[key[0]] & key_byte[key[1]] & key_byte[key[2]] & key_byte[key[3]];
}

/* Step over zero words; true when nothing but zero bytes is left. */
static bool
skip_padding(EpCursor *level)
{
	size_t left;

	while ((left = ep_cursor_left(level)) >= 4 && ep_load_be32(level->at) == 0)
		level->at += 4;
	if (left >= 4)
		return false;
	for (size_t i = 0; i < left; i++)
		if (level->at[i] != 0)
			return false;
	level->at = level->end;
	return true;
}

EpCode
ep_gpmf_klv_next(EpCursor *level, EpGpmfKlv *klv, EpError *error)
{
	const uint8_t *head;
	size_t stored;

	if (skip_padding(level))
		return EP_DONE;
	head = level->at;
	if (ep_cursor_left(level) < 4)
		return ep_fail(error, EP_E_TRUNCATED, ep_cursor_offset(level), "less than a key is left");
	/* An MP4 has its first key after a size. */
	if (ep_cursor_offset(level) == 0 && ep_cursor_left(level) >= 8 && memcmp(head + 4, "ftyp", 4) == 0)
		return ep_fail(error, EP_E_SYNTAX, 0, "this is an MP4, not the GPMF log in it");
	if (!key_is_legal(head))
		return ep_fail(error, EP_E_SYNTAX, ep_cursor_offset(level),
					   "key is not four letters, digits or spaces");
	if (ep_cursor_left(level) < 8)
		return ep_fail(error, EP_E_TRUNCATED, ep_cursor_offset(level), "key without type and length");
	klv->key = ep_load_be32(head);
	klv->offset = (uint32_t) ep_cursor_offset(level);
	klv->type = head[4];
	klv->size = head[5];
	klv->repeat = ep_load_be16(head + 6);
	klv->length = (uint32_t) klv->size * klv->repeat;
	klv->value = head + 8;
	if (klv->size == 0 && klv->repeat != 0)
		return ep_fail(error, EP_E_STRUCTURE, klv->offset, "samples of no bytes");
	stored = ((size_t) klv->length + 3) & ~(size_t) 3;
	if (stored > ep_cursor_left(level) - 8)
		return ep_fail(error, EP_E_TRUNCATED, klv->offset, "value is longer than what holds it");
	level->at += 8 + stored;
	return EP_OK;
}

EpCursor
ep_gpmf_klv_cursor(const EpCursor *level, const EpGpmfKlv *klv)
{
	return (EpCursor){level->start, klv->value, klv->value + klv->length};
}

void
ep_gpmf_walk_begin(EpGpmfWalk *walk, EpCursor bytes)
{
	walk->level[0] = bytes;
	walk->depth = 0;
}

EpCode
ep_gpmf_walk_next(EpGpmfWalk *walk, EpGpmfKlv *klv, int *depth, EpError *error)
{
	while (walk->depth >= 0)
	{
		EpCursor *level = &walk->level[walk->depth];
		EpCode code = ep_gpmf_klv_next(level, klv, error);

		if (code == EP_DONE)
		{
			walk->depth--;
			continue;
		}
		if (code != EP_OK)
			return code;
		*depth = walk->depth;
		if (klv->type == 0 && klv->length > 0)
		{
			if (walk->depth + 1 >= EP_GPMF_MAX_DEPTH)
				return ep_fail(error, EP_E_DEPTH, klv->offset, "nested too deep");
			walk->level[++walk->depth] = ep_gpmf_klv_cursor(level, klv);
		}
		return EP_OK;
	}
	return EP_DONE;
}

EpCode
ep_gpmf_validate(const void *bytes, size_t length, EpError *error)
{
	EpGpmfWalk walk;
	EpGpmfKlv klv;
	EpCode code;
	int depth;
	bool found = false;

	if (length > EP_GPMF_MAX_BYTES)
		return ep_fail(error, EP_E_LIMIT, EP_GPMF_MAX_BYTES, "log is longer than 128 MB");
	ep_gpmf_walk_begin(&walk, ep_cursor(bytes, length));
	while ((code = ep_gpmf_walk_next(&walk, &klv, &depth, error)) == EP_OK)
	{
		if (depth == 0 && klv.key != EP_GPMF_KEY('D', 'E', 'V', 'C'))
			return ep_fail(error, EP_E_SYNTAX, klv.offset, "not a DEVC");
		if (depth == 0 && klv.type != 0)
			return ep_fail(error, EP_E_STRUCTURE, klv.offset, "DEVC is not a nest");
		found = true;
	}
	if (code != EP_DONE)
		return code;
	return found ? EP_OK : ep_fail(error, EP_E_MISSING, 0, "no DEVC");
}

EpCode
ep_gpmf_validate_nest(EpCursor content, int depth, uint32_t *last, EpError *error)
{
	EpGpmfWalk walk;
	EpGpmfKlv klv;
	EpCode code;
	int below;

	*last = 0;
	ep_gpmf_walk_begin(&walk, content);
	while ((code = ep_gpmf_walk_next(&walk, &klv, &below, error)) == EP_OK)
	{
		if (klv.type == 0 && klv.length > 0 && depth + below + 1 >= EP_GPMF_MAX_DEPTH)
			return ep_fail(error, EP_E_DEPTH, klv.offset, "nested too deep");
		if (below == 0)
			*last = klv.key;
	}
	return code == EP_DONE ? EP_OK : code;
}

/* From the end to the start: a place is good when its DEVC, or its zero word, ends at a good one. */
bool
ep_gpmf_find_devc(const uint8_t *bytes, size_t length, EpArena *arena, size_t *offset)
{
	size_t words = length / 4;
	uint8_t *good = ep_arena_zalloc(arena, words / 8 + 1);
	bool found = false;

	if (good == NULL)
		return false;
	good[words / 8] |= 1 << words % 8;
	for (size_t i = words; i-- > 0;)
	{
		EpCursor level = {bytes, bytes + 4 * i, bytes + length};
		bool zero = ep_load_be32(level.at) == 0;
		EpGpmfKlv klv;
		EpError ignored;
		size_t next = i + 1;

		if (!zero && (ep_cursor_left(&level) < 8 || memcmp(level.at, "DEVC", 5) != 0 ||
					  ep_gpmf_klv_next(&level, &klv, &ignored) != EP_OK))
			continue;
		if (!zero)
			next = ep_cursor_offset(&level) / 4;
		if ((good[next / 8] >> next % 8 & 1) == 0)
			continue;
		good[i / 8] |= 1 << i % 8;
		if (!zero)
			*offset = 4 * i;
		found |= !zero;
	}
	return found;
}

unsigned
ep_gpmf_type_size(uint8_t type)
{
	switch (type)
	{
		case 'b':
		case 'B':
		case 'c':
		case 'u':
			return 1;
		case 's':
		case 'S':
			return 2;
		case 'l':
		case 'L':
		case 'f':
		case 'F':
		case 'q':
			return 4;
		case 'j':
		case 'J':
		case 'd':
		case 'Q':
			return 8;
		case 'G':
		case 'U':
			return 16;
		default:
			return 0;
	}
}

EpGpmfText
ep_gpmf_text(const uint8_t *bytes, size_t length, EpArena *arena)
{
	EpGpmfText text = {(const char *) bytes, 0};
	size_t high = 0;
	uint8_t *out;

	while (text.length < length && bytes[text.length] != 0)
		high += bytes[text.length++] >> 7;
	while (text.length > 0 && bytes[text.length - 1] == ' ')
		text.length--;
	if (high == 0)
		return text;
	out = ep_arena_alloc(arena, text.length + high);
	if (out == NULL)
		return (EpGpmfText){NULL, 0};
	length = text.length;
	text.bytes = (const char *) out;
	for (size_t i = 0; i < length; i++)
	{
		if (bytes[i] >= 0x80)
		{
			*out++ = 0xC0 | bytes[i] >> 6;
			*out++ = 0x80 | (bytes[i] & 0x3F);
		}
		else
			*out++ = bytes[i];
	}
	text.length = (size_t) ((const char *) out - text.bytes);
	return text;
}

void
ep_gpmf_key_name(uint32_t key, char name[5])
{
	name[0] = (char) (key >> 24);
	name[1] = (char) (key >> 16);
	name[2] = (char) (key >> 8);
	name[3] = (char) key;
	name[4] = '\0';
}

/* Days from 1970-01-01 to a date of 2000 to 2099, where every fourth year is a leap year. */
static int
days_since_1970(int year, int month, int day)
{
	static const uint16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
	int years = year - 2000;

	return 10957 + years * 365 + (years + 3) / 4 + before[month - 1] + (month > 2 && years % 4 == 0) + day -
		   1;
}

bool
ep_gpmf_utc(const uint8_t *text, size_t length, int64_t *micros)
{
	static const uint8_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int pair[6];
	int month_length, millis;

	if (length < 16 || text[12] != '.')
		return false;
	for (int i = 0; i < 16; i++)
		if (i != 12 && (text[i] < '0' || text[i] > '9'))
			return false;
	for (int i = 0; i < 6; i++)
		pair[i] = (text[2 * i] - '0') * 10 + text[2 * i + 1] - '0';
	millis = (text[13] - '0') * 100 + (text[14] - '0') * 10 + text[15] - '0';
	if (pair[1] < 1 || pair[1] > 12 || pair[3] > 23 || pair[4] > 59 || pair[5] > 60)
		return false;
	month_length = month_days[pair[1] - 1] + (pair[1] == 2 && pair[0] % 4 == 0);
	if (pair[2] < 1 || pair[2] > month_length)
		return false;
	*micros = days_since_1970(2000 + pair[0], pair[1], pair[2]) * INT64_C(86400000000) +
			  (pair[3] * 3600 + pair[4] * 60 + pair[5]) * INT64_C(1000000) + millis * INT64_C(1000);
	return true;
}
