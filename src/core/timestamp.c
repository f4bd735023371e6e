/*
 * timestamp.c
 *	  Date-times as text: RFC 3339 and the ISO 8601 forms that people really write.
 */
#include "core/value.h"

#include <string.h>

#define DAY_MICROS INT64_C(86400000000)

/* Days since 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant, "chrono-compatible low-level date algorithms"). */
static int64_t
days_from_civil(int year, int month, int day)
{
	int y = month <= 2 ? year - 1 : year;
	int era = (y >= 0 ? y : y - 399) / 400;
	int of_era = y - era * 400;
	int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return (int64_t) era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int
days_in_month(int year, int month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/* Exactly count digits at *p, stepping over them; -1 when they are not there. */
static int
digits(const char **p, const char *end, int count)
{
	int value = 0;

	if (end - *p < count)
		return -1;
	for (int i = 0; i < count; i++)
	{
		uint8_t digit = (uint8_t) ((*p)[i] - '0');

		if (digit > 9)
			return -1;
		value = value * 10 + digit;
	}
	*p += count;
	return value;
}

static bool
step(const char **p, const char *end, char c)
{
	if (*p >= end || **p != c)
		return false;
	(*p)++;
	return true;
}

/* yyyy-mm-dd */
static bool
read_date(const char **p, const char *end, int64_t *days)
{
	int year = digits(p, end, 4);
	int month = year < 1 || !step(p, end, '-') ? -1 : digits(p, end, 2);
	int day = month < 1 || month > 12 || !step(p, end, '-') ? -1 : digits(p, end, 2);

	if (day < 1 || day > days_in_month(year, month))
		return false;
	*days = days_from_civil(year, month, day);
	return true;
}

/* .ffff of any length: micros, and the nanoseconds below them; what is finer is cut off. */
static bool
read_fraction(const char **p, const char *end, int64_t *micros, int16_t *nanos)
{
	int64_t value = 0;
	int count = 0;

	if (!step(p, end, '.'))
		return true;
	for (; *p < end && (uint8_t) (**p - '0') < 10; (*p)++, count++)
		if (count < 9)
			value = value * 10 + (**p - '0');
	for (int i = count; i < 9; i++)
		value *= 10;
	*micros += value / 1000;
	*nanos = (int16_t) (value % 1000);
	return count > 0;
}

/* hh:mm[:ss[.f]]; second 60 is the next minute's 0, as the server has it. */
static bool
read_time(const char **p, const char *end, int64_t *micros, int16_t *nanos)
{
	int hour = digits(p, end, 2);
	int minute = hour < 0 || !step(p, end, ':') ? -1 : digits(p, end, 2);
	int second = 0;
	int64_t below = 0;

	if (minute < 0)
		return false;
	if (step(p, end, ':'))
	{
		second = digits(p, end, 2);
		if (second < 0 || !read_fraction(p, end, &below, nanos))
			return false;
	}
	if (hour > 24 || minute > 59 || second > 60)
		return false;
	*micros = ((hour * 60 + minute) * INT64_C(60) + second) * 1000000 + below;
	return hour < 24 || (*micros == DAY_MICROS && *nanos == 0);
}

/* Z, +hh, +hhmm or +hh:mm; nothing is UTC. */
static bool
read_zone(const char **p, const char *end, int64_t *micros)
{
	bool west;
	int hour;
	int minute = 0;

	*micros = 0;
	if (*p == end || step(p, end, 'Z') || step(p, end, 'z'))
		return true;
	west = step(p, end, '-');
	if (!west && !step(p, end, '+'))
		return false;
	hour = digits(p, end, 2);
	if (*p < end)
	{
		(void) step(p, end, ':');
		minute = digits(p, end, 2);
	}
	if (hour < 0 || hour > 23 || minute < 0 || minute > 59)
		return false;
	*micros = (hour * 60 + minute) * INT64_C(60000000) * (west ? -1 : 1);
	return true;
}

bool
ep_timestamp_from_text(const char *text, size_t length, int64_t *micros, int16_t *nanos)
{
	const char *p = text;
	const char *end = text + length;
	int64_t days;
	int64_t of_day = 0;
	int64_t zone = 0;

	*nanos = 0;
	if (!read_date(&p, end, &days))
		return false;
	if (p < end)
	{
		if (!step(&p, end, 'T') && !step(&p, end, 't') && !step(&p, end, ' '))
			return false;
		if (!read_time(&p, end, &of_day, nanos) || !read_zone(&p, end, &zone) || p != end)
			return false;
	}
	*micros = days * DAY_MICROS + of_day - zone;
	return true;
}

/* yyyy-mm-ddThh:mm:ss[.f](Z|+hh:mm): the only form in which nothing is left to guess. */
static bool
is_rfc3339(const char *text, size_t length)
{
	const char *zone = text + length - 1;
	const char *fraction = text + 19;

	if (length < 20 || (text[10] != 'T' && text[10] != 't') || text[13] != ':' || text[16] != ':')
		return false;
	if (*zone != 'Z' && *zone != 'z')
	{
		zone -= 5;
		if (zone < fraction || (*zone != '+' && *zone != '-') || zone[3] != ':')
			return false;
	}
	return zone - fraction <= 10 && memcmp(text + 11, "24", 2) != 0 && text[17] != '6';
}

void
ep_value_infer_timestamp(EpValue *value)
{
	int64_t micros;
	int16_t nanos;

	if (value->kind != EP_TEXT || !is_rfc3339(value->text, value->length) ||
		!ep_timestamp_from_text(value->text, value->length, &micros, &nanos))
		return;
	value->kind = EP_TIMESTAMP;
	value->as.i = micros;
	value->nanos = nanos;
	value->untyped = true;
}
