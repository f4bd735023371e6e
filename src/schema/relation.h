/*
 * relation.h
 *	  Small questions about any relation: what it is called, whose it is.
 */
#ifndef EP_SCHEMA_RELATION_H
#define EP_SCHEMA_RELATION_H

#include "core/compat.h"

/* schema.name, each quoted as needed, for SQL; palloc'ed. 42P01 when there is no such relation. */
extern char *ep_relation_name(Oid relation);

/* Whose it is. 42P01 when there is none. */
extern Oid ep_relation_owner(Oid relation);

/* Raise 42501 unless the current user owns the relation, 42P01 when there is none. */
extern void ep_check_owner(Oid relation);

#endif /* EP_SCHEMA_RELATION_H */
