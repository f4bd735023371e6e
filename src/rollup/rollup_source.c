/*
 * rollup_source.c
 *	  Which relations a rollup's query reads, and the same query over another one.
 */
#include "rollup/rollup.h"

#include "catalog/namespace.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

EP_FUNCTION(ep_rollup_reads);
EP_FUNCTION(ep_rollup_substitute);

/* context: a List of Oid. */
static bool
collect_relations(Node *node, void *context)
{
	List **relations = context;

	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		if (((RangeTblEntry *) node)->rtekind == RTE_RELATION)
			*relations = list_append_unique_oid(*relations, ((RangeTblEntry *) node)->relid);
		return false; /* the walker goes into it by itself */
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, collect_relations, context, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, collect_relations, context);
}

/*
 * _rollup_reads(query text, search_path text, time_zone text) -> setof regclass
 * The relations that the query reads, those under views included.
 */
Datum
ep_rollup_reads(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	List *relations = NIL;
	ListCell *cell;
	int level;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	level =
		ep_rollup_pin_settings(text_to_cstring(PG_GETARG_TEXT_PP(1)), text_to_cstring(PG_GETARG_TEXT_PP(2)));
	(void) collect_relations((Node *) ep_rollup_analyze(text_to_cstring(PG_GETARG_TEXT_PP(0))), &relations);
	AtEOXact_GUC(false, level);
	foreach (cell, relations)
	{
		Datum value = ObjectIdGetDatum(lfirst_oid(cell));
		bool isnull = false;

		tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
	}
	return (Datum) 0;
}

/* Where a query names a relation. */
typedef struct Mentions
{
	Oid relation;
	const char *name; /* of the relation, without its schema */
	List *of;         /* RangeVars, in the order of the text */
	bool shadowed;    /* a WITH query has the name */
} Mentions;

static int
by_location(const ListCell *a, const ListCell *b)
{
	return lfirst_node(RangeVar, a)->location - lfirst_node(RangeVar, b)->location;
}

static bool
find_mentions(Node *node, void *context)
{
	Mentions *mentions = context;

	if (node == NULL)
		return false;
	if (IsA(node, CommonTableExpr) && strcmp(((CommonTableExpr *) node)->ctename, mentions->name) == 0)
		mentions->shadowed = true;
	if (IsA(node, RangeVar) && RangeVarGetRelid((RangeVar *) node, NoLock, true) == mentions->relation)
		mentions->of = lappend(mentions->of, node);
	return raw_expression_tree_walker(node, find_mentions, context);
}

/* Behind one identifier; the text has been parsed. */
static const char *
skip_identifier(const char *at)
{
	if (*at != '"')
		return at + strcspn(at, " \t\n\r\f.,;()*/-");
	do
		at = strchr(at + 1, '"') + 1;
	while (*at == '"');
	return at;
}

/* Behind a name of so many parts. */
static const char *
skip_name(const char *at, int parts)
{
	static const char *const blanks = " \t\n\r\f";

	for (at = skip_identifier(at); parts > 1; parts--)
	{
		at += strspn(at, blanks);
		if (*at++ != '.')
			return NULL;
		at = skip_identifier(at + strspn(at, blanks));
	}
	return at;
}

/*
 * _rollup_substitute(query text, search_path text, relation regclass, replacement regclass) -> text
 * The query with replacement for relation wherever FROM names it.  NULL when it does not, a WITH query has its name, or there is no
 * such relation.
 */
Datum
ep_rollup_substitute(PG_FUNCTION_ARGS)
{
	const char *query = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Oid replacement = PG_GETARG_OID(3);
	Mentions mentions = {.relation = PG_GETARG_OID(2), .name = get_rel_name(PG_GETARG_OID(2))};
	char *schema = get_namespace_name(get_rel_namespace(replacement));
	const char *name;
	const char *done = query;
	StringInfoData replaced;
	ListCell *cell;
	int level;

	if (mentions.name == NULL || schema == NULL)
		PG_RETURN_NULL();
	name = quote_qualified_identifier(schema, get_rel_name(replacement));
	level = ep_rollup_pin_settings(text_to_cstring(PG_GETARG_TEXT_PP(1)), "UTC");
	initStringInfo(&replaced);
	(void) find_mentions(ep_rollup_parse(query)->stmt, &mentions);
	AtEOXact_GUC(false, level);
	if (mentions.of == NIL || mentions.shadowed)
		PG_RETURN_NULL();
	list_sort(mentions.of, by_location);
	foreach (cell, mentions.of)
	{
		const RangeVar *mention = lfirst_node(RangeVar, cell);
		const char *start = query + mention->location;
		const char *end =
			skip_name(start, 1 + (mention->schemaname != NULL) + (mention->catalogname != NULL));

		if (end == NULL)
			PG_RETURN_NULL();
		appendBinaryStringInfo(&replaced, done, start - done);
		appendStringInfoString(&replaced, name);
		if (mention->alias == NULL)
			appendStringInfo(&replaced, " AS %s", quote_identifier(mentions.name));
		done = end;
	}
	appendStringInfoString(&replaced, done);
	PG_RETURN_TEXT_P(cstring_to_text(replaced.data));
}
