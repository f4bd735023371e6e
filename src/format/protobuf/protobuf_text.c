/*
 * protobuf_text.c
 *	  The text of the ProtoJSON writer: a growing buffer, and scalars in it.
 *
 * Server-free.  Numbers go through the caller's functions or the C library, whose decimal point is '.': a backend keeps
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

/* ---- tokens ---- */

void
ep_protobuf_put_token(EpProtoWriter *writer, EpProtoToken token)
{
	if (writer->token_count == writer->token_capacity)
	{
		size_t capacity = writer->token_capacity == 0 ? 128 : writer->token_capacity * 2;
		EpProtoToken *tokens = writer->full ? NULL : ep_arena_array(writer->arena, capacity, sizeof *tokens);

		if (tokens == NULL)
		{
			writer->full = true;
			return;
		}
		if (writer->token_count > 0)
			memcpy(tokens, writer->tokens, writer->token_count * sizeof *tokens);
		writer->tokens = tokens;
		writer->token_capacity = capacity;
	}
	writer->tokens[writer->token_count++] = token;
}

static void
put_text_token(EpProtoWriter *writer, EpProtoTokenKind kind, const char *text, size_t length)
{
	EpProtoToken token = {.kind = (uint8_t) kind, .length = (uint32_t) length, .as.text = text};

	ep_protobuf_put_token(writer, token);
}

static void
put_decimal_token(EpProtoWriter *writer, int64_t integer, int places)
{
	EpProtoToken token = {.kind = EP_TOKEN_DECIMAL, .places = (uint8_t) places, .as.integer = integer};

	ep_protobuf_put_token(writer, token);
}

size_t
ep_protobuf_open_text(EpProtoWriter *writer)
{
	if (!writer->bare && !writer->tokenizes)
		ep_protobuf_put_char(writer, '"');
	return writer->length;
}

void
ep_protobuf_close_text(EpProtoWriter *writer, size_t from, EpProtoTokenKind kind)
{
	if (writer->tokenizes)
		put_text_token(writer, kind, writer->text + from, writer->length - from);
	else if (!writer->bare)
		ep_protobuf_put_char(writer, '"');
}

/* null, true, false */
static void
put_word(EpProtoWriter *writer, EpProtoTokenKind kind, const char *word)
{
	if (writer->tokenizes)
		ep_protobuf_put_token(writer, (EpProtoToken){.kind = (uint8_t) kind});
	else
		ep_protobuf_put(writer, word, strlen(word));
}

void
ep_protobuf_put_null(EpProtoWriter *writer)
{
	put_word(writer, EP_TOKEN_NULL, "null");
}

/* The name of a member, and its colon. */
void
ep_protobuf_put_name(EpProtoWriter *writer, const char *name, size_t length)
{
	if (writer->tokenizes)
	{
		put_text_token(writer, EP_TOKEN_KEY, name, length);
		return;
	}
	ep_protobuf_put_quoted(writer, (const uint8_t *) name, length);
	ep_protobuf_put_char(writer, ':');
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
	if (writer->tokenizes)
	{
		put_decimal_token(writer, n, 0);
		return;
	}
	if (n < 0)
		ep_protobuf_put_char(writer, '-');
	put_unsigned(writer, n < 0 ? 0 - (uint64_t) n : (uint64_t) n);
}

static void
put_quoted_integer(EpProtoWriter *writer, bool negative, uint64_t magnitude)
{
	size_t from = ep_protobuf_open_text(writer);

	if (negative)
		ep_protobuf_put_char(writer, '-');
	put_unsigned(writer, magnitude);
	ep_protobuf_close_text(writer, from, EP_TOKEN_STRING);
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

/* A decimal that is this double to the last bit or so: is its float n, and not for a doubt at a tie? */
static bool
reads_as_float(double decimal, float n)
{
	return (float) (decimal * (1 - 1e-15)) == n && (float) (decimal * (1 + 1e-15)) == n;
}

/*
 * Most numbers that people send have few decimals: the least k for which some m / 10^k is n.  Both
 * are exact below 2^53, so their quotient is the double (or float) that the decimal reads as.
 */
static bool
put_decimal(EpProtoWriter *writer, double n, bool single)
{
	double scale = 1, limit = single ? 1e9 : 1e15;
	char text[24];
	size_t at = sizeof text;

	if (fabs(n) < 1e-3)
		return false;
	for (int places = 1; places <= (single ? 11 : 17); places++)
	{
		double m = nearbyint(n * (scale *= 10));
		uint64_t digits;

		if (fabs(m) >= limit)
			return false;
		if (single ? !reads_as_float(m / scale, (float) n) : m / scale != n)
			continue;
		if (writer->tokenizes)
		{
			put_decimal_token(writer, (int64_t) m, places);
			return true;
		}
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

static void
put_number(EpProtoWriter *writer, const char *text)
{
	size_t from = writer->length;

	ep_protobuf_put(writer, text, strlen(text));
	if (writer->tokenizes)
		put_text_token(writer, EP_TOKEN_NUMBER, writer->text + from, writer->length - from);
}

/*
 * The fewest digits that read back: 17 always do, and put_decimal has tried up to 15 of numbers that are
 * neither small nor large; subnormal numbers may do with fewer.
 */
void
ep_protobuf_put_double(EpProtoWriter *writer, double n)
{
	char text[40];
	int digits = fabs(n) < DBL_MIN ? 1 : fabs(n) < 1e-3 || fabs(n) >= 1e14 ? 15 : 16;

	if (put_special(writer, n) || put_decimal(writer, n, false))
		return;
	if (writer->print_double != NULL)
	{
		writer->print_double(n, text);
		put_number(writer, text);
		return;
	}
	for (; digits <= 17; digits++)
	{
		snprintf(text, sizeof text, "%.*g", digits, n);
		if (digits == 17 || strtod(text, NULL) == n)
			break;
	}
	put_number(writer, text);
}

static void
put_float(EpProtoWriter *writer, float n)
{
	char text[40];

	if (put_special(writer, n) || put_decimal(writer, n, true))
		return;
	if (writer->print_float != NULL)
	{
		writer->print_float(n, text);
		put_number(writer, text);
		return;
	}
	for (int digits = fabsf(n) < FLT_MIN ? 1 : 6; digits <= 9; digits++)
	{
		snprintf(text, sizeof text, "%.*g", digits, (double) n);
		if (strtof(text, NULL) == n)
			break;
	}
	put_number(writer, text);
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

/* Eight bytes without control characters, quotes and backslashes? */
static inline bool
needs_no_escape(const uint8_t *bytes)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t word = ep_load_le64(bytes);
	uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
	uint64_t control = (word - ones * 0x20) & ~word;

	quote = (quote - ones) & ~quote;
	backslash = (backslash - ones) & ~backslash;
	return ((control | quote | backslash) & (ones * 0x80)) == 0;
}

/* text is valid UTF-8. */
void
ep_protobuf_put_quoted(EpProtoWriter *writer, const uint8_t *text, size_t length)
{
	size_t plain = 0;

	if (writer->tokenizes)
	{
		put_text_token(writer, EP_TOKEN_STRING, (const char *) text, length);
		return;
	}
	if (writer->bare)
	{
		ep_protobuf_put(writer, (const char *) text, length);
		return;
	}
	ep_protobuf_put_char(writer, '"');
	for (size_t i = 0; i < length; i++)
	{
		while (length - i >= 8 && needs_no_escape(text + i))
			i += 8;
		if (i == length)
			break;
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
ep_protobuf_check_string(EpProtoWriter *writer, const EpProtoField *field, const uint8_t *text, size_t length)
{
	size_t bad = 0;
	EpCode code = ep_wire_text(text, length, &bad);

	if (code == EP_E_NUL && writer->nul && !writer->bare)
		code = ep_utf8_valid((const char *) text, length) ? EP_OK : EP_E_ENCODING;
	if (code == EP_OK)
		return EP_OK;
	return ep_protobuf_writer_fail(
		writer, code, text + bad,
		code == EP_E_NUL ? "protobuf string holds U+0000" : "protobuf string is not valid UTF-8", field);
}

EpCode
ep_protobuf_put_string(EpProtoWriter *writer, const EpProtoField *field, const uint8_t *text, size_t length)
{
	EpCode code = ep_protobuf_check_string(writer, field, text, length);

	if (code == EP_OK)
		ep_protobuf_put_quoted(writer, text, length);
	return code;
}

static void
put_base64(EpProtoWriter *writer, const uint8_t *bytes, size_t length)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t from = ep_protobuf_open_text(writer);

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
	ep_protobuf_close_text(writer, from, EP_TOKEN_STRING);
}

static void
put_enum(EpProtoWriter *writer, const EpProtoEnum *enumeration, int32_t number)
{
	const char *name = ep_protobuf_enum_name(enumeration, number);

	if (enumeration->null_value && name != NULL)
		ep_protobuf_put_null(writer);
	else if (name != NULL)
		put_literal(writer, name);
	else
	{
		ep_protobuf_put_integer(writer, number);
		writer->unnamed_enums++;
	}
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
			put_word(writer, bits != 0 ? EP_TOKEN_TRUE : EP_TOKEN_FALSE, bits != 0 ? "true" : "false");
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

/* Characters that need no escape. */
static void
put_made_text(EpProtoWriter *writer, const char *text, size_t length)
{
	size_t from = ep_protobuf_open_text(writer);

	ep_protobuf_put(writer, text, length);
	ep_protobuf_close_text(writer, from, EP_TOKEN_STRING);
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
	put_made_text(writer, text, (size_t) (at - text));
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
	if (seconds < 0 || nanos < 0)
		*at++ = '-';
	for (int i = digits - 1; i >= 0; i--, magnitude /= 10)
		at[i] = (char) ('0' + magnitude % 10);
	at = write_fraction(at + digits, (uint32_t) (nanos < 0 ? -nanos : nanos));
	*at++ = 's';
	put_made_text(writer, text, (size_t) (at - text));
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
