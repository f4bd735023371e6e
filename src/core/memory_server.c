/*
 * memory_server.c
 *	  Arena blocks from a PostgreSQL memory context.
 */
#include "core/memory_server.h"

#include "utils/memutils.h"

static void *
context_alloc(void *context, size_t size)
{
	if (!AllocHugeSizeIsValid(size))
		return NULL;
	return MemoryContextAllocExtended((MemoryContext) context, size, MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
}

static void
context_release(void *context, void *pointer)
{
	pfree(pointer);
}

EpAllocator
ep_palloc_allocator(MemoryContext context)
{
	EpAllocator allocator = {context_alloc, context_release, context};

	return allocator;
}
