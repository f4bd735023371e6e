/*
 * glob.c
 *	  Patterns over paths.
 */
#include "core/glob.h"

#include <stddef.h>
#include <string.h>

/* How specific a segment is, the most specific first. */
typedef enum Rank
{
	NAME,
	ANY_ONE,
	NONE, /* behind the last segment */
	ANY_NUMBER
} Rank;

static size_t
segment_length(const char *segment)
{
	return strcspn(segment, ".");
}

/* The segment after this one; NULL behind the last. */
static const char *
next_segment(const char *segment)
{
	const char *end = segment + segment_length(segment);

	return *end == '.' ? end + 1 : NULL;
}

static Rank
rank(const char *segment)
{
	size_t length = segment == NULL ? 0 : segment_length(segment);

	if (segment == NULL)
		return NONE;
	if (length == 1 && segment[0] == '*')
		return ANY_ONE;
	if (length == 2 && segment[0] == '*' && segment[1] == '*')
		return ANY_NUMBER;
	return NAME;
}

static bool
same_segment(const char *a, const char *b)
{
	size_t length = segment_length(a);

	return length == segment_length(b) && memcmp(a, b, length) == 0;
}

bool
ep_glob_is_valid(const char *glob)
{
	for (; glob != NULL; glob = next_segment(glob))
		if (rank(glob) == NAME && memchr(glob, '*', segment_length(glob)) != NULL)
			return false;
	return true;
}

/* When a segment does not match, the last "**" before it takes one segment more: linear for each "**". */
bool
ep_glob_match(const char *glob, const char *identity)
{
	const char *retry_glob = NULL;
	const char *retry_identity = NULL;
	const char *at = identity;
	bool retry = false;

	while (at != NULL || glob != NULL)
	{
		Rank kind = rank(glob);

		if (kind == ANY_NUMBER)
		{
			retry = true;
			retry_glob = glob = next_segment(glob);
			retry_identity = at;
		}
		else if (at != NULL && (kind == ANY_ONE || (kind == NAME && same_segment(glob, at))))
		{
			glob = next_segment(glob);
			at = next_segment(at);
		}
		else if (retry && retry_identity != NULL)
		{
			at = retry_identity = next_segment(retry_identity);
			glob = retry_glob;
		}
		else
			return false;
	}
	return true;
}

int
ep_glob_compare(const char *a, const char *b)
{
	for (;;)
	{
		Rank x = rank(a), y = rank(b);

		if (x != y)
			return x < y ? -1 : 1;
		if (x == NONE)
			return 0;
		if (x == NAME && !same_segment(a, b))
			return strcmp(a, b);
		a = next_segment(a);
		b = next_segment(b);
	}
}
