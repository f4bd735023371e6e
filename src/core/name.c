/*
 * name.c
 *	  From a path to a column name that nobody has to quote, and that never means something else.
 *
 * The writer keeps the first EP_NAME_MAX bytes and only counts the rest, so a segment of any
 * length costs no memory.
 */
#include "core/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/name_letter.h"
#include "core/utf8.h"

#define SUFFIX_LENGTH 9 /* '_' and 8 hex digits */

/*
 * Words that cannot stand alone as a column reference: PostgreSQL 15 to 18's "reserved" and "reserved
 * (can be function or type)" (pg_get_keywords() catcode R and T), the system columns, and
 * the fixed columns of our tables.  Sorted.
 */
static const char *const kept_words[] = {
	/* clang-format off */
	"all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "authorization",
	"binary", "both", "case", "cast", "check", "cmax", "cmin", "collate", "collation", "column",
	"concurrently", "constraint", "create", "cross", "ctid", "current_catalog", "current_date",
	"current_role", "current_schema", "current_time", "current_timestamp", "current_user", "default",
	"deferrable", "desc", "distinct", "do", "else", "end", "event_time", "except", "false", "fetch", "for",
	"foreign", "freeze", "from", "full", "grant", "group", "having", "ilike", "in", "initially", "inner",
	"intersect", "into", "is", "isnull", "join", "lateral", "leading", "left", "like", "limit",
	"localtime", "localtimestamp", "natural", "not", "notnull", "null", "offset", "on", "only", "or",
	"order", "outer", "overlaps", "placing", "primary", "received_at", "references", "returning", "right",
	"select", "session_user", "similar", "some", "symmetric", "system_user", "table", "tableoid",
	"tablesample", "then", "to", "trailing", "true", "union", "unique", "user", "using", "variadic",
	"verbose", "when", "where", "window", "with", "xmax", "xmin",
	/* clang-format on */
};

static int
compare_words(const void *key, const void *word)
{
	return strcmp(key, *(const char *const *) word);
}

bool
ep_name_is_kept(const char *name)
{
	return bsearch(name, kept_words, sizeof kept_words / sizeof kept_words[0], sizeof kept_words[0],
				   compare_words) != NULL;
}

typedef struct Writer
{
	char *name;
	size_t length;
	bool column;  /* may not start with a digit */
	bool pending; /* a '_' is due before the next character */
	bool full;    /* something did not fit */
} Writer;

static void
write_character(Writer *w, uint32_t code)
{
	char bytes[8];
	size_t n = 0;

	if (w->length > 0 ? w->pending : w->column && code >= '0' && code <= '9')
		bytes[n++] = '_';
	w->pending = false;
	n += ep_utf8_put(code, bytes + n);
	if (w->full || w->length + n > EP_NAME_MAX)
	{
		w->full = true;
		return;
	}
	memcpy(w->name + w->length, bytes, n);
	w->length += n;
}

typedef enum Class
{
	OTHER,
	DIGIT,
	UPPER,
	LOWER /* and letters without case */
} Class;

static Class
class_at(const char *at, const char *end, uint32_t *code, size_t *bytes)
{
	*code = 0;
	*bytes = 0;
	if (at >= end)
		return OTHER;
	*bytes = ep_utf8_get(at, end, code);
	if (*code >= '0' && *code <= '9')
		return DIGIT;
	if (!ep_name_is_letter(*code))
		return OTHER;
	return ep_name_lower(*code) != *code ? UPPER : LOWER;
}

/*
 * Whether a word starts at this capital: after a small letter (userId), after a digit when more
 * letters follow (utf8String, not fix2D), and as the last of a run that goes on in small letters
 * (HTTPServer), unless all that follows is a plural s (userIDs).
 */
static bool
starts_word(Class before, const char *next, const char *end)
{
	uint32_t code;
	size_t bytes;
	Class after = class_at(next, end, &code, &bytes);

	if (before == LOWER)
		return true;
	if (before == DIGIT)
		return after == UPPER || after == LOWER;
	if (before != UPPER || after != LOWER)
		return false;
	return code != 's' || class_at(next + bytes, end, &code, &bytes) == LOWER;
}

static void
write_segment(Writer *w, const char *at, size_t length)
{
	const char *end = at + length;
	Class before = OTHER;

	w->pending = true;
	while (at < end)
	{
		uint32_t code;
		size_t bytes;
		Class class = class_at(at, end, &code, &bytes);

		at += bytes;
		if (class == OTHER || (class == UPPER && starts_word(before, at, end)))
			w->pending = true;
		if (class != OTHER)
			write_character(w, ep_name_lower(code));
		before = class;
	}
}

static void
write_path(Writer *w, const EpPath *path)
{
	const EpPath *segments[EP_PATH_SEGMENTS_MAX];
	size_t count = ep_path_segments(path, segments);

	while (count-- > 0)
		write_segment(w, segments[count]->key, segments[count]->key_length);
}

uint32_t
ep_name_hash(const char *bytes, size_t length)
{
	uint32_t hash = UINT32_C(2166136261);

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (uint8_t) bytes[i]) * UINT32_C(16777619);
	return hash;
}

static void
hash_sink(void *context, const char *bytes, size_t length)
{
	uint32_t *hash = context;

	for (size_t i = 0; i < length; i++)
		*hash = (*hash ^ (uint8_t) bytes[i]) * UINT32_C(16777619);
}

/* Of the published spelling, which is one to one with paths; so a user can compute it, too. */
static uint32_t
hash_path(const EpPath *path)
{
	uint32_t hash = ep_name_hash("", 0);

	ep_path_spell(path, hash_sink, &hash);
	return hash;
}

/* Cut name to at most max bytes on a character boundary, and off the '_' that it then ends with. */
static size_t
cut(char *name, size_t length, size_t max)
{
	if (length > max)
	{
		length = max;
		while (length > 0 && ((uint8_t) name[length] & 0xC0) == 0x80)
			length--;
	}
	while (length > 1 && name[length - 1] == '_')
		length--;
	name[length] = '\0';
	return length;
}

static void
cut_and_hash(char *name, size_t length, size_t max, uint32_t hash)
{
	length = cut(name, length, max - SUFFIX_LENGTH);
	snprintf(name + length, SUFFIX_LENGTH + 1, "_%08x", hash);
}

void
ep_name_from_path(const EpPath *path, char *name)
{
	Writer w = {.name = name, .column = true};

	write_path(&w, path);
	if (w.length == 0)
		w.length = strlen(strcpy(name, "attribute"));
	name[w.length] = '\0';
	if (w.full)
		cut_and_hash(name, w.length, EP_NAME_MAX, hash_path(path));
	else if (ep_name_is_kept(name))
		strcat(name, "_");
}

void
ep_name_from_segment(const char *segment, size_t length, char *name, size_t max)
{
	char whole[EP_NAME_MAX + 1];
	Writer w = {.name = whole};

	if (max > EP_NAME_MAX)
		max = EP_NAME_MAX;
	write_segment(&w, segment, length);
	if (w.length == 0)
		w.length = strlen(strcpy(whole, "attribute"));
	whole[w.length] = '\0';
	if ((w.full || w.length > max) && max > SUFFIX_LENGTH)
		cut_and_hash(whole, w.length, max, ep_name_hash(segment, length));
	else
		cut(whole, w.length, max);
	strcpy(name, whole);
}

void
ep_name_distinguish(const EpPath *path, const char *name, uint32_t nth, char *distinct)
{
	char suffix[SUFFIX_LENGTH + 1];
	size_t length = strlen(name);
	uint32_t hash = hash_path(path);

	snprintf(suffix, sizeof suffix, "_%08x", hash);
	memcpy(distinct, name, length + 1);
	if (length > SUFFIX_LENGTH && strcmp(name + length - SUFFIX_LENGTH, suffix) == 0)
	{
		nth++; /* it has this suffix already, and that was not enough */
		length -= SUFFIX_LENGTH;
		distinct[length] = '\0';
	}
	if (nth > 0)
		hash = ep_name_hash(suffix, SUFFIX_LENGTH) + (nth - 1);
	cut_and_hash(distinct, length, EP_NAME_MAX, hash);
}

void
ep_name_variant(const EpPath *path, const char *base, const char *type, char *name)
{
	size_t length = strlen(base), room = EP_NAME_MAX - strlen(type) - 2;

	memcpy(name, base, length + 1);
	if (length > room)
		cut_and_hash(name, length, room, hash_path(path));
	strcat(strcat(name, "__"), type);
}
