/*
 * gather.h
 *	  From wishes for columns to the change that grants them: what is the same attribute is one column, what does not join
 *	  is a variant, and the most frequent come first when there is no room for all.
 */
#ifndef EP_INGEST_GATHER_H
#define EP_INGEST_GATHER_H

#include "ingest/evolve.h"
#include "utils/hsearch.h"

typedef struct EpGather
{
	EpColumnChange *change; /* its attributes are the candidates, in the order of the wishes */
	HTAB *by_identity;      /* NULL: none yet */
} EpGather;

/* Start with no candidate, for as many wishes as most; memory is of the current context. */
extern void ep_gather_begin(EpGather *gather, EpColumnChange *change, int most);

/*
 * One wish: identity, path, guess, count and raw_id of it are set.  Gives the place of the candidate that takes its
 * values; -1 when the target needs none for them, or must not have it: its column was dropped, or the contract wants no variants.
 */
extern int ep_gather_add(EpGather *gather, const EpNewAttribute *wish);

/*
 * Keep those that users have made columns for, and as many others as there is room for: the most frequent, of equal ones the first, and
 * no variant without its column.  Their order stays.  Gives, by the places of before, which were kept; palloc'ed.
 */
extern bool *ep_gather_cut(EpGather *gather, int room);

#endif /* EP_INGEST_GATHER_H */
