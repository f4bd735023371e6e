/*
 * arena.c
 *	  Bump allocation in blocks that double in size.
 *
 * Blocks belong to the arena until reset or free.  Reset keeps the largest block that is not
 * larger than KEEP_MAX, so steady work allocates nothing and one huge event leaves nothing behind.
 */
#include "core/arena.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BLOCK ((size_t) 2048)
#define LAST_BLOCK ((size_t) 1 << 20)
#define KEEP_MAX LAST_BLOCK
#define ALIGN_UP(n) (((n) + 7) & ~(size_t) 7)

struct EpArenaBlock
{
	EpArenaBlock *next;
	size_t size; /* this header included */
	char bytes[];
};

_Static_assert(sizeof(EpArenaBlock) % 8 == 0, "blocks start aligned");

static void *
malloc_alloc(void *context, size_t size)
{
	(void) context;
	return malloc(size);
}

static void
malloc_release(void *context, void *pointer)
{
	(void) context;
	free(pointer);
}

const EpAllocator ep_malloc_allocator = {malloc_alloc, malloc_release, NULL};

void
ep_arena_init(EpArena *arena, EpAllocator allocator, size_t limit)
{
	memset(arena, 0, sizeof *arena);
	arena->allocator = allocator;
	arena->limit = limit;
}

/* A new block with room for size bytes; false past the ceiling or without memory. */
static bool
add_block(EpArena *arena, size_t size)
{
	size_t least = size + sizeof(EpArenaBlock);
	size_t wanted = arena->blocks == NULL ? FIRST_BLOCK : arena->blocks->size * 2;
	EpArenaBlock *block;

	if (wanted > LAST_BLOCK)
		wanted = LAST_BLOCK;
	if (wanted < least)
		wanted = least;
	if (wanted > arena->limit - arena->used)
		wanted = least;
	if (wanted > arena->limit - arena->used)
		return false;
	block = arena->allocator.alloc(arena->allocator.context, wanted);
	if (block == NULL)
		return false;
	block->size = wanted;
	block->next = arena->blocks;
	arena->blocks = block;
	arena->used += wanted;
	arena->at = block->bytes;
	arena->end = (char *) block + wanted;
	return true;
}

void *
ep_arena_alloc(EpArena *arena, size_t size)
{
	void *result;

	if (size > SIZE_MAX / 4)
		return NULL;
	size = ALIGN_UP(size);
	if (arena->blocks == NULL || size > (size_t) (arena->end - arena->at))
		if (!add_block(arena, size))
			return NULL;
	result = arena->at;
	arena->at += size;
	return result;
}

void *
ep_arena_zalloc(EpArena *arena, size_t size)
{
	void *result = ep_arena_alloc(arena, size);

	return result == NULL ? NULL : memset(result, 0, size);
}

void *
ep_arena_array(EpArena *arena, size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total))
		return NULL;
	return ep_arena_alloc(arena, total);
}

char *
ep_arena_strdup(EpArena *arena, const char *bytes, size_t length)
{
	char *copy = length == SIZE_MAX ? NULL : ep_arena_alloc(arena, length + 1);

	if (copy == NULL)
		return NULL;
	if (length > 0)
		memcpy(copy, bytes, length);
	copy[length] = '\0';
	return copy;
}

/* Release every block but keep (may be NULL). */
static void
release_others(EpArena *arena, EpArenaBlock *keep)
{
	EpArenaBlock *next;

	for (EpArenaBlock *block = arena->blocks; block != NULL; block = next)
	{
		next = block->next;
		if (block != keep)
			arena->allocator.release(arena->allocator.context, block);
	}
	arena->blocks = keep;
	arena->used = 0;
	arena->at = arena->end = NULL;
	if (keep == NULL)
		return;
	keep->next = NULL;
	arena->used = keep->size;
	arena->at = keep->bytes;
	arena->end = (char *) keep + keep->size;
}

void
ep_arena_reset(EpArena *arena)
{
	EpArenaBlock *keep = NULL;

	for (EpArenaBlock *block = arena->blocks; block != NULL; block = block->next)
		if (block->size <= KEEP_MAX && (keep == NULL || block->size > keep->size))
			keep = block;
	release_others(arena, keep);
}

void
ep_arena_free(EpArena *arena)
{
	release_others(arena, NULL);
}
