/*
 * glob.h
 *	  Patterns over paths: debug.**, device.*, *.raw.
 *
 * Patterns and paths are both given as identities (ep_path_identity of core/path.h), so spelling variants of a
 * segment match as one.  A segment "*" of a pattern stands for any one segment, "**" for any number of them,
 * none included.
 */
#ifndef EP_CORE_GLOB_H
#define EP_CORE_GLOB_H

#include <stdbool.h>

/* False when a segment has a '*' beside other characters: it would match nothing but itself. */
extern bool ep_glob_is_valid(const char *glob);

extern bool ep_glob_match(const char *glob, const char *identity);

/*
 * For qsort: the more specific pattern first.  At the first segment in which they differ a name comes before
 * "*", that before the pattern's end, and that before "**".
 */
extern int ep_glob_compare(const char *a, const char *b);

#endif /* EP_CORE_GLOB_H */
