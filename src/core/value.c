/*
 * value.c
 *	  Which column type a value asks for, and which it fits without loss.
 */
#include "core/value.h"

#include <math.h>

_Static_assert(EP_TYPE_COUNT <= 16, "every type and every array type has a bit of its own");

#define FLOAT4_EXACT (INT64_C(1) << 24)
#define FLOAT8_EXACT (INT64_C(1) << 53)

/* timestamptz begins at 4714-11-24 BC; its end is past what int64 microseconds since 1970 reach. */
#define TIMESTAMP_FIRST INT64_C(-210866803200000000)

static EpType
type_of_array(const EpValue *value)
{
	EpType type = EP_TYPE_NONE;

	for (uint32_t i = 0; i < value->count; i++)
	{
		EpType item = ep_type_of(&value->as.items[i]);
		EpType joined = ep_type_join(type, item, false);

		if (item >= EP_TYPE_ARRAY || (item != EP_TYPE_NONE && joined == EP_TYPE_NONE))
			return EP_TYPE_NONE;
		type = joined;
	}
	return type == EP_TYPE_NONE ? EP_TYPE_NONE : EP_TYPE_ARRAY + type;
}

EpType
ep_type_of(const EpValue *value)
{
	switch ((EpKind) value->kind)
	{
		case EP_NULL:
			return EP_TYPE_NONE;
		case EP_BOOL:
			return EP_TYPE_BOOL;
		case EP_INT:
			return EP_TYPE_INT8;
		case EP_UINT:
			return EP_TYPE_NUMERIC;
		case EP_FLOAT:
			return EP_TYPE_FLOAT8;
		case EP_FLOAT4:
			return EP_TYPE_FLOAT4;
		case EP_NUMERIC:
			return EP_TYPE_NUMERIC;
		case EP_TEXT:
			return EP_TYPE_TEXT;
		case EP_BYTES:
			return EP_TYPE_BYTEA;
		case EP_JSON:
			return EP_TYPE_JSONB;
		case EP_TIMESTAMP:
			return EP_TYPE_TIMESTAMPTZ;
		case EP_INTERVAL:
			return EP_TYPE_INTERVAL;
		case EP_ARRAY:
			return type_of_array(value);
	}
	return EP_TYPE_NONE;
}

static bool
is_number(EpType type)
{
	return type >= EP_TYPE_INT4 && type <= EP_TYPE_NUMERIC;
}

EpType
ep_type_join(EpType a, EpType b, bool untyped)
{
	if (a == EP_TYPE_NONE || a == b)
		return b;
	if (b == EP_TYPE_NONE)
		return a;
	if (is_number(a) && is_number(b))
	{
		EpType larger = a > b ? a : b; /* EpType lists them from narrow to wide ... */

		return larger == EP_TYPE_FLOAT4 ? EP_TYPE_FLOAT8 : larger; /* ... but float4 holds no int4 */
	}
	if (a > EP_TYPE_ARRAY && b > EP_TYPE_ARRAY)
	{
		EpType item = ep_type_join(a - EP_TYPE_ARRAY, b - EP_TYPE_ARRAY, untyped);

		return item == EP_TYPE_NONE ? EP_TYPE_NONE : EP_TYPE_ARRAY + item;
	}
	return untyped ? EP_TYPE_TEXT : EP_TYPE_NONE;
}

static bool
accepts_integer(const EpValue *value, int64_t low, int64_t high)
{
	if (value->kind == EP_UINT)
		return value->as.u <= (uint64_t) high;
	return value->kind == EP_INT && value->as.i >= low && value->as.i <= high;
}

static bool
accepts_float4(const EpValue *value)
{
	if (value->kind == EP_FLOAT)
		return !isfinite(value->as.f) ||
			   (fabs(value->as.f) <= 3.4028234663852886e38 && (double) (float) value->as.f == value->as.f);
	return value->kind == EP_FLOAT4 || accepts_integer(value, 1 - FLOAT4_EXACT, FLOAT4_EXACT - 1);
}

static bool
accepts_array(EpType element, const EpValue *value)
{
	if (value->kind != EP_ARRAY)
		return false;
	for (uint32_t i = 0; i < value->count; i++)
		if (!ep_type_accepts(element, &value->as.items[i]))
			return false;
	return true;
}

bool
ep_type_accepts(EpType type, const EpValue *value)
{
	if (value->kind == EP_NULL)
		return true;
	if (type > EP_TYPE_ARRAY)
		return accepts_array(type - EP_TYPE_ARRAY, value);
	switch (type)
	{
		case EP_TYPE_BOOL:
			return value->kind == EP_BOOL;
		case EP_TYPE_INT4:
			return accepts_integer(value, INT32_MIN, INT32_MAX);
		case EP_TYPE_INT8:
			return accepts_integer(value, INT64_MIN, INT64_MAX);
		case EP_TYPE_FLOAT4:
			return accepts_float4(value);
		case EP_TYPE_FLOAT8:
			return value->kind == EP_FLOAT || value->kind == EP_FLOAT4 ||
				   accepts_integer(value, 1 - FLOAT8_EXACT, FLOAT8_EXACT - 1);
		case EP_TYPE_NUMERIC:
			return value->kind >= EP_INT && value->kind <= EP_NUMERIC;
		case EP_TYPE_TEXT:
			return value->kind == EP_TEXT || value->untyped;
		case EP_TYPE_BYTEA:
			return value->kind == EP_BYTES;
		case EP_TYPE_JSONB:
			return value->kind == EP_JSON;
		case EP_TYPE_TIMESTAMPTZ:
			return value->kind == EP_TIMESTAMP && value->as.i >= TIMESTAMP_FIRST;
		case EP_TYPE_INTERVAL:
			return value->kind == EP_INTERVAL;
		default:
			return false;
	}
}

/* The types that do not take the value, besides those of which that is known. */
static EpTypeSet
misfits_of(const EpValue *value, EpTypeSet known)
{
	EpTypeSet misfits = known;

	for (EpType type = EP_TYPE_BOOL; type < EP_TYPE_COUNT; type++)
		for (int array = 0; array <= EP_TYPE_ARRAY; array += EP_TYPE_ARRAY)
			if (!(misfits & ep_type_bit(type + array)) && !ep_type_accepts(type + array, value))
				misfits |= ep_type_bit(type + array);
	return misfits;
}

bool
ep_type_guess_join(EpTypeGuess *guess, const EpTypeGuess *other)
{
	EpTypeSet misfits = guess->misfits | other->misfits;
	EpType type = ep_type_join(guess->type, other->type, !(misfits & ep_type_bit(EP_TYPE_TEXT)));

	if (type == EP_TYPE_NONE)
		return guess->type == other->type;
	/* The join of types assumes that integers beside floats are small. */
	if ((type == EP_TYPE_FLOAT8 || type == EP_TYPE_ARRAY + EP_TYPE_FLOAT8) && (misfits & ep_type_bit(type)))
		type += EP_TYPE_NUMERIC - EP_TYPE_FLOAT8;
	*guess = (EpTypeGuess){type, misfits};
	return true;
}

bool
ep_type_guess_value(EpTypeGuess *guess, EpType type, const EpValue *value)
{
	if (type == EP_TYPE_NONE)
		return true;
	return ep_type_guess_join(guess, &(EpTypeGuess){type, misfits_of(value, guess->misfits)});
}

bool
ep_type_holds(EpType type, const EpTypeGuess *guess)
{
	return type == guess->type || (type != EP_TYPE_NONE && !(guess->misfits & ep_type_bit(type)));
}
