/*
 * path_text.c
 *	  How a path is written: the published spelling, both ways, and the identity of its variants.
 */
#include "core/path.h"

#include <string.h>

#include "core/json_scan.h"
#include "core/name.h"
#include "core/utf8.h"

static bool
is_identifier(const char *key, size_t length)
{
	if (length == 0 || (key[0] >= '0' && key[0] <= '9'))
		return false;
	for (size_t i = 0; i < length; i++)
	{
		char c = key[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'))
			return false;
	}
	return true;
}

static void
spell_quoted(const char *key, size_t length, EpPathSink sink, void *context)
{
	static const char hex[] = "0123456789abcdef";
	static const char shorts[] = "btn\0fr"; /* U+0008 to U+000D; U+000B has none */
	size_t from = 0;

	sink(context, "\"", 1);
	for (size_t i = 0; i < length; i++)
	{
		uint8_t c = (uint8_t) key[i];
		char escape[6] = {'\\', (char) c, '0', '0', 0, 0};
		size_t n = 2;

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		if (c >= 8 && c <= 13 && c != 11)
			escape[1] = shorts[c - 8];
		else if (c < 0x20)
		{
			escape[1] = 'u';
			escape[4] = hex[c >> 4];
			escape[5] = hex[c & 15];
			n = 6;
		}
		sink(context, key + from, i - from);
		sink(context, escape, n);
		from = i + 1;
	}
	sink(context, key + from, length - from);
	sink(context, "\"", 1);
}

size_t
ep_path_segments(const EpPath *path, const EpPath **segments)
{
	size_t count = 0;

	for (; path->parent != NULL && count < EP_PATH_SEGMENTS_MAX; path = path->parent)
		segments[count++] = path;
	return count;
}

void
ep_path_spell(const EpPath *path, EpPathSink sink, void *context)
{
	const EpPath *segments[EP_PATH_SEGMENTS_MAX];
	size_t count = ep_path_segments(path, segments);

	for (size_t i = count; i-- > 0;)
	{
		if (i + 1 < count)
			sink(context, ".", 1);
		if (is_identifier(segments[i]->key, segments[i]->key_length))
			sink(context, segments[i]->key, segments[i]->key_length);
		else
			spell_quoted(segments[i]->key, segments[i]->key_length, sink, context);
	}
}

static void
count_sink(void *context, const char *bytes, size_t length)
{
	(void) bytes;
	*(size_t *) context += length;
}

static void
copy_sink(void *context, const char *bytes, size_t length)
{
	char **at = context;

	if (length > 0)
		memcpy(*at, bytes, length);
	*at += length;
}

char *
ep_path_to_text(const EpPath *path, EpArena *arena)
{
	size_t length = 0;
	char *text;
	char *at;

	ep_path_spell(path, count_sink, &length);
	at = text = ep_arena_alloc(arena, length + 1);
	if (text == NULL)
		return NULL;
	ep_path_spell(path, copy_sink, &at);
	*at = '\0';
	return text;
}

/* One \u escape or pair of them at p (after the 'u'); the bytes read, or 0. */
static size_t
unicode_escape(const char *p, uint32_t *code)
{
	int first = ep_json_hex4(p, p + 4);
	int second;

	if (first <= 0 || (first >= 0xDC00 && first <= 0xDFFF))
		return 0;
	*code = (uint32_t) first;
	if (first < 0xD800 || first > 0xDBFF)
		return 4;
	if (p[4] != '\\' || p[5] != 'u')
		return 0;
	second = ep_json_hex4(p + 6, p + 10);
	if (second < 0xDC00 || second > 0xDFFF)
		return 0;
	*code = 0x10000 + (((uint32_t) first & 0x3FF) << 10) + ((uint32_t) second & 0x3FF);
	return 10;
}

/* A quoted segment at text (after its quote) into out; what follows its closing quote, or NULL. */
static const char *
parse_quoted(const char *text, char *out, size_t *length)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	char *o = out;

	while (*text != '"')
	{
		const char *known;
		uint32_t code;
		size_t n;

		if ((uint8_t) *text < 0x20)
			return NULL;
		if (*text != '\\')
		{
			*o++ = *text++;
			continue;
		}
		text++;
		if (*text == 'u')
		{
			n = unicode_escape(text + 1, &code);
			if (n == 0)
				return NULL;
			o += ep_utf8_put(code, o);
			text += 1 + n;
		}
		else if (*text != '\0' && (known = strchr(from, *text)) != NULL)
		{
			*o++ = to[known - from];
			text++;
		}
		else
			return NULL;
	}
	*length = (size_t) (o - out);
	return text + 1;
}

EpPath *
ep_path_from_text(EpPathTree *tree, const char *text, EpArena *overflow)
{
	EpPath *node = &tree->root;
	char *scratch = ep_arena_alloc(overflow, strlen(text) + 1); /* no escape grows when undone */

	if (scratch == NULL)
		return NULL;
	for (;;)
	{
		const char *key = text;
		size_t length;

		if (*text == '"')
		{
			key = scratch;
			text = parse_quoted(text + 1, scratch, &length);
			if (text == NULL)
				return NULL;
		}
		else
		{
			while ((uint8_t) *text >= 0x20 && *text != '.' && *text != '"' && *text != '\\')
				text++;
			length = (size_t) (text - key);
			if (length == 0)
				return NULL;
		}
		if (!ep_utf8_valid(key, length))
			return NULL;
		node = ep_path_child(tree, node, NULL, key, length, overflow);
		if (node == NULL || *text == '\0')
			return node;
		if (*text++ != '.')
			return NULL;
	}
}

/* One segment's identity at out; where it ends. Only underscores: as it is. */
static char *
identity_of_segment(const EpPath *segment, char *out)
{
	const char *at = segment->key;
	const char *end = at + segment->key_length;
	bool bare = true;

	for (const char *p = at; p < end; p++)
		bare = bare && *p == '_';
	while (at < end)
	{
		uint32_t code;

		at += ep_utf8_get(at, end, &code);
		if (code == '_' && !bare)
			continue;
		out += ep_utf8_put(code == '.' ? 0x1f : ep_name_lower(code), out);
	}
	return out;
}

char *
ep_path_identity(const EpPath *path, EpArena *arena)
{
	const EpPath *segments[EP_PATH_SEGMENTS_MAX];
	size_t count = ep_path_segments(path, segments);
	size_t length = 1;
	char *text;
	char *at;

	for (size_t i = 0; i < count; i++)
		length += 1 + (size_t) segments[i]->key_length * 3; /* lower-casing may take a longer form */
	at = text = ep_arena_alloc(arena, length);
	if (text == NULL)
		return NULL;
	for (size_t i = count; i-- > 0;)
	{
		if (i + 1 < count)
			*at++ = '.';
		at = identity_of_segment(segments[i], at);
	}
	*at = '\0';
	return text;
}
