/*
 * statement.h
 *	  One ingest run over a set of raw rows: what every part of it shares.
 *
 *	  survey   decode everything once: which attributes, tables and partitions are missing?
 *	  evolve   make them, or decide to rescue (ddl)
 *	  write    decode again: every event becomes a row, a rejection or a duplicate
 *	  account  counters, invalidations
 *
 * Nothing is locked while the survey runs.  The rows come from a source that can be read twice: what
 * the statement just stored (capture.h), or a query over the raw table (replay).
 */
#ifndef EP_INGEST_STATEMENT_H
#define EP_INGEST_STATEMENT_H

#include "core/compat.h"
#include "ddl/table.h"
#include "utils/hsearch.h"
#include "ingest/rescue.h"
#include "schema/journal.h"
#include "schema/stream.h"

typedef struct EpRawRow
{
	int64 raw_id;
	TimestampTz received_at;
	const char *payload; /* NULL when the column is */
	size_t length;
} EpRawRow;

typedef struct EpRawSource
{
	void (*rewind)(struct EpRawSource *source);
	/* false at the end; payload may live in row_context, which is reset before each call */
	bool (*next)(struct EpRawSource *source, MemoryContext row_context, EpRawRow *row);
	/* NULL: rows are new, and all events of them wanted.  Else: is this event of a row that was counted before? */
	bool (*wants)(struct EpRawSource *source, const EpRawRow *row, int32 seq);
} EpRawSource;

/* What the statement knows of one target beyond the cache. */
typedef struct EpTargetWork
{
	EpTarget *target;
	bool is_bare; /* it had no column but ours when the statement began */
	EpCoverage *coverage;
	struct EpWish *wishes; /* attributes without a column */
	int wish_count;
	int wish_capacity;
	TimestampTz *missing; /* times without a partition, one per hour */
	int missing_count;
	int missing_capacity;
	HTAB *wanted;   /* attributes without a column, see wanted.h */
	HTAB *granules; /* touched quarter hours, when tracked */
	TimestampTz last_granule;
	struct EpWriter *writer;
} EpTargetWork;

typedef struct EpIngest
{
	EpStream *stream;
	EpRawSource *source;
	MemoryContext context;       /* of the statement */
	MemoryContext row_context;   /* per raw row: its payload */
	MemoryContext event_context; /* what visitors allocate without further thought */
	EpArena lasting, payload, event_arena;
	EpDecoder decoder;
	EpTargetWork **works; /* by position of the target in the stream */
	int work_count;
	char *last_route; /* routes come in runs */
	EpTargetWork *last_work;
	HTAB *refused;             /* routes whose table could not be made */
	const char *refused_route; /* why the last new table was not made */
	EpRescue rescue;
	EpCounters counters;
	struct EpBatch *batch;
} EpIngest;

/* The fields of an event that mean something to the stream. */
typedef struct EpKeys
{
	const EpField *time;
	const EpField *id;
	const EpField *route;
} EpKeys;

/*
 * What walking the rows calls, in a memory context that lasts as long as the call.  seq counts from 1 in each raw row; a refusal of the payload as a whole
 * has seq 0.
 */
typedef struct EpVisitor
{
	void (*event)(EpIngest *ingest, const EpRawRow *row, int32 seq, EpEvent *event);
	void (*refused)(EpIngest *ingest, const EpRawRow *row, int32 seq, const EpEvent *event,
					const EpError *error);
} EpVisitor;

/*
 * Take the rows of source through the whole pipeline.  The caller has connected to SPI.  counters go in
 * as they are to start from (last_event DT_NOBEGIN, else zero) and come out with what was done.
 */
extern void ep_ingest_run(EpStream *stream, EpRawSource *source, EpCounters *counters);

/* Only decode them, for the visitor. */
extern void ep_ingest_read(EpStream *stream, EpRawSource *source, const EpVisitor *visitor);

/* Decode every row once. */
extern void ep_ingest_walk(EpIngest *ingest, const EpVisitor *visitor);

extern void ep_ingest_keys(const EpIngest *ingest, const EpEvent *event, EpKeys *keys);

/*
 * The target that takes the event, made if it is new and make is true; NULL when there is none.
 */
extern EpTargetWork *
ep_ingest_route(EpIngest *ingest, const EpEvent *event, const EpKeys *keys, bool make, int64 raw_id);

/* Does the contract drop the event, because its route has no table? */
extern bool ep_ingest_is_discarded(EpIngest *ingest, const EpEvent *event, const EpKeys *keys);

/* Pass one. */
extern void ep_ingest_survey(EpIngest *ingest);

/* Between the passes: columns and partitions. */
extern void ep_ingest_evolve(EpIngest *ingest);

/* Pass two. */
extern void ep_ingest_write(EpIngest *ingest);

/* Record a rejection and count it. */
extern void ep_ingest_reject(EpIngest *ingest, int64 raw_id, int32 seq, const char *stage,
							 const EpError *error, const char *bytes, size_t length);

#endif /* EP_INGEST_STATEMENT_H */
