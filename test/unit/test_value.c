/*
 * test_value.c
 *	  Literals, column types and times: nothing is rounded, nothing is guessed.
 */
#include <math.h>
#include <stdlib.h>

#include "core/value.h"
#include "unit.h"

static EpKind
kind_of(const char *text)
{
	EpValue value;

	return ep_value_from_number(text, strlen(text), &value) == EP_OK ? (EpKind) value.kind : EP_NULL;
}

static EpCode
code_of(const char *text)
{
	EpValue value;

	return ep_value_from_number(text, strlen(text), &value);
}

static int64_t
int_of(const char *text)
{
	EpValue value;

	return ep_value_from_number(text, strlen(text), &value) == EP_OK && value.kind == EP_INT ? value.as.i
																							 : -1;
}

static void
integers_are_int8_or_numeric(void)
{
	CHECK(int_of("0") == 0 && int_of("-0") == 0 && int_of("42") == 42 && int_of("1000") == 1000);
	CHECK(int_of("9223372036854775807") == INT64_MAX);
	CHECK(int_of("-9223372036854775808") == INT64_MIN);
	CHECK(int_of("1000000000000000000") == INT64_C(1000000000000000000));
	CHECK(kind_of("9223372036854775808") == EP_NUMERIC);
	CHECK(kind_of("-9223372036854775809") == EP_NUMERIC);
	CHECK(kind_of("10000000000000000000") == EP_NUMERIC);
	CHECK(kind_of("18446744073709551616") == EP_NUMERIC);
	CHECK(kind_of("123456789012345678901234567890") == EP_NUMERIC);
}

static void
floats_give_their_digits_back_or_are_numeric(void)
{
	static const char *const exact[] = {"0.1",
										"1.0",
										"1.50",
										"0.30000000000000004",
										"1e5",
										"1E+5",
										"1e22",
										"1e23",
										"1e300",
										"2.5e-7",
										"51.50735091234567",
										"0.0",
										"0e0",
										"-0.0",
										"1.7976931348623157e308",
										"120000000000000000.0",
										"1234567890.12345",
										"100000000000000000000.0",
										"1e-300"};
	static const char *const lost[] = {"0.10000000000000001",
									   "0.30000000000000000001",
									   "123456789012345678.5",
									   "9007199254740993.0",
									   "1e400",
									   "1e-400",
									   "0.1000000000000000055",
									   "3.141592653589793238"};

	for (size_t i = 0; i < sizeof exact / sizeof exact[0]; i++)
	{
		EpValue value;

		CHECK(ep_value_from_number(exact[i], strlen(exact[i]), &value) == EP_OK);
		CHECK(value.kind == EP_FLOAT && value.as.f == strtod(exact[i], NULL));
	}
	for (size_t i = 0; i < sizeof lost / sizeof lost[0]; i++)
		CHECK(kind_of(lost[i]) == EP_NUMERIC);
}

/* Any double that the shortest text names must come back as a float, and no other text of it. */
static void
random_doubles_are_told_from_their_neighbours(void)
{
	uint64_t state = 88172645463325252u;

	for (int i = 0; i < 20000; i++)
	{
		char text[40];
		double f;
		int digits = 1;
		EpValue value;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		f = ldexp((double) (state >> 11), (int) (state % 120) - 110);
		while (snprintf(text, sizeof text, "%.*e", digits - 1, f), strtod(text, NULL) != f)
			digits++;
		CHECK(ep_value_from_number(text, strlen(text), &value) == EP_OK);
		CHECK(value.kind == EP_FLOAT && value.as.f == f);
		snprintf(text, sizeof text, "%.*f", 17, fmod(f, 1000));
		CHECK(ep_value_from_number(text, strlen(text), &value) == EP_OK);
		if (value.kind == EP_FLOAT)
			CHECK(value.as.f == strtod(text, NULL));
	}
}

/* Whether the shortest text of the double that reads from text has the digits of text (17 at most, no exponent). */
static bool
comes_back(const char *text)
{
	char shortest[40];
	double f = strtod(text, NULL);
	int digits = 15;
	size_t n = 0;

	while (snprintf(shortest, sizeof shortest, "%.*e", digits - 1, f), strtod(shortest, NULL) != f)
		digits++;
	*strchr(shortest, 'e') = '\0';
	memmove(shortest + 1, shortest + 2, strlen(shortest + 2) + 1);
	for (const char *p = text + strspn(text, "0."); *p != '\0'; p++)
		if (*p != '.' && *p != shortest[n++])
			return false;
	return strspn(shortest + n, "0") == strlen(shortest + n);
}

static void
long_fractions_are_floats_when_they_are_the_shortest(void)
{
	uint64_t state = 88172645463325252u;
	int floats = 0;

	for (int i = 0; i < 100000; i++)
	{
		char text[48];
		EpValue value;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		if (i % 2 == 0)
			snprintf(text, sizeof text, "%.*g", 16 + i / 2 % 2,
					 ldexp((double) (state >> 11), -(int) (state % 60) - 1));
		else
			snprintf(text, sizeof text, "%u.%0*llu", (unsigned) (state % 1000), 13 + i / 2 % 2,
					 (unsigned long long) (state >> 8) % 9999999999999ull * 10 + 1 + i % 9);
		if (strchr(text, 'e') != NULL || strchr(text, '.') == NULL)
			continue;
		CHECK(ep_value_from_number(text, strlen(text), &value) == EP_OK);
		CHECK((value.kind == EP_FLOAT) == comes_back(text));
		if (!unit_ok)
		{
			printf("# %s\n", text);
			break;
		}
		if (value.kind == EP_FLOAT)
			CHECK(value.as.f == strtod(text, NULL));
		floats += value.kind == EP_FLOAT;
	}
	CHECK(floats > 10000);
}

static void
numeric_has_limits(void)
{
	char *text = malloc(200010);

	CHECK(code_of("1e131071") == EP_OK && code_of("1e131072") == EP_E_RANGE);
	CHECK(code_of("1e-16383") == EP_OK && code_of("1e-16384") == EP_E_RANGE);
	CHECK(code_of("1e999999999999999999999") == EP_E_RANGE &&
		  code_of("1e-999999999999999999999") == EP_E_RANGE);
	memset(text, '9', 200000);
	text[131072] = '\0';
	CHECK(kind_of(text) == EP_NUMERIC);
	text[131072] = '9';
	text[131073] = '\0';
	CHECK(code_of(text) == EP_E_RANGE);
	memset(text, '0', 20000);
	text[1] = '.';
	text[16385] = '\0';
	CHECK(code_of(text) == EP_OK);
	text[16385] = '0';
	text[16386] = '\0';
	CHECK(code_of(text) == EP_E_RANGE);
	free(text);
}

static void
what_is_no_json_number_is_refused(void)
{
	static const char *const bad[] = {"",    "-",  "01", "-01",  "1.",  ".5",       "1e",  "1e+",  "+1",
									  "0x1", "1 ", " 1", "1.e5", "NaN", "Infinity", "1,5", "1..2", "00"};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK(code_of(bad[i]) == EP_E_SYNTAX);
}

/* The literal is not NUL-terminated: digits behind its length must not count. */
static void
a_number_ends_where_it_ends(void)
{
	EpValue value;

	CHECK(ep_value_from_number("12345", 3, &value) == EP_OK && value.as.i == 123 && value.length == 3);
	CHECK(ep_value_from_number("1.25e10", 4, &value) == EP_OK && value.as.f == 1.25);
	CHECK(ep_value_from_number("0.300000000000000049", 19, &value) == EP_OK && value.kind == EP_FLOAT);
}

static EpKind
cell(const char *text)
{
	EpValue value = ep_value_from_literal(text, strlen(text));

	CHECK(value.untyped && value.text == text && value.length == strlen(text));
	return value.kind;
}

static void
cells_are_numbers_only_when_they_come_back(void)
{
	CHECK(cell("7") == EP_INT && cell("-7") == EP_INT && cell("1.5") == EP_FLOAT && cell("true") == EP_BOOL);
	CHECK(cell("007") == EP_TEXT && cell("+5") == EP_TEXT && cell("1e5 ") == EP_TEXT &&
		  cell("-0") == EP_TEXT);
	CHECK(cell("-0.0") == EP_TEXT && cell("TRUE") == EP_TEXT && cell("") == EP_TEXT &&
		  cell("1e999999") == EP_TEXT);
	CHECK(cell("NaN") == EP_TEXT && cell("false") == EP_BOOL && cell("12345678901234567890") == EP_NUMERIC);
	CHECK(cell("-") == EP_TEXT && cell("2024-01-01") == EP_TEXT && cell("1,5") == EP_TEXT);
}

static void
types_join_without_loss(void)
{
	CHECK(ep_type_join(EP_TYPE_NONE, EP_TYPE_TEXT, false) == EP_TYPE_TEXT);
	CHECK(ep_type_join(EP_TYPE_INT8, EP_TYPE_NONE, false) == EP_TYPE_INT8);
	CHECK(ep_type_join(EP_TYPE_INT8, EP_TYPE_FLOAT8, false) == EP_TYPE_FLOAT8);
	CHECK(ep_type_join(EP_TYPE_NUMERIC, EP_TYPE_INT8, false) == EP_TYPE_NUMERIC);
	CHECK(ep_type_join(EP_TYPE_FLOAT8, EP_TYPE_NUMERIC, false) == EP_TYPE_NUMERIC);
	CHECK(ep_type_join(EP_TYPE_INT4, EP_TYPE_FLOAT4, false) == EP_TYPE_FLOAT8);
	CHECK(ep_type_join(EP_TYPE_BOOL, EP_TYPE_INT8, false) == EP_TYPE_NONE);
	CHECK(ep_type_join(EP_TYPE_TEXT, EP_TYPE_JSONB, false) == EP_TYPE_NONE);
	CHECK(ep_type_join(EP_TYPE_TEXT, EP_TYPE_INT8, false) == EP_TYPE_NONE);
	CHECK(ep_type_join(EP_TYPE_BOOL, EP_TYPE_INT8, true) == EP_TYPE_TEXT);
	CHECK(ep_type_join(EP_TYPE_ARRAY + EP_TYPE_INT4, EP_TYPE_ARRAY + EP_TYPE_INT8, false) ==
		  EP_TYPE_ARRAY + EP_TYPE_INT8);
	CHECK(ep_type_join(EP_TYPE_ARRAY + EP_TYPE_INT4, EP_TYPE_INT8, false) == EP_TYPE_NONE);
}

static bool
guess(EpTypeGuess *guess, const EpValue *value)
{
	return ep_type_guess_value(guess, ep_type_of(value), value);
}

static void
a_guess_looks_at_the_values(void)
{
	EpValue small = {.kind = EP_INT, .as.i = 5};
	EpValue wide = {.kind = EP_INT, .as.i = INT64_C(1) << 53};
	EpValue fraction = {.kind = EP_FLOAT, .as.f = 0.5};
	EpValue text = {.kind = EP_TEXT, .text = "x", .length = 1};
	EpValue null = {.kind = EP_NULL};
	EpTypeGuess g = {0};

	CHECK(guess(&g, &null) && g.type == EP_TYPE_NONE && g.misfits == 0);
	CHECK(guess(&g, &small) && g.type == EP_TYPE_INT8);
	CHECK(guess(&g, &fraction) && g.type == EP_TYPE_FLOAT8);
	CHECK(!guess(&g, &text) && g.type == EP_TYPE_FLOAT8 && ep_type_holds(EP_TYPE_FLOAT4, &g));
	CHECK(guess(&g, &wide) && g.type == EP_TYPE_NUMERIC);
	g = (EpTypeGuess){0};
	CHECK(guess(&g, &wide) && g.type == EP_TYPE_INT8);
	CHECK(guess(&g, &fraction) && g.type == EP_TYPE_NUMERIC);
}

static void
a_guess_knows_which_narrower_columns_would_do(void)
{
	EpValue v = {.kind = EP_INT, .as.i = INT32_MAX};
	EpValue text = {.kind = EP_TEXT, .text = "x", .length = 1};
	EpValue stamp = {.kind = EP_TIMESTAMP, .untyped = true, .text = "2024-01-01T00:00:00Z", .length = 20};
	EpTypeGuess g = {0}, other = {0};

	CHECK(guess(&g, &v) && g.type == EP_TYPE_INT8 && ep_type_holds(EP_TYPE_INT4, &g));
	CHECK(!ep_type_holds(EP_TYPE_FLOAT4, &g) && ep_type_holds(EP_TYPE_NUMERIC, &g) &&
		  !ep_type_holds(EP_TYPE_TEXT, &g) && !ep_type_holds(EP_TYPE_NONE, &g));
	v.as.i++;
	CHECK(guess(&g, &v) && g.type == EP_TYPE_INT8 && !ep_type_holds(EP_TYPE_INT4, &g));
	v.as.i = 1;
	CHECK(guess(&g, &v) && !ep_type_holds(EP_TYPE_INT4, &g));

	/* the source's type, where it has declared one */
	g = (EpTypeGuess){0};
	v = (EpValue){.kind = EP_UINT, .as.u = 7};
	CHECK(ep_type_guess_value(&g, EP_TYPE_NUMERIC, &v) && ep_type_holds(EP_TYPE_INT4, &g));
	v = (EpValue){.kind = EP_ARRAY, .count = 1, .as.items = &(EpValue){.kind = EP_INT, .as.i = INT32_MIN}};
	g = (EpTypeGuess){0};
	CHECK(ep_type_guess_value(&g, EP_TYPE_ARRAY + EP_TYPE_INT8, &v) &&
		  ep_type_holds(EP_TYPE_ARRAY + EP_TYPE_INT4, &g) && !ep_type_holds(EP_TYPE_INT4, &g));

	/* two guesses become one, or stay as they are */
	CHECK(guess(&other, &text) && !ep_type_guess_join(&other, &g) && other.type == EP_TYPE_TEXT);
	g = (EpTypeGuess){0};
	CHECK(guess(&g, &stamp) && g.type == EP_TYPE_TIMESTAMPTZ && ep_type_guess_join(&g, &other) &&
		  g.type == EP_TYPE_TEXT && !ep_type_holds(EP_TYPE_TIMESTAMPTZ, &g));
	CHECK(ep_type_guess_join(&other, &(EpTypeGuess){0}) && other.type == EP_TYPE_TEXT);

	/* cells of text */
	g = (EpTypeGuess){0};
	v = (EpValue){.kind = EP_INT, .untyped = true, .text = "1", .length = 1, .as.i = 1};
	CHECK(guess(&g, &v) && g.type == EP_TYPE_INT8 && ep_type_holds(EP_TYPE_TEXT, &g));
	v = (EpValue){.kind = EP_BOOL, .untyped = true, .text = "true", .length = 4, .as.boolean = true};
	CHECK(guess(&g, &v) && g.type == EP_TYPE_TEXT);
}

static void
columns_accept_only_what_they_hold(void)
{
	EpValue v = {.kind = EP_INT, .as.i = (INT64_C(1) << 53) - 1};

	CHECK(ep_type_accepts(EP_TYPE_FLOAT8, &v) && ep_type_accepts(EP_TYPE_INT8, &v));
	CHECK(!ep_type_accepts(EP_TYPE_INT4, &v) && !ep_type_accepts(EP_TYPE_FLOAT4, &v));
	v.as.i = -(INT64_C(1) << 53);
	CHECK(!ep_type_accepts(EP_TYPE_FLOAT8, &v) && ep_type_accepts(EP_TYPE_NUMERIC, &v));
	v = (EpValue){.kind = EP_UINT, .as.u = UINT64_MAX};
	CHECK(!ep_type_accepts(EP_TYPE_INT8, &v) && ep_type_accepts(EP_TYPE_NUMERIC, &v));
	CHECK(ep_type_of(&v) == EP_TYPE_NUMERIC);
	v = (EpValue){.kind = EP_FLOAT, .as.f = 3.0};
	CHECK(!ep_type_accepts(EP_TYPE_INT8, &v) && ep_type_accepts(EP_TYPE_FLOAT4, &v));
	v.as.f = 0.1;
	CHECK(!ep_type_accepts(EP_TYPE_FLOAT4, &v) && ep_type_accepts(EP_TYPE_FLOAT8, &v));
	v.as.f = 1e300;
	CHECK(!ep_type_accepts(EP_TYPE_FLOAT4, &v));
	v = (EpValue){.kind = EP_TEXT, .text = "1", .length = 1};
	CHECK(!ep_type_accepts(EP_TYPE_JSONB, &v) && !ep_type_accepts(EP_TYPE_INT8, &v));
	v = (EpValue){.kind = EP_INT, .untyped = true, .text = "1", .length = 1, .as.i = 1};
	CHECK(ep_type_accepts(EP_TYPE_TEXT, &v) && ep_type_accepts(EP_TYPE_INT4, &v));
	v = (EpValue){.kind = EP_TIMESTAMP, .as.i = INT64_MIN};
	CHECK(!ep_type_accepts(EP_TYPE_TIMESTAMPTZ, &v));
	v.as.i = INT64_MAX;
	CHECK(ep_type_accepts(EP_TYPE_TIMESTAMPTZ, &v));
}

static int64_t
time_of(const char *text)
{
	int64_t micros;
	int16_t nanos;

	return ep_timestamp_from_text(text, strlen(text), &micros, &nanos) ? micros : -1;
}

static void
times_are_read_as_the_standards_say(void)
{
	int64_t micros;
	int16_t nanos;

	CHECK(time_of("1970-01-01T00:00:00Z") == 0 && time_of("1970-01-02") == INT64_C(86400000000));
	CHECK(time_of("2000-01-01T00:00:00Z") == INT64_C(946684800000000));
	CHECK(time_of("2024-02-29 12:00:00+01:00") == INT64_C(1709204400000000));
	CHECK(time_of("2024-02-29t12:00:00.5z") == INT64_C(1709208000500000));
	CHECK(time_of("2024-02-29T12:00-0130") == INT64_C(1709213400000000));
	CHECK(time_of("2016-12-31T23:59:60Z") == time_of("2017-01-01T00:00:00Z"));
	CHECK(time_of("2016-12-31T24:00:00Z") == time_of("2017-01-01T00:00:00Z"));
	CHECK(time_of("0001-01-01") == INT64_C(-62135596800000000));
	CHECK(ep_timestamp_from_text("1969-12-31T23:59:59.9999999999999Z", 34, &micros, &nanos) && micros == -1 &&
		  nanos == 999);
}

static void
what_is_no_time_is_none(void)
{
	static const char *const bad[] = {"",
									  "2024",
									  "2024-02-30",
									  "2023-02-29",
									  "2024-13-01",
									  "2024-00-01",
									  "0000-01-01",
									  "10000-01-01",
									  "292277-01-01T00:00:00Z",
									  "2024-01-01T",
									  "2024-01-01T25:00:00Z",
									  "2024-01-01T24:00:01Z",
									  "2024-01-01T10:60:00Z",
									  "2024-01-01T10:00:61Z",
									  "2024-01-01T10:00:00.Z",
									  "2024-01-01T10:00:00+",
									  "2024-01-01T10:00:00+1",
									  "2024-01-01T10:00:00+01:",
									  "2024-01-01T10:00:00Zx",
									  "2024-01-01  10:00:00",
									  "1700000000",
									  "-024-01-01"};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK(time_of(bad[i]) == -1);
}

int
main(void)
{
	RUN(integers_are_int8_or_numeric);
	RUN(floats_give_their_digits_back_or_are_numeric);
	RUN(random_doubles_are_told_from_their_neighbours);
	RUN(long_fractions_are_floats_when_they_are_the_shortest);
	RUN(numeric_has_limits);
	RUN(what_is_no_json_number_is_refused);
	RUN(a_number_ends_where_it_ends);
	RUN(cells_are_numbers_only_when_they_come_back);
	RUN(types_join_without_loss);
	RUN(a_guess_looks_at_the_values);
	RUN(a_guess_knows_which_narrower_columns_would_do);
	RUN(columns_accept_only_what_they_hold);
	RUN(times_are_read_as_the_standards_say);
	RUN(what_is_no_time_is_none);
	return unit_done();
}
