/*
 * test_json.c
 *	  JSON payloads: what becomes an event, what is refused, and where reading goes on.
 */
#include <time.h>

#include "decode.h"
#include "unit.h"

static void
check_json(const char *payload, const char *wanted, int line)
{
	char *got = decode_all(&ep_json_format, NULL, payload, strlen(payload));

	unit_check_text(got, wanted, __FILE__, line);
	free(got);
}

#define CHECK_JSON(payload, wanted) check_json(payload, wanted, __LINE__)

/* The code of a payload's first event, its error in *d. */
static EpCode
first(Decoding *d, const char *payload)
{
	return decoding_start(d, &ep_json_format, NULL, payload, strlen(payload)) ? decoding_next(d)
																			  : EP_E_MEMORY;
}

static void
objects_flatten_into_paths(void)
{
	CHECK_JSON("{\"a\":1,\"b\":{\"c\":\"x\",\"d\":{\"e\":true}},\"f\":null}",
			   "a=int:1 b.c=text:x b.d.e=bool:true f=null:null\n");
	CHECK_JSON("{\"a\" : -1.5e1 , \"b\" : [ 1, {\"c\":[]} ] }", "a=float:-1.5e1 b=json:[ 1, {\"c\":[]} ]\n");
	CHECK_JSON("{\"a\":{},\"b\":{ \n},\"c\":[]}", "a=json:{} b=json:{} c=json:[]\n");
	CHECK_JSON("{}", "\n");
	CHECK_JSON("{\"a.b\":1,\"\":2,\"a\":{\"b\":3}}", "\"a.b\"=int:1 \"\"=int:2 a.b=int:3\n");
	CHECK_JSON("{\"a\":1,\"a\":\"x\"}", "a=int:1 a=text:x\n");
	CHECK_JSON("{\"n\":123456789012345678901}", "n=numeric:123456789012345678901\n");
}

static void
a_payload_holds_events_in_three_shapes(void)
{
	CHECK_JSON("[{\"a\":1},{\"a\":2}]", "a=int:1\na=int:2\n");
	CHECK_JSON(" [ { } , {\"a\":2} ] ", "\na=int:2\n");
	CHECK_JSON("[]", "");
	CHECK_JSON("{\"a\":1}\n{\"a\":2}\r\n\n{\"a\":3}", "a=int:1\na=int:2\na=int:3\n");
	CHECK_JSON("{\"a\":1}{\"a\":2} \t[{\"a\":3}] {\"a\":4}", "a=int:1\na=int:2\na=int:3\na=int:4\n");
	CHECK_JSON("\xEF\xBB\xBF{\"a\":1}", "a=int:1\n");
	CHECK_JSON(" \n ", "!22P02@3[]\n");
}

static void
escapes_are_undone(void)
{
	CHECK_JSON("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "a=text:\"\\/\b\f\n\r\t\n");
	CHECK_JSON("{\"a\":\"x\\u00e9\\ud83d\\ude00y\"}", "a=text:xé😀y\n");
	CHECK_JSON("{\"\\u0061\":1,\"a\":2}", "a=int:1 a=int:2\n");
	CHECK_JSON("{\"a\\\"b\":1,\"a\\\\n\":2}", "\"a\\\"b\"=int:1 \"a\\\\n\"=int:2\n");
	CHECK_JSON("{\"größe\":\"日本 and a long tail of plain text\"}",
			   "\"größe\"=text:日本 and a long tail of plain text\n");
}

/* A key is guessed by its bytes; one that holds a quote or a backslash must not be. */
static void
guessed_keys_are_the_keys_that_stand_there(void)
{
	CHECK_JSON("{\"a\\\\n\":1}\n{\"a\\n\":2}", "\"a\\\\n\"=int:1\n\"a\\n\"=int:2\n");
	CHECK_JSON("{\"a\\\"b\":1}\n{\"a\":2}", "\"a\\\"b\"=int:1\na=int:2\n");
	CHECK_JSON("{\"ab\":1,\"c\":1}\n{\"a\":2,\"c\":1}\n{\"abc\":3,\"ab\":1}",
			   "ab=int:1 c=int:1\na=int:2 c=int:1\nabc=int:3 ab=int:1\n");
	CHECK_JSON("{\"o\":{\"x\":1},\"x\":2}\n{\"x\":3,\"o\":{\"o\":4}}",
			   "o.x=int:1 x=int:2\nx=int:3 o.o=int:4\n");
}

static void
broken_syntax_is_refused(void)
{
	static const char *const bad[] = {"{",
									  "{\"a\"",
									  "{\"a\":",
									  "{\"a\":1",
									  "{\"a\":1,}",
									  "{,}",
									  "{a:1}",
									  "{'a':1}",
									  "{\"a\" 1}",
									  "{\"a\":01}",
									  "{\"a\":1.}",
									  "{\"a\":+1}",
									  "{\"a\":.5}",
									  "{\"a\":tru}",
									  "{\"a\":True}",
									  "{\"a\":NaN}",
									  "{\"a\":\"x}",
									  "{\"a\":\"\t\"}",
									  "{\"a\":\"\\x\"}",
									  "{\"a\":\"\\u12\"}",
									  "{\"a\":[1,]}",
									  "{\"a\":[1 2]}",
									  "{\"a\":[}",
									  "{\"a\":[1}}",
									  "{\"a\":[{\"b\"}]}",
									  "{\"a\":1]",
									  "{\"a\":-}",
									  "{\"a\":1e}",
									  "{\"a\":\"\\",
									  "{\"a\":1;\"b\":2}",
									  "}",
									  "]",
									  ",",
									  "{\"a\":1}}",
									  "[",
									  "[{}",
									  "[{},]",
									  "[,{}]",
									  "[{} {}]",
									  "x"};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
	{
		Decoding d;
		EpCode code = first(&d, bad[i]);

		while (code == EP_OK)
			code = decoding_next(&d);
		CHECK(code == EP_E_SYNTAX && d.decoder.error.message != NULL && d.decoder.error.expected != NULL &&
			  d.decoder.error.found != NULL);
		CHECK(decoding_next(&d) == EP_DONE);
		decoding_stop(&d);
	}
}

static void
an_error_says_what_and_where(void)
{
	Decoding d;

	CHECK(first(&d, "{\"a\":{\"b c\":1 \"d\":2}}") == EP_E_SYNTAX);
	CHECK(d.decoder.error.offset == 14);
	CHECK_TEXT(d.decoder.error.path, "a");
	CHECK_TEXT(d.decoder.error.expected, "\",\" or \"}\"");
	CHECK_TEXT(d.decoder.error.found, "\"\"\"");
	decoding_stop(&d);
	CHECK(first(&d, "{\"a\":{\"b c\":x}}") == EP_E_SYNTAX);
	CHECK_TEXT(d.decoder.error.path, "a.\"b c\"");
	CHECK_TEXT(d.decoder.error.found, "\"x\"");
	decoding_stop(&d);
	CHECK(first(&d, "[1]") == EP_E_TYPE);
	CHECK_TEXT(d.decoder.error.expected, "a JSON object");
	CHECK_TEXT(d.decoder.error.found, "a number");
	decoding_stop(&d);
}

static void
what_cannot_be_stored_is_refused_alone(void)
{
	CHECK_JSON("[{\"a\":1},{\"a\":\"\\u0000\"},{\"a\":3}]",
			   "a=int:1\n!22P05@15[{\"a\":\"\\u0000\"}]\na=int:3\n");
	CHECK_JSON("{\"a\\u0000\":1}{\"a\":3}", "!22P05@3[{\"a\\u0000\":1}]\na=int:3\n");
	CHECK_JSON("{\"a\":[[\"\\u0000\"]]}{\"a\":3}", "!22P05@8[{\"a\":[[\"\\u0000\"]]}]\na=int:3\n");
	CHECK_JSON("{\"a\":[1e400000]}{\"a\":3}", "!22003@6[{\"a\":[1e400000]}]\na=int:3\n");
	CHECK_JSON("{\"a\":1e-20000}{\"a\":3}", "!22003@5[{\"a\":1e-20000}]\na=int:3\n");
	CHECK_JSON("{\"a\":\"\\ud800x\"}{\"a\":3}", "!22021@6[{\"a\":\"\\ud800x\"}]\na=int:3\n");
	CHECK_JSON("{\"a\":\"\\udc00\"}{\"a\":3}", "!22021@6[{\"a\":\"\\udc00\"}]\na=int:3\n");
	CHECK_JSON("{\"a\":\"\xC0\xAF\"}{\"a\":3}", "!22021@6[{\"a\":\"\xC0\xAF\"}]\na=int:3\n");
	CHECK_JSON("{\"a\":\"}\\\"{\\u0000\"}{\"a\":3}", "!22P05@10[{\"a\":\"}\\\"{\\u0000\"}]\na=int:3\n");
}

static void
what_is_no_object_is_refused_alone(void)
{
	CHECK_JSON("1 {\"a\":1} \"x\"", "!42804@0[1]\na=int:1\n!42804@10[\"x\"]\n");
	CHECK_JSON("[1,{\"a\":1},[{}],null]", "!42804@1[1]\na=int:1\n!42804@11[[{}]]\n!42804@16[null]\n");
}

static void
after_broken_syntax_the_next_line_goes_on(void)
{
	CHECK_JSON("{\"a\":1}\n{\"a\":x}\n{\"a\":3}", "a=int:1\n!22P02@13[{\"a\":x}]\na=int:3\n");
	CHECK_JSON("{\"a\":1\n{\"a\":2}\n", "!22P02@7[{\"a\":1]\na=int:2\n");
	CHECK_JSON("garbage\r\nmore\r\n{\"a\":3}", "!22P02@0[garbage]\n!22P02@9[more]\na=int:3\n");
	CHECK_JSON("{\n  \"a\": x,\n  \"b\": {\n  }\n}\n{\n  \"a\": 2\n}\n",
			   "!22P02@9[{\n  \"a\": x,\n  \"b\": {\n  }\n}]\na=int:2\n");
	CHECK_JSON("[{\"a\":1},\n{\"a\":x},\n{\"a\":3}]", "a=int:1\n!22P02@15[{\"a\":x},\n{\"a\":3}]]\n");
	CHECK_JSON("{\"a\":\"\\u0000}\n{\"a\":\"2\"}\n{\"a\":3}",
			   "!22P05@6[{\"a\":\"\\u0000}]\na=text:2\na=int:3\n");
	CHECK_JSON("{\"a\":x} {\"a\":3}", "!22P02@5[{\"a\":x} {\"a\":3}]\n");
}

/* levels times open, then middle, then levels times close. */
static char *
nested(const char *open, const char *middle, const char *close, size_t levels, const char *rest)
{
	char *text = malloc(levels * (strlen(open) + strlen(close)) + strlen(middle) + strlen(rest) + 1);
	char *at = text;

	for (size_t i = 0; i < levels; i++)
		at = stpcpy(at, open);
	at = stpcpy(at, middle);
	for (size_t i = 0; i < levels; i++)
		at = stpcpy(at, close);
	strcpy(at, rest);
	return text;
}

static void
check_nested(const char *open, const char *close, size_t levels, EpCode wanted)
{
	char *text = nested(open, "{\"b\":1}", close, levels, "{\"ok\":1}");
	Decoding d;

	CHECK(first(&d, text) == wanted);
	CHECK(decoding_next(&d) == EP_OK && d.event.length == 8);
	CHECK(decoding_next(&d) == EP_DONE);
	decoding_stop(&d);
	free(text);
}

static void
depth_is_limited_and_refused_alone(void)
{
	char *text = nested("[", "1", "]", 127, "}");
	char *object = malloc(strlen(text) + 10);
	Decoding d;

	check_nested("{\"a\":", "}", 127, EP_OK);
	check_nested("{\"a\":", "}", 128, EP_E_DEPTH);
	check_nested("{\"a\":", "}", 10000, EP_E_DEPTH);
	sprintf(object, "{\"a\":%s", text);
	CHECK(first(&d, object) == EP_OK);
	decoding_stop(&d);
	sprintf(object, "{\"a\":[%s", text);
	object[strlen(object) - 1] = '\0';
	strcat(object, "]}");
	CHECK(first(&d, object) == EP_E_DEPTH && d.event.length == strlen(object));
	CHECK(decoding_next(&d) == EP_DONE);
	decoding_stop(&d);
	free(object);
	free(text);
	text = nested("[", "", "", 10000000, "");
	CHECK(first(&d, text) == EP_E_SYNTAX || d.decoder.error.code == EP_E_DEPTH);
	CHECK(decoding_next(&d) == EP_DONE);
	decoding_stop(&d);
	free(text);
}

static void
a_long_array_is_refused_before_jsonb_would(void)
{
	char *text = nested("1,", "1", "", (size_t) 9 << 20, "]}");
	char *object = malloc(strlen(text) + 10);
	Decoding d;

	sprintf(object, "{\"a\":[%s", text);
	CHECK(first(&d, object) == EP_E_LIMIT);
	CHECK(decoding_next(&d) == EP_DONE);
	decoding_stop(&d);
	free(object);
	free(text);
}

/* Payloads made to be read again and again: the time stays linear. */
static void
refusals_cost_linear_time(void)
{
	static const char *const lines[] = {"{\"\\u0000\":\n", "{\"a\":[{\"\\u0000\":\n", "[{\"a\":\n",
										"{\"a\":[1,\n", "x\n"};
	clock_t start = clock();

	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
	{
		char *text = nested(lines[i], "", "", 200000, "");
		Decoding d;
		size_t rounds = 0;

		CHECK(first(&d, text) != EP_OK);
		while (decoding_next(&d) != EP_DONE)
			rounds++;
		CHECK(rounds <= 200000);
		decoding_stop(&d);
		free(text);
	}
	CHECK((double) (clock() - start) / CLOCKS_PER_SEC < 10);
}

static void
memory_stays_bounded(void)
{
	size_t length = (size_t) 100 << 20;
	char *text = malloc(length + 1);
	Decoding d;

	memset(text, 'x', length);
	memcpy(text, "{\"a\":\"", 6);
	memcpy(text + length - 2, "\"}", 3);
	CHECK(first(&d, text) == EP_OK && d.event.fields[0].value.length == length - 8);
	CHECK(d.arenas[0].used < 100000);
	decoding_stop(&d);
	memcpy(text + 100, "\\n", 2); /* an escape asks for a copy, which its arena does not hold */
	CHECK(first(&d, text) == EP_E_MEMORY && d.event.length == length);
	CHECK(decoding_next(&d) == EP_DONE);
	decoding_stop(&d);
	free(text);
}

static bool
always(void)
{
	return true;
}

static void
an_interrupt_stops_a_long_event(void)
{
	char *text = nested("\"a\":1,", "\"a\":1}", "", 200000, "");
	Decoding d;

	text = realloc(text, strlen(text) + 2);
	memmove(text + 1, text, strlen(text) + 1);
	text[0] = '{';
	CHECK(decoding_start(&d, &ep_json_format, NULL, text, strlen(text)));
	d.decoder.interrupted = always;
	CHECK(decoding_next(&d) == EP_E_LIMIT);
	CHECK(decoding_next(&d) == EP_DONE);
	decoding_stop(&d);
	free(text);
}

int
main(void)
{
	RUN(objects_flatten_into_paths);
	RUN(a_payload_holds_events_in_three_shapes);
	RUN(escapes_are_undone);
	RUN(guessed_keys_are_the_keys_that_stand_there);
	RUN(broken_syntax_is_refused);
	RUN(an_error_says_what_and_where);
	RUN(what_cannot_be_stored_is_refused_alone);
	RUN(what_is_no_object_is_refused_alone);
	RUN(after_broken_syntax_the_next_line_goes_on);
	RUN(depth_is_limited_and_refused_alone);
	RUN(a_long_array_is_refused_before_jsonb_would);
	RUN(refusals_cost_linear_time);
	RUN(memory_stays_bounded);
	RUN(an_interrupt_stops_a_long_event);
	return unit_done();
}
