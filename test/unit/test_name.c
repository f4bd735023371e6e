/*
 * test_name.c
 *	  Column names: what users see, and what must never happen to them.
 */
#include <stdlib.h>

#include "core/name.h"
#include "core/utf8.h"
#include "unit.h"

static EpPathTree tree;
static EpArena arena;

static const char *
name_of(const char *path)
{
	static char name[EP_NAME_MAX + 1];
	EpPath *node = ep_path_from_text(&tree, path, &arena);

	if (node == NULL)
		return NULL;
	ep_name_from_path(node, name);
	return name;
}

/* One segment of any bytes. */
static const char *
name_of_key(const char *key, size_t length)
{
	static char name[EP_NAME_MAX + 1];

	ep_name_from_path(ep_path_child(&tree, &tree.root, NULL, key, length, &arena), name);
	return name;
}

static void
spellings_of_one_word_agree(void)
{
	CHECK_TEXT(name_of("userId"), "user_id");
	CHECK_TEXT(name_of("UserID"), "user_id");
	CHECK_TEXT(name_of("user_id"), "user_id");
	CHECK_TEXT(name_of("\"user-id\""), "user_id");
	CHECK_TEXT(name_of("\" user  id \""), "user_id");
	CHECK_TEXT(name_of("__user__id__"), "user_id");
	CHECK_TEXT(name_of("record.userId"), "record_user_id");
	CHECK_TEXT(name_of("device.\"serial no\".x"), "device_serial_no_x");
}

static void
acronyms_and_digits_split_sanely(void)
{
	CHECK_TEXT(name_of("HTTPServer"), "http_server");
	CHECK_TEXT(name_of("gpsFix2"), "gps_fix2");
	CHECK_TEXT(name_of("GPS5"), "gps5");
	CHECK_TEXT(name_of("GPS5Data"), "gps5_data");
	CHECK_TEXT(name_of("gps2Fix"), "gps2_fix");
	CHECK_TEXT(name_of("fix2D"), "fix2d");
	CHECK_TEXT(name_of("utf8String"), "utf8_string");
	CHECK_TEXT(name_of("userIDs"), "user_ids");
	CHECK_TEXT(name_of("URLShortener"), "url_shortener");
	CHECK_TEXT(name_of("A"), "a");
	CHECK_TEXT(name_of("aB"), "a_b");
	CHECK_TEXT(name_of("\"2fa\""), "_2fa");
	CHECK_TEXT(name_of("a.\"1\""), "a_1");
}

static void
letters_of_any_script_stay(void)
{
	CHECK_TEXT(name_of("GrößeInÜbersicht"), "größe_in_übersicht");
	CHECK_TEXT(name_of("ИмяПользователя"), "имя_пользователя");
	CHECK_TEXT(name_of("ΌνομαΧρήστη"), "όνομα_χρήστη");
	CHECK_TEXT(name_of("名前"), "名前");
	CHECK_TEXT(name_of("名前・住所"), "名前_住所");
	CHECK_TEXT(name_of("सिलसिला"), "सिलसिला");
	CHECK_TEXT(name_of("Հայերեն"), "հայերեն");
	CHECK_TEXT(name_of("temp°C"), "temp_c");
	CHECK_TEXT(name_of("a💡b"), "a_b");
	CHECK(ep_name_lower(0x130) == 'i' && ep_name_lower(0x178) == 0xFF && ep_name_lower(0xD7) == 0xD7);
	CHECK(ep_name_lower(0x100) == 0x101 && ep_name_lower(0x101) == 0x101);
	CHECK(ep_name_lower(0x13A0) == 0xAB70 && ep_name_lower(0x13F5) == 0x13FD);     /* Cherokee */
	CHECK(ep_name_lower(0x2C80) == 0x2C81 && ep_name_lower(0x2C81) == 0x2C81);     /* Coptic */
	CHECK(ep_name_lower(0x10400) == 0x10428 && ep_name_lower(0x1E921) == 0x1E943); /* Deseret, Adlam */
	CHECK(ep_name_lower(0x1057B) == 0x1057B && ep_name_lower(0x1E922) == 0x1E922);
}

static void
words_of_the_server_and_ours_get_a_suffix(void)
{
	CHECK_TEXT(name_of("user"), "user_");
	CHECK_TEXT(name_of("USER"), "user_");
	CHECK_TEXT(name_of("select"), "select_");
	CHECK_TEXT(name_of("currentDate"), "current_date_");
	CHECK_TEXT(name_of("current.user"), "current_user_");
	CHECK_TEXT(name_of("left"), "left_");
	CHECK_TEXT(name_of("xmin"), "xmin_");
	CHECK_TEXT(name_of("ctid"), "ctid_");
	CHECK_TEXT(name_of("tableoid"), "tableoid_");
	CHECK_TEXT(name_of("event_time"), "event_time_");
	CHECK_TEXT(name_of("receivedAt"), "received_at_");
	CHECK_TEXT(name_of("_ep_raw_id"), "ep_raw_id");
	CHECK_TEXT(name_of("time"), "time");
	CHECK_TEXT(name_of("users"), "users");
}

static void
nothing_left_is_called_attribute(void)
{
	CHECK_TEXT(name_of("💡💡💡"), "attribute");
	CHECK_TEXT(name_of("\"\""), "attribute");
	CHECK_TEXT(name_of("\"---\""), "attribute");
	CHECK_TEXT(name_of("_"), "attribute");
	CHECK_TEXT(name_of_key("\xff\xfe", 2), "attribute");
	CHECK_TEXT(name_of_key("\"; drop table x; --", 19), "drop_table_x");
}

static void
long_names_are_cut_between_characters(void)
{
	char *key = malloc(5000);
	char first[EP_NAME_MAX + 1];
	const char *name;

	memset(key, 'a', 5000);
	CHECK(strlen(name_of_key(key, 63)) == 63);
	CHECK_TEXT(name_of_key(key, 63) + 62, "a");
	name = name_of_key(key, 64);
	CHECK(strlen(name) == 63 && name[54] == '_' && strspn(name + 55, "0123456789abcdef") == 8);
	strcpy(first, name_of_key(key, 5000));
	CHECK(strlen(first) == 63 && strcmp(first, name_of_key(key, 64)) != 0);
	for (size_t shift = 0; shift < 4; shift++)
	{
		for (size_t i = 0; i < 40; i++)
			memcpy(key + shift + i * 3, "日", 3);
		name = name_of_key(key, shift + 120);
		CHECK(strlen(name) <= 63 && strlen(name) > 60 && ep_utf8_valid(name, strlen(name)));
	}
	free(key);
}

static void
the_hash_is_of_the_published_spelling(void)
{
	const char *long_path = "a_very_long_segment_that_goes_on.and_on_and_on_and_on_until_it_is_too_long";
	char suffix[16];
	char name[EP_NAME_MAX + 1], again[EP_NAME_MAX + 1], wide[EP_NAME_MAX + 1];
	EpPath *path = ep_path_from_text(&tree, "a.b", &arena);

	CHECK(ep_name_hash("", 0) == 2166136261u && ep_name_hash("foobar", 6) == 0xbf9cf968u);
	snprintf(suffix, sizeof suffix, "_%08x", ep_name_hash(long_path, strlen(long_path)));
	CHECK_TEXT(name_of(long_path) + strlen(name_of(long_path)) - 9, suffix);
	snprintf(suffix, sizeof suffix, "a_b_%08x", ep_name_hash("a.b", 3));
	ep_name_distinguish(path, "a_b", 0, name);
	CHECK_TEXT(name, suffix);
	ep_name_distinguish(path, "a_b", 1, again);
	CHECK(strcmp(name, again) != 0 && strlen(again) == strlen(name));
	memset(wide, 'x', 63);
	wide[63] = '\0';
	ep_name_distinguish(path, wide, 0, name);
	CHECK(strlen(name) == 63 && name[54] == '_');
}

/* Who knows the series may have taken its first names. */
static void
the_series_of_names_does_not_repeat(void)
{
	const char *paths[] = {"a.b",
						   "a_very_long_segment_that_goes_on.and_on_and_on_and_on_until_it_is_too_long"};
	char names[20][EP_NAME_MAX + 1];

	for (size_t p = 0; p < 2; p++)
	{
		EpPath *path = ep_path_from_text(&tree, paths[p], &arena);

		strcpy(names[0], name_of(paths[p]));
		for (int i = 1; i < 20; i++)
		{
			ep_name_distinguish(path, names[0], i - 1, names[i]);
			for (int j = 0; j < i; j++)
				CHECK(strcmp(names[i], names[j]) != 0);
		}
	}
}

static void
route_segments_make_table_suffixes(void)
{
	char name[EP_NAME_MAX + 1];

	ep_name_from_segment("pageView", 8, name, 63);
	CHECK_TEXT(name, "page_view");
	ep_name_from_segment("user", 4, name, 63);
	CHECK_TEXT(name, "user");
	ep_name_from_segment("5", 1, name, 63);
	CHECK_TEXT(name, "5");
	ep_name_from_segment("a very long kind of event", 25, name, 20);
	CHECK(strlen(name) == 20 || name[strlen(name) - 9] == '_');
	CHECK(strncmp(name, "a_very_long", 11) == 0);
	ep_name_from_segment("abcdefgh", 8, name, 4);
	CHECK_TEXT(name, "abcd");
	ep_name_from_segment("!", 1, name, 63);
	CHECK_TEXT(name, "attribute");
}

static void
variants_keep_their_type_in_sight(void)
{
	static char name[EP_NAME_MAX + 1], base[EP_NAME_MAX + 1];
	EpPath *path = ep_path_from_text(&tree, "value", &arena);

	ep_name_variant(path, "value", "text", name);
	CHECK_TEXT(name, "value__text");
	memset(base, 'x', 57);
	ep_name_variant(path, base, "text", name);
	CHECK(strlen(name) == 63 && strncmp(name, base, 57) == 0);
	memset(base, 'x', 58);
	ep_name_variant(path, base, "text", name);
	CHECK_TEXT(name, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx_425ed3ca__text");
	for (int i = 0; i < 62; i += 2)
		memcpy(base + i, "\xc3\xa9", 2);
	base[62] = '\0';
	ep_name_variant(path, base, "timestamptz_array", name);
	CHECK(strlen(name) == 62 && ep_utf8_valid(name, strlen(name)));
}

int
main(void)
{
	ep_arena_init(&arena, ep_malloc_allocator, (size_t) 1 << 24);
	if (!ep_path_tree_init(&tree, ep_malloc_allocator, 1000))
		return 1;
	RUN(spellings_of_one_word_agree);
	RUN(acronyms_and_digits_split_sanely);
	RUN(letters_of_any_script_stay);
	RUN(words_of_the_server_and_ours_get_a_suffix);
	RUN(nothing_left_is_called_attribute);
	RUN(long_names_are_cut_between_characters);
	RUN(the_hash_is_of_the_published_spelling);
	RUN(the_series_of_names_does_not_repeat);
	RUN(variants_keep_their_type_in_sight);
	RUN(route_segments_make_table_suffixes);
	ep_path_tree_free(&tree);
	ep_arena_free(&arena);
	return unit_done();
}
