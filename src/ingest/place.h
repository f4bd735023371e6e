/*
 * place.h
 *	  Where an event belongs: its time, and the table that takes it.
 */
#ifndef EP_INGEST_PLACE_H
#define EP_INGEST_PLACE_H

#include "ingest/state.h"

/* The fields of an event that mean something to the stream. */
typedef struct EpKeys
{
	const EpField *time;
	const EpField *id;
	const EpField *route;
} EpKeys;

extern void ep_ingest_keys(const EpIngest *ingest, const EpEvent *event, EpKeys *keys);

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

#endif /* EP_INGEST_PLACE_H */
