/*
 * test_csv.c
 *	  CSV payloads: header, cells, and records that contradict it.
 */
#include "decode.h"
#include "unit.h"

static void
check_csv(const char *const *options, const char *payload, size_t length, const char *wanted, int line)
{
	char *got = decode_all(&ep_csv_format, options, payload, length);

	unit_check_text(got, wanted, __FILE__, line);
	free(got);
}

#define CHECK_CSV(payload, wanted) check_csv(NULL, payload, sizeof payload - 1, wanted, __LINE__)
#define CHECK_CSV_WITH(options, payload, wanted) \
	check_csv(options, payload, sizeof payload - 1, wanted, __LINE__)

static void
records_become_events(void)
{
	CHECK_CSV("a,b,c\n1,2.5,x\n,\"\",true", "a=int:1 b=float:2.5 c=text:x\na=null: b=null: c=bool:true\n");
	CHECK_CSV("a,b\r\n1,2\r\n\r\n3,4\r\n", "a=int:1 b=int:2\na=int:3 b=int:4\n");
	CHECK_CSV("a,b\n1,\n", "a=int:1 b=null:\n");
	CHECK_CSV("a\n\"\"\n", "a=null:\n");
	CHECK_CSV("\xEF\xBB\xBF"
			  "a\n1",
			  "a=int:1\n");
	CHECK_CSV("a\n007\n", "a=text:007\n");
	CHECK_CSV("a,b", "");
	CHECK_CSV("a,b\n", "");
	CHECK_CSV("größe,名\nß,字\n", "\"größe\"=text:ß \"名\"=text:字\n");
	CHECK_CSV("a\nx\ry\n", "a=text:x\ry\n");
}

static void
quotes_protect_what_they_hold(void)
{
	CHECK_CSV("a,b\n\"x,y\",\"l1\nl2\"\n\"q\"\"q\",\"\"\"\"\n",
			  "a=text:x,y b=text:l1\nl2\na=text:q\"q b=text:\"\n");
	CHECK_CSV("\"a\nb\",\"c\"\"d\"\n1,\"2\"\r\n", "\"a\\nb\"=int:1 \"c\\\"d\"=int:2\n");
	CHECK_CSV("a\n5\" pipe\n", "a=text:5\" pipe\n");
}

static void
header_names_are_single_segments(void)
{
	CHECK_CSV("a.b,,a.b,\"\"\n1,2,3,4\n", "\"a.b\"=int:1 column_2=int:2 \"a.b\"=int:3 column_4=int:4\n");
	CHECK_CSV("\n\na\n1\n", "a=int:1\n");
}

static void
a_ragged_record_is_refused_alone(void)
{
	Decoding d;

	CHECK_CSV("a,b\n1\n1,2,3\n\"x\ny\"\n1,2\n",
			  "!22000@4[1]\n!22000@6[1,2,3]\n!22000@12[\"x\ny\"]\na=int:1 b=int:2\n");
	CHECK(decoding_start(&d, &ep_csv_format, NULL, "a,b\n1", 5));
	CHECK(decoding_next(&d) == EP_E_STRUCTURE);
	CHECK_TEXT(d.decoder.error.expected, "2 fields");
	CHECK_TEXT(d.decoder.error.found, "1 field");
	decoding_stop(&d);
}

static void
bad_cells_are_refused_alone(void)
{
	CHECK_CSV("a,b\n\"x\"y,1\n2,3\n", "!22P02@7[\"x\"y,1]\na=int:2 b=int:3\n");
	CHECK_CSV("a\n\xFF\n\"\xC0\x80\"\nok\n", "!22021@2[\xFF]\n!22021@5[\"\xC0\x80\"]\na=text:ok\n");
	CHECK_CSV("a,b\n1,2\nx,\"3\n4,5\n", "a=int:1 b=int:2\n!22P02@10[x,\"3\n4,5\n]\n");
}

static void
a_zero_byte_is_refused(void)
{
	Decoding d;

	CHECK(decoding_start(&d, &ep_csv_format, NULL, "a\nx\0y\n1", 7));
	CHECK(decoding_next(&d) == EP_E_NUL && d.event.length == 3 && d.decoder.error.offset == 3);
	CHECK(decoding_next(&d) == EP_OK);
	CHECK(decoding_next(&d) == EP_DONE);
	decoding_stop(&d);
}

static void
without_a_header_there_is_nothing(void)
{
	CHECK_CSV("\n\r\n", "!22004@3[\n\r\n]\n");
	CHECK_CSV("a,\"b\n1,2\n", "!22P02@2[a,\"b\n1,2\n]\n");
	CHECK_CSV("a,\xFF\n1,2\n", "!22021@2[a,\xFF\n1,2\n]\n");
}

static void
the_delimiter_is_an_option(void)
{
	static const char *const semicolon[] = {"delimiter", ";", NULL};
	static const char *const tab[] = {"delimiter", "tab", NULL};
	static const char *const quote[] = {"delimiter", "\"", NULL};
	static const char *const two[] = {"delimiter", "||", NULL};

	CHECK_CSV_WITH(semicolon, "a;b\n1,5;2\n", "a=text:1,5 b=int:2\n");
	CHECK_CSV_WITH(tab, "a\tb\n\"x\ty\"\t2\n", "a=text:x\ty b=int:2\n");
	CHECK_CSV_WITH(quote, "a\n", "not begun\n");
	CHECK_CSV_WITH(two, "a\n", "not begun\n");
}

static void
a_wide_header_stays_in_its_memory(void)
{
	size_t columns = 3000000;
	char *text = malloc(columns + 10);
	Decoding d;

	memset(text, ',', columns);
	strcpy(text + columns, "\n");
	CHECK(decoding_start(&d, &ep_csv_format, NULL, text, columns + 1));
	CHECK(decoding_next(&d) == EP_E_MEMORY);
	CHECK(decoding_next(&d) == EP_DONE);
	decoding_stop(&d);
	free(text);
}

int
main(void)
{
	RUN(records_become_events);
	RUN(quotes_protect_what_they_hold);
	RUN(header_names_are_single_segments);
	RUN(a_ragged_record_is_refused_alone);
	RUN(bad_cells_are_refused_alone);
	RUN(a_zero_byte_is_refused);
	RUN(without_a_header_there_is_nothing);
	RUN(the_delimiter_is_an_option);
	RUN(a_wide_header_stays_in_its_memory);
	return unit_done();
}
