/*
 * evolve.h
 *	  The changes that ingest makes to tables: columns, partitions, routed tables.
 *
 * Each is a body for ep_attempt, so it is done wholly or not at all, and each can run in two places:
 * in the client's backend, or in a background worker that commits at once (worker.h).
 */
#ifndef EP_INGEST_EVOLVE_H
#define EP_INGEST_EVOLVE_H

#include "core/name.h"
#include "schema/stream.h"

/* One attribute that is to become a column, or a variant; spellings and variants share identity. */
typedef struct EpNewAttribute
{
	const char *identity;
	EpPath *path; /* the spelling seen first */
	const char *comment;
	EpTypeGuess guess; /* of its values; once it has a column, the type is the column's */
	bool
		variant; /* for values that misfit the column of the attribute, which there is or which comes before */
	int64 raw_id;
	int64 count;         /* of its values: the most frequent come first when there is no room for all */
	AttrNumber declared; /* the column that a user has made for it; none: it needs a new one (declared.h) */
	int next;            /* place of the next candidate of its identity; 0: none (gather.h) */
	bool adopted;        /* a user had made the column beforehand */
	char name[EP_NAME_MAX + 1];
} EpNewAttribute;

/* Columns for one target. */
typedef struct EpColumnChange
{
	EpStream *stream;
	EpTarget *target;
	EpArena *arena; /* for paths' texts */
	EpNewAttribute *attributes;
	int count;
	const char *mode;    /* inline or worker: for the log */
	const char *refusal; /* out: why nothing was added, a static string */
	int64 waited_us;     /* out: how long it tried for the lock */
} EpColumnChange;

/* Partitions for one target. */
typedef struct EpPartitionChange
{
	EpStream *stream;
	EpTarget *target;
	TimestampTz *times;
	int count;
	const char *mode;
} EpPartitionChange;

/* The table for a new route. */
typedef struct EpTableChange
{
	EpStream *stream;
	const char *route;
	int64 raw_id;
	const char *mode;
	const char *refusal; /* out, a static string */
	int target_id;       /* out */
	Oid relation;        /* out */
} EpTableChange;

/* All three: the argument points to the change; the caller acts as the owner of the event table. */
extern bool ep_evolve_columns(void *column_change);
extern bool ep_evolve_partitions(void *partition_change);
extern bool ep_evolve_table(void *table_change);

/* Why columns are not there after an error: "lock" when the moment was bad, "contract" when somebody forbids them. */
extern const char *ep_evolve_refusal(const ErrorData *error);

#endif /* EP_INGEST_EVOLVE_H */
