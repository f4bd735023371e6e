/*
 * survey.h
 *	  Pass one over a statement: what is missing, and of which type.
 */
#ifndef EP_INGEST_SURVEY_H
#define EP_INGEST_SURVEY_H

#include "ingest/statement.h"

/* A spelling of an attribute that has no column yet. */
typedef struct EpWish
{
	EpPath *path;
	EpTypeGuess guess;    /* joined over the statement; values that do not join are misfits */
	bool untyped;         /* cells of text: text holds everything */
	int64 raw_id;         /* where it was first seen */
	const char *identity; /* set by evolve: what its spellings share */
	const char *reason;   /* set by evolve: why it is rescued, or NULL */
} EpWish;

#endif /* EP_INGEST_SURVEY_H */
