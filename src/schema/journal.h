/*
 * journal.h
 *	  What ingest did and could not do: rejections, counters, invalidations, schema changes.
 *
 * Appends only, in the client's transaction.  The caller has connected to SPI.
 */
#ifndef EP_SCHEMA_JOURNAL_H
#define EP_SCHEMA_JOURNAL_H

#include "schema/histogram.h"
#include "schema/stream.h"

/* An event that could not become a row. Strings may be NULL; bytes are clipped on storing. */
typedef struct EpRejection
{
	int64 raw_id;
	int32 seq;         /* from 1; 0: the payload as a whole */
	const char *stage; /* decode, time, table, type, contract, constraint */
	const char *path;
	const char *expected;
	const char *found;
	const char *sqlstate;
	const char *message;
	const char *detail;
	const char *bytes;
	size_t length;
} EpRejection;

/* The stages at which events are rejected. */
typedef enum EpStage
{
	EP_STAGE_DECODE = 0,
	EP_STAGE_TIME,
	EP_STAGE_TABLE,
	EP_STAGE_TYPE,
	EP_STAGE_CONTRACT,
	EP_STAGE_CONSTRAINT,
	EP_STAGE_OTHER,
	EP_STAGES
} EpStage;

typedef struct EpCounters
{
	int64 raw_rows;
	int64 bytes;
	int64 events; /* typed + rejected + duplicates + discarded */
	int64 typed;
	int64 rejected;
	int64 duplicates;
	int64 discarded;        /* events, by the contract */
	int64 rescued;          /* attributes */
	int64 discarded_values; /* attributes of typed events, by the contract */
	int64 unnamed_enums;    /* numbers that a protobuf schema has no name for, of typed events */
	/* of typed, duplicates and discarded: those that were counted when their raw row came, and are not to be put on record again;
	   of typed also those that were counted and are rejected now */
	int64 typed_again, duplicates_again, discarded_again;
	TimestampTz last_event; /* DT_NOBEGIN when there was none */
	int64 rejected_at[EP_STAGES];
	EpHistogram lag; /* received_at - event_time of typed events */
} EpCounters;

/* What a statement kept in _ep_rescued of one path for one reason. */
typedef struct EpWantedAttribute
{
	const char *path;
	const char *reason;
	EpTypeGuess guess; /* type: of a column that would hold all the values; EP_TYPE_NONE: there is none */
	int64 count;
	TimestampTz first, last; /* event times */
} EpWantedAttribute;

extern void ep_journal_reject(EpStream *stream, const EpRejection *rejection);
/* Count that many events as rejected at a stage; fewer than none: they were withdrawn. */
extern void ep_counters_reject(EpCounters *counters, const char *stage, int64 events);

extern void ep_journal_count(EpStream *stream, const EpCounters *counters);

extern void ep_journal_wanted(int target_id, const EpWantedAttribute *attribute);

/* granules: starts of quarter hours */
extern void ep_journal_invalidate(int target_id, const TimestampTz *granules, int count);

/*
 * One line of schema_log: operation is create table, add column, keep object, create partition or rescue; mode
 * inline, worker or deferred.  path, column_name, reason may be NULL.  Also NOTIFY event_pipeline_schema
 * at commit.
 */
extern void ep_journal_schema_change(EpStream *stream, Oid target, const char *operation, const char *path,
									 const char *column_name, EpType type, const char *reason,
									 const char *mode, int64 lock_wait_us, int64 raw_id);

#endif /* EP_SCHEMA_JOURNAL_H */
