/*
 * gpmf_klv.h
 *	  GPMF's unit: key, length, value.  Headers, the walk over nests, structural validation, text.
 *
 *	  offset 0  4 bytes  key     FourCC of A-Z a-z 0-9 space
 *	  offset 4  1 byte   type    ASCII type character, 0 = a nest of KLVs
 *	  offset 5  1 byte   size    bytes per sample
 *	  offset 6  2 bytes  repeat  number of samples, big-endian
 *	  offset 8  size * repeat bytes, then padding to a multiple of four
 *
 * Four zero bytes where a key is expected are padding.  Nothing here allocates but the text
 * conversion, and nothing reads outside the cursor it was given.
 */
#ifndef EP_GPMF_KLV_H
#define EP_GPMF_KLV_H

#include "core/arena.h"
#include "core/cursor.h"

#define EP_GPMF_MAX_BYTES ((size_t) 128 << 20) /* one log; offsets fit 32 bits */
#define EP_GPMF_MAX_DEPTH 16                   /* nests inside each other; real logs have 2 */

#define EP_GPMF_KEY(a, b, c, d) \
	((uint32_t) (a) << 24 | (uint32_t) (b) << 16 | (uint32_t) (c) << 8 | (uint32_t) (d))

typedef struct EpGpmfKlv
{
	const uint8_t *value; /* NULL: no such KLV */
	uint32_t key;         /* EP_GPMF_KEY */
	uint32_t offset;      /* of the header, in the log */
	uint32_t length;      /* size * repeat, without padding */
	uint16_t repeat;
	uint8_t size;
	uint8_t type; /* 0: a nest */
} EpGpmfKlv;

/* Borrowed or arena-owned UTF-8. */
typedef struct EpGpmfText
{
	const char *bytes; /* NULL: none */
	size_t length;
} EpGpmfText;

/*
 * The next KLV of one level; EP_DONE at its end.  EP_E_SYNTAX for bytes that are no key,
 * EP_E_TRUNCATED for a value that passes the end of the level, EP_E_STRUCTURE for size 0 with samples.
 */
extern EpCode ep_gpmf_klv_next(EpCursor *level, EpGpmfKlv *klv, EpError *error) EP_CHECK_RESULT;

/* The bytes of a KLV's value as a level of its own. */
extern EpCursor ep_gpmf_klv_cursor(const EpCursor *level, const EpGpmfKlv *klv);

/* Every KLV of a log in file order, nests before their content. */
typedef struct EpGpmfWalk
{
	EpCursor level[EP_GPMF_MAX_DEPTH];
	int depth; /* of the level that the next KLV comes from; -1 at the end */
} EpGpmfWalk;

/* A walk over a whole log (top_level), or over the content of one nest. */
extern void ep_gpmf_walk_begin(EpGpmfWalk *walk, EpCursor bytes);

/* *depth: 0 for what stands at the top.  EP_DONE at the end, EP_E_DEPTH past the limit. */
extern EpCode ep_gpmf_walk_next(EpGpmfWalk *walk, EpGpmfKlv *klv, int *depth, EpError *error) EP_CHECK_RESULT;

/*
 * Whether the bytes are a well-formed log: at least one DEVC, nothing else at the top, every KLV
 * inside its parent, at most EP_GPMF_MAX_DEPTH nests deep and EP_GPMF_MAX_BYTES long.  O(bytes).
 */
extern EpCode ep_gpmf_validate(const void *bytes, size_t length, EpError *error) EP_CHECK_RESULT;

/* The same for the content of one nest, which may stand depth levels deep.  *last: the key of its last KLV, 0: none. */
extern EpCode
ep_gpmf_validate_nest(EpCursor content, int depth, uint32_t *last, EpError *error) EP_CHECK_RESULT;

/*
 * The first DEVC from which on headers lead to the very end, in the last bytes of a log; they must begin at a multiple of four of
 * it.  false when there is none, or arena has no room for a bit for each word.  What is in the DEVCs is not looked at.  O(bytes).
 */
extern bool ep_gpmf_find_devc(const uint8_t *bytes, size_t length, EpArena *arena, size_t *offset);

/* Bytes of one element of a simple type; 0 for nests, '?', '#' and unknown types. */
extern unsigned ep_gpmf_type_size(uint8_t type);

/*
 * Latin-1 bytes, cut at the first NUL and without trailing spaces, as UTF-8.  Plain ASCII is borrowed, else
 * the text comes from arena; bytes NULL when it is full.
 */
extern EpGpmfText ep_gpmf_text(const uint8_t *bytes, size_t length, EpArena *arena);

/* The four characters of a key, NUL-terminated. */
extern void ep_gpmf_key_name(uint32_t key, char name[5]);

/*
 * "yymmddhhmmss.sss", years 2000 to 2099, second 60 allowed, as microseconds since 1970 UTC.
 * false for anything else: cameras write garbage here.
 */
extern bool ep_gpmf_utc(const uint8_t *text, size_t length, int64_t *micros);

#endif /* EP_GPMF_KLV_H */
