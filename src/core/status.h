/*
 * status.h
 *	  What a decoder says: a code, and for a refusal where and why.
 *
 * Decoders never raise. They return an EpCode that the compiler makes callers look at, and
 * fill an EpError. The server side words the message from it (schema/reject.c); here there is
 * no server header, so unit tests and fuzzers link this with libc alone.
 */
#ifndef EP_CORE_STATUS_H
#define EP_CORE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EP_CHECK_RESULT __attribute__((warn_unused_result))

typedef enum EpCode
{
	EP_OK = 0,
	EP_DONE, /* normal end: no further item */

	/* refusals: EpError is filled */
	EP_E_TRUNCATED,   /* ends before what it announced */
	EP_E_SYNTAX,      /* not of this format */
	EP_E_STRUCTURE,   /* of this format, but parts contradict each other */
	EP_E_ENCODING,    /* text that is not valid UTF-8, or an unpaired surrogate */
	EP_E_NUL,         /* text holds U+0000, which PostgreSQL's text cannot */
	EP_E_RANGE,       /* a number or time outside what any column can hold */
	EP_E_TYPE,        /* valid, but not of the type that is needed here */
	EP_E_DEPTH,       /* nested deeper than the limit */
	EP_E_LIMIT,       /* larger or more than the limit */
	EP_E_MISSING,     /* something required is absent */
	EP_E_UNSUPPORTED, /* known, and refused by name */
	EP_E_NO_COLUMN,   /* the contract wants no attribute without a column; or there is no such field */
	EP_E_NO_TABLE,    /* nor a route without a table */
	EP_E_MEMORY       /* the allocator gave nothing */
} EpCode;

/*
 * Where and why.  All strings are static or live in the arena of the call; NULL where they say
 * nothing.  message follows PostgreSQL's style: lower-case start, no full stop.
 */
typedef struct EpError
{
	EpCode code;
	size_t offset; /* bytes from the start of the payload */
	const char *message;
	const char *path; /* attribute, if one is to blame */
	const char *expected;
	const char *found;
} EpError;

/* Fill *error and return code: `return ep_fail(&d->error, EP_E_SYNTAX, at, "...");` */
static inline EpCode
ep_fail(EpError *error, EpCode code, size_t offset, const char *message)
{
	error->code = code;
	error->offset = offset;
	error->message = message;
	error->path = error->expected = error->found = NULL;
	return code;
}

/* The five-character SQLSTATE for a code, as text. Never NULL. */
extern const char *ep_sqlstate(EpCode code);

#endif /* EP_CORE_STATUS_H */
