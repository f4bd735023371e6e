/*
 * test_path.c
 *	  The arena, the path tree, and how paths are written.
 */
#include "core/event.h"
#include "unit.h"

static EpPathTree tree;
static EpArena arena;

static void
an_arena_keeps_to_its_ceiling(void)
{
	EpArena small;
	void *p;

	ep_arena_init(&small, ep_malloc_allocator, 20000);
	CHECK((p = ep_arena_alloc(&small, 0)) != NULL && (uintptr_t) p % 8 == 0);
	CHECK((p = ep_arena_alloc(&small, 3)) != NULL && (uintptr_t) p % 8 == 0);
	CHECK(ep_arena_alloc(&small, 20000) == NULL);
	CHECK(ep_arena_alloc(&small, SIZE_MAX) == NULL);
	CHECK(ep_arena_array(&small, SIZE_MAX / 2, 4) == NULL);
	CHECK(ep_arena_strdup(&small, "x", SIZE_MAX) == NULL);
	for (int i = 0; i < 1000; i++)
		(void) ep_arena_alloc(&small, 100);
	CHECK(small.used <= 20000);
	ep_arena_reset(&small);
	CHECK(ep_arena_alloc(&small, 8000) != NULL);
	CHECK_TEXT(ep_arena_strdup(&small, "abc", 2), "ab");
	ep_arena_free(&small);
	CHECK(small.used == 0);
}

static void
a_reset_keeps_one_block_of_modest_size(void)
{
	EpArena big;

	ep_arena_init(&big, ep_malloc_allocator, (size_t) 1 << 30);
	CHECK(ep_arena_alloc(&big, (size_t) 50 << 20) != NULL);
	CHECK(ep_arena_alloc(&big, 100) != NULL);
	ep_arena_reset(&big);
	CHECK(big.used <= (size_t) 1 << 20);
	ep_arena_free(&big);
}

static void
one_key_is_one_node(void)
{
	EpPath *a = ep_path_child(&tree, &tree.root, NULL, "alpha", 5, &arena);
	EpPath *b = ep_path_child(&tree, &tree.root, a, "beta_of_some_length", 19, &arena);

	CHECK(a != b && a->id != b->id && a->depth == 1 && tree.nodes[a->id] == a);
	CHECK(ep_path_child(&tree, &tree.root, NULL, "alpha", 5, &arena) == a);
	CHECK(ep_path_child(&tree, &tree.root, b, "alpha", 5, &arena) == a);
	CHECK(ep_path_child(&tree, &tree.root, a, "beta_of_some_length", 19, &arena) == b);
	CHECK(ep_path_child(&tree, a, NULL, "alpha", 5, &arena) != a);
	CHECK(ep_path_find(&tree, &tree.root, "beta_of_some_length", 19) == b);
	CHECK(ep_path_find(&tree, &tree.root, "beta_of_some_lengtx", 19) == NULL);
	CHECK(ep_path_find(&tree, &tree.root, "", 0) == NULL);
}

/* Else a sender could make a million keys that all hash alike. */
static void
what_keys_hash_to_is_each_trees_secret(void)
{
	const char *keys[] = {"a", "alpha", "sixteen_bytes_16", "one_that_goes_on_and_on"};
	EpPathTree other;
	int alike = 0;

	CHECK(ep_path_tree_init(&other, ep_malloc_allocator, 300));
	for (int i = 0; i < 4; i++)
		alike += ep_path_child(&tree, &tree.root, NULL, keys[i], strlen(keys[i]), &arena)->hash ==
				 ep_path_child(&other, &other.root, NULL, keys[i], strlen(keys[i]), &arena)->hash;
	CHECK(alike < 2);
	ep_path_tree_free(&other);
}

static void
a_full_tree_gives_transient_nodes(void)
{
	EpPathTree small;
	EpPath *previous = NULL;
	char key[16];

	CHECK(ep_path_tree_init(&small, ep_malloc_allocator, 300));
	for (int round = 0; round < 2; round++)
	{
		previous = NULL;
		for (int i = 0; i < 1000; i++)
		{
			snprintf(key, sizeof key, "k%d", i);
			previous = ep_path_child(&small, &small.root, previous, key, strlen(key), &arena);
			CHECK(previous != NULL && (previous->id == EP_PATH_TRANSIENT) == (i >= 299));
		}
	}
	CHECK(small.count == 300);
	CHECK(ep_path_child(&small, previous, NULL, "x", 1, &arena)->id == EP_PATH_TRANSIENT);
	for (uint32_t i = 1; i < small.count; i++)
		CHECK(small.nodes[i]->follower == NULL || small.nodes[i]->follower->id < small.count);
	ep_path_tree_free(&small);
}

static const char *
round_trip(const char *text)
{
	EpPath *path = ep_path_from_text(&tree, text, &arena);

	return path == NULL ? NULL : ep_path_to_text(path, &arena);
}

static void
a_published_spelling_comes_back(void)
{
	static const char *const same[] = {"a",         "a.b.c_9", "device.\"serial no\".x",    "\"a.b\"",
									   "\"\"",      "\"9\"",   "\"q\\\"\\\\\\n\\u0001\".x", "\"größe\"",
									   "\"💡\".\"\""};

	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
		CHECK_TEXT(round_trip(same[i]), same[i]);
	CHECK_TEXT(round_trip("größe.serial no"), "\"größe\".\"serial no\"");
	CHECK_TEXT(round_trip("\"\\u0061\\ud83d\\udca1\\/\""), "\"a💡/\"");
	CHECK_TEXT(ep_path_to_text(&tree.root, &arena), "");
}

static void
a_malformed_path_is_none(void)
{
	static const char *const bad[] = {"",
									  ".",
									  "a.",
									  ".a",
									  "a..b",
									  "\"a",
									  "\"a\"b",
									  "a\"b\"",
									  "a\\b",
									  "\"\\x\"",
									  "\"\\u00\"",
									  "\"\\ud800\"",
									  "\"\\u0000\"",
									  "\"\\",
									  "a\nb",
									  "\"\x01\"",
									  "\xff",
									  "\"\\ud83d\\u0041\""};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK_TEXT(round_trip(bad[i]), NULL);
}

static const char *
identity(const char *text)
{
	return ep_path_identity(ep_path_from_text(&tree, text, &arena), &arena);
}

static void
spelling_variants_share_an_identity(void)
{
	CHECK_TEXT(identity("event_type"), "eventtype");
	CHECK_TEXT(identity("eventType"), "eventtype");
	CHECK_TEXT(identity("EventType"), "eventtype");
	CHECK_TEXT(identity("record.userId"), "record.userid");
	CHECK_TEXT(identity("record_user_id"), "recorduserid");
	CHECK_TEXT(identity("\"a.b\""), "a\x1f"
									"b");
	CHECK_TEXT(identity("ÜBER_Größe"), "übergröße");
	CHECK_TEXT(identity("__"), "__");
	CHECK_TEXT(identity("\"\".a"), ".a");
}

static void
an_event_grows(void)
{
	EpEvent event;

	ep_event_reset(&event);
	for (uint32_t i = 0; i < 500; i++)
	{
		EpField *field = ep_event_add(&event, &arena);

		CHECK(field != NULL);
		field->path = NULL;
		field->value.as.i = i;
	}
	CHECK(event.field_count == 500 && event.fields[0].value.as.i == 0 && event.fields[499].value.as.i == 499);
}

int
main(void)
{
	ep_arena_init(&arena, ep_malloc_allocator, (size_t) 1 << 24);
	if (!ep_path_tree_init(&tree, ep_malloc_allocator, 1000))
		return 1;
	RUN(an_arena_keeps_to_its_ceiling);
	RUN(a_reset_keeps_one_block_of_modest_size);
	RUN(one_key_is_one_node);
	RUN(what_keys_hash_to_is_each_trees_secret);
	RUN(a_full_tree_gives_transient_nodes);
	RUN(a_published_spelling_comes_back);
	RUN(a_malformed_path_is_none);
	RUN(spelling_variants_share_an_identity);
	RUN(an_event_grows);
	ep_path_tree_free(&tree);
	ep_arena_free(&arena);
	return unit_done();
}
