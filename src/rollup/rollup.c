/*
 * rollup.c
 *	  What a rollup needs from the server's inside: its query analysed, and statements run as its owner.
 *
 * _rollup_columns analyses the query as a refresh will run it and refuses what would not come out the same
 * when it is computed again: volatile functions, the clock, the session, samples, row locks.
 *
 * _rollup_run_as runs one statement as the rollup's owner, as REFRESH MATERIALIZED VIEW does: user switched
 * in a security-restricted operation, settings that results depend on pinned and put back afterwards.
 * SET ROLE would not do: a function in the query could RESET ROLE and be whoever called the refresh.
 */
#include "rollup/rollup.h"

#include "access/xact.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "parser/analyze.h"
#include "parser/parse_coerce.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

EP_FUNCTION(ep_rollup_columns);
EP_FUNCTION(ep_rollup_statement);
EP_FUNCTION(ep_rollup_run_as);

/* Stable functions of the server whose result is the clock's or the session's, not the rows'. */
static const char *const session_functions[] = {"now",
												"transaction_timestamp",
												"statement_timestamp",
												"current_setting",
												"current_user",
												"session_user",
												"getpgusername",
												"current_database",
												"current_schema",
												"current_schemas",
												"current_query",
												"version",
												"pg_client_encoding",
												"inet_client_addr",
												"inet_client_port",
												"inet_server_addr",
												"inet_server_port",
												"pg_backend_pid",
												"pg_my_temp_schema",
												"pg_is_other_temp_schema",
												"pg_trigger_depth",
												"pg_current_snapshot",
												"txid_current_snapshot",
												"pg_current_xact_id_if_assigned",
												"txid_current_if_assigned",
												"pg_postmaster_start_time",
												"pg_conf_load_time",
												"pg_timezone_names",
												"pg_timezone_abbrevs",
												"pg_show_all_settings",
												"pg_cursor",
												"pg_prepared_statement",
												"pg_listening_channels",
												"row_security_active",
												"mxid_age",
												"pg_has_role",
												"has_any_column_privilege",
												"has_column_privilege",
												"has_database_privilege",
												"has_foreign_data_wrapper_privilege",
												"has_function_privilege",
												"has_language_privilege",
												"has_largeobject_privilege",
												"has_parameter_privilege",
												"has_schema_privilege",
												"has_sequence_privilege",
												"has_server_privilege",
												"has_table_privilege",
												"has_tablespace_privilege",
												"has_type_privilege"};

/* By SQLValueFunctionOp. */
static const char *const value_functions[] = {
	"CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIME",   "CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP",
	"LOCALTIME",    "LOCALTIME",    "LOCALTIMESTAMP", "LOCALTIMESTAMP",    "CURRENT_ROLE",
	"CURRENT_USER", "USER",         "SESSION_USER",   "CURRENT_CATALOG",   "CURRENT_SCHEMA"};

static void
set_for_now(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/*
 * With pg_temp at its end.  Where it is not named it comes first, and what a reader of a live view has called there like a table or type
 * of the query would run as the owner.
 */
static char *
with_temporary_last(const char *search_path)
{
	StringInfoData path;
	List *schemas;
	ListCell *cell;

	if (!SplitIdentifierString(pstrdup(search_path), ',', &schemas))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("search_path \"%s\" is no list of schemas", search_path)));
	initStringInfo(&path);
	foreach (cell, schemas)
		if (strcmp(lfirst(cell), "pg_temp") != 0)
			appendStringInfo(&path, "%s, ", quote_identifier(lfirst(cell)));
	appendStringInfoString(&path, "pg_temp");
	return path.data;
}

int
ep_rollup_pin_settings(const char *search_path, const char *time_zone)
{
	int level = NewGUCNestLevel();

	set_for_now("search_path", with_temporary_last(search_path));
	set_for_now("TimeZone", time_zone);
	set_for_now("DateStyle", "ISO, YMD");
	set_for_now("IntervalStyle", "postgres");
	set_for_now("extra_float_digits", "1");
	set_for_now("bytea_output", "hex");
	/* Sums of floating-point numbers depend on the order in which rows come. */
	set_for_now("max_parallel_workers_per_gather", "0");
	set_for_now("synchronize_seqscans", "off");
	return level;
}

static void
refuse(const char *what, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_OBJECT_DEFINITION), errmsg("a rollup cannot use %s%s", what, name),
			 errhint("The rows of a bucket must come out the same whenever they are computed again.")));
}

static bool
depends_on_session(Oid function)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc proc;
	bool found = false;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	if (proc->pronamespace == PG_CATALOG_NAMESPACE)
	{
		for (size_t i = 0; i < lengthof(session_functions); i++)
			found = found || strcmp(NameStr(proc->proname), session_functions[i]) == 0;
		/* age(x) counts from today */
		found = found || (strcmp(NameStr(proc->proname), "age") == 0 && proc->pronargs == 1);
	}
	ReleaseSysCache(tuple);
	return found;
}

static bool
check_function(Oid function, void *context)
{
	if (func_volatile(function) == PROVOLATILE_VOLATILE)
		refuse("the volatile function ", format_procedure(function));
	if (depends_on_session(function))
		refuse("the clock or the session: ", format_procedure(function));
	return false;
}

/* What check_node() looks at and finds. */
typedef struct CheckContext
{
	const char *text; /* of the query */
	bool seen[2];     /* $1 and $2 occur */
} CheckContext;

/*
 * 'now' as a timestamp is a constant by now, but another one next time.  (A constant of a view has
 * its place in another text, and stays what it was when the view was made.)
 */
static void
check_constant(const Const *constant, const char *text)
{
	static const char *const words[] = {"now", "today", "yesterday", "tomorrow"};
	const char *at;

	if (TypeCategory(constant->consttype) != TYPCATEGORY_DATETIME || constant->location < 0 ||
		(size_t) constant->location >= strlen(text))
		return;
	at = text + constant->location;
	at += strspn(at, "eE'$ \t\n");
	for (size_t i = 0; i < lengthof(words); i++)
		if (pg_strncasecmp(at, words[i], strlen(words[i])) == 0)
			refuse("the clock or the session: a literal of the time ", words[i]);
}

/* context: a CheckContext. */
static bool
check_node(Node *node, void *context)
{
	CheckContext *check = (CheckContext *) context;

	if (node == NULL)
		return false;
	(void) check_functions_in_node(node, check_function, context);
	if (IsA(node, SQLValueFunction))
		refuse("the clock or the session: ", value_functions[((SQLValueFunction *) node)->op]);
	if (IsA(node, NextValueExpr))
		refuse("a sequence", "");
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN && ((Param *) node)->paramid <= 2)
		check->seen[((Param *) node)->paramid - 1] = true;
	if (IsA(node, Const))
		check_constant((Const *) node, check->text);
	if (IsA(node, RangeTblEntry))
	{
		if (((RangeTblEntry *) node)->tablesample != NULL)
			refuse("TABLESAMPLE", "");
		return false; /* the walker goes into it by itself */
	}
	if (IsA(node, Query))
	{
		Query *query = (Query *) node;

		if (query->commandType != CMD_SELECT || query->rowMarks != NIL)
			refuse("statements that change or lock rows", "");
		return query_tree_walker(query, check_node, context, QTW_EXAMINE_RTES_BEFORE);
	}
	return expression_tree_walker(node, check_node, context);
}

/* Let an error's position point into the rollup's query, not into the statement that asked for its columns. */
static void
point_into_query(void *query)
{
	int position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery((const char *) query);
	}
}

RawStmt *
ep_rollup_parse(const char *text)
{
	ErrorContextCallback pointer = {
		.previous = error_context_stack, .callback = point_into_query, .arg = unconstify(char *, text)};
	List *statements;

	error_context_stack = &pointer;
	statements = pg_parse_query(text);
	error_context_stack = pointer.previous;
	if (list_length(statements) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR), errmsg("the query of a rollup must be one statement")));
	return linitial_node(RawStmt, statements);
}

/*
 * _rollup_statement(query text) -> text
 * The statement itself, fit to be put in parentheses: no semicolon, nothing after it.
 */
Datum
ep_rollup_statement(PG_FUNCTION_ARGS)
{
	char *query_text = text_to_cstring(PG_GETARG_TEXT_PP(0));
	RawStmt *statement = ep_rollup_parse(query_text);
	char *start = query_text + statement->stmt_location;

	if (statement->stmt_len > 0)
		start[statement->stmt_len] = '\0';
	PG_RETURN_TEXT_P(cstring_to_text(start));
}

Query *
ep_rollup_analyze(const char *text)
{
	static const Oid bounds[2] = {TIMESTAMPTZOID, TIMESTAMPTZOID};
	CheckContext check = {text, {false, false}};
	RawStmt *statement = ep_rollup_parse(text);
	ErrorContextCallback pointer = {
		.previous = error_context_stack, .callback = point_into_query, .arg = unconstify(char *, text)};
	List *queries;
	Query *query;

	error_context_stack = &pointer;
	queries = pg_analyze_and_rewrite_fixedparams(statement, text, bounds, 2, NULL);
	error_context_stack = pointer.previous;
	query = list_length(queries) == 1 ? linitial_node(Query, queries) : NULL;
	if (query == NULL || query->commandType != CMD_SELECT)
		ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR), errmsg("the query of a rollup must be a SELECT")));
	(void) check_node((Node *) query, &check);
	if (!check.seen[0] || !check.seen[1])
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("the query of a rollup must use $1 and $2"),
				 errhint("They are the bounds of the bucket: WHERE event_time >= $1 AND event_time < $2.")));
	return query;
}

/*
 * _rollup_columns(query text, search_path text, time_zone text)
 *	-> setof (column_name name, column_type text, plain boolean)
 * The columns of the query in order, or an error that says why it is not fit for a rollup.  plain: it is a table's column as it is.
 */
Datum
ep_rollup_columns(PG_FUNCTION_ARGS)
{
	char *query_text = text_to_cstring(PG_GETARG_TEXT_PP(0));
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int level;
	Query *query;
	ListCell *cell;

	InitMaterializedSRF(fcinfo, 0);
	level =
		ep_rollup_pin_settings(text_to_cstring(PG_GETARG_TEXT_PP(1)), text_to_cstring(PG_GETARG_TEXT_PP(2)));
	query = ep_rollup_analyze(query_text);
	foreach (cell, query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		NameData name;
		Datum values[3];
		bool nulls[3] = {false, false, false};

		if (entry->resjunk)
			continue;
		namestrcpy(&name, entry->resname);
		values[0] = NameGetDatum(&name);
		values[1] = CStringGetTextDatum(
			format_type_extended(exprType((Node *) entry->expr), exprTypmod((Node *) entry->expr),
								 FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
		values[2] = BoolGetDatum(OidIsValid(entry->resorigtbl));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	AtEOXact_GUC(false, level);
	return (Datum) 0;
}

/* Run it in the settings and the user that are in force; the first value, or how many rows it touched. */
static char *
run_statement(const char *statement, Datum *bounds, const char *nulls)
{
	static const Oid types[2] = {TIMESTAMPTZOID, TIMESTAMPTZOID};
	MemoryContext caller = CurrentMemoryContext;
	char *value;
	int status;

	SPI_connect();
	status = SPI_execute_with_args(statement, 2, (Oid *) types, bounds, nulls, false, 0);
	if (status < 0)
		elog(ERROR, "could not run: %s", statement);
	if (status != SPI_OK_SELECT)
		value = psprintf(UINT64_FORMAT, SPI_processed);
	else
		value = SPI_processed > 0 ? SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1) : NULL;
	if (value != NULL)
		value = MemoryContextStrdup(caller, value);
	SPI_finish();
	return value;
}

/*
 * _rollup_run_as(owner oid, search_path text, time_zone text, statement text,
 *                lower_bound timestamptz, upper_bound timestamptz) -> text
 * $1 and $2 of the statement are the bounds.  Gives the first value of a SELECT, else the number of rows.
 */
Datum
ep_rollup_run_as(PG_FUNCTION_ARGS)
{
	Oid owner;
	char *value;
	char nulls[2];
	Datum bounds[2];
	Oid saved_user;
	int saved_context;
	int level;

	for (int i = 0; i < 4; i++)
		if (PG_ARGISNULL(i))
			PG_RETURN_NULL();
	owner = PG_GETARG_OID(0);
	if (!has_privs_of_role(GetUserId(), owner))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("must have privileges of role \"%s\"", GetUserNameFromId(owner, false))));
	for (int i = 0; i < 2; i++)
	{
		nulls[i] = PG_ARGISNULL(4 + i) ? 'n' : ' ';
		bounds[i] = PG_GETARG_DATUM(4 + i);
	}
	GetUserIdAndSecContext(&saved_user, &saved_context);
	level =
		ep_rollup_pin_settings(text_to_cstring(PG_GETARG_TEXT_PP(1)), text_to_cstring(PG_GETARG_TEXT_PP(2)));
	SetUserIdAndSecContext(owner,
						   saved_context | SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE);
	value = run_statement(text_to_cstring(PG_GETARG_TEXT_PP(3)), bounds, nulls);
	SetUserIdAndSecContext(saved_user, saved_context);
	AtEOXact_GUC(false, level);
	if (value == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(value));
}
