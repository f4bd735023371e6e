/*
 * path.c
 *	  The tree of attribute paths: a hash table over (parent, key), with a guess before it.
 *
 * Events of one stream mostly repeat the same keys in the same order, so each node remembers
 * which sibling (or first child) came next the last time.  A permanent node never points to a
 * transient one, which dies with its event.  The tree owns its nodes and copies of their keys.
 */
#include "core/path.h"

#include <string.h>
#include <sys/random.h>

#define FIRST_BUCKETS 64
#define FIRST_NODES 64
#define BYTES_PER_NODE 512 /* the tree's memory ceiling, per node allowed */

static inline uint64_t
load64(const char *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return v;
}

static inline uint32_t
load32(const char *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

static inline bool
same_bytes(const char *a, const char *b, size_t length)
{
	if (length >= 8)
	{
		for (size_t i = 0; i + 8 <= length; i += 8)
			if (load64(a + i) != load64(b + i))
				return false;
		return load64(a + length - 8) == load64(b + length - 8);
	}
	if (length >= 4)
		return load32(a) == load32(b) && load32(a + length - 4) == load32(b + length - 4);
	for (size_t i = 0; i < length; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

/* Both halves of the product: each bit of it hangs on all of a and b. */
static inline uint64_t
fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128) a * b;

	return (uint64_t) product ^ (uint64_t) (product >> 64);
}

/* For the table only: nothing outside this process sees it. */
static uint32_t
hash_key(const EpPathTree *tree, const EpPath *parent, const char *key, size_t length)
{
	uint64_t h = tree->secret[0] ^ ((uint64_t) parent->hash << 32 | (uint32_t) length);
	uint64_t tail = 0;

	for (; length >= 8; key += 8, length -= 8)
		h = fold(h ^ load64(key), tree->secret[1]);
	for (size_t i = 0; i < length; i++)
		tail |= (uint64_t) (uint8_t) key[i] << (8 * i);
	return (uint32_t) fold(fold(h ^ tail, tree->secret[1]), tree->secret[1]);
}

/* Where the system has none to give, addresses are what others know least. */
static void
draw_secret(EpPathTree *tree)
{
	if (getrandom(tree->secret, sizeof tree->secret, GRND_NONBLOCK) != (ssize_t) sizeof tree->secret)
	{
		tree->secret[0] = (uintptr_t) tree * UINT64_C(0x9E3779B97F4A7C15);
		tree->secret[1] = (uintptr_t) &draw_secret * UINT64_C(0xD6E8FEB86659FD93);
	}
	tree->secret[1] |= 1;
}

bool
ep_path_tree_init(EpPathTree *tree, EpAllocator allocator, uint32_t max_nodes)
{
	memset(tree, 0, sizeof *tree);
	draw_secret(tree);
	ep_arena_init(&tree->arena, allocator, 65536 + (size_t) max_nodes * BYTES_PER_NODE);
	tree->max_nodes = max_nodes < 1 ? 1 : max_nodes;
	tree->bucket_count = FIRST_BUCKETS;
	tree->buckets = ep_arena_zalloc(&tree->arena, FIRST_BUCKETS * sizeof(EpPath *));
	tree->nodes = ep_arena_array(&tree->arena, FIRST_NODES, sizeof(EpPath *));
	if (tree->buckets == NULL || tree->nodes == NULL)
	{
		ep_path_tree_free(tree);
		return false;
	}
	tree->root.key = "";
	tree->nodes[0] = &tree->root;
	tree->count = 1;
	return true;
}

void
ep_path_tree_free(EpPathTree *tree)
{
	ep_arena_free(&tree->arena);
	tree->buckets = tree->nodes = NULL;
	tree->count = 0;
}

static EpPath *
find_hashed(EpPathTree *tree, EpPath *parent, const char *key, size_t length, uint32_t hash)
{
	for (EpPath *node = tree->buckets[hash & (tree->bucket_count - 1)]; node != NULL; node = node->chain)
		if (node->hash == hash && node->parent == parent && node->key_length == length &&
			same_bytes(node->key, key, length))
			return node;
	return NULL;
}

EpPath *
ep_path_find(EpPathTree *tree, EpPath *parent, const char *key, size_t length)
{
	return find_hashed(tree, parent, key, length, hash_key(tree, parent, key, length));
}

static bool
grow_buckets(EpPathTree *tree)
{
	uint32_t count = tree->bucket_count * 2;
	EpPath **buckets = ep_arena_zalloc(&tree->arena, count * sizeof(EpPath *));

	if (buckets == NULL)
		return false;
	for (uint32_t id = 1; id < tree->count; id++)
	{
		EpPath *node = tree->nodes[id];

		node->chain = buckets[node->hash & (count - 1)];
		buckets[node->hash & (count - 1)] = node;
	}
	tree->buckets = buckets;
	tree->bucket_count = count;
	return true;
}

/* Room for one more permanent node; nodes is full at every power of two from FIRST_NODES on. */
static bool
make_room(EpPathTree *tree)
{
	EpPath **nodes;

	if (tree->count >= tree->max_nodes)
		return false;
	if (tree->count > tree->bucket_count && !grow_buckets(tree))
		return false;
	if (tree->count < FIRST_NODES || (tree->count & (tree->count - 1)) != 0)
		return true;
	nodes = ep_arena_array(&tree->arena, (size_t) tree->count * 2, sizeof(EpPath *));
	if (nodes == NULL)
		return false;
	memcpy(nodes, tree->nodes, tree->count * sizeof(EpPath *));
	tree->nodes = nodes;
	return true;
}

static EpPath *
new_node(EpArena *arena, EpPath *parent, const char *key, size_t length, uint32_t hash)
{
	EpPath *node = ep_arena_zalloc(arena, sizeof *node);
	char *copy = node == NULL ? NULL : ep_arena_strdup(arena, key, length);

	if (copy == NULL)
		return NULL;
	node->parent = parent;
	node->key = copy;
	node->key_length = (uint32_t) length;
	node->hash = hash;
	node->depth = parent->depth < UINT16_MAX ? parent->depth + 1 : UINT16_MAX;
	node->id = EP_PATH_TRANSIENT;
	return node;
}

static EpPath *
add_node(EpPathTree *tree, EpPath *parent, const char *key, size_t length, uint32_t hash, EpArena *overflow)
{
	EpPath *node = NULL;

	if (length >= UINT32_MAX)
		return NULL;
	if (parent->id != EP_PATH_TRANSIENT && make_room(tree))
		node = new_node(&tree->arena, parent, key, length, hash);
	if (node == NULL)
		return new_node(overflow, parent, key, length, hash);
	node->id = tree->count;
	tree->nodes[tree->count++] = node;
	node->chain = tree->buckets[hash & (tree->bucket_count - 1)];
	tree->buckets[hash & (tree->bucket_count - 1)] = node;
	return node;
}

EpPath *
ep_path_child(EpPathTree *tree, EpPath *parent, EpPath *previous, const char *key, size_t length,
			  EpArena *overflow)
{
	EpPath **guess = previous != NULL ? &previous->follower : &parent->first;
	EpPath *node = *guess;
	uint32_t hash;

	if (node != NULL && node->key_length == length && node->parent == parent &&
		same_bytes(node->key, key, length))
		return node;
	hash = hash_key(tree, parent, key, length);
	node = find_hashed(tree, parent, key, length, hash);
	if (node == NULL)
		node = add_node(tree, parent, key, length, hash, overflow);
	if (node != NULL && node->id != EP_PATH_TRANSIENT)
		*guess = node;
	return node;
}
