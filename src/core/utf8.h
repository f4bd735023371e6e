/*
 * utf8.h
 *	  UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, at most U+10FFFF.
 */
#ifndef EP_CORE_UTF8_H
#define EP_CORE_UTF8_H

#include "core/status.h"

/* Bytes of the valid sequence that starts at p (1 to 4), or 0; never reads at or past end. */
static inline size_t
ep_utf8_length(const char *p, const char *end)
{
	const uint8_t *s = (const uint8_t *) p;
	size_t left = (size_t) (end - p);

	if (left == 0)
		return 0;
	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xC2 || left < 2 || (s[1] & 0xC0) != 0x80)
		return 0;
	if (s[0] < 0xE0)
		return 2;
	if (left < 3 || (s[2] & 0xC0) != 0x80)
		return 0;
	if (s[0] < 0xF0)
		return (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) ? 0 : 3;
	if (left < 4 || (s[3] & 0xC0) != 0x80 || s[0] > 0xF4)
		return 0;
	return (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F) ? 0 : 4;
}

/* The character at p < end and its length; a byte that starts none is itself U+FFFD of length 1. */
static inline size_t
ep_utf8_get(const char *p, const char *end, uint32_t *code)
{
	const uint8_t *s = (const uint8_t *) p;
	size_t n = ep_utf8_length(p, end);

	if (n == 1)
		*code = s[0];
	else if (n == 2)
		*code = (uint32_t) (s[0] & 0x1F) << 6 | (s[1] & 0x3F);
	else if (n == 3)
		*code = (uint32_t) (s[0] & 0x0F) << 12 | (uint32_t) (s[1] & 0x3F) << 6 | (s[2] & 0x3F);
	else if (n == 4)
		*code = (uint32_t) (s[0] & 0x07) << 18 | (uint32_t) (s[1] & 0x3F) << 12 |
				(uint32_t) (s[2] & 0x3F) << 6 | (s[3] & 0x3F);
	else
	{
		*code = 0xFFFD;
		return 1;
	}
	return n;
}

/* Write a character (not a surrogate, at most U+10FFFF) at p; its length, 1 to 4. */
static inline size_t
ep_utf8_put(uint32_t code, char *p)
{
	if (code < 0x80)
	{
		p[0] = (char) code;
		return 1;
	}
	if (code < 0x800)
	{
		p[0] = (char) (0xC0 | code >> 6);
		p[1] = (char) (0x80 | (code & 0x3F));
		return 2;
	}
	if (code < 0x10000)
	{
		p[0] = (char) (0xE0 | code >> 12);
		p[1] = (char) (0x80 | (code >> 6 & 0x3F));
		p[2] = (char) (0x80 | (code & 0x3F));
		return 3;
	}
	p[0] = (char) (0xF0 | code >> 18);
	p[1] = (char) (0x80 | (code >> 12 & 0x3F));
	p[2] = (char) (0x80 | (code >> 6 & 0x3F));
	p[3] = (char) (0x80 | (code & 0x3F));
	return 4;
}

/* Whether all of it is UTF-8. U+0000 counts as valid. */
static inline bool
ep_utf8_valid(const char *p, size_t length)
{
	const char *end = p + length;

	while (p < end)
	{
		size_t n = ep_utf8_length(p, end);

		if (n == 0)
			return false;
		p += n;
	}
	return true;
}

#endif /* EP_CORE_UTF8_H */
