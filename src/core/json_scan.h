/*
 * json_scan.h
 *	  The lexical half of JSON (RFC 8259), for every format that reads some: bounded scanning that says
 *	  where it stopped and why.
 *
 * Every scanner takes a position and gives the one behind what it read, or NULL after it filled
 * scan->error.  Nothing is read at or past scan->end.
 */
#ifndef EP_CORE_JSON_SCAN_H
#define EP_CORE_JSON_SCAN_H

#include "core/arena.h"
#include "core/value.h"

#define EP_JSON_MAX_DEPTH 128

typedef struct EpJsonScan
{
	const char *start; /* of the payload: offsets count from here */
	const char *end;
	EpArena *arena; /* for the texts of errors */
	EpError *error;
	bool nul; /* \u0000 is let pass: the text goes where it can be kept */
} EpJsonScan;

/* Behind the white space at p. */
static inline const char *
ep_json_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

/* Refuse what is at p; always NULL. */
extern const char *ep_json_fail(EpJsonScan *scan, EpCode code, const char *p, const char *message);

/* Refuse what is at p as not what was expected ("\":\""), and say what was found; always NULL. */
extern const char *ep_json_unexpected(EpJsonScan *scan, const char *p, const char *expected);

/*
 * The rest of a string, from behind its opening quote to behind its closing one: escapes, UTF-8
 * and surrogate pairs are checked, U+0000 is refused unless scan->nul.  Sets *escaped when there is a backslash.
 */
extern const char *ep_json_string(EpJsonScan *scan, const char *p, bool *escaped);

/* The number that four hexadecimal digits at p say; -1 when there are not four of them before end. */
extern int ep_json_hex4(const char *p, const char *end);

/* Undo the escapes of a checked string's bytes into out (length bytes suffice); the new length. */
extern size_t ep_json_unescape(const char *raw, size_t length, char *out);

/* A number at p. */
extern const char *ep_json_number(EpJsonScan *scan, const char *p, EpValue *value);

/* true, false or null at p. */
extern const char *ep_json_word(EpJsonScan *scan, const char *p, EpValue *value);

/*
 * Check one whole value of any kind that starts at p, inside depth others.  What passes can be
 * read by the server's jsonb_in without an error.
 */
extern const char *ep_json_check(EpJsonScan *scan, const char *p, int depth);

/*
 * Bytes of memory, about, that the server's jsonb_in needs for a checked value: it makes a tree of it first, in which {} has hundreds.
 */
extern size_t ep_json_cost(const char *text, size_t length);

/*
 * Step behind the bracket that closes the one at *p, looking at brackets and strings alone; false where
 * that fails: at the end, or at a line end inside a string.  No error is filled.  It finds the end
 * of a value that was refused for what it says.
 */
extern bool ep_json_balance(const char **p, const char *end);

#endif /* EP_CORE_JSON_SCAN_H */
