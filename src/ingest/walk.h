/*
 * walk.h
 *	  Decoding the rows of a run, event by event.
 */
#ifndef EP_INGEST_WALK_H
#define EP_INGEST_WALK_H

#include "ingest/state.h"

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

/* Decode every row once, until the run is stopped. */
extern void ep_ingest_walk(EpIngest *ingest, const EpVisitor *visitor);

#endif /* EP_INGEST_WALK_H */
