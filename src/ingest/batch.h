/*
 * batch.h
 *	  Rows on their way into event tables: collected, freed of duplicates, written together.
 */
#ifndef EP_INGEST_BATCH_H
#define EP_INGEST_BATCH_H

#include "ingest/place.h"
#include "nodes/bitmapset.h"

#define EP_BATCH_ROWS 1000
#define EP_EVENT_ID_MAX 207

typedef enum EpRowState
{
	EP_ROW_WAITING = 0, /* to be written */
	EP_ROW_HELD,        /* a duplicate, unless the row before it with that event_id is refused */
	EP_ROW_DONE         /* written, refused, or a duplicate */
} EpRowState;

/* One row, all of it in the batch's context. */
typedef struct EpRow
{
	EpTargetWork *work;
	Datum *values; /* by attnum - 1 of the target */
	bool *nulls;
	Bitmapset *
		given; /* attnums of columns that stay empty for a value that is kept elsewhere: no default takes its place */
	int64 raw_id;
	int32 seq;
	TimestampTz time;
	char *event_id;    /* NULL when the stream has none or the event has none */
	const char *bytes; /* the event as it came, copied when the target might refuse it */
	size_t length;
	int rescued;   /* values, and */
	int discarded; /* values: they count when the row is in */
	uint32 unnamed_enums;
	EpRowState state;
	EpCounted counted;
	struct EpRow *first; /* EP_ROW_HELD: the row with the same event_id that is written first */
	bool refused;        /* by a constraint or a trigger */
	bool left_out;       /* a trigger did not let it in, and did not complain */
} EpRow;

typedef struct EpBatch
{
	MemoryContext context; /* reset by each flush */
	EpRow *rows;           /* nobody keeps a pointer to one beyond a flush */
	int count, capacity;
	int slots; /* that writers keep from batch to batch */
} EpBatch;

/* Turn the event into a row of the batch; NULL, or the stage at which it must be rejected (and *error). */
extern const char *ep_row_build(EpIngest *ingest, EpRow *row, const EpEvent *event, const EpKeys *keys,
								const EpRawRow *raw, EpError *error);

/* The text an id is known by: itself, or a digest when it is bytes or long. palloc'ed. */
extern char *ep_dedupe_key(const char *bytes, size_t length, bool binary);

/* The value of the event_id path as a text that an index can hold; NULL when it is none. palloc'ed. */
extern char *ep_dedupe_id(const EpValue *value);

/* Take the event_ids of waiting rows: whose is taken already is done, later rows with the same one are held. */
extern void ep_dedupe_batch(EpIngest *ingest, EpBatch *batch);

/* After the waiting rows were written: held rows are duplicates, or wait when theirs was refused; are there such? */
extern bool ep_dedupe_settle(EpIngest *ingest, EpBatch *batch);

/* Give an event_id back: its row was refused by a constraint. */
extern void ep_dedupe_release(EpIngest *ingest, const char *event_id);

/* Write the batch's rows, note what they touched, and empty it. */
extern void ep_writer_flush(EpIngest *ingest, EpBatch *batch);

/* True when rows of this target may be refused by constraints or triggers that users put there. */
extern bool ep_writer_is_careful(EpIngest *ingest, EpTargetWork *work);

/* True when columns of this target have values of their own for what an event does not fill. */
extern bool ep_writer_has_defaults(const EpTargetWork *work);

/* Open a writer for every target, or for one that is held. */
extern void ep_writer_start(EpIngest *ingest);
extern void ep_writer_open(EpIngest *ingest, EpTargetWork *work);

/* Close all writers. */
extern void ep_writer_finish(EpIngest *ingest);

/* Rows are collected from here ... */
extern void ep_write_begin(EpIngest *ingest);

/* ... to here, where all are written and the writers closed. */
extern void ep_write_end(EpIngest *ingest);

/* The event becomes a row of the batch, or is rejected. */
extern void ep_write_event(EpIngest *ingest, const EpRawRow *raw, int32 seq, EpEvent *event, EpPlace *place);

/* An event that could not be decoded is rejected. */
extern void ep_write_refused(EpIngest *ingest, const EpRawRow *row, int32 seq, const EpEvent *event,
							 const EpError *error);

#endif /* EP_INGEST_BATCH_H */
