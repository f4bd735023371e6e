/*
 * registry.h
 *	  Writes to the column registry: path -> column, decided once, and the list of targets.
 *
 * The caller has connected to SPI and holds the lock that made the decision its own (the DDL lock
 * of the target, or its advisory lock).
 */
#ifndef EP_SCHEMA_REGISTRY_H
#define EP_SCHEMA_REGISTRY_H

#include "schema/stream.h"

/*
 * Record that path (of this spelling) goes to column_name, number attnum, of the target; variant: what misfits its column does.  A
 * spelling that is there already stays as it is.  description may be NULL.
 */
extern void
ep_registry_add_path(EpTarget *target, const char *path, const char *identity, const char *column_name,
					 AttrNumber attnum, EpType type, bool variant, const char *description, int64 raw_id);

/* Record that objects at this path of the stream, in this spelling, are kept whole. */
extern void ep_registry_add_map(EpStream *stream, const char *path, const char *identity, int64 raw_id);

/* A column has another name now. */
extern void ep_registry_rename_column(EpTarget *target, const char *old, const char *name);

/* So have columns that somebody has renamed by hand: those whose number the registry knows. */
extern void ep_registry_follow_names(EpTarget *target);

/*
 * The attribute and its variants are dropped for good; everywhere: and never made in those targets of the stream that
 * do not know it yet.
 */
extern void ep_registry_drop_attribute(EpTarget *target, const char *identity, bool everywhere);

/*
 * Record a routed table, in place of one that was dropped by hand; gives its target id.  What was dropped for good
 * from the stream's own table is not made in it either.
 */
extern int ep_registry_add_target(EpStream *stream, const char *route, Oid relation);

/* The id and the table of a route, as committed by now or made by us; 0 when there is none. */
extern int ep_registry_find_target(EpStream *stream, const char *route, Oid *relation);

/* The published view of a target, as last recorded; it may have been dropped since. InvalidOid: none yet. */
extern Oid ep_registry_view(int target_id);
extern void ep_registry_set_view(int target_id, Oid view);

/* How many columns the target got in the last hour. */
extern int ep_registry_recent_columns(const EpTarget *target);

/* How many tables the stream got in the last hour. */
extern int ep_registry_recent_targets(EpStream *stream);

/*
 * What a registry lock is for: new columns of a target, new spellings of attributes that have one, a replay.  1 and 2 are those of
 * pg_advisory_lock(), which everybody may call.
 */
typedef enum EpRegistryLock
{
	EP_REGISTRY_SPELLINGS = 3,
	EP_REGISTRY_REPLAY = 4, /* of a stream, not a target */
	EP_REGISTRY_MAPS = 5,   /* likewise */
	EP_REGISTRY_COLUMNS = 6
} EpRegistryLock;

/*
 * Serialise registry writes for one target without waiting: true when this transaction has them
 * to itself until it ends.
 */
extern bool ep_registry_try_lock(int id, EpRegistryLock lock);

#endif /* EP_SCHEMA_REGISTRY_H */
