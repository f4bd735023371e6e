/*
 * argument.c
 *	  What people give to the functions that they call.
 */
#include "schema/argument.h"

#include "catalog/namespace.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

void
ep_argument_required(FunctionCallInfo fcinfo, int i, const char *name)
{
	if (PG_ARGISNULL(i))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", name)));
}

/* As a list of strings, one or two. */
static List *
parse_name(const char *text, const char *argument)
{
	List *names, *parts = NIL;
	ListCell *name;
	bool valid = SplitIdentifierString(pstrdup(text), '.', &names) && list_length(names) >= 1 &&
				 list_length(names) <= 2;

	foreach (name, names)
	{
		valid &= *(char *) lfirst(name) != '\0';
		parts = lappend(parts, makeString(lfirst(name)));
	}
	if (!valid)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_NAME), errmsg("\"%s\" is no name of a %s", text, argument),
			 errhint(
				 "Give table or schema.table; what has capital letters, blanks or other special characters goes in double quotes, as in '\"My Events\"'.")));
	return parts;
}

static List *
name_of(FunctionCallInfo fcinfo, int i, const char *name)
{
	ep_argument_required(fcinfo, i, name);
	return parse_name(text_to_cstring(PG_GETARG_TEXT_PP(i)), name);
}

Oid
ep_argument_relation(FunctionCallInfo fcinfo, int i, const char *name)
{
	return RangeVarGetRelid(makeRangeVarFromNameList(name_of(fcinfo, i, name)), NoLock, true);
}

void
ep_argument_new_relation(FunctionCallInfo fcinfo, int i, const char *name, char **schema, char **relation)
{
	List *parts = name_of(fcinfo, i, name);
	Oid namespace;

	if (list_length(parts) == 1 && fetch_search_path(false) == NIL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_SCHEMA),
						errmsg("no schema has been selected to create the %s in", name),
						errhint("Set search_path, or give the %s as schema.table.", name)));
	namespace = QualifiedNameGetCreationNamespace(parts, relation);
	*schema = get_namespace_name(namespace);
	if (isAnyTempNamespace(namespace))
		ereport(ERROR, (errcode(ERRCODE_INVALID_TABLE_DEFINITION), errmsg("a %s cannot be temporary", name),
						errhint("Others work on it, too: put it into a schema.")));
	if (!ep_may_create_in(namespace, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for schema %s", *schema),
				 errhint("As its owner: GRANT USAGE, CREATE ON SCHEMA %s TO %s;", quote_identifier(*schema),
						 quote_identifier(GetUserNameFromId(GetUserId(), false)))));
}

/* _relation_named(name text, argument text) returns regclass: null when there is none. */
EP_FUNCTION(ep_relation_named);

Datum
ep_relation_named(PG_FUNCTION_ARGS)
{
	Oid relation = ep_argument_relation(fcinfo, 0, text_to_cstring(PG_GETARG_TEXT_PP(1)));

	if (!OidIsValid(relation))
		PG_RETURN_NULL();
	PG_RETURN_OID(relation);
}

/* _relation_to_make(name text, argument text) returns text: schema.name, each quoted as needed. */
EP_FUNCTION(ep_relation_to_make);

Datum
ep_relation_to_make(PG_FUNCTION_ARGS)
{
	char *schema, *relation;

	ep_argument_new_relation(fcinfo, 0, text_to_cstring(PG_GETARG_TEXT_PP(1)), &schema, &relation);
	PG_RETURN_TEXT_P(cstring_to_text(quote_qualified_identifier(schema, relation)));
}
