/*
 * memory_server.h
 *	  Arena blocks from a PostgreSQL memory context.
 */
#ifndef EP_CORE_MEMORY_SERVER_H
#define EP_CORE_MEMORY_SERVER_H

#include "core/arena.h"
#include "core/compat.h"

/*
 * An allocator whose blocks live in context; out of memory gives NULL instead of an error, so a
 * decoder can say so itself.  Deleting or resetting the context frees what the arena holds (the
 * arena must then be initialised again).
 */
extern EpAllocator ep_palloc_allocator(MemoryContext context);

#endif /* EP_CORE_MEMORY_SERVER_H */
