/*
 * state.h
 *	  The state of one ingest run over a set of raw rows: what every part of it shares.
 *
 * The rows come from a source that can be read twice: what the statement just stored (capture.h), or a query over the
 * raw table (replay).
 */
#ifndef EP_INGEST_STATE_H
#define EP_INGEST_STATE_H

#include "core/compat.h"
#include "ddl/table.h"
#include "ingest/rescue.h"
#include "schema/journal.h"
#include "schema/stream.h"
#include "utils/hsearch.h"

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

/* A run over rows of the stream, in a memory context of its own within the current one; the decoder is not yet begun. */
extern EpIngest *ep_ingest_begin(EpStream *stream, EpRawSource *source);

/* From here on, names are found in pg_catalog alone: before anything that people have written is evaluated. */
extern void ep_ingest_pin(EpIngest *ingest);

#endif /* EP_INGEST_STATE_H */
