/*
 * test_gpmf.c
 *	  GPMF: structure, streams, values, events, and what hostile bytes cost.
 *
 * Runs at the top of the repository; the logs are those of test/data/gen_gpmf.py.
 */
#include "format/format.h"
#include "format/gpmf/gpmf_quirks.h"
#include "gpmf.h"

static EpCode
validate(const void *bytes, size_t length, size_t *offset)
{
	EpError error = {0};
	EpCode code = ep_gpmf_validate(bytes, length, &error);

	*offset = error.offset;
	return code;
}

static void
structure_is_checked(void)
{
	uint8_t buffer[600] = {0};
	uint8_t *at = buffer;
	size_t offset;

	CHECK(validate("", 0, &offset) == EP_E_MISSING);
	CHECK(validate("DEV", 3, &offset) == EP_E_TRUNCATED && offset == 0);
	CHECK(validate("STRM\0\1\0\0", 8, &offset) == EP_E_SYNTAX);
	CHECK(validate("DEVC\0\1\0\0", 8, &offset) == EP_OK);
	CHECK(validate("DEVC\0\1\0\4abcd", 12, &offset) == EP_E_TRUNCATED && offset == 8);
	CHECK(validate("DEVC\0\1\0\10ab-dL\4\0\0", 16, &offset) == EP_E_SYNTAX && offset == 8);
	CHECK(validate("DEVC\0\1\0\10abcdL\0\0\1", 16, &offset) == EP_E_STRUCTURE && offset == 8);
	CHECK(validate("DEVC\0\1\0\10abcdL\0\0\0\0\0\0\0", 20, &offset) == EP_OK);
	CHECK(validate("DEVC\0\1\0\10abcdL\0\0\0\0\0\1", 19, &offset) == EP_E_TRUNCATED && offset == 16);
	CHECK(validate("DEVC\0\1\0\10abcdL\xff\xff\xff", 16, &offset) == EP_E_TRUNCATED && offset == 8);
	CHECK(validate("DEVC\0\xff\xff\xff", 8, &offset) == EP_E_TRUNCATED && offset == 0);
	for (int depth = 20; depth > 0; depth--)
		put(&at, depth == 20 ? "DEVC" : "STRM", 0, 4, (depth - 1) * 2, NULL), at -= (depth - 1) * 8;
	CHECK(validate(buffer, 160, &offset) == EP_E_DEPTH);
	CHECK(ep_gpmf_validate(buffer, EP_GPMF_MAX_BYTES + 1, &(EpError){0}) == EP_E_LIMIT);
}

static void
values_are_scaled_and_turned(void)
{
	Blob blob = load("camera");
	Opened *o = open_bytes(blob.bytes, blob.length);
	EpGpmfSample s;

	CHECK(o->code == EP_OK && o->log.payloads == 3 && o->log.fault.code == EP_OK);
	CHECK(sample_of(o, "ACCL", 11, &s)); /* raw (101, -1, 4101), "YxZ" -> "ZXY" */
	CHECK(s.payload == 1 && s.sample == 1 && s.count == 3);
	CHECK(s.values[0] == 4101.0 / 418.0 && s.values[1] == 1.0 / 418.0 && s.values[2] == 101.0 / 418.0);
	CHECK(sample_of(o, "GPS9", 0, &s) && s.values[0] == 594000000.0 / 10000000.0 && s.values[7] == 1.5);
	CHECK(sample_of(o, "FACE", 2, &s) && s.klv == 2 && s.sample == 0 && s.count == 9);
	CHECK(stream_of(o, "FACE")->klvs == 9 && stream_of(o, "FACE")->samples == 9);
	CHECK(sample_of(o, "NOTE", 2, &s) && s.label.length == 7 &&
		  memcmp(s.label.bytes, "caf\xc3\xa9 2", 7) == 0);
	CHECK(stream_of(o, "pr 1") != NULL && stream_of(o, "pr 1")->known == NULL);
	close_log(o);
	free(blob.bytes);
}

static void
odd_streams_are_read_or_refused_by_name(void)
{
	Blob blob = load("odd");
	Opened *o = open_bytes(blob.bytes, blob.length);
	EpGpmfSample s;

	CHECK(sample_of(o, "ZERO", 0, &s) && isinf(s.values[0]) && isnan(s.values[1]) && isinf(s.values[2]));
	CHECK(sample_of(o, "TURN", 0, &s) && s.values[0] == 1 && s.values[1] == 6 && s.values[2] == 9);
	CHECK(sample_of(o, "NINE", 0, &s) && s.count == 9 && s.values[8] == 16);
	CHECK(!sample_of(o, "WIDE", 0, &s) && o->code == EP_E_LIMIT);
	CHECK(!sample_of(o, "PACK", 0, &s) && o->code == EP_E_UNSUPPORTED && stream_of(o, "PACK")->samples == 3);
	CHECK(!sample_of(o, "PACK", 1, &s));
	CHECK(!sample_of(o, "BADS", 0, &s) && o->code == EP_E_STRUCTURE);
	CHECK(!sample_of(o, "BADT", 0, &s) && o->code == EP_E_TYPE);
	CHECK_TEXT(stream_of(o, "MIXD")->types, "sssFcc");
	CHECK(sample_of(o, "LATE", 1, &s) && s.values[0] == 2 && s.values[1] == 1.5);
	CHECK(sample_of(o, "HUGE", 0, &s) && s.values[0] == 18446744073709551615.0);
	CHECK(sample_of(o, "FIXQ", 1, &s) && s.values[0] == -0.5);
	CHECK(o->log.streams[12]->key == o->log.streams[13]->key && o->log.streams[13]->samples == 1);
	close_log(o);
	free(blob.bytes);
}

/* A log with one stream: 1000 samples of three numbers of a type, under so many divisors. */
static Blob
numbers(char type, int divisors)
{
	static uint8_t value[3 * 8 * 1000];
	Blob blob = {malloc(sizeof value + 100), 0};
	uint8_t *at = blob.bytes;

	for (size_t i = 0; i < sizeof value; i++)
		value[i] = (uint8_t) (i * 151 + i / 256);
	put(&at, "DEVC", 0, 4, 0, NULL);
	put(&at, "STRM", 0, 4, 0, NULL);
	put(&at, "SCAL", 's', 2, divisors, "\0\7\0\13\377\375");
	put(&at, "DATA", type, 3 * (int) ep_gpmf_type_size((uint8_t) type), 1000, value);
	close_nest(blob.bytes + 8, 4, at);
	close_nest(blob.bytes, 4, at);
	blob.length = (size_t) (at - blob.bytes);
	return blob;
}

/* Whether the log's only stream gives, run by run, its numbers divided one by one. */
static bool
runs_are_exact(Opened *o, char type)
{
	static const double divisors[] = {7, 11, -3};
	unsigned size = ep_gpmf_type_size((uint8_t) type);
	uint32_t samples = 0;
	bool exact = true;
	EpGpmfRun run;

	ep_gpmf_read_stream(&o->reader, o->log.streams[0]);
	while (ep_gpmf_read_run(&o->reader, &run, &o->error) == EP_OK)
	{
		exact &= run.count == 3 && run.sample == samples && run.klv == 0;
		for (uint32_t i = 0; i < run.samples * 3; i++)
		{
			double value = ep_gpmf_number((uint8_t) type, run.bytes + i * size) /
						   divisors[o->log.streams[0]->sticky.scal.repeat == 1 ? 0 : i % 3];

			exact &=
				memcmp(&value, &run.values[i], sizeof value) == 0 || (isnan(value) && isnan(run.values[i]));
		}
		samples += run.samples;
	}
	return exact && samples == 1000;
}

static void
runs_are_exact_for_every_type(void)
{
	for (const char *type = "bBsSlLfqjJdQ"; *type != '\0'; type++)
		for (int divisors = 1; divisors <= 3; divisors += 2)
		{
			Blob blob = numbers(*type, divisors);
			Opened *o = open_bytes(blob.bytes, blob.length);
			EpGpmfSample s;

			CHECK(o->code == EP_OK && runs_are_exact(o, *type));
			CHECK(sample_of(o, "DATA", 999, &s) && s.sample == 999 && !sample_of(o, "DATA", 1000, &s));
			close_log(o);
			free(blob.bytes);
		}
}

/* Bytes between samples are nobody's, and a text is no number however it is divided. */
static void
gaps_and_texts_are_not_numbers(void)
{
	static const EpGpmfSticky none;
	EpGpmfSticky sticky = none;
	EpGpmfLayout *layout = calloc(1, sizeof *layout);
	EpGpmfKlv data = {
		.value = (const uint8_t *) "\0\1\0\2x\0\3\0\4y", .type = 's', .size = 5, .repeat = 2, .length = 10};
	double values[4];
	EpError error;

	CHECK(ep_gpmf_layout_build(layout, &data, &sticky, &error) == EP_OK && layout->count == 2);
	ep_gpmf_layout_decode(layout, data.value, 2, values);
	CHECK(values[0] == 1 && values[1] == 2 && values[2] == 3 && values[3] == 4);
	data =
		(EpGpmfKlv){.value = (const uint8_t *) "ABCDEFGH", .type = 'F', .size = 4, .repeat = 2, .length = 8};
	sticky.scal =
		(EpGpmfKlv){.value = (const uint8_t *) "\0", .type = 'B', .size = 1, .repeat = 1, .length = 1};
	CHECK(ep_gpmf_layout_build(layout, &data, &sticky, &error) == EP_OK && layout->count == 1);
	ep_gpmf_layout_decode(layout, data.value, 2, values);
	CHECK(values[0] == 0 && values[1] == 0);
	free(layout);
}

/* ---- as a format ---- */

typedef struct Tally
{
	int devices;
	int samples;
	int refusals;
	size_t offset; /* of the last refusal */
	EpCode code;   /* likewise */
	EpCode opened;
	int columns; /* of the last sample */
	bool clock_missing;
} Tally;

static Tally
decode(const void *bytes, size_t length, const char *const *options)
{
	EpPathTree paths;
	EpArena arenas[3];
	EpDecoder d = {.format = &ep_gpmf_format, .paths = &paths, .options = options};
	EpEvent event;
	EpCode code;
	Tally tally = {0};

	CHECK(ep_path_tree_init(&paths, ep_malloc_allocator, 500));
	for (int i = 0; i < 3; i++)
		ep_arena_init(&arenas[i], ep_malloc_allocator, (size_t) 256 << 20);
	d.arena = &arenas[0], d.payload = &arenas[1], d.lasting = &arenas[2];
	CHECK(d.format->begin(&d) == EP_OK);
	tally.opened = code = d.format->open(&d, bytes, length);
	while (code == EP_OK)
	{
		ep_arena_reset(&arenas[0]);
		code = d.format->next(&d, &event);
		if (code == EP_DONE)
			break;
		if (code != EP_OK)
		{
			tally.refusals++;
			tally.offset = d.error.offset;
			tally.code = code;
			code = EP_OK;
			continue;
		}
		if (event.route == NULL)
			tally.devices++;
		else
			tally.samples++;
		tally.columns = (int) event.field_count;
		tally.clock_missing = event.time_basis == EP_TIME_ARRIVAL;
	}
	for (int i = 0; i < 3; i++)
		ep_arena_free(&arenas[i]);
	ep_path_tree_free(&paths);
	return tally;
}

static void
a_log_becomes_device_and_sample_events(void)
{
	static const char *const accl[] = {"fourccs", " accl , GPS9", NULL};
	static const char *const none[] = {"fourccs", "NONE", NULL};
	static const char *const spaced[] = {"fourccs", "PR 1", NULL};
	Blob blob = load("camera");
	Tally t = decode(blob.bytes, blob.length, NULL);

	CHECK(t.devices == 1 && t.samples == 23 + 6 + 9 + 9 + 3 + 6 && t.refusals == 0 && !t.clock_missing);
	t = decode(blob.bytes, blob.length, accl);
	CHECK(t.devices == 1 && t.samples == 23 + 6 && t.columns == 6 + 9);
	CHECK(decode(blob.bytes, blob.length, none).samples == 0);
	CHECK(decode(blob.bytes, blob.length, spaced).samples == 6);
	free(blob.bytes);
	blob = load("odd");
	t = decode(blob.bytes, blob.length, NULL);
	CHECK(t.devices == 1 && t.refusals == 4 && t.clock_missing && t.columns == 6 + 1 + 1);
	free(blob.bytes);
}

static void
a_cut_log_keeps_what_is_whole(void)
{
	Blob blob = load("camera");
	Tally before = {0};

	for (size_t length = 0; length <= blob.length; length++)
	{
		uint8_t *exact = malloc(length + 1); /* so that reading past the end is seen */
		Tally t;

		memcpy(exact, blob.bytes, length);
		exact = realloc(exact, length > 0 ? length : 1);
		t = decode(exact, length, NULL);
		CHECK(t.samples >= before.samples);
		CHECK(t.opened != EP_OK || t.refusals == 0 || (t.refusals == 1 && t.offset <= length));
		CHECK(t.refusals == 0 || t.code == EP_E_TRUNCATED);
		CHECK(t.opened == EP_OK || t.samples == 0);
		before = t;
		free(exact);
	}
	CHECK(before.refusals == 0 && before.samples == 56);
	free(blob.bytes);
}

/* The rest of a cut log is told from the first STRM (or DEVC) that is not whole. */
static void
the_offset_of_a_cut_is_that_of_its_stream(void)
{
	Blob blob = load("camera");
	size_t length = blob.length;
	EpCursor level = ep_cursor(blob.bytes, length);
	EpGpmfKlv klv = {0};
	EpError error;
	Opened *o;

	while (ep_gpmf_klv_next(&level, &klv, &error) == EP_OK) /* to the last DEVC */
		;
	level = ep_gpmf_klv_cursor(&level, &klv);
	while (ep_gpmf_klv_next(&level, &klv, &error) == EP_OK) /* to its last STRM */
		;
	for (size_t cut = klv.offset + 1; cut < length; cut++)
	{
		o = open_bytes(blob.bytes, cut);
		CHECK(o->code == EP_OK && o->log.fault.code == EP_E_TRUNCATED);
		CHECK(o->log.readable == klv.offset && o->log.fault.offset == klv.offset);
		CHECK(o->log.payloads == 3 && stream_of(o, "NOTE")->payloads == 3);
		close_log(o);
	}
	free(blob.bytes);
}

static EpCode
expand(const char *type, int size, uint16_t *count)
{
	uint8_t types[EP_GPMF_MAX_ELEMENTS];
	EpGpmfKlv data = {.value = (const uint8_t *) "", .type = '?', .size = (uint8_t) size};
	EpGpmfKlv klv = {
		.value = (const uint8_t *) type, .type = 'c', .size = 1, .length = (uint32_t) strlen(type)};
	EpError error;

	return ep_gpmf_expand_type(&data, &klv, types, count, &error);
}

static void
types_expand_to_what_a_sample_holds(void)
{
	uint16_t count;

	CHECK(expand("f[8]L", 36, &count) == EP_OK && count == 9);
	CHECK(expand("b[255]", 255, &count) == EP_OK && count == 255);
	CHECK(expand("b[256]", 255, &count) == EP_E_TYPE);
	CHECK(expand("b[255]b", 255, &count) == EP_E_TYPE);
	CHECK(expand("f[99999999999999999999]", 4, &count) == EP_E_TYPE);
	CHECK(expand("f[]", 4, &count) == EP_E_TYPE);
	CHECK(expand("f[1", 4, &count) == EP_E_TYPE && expand("f[", 4, &count) == EP_E_TYPE);
	CHECK(expand("f[0]", 4, &count) == EP_E_TYPE && expand("", 0, &count) == EP_E_TYPE);
	CHECK(expand("[2]f", 8, &count) == EP_E_UNSUPPORTED && expand("?", 1, &count) == EP_E_UNSUPPORTED);
	CHECK(expand("ff", 12, &count) == EP_E_TYPE);
}

/* Every byte of a log overwritten by every of some values: nothing but an end may come of it. */
static void
damage_is_survived(void)
{
	static const uint8_t values[] = {0, 1, 4, '?', 'J', 0x7f, 0xff};
	Blob blob = load("drone");

	for (size_t i = 0; i < blob.length; i += 3)
		for (size_t v = 0; v < sizeof values; v++)
		{
			uint8_t kept = blob.bytes[i];

			blob.bytes[i] = values[v];
			(void) decode(blob.bytes, blob.length, NULL);
			blob.bytes[i] = kept;
		}
	CHECK(decode(blob.bytes, blob.length, NULL).samples > 0);
	free(blob.bytes);
}

/* ---- what hostile bytes cost, in headers read: the linker lets these stand before the decoder's own ---- */

static size_t headers_read;
static size_t bytes_validated;

extern EpCode __real_ep_gpmf_klv_next(EpCursor *level, EpGpmfKlv *klv, EpError *error);
extern EpCode __wrap_ep_gpmf_klv_next(EpCursor *level, EpGpmfKlv *klv, EpError *error);
extern EpCode __real_ep_gpmf_validate_nest(EpCursor content, int depth, uint32_t *last, EpError *error);
extern EpCode __wrap_ep_gpmf_validate_nest(EpCursor content, int depth, uint32_t *last, EpError *error);

EpCode
__wrap_ep_gpmf_klv_next(EpCursor *level, EpGpmfKlv *klv, EpError *error)
{
	headers_read++;
	return __real_ep_gpmf_klv_next(level, klv, error);
}

EpCode
__wrap_ep_gpmf_validate_nest(EpCursor content, int depth, uint32_t *last, EpError *error)
{
	bytes_validated += ep_cursor_left(&content);
	return __real_ep_gpmf_validate_nest(content, depth, last, error);
}

/* One STRM filled with FACE KLVs of so many samples, about size bytes. */
static Blob
faces(size_t size, int samples)
{
	Blob blob = {malloc(size + 1000), 0};
	uint8_t *at = blob.bytes;
	uint8_t *strm;

	put(&at, "DEVC", 0, 64, 0, NULL);
	put(&at, "DVID", 'L', 4, 1, "\0\0\0\1");
	put(&at, "FREE", 'c', 1, 36, NULL); /* so that both nests are of 64 bytes each */
	strm = at;
	put(&at, "STRM", 0, 64, 0, NULL);
	put(&at, "TYPE", 'c', 1, 5, "Lffff");
	while ((size_t) (at - strm - 8) < size || (at - strm - 8) % 64 != 0)
		put(&at, "FACE", '?', 20, samples, NULL);
	close_nest(strm, 64, at);
	close_nest(blob.bytes, 64, at);
	blob.length = (size_t) (at - blob.bytes);
	return blob;
}

/* Steps to decode such a log: the work must be in proportion to its headers, whatever they hold. */
static size_t
steps_to_decode(size_t size, int samples)
{
	Blob blob = faces(size, samples);
	size_t headers = size / (8 + 20 * (size_t) samples);
	Tally t;

	headers_read = bytes_validated = 0;
	t = decode(blob.bytes, blob.length, NULL);
	CHECK(t.opened == EP_OK && t.refusals == 0 && t.devices == 1);
	CHECK(samples == 0 ? t.samples == 0 : t.samples >= (int) headers * samples);
	CHECK(bytes_validated <= blob.length);
	CHECK(headers_read > headers && headers_read < 4 * headers + 100);
	free(blob.bytes);
	return headers_read;
}

static void
empty_faces_cost_what_any_bytes_cost(void)
{
	size_t small = steps_to_decode(256000, 0);
	size_t large = steps_to_decode(1024000, 0);

	CHECK(large > 3 * small && large < 5 * small); /* four times the bytes, four times the steps */
	CHECK(steps_to_decode(1024000, 10) < large);
}

static void
many_streams_are_refused_not_searched(void)
{
	Blob blob = {malloc(100000), 0};
	uint8_t *at = blob.bytes;
	EpError error = {0};

	put(&at, "DEVC", 0, 4, 0, NULL);
	for (int i = 0; i < 2000; i++)
	{
		char key[] = {'K', (char) ('a' + i / 400), (char) ('a' + i / 20 % 20), (char) ('a' + i % 20)};

		put(&at, "STRM", 0, 4, 3, NULL);
		at -= 12;
		put(&at, key, 'B', 1, 1, "\1");
	}
	close_nest(blob.bytes, 4, at);
	blob.length = (size_t) (at - blob.bytes);
	CHECK(ep_gpmf_validate(blob.bytes, blob.length, &error) == EP_OK);
	CHECK(decode(blob.bytes, blob.length, NULL).opened == EP_E_LIMIT);
	free(blob.bytes);
}

/* Compressed samples claim a number that no bytes stand for: nothing is allocated for them. */
static void
claims_take_no_memory(void)
{
	Blob blob = {malloc(200000), 0};
	uint8_t *at = blob.bytes;
	Opened *o;

	for (int payload = 0; payload < 1000; payload++)
	{
		uint8_t *devc = at;

		put(&at, "DEVC", 0, 4, 0, NULL);
		for (int i = 0; i < 2; i++)
		{
			uint8_t *strm = at;

			put(&at, "STRM", 0, 4, 0, NULL);
			put(&at, "TYPE", 'c', 1, i == 0 ? 9 : 6, i == 0 ? "LllllsssS" : "ffffsS");
			if (payload == 0 || i == 1)
				put(&at, i == 0 ? "GLPI" : "VFRH", '?', i == 0 ? 28 : 20, 1, NULL);
			else
				put(&at, "GLPI", '#', 1, 4, "?\34\377\377");
			close_nest(strm, 4, at);
		}
		close_nest(devc, 4, at);
	}
	blob.length = (size_t) (at - blob.bytes);
	o = open_bytes(blob.bytes, blob.length);
	CHECK(o->code == EP_OK && stream_of(o, "GLPI")->samples == 1 + 999 * 65535);
	CHECK(o->arena.used < 10 * blob.length);
	close_log(o);
	free(blob.bytes);
}

/* The column of a corrected element is another one, or means what its namesake means. */
static void
corrected_column_is_new_or_the_same(const EpGpmfKnown *known, unsigned element)
{
	const EpGpmfQuirk *quirk = ep_gpmf_quirk_of(known->fourcc, element);

	if (quirk == NULL)
		return;
	CHECK(strcmp(quirk->column.name, known->columns[element].name) != 0);
	for (const EpGpmfKnown *b = ep_gpmf_known_all(); b->fourcc != NULL; b++)
		for (unsigned j = 0; j < b->count; j++)
			if (strcmp(quirk->column.name, b->columns[j].name) == 0)
			{
				CHECK_TEXT(quirk->column.comment, b->columns[j].comment);
				CHECK_TEXT(quirk->column.unit, b->columns[j].unit);
			}
}

static void
one_name_has_one_meaning(void)
{
	for (const EpGpmfKnown *a = ep_gpmf_known_all(); a->fourcc != NULL; a++)
	{
		CHECK(strlen(a->fourcc) == 4 && (a->count > 0) == (a->columns != NULL));
		CHECK(a->types == NULL || strlen(a->types) == a->count);
		for (unsigned i = 0; i < a->count; i++)
			for (const EpGpmfKnown *b = ep_gpmf_known_all(); b->fourcc != NULL; b++)
				for (unsigned j = 0; j < b->count; j++)
					if (strcmp(a->columns[i].name, b->columns[j].name) == 0)
					{
						CHECK_TEXT(a->columns[i].comment, b->columns[j].comment);
						CHECK_TEXT(a->columns[i].unit, b->columns[j].unit);
						CHECK(a != b || i == j);
					}
		for (const EpGpmfKnown *a = ep_gpmf_known_all(); a->fourcc != NULL; a++)
			for (unsigned i = 0; i < a->count; i++)
				corrected_column_is_new_or_the_same(a, i);
	}
}

int
main(void)
{
	RUN(structure_is_checked);
	RUN(values_are_scaled_and_turned);
	RUN(odd_streams_are_read_or_refused_by_name);
	RUN(runs_are_exact_for_every_type);
	RUN(gaps_and_texts_are_not_numbers);
	RUN(a_log_becomes_device_and_sample_events);
	RUN(a_cut_log_keeps_what_is_whole);
	RUN(damage_is_survived);
	RUN(empty_faces_cost_what_any_bytes_cost);
	RUN(many_streams_are_refused_not_searched);
	RUN(claims_take_no_memory);
	RUN(types_expand_to_what_a_sample_holds);
	RUN(the_offset_of_a_cut_is_that_of_its_stream);
	RUN(one_name_has_one_meaning);
	return unit_done();
}
