/*
 * wanted.h
 *	  Which attributes a statement kept in _ep_rescued, so that maintenance knows what to promote, and where to look.
 */
#ifndef EP_INGEST_WANTED_H
#define EP_INGEST_WANTED_H

#include "ingest/state.h"

/* A value of this path is kept beside the columns of an event of that time; reason is a static string. */
extern void ep_wanted_note(EpIngest *ingest, EpTargetWork *work, const EpField *field, const char *reason,
						   TimestampTz time);

/* Append what was noted to the catalog. */
extern void ep_wanted_append(EpIngest *ingest, EpTargetWork *work);

#endif /* EP_INGEST_WANTED_H */
