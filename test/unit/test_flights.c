/*
 * test_flights.c
 *	  The rules of the flight pairing, one by one: every case in four orders, once and uploaded twice.
 *
 * The twelve worked cases with all their fields run in sql/rollup_flight.sql; these are their
 * essence, and the edges between rules.  Instants are written in ms after BASE.
 */
#include "rollup/flight_pairing.h"
#include "unit.h"

#define BASE INT64_C(1496311200000) /* 2017-06-01 10:00:00 */
#define DAY INT64_C(86400000)
#define LATER (BASE + 61 * DAY)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* An event of boot b at an uptime; what follows overrides. */
#define EVENT(id, kind, ms, ...)                                                                            \
	{                                                                                                       \
		.event_id = id, .type = kind, .boot_id = "b", .seq = EP_FLIGHT_ABSENT, .uptime = ms,                \
		.received_at = BASE + DAY, .device_clock = EP_FLIGHT_ABSENT, .gps_time = EP_FLIGHT_ABSENT,          \
		.gps_week = EP_FLIGHT_ABSENT, .gps_tow = EP_FLIGHT_ABSENT, .gps_fix = EP_FLIGHT_ABSENT, __VA_ARGS__ \
	}
#define T(id, ms, ...) EVENT(id, "takeoff", ms, __VA_ARGS__)
#define L(id, ms, ...) EVENT(id, "landing", ms, __VA_ARGS__)
#define S(id, ms, ...) EVENT(id, "status", ms, __VA_ARGS__)
#define GPS(after) .gps_time = BASE + (after), .gps_fix = 3
#define BOOT(id) .boot_id = id
#define UPLOAD(id, place) .boot_id = NULL, .upload_id = id, .seq = place

#pragma GCC diagnostic ignored "-Woverride-init"

static void
append_time(char *text, int64_t ms)
{
	if (ms == EP_FLIGHT_ABSENT)
		strcat(text, " -");
	else
		sprintf(text + strlen(text), " %lld", (long long) (ms - BASE));
}

/* "boot status takeoff landing seen end source touchdowns flags; ..." */
static void
render(const EpFlights *flights, char *text)
{
	text[0] = '\0';
	for (size_t i = 0; i < flights->count; i++)
	{
		const EpFlight *f = &flights->rows[i];
		const char *end = ep_flight_end_names[f->end_reason];

		sprintf(text + strlen(text), "%s%s %s", i > 0 ? "; " : "", f->boot_id != NULL ? f->boot_id : "-",
				ep_flight_status_names[f->status]);
		append_time(text, f->takeoff_at);
		append_time(text, f->landing_at);
		append_time(text, f->last_seen_at);
		sprintf(text + strlen(text), " %s %s %d", end != NULL ? end : "-", ep_flight_source_names[f->source],
				f->touchdowns);
		for (int bit = 0; bit < EP_FLIGHT_FLAG_COUNT; bit++)
			if ((f->flags & 1u << bit) != 0)
				sprintf(text + strlen(text), " %s", ep_flight_flag_names[bit]);
	}
}

static void
pair(const EpFlightEvent *events, size_t count, const EpFlightParams *params, int64_t as_of, char *text,
	 size_t *rejected)
{
	EpArena arena;
	EpFlights flights;

	ep_arena_init(&arena, ep_malloc_allocator, 1 << 20);
	CHECK(ep_flight_pair(events, count, params, as_of, &arena, &flights) == EP_OK);
	for (size_t i = 0; i < flights.count; i++)
	{
		EpFlight *f = &flights.rows[i];

		CHECK((f->duration != EP_FLIGHT_ABSENT) == (f->status == EP_FLIGHT_COMPLETE));
		CHECK(f->duration == EP_FLIGHT_ABSENT || f->duration == f->landing_at - f->takeoff_at);
	}
	render(&flights, text);
	*rejected = flights.rejected;
	ep_arena_free(&arena);
}

/* Expect wanted whatever the order, and when everything is uploaded once more. */
static void
expect_as_of(const EpFlightEvent *events, size_t count, int64_t as_of, const char *wanted)
{
	EpFlightEvent laid[64];
	char text[2048];
	size_t rejected;

	for (int round = 0; round < 4; round++)
	{
		for (size_t i = 0; i < count; i++)
			laid[i] = events[round == 0 ? i : round == 1 ? count - 1 - i : (i * 7 + (size_t) round) % count];
		if (round >= 2 && count % 7 == 0)
			memcpy(laid, events, count * sizeof *events);
		for (size_t i = 0; i < count; i++)
		{
			laid[count + i] = laid[i];
			laid[count + i].received_at += 5 * DAY;
			if (laid[i].boot_id != NULL)
				laid[count + i].upload_id = "again";
		}
		pair(laid, round == 3 ? 2 * count : count, &ep_flight_default_params, as_of, text, &rejected);
		CHECK_TEXT(text, wanted);
		CHECK(rejected == 0);
	}
}

#define EXPECT(events, wanted) expect_as_of(events, COUNT(events), LATER, wanted)

static void
plain_pair(void)
{
	const EpFlightEvent events[] = {T("c", 60000, GPS(60000)), L("d", 660000, GPS(660000))};

	EXPECT(events, "b complete 60000 660000 660000 landing gps 1");
}

static void
later_anchors_correct_the_takeoff(void)
{
	const EpFlightEvent events[] = {T("a", 20000, .device_clock = INT64_C(946684820000), .gps_fix = 0),
									S("b", 95000, GPS(95003)), L("c", 320000, GPS(319998))};

	EXPECT(events, "b complete 19998 319998 319998 landing gps 1");
}

static void
repeats_are_ignored_and_flagged(void)
{
	const EpFlightEvent events[] = {T("a", 10000, GPS(10000)),
									T("b", 10000),
									T("c", 12500),
									T("d", 17000),
									L("e", 130000),
									L("f", 131200),
									L("g", 136000)};

	EXPECT(events, "b complete 10000 130000 130000 landing gps 1 dup_landing dup_takeoff");
}

static void
doubled_landing_flags_its_flight(void)
{
	const EpFlightEvent events[] = {T("a", 10000, GPS(10000)), L("b", 130000), L("c", 130000)};

	EXPECT(events, "b complete 10000 130000 130000 landing gps 1 dup_landing");
}

static void
lost_landing_and_lost_takeoff(void)
{
	const EpFlightEvent lost[] = {T("a", 10000, GPS(10000)), S("b", 200000), T("c", 400000), L("d", 700000)};
	const EpFlightEvent lone[] = {S("a", 100000, GPS(100000)), L("b", 500000), L("c", 600000)};

	EXPECT(lost,
		   "b no_landing 10000 - 200000 next_takeoff gps 0; b complete 400000 700000 700000 landing gps 1");
	EXPECT(lone, "b no_takeoff - 500000 500000 landing gps 1; b no_takeoff - 600000 600000 landing gps 1");
}

static void
too_long_is_implausible(void)
{
	const EpFlightEvent just[] = {T("a", 0, GPS(0)), L("b", 2700000)};
	const EpFlightEvent over[] = {T("a", 0, GPS(0)), S("s", 2700000), L("b", 2700001)};

	EXPECT(just, "b complete 0 2700000 2700000 landing gps 1");
	EXPECT(over, "b no_landing 0 - 2700000 implausible gps 0 implausible_duration; "
				 "b no_takeoff - 2700001 2700001 landing gps 1 implausible_duration");
}

static void
bounces_join(void)
{
	const EpFlightEvent events[] = {T("a", 10000, GPS(10000)),
									L("b", 74880),
									T("c", 75020),
									L("d", 84260),
									T("e", 114260),
									L("f", 204260)};
	const EpFlightEvent twice[] = {T("a", 10000, GPS(10000)),
								   L("b", 30000),
								   T("c", 33000),
								   L("d", 50000),
								   T("e", 53000),
								   T("f", 90000),
								   L("g", 190000)};
	const EpFlightEvent lone[] = {L("a", 30000, GPS(30000)), T("b", 31000), L("c", 60000)};
	const EpFlightEvent neither[] = {L("a", 30000, GPS(30000)), T("b", 31000), T("c", 60000), L("d", 80000)};

	EXPECT(events, "b complete 10000 84260 84260 landing gps 2 bounce; "
				   "b complete 114260 204260 204260 landing gps 1");
	EXPECT(
		twice,
		"b no_landing 10000 - 53000 next_takeoff gps 2 bounce; b complete 90000 190000 190000 landing gps 1");
	EXPECT(lone, "b no_takeoff - 60000 60000 landing gps 2 bounce");
	EXPECT(neither,
		   "b no_takeoff - 30000 30000 landing gps 1; b no_landing 31000 - 31000 next_takeoff gps 0; "
		   "b complete 60000 80000 80000 landing gps 1");
}

static void
landing_stands_before_takeoff_of_the_same_instant(void)
{
	const EpFlightEvent events[] = {T("z", 10000, GPS(10000)), T("a", 50000), L("b", 50000), L("c", 90000)};

	EXPECT(events, "b complete 10000 90000 90000 landing gps 2 bounce");
}

static void
reboot_in_the_air(void)
{
	const EpFlightEvent goes_on[] = {T("a", 60000, BOOT("b1"), GPS(60000)),
									 S("b", 200000, BOOT("b1"), GPS(200000)), S("c", 3000, BOOT("b2")),
									 S("d", 8000, BOOT("b2"), GPS(223000)), L("e", 180000, BOOT("b2"))};
	const EpFlightEvent gap[] = {T("a", 60000, BOOT("b1"), GPS(60000)), S("c", 1000, BOOT("b2"), GPS(180001)),
								 L("e", 180000, BOOT("b2"))};
	const EpFlightEvent ends[] = {T("a", 60000, BOOT("b1"), GPS(60000)), S("b", 300000, BOOT("b1")),
								  T("c", 45000, BOOT("b2"), GPS(DAY)), L("d", 145000, BOOT("b2"))};

	EXPECT(goes_on, "b1 complete 60000 395000 395000 landing gps 1 reboot");
	EXPECT(gap, "b1 no_landing 60000 - 60000 reboot gps 0; b2 no_takeoff - 359001 359001 landing gps 1");
	EXPECT(ends,
		   "b1 no_landing 60000 - 300000 reboot gps 0; b2 complete 86400000 86500000 86500000 landing gps 1");
}

static void
the_worse_clock_of_two_boots_counts(void)
{
	const EpFlightEvent events[] = {T("a", 60000, BOOT("b1"), GPS(60000)),
									L("e", 20000, BOOT("b2"), .device_clock = BASE + 120000)};

	EXPECT(events, "b1 complete 60000 120000 120000 landing device 1 reboot");
}

static void
open_until_the_timeout(void)
{
	const EpFlightEvent events[] = {T("a", 60000, GPS(60000)), S("b", 90000)};

	expect_as_of(events, 2, BASE + 2 * DAY - 1, "b open 60000 - 90000 - gps 0");
	{
		char text[256];
		size_t rejected;

		pair(events, 2, &ep_flight_default_params, BASE + 2 * DAY, text, &rejected);
		CHECK_TEXT(text, "b no_landing 60000 - 90000 timeout gps 0");
	}
}

static void
clocks_from_best_to_worst(void)
{
	const EpFlightEvent device[] = {
		T("a", 10000, .device_clock = BASE + 11500, .gps_time = BASE, .gps_fix = 1), L("b", 310000)};
	const EpFlightEvent received[] = {
		T("a", 40000, .device_clock = BASE - 365 * DAY, .received_at = BASE + 40500),
		L("b", 640000, .received_at = BASE + 640250)};
	const EpFlightEvent future[] = {T("a", 10000, .device_clock = BASE + 90 * DAY), L("b", 310000)};

	EXPECT(device, "b complete 11500 311500 311500 landing device 1");
	EXPECT(received, "b complete 40250 640250 640250 landing received 1");
	EXPECT(future, "b complete 86100000 86400000 86400000 landing received 1");
}

static void
the_last_anchors_count(void)
{
	/* two early anchors are off by 9 s and by 1 s; the last five decide, their lower median */
	const EpFlightEvent events[] = {T("a", 10000, GPS(19000)), S("b", 20000, GPS(21000)),
									S("c", 30000, GPS(30001)), S("d", 40000, GPS(40002)),
									S("e", 50000, GPS(50003)), S("f", 60000, GPS(60004)),
									L("g", 70000, GPS(70005))};
	/* of two anchors of one uptime the greater event_id is the later */
	const EpFlightEvent tie[] = {
		T("a", 1000, GPS(1000)),  S("b", 2000, GPS(9000)), EVENT("c", "boot", 2000, GPS(2000)),
		S("d", 3000, GPS(3000)),  S("e", 4000, GPS(4000)), S("f", 5000, GPS(5000)),
		L("g", 16000, GPS(16000))};

	EXPECT(events, "b complete 10003 70003 70003 landing gps 1 clock_step");
	EXPECT(tie, "b complete 1000 16000 16000 landing gps 1 clock_step");
}

static void
wrapped_weeks_are_repaired(void)
{
	const int64_t wrap = 1024 * 7 * DAY;
	const EpFlightEvent utc[] = {T("a", 30000, GPS(30000 - wrap)), L("b", 630000)};
	/* GPS week 1951 began on 2017-05-28; BASE is 4 days and 10 hours into it, 18 leap seconds ahead */
	const EpFlightEvent week[] = {
		T("a", 30000, .gps_fix = 3, .gps_week = 1951, .gps_tow = 4 * DAY + 36048000), L("b", 630000)};
	const EpFlightEvent wrapped[] = {
		T("a", 30000, .gps_fix = 3, .gps_week = 1951 - 1024, .gps_tow = 4 * DAY + 36048000), L("b", 630000)};

	EXPECT(utc, "b complete 30000 630000 630000 landing gps 1 gps_rollover");
	EXPECT(week, "b complete 30000 630000 630000 landing gps 1");
	EXPECT(wrapped, "b complete 30000 630000 630000 landing gps 1 gps_rollover");
}

static void
pieces_of_one_boot_are_joined(void)
{
	const EpFlightEvent events[] = {S("a", 30000, UPLOAD("u1", 1), GPS(30000)),
									T("b", 60000, UPLOAD("u1", 2)),
									L("c", 360000, UPLOAD("u1", 3)),
									S("d", 2000, UPLOAD("u1", 4)),
									S("e", 20000, UPLOAD("u1", 5), GPS(3620000)),
									T("f", 50000, UPLOAD("u1", 6)),
									S("g", 300000, UPLOAD("u2", 1), GPS(3900001)),
									L("h", 400000, UPLOAD("u2", 2), GPS(4000002))};
	const EpFlightEvent far[] = {T("a", 60000, UPLOAD("u1", 1), GPS(60000)),
								 L("b", 360000, UPLOAD("u2", 1), GPS(365001))};
	const EpFlightEvent blind[] = {T("a", 60000, UPLOAD("u1", 1)), L("b", 360000, UPLOAD("u2", 1))};
	const EpFlightEvent doubled[] = {T("a", 60000, UPLOAD("u1", 1), GPS(60000)),
									 L("b", 360000, UPLOAD("u1", 2)),
									 T("c", 60000, UPLOAD("u2", 1), GPS(60000))};

	EXPECT(events,
		   "- complete 60000 360000 360000 landing gps 1; - complete 3650001 4000001 4000001 landing gps 1");
	EXPECT(far, "- no_landing 60000 - 60000 reboot gps 0; - no_takeoff - 365001 365001 landing gps 1");
	EXPECT(
		blind,
		"- no_landing 86400000 - 86400000 timeout received 0; - no_takeoff - 86400000 86400000 landing received 1");
	EXPECT(doubled, "- complete 60000 360000 360000 landing gps 1 dup_takeoff");
}

static void
clocks_that_disagree_overlap(void)
{
	const EpFlightEvent events[] = {T("a", 60000, BOOT("b1"), GPS(60000)), L("b", 660000, BOOT("b1")),
									T("c", 10000, BOOT("b2"), GPS(600000)), L("d", 15000, BOOT("b2"))};

	EXPECT(
		events,
		"b1 complete 60000 660000 660000 landing gps 1; b2 complete 600000 605000 605000 landing gps 1 overlap short");
}

static void
what_pairing_needs(void)
{
	const EpFlightEvent bad[] = {EVENT(NULL, "takeoff", 1),
								 EVENT("b", NULL, 1),
								 T("c", EP_FLIGHT_ABSENT),
								 T("d", -1),
								 T("e", 1, .boot_id = NULL),
								 T("f", INT64_MAX),
								 T("g", 1, .received_at = EP_FLIGHT_ABSENT),
								 T("h", 1, .received_at = INT64_MAX),
								 T("i", 1, GPS(1))};
	char text[256];
	size_t rejected;

	pair(bad, COUNT(bad), &ep_flight_default_params, LATER, text, &rejected);
	CHECK(rejected == 8);
	CHECK_TEXT(text, "b no_landing 1 - 1 timeout gps 0");
}

static void
a_full_arena_is_said(void)
{
	const EpFlightEvent events[] = {T("c", 60000, GPS(60000)), L("d", 660000, GPS(660000))};
	EpArena arena;
	EpFlights flights;

	ep_arena_init(&arena, ep_malloc_allocator, 16);
	CHECK(ep_flight_pair(events, 2, &ep_flight_default_params, LATER, &arena, &flights) == EP_E_MEMORY);
	ep_arena_free(&arena);
}

int
main(void)
{
	RUN(plain_pair);
	RUN(later_anchors_correct_the_takeoff);
	RUN(repeats_are_ignored_and_flagged);
	RUN(doubled_landing_flags_its_flight);
	RUN(lost_landing_and_lost_takeoff);
	RUN(too_long_is_implausible);
	RUN(bounces_join);
	RUN(landing_stands_before_takeoff_of_the_same_instant);
	RUN(reboot_in_the_air);
	RUN(the_worse_clock_of_two_boots_counts);
	RUN(open_until_the_timeout);
	RUN(clocks_from_best_to_worst);
	RUN(the_last_anchors_count);
	RUN(wrapped_weeks_are_repaired);
	RUN(pieces_of_one_boot_are_joined);
	RUN(clocks_that_disagree_overlap);
	RUN(what_pairing_needs);
	RUN(a_full_arena_is_said);
	return unit_done();
}
