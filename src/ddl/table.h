/*
 * table.h
 *	  Making routed event tables and the partitions that rows need.
 */
#ifndef EP_DDL_TABLE_H
#define EP_DDL_TABLE_H

#include "core/compat.h"
#include "schema/stream.h"
#include "utils/timestamp.h"

/*
 * A name for a relation within 63 bytes that no relation or type of the schema has and no partition will want: wanted itself, or cut on
 * a character boundary + '_' + 8 hex of its hash.  When the first is taken, the next of a series that does not repeat.  palloc'ed.
 */
extern char *ep_ddl_free_name(const char *wanted, Oid schema);

/*
 * Create the event table for one routing value beside the stream's own, with our fixed columns,
 * partitioned alike.  The caller acts as the owner and has connected to SPI.
 */
extern Oid ep_ddl_create_routed_table(Oid event_relation, const char *route);

/*
 * Make the partitions that these event times need and that do not exist, at most so many, the newest, and as long as the table has
 * fewer than in_all; those for about now always.  How many were made.
 */
extern int ep_ddl_ensure_partitions(Oid relation, const TimestampTz *times, int count, int most, int in_all);

typedef struct EpPartition
{
	Oid relation;  /* InvalidOid: none */
	bool is_alike; /* known to number its columns as the table does */
} EpPartition;

/*
 * Which times have which partition (other than a default one): a copy of the relation's bounds, so that no
 * lock is held while a statement is surveyed.  O(log leaves) a question.  Kept with the target, until that
 * changes.
 */
typedef struct EpCoverage
{
	bool everything; /* not partitioned, or by something else than event_time: what has no place is refused */
	bool nested;     /* a partition is itself partitioned, and may have no place for a row */
	int count;       /* of bounds */
	TimestampTz *bounds;     /* ascending */
	EpPartition *partitions; /* [i]: the one between bounds[i-1] and bounds[i]; count + 1 of them */
} EpCoverage;

extern EpCoverage *ep_coverage_of(EpStream *stream, EpTarget *target);

/* The partition of a time.  Only for what does not cover everything. */
extern EpPartition *ep_coverage_partition(EpCoverage *coverage, TimestampTz time);

extern bool ep_coverage_has(EpCoverage *coverage, TimestampTz time);

#endif /* EP_DDL_TABLE_H */
