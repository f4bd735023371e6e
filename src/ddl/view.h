/*
 * view.h
 *	  The published view of an event table, "<table>_bi": what BI tools read.
 *
 * Its columns are named, never "*", and only ever appended to: event_time, received_at, then one for each attribute,
 * scalars before jsonb and arrays among those that come together.  Variants are folded into the column of their
 * attribute where it can hold them whole, and are columns of their own where not.
 */
#ifndef EP_DDL_VIEW_H
#define EP_DDL_VIEW_H

#include "schema/stream.h"

/*
 * Make the view, or bring it up to date with the attributes of target as they are in the entry.  NULL when that is
 * done, else why not: "lock" (others read the view; it is never waited for longer than budget_ms) or "busy" (this
 * session does), and then the caller rolls back.  Anything else that is amiss is raised.  mode is for the log.
 *
 * The caller acts as the table's owner with settings pinned, has connected to SPI, and holds a lock on the table
 * since before the attributes were read.
 */
extern const char *ep_view_build(EpStream *stream, EpTarget *target, int budget_ms, const char *mode);

/* The same in a subtransaction of its own; what hinders is left to the maintenance.  True when done. */
extern bool ep_view_try_build(EpStream *stream, EpTarget *target, int budget_ms, const char *mode);

/* The stream and the target of an event table; 42704 with a hint when it is none.  The caller has connected to SPI. */
extern EpTarget *ep_view_target(Oid relation, EpStream **stream);

/* The view, or InvalidOid when there is none (any more). */
extern Oid ep_view_of(const EpTarget *target);

/*
 * Columns of the table that somebody has renamed get their names in the view (InvalidOid: there is none) and the registry, too.
 * Both are locked, the target was read since.
 */
extern void ep_view_follow_renames(EpStream *stream, EpTarget *target, Oid view);

#endif /* EP_DDL_VIEW_H */
