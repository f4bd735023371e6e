/*
 * test_protobuf.c
 *	  Decoding protobuf: the rules of the wire, columns, ProtoJSON, refusals.
 */
#include "protobuf.h"

static EpArena lasting, arena;
static const EpProtoSchema *corners, *events;

static char json_text[1 << 16];
static EpError json_error;

/* "08 01" to bytes. */
static size_t
from_hex(const char *hex, uint8_t *bytes)
{
	size_t n = 0;
	unsigned byte;
	int used;

	while (sscanf(hex, "%2x%n", &byte, &used) == 1)
	{
		bytes[n++] = (uint8_t) byte;
		hex += used;
	}
	return n;
}

/* ProtoJSON of a message given in hex, or the reason of its refusal. */
static const char *
json_of(const char *type, const char *hex, bool always_print)
{
	uint8_t bytes[4096];
	size_t length = from_hex(hex, bytes);
	EpProtoWriter writer;
	EpCode code;

	ep_arena_reset(&arena);
	ep_protobuf_writer_init(&writer, &arena, bytes, &json_error);
	writer.always_print = always_print;
	code = ep_protobuf_write_json(&writer, message_of(corners, type), bytes, length);
	if (code != EP_OK)
		return json_error.message;
	snprintf(json_text, sizeof json_text, "%.*s", (int) writer.length, writer.text);
	return json_text;
}

static const char *
all(const char *hex)
{
	return json_of("corners.v3.All", hex, false);
}

static const char *
old(const char *hex)
{
	return json_of("corners.v2.Old", hex, false);
}

static void
varints_may_be_padded_and_long(void)
{
	CHECK_TEXT(all("08 81 80 00"), "{\"i32\":1}");
	CHECK_TEXT(all("08 ff ff ff ff ff ff ff ff ff 01"), "{\"i32\":-1}");
	CHECK_TEXT(all("08 ff ff ff ff 0f"), "{\"i32\":-1}");
	CHECK_TEXT(all("08 ff ff ff ff 1f"), "{\"i32\":-1}");
	CHECK_TEXT(all("88 80 00 01"), "{\"i32\":1}");
	CHECK_TEXT(all("68 80 80 80 80 10"), "{\"flag\":true}");
	CHECK_TEXT(all("08 80 80 80 80 80 80 80 80 80 80 00"),
			   "protobuf varint is cut short or longer than 10 bytes");
	CHECK_TEXT(all("08 80"), "protobuf varint is cut short or longer than 10 bytes");
	CHECK_TEXT(all("88 80 80 80 80 00 01"), "protobuf tag is longer than 32 bits");
	CHECK_TEXT(all("00 01"), "protobuf field number 0");
	CHECK_TEXT(all("0e"), "protobuf wire type does not exist");
}

static void
numbers_are_exact(void)
{
	CHECK_TEXT(all("10 ff ff ff ff ff ff ff ff 7f 20 ff ff ff ff ff ff ff ff ff 01"),
			   "{\"i64\":\"9223372036854775807\",\"u64\":\"18446744073709551615\"}");
	CHECK_TEXT(all("28 01 30 02"), "{\"s32\":-1,\"s64\":\"1\"}");
	CHECK_TEXT(all("3d ff ff ff ff 41 ff ff ff ff ff ff ff ff"),
			   "{\"f32\":4294967295,\"f64\":\"18446744073709551615\"}");
	CHECK_TEXT(all("4d ff ff ff ff 51 00 00 00 00 00 00 00 80"),
			   "{\"sf32\":-1,\"sf64\":\"-9223372036854775808\"}");
	CHECK_TEXT(all("5d cd cc cc 3d"), "{\"flt\":0.1}");
	CHECK_TEXT(all("61 9a 99 99 99 99 99 b9 3f"), "{\"dbl\":0.1}");
	CHECK_TEXT(all("61 01 00 00 00 00 00 00 00"), "{\"dbl\":5e-324}");
	CHECK_TEXT(all("61 00 00 00 00 00 00 00 80"), "{\"dbl\":-0}");
	CHECK_TEXT(all("5d 00 00 c0 7f 61 00 00 00 00 00 00 f0 ff"), "{\"flt\":\"NaN\",\"dbl\":\"-Infinity\"}");
	CHECK_TEXT(all("7a 04 00 ff fe 01"), "{\"raw\":\"AP/+AQ==\"}");
	CHECK_TEXT(all("f8 ff ff ff 0f 07"), "{\"farAway\":7}");
	CHECK_TEXT(all("80 01 fb ff ff ff ff ff ff ff ff 01"), "{\"colour\":\"COLOUR_BLUE\"}");
	CHECK_TEXT(all("80 01 09"), "{\"colour\":9}");
}

static void
last_wins_and_messages_merge(void)
{
	CHECK_TEXT(all("08 01 08 02"), "{\"i32\":2}");
	CHECK_TEXT(all("8a 01 02 08 01 08 05 8a 01 03 12 01 78"), "{\"i32\":5,\"inner\":{\"a\":1,\"b\":\"x\"}}");
	CHECK_TEXT(all("8a 01 04 1a 02 01 02 8a 01 02 18 03"), "{\"inner\":{\"list\":[1,2,3]}}");
	CHECK_TEXT(all("8a 01 04 22 02 08 01 8a 01 05 22 03 12 01 79"),
			   "{\"inner\":{\"again\":{\"a\":1,\"b\":\"y\"}}}");
}

static void
packed_and_unpacked_mix(void)
{
	CHECK_TEXT(all("90 01 01 92 01 02 02 03 90 01 04"), "{\"rI32\":[1,2,3,4]}");
	CHECK_TEXT(all("92 01 00"), "{}");
	CHECK_TEXT(all("a2 01 08 00 00 00 00 00 00 f0 3f"), "{\"rDbl\":[1]}");
	CHECK_TEXT(all("a2 01 07 00 00 00 00 00 00 f0"), "packed protobuf values end inside a value");
	CHECK_TEXT(all("92 01 01 80"), "packed protobuf values end inside a value");
	CHECK_TEXT(all("d2 02 01"), "protobuf length runs past the end of its message");
}

static void
unknown_fields_are_skipped_but_checked(void)
{
	CHECK_TEXT(all("a0 3f 07 08 01"), "{\"i32\":1}");
	CHECK_TEXT(all("0a 01 78 10 05"), "{\"i64\":\"5\"}");      /* wrong wire type */
	CHECK_TEXT(all("a3 3f 08 01 a4 3f 08 02"), "{\"i32\":2}"); /* a group */
	CHECK_TEXT(all("a3 3f 08 01 ac 3f"), "protobuf group ends with another group's number");
	CHECK_TEXT(all("a3 3f 08 01"), "protobuf group is not ended");
	CHECK_TEXT(all("0c"), "protobuf group ends without having begun");
	CHECK_TEXT(all("8a 01 01 0c"), "protobuf group ends without having begun");
	CHECK_TEXT(all("a2 3f 05 01"), "protobuf length runs past the end of its message");
}

static void
oneofs_keep_the_last_case(void)
{
	CHECK_TEXT(all("da 01 01 78 e8 01 00"), "{\"cInt\":0}");
	CHECK_TEXT(all("e2 01 02 08 01 e2 01 03 12 01 78"), "{\"cInner\":{\"a\":1,\"b\":\"x\"}}");
	CHECK_TEXT(all("e2 01 02 08 01 e8 01 05 e2 01 03 12 01 78"), "{\"cInner\":{\"b\":\"x\"}}");
	CHECK_TEXT(all("f2 01 00"), "{\"cEmpty\":{}}");
	CHECK_TEXT(old("0a 01 69 38 01 40 05 38 02"), "{\"id\":\"i\",\"pInt\":5}"); /* 2 is no Size */
}

static void
maps_replace_and_default(void)
{
	CHECK_TEXT(all("ba 01 05 0a 01 61 10 01 ba 01 05 0a 01 62 10 02 ba 01 05 0a 01 61 10 03"),
			   "{\"mStr\":{\"b\":\"2\",\"a\":\"3\"}}");
	CHECK_TEXT(all("ba 01 00"), "{\"mStr\":{\"\":\"0\"}}");
	CHECK_TEXT(all("ba 01 05 10 07 0a 01 61"), "{\"mStr\":{\"a\":\"7\"}}");
	CHECK_TEXT(all("c2 01 02 08 02"), "{\"mBool\":{\"true\":{}}}");
	CHECK_TEXT(all("c2 01 08 08 01 12 02 08 05 12 00"), "{\"mBool\":{\"true\":{\"a\":5}}}");
	/* a message that is replaced is not shown, but well formed */
	CHECK_TEXT(all("c2 01 04 08 01 12 00 c2 01 06 08 01 12 02 08 05"), "{\"mBool\":{\"true\":{\"a\":5}}}");
	CHECK_TEXT(all("c2 01 05 08 01 12 01 08 c2 01 06 08 01 12 02 08 05"),
			   "protobuf varint is cut short or longer than 10 bytes");
	CHECK_TEXT(all("ca 01 04 08 07 10 01 ca 01 04 08 01 10 63"),
			   "{\"mInt\":{\"7\":\"COLOUR_RED\",\"1\":99}}");
	CHECK_TEXT(old("0a 01 69 22 05 0a 01 61 10 01 22 05 0a 01 62 10 09"),
			   "{\"id\":\"i\",\"byName\":{\"a\":\"GOOD\"}}");
}

static void
proto2_is_closed_grouped_and_required(void)
{
	CHECK_TEXT(old("10 01"), "required protobuf field is missing");
	CHECK_TEXT(old("0a 01 69 10 07 18 01 18 05 18 07"),
			   "{\"id\":\"i\",\"size\":\"LARGE\",\"sizes\":[\"SMALL\",\"LARGE\"]}");
	CHECK_TEXT(old("0a 01 69 10 05"), "{\"id\":\"i\"}");
	CHECK_TEXT(old("0a 01 69 1a 01 05"), "{\"id\":\"i\"}"); /* all elements unknown: no list */
	CHECK_TEXT(old("0a 01 69 2b 08 01 2c 2b 12 01 79 2c"), "{\"id\":\"i\",\"part\":{\"x\":1,\"y\":\"y\"}}");
	CHECK_TEXT(old("0a 01 69 33 08 01 34 33 34"), "{\"id\":\"i\",\"piece\":[{\"z\":1},{}]}");
	CHECK_TEXT(old("0a 01 69 a2 06 01 68"), "{\"id\":\"i\",\"[corners.v2.note]\":\"h\"}");
	CHECK_TEXT(old("0a 01 69 48 00"), "{\"id\":\"i\",\"n\":0}");
}

static void
texts_are_valid(void)
{
	CHECK_TEXT(all("72 03 22 5c 0a"), "{\"str\":\"\\\"\\\\\\n\"}");
	CHECK_TEXT(all("72 01 1f"), "{\"str\":\"\\u001f\"}");
	CHECK_TEXT(all("72 02 c3 a9"), "{\"str\":\"\xc3\xa9\"}");
	CHECK_TEXT(all("72 02 c0 80"), "protobuf string is not valid UTF-8");
	CHECK_TEXT(all("72 03 ed a0 80"), "protobuf string is not valid UTF-8");
	CHECK_TEXT(all("72 04 f4 90 80 80"), "protobuf string is not valid UTF-8");
	CHECK_TEXT(all("72 09 61 61 61 61 61 61 61 61 ff"), "protobuf string is not valid UTF-8");
	CHECK(json_error.offset == 10 && strcmp(json_error.path, "str") == 0);
	CHECK_TEXT(all("72 09 61 61 61 00 61 61 61 61 61"), "protobuf string holds U+0000");
	/* also when something replaces them */
	CHECK_TEXT(all("72 01 ff 72 01 61"), "protobuf string is not valid UTF-8");
	CHECK_TEXT(all("8a 01 05 22 03 12 01 a4 8a 01 05 22 03 12 01 79"), "protobuf string is not valid UTF-8");
	CHECK_TEXT(all("da 01 01 ff e8 01 05"), "protobuf string is not valid UTF-8");
	CHECK_TEXT(all("ba 01 06 0a 01 ff 0a 01 61"), "protobuf string is not valid UTF-8");
}

static void
well_known_types_have_their_json(void)
{
	CHECK_TEXT(all("fa 01 00"), "{\"at\":\"1970-01-01T00:00:00Z\"}");
	CHECK_TEXT(all("fa 01 04 08 01 10 01"), "{\"at\":\"1970-01-01T00:00:01.000000001Z\"}");
	CHECK_TEXT(all("fa 01 02 08 01 fa 01 04 10 c0 84 3d"), "{\"at\":\"1970-01-01T00:00:01.001Z\"}");
	CHECK_TEXT(all("fa 01 0b 08 80 92 b8 c3 98 fe ff ff ff 01"), "{\"at\":\"0001-01-01T00:00:00Z\"}");
	CHECK_TEXT(all("fa 01 0b 08 ff 91 b8 c3 98 fe ff ff ff 01"), "protobuf Timestamp is out of range");
	CHECK_TEXT(all("82 02 02 10 01"), "{\"took\":\"0.000000001s\"}");
	CHECK_TEXT(all("82 02 0b 10 80 b6 ca 91 fe ff ff ff ff 01"), "{\"took\":\"-0.500s\"}");
	CHECK_TEXT(all("8a 02 00 92 02 00"), "{\"wI64\":\"0\",\"wStr\":\"\"}");
	CHECK_TEXT(all("a2 02 0e 0a 0c 0a 01 6b 12 07 1a 05 68 65 6c 6c 6f"), "{\"st\":{\"k\":\"hello\"}}");
	CHECK_TEXT(all("aa 02 02 08 00"), "{\"val\":null}");
	CHECK_TEXT(all("aa 02 02 20 01"), "{\"val\":true}");
	CHECK_TEXT(all("aa 02 09 11 00 00 00 00 00 00 f8 3f"), "{\"val\":1.5}");
	CHECK_TEXT(all("aa 02 09 11 00 00 00 00 00 00 f8 7f"),
			   "protobuf Value holds a number that JSON cannot express");
	CHECK_TEXT(all("b2 02 08 0a 02 20 01 0a 02 08 00"), "{\"lv\":[true,null]}");
	CHECK_TEXT(all("c2 02 07 0a 05 61 5f 62 2e 63"), "{\"mask\":\"aB.c\"}");
	CHECK_TEXT(all("c2 02 04 0a 02 61 5f"), "protobuf FieldMask has a path that JSON cannot express");
	CHECK_TEXT(all("c8 02 00"), "{}");
	CHECK_TEXT(all("ba 02 17 0a 11 78 2f 63 6f 72 6e 65 72 73 2e 76 33 2e 49 6e 6e 65 12 02 08 05"),
			   "protobuf Any holds a type that the schema does not have");
	CHECK_TEXT(all("ba 02 18 0a 12 78 2f 63 6f 72 6e 65 72 73 2e 76 33 2e 49 6e 6e 65 72 12 02 08 05"),
			   "{\"any\":{\"@type\":\"x/corners.v3.Inner\",\"a\":5}}");
	CHECK_TEXT(all("ba 02 00"), "{\"any\":{}}");
}

static void
defaults_are_printed_on_request(void)
{
	CHECK_TEXT(json_of("corners.v3.Inner", "", true), "{\"a\":0,\"b\":\"\",\"list\":[]}");
	CHECK_TEXT(json_of("corners.v2.Old", "0a 01 69", true),
			   "{\"id\":\"i\",\"sizes\":[],\"byName\":{},\"piece\":[]}");
}

static void
nesting_ends_at_100(void)
{
	uint8_t bytes[1024];
	size_t n = 0;
	EpProtoWriter writer;

	for (int levels = 98; levels <= 101; levels++)
	{
		/* inner { again { ... } }, built from the inside; all shorter than 16384 */
		n = 0;
		for (int i = 0; i < levels; i++)
		{
			uint8_t head[4];
			size_t h = 0;

			if (i + 1 == levels)
				head[h++] = 0x8a, head[h++] = 0x01;
			else
				head[h++] = 0x22;
			if (n >= 128)
				head[h++] = (uint8_t) (n & 0x7f) | 0x80, head[h++] = (uint8_t) (n >> 7);
			else
				head[h++] = (uint8_t) n;
			memmove(bytes + h, bytes, n);
			memcpy(bytes, head, h);
			n += h;
		}
		ep_arena_reset(&arena);
		ep_protobuf_writer_init(&writer, &arena, bytes, &json_error);
		CHECK((ep_protobuf_write_json(&writer, message_of(corners, "corners.v3.All"), bytes, n) == EP_OK) ==
			  (levels <= 100));
	}
}

/* ---- events ---- */

static const char *
text_at(Bench *b, const char *path)
{
	const EpValue *value = value_of(b, path);
	static char text[256];

	if (value == NULL || value->kind == EP_NULL)
		return NULL;
	snprintf(text, sizeof text, "%.*s", (int) value->length, value->text);
	return text;
}

static void
columns_are_typed(void)
{
	uint8_t bytes[512];
	size_t n =
		from_hex("08 05 20 ff ff ff ff ff ff ff ff ff 01 5d cd cc cc 3d 80 01 01 8a 01 05 08 07 12 01 78"
				 " 92 01 02 01 02 ba 01 05 0a 01 6b 10 01 b2 01 02 08 09 fa 01 04 08 01 10 01 82 02 02 08 02"
				 " 8a 02 02 08 03 c2 02 05 0a 03 61 5f 62 e8 01 04",
				 bytes);
	Bench b;

	bench_open(&b, message_of(corners, "corners.v3.All"), NULL, bytes, n);
	CHECK(bench_next(&b) == EP_OK);
	CHECK(value_of(&b, "i32")->kind == EP_INT && value_of(&b, "i32")->as.i == 5);
	CHECK(value_of(&b, "u64")->kind == EP_UINT && value_of(&b, "u64")->as.u == UINT64_MAX);
	CHECK(value_of(&b, "flt")->kind == EP_FLOAT4 && value_of(&b, "flt")->as.f == 0.1f);
	CHECK_TEXT(text_at(&b, "colour"), "COLOUR_RED");
	CHECK(value_of(&b, "inner.a")->as.i == 7);
	CHECK_TEXT(text_at(&b, "inner.b"), "x");
	CHECK(value_of(&b, "inner.list")->kind == EP_ARRAY && value_of(&b, "inner.list")->count == 0);
	CHECK(value_of(&b, "r_i32")->count == 2 && value_of(&b, "r_i32")->as.items[1].as.i == 2);
	CHECK_TEXT(text_at(&b, "m_str"), "{\"k\":\"1\"}");
	CHECK_TEXT(text_at(&b, "m_int"), "{}");
	CHECK_TEXT(text_at(&b, "r_inner"), "[{\"a\":9}]");
	CHECK(value_of(&b, "at")->kind == EP_TIMESTAMP && value_of(&b, "at")->as.i == 1000000 &&
		  value_of(&b, "at")->nanos == 1);
	CHECK(value_of(&b, "took")->kind == EP_INTERVAL && value_of(&b, "took")->as.i == 2000000);
	CHECK(value_of(&b, "w_i64")->as.i == 3);
	CHECK(value_of(&b, "w_str")->kind == EP_NULL);
	CHECK(value_of(&b, "o_i32")->kind == EP_NULL);
	CHECK_TEXT(text_at(&b, "mask"), "aB");
	CHECK(value_of(&b, "c_int")->as.i == 4 && value_of(&b, "c_str")->kind == EP_NULL);
	CHECK_TEXT(text_at(&b, "str"), "");
	CHECK(value_of(&b, "i32")->kind == EP_INT && b.event.fields[0].path->type == EP_TYPE_INT4);
	CHECK_TEXT(b.event.fields[0].path->comment, "a comment\non two lines");
	CHECK(bench_next(&b) == EP_DONE);
	bench_close(&b);
}

/* again is of a type that is already open: one jsonb column. */
static void
recursion_becomes_json(void)
{
	uint8_t bytes[64];
	size_t n = from_hex("8a 01 04 22 02 08 01 8a 01 05 22 03 12 01 79", bytes);
	Bench b;

	bench_open(&b, message_of(corners, "corners.v3.All"), NULL, bytes, n);
	CHECK(bench_next(&b) == EP_OK);
	CHECK_TEXT(text_at(&b, "inner.again"), "{\"a\":1,\"b\":\"y\"}");
	bench_close(&b);
}

static void
a_lost_case_leaves_nothing(void)
{
	uint8_t bytes[64];
	size_t n = from_hex("e2 01 02 08 01 e8 01 05 e2 01 03 12 01 78", bytes);
	Bench b;

	bench_open(&b, message_of(corners, "corners.v3.All"), NULL, bytes, n);
	CHECK(bench_next(&b) == EP_OK);
	CHECK(value_of(&b, "c_inner.a")->as.i == 0);
	CHECK_TEXT(text_at(&b, "c_inner.b"), "x");
	CHECK(value_of(&b, "c_int")->kind == EP_NULL);
	bench_close(&b);
}

static void
wrong_messages_are_refused(void)
{
	static const char *const required[] = {"required", "event_id, occurred_at", NULL};
	uint8_t bytes[64];
	size_t n = from_hex("a0 3f 07", bytes);
	Bench b;

	bench_open(&b, message_of(corners, "corners.v3.All"), NULL, bytes, n);
	CHECK(bench_next(&b) == EP_E_TYPE);
	CHECK(bench_next(&b) == EP_DONE);
	bench_close(&b);
	n = from_hex("0a 01 78", bytes);
	bench_open(&b, message_of(events, "gopro.events.v1.Event"), required, bytes, n);
	CHECK(bench_next(&b) == EP_E_MISSING);
	CHECK_TEXT(b.decoder.error.path, "occurred_at");
	bench_close(&b);
	n = from_hex("0a 01 78 1a 00", bytes);
	bench_open(&b, message_of(events, "gopro.events.v1.Event"), required, bytes, n);
	CHECK(bench_next(&b) == EP_OK);
	bench_close(&b);
	n = from_hex("10 01", bytes);
	bench_open(&b, message_of(corners, "corners.v2.Old"), NULL, bytes, n);
	CHECK(bench_next(&b) == EP_E_MISSING);
	bench_close(&b);
}

static void
bad_frames_are_refused_alone(void)
{
	static const char *const delimited[] = {"framing", "delimited", NULL};
	uint8_t bytes[64];
	size_t n = from_hex("02 08 01 02 08 80 02 08 03 05 08", bytes);
	Bench b;

	bench_open(&b, message_of(corners, "corners.v3.All"), delimited, bytes, n);
	CHECK(bench_next(&b) == EP_OK && value_of(&b, "i32")->as.i == 1);
	CHECK(bench_next(&b) == EP_E_TRUNCATED && b.event.offset == 4 && b.event.length == 2);
	CHECK(bench_next(&b) == EP_OK && value_of(&b, "i32")->as.i == 3);
	CHECK(bench_next(&b) == EP_E_TRUNCATED && b.event.offset == 9 && b.event.length == 2);
	CHECK(bench_next(&b) == EP_DONE);
	bench_close(&b);
}

static void
all_events_decode(void)
{
	static const char *const delimited[] = {"framing", "delimited", NULL};
	File file = file_read("events.binpb");
	Bench b;
	int count = 0, takeoffs = 0;

	bench_open(&b, message_of(events, "gopro.events.v1.Event"), delimited, file.bytes, file.length);
	while (bench_next(&b) == EP_OK)
	{
		const EpValue *serial = value_of(&b, "drone_takeoff.drone_serial");

		count++;
		takeoffs += serial != NULL && serial->kind == EP_TEXT;
		ep_arena_reset(&b.payload);
	}
	CHECK(count == 1000 && takeoffs > 50);
	bench_close(&b);
	free(file.bytes);
}

/* How many events a payload gives when its framing is looked at; -1 when one is refused. */
static int
events_looked_at(const EpProtoMessage *message, const uint8_t *bytes, size_t length)
{
	static const char *const none[] = {NULL};
	Bench b;
	EpCode code;
	int count = 0;

	bench_open(&b, message, none, bytes, length);
	while ((code = bench_next(&b)) == EP_OK)
		count++;
	bench_close(&b);
	return code == EP_DONE ? count : -1;
}

static void
framing_is_seen(void)
{
	const EpProtoMessage *event = message_of(events, "gopro.events.v1.Event");
	File file = file_read("events.binpb");
	size_t at = 0;
	int plain = 0, framed = 0;

	CHECK(events_looked_at(event, file.bytes, file.length) == 1000);
	while (at < file.length) /* each of the messages by itself, without and with its length */
	{
		size_t start = at, length = 0;

		for (int shift = 0;; shift += 7)
		{
			length |= (size_t) (file.bytes[at] & 0x7f) << shift;
			if (file.bytes[at++] < 0x80)
				break;
		}
		plain += events_looked_at(event, file.bytes + at, length) == 1;
		framed += events_looked_at(event, file.bytes + start, at + length - start) == 1;
		at += length;
	}
	CHECK(plain == 1000);
	CHECK(framed == 1000);
	CHECK(events_looked_at(event, file.bytes, file.length - 1) == -1);
	free(file.bytes);
}

/* What the quick way gives as well, or why there is none. */
static EpCode
find_last(const char *hex, const char *path, uint64_t *bits)
{
	uint8_t bytes[256];
	size_t length = from_hex(hex, bytes);
	EpProtoPath found;
	EpProtoRecord record = {0};
	EpCode code;

	if (!ep_protobuf_find_path(message_of(corners, "corners.v3.All"), path, &found) ||
		!ep_protobuf_is_plain(&found))
		return EP_E_LIMIT;
	code = ep_protobuf_find_last(&found, bytes, length, &record);
	*bits = record.bits;
	return code;
}

static const char *
get(const char *hex, const char *path)
{
	uint8_t bytes[256];
	size_t length = from_hex(hex, bytes);
	EpProtoWriter writer;
	EpProtoPath found;
	EpCode code;

	if (!ep_protobuf_find_path(message_of(corners, "corners.v3.All"), path, &found))
		return "no such path";
	ep_arena_reset(&arena);
	ep_protobuf_writer_init(&writer, &arena, bytes, &json_error);
	code = ep_protobuf_get_path(&writer, &found, bytes, length);
	if (code == EP_DONE)
		return NULL;
	if (code != EP_OK)
		return json_error.message;
	snprintf(json_text, sizeof json_text, "%.*s", (int) writer.length, writer.length == 0 ? "" : writer.text);
	return json_text;
}

static void
one_path_is_read_alone(void)
{
	CHECK_TEXT(get("8a 01 02 08 01 8a 01 03 12 01 22", "inner.b"), "\"");
	CHECK_TEXT(get("8a 01 02 08 01", "inner"), "{\"a\":1}");
	CHECK_TEXT(get("8a 01 02 08 01", "inner.b"), "");
	CHECK_TEXT(get("", "inner.b"), NULL);
	CHECK_TEXT(get("", "o_i32"), NULL);
	CHECK_TEXT(get("10 05", "i64"), "5");
	CHECK_TEXT(get("10 05 10 06 12 01 00", "i64"), "6");
	CHECK_TEXT(get("10 05 0b", "i64"), "protobuf group is not ended");
	CHECK_TEXT(get("", "inner.nope"), "no such path");
	CHECK_TEXT(get("", "i32.nope"), "no such path");
	CHECK_TEXT(get("fa 01 00", "at"), "1970-01-01T00:00:00Z");
	CHECK_TEXT(get("9a 01 01 22", "r_str"), "[\"\\\"\"]");
	CHECK_TEXT(get("e2 01 02 08 01 e8 01 05", "c_inner.a"), NULL);
	CHECK_TEXT(get("e2 01 02 08 01 e8 01 05", "cInt"), "5");
	CHECK_TEXT(get("e2 01 02 08 01 e8 01 05 e2 01 03 12 01 41", "c_inner"), "{\"b\":\"A\"}");
	CHECK_TEXT(get("e2 01 02 08 01 e2 01 03 12 01 41", "c_inner"), "{\"a\":1,\"b\":\"A\"}");
	CHECK_TEXT(get("e2 01 02 08 01 ea 01 01 05", "c_inner.a"), "1");
}

static void
the_last_record_is_found_quickly(void)
{
	uint64_t bits = 0;

	CHECK(find_last("10 05 10 06 12 01 00", "i64", &bits) == EP_OK && bits == 6);
	CHECK(find_last("10 ff ff ff ff ff ff ff ff ff 01", "i64", &bits) == EP_OK && bits == UINT64_MAX);
	CHECK(find_last("8a 01 03 12 01 22 fa 01 00", "inner.b", &bits) == EP_OK && bits == 1);
	/* what is not there is zero, or absent when that can be told from zero */
	CHECK(find_last("08 05", "i64", &bits) == EP_OK && bits == 0);
	CHECK(find_last("8a 01 02 08 01", "inner.b", &bits) == EP_OK && bits == 0);
	CHECK(find_last("08 05", "inner.b", &bits) == EP_DONE);
	CHECK(find_last("08 05", "inner", &bits) == EP_DONE);
	CHECK(find_last("08 05", "o_i32", &bits) == EP_DONE);
	/* merged messages, padded tags, groups and faults are for the other way */
	CHECK(find_last("8a 01 02 08 01 8a 01 03 12 01 22", "inner.b", &bits) == EP_E_UNSUPPORTED);
	CHECK(find_last("90 80 00 05", "i64", &bits) == EP_E_UNSUPPORTED);
	CHECK(find_last("10 05 0b 0c", "i64", &bits) == EP_E_UNSUPPORTED);
	CHECK(find_last("10 05 00 01", "i64", &bits) == EP_E_UNSUPPORTED);
	CHECK(find_last("10 05 12 02 00", "i64", &bits) == EP_E_UNSUPPORTED);
	CHECK(find_last("10 ff ff ff ff ff ff ff ff ff ff 01", "i64", &bits) == EP_E_UNSUPPORTED);
	CHECK(find_last("10 05", "c_int", &bits) == EP_E_LIMIT);
	CHECK(find_last("10 05", "r_str", &bits) == EP_E_LIMIT);
}

static bool
always(void)
{
	return true;
}

/* A tag, and 128 KB of two bytes over and over as what has a length; a group has none, and an end. */
static File
long_field(const char *tag, const char *two, const char *end)
{
	File file = {malloc(200000), 0};
	uint8_t pair[2];

	file.length = from_hex(tag, file.bytes);
	if (end == NULL)
		file.length += from_hex("80 80 08", file.bytes + file.length);
	(void) from_hex(two, pair);
	for (int i = 0; i < 1 << 16; i++, file.length += 2)
		memcpy(file.bytes + file.length, pair, 2);
	if (end != NULL)
		file.length += from_hex(end, file.bytes + file.length);
	return file;
}

static void
stops_in(const char *type, File file)
{
	static const char *const options[] = {"framing", "none", NULL};
	EpProtoWriter writer;
	Bench b;

	bench_open(&b, message_of(corners, type), options, file.bytes, file.length);
	b.decoder.interrupted = always;
	CHECK(bench_next(&b) == EP_E_LIMIT);
	ep_protobuf_writer_init(&writer, &b.arena, file.bytes, &json_error);
	writer.interrupted = always;
	if (strcmp(type, "corners.v2.Old") == 0)
		CHECK(ep_protobuf_write_json(&writer, message_of(corners, type), file.bytes, file.length) ==
			  EP_E_LIMIT);
	bench_close(&b);
	free(file.bytes);
}

static void
an_interrupt_stops_each_loop(void)
{
	stops_in("corners.v2.Old",
			 long_field("0a 01 69 1a", "02 02", NULL)); /* a list of numbers that its enum has not */
	stops_in("corners.v2.Old", long_field("0a 01 69 22", "10 01", NULL)); /* an entry of a map */
	stops_in("corners.v3.All", long_field("92 01", "01 01", NULL));
	stops_in("corners.v3.All", long_field("fa 01", "08 01", NULL)); /* a Timestamp */
	stops_in("corners.v3.All", long_field("8a 02", "08 01", NULL)); /* a wrapper */
	ep_wire_interrupted = always;
	stops_in("corners.v2.Old", long_field("a3 3f", "08 01", "a4 3f")); /* an unknown group */
	ep_wire_interrupted = NULL;
}

int
main(void)
{
	ep_arena_init(&lasting, ep_malloc_allocator, (size_t) 256 << 20);
	ep_arena_init(&arena, ep_malloc_allocator, (size_t) 256 << 20);
	corners = schema_read("corners.pb", &lasting);
	events = schema_read("events.pb", &lasting);
	if (corners == NULL || events == NULL)
		return 1;
	RUN(varints_may_be_padded_and_long);
	RUN(numbers_are_exact);
	RUN(last_wins_and_messages_merge);
	RUN(packed_and_unpacked_mix);
	RUN(unknown_fields_are_skipped_but_checked);
	RUN(oneofs_keep_the_last_case);
	RUN(maps_replace_and_default);
	RUN(proto2_is_closed_grouped_and_required);
	RUN(texts_are_valid);
	RUN(well_known_types_have_their_json);
	RUN(defaults_are_printed_on_request);
	RUN(nesting_ends_at_100);
	RUN(columns_are_typed);
	RUN(recursion_becomes_json);
	RUN(a_lost_case_leaves_nothing);
	RUN(wrong_messages_are_refused);
	RUN(bad_frames_are_refused_alone);
	RUN(all_events_decode);
	RUN(framing_is_seen);
	RUN(one_path_is_read_alone);
	RUN(the_last_record_is_found_quickly);
	RUN(an_interrupt_stops_each_loop);
	ep_arena_free(&arena);
	ep_arena_free(&lasting);
	return unit_done();
}
