/*
 * test_glob.c
 *	  Patterns over paths: what they match, and which comes first.
 */
#include "core/glob.h"
#include "unit.h"

static void
a_pattern_matches_segment_by_segment(void)
{
	static const struct
	{
		const char *glob, *identity;
		bool matches;
	} cases[] = {
		{"a.b", "a.b", true},
		{"a.b", "a", false},
		{"a.b", "a.b.c", false},
		{"a", "ab", false},
		{"ab", "a", false},
		{"*", "a", true},
		{"*", "a.b", false},
		{"*.b", "a.b", true},
		{"a.*", "a", false},
		{"a.*.c", "a.b.c", true},
		{"a.*.c", "a.c", false},
		{"**", "a", true},
		{"**", "a.b.c", true},
		{"a.**", "a", true},
		{"a.**", "a.b.c", true},
		{"a.**", "b.a", false},
		{"**.c", "c", true},
		{"**.c", "a.b.c", true},
		{"**.c", "a.c.b", false},
		{"a.**.c", "a.c", true},
		{"a.**.c", "a.b.b.c", true},
		{"**.b.**.d", "a.b.c.d", true},
		{"**.b.**.d", "a.d.b", false},
		{"**.a.*", "a.a.a", true},
		{"**.**", "a", true},
		{"a.**.*", "a", false},
		{"a.**.*", "a.b", true},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
	{
		if (ep_glob_match(cases[i].glob, cases[i].identity) != cases[i].matches)
			printf("# %s against %s\n", cases[i].glob, cases[i].identity);
		CHECK(ep_glob_match(cases[i].glob, cases[i].identity) == cases[i].matches);
	}
}

static void
many_stars_do_not_take_for_ever(void)
{
	char glob[400] = "**", identity[1200] = "a";

	for (int i = 0; i < 40; i++)
		strcat(glob, ".a.**");
	for (int i = 0; i < 250; i++)
		strcat(identity, ".a");
	CHECK(ep_glob_match(glob, identity));
	strcat(glob, ".b");
	CHECK(!ep_glob_match(glob, identity));
}

static void
a_star_is_a_whole_segment(void)
{
	CHECK(ep_glob_is_valid("a.*.**.b"));
	CHECK(!ep_glob_is_valid("a.b*"));
	CHECK(!ep_glob_is_valid("***.b"));
}

static void
the_more_specific_comes_first(void)
{
	static const char *const ordered[] = {"a.b",  "a.*.c", "a.*", "a",    "a.**.b",
										  "a.**", "*.b",   "*",   "**.b", "**"};
	size_t n = sizeof ordered / sizeof ordered[0];

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
		{
			int got = ep_glob_compare(ordered[i], ordered[j]);

			CHECK(i < j ? got < 0 : i > j ? got > 0 : got == 0);
		}
}

int
main(void)
{
	RUN(a_pattern_matches_segment_by_segment);
	RUN(many_stars_do_not_take_for_ever);
	RUN(a_star_is_a_whole_segment);
	RUN(the_more_specific_comes_first);
	return unit_done();
}
