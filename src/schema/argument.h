/*
 * argument.h
 *	  What people give to the functions that they call: it must be there, and relations are named as in SQL.
 */
#ifndef EP_SCHEMA_ARGUMENT_H
#define EP_SCHEMA_ARGUMENT_H

#include "core/compat.h"

/* 22004 when argument i of a function, counted from 0, is null. */
extern void ep_argument_required(FunctionCallInfo fcinfo, int i, const char *name);

/*
 * The relation that argument i names, 'table' or 'schema.table', along the search_path; InvalidOid when there is none.  22004 when
 * it is null, 42602 when it is no name.
 */
extern Oid ep_argument_relation(FunctionCallInfo fcinfo, int i, const char *name);

/* Where a relation that it names would be made by the current user; also 3F000, 42501 or 42P16 when he cannot make it there. */
extern void
ep_argument_new_relation(FunctionCallInfo fcinfo, int i, const char *name, char **schema, char **relation);

#endif /* EP_SCHEMA_ARGUMENT_H */
