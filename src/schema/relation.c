/*
 * relation.c
 *	  Small questions about any relation: what it is called, whose it is.
 */
#include "schema/relation.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* Its bare name, or an error. */
static char *
existing_name(Oid relation)
{
	char *name = get_rel_name(relation);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", relation)));
	return name;
}

char *
ep_relation_name(Oid relation)
{
	char *name = existing_name(relation);

	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), name);
}

void
ep_check_owner(Oid relation)
{
	char *name = existing_name(relation);

	if (!ep_owns_relation(relation, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("must be owner of table \"%s\"", name)));
}
