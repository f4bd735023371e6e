/*
 * survey.h
 *	  Pass one over a statement: what is missing, and of which type.
 */
#ifndef EP_INGEST_SURVEY_H
#define EP_INGEST_SURVEY_H

#include "ingest/place.h"

/*
 * Values that have no column yet: of a path that is new, or misfits.  Those of one path whose types do not join are
 * wishes of their own, chained.
 */
typedef struct EpWish
{
	EpPath *path;         /* NULL: given up, a map above it is wished for instead */
	const char *comment;  /* what was said of the path when it was wished for, or NULL */
	EpTypeGuess guess;    /* joined over the statement */
	int64 raw_id;         /* where it was first seen */
	int64 count;          /* values that wish for it */
	int next;             /* of the chain, from 1; 0: no more */
	int place;            /* set by evolve: of the candidate that takes it; -1: none */
	const char *identity; /* set by evolve: what its spellings share */
	const char *reason;   /* set by evolve: why it is rescued, or NULL */
} EpWish;

/* The type of column that a value asks for; EP_TYPE_NONE when no type takes it. */
extern EpType ep_survey_type(const EpField *field);

/* Look at one attribute of an event for the target: is a column missing for it? */
extern void ep_survey_field(EpIngest *ingest, EpTargetWork *work, const EpField *field, int64 raw_id);

/* Look for what this event is the first to need. */
extern void
ep_survey_event(EpIngest *ingest, const EpRawRow *row, const EpEvent *event, const EpPlace *place);

#endif /* EP_INGEST_SURVEY_H */
