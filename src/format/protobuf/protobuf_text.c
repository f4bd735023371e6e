/*
 * protobuf_text.c
 *	  The text of the ProtoJSON writer: a growing buffer, and scalars in it.
 *
 * Server-free.  Numbers go through the C library, whose decimal point is '.': a backend keeps
 * LC_NUMERIC at C.
 */
#include "format/protobuf/protobuf_writer.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"

/* ---- the buffer ---- */

static bool
make_room(EpProtoWriter *writer, size_t more)
{
	size_t capacity = writer->capacity * 2;
	char *text;

	if (writer->full)
		return false;
	if (capacity < writer->length + more)
		capacity = writer->length + more;
	if (capacity < 256)
		capacity = 256;
	text = ep_arena_alloc(writer->arena, capacity);
	if (text == NULL)
	{
		writer->full = true;
		return false;
	}
	if (writer->length > 0)
		memcpy(text, writer->text, writer->length);
	writer->text = text;
	writer->capacity = capacity;
	return true;
}

void
ep_protobuf_put(EpProtoWriter *writer, const char *text, size_t length)
{
	if (length == 0 || (length > writer->capacity - writer->length && !make_room(writer, length)))
		return;
	memcpy(writer->text + writer->length, text, length);
	writer->length += length;
}

void
ep_protobuf_put_char(EpProtoWriter *writer, char c)
{
	if (writer->length == writer->capacity && !make_room(writer, 1))
		return;
	writer->text[writer->length++] = c;
}

void
ep_protobuf_put_terminator(EpProtoWriter *writer)
{
	ep_protobuf_put_char(writer, '\0');
	if (!writer->full)
		writer->length--;
}

/* ---- numbers ---- */

static void
put_unsigned(EpProtoWriter *writer, uint64_t n)
{
	char digits[20];
	size_t at = sizeof digits;

	do
		digits[--at] = (char) ('0' + n % 10);
	while ((n /= 10) > 0);
	ep_protobuf_put(writer, digits + at, sizeof digits - at);
}

void
ep_protobuf_put_integer(EpProtoWriter *writer, int64_t n)
{
	if (n < 0)
		ep_protobuf_put_char(writer, '-');
	put_unsigned(writer, n < 0 ? 0 - (uint64_t) n : (uint64_t) n);
}

static void
put_quoted_integer(EpProtoWriter *writer, bool negative, uint64_t magnitude)
{
	bool quotes = !writer->bare;

	if (quotes)
		ep_protobuf_put_char(writer, '"');
	if (negative)
		ep_protobuf_put_char(writer, '-');
	put_unsigned(writer, magnitude);
	if (quotes)
		ep_protobuf_put_char(writer, '"');
}

static void
put_literal(EpProtoWriter *writer, const char *literal)
{
	ep_protobuf_put_quoted(writer, (const uint8_t *) literal, strlen(literal));
}

static bool
put_special(EpProtoWriter *writer, double n)
{
	if (isnan(n))
		put_literal(writer, "NaN");
	else if (isinf(n))
		put_literal(writer, n > 0 ? "Infinity" : "-Infinity");
	else if (n == floor(n) && fabs(n) < 9007199254740992.0 && !(n == 0 && signbit(n)))
		ep_protobuf_put_integer(writer, (int64_t) n);
	else
		return false;
	return true;
}

/*
 * Most numbers that people send have few decimals: the least k for which some m / 10^k is n.  Both
 * are exact below 2^53, so their quotient is the double (or float) that the decimal reads as.
 */
static bool
put_decimal(EpProtoWriter *writer, double n, bool single)
{
	double scale = 1, limit = single ? 1e6 : 1e15;
	char text[24];
	size_t at = sizeof text;

	if (fabs(n) < 1e-3)
		return false;
	for (int places = 1; places <= 6; places++)
	{
		double m = nearbyint(n * (scale *= 10));
		uint64_t digits;

		if (fabs(m) >= limit)
			return false;
		if (single ? (float) (m / scale) != (float) n : m / scale != n)
			continue;
		digits = (uint64_t) fabs(m);
		for (int i = 0; i < places || digits > 0 || i == places; i++, digits /= 10)
		{
			if (i == places)
				text[--at] = '.';
			text[--at] = (char) ('0' + digits % 10);
		}
		if (n < 0)
			text[--at] = '-';
		ep_protobuf_put(writer, text + at, sizeof text - at);
		return true;
	}
	return false;
}

/* The fewest digits that read back; subnormal numbers may do with fewer than 15. */
void
ep_protobuf_put_double(EpProtoWriter *writer, double n)
{
	char text[40];

	if (put_special(writer, n) || put_decimal(writer, n, false))
		return;
	for (int digits = fabs(n) < DBL_MIN ? 1 : 15; digits <= 17; digits++)
	{
		snprintf(text, sizeof text, "%.*g", digits, n);
		if (strtod(text, NULL) == n)
			break;
	}
	ep_protobuf_put(writer, text, strlen(text));
}

static void
put_float(EpProtoWriter *writer, float n)
{
	char text[40];

	if (put_special(writer, n) || put_decimal(writer, n, true))
		return;
	for (int digits = fabsf(n) < FLT_MIN ? 1 : 6; digits <= 9; digits++)
	{
		snprintf(text, sizeof text, "%.*g", digits, (double) n);
		if (strtof(text, NULL) == n)
			break;
	}
	ep_protobuf_put(writer, text, strlen(text));
}

/* ---- strings ---- */

static void
put_escape(EpProtoWriter *writer, uint8_t c)
{
	static const char letters[] = "btn fr"; /* 8 to 13; 11 has none */
	char text[8];

	if (c == '"' || c == '\\')
		snprintf(text, sizeof text, "\\%c", c);
	else if (c >= 8 && c <= 13 && c != 11)
		snprintf(text, sizeof text, "\\%c", letters[c - 8]);
	else
		snprintf(text, sizeof text, "\\u%04x", c);
	ep_protobuf_put(writer, text, strlen(text));
}

/* text is valid UTF-8. */
void
ep_protobuf_put_quoted(EpProtoWriter *writer, const uint8_t *text, size_t length)
{
	size_t plain = 0;

	if (writer->bare)
	{
		ep_protobuf_put(writer, (const char *) text, length);
		return;
	}
	ep_protobuf_put_char(writer, '"');
	for (size_t i = 0; i < length; i++)
	{
		if (text[i] >= 0x20 && text[i] != '"' && text[i] != '\\')
			continue;
		ep_protobuf_put(writer, (const char *) text + plain, i - plain);
		put_escape(writer, text[i]);
		plain = i + 1;
	}
	ep_protobuf_put(writer, (const char *) text + plain, length - plain);
	ep_protobuf_put_char(writer, '"');
}

EpCode
ep_protobuf_put_string(EpProtoWriter *writer, const EpProtoField *field, const uint8_t *text, size_t length)
{
	size_t bad = 0;
	EpCode code = ep_wire_text(text, length, &bad);

	if (code == EP_E_NUL && writer->nul && !writer->bare)
		code = ep_utf8_valid((const char *) text, length) ? EP_OK : EP_E_ENCODING;
	if (code != EP_OK)
		return ep_protobuf_writer_fail(
			writer, code, text + bad,
			code == EP_E_NUL ? "protobuf string holds U+0000" : "protobuf string is not valid UTF-8", field);
	ep_protobuf_put_quoted(writer, text, length);
	return EP_OK;
}

static void
put_base64(EpProtoWriter *writer, const uint8_t *bytes, size_t length)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	bool quotes = !writer->bare;

	if (quotes)
		ep_protobuf_put_char(writer, '"');
	for (size_t i = 0; i < length && !writer->full; i += 3)
	{
		size_t left = length - i;
		uint32_t group = (uint32_t) bytes[i] << 16 | (left > 1 ? (uint32_t) bytes[i + 1] << 8 : 0) |
						 (left > 2 ? bytes[i + 2] : 0);
		char text[4] = {alphabet[group >> 18], alphabet[group >> 12 & 63], alphabet[group >> 6 & 63],
						alphabet[group & 63]};

		if (left < 3)
			text[3] = '=';
		if (left < 2)
			text[2] = '=';
		ep_protobuf_put(writer, text, 4);
	}
	if (quotes)
		ep_protobuf_put_char(writer, '"');
}

static void
put_enum(EpProtoWriter *writer, const EpProtoEnum *enumeration, int32_t number)
{
	const char *name = ep_protobuf_enum_name(enumeration, number);

	if (enumeration->null_value && name != NULL)
		ep_protobuf_put(writer, "null", 4);
	else if (name != NULL)
		put_literal(writer, name);
	else
		ep_protobuf_put_integer(writer, number);
}

/* One value of a field that is no message. */
EpCode
ep_protobuf_put_scalar(EpProtoWriter *writer, const EpProtoField *field, const EpProtoRecord *record)
{
	uint64_t bits = record->bits;
	int64_t wide = (int64_t) bits;

	switch ((EpProtoType) field->type)
	{
		case EP_PROTO_DOUBLE:
			ep_protobuf_put_double(writer, ep_double_from_bits(bits));
			break;
		case EP_PROTO_FLOAT:
			put_float(writer, ep_float_from_bits((uint32_t) bits));
			break;
		case EP_PROTO_SINT64:
			wide = ep_wire_zigzag64(bits);
			/* fall through */
		case EP_PROTO_INT64:
		case EP_PROTO_SFIXED64:
			put_quoted_integer(writer, wide < 0, wide < 0 ? 0 - (uint64_t) wide : (uint64_t) wide);
			break;
		case EP_PROTO_UINT64:
		case EP_PROTO_FIXED64:
			put_quoted_integer(writer, false, bits);
			break;
		case EP_PROTO_INT32:
		case EP_PROTO_SFIXED32:
			ep_protobuf_put_integer(writer, (int32_t) bits);
			break;
		case EP_PROTO_SINT32:
			ep_protobuf_put_integer(writer, ep_wire_zigzag32((uint32_t) bits));
			break;
		case EP_PROTO_UINT32:
		case EP_PROTO_FIXED32:
			ep_protobuf_put_integer(writer, (uint32_t) bits);
			break;
		case EP_PROTO_BOOL:
			ep_protobuf_put(writer, bits != 0 ? "true" : "false", bits != 0 ? 4 : 5);
			break;
		case EP_PROTO_ENUM:
			put_enum(writer, field->enumeration, (int32_t) bits);
			break;
		case EP_PROTO_STRING:
			return ep_protobuf_put_string(writer, field, record->data, (size_t) bits);
		case EP_PROTO_BYTES:
			put_base64(writer, record->data, (size_t) bits);
			break;
		case EP_PROTO_GROUP:
		case EP_PROTO_MESSAGE:
			break;
	}
	return EP_OK;
}

/* ---- times ---- */

/* n in so many digits, zeros in front. */
static char *
write_digits(char *at, uint32_t n, int digits)
{
	for (int i = digits - 1; i >= 0; i--, n /= 10)
		at[i] = (char) ('0' + n % 10);
	return at + digits;
}

static char *
write_fraction(char *at, uint32_t nanos)
{
	if (nanos == 0)
		return at;
	*at++ = '.';
	if (nanos % 1000000 == 0)
		return write_digits(at, nanos / 1000000, 3);
	if (nanos % 1000 == 0)
		return write_digits(at, nanos / 1000, 6);
	return write_digits(at, nanos, 9);
}

/* Days since 1970-01-01 to a date of the proleptic Gregorian calendar; years 1 to 9999. */
static void
civil_date(int64_t days, int *year, int *month, int *day)
{
	int64_t shifted = days + 719468; /* since 0000-03-01 */
	int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	int64_t of_era = shifted - era * 146097;
	int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t march_month = (5 * of_year + 2) / 153;

	*day = (int) (of_year - (153 * march_month + 2) / 5 + 1);
	*month = (int) (march_month < 10 ? march_month + 3 : march_month - 9);
	*year = (int) (year_of_era + era * 400 + (*month <= 2));
}

/* A text in quotes; bare, without them. */
static void
put_trimmed(EpProtoWriter *writer, const char *text, size_t length)
{
	if (writer->bare)
		ep_protobuf_put(writer, text + 1, length - 2);
	else
		ep_protobuf_put(writer, text, length);
}

/* In range: the caller has checked. */
void
ep_protobuf_put_timestamp(EpProtoWriter *writer, int64_t seconds, int32_t nanos)
{
	int64_t days = (seconds >= 0 ? seconds : seconds - 86399) / 86400;
	int rest = (int) (seconds - days * 86400);
	int year, month, day;
	char text[48];
	char *at = text;

	civil_date(days, &year, &month, &day);
	*at++ = '"';
	at = write_digits(at, (uint32_t) year, 4);
	*at++ = '-';
	at = write_digits(at, (uint32_t) month, 2);
	*at++ = '-';
	at = write_digits(at, (uint32_t) day, 2);
	*at++ = 'T';
	at = write_digits(at, (uint32_t) rest / 3600, 2);
	*at++ = ':';
	at = write_digits(at, (uint32_t) rest / 60 % 60, 2);
	*at++ = ':';
	at = write_digits(at, (uint32_t) rest % 60, 2);
	at = write_fraction(at, (uint32_t) nanos);
	*at++ = 'Z';
	*at++ = '"';
	put_trimmed(writer, text, (size_t) (at - text));
}

void
ep_protobuf_put_duration(EpProtoWriter *writer, int64_t seconds, int32_t nanos)
{
	uint64_t magnitude = (uint64_t) (seconds < 0 ? -seconds : seconds);
	int digits = 1;
	char text[48];
	char *at = text;

	for (uint64_t n = magnitude; n >= 10; n /= 10)
		digits++;
	*at++ = '"';
	if (seconds < 0 || nanos < 0)
		*at++ = '-';
	for (int i = digits - 1; i >= 0; i--, magnitude /= 10)
		at[i] = (char) ('0' + magnitude % 10);
	at = write_fraction(at + digits, (uint32_t) (nanos < 0 ? -nanos : nanos));
	*at++ = 's';
	*at++ = '"';
	put_trimmed(writer, text, (size_t) (at - text));
}

bool
ep_protobuf_timestamp_value(int64_t seconds, int32_t nanos, EpValue *value)
{
	if (seconds < INT64_C(-62135596800) || seconds > INT64_C(253402300799) || nanos < 0 || nanos > 999999999)
		return false;
	*value = (EpValue){.kind = EP_TIMESTAMP};
	value->as.i = seconds * 1000000 + nanos / 1000;
	value->nanos = (int16_t) (nanos % 1000);
	return true;
}

bool
ep_protobuf_duration_value(int64_t seconds, int32_t nanos, EpValue *value)
{
	if (seconds < INT64_C(-315576000000) || seconds > INT64_C(315576000000) || nanos < -999999999 ||
		nanos > 999999999 || (seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0))
		return false;
	*value = (EpValue){.kind = EP_INTERVAL};
	value->as.i = seconds * 1000000 + nanos / 1000;
	value->nanos = (int16_t) (nanos % 1000);
	return true;
}
