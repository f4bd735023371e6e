/*
 * statement.h
 *	  One ingest run over a set of raw rows: what every part of it shares.
 *
 *	  survey   decode everything once: which attributes, tables and partitions are missing?
 *	  evolve   make them, or decide to rescue (ddl)
 *	  write    decode again: every event becomes a row, a rejection or a duplicate
 *	  account  counters, invalidations
 *
 * A load does both passes in one while nothing is missing (direct.c).
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

/* Was an event counted when its raw row came?  MAYBE: when it turns out to be a duplicate or discarded, it was. */
typedef enum EpCounted
{
	EP_COUNTED_NO = 0,
	EP_COUNTED_MAYBE,
	EP_COUNTED
} EpCounted;

typedef struct EpRawSource
{
	void (*rewind)(struct EpRawSource *source);
	/* false at the end; payload may live in row_context, which is reset before each call */
	bool (*next)(struct EpRawSource *source, MemoryContext row_context, EpRawRow *row);
	/* NULL: rows are new, and all events of them wanted.  Else: is this event of a row that was counted before? */
	bool (*wants)(struct EpRawSource *source, const EpRawRow *row, int32 seq);
	/* NULL: no event was counted before */
	EpCounted (*counted)(struct EpRawSource *source, const EpRawRow *row, int32 seq);
	/* from now on, rewind goes to the row that was handed out last; needed by ep_ingest_some alone */
	void (*mark)(struct EpRawSource *source);
	int64
		first_id; /* the row that was marked, or 0; by its raw_id, for it may be gone when rows are read again */
	int32 first_seq; /* its events before this one are done */
} EpRawSource;

/* What the statement knows of one target beyond the cache. */
typedef struct EpTargetWork
{
	EpTarget *target;
	bool is_bare;          /* it had no column but ours when the statement began */
	struct EpWish *wishes; /* attributes without a column */
	int wish_count;
	int wish_capacity;
	TimestampTz *missing; /* times without a partition, to the second: none begins within one */
	int missing_count;
	int missing_capacity;
	const char *no_partition; /* why partitions were not made, or NULL */
	HTAB *wanted;             /* attributes without a column, see wanted.h */
	HTAB *granules;           /* touched quarter hours, when tracked */
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
	EpCounters *counters;
	struct EpBatch *batch;
	int64 surprises; /* how often the survey met something that is missing */
	bool stopped;    /* walking ends here */
	char *hastened;  /* see deferred.h */
	int pinned;      /* see ep_settings_pin; 0: not yet, or not needed */
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
	bool first; /* to see new rows: they are counted */
	void (*event)(EpIngest *ingest, const EpRawRow *row, int32 seq, EpEvent *event);
	void (*refused)(EpIngest *ingest, const EpRawRow *row, int32 seq, const EpEvent *event,
					const EpError *error);
} EpVisitor;

/*
 * Take the rows of source through the whole pipeline.  The caller has connected to SPI.  What was
 * done is added to the counters (which begin with last_event DT_NOBEGIN, else zero), and these are put on record.
 */
extern void ep_ingest_run(EpStream *stream, EpRawSource *source, EpCounters *counters);

/*
 * Take as many of the rows of source through it as lack nothing, in one pass (direct.c).  True when that was all; else
 * the source is marked, for ep_ingest_run to go on.  Counters are added to and not put on record.
 */
extern bool ep_ingest_some(EpStream *stream, EpRawSource *source, EpCounters *counters);

/* From here on, names are found in pg_catalog alone: before anything that people have written is evaluated. */
extern void ep_ingest_pin(EpIngest *ingest);

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

/* Where an event belongs: its time, and the target with everything that ingest knows of it. */
typedef struct EpPlace
{
	EpKeys keys;
	EpCode code; /* EP_OK, or error says what is wrong with its time */
	EpError error;
	TimestampTz time;
	EpTargetWork *work; /* NULL: it has no table, or no time */
} EpPlace;

/* Find the place of an event; a table for a new route is made when make is true. */
extern void
ep_ingest_place(EpIngest *ingest, const EpRawRow *row, const EpEvent *event, bool make, EpPlace *place);

/* Both passes in one, until something is missing; true when nothing was. */
extern bool ep_ingest_direct(EpIngest *ingest);

/* Pass one. */
extern void ep_ingest_survey(EpIngest *ingest);

/* Between the passes: columns and partitions. */
extern void ep_ingest_evolve(EpIngest *ingest);

/*
 * From here to the end of the transaction nobody changes the table: rows are built for its columns as they are
 * now.  False when they had changed since we looked, and were read again.
 */
extern bool ep_ingest_hold(EpIngest *ingest, EpTargetWork *work);

/* Pass two. */
extern void ep_ingest_write(EpIngest *ingest);

/* Record a rejection of an event of the row that is read just now, and count it; detail may be NULL. */
extern void ep_ingest_reject(EpIngest *ingest, const EpRawRow *row, int32 seq, const char *stage,
							 const EpError *error, const char *detail, const char *bytes, size_t length);

/* Count one.  An event that was counted before had its row, which somebody deleted: it is no typed one any more. */
extern void ep_ingest_count_rejected(EpIngest *ingest, const char *stage, EpCounted counted);

/* Was this event counted when its raw row came? */
extern EpCounted ep_ingest_counted(EpIngest *ingest, const EpRawRow *raw, int32 seq);

#endif /* EP_INGEST_STATEMENT_H */
