/*
 * value.h
 *	  One decoded value, as the source has it, before any column type is known.
 *
 * A value is small and borrowed: its bytes point into the payload or into the event's arena
 * and live until the next event.
 */
#ifndef EP_CORE_VALUE_H
#define EP_CORE_VALUE_H

#include "core/status.h"

/* What the source said. */
typedef enum EpKind
{
	EP_NULL = 0,
	EP_BOOL,      /* as.boolean */
	EP_INT,       /* as.i: fits int8 */
	EP_UINT,      /* as.u: fits uint64 (protobuf uint64, fixed64; GPMF J) */
	EP_FLOAT,     /* as.f */
	EP_FLOAT4,    /* as.f holds a float4 exactly */
	EP_NUMERIC,   /* text: a decimal literal that neither int8 nor float8 holds exactly */
	EP_TEXT,      /* text: valid UTF-8 without NUL */
	EP_BYTES,     /* text: any bytes */
	EP_JSON,      /* text: one valid JSON value, storable as jsonb */
	EP_TIMESTAMP, /* as.i: microseconds since 1970-01-01 UTC, rounded down; nanos 0..999 below */
	EP_INTERVAL,  /* as.i: microseconds, rounded toward zero; nanos -999..999 beyond */
	EP_ARRAY      /* items: count values of one kind; declared type says which */
} EpKind;

/*
 * The column types that exist.  The array types follow their elements by EP_TYPE_ARRAY.
 * schema/type_map.c maps them to the server's.
 */
typedef enum EpType
{
	EP_TYPE_NONE = 0, /* not declared: inferred from values */
	EP_TYPE_BOOL,
	EP_TYPE_INT4,
	EP_TYPE_INT8,
	EP_TYPE_FLOAT4,
	EP_TYPE_FLOAT8,
	EP_TYPE_NUMERIC,
	EP_TYPE_TEXT,
	EP_TYPE_BYTEA,
	EP_TYPE_JSONB,
	EP_TYPE_TIMESTAMPTZ,
	EP_TYPE_INTERVAL,
	EP_TYPE_COUNT,
	EP_TYPE_ARRAY = 32 /* EP_TYPE_ARRAY + EP_TYPE_INT8 is bigint[] */
} EpType;

/* Some of them, a bit each.  Stored in the catalog like the types' numbers: what a bit stands for does not change. */
typedef uint32_t EpTypeSet;

static inline EpTypeSet
ep_type_bit(EpType type)
{
	return UINT32_C(1) << (type < EP_TYPE_ARRAY ? type : type - EP_TYPE_ARRAY + 16);
}

typedef struct EpValue
{
	uint8_t kind;   /* EpKind */
	bool untyped;   /* CSV: text is the cell as it came, whatever kind was read from it */
	int16_t nanos;  /* EP_TIMESTAMP, EP_INTERVAL */
	uint32_t count; /* EP_ARRAY */
	union
	{
		bool boolean;
		int64_t i;
		uint64_t u;
		double f;
		const struct EpValue *items;
	} as;
	const char *text; /* the literal (numbers of text formats), or the bytes */
	size_t length;
} EpValue;

/*
 * The type a new column gets for one value (design: JSON true -> boolean, integer -> bigint ...).
 * EP_NULL gives EP_TYPE_NONE.
 */
extern EpType ep_type_of(const EpValue *value);

/*
 * The least type that holds both without loss, or EP_TYPE_NONE when there is none (then the
 * later value is a misfit).  EP_TYPE_NONE is neutral: join(NONE, t) = t.
 * untyped: both sides come from cells of text (CSV), so EP_TYPE_TEXT holds everything.
 * A type alone does not tell how large its integers are: join(INT8, FLOAT8) = FLOAT8 assumes
 * that they are below 2^53.  EpTypeGuess, below, looks at the values and does not assume.
 */
extern EpType ep_type_join(EpType a, EpType b, bool untyped);

/*
 * The type of a column that does not exist yet, joined over all values of a statement, and which other types would not
 * do: a column that somebody has made beforehand may be narrower and hold them all the same.  Start from {0}.
 */
typedef struct EpTypeGuess
{
	EpType type;
	EpTypeSet misfits; /* a column of such a type does not take all of the values */
} EpTypeGuess;

/* Join one guess into another; false, and the guess as it was, when no type holds both. */
extern bool ep_type_guess_join(EpTypeGuess *guess, const EpTypeGuess *other);

/*
 * Join a value that asks for a column of this type, or for none (EP_TYPE_NONE).  False when it fits no join (a variant column,
 * or rescue); the guess is as it was then.
 */
extern bool ep_type_guess_value(EpTypeGuess *guess, EpType type, const EpValue *value);

/* True when a column of this type takes all values that the guess was made from. */
extern bool ep_type_holds(EpType type, const EpTypeGuess *guess);

/*
 * True when a column of this type takes the value unchanged.  int8 into float8 only below
 * 2^53 in magnitude; int8 into numeric always; a fraction never into an integer; text never into jsonb.
 */
extern bool ep_type_accepts(EpType type, const EpValue *value);

/*
 * Classify one literal of text as CSV has them: canonical JSON number syntax or true/false,
 * else text.  "007", "+5" and "1e5 " are text: as numbers they would not come back as they were.
 * A float whose digits float8 does not give back becomes EP_NUMERIC.  Sets text/length.
 */
extern EpValue ep_value_from_literal(const char *text, size_t length);

/*
 * Parse a JSON number that was already checked for syntax.  EP_INT, EP_FLOAT or EP_NUMERIC;
 * EP_E_RANGE when numeric itself cannot hold it (over 131072 digits before the point or 16383 after).
 */
extern EpCode ep_value_from_number(const char *text, size_t length, EpValue *value) EP_CHECK_RESULT;

/*
 * The same for the number that starts at text and ends at or before end; value->length says
 * where.  EP_E_SYNTAX when no JSON number starts there.
 */
extern EpCode ep_value_read_number(const char *text, const char *end, EpValue *value) EP_CHECK_RESULT;

/*
 * RFC 3339 / ISO 8601 date-time (space or T, fraction of any length, zone Z or +hh[:mm]; no zone
 * means UTC), or a bare date.  false when it is none or the year is outside 1..9999.
 */
extern bool ep_timestamp_from_text(const char *text, size_t length, int64_t *micros, int16_t *nanos);

/*
 * A text that is a full RFC 3339 date-time, with zone and no more than nine decimals, becomes EP_TIMESTAMP.  It stays untyped
 * with its text, so that a column of text takes it as it was.  No other text changes.
 */
extern void ep_value_infer_timestamp(EpValue *value);

#endif /* EP_CORE_VALUE_H */
