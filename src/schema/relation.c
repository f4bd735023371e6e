/*
 * relation.c
 *	  Small questions about any relation: what it is called, whose it is.
 */
#include "schema/relation.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

static void
is_gone(Oid relation)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", relation)));
}

/* Its bare name, or an error. */
static char *
existing_name(Oid relation)
{
	char *name = get_rel_name(relation);

	if (name == NULL)
		is_gone(relation);
	return name;
}

char *
ep_relation_name(Oid relation)
{
	char *name = existing_name(relation);

	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), name);
}

Oid
ep_relation_owner(Oid relation)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid owner;

	if (!HeapTupleIsValid(tuple))
		is_gone(relation);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

void
ep_check_owner(Oid relation)
{
	char *name = existing_name(relation);

	if (!ep_owns_relation(relation, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("must be owner of table \"%s\"", name)));
}
