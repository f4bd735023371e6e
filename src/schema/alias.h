/*
 * alias.h
 *	  Values at one path taken as values at another, and one text taken as another.
 *
 * Applied to a decoded event before anything else looks at it, so routes, event ids and event times follow them too.
 * An alias of a path moves what is below it as well.  Aliases that were removed or replaced are remembered: rows of
 * their time can be explained by them alone.
 */
#ifndef EP_SCHEMA_ALIAS_H
#define EP_SCHEMA_ALIAS_H

#include "core/compat.h"
#include "core/event.h"

typedef struct EpAliases EpAliases;

/* Those of a stream, NULL when it never had one; to_paths become nodes of the tree.  The caller has connected to SPI. */
extern EpAliases *ep_aliases_load(int stream_id, EpPathTree *paths, MemoryContext context);

/*
 * Put the aliases to the event: when one matches, event->fields is a changed copy from arena, and event->as_sent what it
 * was.  aliases may be NULL.  False when the arena is full.
 */
extern bool ep_aliases_apply(EpAliases *aliases, EpEvent *event, EpArena *arena) EP_CHECK_RESULT;

/* The route that an event has by the present aliases of texts at the path that routes; itself when there are none.  aliases may be NULL. */
extern const char *ep_aliases_route(const EpAliases *aliases, const char *identity, const char *route);

/* Where the present aliases lead from a path: itself when to nowhere; NULL when arena is full.  aliases may be NULL. */
extern EpPath *ep_aliases_resolve(const EpAliases *aliases, EpPath *path, EpArena *arena);

/*
 * The other ways in which the same event was read once, one for each time the aliases changed: how many, and the fields of each (from 0), as many
 * as event has, from arena; NULL when that is full.  _resolve_past is that of a path alone.
 */
extern int ep_aliases_past_count(const EpAliases *aliases);
extern EpPath *ep_aliases_resolve_past(const EpAliases *aliases, int way, EpPath *path, EpArena *arena);
extern const EpField *ep_aliases_read_past(EpAliases *aliases, int way, const EpEvent *event, EpArena *arena);

#endif /* EP_SCHEMA_ALIAS_H */
