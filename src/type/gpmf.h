/*
 * gpmf.h
 *	  A gpmf value opened for reading, for the SQL functions over it.
 */
#ifndef EP_TYPE_GPMF_H
#define EP_TYPE_GPMF_H

#include "core/compat.h"
#include "format/gpmf/gpmf_decode.h"

/* A log in the current memory context; it and what it points to live as long as that. */
typedef struct EpGpmfValue
{
	EpGpmfLog log;
	EpGpmfReader reader;
	EpArena arena;
	EpArena scratch; /* converted texts of one sample; reset between samples */
} EpGpmfValue;

/* Detoast and open argument arg; an error for what cannot be read. */
extern EpGpmfValue *ep_gpmf_value_open(FunctionCallInfo fcinfo, int arg);

/* The same of bytes that are at hand. */
extern EpGpmfValue *ep_gpmf_value_of(bytea *bytes);

/* Time the log by the windows of argument arg, a float8[]; nothing when it is NULL. */
extern void ep_gpmf_value_retime(EpGpmfValue *value, FunctionCallInfo fcinfo, int arg);

/* Raise what a decoder refused, as errors of the given SQLSTATE (0: the refusal's own). */
pg_noreturn extern void ep_gpmf_raise(const EpError *error, int sqlstate);

/* Raise why a stream's samples cannot be read. */
pg_noreturn extern void ep_gpmf_raise_stream(const EpError *error, const char *fourcc);

/* text, or NULL (*isnull) where there is none. */
extern Datum ep_gpmf_text_datum(EpGpmfText text, bool *isnull);

/* Microseconds since 1970 UTC as timestamptz. */
extern Datum ep_gpmf_timestamp_datum(int64 micros);

/* A float8[] of count values. */
extern Datum ep_gpmf_float_array(const double *values, int count);

#endif /* EP_TYPE_GPMF_H */
