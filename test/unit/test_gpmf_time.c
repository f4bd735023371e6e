/*
 * test_gpmf_time.c
 *	  GPMF: when a log began and when its samples were taken.
 *
 * Runs at the top of the repository; the logs are those of test/data/gen_gpmf.py.
 */
#include "gpmf.h"

static void
time_comes_from_the_best_clock(void)
{
	Blob blob = load("camera");
	Opened *o = open_bytes(blob.bytes, blob.length);
	EpGpmfSample s;

	/* STMP; the last payload holds 3 of 10 samples and keeps the step */
	CHECK(near(stream_of(o, "ACCL")->rate, 10 / 1.001));
	CHECK(sample_of(o, "ACCL", 22, &s) && near(s.t, 2 * 1.001 + 2 * 0.1001));
	CHECK(o->log.utc == EP_GPMF_UTC_GPS9 && o->log.started_at == INT64_C(1724327999980000));
	CHECK(sample_of(o, "GPS9", 3, &s) && s.has_at && s.at == INT64_C(1724328001500000));
	close_log(o);
	free(blob.bytes);

	blob = load("text_clock"); /* garbage first, then GPSU */
	o = open_bytes(blob.bytes, blob.length);
	CHECK(o->log.utc == EP_GPMF_UTC_GPSU && o->log.gpsu_payload == 1);
	CHECK(sample_of(o, "GPS5", 2, &s) && s.at == INT64_C(1614834367500000)); /* 2021-03-04 05:06:07.5 */
	close_log(o);
	o = open_bytes(blob.bytes, 8 + (size_t) ep_load_be16(blob.bytes + 6) * blob.bytes[5]); /* garbage alone */
	CHECK(o->code == EP_OK && o->log.fault.code == EP_OK && o->log.payloads == 1);
	CHECK(o->log.utc == EP_GPMF_UTC_NONE && sample_of(o, "GPS5", 0, &s) && !s.has_at);
	close_log(o);
	free(blob.bytes);

	blob = load("odd");
	o = open_bytes(blob.bytes, blob.length);
	CHECK(o->log.utc == EP_GPMF_UTC_NONE && sample_of(o, "FIXQ", 1, &s) && !s.has_at && near(s.t, 0.5005));
	close_log(o);
	free(blob.bytes);
}

/* A head with a whole payload and a GPS fix tells the start of the whole log; no other head says that it does. */
static void
a_head_tells_the_start(void)
{
	Blob blob = load("camera");
	Opened *whole = open_bytes(blob.bytes, blob.length);
	size_t settled = 0;

	for (size_t length = 8; length < blob.length; length++)
	{
		Opened *head = open_bytes(blob.bytes, length);

		if (head->code == EP_OK && head->log.start_settled)
		{
			CHECK(head->log.started_at == whole->log.started_at && head->log.payloads > 1);
			settled++;
		}
		close_log(head);
	}
	CHECK(whole->log.start_settled && settled > blob.length / 3);
	close_log(whole);
	free(blob.bytes);
}

static void
a_tail_is_found_and_joined(void)
{
	Blob blob = load("camera");
	uint8_t *exact = malloc(blob.length); /* without a byte behind it */
	Opened *whole = open_bytes(blob.bytes, blob.length);
	size_t devc[3] = {0}, at = 0;
	EpArena arena;
	EpGpmfLog log;
	EpError error;

	memcpy(exact, blob.bytes, blob.length);
	ep_arena_init(&arena, ep_malloc_allocator, 1 << 20);
	for (int i = 1; i < 3; i++)
		devc[i] = devc[i - 1] + 8 + ep_load_be16(exact + devc[i - 1] + 6) * exact[devc[i - 1] + 5];
	for (size_t from = 4; from < blob.length; from += 4)
	{
		size_t next = from <= devc[1] ? devc[1] : devc[2];

		CHECK(ep_gpmf_find_devc(exact + from, blob.length - from, &arena, &at) == (from <= devc[2]));
		CHECK(from > devc[2] || from + at == next);
	}

	/* without the payload in between, where the last one is stays known: it has a stamp */
	memmove(exact + devc[1], exact + devc[2], blob.length - devc[2]);
	CHECK(ep_gpmf_log_open_ends(&log, exact, blob.length - devc[2] + devc[1], devc[1], 2, &arena, &error) ==
		  EP_OK);
	CHECK(log.payloads == 3 && log.tail == 2 && log.started_at == whole->log.started_at);
	CHECK(near(log.streams[0]->t_first, 0) && near(log.streams[0]->last->t0, 2 * 1.001));
	CHECK(!log.end_settled); /* one stamped payload is too few */
	ep_arena_free(&arena);
	close_log(whole);
	free(exact);
	free(blob.bytes);
}

/* STPS stamps each sample; what it leaves out is spread evenly. */
static void
stamps_of_samples_are_their_time(void)
{
	uint8_t stamps[24] = {
		[6] = 0x27, [7] = 0x10, [14] = 0x4e, [15] = 0x20, [21] = 1, [22] = 0x86, [23] = 0xa0};
	uint8_t buffer[200];
	uint8_t *at = buffer;
	EpGpmfSample s;
	Opened *o;

	put(&at, "DEVC", 0, 4, 0, NULL);
	put(&at, "STRM", 0, 4, 0, NULL);
	put(&at, "STPS", 'J', 8, 3, stamps); /* 10, 20, 100 ms */
	put(&at, "DATA", 'B', 1, 4, "\1\2\3\4");
	close_nest(buffer + 8, 4, at);
	close_nest(buffer, 4, at);
	o = open_bytes(buffer, (size_t) (at - buffer));
	CHECK(o->code == EP_OK && stream_of(o, "DATA")->clock == EP_GPMF_CLOCK_STMP);
	CHECK(sample_of(o, "DATA", 0, &s) && near(s.t, 0));
	CHECK(sample_of(o, "DATA", 1, &s) && near(s.t, 0.01));
	CHECK(sample_of(o, "DATA", 2, &s) && near(s.t, 0.09));
	CHECK(sample_of(o, "DATA", 3, &s) && near(s.t, 3 * EP_GPMF_PERIOD / 4));
	close_log(o);
}

static void
drone_time_is_joined_by_syst(void)
{
	Blob blob = load("drone");
	Opened *o = open_bytes(blob.bytes, blob.length);
	EpGpmfSample s;

	CHECK(o->log.utc == EP_GPMF_UTC_SYST && o->log.started_at == INT64_C(1600000000000000));
	CHECK(sample_of(o, "GLPI", 3, &s) && near(s.t, 1.25) && s.at == INT64_C(1600000001250000));
	CHECK(sample_of(o, "VFRH", 3, &s) && near(s.t, 1.25) && s.at == INT64_C(1600000001250000));
	CHECK(sample_of(o, "ATTR", 1, &s) && near(s.t, 1) && s.values[0] == 101000); /* as the firmware says it */
	CHECK(sample_of(o, "GYRO", 8, &s) && near(s.t, 2));                          /* TICK wrapped in between */
	CHECK(o->log.devices[1]->firmware.length == 5);
	close_log(o);
	free(blob.bytes);
}

static void
gpsu_garbage_is_no_time(void)
{
	int64_t at;

	CHECK(ep_gpmf_utc((const uint8_t *) "000229235960.000", 16, &at) && at == INT64_C(951868800000000));
	CHECK(ep_gpmf_utc((const uint8_t *) "991231000000.001", 16, &at) && at == INT64_C(4102358400001000));
	CHECK(!ep_gpmf_utc((const uint8_t *) "010229000000.000", 16, &at));
	CHECK(!ep_gpmf_utc((const uint8_t *) "011301000000.000", 16, &at));
	CHECK(!ep_gpmf_utc((const uint8_t *) "010001000000.000", 16, &at));
	CHECK(!ep_gpmf_utc((const uint8_t *) "010100000000.000", 16, &at));
	CHECK(!ep_gpmf_utc((const uint8_t *) "010101240000.000", 16, &at));
	CHECK(!ep_gpmf_utc((const uint8_t *) "5509100082240400", 16, &at));
	CHECK(!ep_gpmf_utc((const uint8_t *) "010101000000.00", 15, &at));
}

int
main(void)
{
	RUN(time_comes_from_the_best_clock);
	RUN(a_head_tells_the_start);
	RUN(a_tail_is_found_and_joined);
	RUN(stamps_of_samples_are_their_time);
	RUN(drone_time_is_joined_by_syst);
	RUN(gpsu_garbage_is_no_time);
	return unit_done();
}
