/*
 * test_protobuf_encode.c
 *	  ProtoJSON to bytes, and messages parsed and serialized again.
 */
#include "protobuf.h"

#include "format/protobuf/protobuf_encode.h"
#include "format/protobuf/protobuf_rewrite.h"

static EpArena lasting, arena;
static const EpProtoSchema *corners;

static char hex[1 << 16];

static const char *
to_hex(const EpProtoBytes *bytes)
{
	for (size_t i = 0; i < bytes->length && i < sizeof hex / 3 - 1; i++)
		sprintf(hex + 3 * i, "%02x ", bytes->data[i]);
	hex[bytes->length == 0 ? 0 : 3 * bytes->length - 1] = '\0';
	return hex;
}

/* The message that a text gives, in hex, or why it is refused. */
static const char *
encode(const char *type, const char *json, bool ignore_unknown)
{
	static EpError error;
	EpProtoEncoder encoder;

	ep_arena_reset(&arena);
	ep_protobuf_encoder_init(&encoder, &arena, &error);
	encoder.ignore_unknown = ignore_unknown;
	if (ep_protobuf_encode_json(&encoder, message_of(corners, type), json, strlen(json)) != EP_OK)
		return error.message;
	return to_hex(&encoder.bytes);
}

static const char *
all(const char *json)
{
	return encode("corners.v3.All", json, false);
}

static const char *
old(const char *json)
{
	return encode("corners.v2.Old", json, false);
}

static const char *
lenient(const char *type, const char *json)
{
	return encode(type, json, true);
}

static const char *
rewrite(const char *type, const char *from)
{
	static EpError error;
	EpProtoWriter writer;
	EpProtoBytes bytes = {.arena = &arena};
	uint8_t message[4096];
	size_t length = 0;
	unsigned byte;

	for (int used; sscanf(from, "%2x%n", &byte, &used) == 1; from += used)
		message[length++] = (uint8_t) byte;
	ep_arena_reset(&arena);
	ep_protobuf_writer_init(&writer, &arena, message, &error);
	if (ep_protobuf_rewrite(&writer, message_of(corners, type), message, length, &bytes) != EP_OK)
		return error.message;
	return to_hex(&bytes);
}

static void
integers_are_whole_and_in_range(void)
{
	CHECK_TEXT(all("{\"i32\": 1, \"i64\": \"-1\"}"), "08 01 10 ff ff ff ff ff ff ff ff ff 01");
	CHECK_TEXT(all("{\"i32\": 100.00}"), "08 64");
	CHECK_TEXT(all("{\"i32\": 1e2}"), "08 64");
	CHECK_TEXT(all("{\"i32\": 1200E-2}"), "08 0c");
	CHECK_TEXT(all("{\"i32\": \"1e2\"}"), "08 64");
	CHECK_TEXT(all("{\"i32\": -2147483648}"), "08 80 80 80 80 f8 ff ff ff ff 01");
	CHECK_TEXT(all("{\"i32\": 2147483648}"), "integer out of range");
	CHECK_TEXT(all("{\"i32\": 1.5}"), "not an integer");
	CHECK_TEXT(all("{\"i32\": 1e-1}"), "not an integer");
	CHECK_TEXT(all("{\"i32\": \" 1\"}"), "not an integer");
	CHECK_TEXT(all("{\"i32\": \"1 \"}"), "not an integer");
	CHECK_TEXT(all("{\"i32\": \"\"}"), "not an integer");
	CHECK_TEXT(all("{\"i32\": \"+1\"}"), "not an integer");
	CHECK_TEXT(all("{\"i32\": \"01\"}"), "not an integer");
	CHECK_TEXT(all("{\"u32\": -1}"), "integer out of range");
	CHECK_TEXT(all("{\"u32\": -0}"), "");
	CHECK_TEXT(all("{\"u64\": \"18446744073709551615\"}"), "20 ff ff ff ff ff ff ff ff ff 01");
	CHECK_TEXT(all("{\"u64\": 1.8446744073709551615e19}"), "20 ff ff ff ff ff ff ff ff ff 01");
	CHECK_TEXT(all("{\"u64\": 18446744073709551616}"), "integer out of range");
	CHECK_TEXT(all("{\"u64\": 1e1000}"), "integer out of range");
	CHECK_TEXT(all("{\"u64\": 0e1000}"), "");
	CHECK_TEXT(all("{\"s32\": -1, \"s64\": 1}"), "28 01 30 02");
	CHECK_TEXT(all("{\"s32\": -2147483648}"), "28 ff ff ff ff 0f");
	CHECK_TEXT(all("{\"sf32\": -1, \"f64\": 1}"), "4d ff ff ff ff 41 01 00 00 00 00 00 00 00");
}

static void
floats_are_the_nearest(void)
{
	CHECK_TEXT(all("{\"flt\": 0.1}"), "5d cd cc cc 3d");
	CHECK_TEXT(all("{\"flt\": 1.000000059604644775390625000000001}"), "5d 01 00 80 3f");
	CHECK_TEXT(all("{\"dbl\": \"0.1\"}"), "61 9a 99 99 99 99 99 b9 3f");
	CHECK_TEXT(all("{\"dbl\": -0.0}"), "61 00 00 00 00 00 00 00 80");
	CHECK_TEXT(all("{\"dbl\": -0}"), "61 00 00 00 00 00 00 00 80");
	CHECK_TEXT(all("{\"dbl\": 9007199254740993}"), "61 00 00 00 00 00 00 40 43");
	CHECK_TEXT(all("{\"dbl\": \"-Infinity\"}"), "61 00 00 00 00 00 00 f0 ff");
	CHECK_TEXT(all("{\"flt\": \"NaN\"}"), "5d 00 00 c0 7f");
	CHECK_TEXT(all("{\"dbl\": 1e-400}"), "");
	CHECK_TEXT(all("{\"dbl\": 1e400}"), "number out of range");
	CHECK_TEXT(all("{\"flt\": 3.5e38}"), "number out of range");
	CHECK_TEXT(all("{\"dbl\": NaN}"), "JSON value does not fit its protobuf field");
	CHECK_TEXT(all("{\"dbl\": \"nan\"}"), "not a number");
}

static void
texts_bytes_bools_and_enums(void)
{
	CHECK_TEXT(all("{\"str\": \"\\u00e9\\n\\u0000\"}"), "72 04 c3 a9 0a 00");
	CHECK_TEXT(all("{\"str\": \"\\ud800\"}"), "unpaired surrogate in a JSON string");
	CHECK_TEXT(all("{\"str\": 1}"), "JSON value does not fit its protobuf field");
	CHECK_TEXT(all("{\"raw\": \"AP/+AQ==\"}"), "7a 04 00 ff fe 01");
	CHECK_TEXT(all("{\"raw\": \"AP_-AQ\"}"), "7a 04 00 ff fe 01");
	CHECK_TEXT(all("{\"raw\": \"AP/+A\"}"), "base64 of a wrong length");
	CHECK_TEXT(all("{\"raw\": \"AP/+AQ=\"}"), "base64 of a wrong length");
	CHECK_TEXT(all("{\"raw\": \"AP/ AQ==\"}"), "not base64");
	CHECK_TEXT(all("{\"flag\": true}"), "68 01");
	CHECK_TEXT(all("{\"flag\": \"true\"}"), "JSON value does not fit its protobuf field");
	CHECK_TEXT(all("{\"colour\": \"COLOUR_RED\"}"), "80 01 01");
	CHECK_TEXT(all("{\"colour\": 9}"), "80 01 09");
	CHECK_TEXT(all("{\"colour\": \"PINK\"}"), "protobuf enum has no such value");
	CHECK_TEXT(old("{\"id\": \"i\", \"size\": 2}"), "protobuf enum has no such value");
}

static void
names_are_unique(void)
{
	CHECK_TEXT(all("{\"rI32\": [1]}"), "92 01 01 01");
	CHECK_TEXT(all("{\"r_i32\": [1]}"), "92 01 01 01");
	CHECK_TEXT(all("{\"rI32\": [1], \"r_i32\": [1]}"), "protobuf field is there twice");
	CHECK_TEXT(all("{\"inner\": {\"a\": 1}, \"cInner\": {\"a\": 2}}"), "8a 01 02 08 01 e2 01 02 08 02");
	CHECK_TEXT(all("{\"cInt\": 1, \"cStr\": \"x\"}"), "another case of the same protobuf oneof is there too");
	CHECK_TEXT(all("{\"cInt\": 1, \"cStr\": null}"), "e8 01 01");
	CHECK_TEXT(all("{\"cInt\": 0}"), "e8 01 00");
	CHECK_TEXT(all("{\"nope\": 1}"), "protobuf message type has no such field");
	CHECK_TEXT(old("{\"id\": \"i\", \"[corners.v2.note]\": \"x\"}"), "0a 01 69 a2 06 01 78");
	CHECK_TEXT(old("{}"), "required protobuf field is missing");
	CHECK_TEXT(old("{\"id\": null}"), "required protobuf field is missing");
}

static void
null_is_absent_or_a_value(void)
{
	CHECK_TEXT(all("{\"i32\": null, \"rI32\": null, \"mStr\": null, \"inner\": null, \"wI64\": null}"), "");
	CHECK_TEXT(all("{\"val\": null}"), "aa 02 02 08 00");
	CHECK_TEXT(all("{\"lv\": [null, 1]}"), "b2 02 0f 0a 02 08 00 0a 09 11 00 00 00 00 00 00 f0 3f");
	CHECK_TEXT(all("{\"rI32\": [null]}"), "null in a protobuf list");
	CHECK_TEXT(all("{\"mStr\": {\"a\": null}}"), "null in a protobuf map");
	CHECK_TEXT(all("null"), "JSON value does not fit its protobuf field");
}

static void
lists_and_maps(void)
{
	CHECK_TEXT(all("{\"rI32\": []}"), "");
	CHECK_TEXT(all("{\"rI32\": [1, -1]}"), "92 01 0b 01 ff ff ff ff ff ff ff ff ff 01");
	CHECK_TEXT(all("{\"rDbl\": [0]}"), "a1 01 00 00 00 00 00 00 00 00");
	CHECK_TEXT(all("{\"rInner\": [{}, {\"a\": 1}]}"), "b2 01 00 b2 01 02 08 01");
	CHECK_TEXT(all("{\"mStr\": {\"\": 0, \"a\": \"1\"}}"), "ba 01 04 0a 00 10 00 ba 01 05 0a 01 61 10 01");
	CHECK_TEXT(all("{\"mBool\": {\"true\": {\"a\": 1}}}"), "c2 01 06 08 01 12 02 08 01");
	CHECK_TEXT(all("{\"mBool\": {\"yes\": {}}}"), "not true or false");
	CHECK_TEXT(all("{\"mInt\": {\"-1\": \"COLOUR_RED\"}}"),
			   "ca 01 0d 08 ff ff ff ff ff ff ff ff ff 01 10 01");
	CHECK_TEXT(all("{\"rI32\": [1,]}"), "JSON value does not fit its protobuf field");
	CHECK_TEXT(all("{\"rI32\": [1] \"i32\": 1}"), "invalid JSON");
	CHECK_TEXT(all("{\"rI32\": 1}"), "JSON value does not fit its protobuf field");
	CHECK_TEXT(all("{} {}"), "invalid JSON");
	CHECK_TEXT(old("{\"id\": \"i\", \"part\": {\"x\": 1}, \"piece\": [{\"z\": 2}]}"),
			   "0a 01 69 2b 08 01 2c 33 08 02 34");
}

static void
unknown_is_skipped_on_request(void)
{
	CHECK_TEXT(lenient("corners.v3.All", "{\"nope\": [{\"x\": 1}], \"i32\": 1}"), "08 01");
	CHECK_TEXT(lenient("corners.v3.All", "{\"nope\": [}, \"i32\": 1}"), "invalid JSON");
	CHECK_TEXT(lenient("corners.v3.All", "{\"rColour\": [\"PINK\", \"COLOUR_RED\"], \"colour\": \"PINK\"}"),
			   "aa 01 01 01");
	CHECK_TEXT(lenient("corners.v3.All", "{\"mInt\": {\"1\": \"PINK\", \"2\": \"COLOUR_RED\"}}"),
			   "ca 01 04 08 02 10 01");
}

static void
times_are_strict(void)
{
	CHECK_TEXT(all("{\"at\": \"1970-01-01T00:00:01.5Z\"}"), "fa 01 08 08 01 10 80 ca b5 ee 01");
	CHECK_TEXT(all("{\"at\": \"1969-12-31T23:59:59.999999999Z\"}"),
			   "fa 01 11 08 ff ff ff ff ff ff ff ff ff 01 10 ff 93 eb dc 03");
	CHECK_TEXT(all("{\"at\": \"1970-01-01T01:00:00+01:00\"}"), "fa 01 00");
	CHECK_TEXT(all("{\"at\": \"1970-01-01t00:00:00Z\"}"), "not a protobuf Timestamp");
	CHECK_TEXT(all("{\"at\": \"1970-01-01T00:00:00z\"}"), "not a protobuf Timestamp");
	CHECK_TEXT(all("{\"at\": \"1970-01-01T00:00:00\"}"), "not a protobuf Timestamp");
	CHECK_TEXT(all("{\"at\": \"1970-01-01T00:00:60Z\"}"), "not a protobuf Timestamp");
	CHECK_TEXT(all("{\"at\": \"1970-01-01T24:00:00Z\"}"), "not a protobuf Timestamp");
	CHECK_TEXT(all("{\"at\": \"1970-01-01T00:00:00.Z\"}"), "not a protobuf Timestamp");
	CHECK_TEXT(all("{\"at\": \"1970-01-01T00:00:00.1234567890Z\"}"), "not a protobuf Timestamp");
	CHECK_TEXT(all("{\"at\": \"1970-01-01T00:00:00+0100\"}"), "not a protobuf Timestamp");
	CHECK_TEXT(all("{\"at\": \"0001-01-01T00:00:00+01:00\"}"), "protobuf Timestamp is out of range");
	CHECK_TEXT(all("{\"took\": \"-0.5s\"}"), "82 02 0b 10 80 b6 ca 91 fe ff ff ff ff 01");
	CHECK_TEXT(all("{\"took\": \"3s\"}"), "82 02 02 08 03");
	CHECK_TEXT(all("{\"took\": \"3\"}"), "not a protobuf Duration");
	CHECK_TEXT(all("{\"took\": \".5s\"}"), "not a protobuf Duration");
	CHECK_TEXT(all("{\"took\": \"315576000001s\"}"), "protobuf Duration is out of range");
	CHECK_TEXT(all("{\"took\": \"99999999999999999999s\"}"), "not a protobuf Duration");
}

static void
other_known_types(void)
{
	CHECK_TEXT(all("{\"wI64\": \"0\", \"wStr\": \"x\", \"wRaw\": \"AA\"}"),
			   "8a 02 00 92 02 03 0a 01 78 9a 02 03 0a 01 00");
	CHECK_TEXT(all("{\"st\": {\"a\": {\"b\": true}}}"),
			   "a2 02 12 0a 10 0a 01 61 12 0b 2a 09 0a 07 0a 01 62 12 02 20 01");
	CHECK_TEXT(all("{\"st\": {\"a\": [\"x\"]}}"), "a2 02 0e 0a 0c 0a 01 61 12 07 32 05 0a 03 1a 01 78");
	CHECK_TEXT(all("{\"mask\": \"fooBar.baz,x\"}"),
			   "c2 02 10 0a 0b 66 6f 6f 5f 62 61 72 2e 62 61 7a 0a 01 78");
	CHECK_TEXT(all("{\"mask\": \"foo_bar\"}"), "path of a protobuf FieldMask is not in lowerCamelCase");
	CHECK_TEXT(all("{\"any\": {}}"), "ba 02 00");
	CHECK_TEXT(all("{\"any\": {\"a\": 1, \"@type\": \"x/corners.v3.Inner\"}}"),
			   "ba 02 18 0a 12 78 2f 63 6f 72 6e 65 72 73 2e 76 33 2e 49 6e 6e 65 72 12 02 08 01");
	CHECK_TEXT(all("{\"any\": {\"@type\": \"/google.protobuf.Duration\", \"value\": \"1s\"}}"),
			   "ba 02 1f 0a 19 2f 67 6f 6f 67 6c 65 2e 70 72 6f 74 6f 62 75 66 2e 44 75 72 61 74 69 6f 6e "
			   "12 02 08 01");
	CHECK_TEXT(all("{\"any\": {\"@type\": \"/google.protobuf.Duration\"}}"),
			   "protobuf Any has a type but no value");
	CHECK_TEXT(all("{\"any\": {\"@type\": \"/no.Such\"}}"),
			   "protobuf Any holds a type that the schema does not have");
	CHECK_TEXT(all("{\"any\": {\"a\": 1}}"), "protobuf Any has a value but no type");
}

static void
nesting_ends_where_the_reader_does(void)
{
	char text[2048] = "";

	for (int i = 0; i < 99; i++)
		strcat(text, i == 0 ? "{\"inner\":{" : "\"again\":{");
	for (int i = 0; i < 100; i++)
		strcat(text, "}");
	CHECK(strncmp(all(text), "8a 01", 5) == 0);
	text[0] = '\0';
	for (int i = 0; i < 101; i++)
		strcat(text, i == 0 ? "{\"inner\":{" : "\"again\":{");
	for (int i = 0; i < 102; i++)
		strcat(text, "}");
	CHECK_TEXT(all(text), "protobuf is nested too deeply");
}

static void
messages_are_rewritten(void)
{
	CHECK_TEXT(rewrite("corners.v3.All", "10 05 88 80 00 81 80 00"), "08 01 10 05");
	CHECK_TEXT(rewrite("corners.v3.All", "08 ff ff ff ff 0f 68 80 01"),
			   "08 ff ff ff ff ff ff ff ff ff 01 68 01");
	CHECK_TEXT(rewrite("corners.v3.All", "08 01 08 00"), "");
	CHECK_TEXT(rewrite("corners.v3.All", "a0 3f 07 08 01 0a 01 78"), "08 01 a0 3f 07 0a 01 78");
	CHECK_TEXT(rewrite("corners.v3.All", "90 01 01 92 01 02 02 03"), "92 01 03 01 02 03");
	CHECK_TEXT(rewrite("corners.v3.All", "8a 01 02 08 01 8a 01 03 12 01 78"), "8a 01 05 08 01 12 01 78");
	CHECK_TEXT(rewrite("corners.v3.All", "8a 01 05 a0 3f 07 08 01"), "8a 01 05 08 01 a0 3f 07");
	CHECK_TEXT(rewrite("corners.v3.All", "72 02 c0 80"), "protobuf string is not valid UTF-8");
	CHECK_TEXT(rewrite("corners.v3.All", "72 01 00"), "72 01 00");
	CHECK_TEXT(rewrite("corners.v2.Old", "0a 01 69 10 02 1a 02 07 02"), "0a 01 69 18 07 10 02 18 02");
	CHECK_TEXT(rewrite("corners.v2.Old", "0a 01 69 2b 08 01 2c 2b 12 01 79 2c"),
			   "0a 01 69 2b 08 01 12 01 79 2c");
	CHECK_TEXT(rewrite("corners.v2.Old", "10 07"), "required protobuf field is missing");
}

int
main(void)
{
	ep_arena_init(&lasting, ep_malloc_allocator, (size_t) 256 << 20);
	ep_arena_init(&arena, ep_malloc_allocator, (size_t) 256 << 20);
	corners = schema_read("corners.pb", &lasting);
	if (corners == NULL)
		return 1;
	RUN(integers_are_whole_and_in_range);
	RUN(floats_are_the_nearest);
	RUN(texts_bytes_bools_and_enums);
	RUN(names_are_unique);
	RUN(null_is_absent_or_a_value);
	RUN(lists_and_maps);
	RUN(unknown_is_skipped_on_request);
	RUN(times_are_strict);
	RUN(other_known_types);
	RUN(nesting_ends_where_the_reader_does);
	RUN(messages_are_rewritten);
	ep_arena_free(&arena);
	ep_arena_free(&lasting);
	return unit_done();
}
