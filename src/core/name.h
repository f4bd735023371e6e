/*
 * name.h
 *	  From a path to a column name: snake_case, any script, at most 63 bytes.
 *
 * The name is chosen once, by the registry, and never computed again for the same attribute.
 */
#ifndef EP_CORE_NAME_H
#define EP_CORE_NAME_H

#include "core/path.h"

#define EP_NAME_MAX 63 /* NAMEDATALEN - 1 */

/*
 * Write the column name for path into name (EP_NAME_MAX + 1 bytes, NUL-terminated).
 * Segments in snake_case joined by '_': userId, UserID, user_id -> user_id; HTTPServer ->
 * http_server; gpsFix2 -> gps_fix2; letters of any script kept, lower-cased; other characters
 * become one '_'; none at either end.  A leading digit gets '_' before it; nothing left gives "attribute".
 * Names that PostgreSQL reserves or keeps for itself (user, select, xmin, ctid, tableoid ...), our
 * fixed columns (event_time, received_at) get the suffix '_'.  None starts with our prefix _ep_,
 * because none starts with '_' and a letter.
 * Too long: cut on a character boundary + '_' + 8 hex of the path's hash, which is ep_name_hash of the published spelling.
 */
extern void ep_name_from_path(const EpPath *path, char *name);

/*
 * The same for one segment of a table name (route values): no reserved-word suffix, nothing before
 * a digit, at most max bytes (name has max + 1); the hash is ep_name_hash(segment).
 */
extern void ep_name_from_segment(const char *segment, size_t length, char *name, size_t max);

/* True for the names that get the suffix '_': reserved words, system columns, our fixed columns. */
extern bool ep_name_is_kept(const char *name);

/*
 * When the name is taken by another attribute: the nth, from 0, of a fixed series of names, in distinct (64 bytes).  The first is
 * prefix + '_' + 8 hex of the path's hash, within 63 bytes.  Whoever knows the series can take some of its names; it does not repeat.
 */
extern void ep_name_distinguish(const EpPath *path, const char *name, uint32_t nth, char *distinct);

/*
 * The name of the column for values of path that misfit its column: base + "__" + type.  Too long: base is cut and gets
 * the hash before the type.  No name that is made from a path has two '_' in a row.
 */
extern void ep_name_variant(const EpPath *path, const char *base, const char *type, char *name);

/*
 * The lower-case form of one letter of any script; any other character is given back as it is.
 * Fixed for ever, whatever the server's locale.
 */
extern uint32_t ep_name_lower(uint32_t code);

/* FNV-1a over bytes; the hash that names use, fixed for ever. */
extern uint32_t ep_name_hash(const char *bytes, size_t length);

#endif /* EP_CORE_NAME_H */
