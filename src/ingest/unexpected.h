/*
 * unexpected.h
 *	  What the contract says at the moment when something unexpected is met.
 *
 * Freeze raises here: 42703 for an attribute, 42804 for a value, 42P01 for a route.
 */
#ifndef EP_INGEST_UNEXPECTED_H
#define EP_INGEST_UNEXPECTED_H

#include "ingest/state.h"

/*
 * An attribute that has no column yet.  Under evolve the column stays as it is; else its state says what becomes of
 * its values.  The stream's word (not that of a glob) spares a table that has no column yet: its first
 * statement may make them.
 */
extern void
ep_unexpected_attribute(EpIngest *ingest, const EpTargetWork *work, const EpField *field, EpColumn *column);

/* Why an event with an attribute in state EP_COLUMN_REJECTED is rejected. */
extern void ep_unexpected_refuse(EpIngest *ingest, const EpField *field, EpError *error);

/* A value that misfits its column: evolve, rescue, reject (with *error filled) or discard. */
extern EpPolicy
ep_unexpected_value(EpIngest *ingest, const EpColumn *column, const EpField *field, EpError *error);

/* A route that has no table, under another contract than evolve: does its event go to the stream's own table? */
extern bool ep_unexpected_route(EpIngest *ingest, const char *route);

#endif /* EP_INGEST_UNEXPECTED_H */
