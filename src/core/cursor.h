/*
 * cursor.h
 *	  The one way a binary decoder reads bytes: bounded, unaligned-safe.
 *
 * A cursor is [at, end) over borrowed bytes.  Every read checks what is left first, as
 * `needed > end - at`, never `at + needed > end`.  Narrowing a cursor bounds a nested value.
 */
#ifndef EP_CORE_CURSOR_H
#define EP_CORE_CURSOR_H

#include <string.h>

#include "core/status.h"

typedef struct EpCursor
{
	const uint8_t *start; /* of the whole payload: offsets count from here */
	const uint8_t *at;
	const uint8_t *end;
} EpCursor;

static inline EpCursor
ep_cursor(const void *bytes, size_t length)
{
	EpCursor cursor = {bytes, bytes, (const uint8_t *) bytes + length};

	return cursor;
}

static inline size_t
ep_cursor_left(const EpCursor *cursor)
{
	return (size_t) (cursor->end - cursor->at);
}

static inline size_t
ep_cursor_offset(const EpCursor *cursor)
{
	return (size_t) (cursor->at - cursor->start);
}

/* Step over n bytes; false (and no step) when fewer are left. */
EP_CHECK_RESULT static inline bool
ep_cursor_skip(EpCursor *cursor, size_t n)
{
	if (n > ep_cursor_left(cursor))
		return false;
	cursor->at += n;
	return true;
}

/* The next n bytes as a cursor of their own, and step over them. */
EP_CHECK_RESULT static inline bool
ep_cursor_slice(EpCursor *cursor, size_t n, EpCursor *slice)
{
	if (n > ep_cursor_left(cursor))
		return false;
	*slice = (EpCursor){cursor->start, cursor->at, cursor->at + n};
	cursor->at += n;
	return true;
}

/* Loads from a pointer that the caller has bounded. */
static inline uint16_t
ep_load_be16(const uint8_t *p)
{
	return (uint16_t) (p[0] << 8 | p[1]);
}

static inline uint32_t
ep_load_be32(const uint8_t *p)
{
	return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
}

static inline uint64_t
ep_load_be64(const uint8_t *p)
{
	return (uint64_t) ep_load_be32(p) << 32 | ep_load_be32(p + 4);
}

static inline uint32_t
ep_load_le32(const uint8_t *p)
{
	return (uint32_t) p[3] << 24 | (uint32_t) p[2] << 16 | (uint32_t) p[1] << 8 | p[0];
}

static inline uint64_t
ep_load_le64(const uint8_t *p)
{
	return (uint64_t) ep_load_le32(p + 4) << 32 | ep_load_le32(p);
}

static inline float
ep_float_from_bits(uint32_t bits)
{
	float f;

	memcpy(&f, &bits, sizeof f);
	return f;
}

static inline double
ep_double_from_bits(uint64_t bits)
{
	double d;

	memcpy(&d, &bits, sizeof d);
	return d;
}

#endif /* EP_CORE_CURSOR_H */
