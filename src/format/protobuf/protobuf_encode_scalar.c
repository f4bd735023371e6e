/*
 * protobuf_encode_scalar.c
 *	  ProtoJSON scalars to the bits of a record.
 *
 * Server-free.  Numbers may come in quotes, integers with a fraction or exponent as long as they are
 * whole; everything is range checked.
 */
#include "format/protobuf/protobuf_encoder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- integers ---- */

/* value * 10^zeros + digit, false when that is beyond 64 bits. */
static bool
shift_in(uint64_t *value, int64_t zeros, unsigned digit)
{
	if (*value == 0)
		zeros = 0;
	for (; zeros > 0; zeros--)
		if (__builtin_mul_overflow(*value, 10, value))
			return false;
	return !__builtin_mul_overflow(*value, 10, value) && !__builtin_add_overflow(*value, digit, value);
}

/* What stands behind the e of a checked literal; cut to what cannot be whole or in range anyway. */
static int64_t
read_exponent(const char *p, const char *end)
{
	bool negative = *p == '-';
	int64_t value = 0;

	for (p += *p == '-' || *p == '+'; p < end; p++)
		if (value < INT32_MAX)
			value = value * 10 + (*p - '0');
	return negative ? -value : value;
}

/*
 * A checked JSON number as sign and magnitude.  EP_E_TYPE: not whole; EP_E_RANGE: beyond 64 bits.  Zeros
 * are held back until a digit follows, so that 100.00 and 1e2 are whole.
 */
static EpCode
whole_number(const char *text, size_t length, bool *negative, uint64_t *magnitude)
{
	const char *end = text + length;
	int64_t zeros = 0, power = 0;
	bool fraction = false;

	*magnitude = 0;
	*negative = *text == '-';
	for (const char *p = text + *negative; p < end; p++)
	{
		if (*p == '.')
			fraction = true;
		else if (*p == 'e' || *p == 'E')
		{
			power += read_exponent(p + 1, end);
			break;
		}
		else
		{
			power -= fraction;
			if (*p == '0')
				zeros++;
			else if (!shift_in(magnitude, zeros, (unsigned) (*p - '0')))
				return EP_E_RANGE;
			else
				zeros = 0;
		}
	}
	power += zeros;
	if (*magnitude == 0)
		return EP_OK;
	if (power < 0)
		return EP_E_TYPE;
	return power == 0 || (power <= 20 && shift_in(magnitude, power - 1, 0)) ? EP_OK : EP_E_RANGE;
}

/* Into the bits of the field's type; false when out of range. */
static bool
integer_bits(const EpProtoField *field, bool negative, uint64_t magnitude, uint64_t *bits)
{
	uint64_t value = negative ? 0 - magnitude : magnitude;
	uint64_t limit;

	switch ((EpProtoType) field->type)
	{
		case EP_PROTO_UINT32:
		case EP_PROTO_FIXED32:
			limit = negative ? 0 : UINT32_MAX;
			break;
		case EP_PROTO_UINT64:
		case EP_PROTO_FIXED64:
			limit = negative ? 0 : UINT64_MAX;
			break;
		case EP_PROTO_INT64:
		case EP_PROTO_SINT64:
		case EP_PROTO_SFIXED64:
			limit = (uint64_t) INT64_MAX + negative;
			break;
		default:
			limit = (uint64_t) INT32_MAX + negative;
			break;
	}
	if (magnitude > limit)
		return false;
	if (field->type == EP_PROTO_SINT32 || field->type == EP_PROTO_SINT64)
		value = value << 1 ^ (0 - (value >> 63));
	*bits = value;
	return true;
}

/* A whole literal; p is where it stands, for the error. */
static bool
read_integer(EpProtoEncoder *encoder, const char *p, EpProtoText literal, const EpProtoField *field,
			 uint64_t *bits)
{
	bool negative;
	uint64_t magnitude;
	EpValue value;
	EpCode code = ep_value_read_number(literal.bytes, literal.bytes + literal.length, &value);

	if (code == EP_E_SYNTAX || (code == EP_OK && value.length != literal.length))
		return ep_protobuf_encode_fail(encoder, EP_E_TYPE, p, field, "not an integer");
	code = code == EP_OK ? whole_number(literal.bytes, literal.length, &negative, &magnitude) : EP_E_RANGE;
	if (code == EP_E_TYPE)
		return ep_protobuf_encode_fail(encoder, code, p, field, "not an integer");
	if (code != EP_OK || !integer_bits(field, negative, magnitude, bits))
		return ep_protobuf_encode_fail(encoder, EP_E_RANGE, p, field, "integer out of range");
	return true;
}

/* ---- floating point ---- */

static uint64_t
double_bits(double n)
{
	uint64_t bits;

	memcpy(&bits, &n, sizeof bits);
	return bits;
}

static uint64_t
float_bits(float n)
{
	uint32_t bits;

	memcpy(&bits, &n, sizeof bits);
	return bits;
}

/* The words that JSON has no number for; 0 when it is none of them. */
static double
special_number(EpProtoText text)
{
	if (ep_protobuf_text_is(text, "NaN"))
		return NAN;
	if (ep_protobuf_text_is(text, "Infinity"))
		return INFINITY;
	return ep_protobuf_text_is(text, "-Infinity") ? -INFINITY : 0;
}

/* Straight from the digits: a float is not rounded twice.  quoted: the special words are legal. */
static bool
read_float(EpProtoEncoder *encoder, const char *p, EpProtoText literal, bool quoted,
		   const EpProtoField *field, uint64_t *bits)
{
	bool single = field->type == EP_PROTO_FLOAT;
	double n = quoted ? special_number(literal) : 0;
	EpValue value;
	char *copy;

	if (n != 0)
	{
		*bits = single ? float_bits((float) n) : double_bits(n);
		return true;
	}
	switch (ep_value_read_number(literal.bytes, literal.bytes + literal.length, &value))
	{
		case EP_OK:
			if (value.length == literal.length)
				break;
			/* fall through */
		case EP_E_SYNTAX:
			return ep_protobuf_encode_fail(encoder, EP_E_TYPE, p, field, "not a number");
		default:
			return ep_protobuf_encode_fail(encoder, EP_E_RANGE, p, field, "number out of range");
	}
	if (value.kind == EP_FLOAT && !single)
	{
		*bits = double_bits(value.as.f);
		return true;
	}
	copy = ep_arena_strdup(encoder->arena, literal.bytes, literal.length);
	if (copy == NULL)
		return ep_protobuf_encode_fail(encoder, EP_E_MEMORY, p, field, "out of memory");
	*bits = single ? float_bits(strtof(copy, NULL)) : double_bits(strtod(copy, NULL));
	if (single ? isinf(ep_float_from_bits((uint32_t) *bits)) : isinf(ep_double_from_bits(*bits)))
		return ep_protobuf_encode_fail(encoder, EP_E_RANGE, p, field, "number out of range");
	return true;
}

/* A number, bare or in quotes. */
static const char *
read_number(EpProtoEncoder *encoder, const char *p, const EpProtoField *field, uint64_t *bits)
{
	bool quoted = p < encoder->scan.end && *p == '"';
	const char *start = p;
	EpProtoText literal;
	EpValue value;
	bool good;

	if (quoted)
		p = ep_protobuf_read_text(encoder, p, &literal);
	else
	{
		if (p == encoder->scan.end || (*p != '-' && (uint8_t) (*p - '0') > 9))
			return ep_protobuf_misfit(encoder, p, "a number");
		p = ep_json_number(&encoder->scan, p, &value);
		literal = (EpProtoText){start, p == NULL ? 0 : (size_t) (p - start)};
	}
	if (p == NULL)
		return NULL;
	if (field->type == EP_PROTO_DOUBLE || field->type == EP_PROTO_FLOAT)
		good = read_float(encoder, start, literal, quoted, field, bits);
	else
		good = read_integer(encoder, start, literal, field, bits);
	return good ? p : NULL;
}

/* ---- the rest ---- */

static const char *
read_bool(EpProtoEncoder *encoder, const char *p, uint64_t *bits)
{
	EpValue value;
	const char *next = ep_json_word(&encoder->scan, p, &value);

	if (next == NULL || value.kind != EP_BOOL)
		return ep_protobuf_misfit(encoder, p, "true or false");
	*bits = value.as.boolean;
	return next;
}

static int
base64_digit(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* Base64 of either alphabet, padded or not. */
static const char *
read_bytes(EpProtoEncoder *encoder, const char *p, const EpProtoField *field, EpProtoRecord *record)
{
	const char *start = p;
	EpProtoText text;
	size_t pads = 0, n = 0;
	uint32_t group = 0;
	uint8_t *out;

	p = ep_protobuf_read_text(encoder, p, &text);
	if (p == NULL)
		return NULL;
	while (pads < 2 && pads < text.length && text.bytes[text.length - pads - 1] == '=')
		pads++;
	if ((pads > 0 && text.length % 4 != 0) || (text.length - pads) % 4 == 1)
		return ep_protobuf_encode_fail(encoder, EP_E_SYNTAX, start, field, "base64 of a wrong length");
	out = ep_arena_alloc(encoder->arena, text.length / 4 * 3 + 3);
	if (out == NULL)
		return ep_protobuf_encode_fail(encoder, EP_E_MEMORY, start, field, "out of memory");
	text.length -= pads;
	for (size_t i = 0; i < text.length; i++)
	{
		int digit = base64_digit((uint8_t) text.bytes[i]);

		if (digit < 0)
			return ep_protobuf_encode_fail(encoder, EP_E_SYNTAX, start, field, "not base64");
		group = group << 6 | (uint32_t) digit;
		if (i % 4 != 0)
			out[n++] = (uint8_t) (group >> (6 - i % 4 * 2));
	}
	record->data = out;
	record->bits = n;
	return p;
}

static const char *
read_enum(EpProtoEncoder *encoder, const char *p, const EpProtoField *field, EpProtoRecord *record)
{
	const EpProtoEnum *enumeration = field->enumeration;
	const char *start = p;
	EpProtoText name;

	if (enumeration->null_value && ep_protobuf_at_null(encoder, p))
		return p + 4;
	if (p == encoder->scan.end || *p != '"')
	{
		p = read_number(encoder, p, field, &record->bits);
		if (p == NULL || !ep_protobuf_unknown_value(field, record->bits))
			return p;
	}
	else
	{
		p = ep_protobuf_read_text(encoder, p, &name);
		if (p == NULL)
			return NULL;
		for (uint32_t i = 0; i < enumeration->value_count; i++)
		{
			if (!ep_protobuf_text_is(name, enumeration->values[i].name))
				continue;
			record->bits = (uint64_t) (int64_t) enumeration->values[i].number;
			return p;
		}
	}
	record->dead = true;
	return encoder->ignore_unknown
			   ? p
			   : ep_protobuf_encode_fail(encoder, EP_E_TYPE, start, field, "protobuf enum has no such value");
}

const char *
ep_protobuf_read_scalar(EpProtoEncoder *encoder, const char *p, const EpProtoField *field,
						EpProtoRecord *record)
{
	EpProtoText text;

	*record = (EpProtoRecord){field, (const uint8_t *) "", 0, field->wire, false};
	switch ((EpProtoType) field->type)
	{
		case EP_PROTO_BOOL:
			return read_bool(encoder, p, &record->bits);
		case EP_PROTO_ENUM:
			return read_enum(encoder, p, field, record);
		case EP_PROTO_BYTES:
			return read_bytes(encoder, p, field, record);
		case EP_PROTO_STRING:
			p = ep_protobuf_read_text(encoder, p, &text);
			if (p == NULL)
				return NULL;
			record->data = (const uint8_t *) text.bytes;
			record->bits = text.length;
			return p;
		default:
			return read_number(encoder, p, field, &record->bits);
	}
}

bool
ep_protobuf_read_key(EpProtoEncoder *encoder, const char *p, EpProtoText text, const EpProtoField *field,
					 EpProtoRecord *record)
{
	*record = (EpProtoRecord){field, (const uint8_t *) text.bytes, text.length, field->wire, false};
	if (field->type == EP_PROTO_STRING)
		return true;
	if (field->type != EP_PROTO_BOOL)
		return read_integer(encoder, p, text, field, &record->bits);
	record->bits = ep_protobuf_text_is(text, "true");
	return record->bits != 0 || ep_protobuf_text_is(text, "false") ||
		   ep_protobuf_encode_fail(encoder, EP_E_TYPE, p, field, "not true or false");
}
