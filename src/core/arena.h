/*
 * arena.h
 *	  Bump allocation for one event or one statement, with a hard ceiling.
 *
 * A decoder allocates from an arena and frees nothing; its caller resets the arena between
 * events.  Blocks come from two hooks: malloc/free in unit tests, palloc/pfree in the server
 * (ingest gives a named memory context).  ep_arena_alloc returns NULL when the ceiling is
 * reached or the hook has no memory; a decoder turns that into EP_E_MEMORY.
 */
#ifndef EP_CORE_ARENA_H
#define EP_CORE_ARENA_H

#include "core/status.h"

typedef struct EpAllocator
{
	void *(*alloc)(void *context, size_t size); /* NULL when out of memory */
	void (*release)(void *context, void *pointer);
	void *context;
} EpAllocator;

typedef struct EpArenaBlock EpArenaBlock;

typedef struct EpArena
{
	EpAllocator allocator;
	EpArenaBlock *blocks; /* newest first */
	char *at;             /* next free byte of the newest block */
	char *end;
	size_t used;  /* bytes in all blocks */
	size_t limit; /* ceiling for used */
} EpArena;

/* The libc allocator, for code that runs without a server. */
extern const EpAllocator ep_malloc_allocator;

extern void ep_arena_init(EpArena *arena, EpAllocator allocator, size_t limit);

/* 8-byte aligned, not zeroed; NULL past the ceiling. size 0 gives a valid pointer. */
extern void *ep_arena_alloc(EpArena *arena, size_t size);
extern void *ep_arena_zalloc(EpArena *arena, size_t size);

/* count * size with an overflow check. */
extern void *ep_arena_array(EpArena *arena, size_t count, size_t size);

/* A NUL-terminated copy. */
extern char *ep_arena_strdup(EpArena *arena, const char *bytes, size_t length);

/* Forget everything allocated; keeps one block for the next round. */
extern void ep_arena_reset(EpArena *arena);

/* Give every block back. */
extern void ep_arena_free(EpArena *arena);

#endif /* EP_CORE_ARENA_H */
