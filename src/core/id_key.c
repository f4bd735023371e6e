/*
 * id_key.c
 *	  Keys of objects that are data rather than names.
 */
#include "core/id_key.h"

#define MIN_HEX 8
#define MIN_RUN 6

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_hex(char c)
{
	return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* Any that is no ASCII counts as one. */
static bool
is_letter(char c)
{
	return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (unsigned char) c >= 0x80;
}

static bool
is_uuid(const char *key, size_t length)
{
	if (length != 36)
		return false;
	for (size_t i = 0; i < length; i++)
		if (i == 8 || i == 13 || i == 18 || i == 23 ? key[i] != '-' : !is_hex(key[i]))
			return false;
	return true;
}

/* A date, then T and whatever else a time has. */
static bool
is_time(const char *key, size_t length)
{
	return length > 11 && is_digit(key[0]) && is_digit(key[3]) && key[4] == '-' && is_digit(key[6]) &&
		   key[7] == '-' && is_digit(key[9]) && (key[10] | 0x20) == 't' && is_digit(key[11]);
}

bool
ep_key_is_id(const char *key, size_t length)
{
	size_t digits = 0, letters = 0, hex = 0, run = 0, longest = 0;

	for (size_t i = 0; i < length; i++)
	{
		digits += is_digit(key[i]);
		letters += is_letter(key[i]);
		hex += is_hex(key[i]);
		run = is_digit(key[i]) ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	if (digits == 0)
		return is_uuid(key, length);
	return letters == 0 || longest >= MIN_RUN || (hex == length && length >= MIN_HEX) ||
		   is_uuid(key, length) || is_time(key, length);
}
