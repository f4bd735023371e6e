/*
 * number.c
 *	  Decimal literals: which of int8, float8 and numeric holds one exactly.
 *
 * A float8 holds a literal when the shortest text that reads back as that float8 has the same
 * digits; then the column shows what the source said.  Up to 15 digits that is always so, and with a
 * small power of ten the value is one exact multiplication or division (Clinger, "How to read
 * floating point numbers accurately", 1990).
 */
#include "core/value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXACT_DIGITS 15
#define SHORTEST_DIGITS 17
#define EXACT_POWER 22

/* What numeric can hold (PostgreSQL documentation, table 8.2). */
#define NUMERIC_BEFORE 131072
#define NUMERIC_AFTER 16383
#define EXPONENT_MAX 1000000 /* no larger one can matter; keeps sums far from overflow */

/* A literal taken apart: digits without leading and trailing zeros, times ten to the power. */
typedef struct Decimal
{
	bool negative;
	bool fraction;   /* has a point or an exponent */
	uint64_t digits; /* the first 19 of them */
	int64_t count;   /* significant digits, 0 for zero */
	int64_t power;   /* value = digits (all of them) * 10^power */
	int64_t after;   /* digits that numeric keeps after the point */
	size_t length;   /* bytes read */
} Decimal;

static const double powers[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
											   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
											   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static inline bool
is_digit(const char *p, const char *end)
{
	return p < end && (uint8_t) (*p - '0') < 10;
}

/* Digits from p on into d; zeros holds back those that may turn out to be trailing. */
static const char *
read_digits(const char *p, const char *end, Decimal *d, int64_t *zeros)
{
	for (; is_digit(p, end); p++)
	{
		if (*p == '0')
		{
			*zeros += d->count > 0;
			continue;
		}
		if (d->count + *zeros < 19)
		{
			for (int64_t i = 0; i < *zeros; i++)
				d->digits *= 10;
			d->digits = d->digits * 10 + (uint64_t) (*p - '0');
		}
		d->count += *zeros + 1;
		*zeros = 0;
	}
	return p;
}

static const char *
read_exponent(const char *p, const char *end, int64_t *exponent)
{
	bool negative = false;
	int64_t value = 0;

	if (p < end && (*p == '+' || *p == '-'))
		negative = *p++ == '-';
	if (!is_digit(p, end))
		return NULL;
	for (; is_digit(p, end); p++)
		if (value < EXPONENT_MAX)
			value = value * 10 + (*p - '0');
	*exponent = negative ? -value : value;
	return p;
}

/* Read a JSON number (RFC 8259 section 6) from text; false when there is none. */
static bool
read_decimal(const char *text, size_t length, Decimal *d)
{
	const char *p = text;
	const char *end = text + length;
	const char *start;
	int64_t zeros = 0;
	int64_t exponent = 0;
	int64_t places = 0;

	memset(d, 0, sizeof *d);
	if (p < end && *p == '-')
		d->negative = *p++ == '-';
	if (!is_digit(p, end) || (*p == '0' && is_digit(p + 1, end)))
		return false;
	p = read_digits(p, end, d, &zeros);
	if (p < end && *p == '.')
	{
		d->fraction = true;
		start = ++p;
		p = read_digits(p, end, d, &zeros);
		if (p == start)
			return false;
		places = p - start;
	}
	if (p < end && (*p == 'e' || *p == 'E'))
	{
		d->fraction = true;
		p = read_exponent(p + 1, end, &exponent);
		if (p == NULL)
			return false;
	}
	d->power = exponent - places + zeros;
	d->after = places - exponent;
	d->length = (size_t) (p - text);
	return true;
}

/* Whether the shortest text of f has exactly these digits. count is at most SHORTEST_DIGITS. */
static bool
gives_back(double f, const Decimal *d)
{
	char buffer[40];
	Decimal shown;

	for (int digits = EXACT_DIGITS; digits <= SHORTEST_DIGITS; digits++)
	{
		snprintf(buffer, sizeof buffer, "%.*e", digits - 1, fabs(f));
		if (strtod(buffer, NULL) == fabs(f))
			break;
	}
	return read_decimal(buffer, strlen(buffer), &shown) && shown.digits == d->digits &&
		   shown.power == d->power;
}

static unsigned __int128
distance(unsigned __int128 a, unsigned __int128 b)
{
	return a > b ? a - b : b - a;
}

/*
 * The same question for 16 and 17 digits with 1 to 22 places, in exact integers: with w the
 * digits and t = 10^places, f = m / 2^e where m = w * 2^e / t rounded to 53 bits, and a decimal x / t reads
 * as f when x * 2^e is within t / 2 of m * t.  w must be the nearest of its neighbours to f, and
 * neither decimal of one digit less around it may read as f.  false when it cannot tell (m at
 * a power of two, where the spacing of floats changes, or e below 0); else *f and *holds.
 */
static bool
to_float_by_integers(const Decimal *d, double *f, bool *holds)
{
	uint64_t w = d->digits;
	uint64_t below = w / 10 * 10;
	unsigned __int128 t = 1;
	unsigned __int128 n;
	unsigned __int128 middle;
	uint64_t m;
	bool even;
	int e;

	if (d->count <= EXACT_DIGITS || d->count > SHORTEST_DIGITS || d->power < -EXACT_POWER || d->power >= 0)
		return false;
	for (int64_t i = d->power; i < 0; i++)
		t *= 10;
	e = 53 - (64 - __builtin_clzll(w));
	for (n = t; n > 0; n >>= 1)
		e++;
	if (e < 1)
		return false;
	if (((unsigned __int128) w << e) / t >> 53 != 0)
		e--;
	n = (unsigned __int128) w << e;
	m = (uint64_t) (n / t);
	middle = m * t;
	if (2 * (n - middle) > t || (2 * (n - middle) == t && m % 2 == 1))
	{
		m++;
		middle += t;
	}
	if (m <= UINT64_C(1) << 52 || m >= UINT64_C(1) << 53)
		return false;
	*f = ldexp((double) m, -e);
	/* ties go to the even one, of floats when reading and of decimals when writing */
	even = m % 2 == 0;
	*holds = 2 * distance((unsigned __int128) below << e, middle) + !even > t &&
			 2 * distance((unsigned __int128) (below + 10) << e, middle) + !even > t &&
			 distance(n, middle) + w % 2 <= distance(n - ((unsigned __int128) 1 << e), middle) &&
			 distance(n, middle) + w % 2 <= distance(n + ((unsigned __int128) 1 << e), middle);
	return true;
}

/* The same by the C library, for any decimal. */
static bool
to_float_by_text(const Decimal *d, double *f)
{
	char buffer[64];

	snprintf(buffer, sizeof buffer, "%llue%lld", (unsigned long long) d->digits, (long long) d->power);
	*f = strtod(buffer, NULL);
	return !isinf(*f) && gives_back(*f, d);
}

/* Set *f when float8 holds d exactly as written. */
static bool
to_float(const Decimal *d, double *f)
{
	bool holds = true;

	if (d->count > SHORTEST_DIGITS)
		return false;
	if (d->count == 0)
		*f = 0;
	else if (d->count <= EXACT_DIGITS && d->power >= -EXACT_POWER && d->power <= EXACT_POWER)
	{
		*f = (double) d->digits;
		*f = d->power < 0 ? *f / powers[-d->power] : *f * powers[d->power];
	}
	else if (!to_float_by_integers(d, f, &holds))
		holds = to_float_by_text(d, f);
	if (d->negative)
		*f = -*f;
	return holds;
}

static bool
to_int(const Decimal *d, int64_t *i)
{
	uint64_t value = d->digits;

	if (d->count > 19)
		return false;
	for (int64_t n = d->power; n > 0 && d->count > 0; n--)
		if (__builtin_mul_overflow(value, 10, &value))
			return false;
	if (value > (uint64_t) INT64_MAX + d->negative)
		return false;
	*i = d->negative ? (int64_t) -value : (int64_t) value;
	return true;
}

static EpCode
classify(const Decimal *d, EpValue *value)
{
	if (!d->fraction && to_int(d, &value->as.i))
		value->kind = EP_INT;
	else if (d->after > NUMERIC_AFTER || (d->count > 0 && d->count + d->power > NUMERIC_BEFORE) ||
			 d->after < -EXPONENT_MAX)
		return EP_E_RANGE;
	else if (d->fraction && to_float(d, &value->as.f))
		value->kind = EP_FLOAT;
	else
		value->kind = EP_NUMERIC;
	return EP_OK;
}

/*
 * The everyday number: up to 18 digits, no exponent, and up to EXACT_DIGITS of them when there is
 * a fraction.  Where it ends, or NULL: then the long way decides.
 */
static const char *
read_plain(const char *text, const char *end, EpValue *value)
{
	const char *p = text;
	const char *start;
	uint64_t digits = 0;
	size_t places = 0;
	bool negative = p < end && *p == '-';

	start = p += negative;
	for (; is_digit(p, end); p++)
		digits = digits * 10 + (uint64_t) (*p - '0');
	if (p == start || p - start > 18 || (*start == '0' && p - start > 1))
		return NULL;
	if (p < end && *p == '.')
	{
		for (start = ++p; is_digit(p, end); p++)
			digits = digits * 10 + (uint64_t) (*p - '0');
		places = (size_t) (p - start);
		/* many digits may have wrapped around; the length tells */
		if (places == 0 || p - text > EXACT_DIGITS + 2)
			return NULL;
	}
	if (p < end && (*p | 0x20) == 'e')
		return NULL;
	if (places == 0)
	{
		value->kind = EP_INT;
		value->as.i = negative ? -(int64_t) digits : (int64_t) digits;
		return p;
	}
	if (digits >= UINT64_C(1000000000000000))
		return NULL;
	value->kind = EP_FLOAT;
	value->as.f = (double) digits / powers[places];
	if (negative)
		value->as.f = -value->as.f;
	return p;
}

EpCode
ep_value_read_number(const char *text, const char *end, EpValue *value)
{
	const char *after;
	Decimal d;

	*value = (EpValue){.kind = EP_NULL, .text = text};
	after = read_plain(text, end, value);
	if (after != NULL)
	{
		value->length = (size_t) (after - text);
		return EP_OK;
	}
	if (!read_decimal(text, (size_t) (end - text), &d))
		return EP_E_SYNTAX;
	value->length = d.length;
	return classify(&d, value);
}

EpCode
ep_value_from_number(const char *text, size_t length, EpValue *value)
{
	EpCode code = ep_value_read_number(text, text + length, value);

	return code == EP_OK && value->length != length ? EP_E_SYNTAX : code;
}

/* "-0", "-0.0": minus zero is no number that comes back as it was. */
static bool
is_minus_zero(const EpValue *value)
{
	return value->text[0] == '-' &&
		   ((value->kind == EP_INT && value->as.i == 0) || (value->kind == EP_FLOAT && value->as.f == 0));
}

EpValue
ep_value_from_literal(const char *text, size_t length)
{
	EpValue value = {.kind = EP_TEXT};

	if (length == 4 && memcmp(text, "true", 4) == 0)
	{
		value.kind = EP_BOOL;
		value.as.boolean = true;
	}
	else if (length == 5 && memcmp(text, "false", 5) == 0)
		value.kind = EP_BOOL;
	else if (length > 0 && (text[0] == '-' || is_digit(text, text + 1)) &&
			 (ep_value_from_number(text, length, &value) != EP_OK || is_minus_zero(&value)))
		value.kind = EP_TEXT;
	value.untyped = true;
	value.text = text;
	value.length = length;
	return value;
}
