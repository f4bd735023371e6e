/*
 * flight_table.c
 *	  create_flight_table, refresh_flight_table, drop_flight_table; create_fleet_rollup, drop_fleet_rollup.
 *
 * These find out who is asking and what the names mean; the work is SQL (flight_table.sql), run as the owner of
 * the flight table in a security-restricted context, or on our catalog as the extension's owner.
 */
#include "core/compat.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "rollup/flight_events.h"
#include "rollup/flight_params.h"
#include "schema/argument.h"
#include "schema/catalog.h"
#include "schema/relation.h"
#include "schema/role.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

EP_FUNCTION(ep_create_flight_table);
EP_FUNCTION(ep_refresh_flight_table);
EP_FUNCTION(ep_drop_flight_table);
EP_FUNCTION(ep_create_fleet_rollup);
EP_FUNCTION(ep_drop_fleet_rollup);

static Oid
relation_named(FunctionCallInfo fcinfo, int i, const char *what)
{
	Oid relation = ep_argument_relation(fcinfo, i, what);

	if (!OidIsValid(relation))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("%s \"%s\" does not exist", what, text_to_cstring(PG_GETARG_TEXT_PP(i)))));
	return relation;
}

/* The relation, which the current user must own. */
static Oid
owned_relation(FunctionCallInfo fcinfo, int i, const char *what)
{
	Oid relation = relation_named(fcinfo, i, what);

	if (!ep_owns_relation(relation, GetUserId()))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("must be owner of %s \"%s\"", what, get_rel_name(relation))));
	return relation;
}

static void
no_flight_table(Oid relation)
{
	ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
					errmsg("\"%s\" is not a flight table", get_rel_name(relation)),
					errhint("Flight tables are made by event_pipeline.create_flight_table().")));
}

/* A query starts with SELECT, WITH, VALUES, TABLE, a parenthesis or a comment; a name does not. */
static bool
is_query(const char *text)
{
	static const char *const starts[] = {"select", "with", "values", "table"};

	while (isspace((unsigned char) *text))
		text++;
	if (*text == '(' || strncmp(text, "--", 2) == 0 || strncmp(text, "/*", 2) == 0)
		return true;
	for (int i = 0; i < lengthof(starts); i++)
	{
		size_t length = strlen(starts[i]);

		if (pg_strncasecmp(text, starts[i], length) == 0 && isspace((unsigned char) text[length]))
			return true;
	}
	return false;
}

/* Schema and name, as names, of the table that the first argument says; an error when it is there. */
static void
name_new_table(FunctionCallInfo fcinfo, const char *what, Datum *values)
{
	char *schema, *table;

	ep_argument_new_relation(fcinfo, 0, what, &schema, &table);
	if (OidIsValid(get_relname_relid(table, get_namespace_oid(schema, false))))
		ereport(ERROR, (errcode(ERRCODE_DUPLICATE_TABLE), errmsg("relation \"%s\" exists already", table),
						errhint("Choose another name, or drop it first.")));
	values[0] = DirectFunctionCall1(namein, CStringGetDatum(schema));
	values[1] = DirectFunctionCall1(namein, CStringGetDatum(table));
}

/* Make the empty table as the current user. */
static Oid
make_table(FunctionCallInfo fcinfo)
{
	Oid types[] = {NAMEOID, NAMEOID};
	Datum values[2];
	bool isnull;

	name_new_table(fcinfo, "flight table", values);
	SPI_execute_with_args("SELECT event_pipeline._flight_table_make($1, $2)", 2, types, values, NULL, false,
						  1);
	return DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/* Make and fill a fleet rollup as the owner of its flights. */
static Oid
make_fleet_rollup(FunctionCallInfo fcinfo, Oid flights, Datum time_zone)
{
	Oid types[] = {NAMEOID, NAMEOID, REGCLASSOID, TEXTOID};
	Datum values[] = {0, 0, ObjectIdGetDatum(flights), time_zone};
	EpRole saved;
	int settings;
	bool isnull;

	name_new_table(fcinfo, "fleet rollup", values);
	saved = ep_role_enter_owner_of(flights);
	settings = ep_settings_pin();
	SPI_execute_with_args("SELECT event_pipeline._fleet_rollup_make($1, $2, $3, $4)", lengthof(types), types,
						  values, NULL, false, 1);
	ep_settings_unpin(settings);
	ep_role_leave(saved);
	return DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/* As the owner of the flight table: write what has changed. Gives the number of flights. */
static int64
recompute(Oid relation, Datum work, Oid work_type, TimestampTz as_of)
{
	Oid types[] = {REGCLASSOID, work_type, TIMESTAMPTZOID};
	Datum values[] = {ObjectIdGetDatum(relation), work, TimestampTzGetDatum(as_of)};
	EpRole saved = ep_role_enter_owner_of(relation);
	int settings = ep_settings_pin();
	bool isnull;

	SPI_execute_with_args("SELECT event_pipeline._flight_table_recompute($1, $2, $3)", lengthof(types), types,
						  values, NULL, false, 1);
	ep_settings_unpin(settings);
	ep_role_leave(saved);
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

static int64
refresh(Oid relation, TimestampTz as_of)
{
	static EpStatement begin = {"SELECT event_pipeline._flight_table_begin($1)", 1, {REGCLASSOID}};
	static EpStatement end = {
		"UPDATE event_pipeline._flight_table SET as_of = $2, refreshed_at = pg_catalog.now()"
		" WHERE relation = $1",
		2,
		{REGCLASSOID, TIMESTAMPTZOID}};
	Datum values[] = {ObjectIdGetDatum(relation), TimestampTzGetDatum(as_of)};
	Datum work;
	bool isnull;
	int64 changed;

	ep_catalog_run(&begin, values, NULL);
	work = ep_catalog_datum(0, 1, &isnull);
	if (isnull)
		no_flight_table(relation);
	changed = recompute(relation, work, SPI_gettypeid(SPI_tuptable->tupdesc, 1), as_of);
	ep_catalog_run(&end, values, NULL);
	return changed;
}

/* create_flight_table(name text, events text, telemetry text, params jsonb) returns regclass */
Datum
ep_create_flight_table(PG_FUNCTION_ARGS)
{
	static EpStatement add = {
		"INSERT INTO event_pipeline._flight_table (relation, events, events_relation, telemetry, params, search_path)"
		" VALUES ($1, $2, $3, $4, $5, $6)",
		6,
		{REGCLASSOID, TEXTOID, REGCLASSOID, REGCLASSOID, JSONBOID, TEXTOID}};
	Datum values[6];
	char nulls[] = "      ";
	Oid relation;

	ep_argument_required(fcinfo, 0, "flight table");
	ep_argument_required(fcinfo, 1, "events");
	ep_argument_required(fcinfo, 3, "params");
	(void) ep_flight_params_from_jsonb(PG_GETARG_JSONB_P(3));
	values[1] = PG_GETARG_DATUM(1);
	values[4] = PG_GETARG_DATUM(3);
	values[5] = CStringGetTextDatum(GetConfigOption("search_path", false, false));
	if (is_query(text_to_cstring(PG_GETARG_TEXT_PP(1))))
		nulls[2] = 'n';
	else
	{
		nulls[1] = 'n';
		values[2] = ObjectIdGetDatum(relation_named(fcinfo, 1, "table of events"));
	}
	if (PG_ARGISNULL(2))
		nulls[3] = 'n';
	else
		values[3] = ObjectIdGetDatum(relation_named(fcinfo, 2, "telemetry stream"));
	SPI_connect();
	if (nulls[1] == ' ')
		ep_flight_check_query(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	relation = make_table(fcinfo);
	values[0] = ObjectIdGetDatum(relation);
	ep_catalog_run(&add, values, nulls);
	(void) refresh(relation, GetCurrentTransactionStartTimestamp());
	SPI_finish();
	PG_RETURN_OID(relation);
}

/* refresh_flight_table(name text, as_of timestamptz) returns bigint */
Datum
ep_refresh_flight_table(PG_FUNCTION_ARGS)
{
	Oid relation = owned_relation(fcinfo, 0, "flight table");
	int64 changed;

	ep_argument_required(fcinfo, 1, "as_of");
	SPI_connect();
	changed = refresh(relation, PG_GETARG_TIMESTAMPTZ(1));
	SPI_finish();
	PG_RETURN_INT64(changed);
}

/* drop_flight_table(name text) returns void */
Datum
ep_drop_flight_table(PG_FUNCTION_ARGS)
{
	static EpStatement forget = {"SELECT event_pipeline._flight_table_forget($1)", 1, {REGCLASSOID}};
	Oid relation = owned_relation(fcinfo, 0, "flight table");
	Datum value = ObjectIdGetDatum(relation);
	char *name = ep_relation_name(relation);
	bool isnull;

	SPI_connect();
	ep_catalog_run(&forget, &value, NULL);
	if (!DatumGetBool(ep_catalog_datum(0, 1, &isnull)))
		no_flight_table(relation);
	SPI_execute(psprintf("DROP TABLE %s", name), false, 0);
	SPI_finish();
	PG_RETURN_VOID();
}

/* create_fleet_rollup(name text, flight_table text, time_zone text) returns regclass */
Datum
ep_create_fleet_rollup(PG_FUNCTION_ARGS)
{
	static EpStatement lock = {"SELECT event_pipeline._flight_table_lock(relation)"
							   " FROM event_pipeline._flight_table WHERE relation = $1",
							   1,
							   {REGCLASSOID}};
	static EpStatement add = {
		"INSERT INTO event_pipeline._fleet_rollup (relation, flights, time_zone) VALUES ($1, $2, $3)",
		3,
		{REGCLASSOID, REGCLASSOID, TEXTOID}};
	Oid flights = owned_relation(fcinfo, 1, "flight table");
	Datum values[] = {0, ObjectIdGetDatum(flights), PG_GETARG_DATUM(2)};

	ep_argument_required(fcinfo, 2, "time zone");
	SPI_connect();
	if (ep_catalog_run(&lock, &values[1], NULL) == 0)
		no_flight_table(flights);
	values[0] = ObjectIdGetDatum(make_fleet_rollup(fcinfo, flights, values[2]));
	ep_catalog_run(&add, values, NULL);
	SPI_finish();
	PG_RETURN_DATUM(values[0]);
}

/* drop_fleet_rollup(name text) returns void */
Datum
ep_drop_fleet_rollup(PG_FUNCTION_ARGS)
{
	static EpStatement forget = {
		"DELETE FROM event_pipeline._fleet_rollup WHERE relation = $1 RETURNING true", 1, {REGCLASSOID}};
	Oid relation = owned_relation(fcinfo, 0, "fleet rollup");
	Datum value = ObjectIdGetDatum(relation);

	SPI_connect();
	if (ep_catalog_run(&forget, &value, NULL) == 0)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("\"%s\" is not a fleet rollup", get_rel_name(relation)),
						errhint("Fleet rollups are made by event_pipeline.create_fleet_rollup().")));
	SPI_execute(psprintf("DROP TABLE %s", ep_relation_name(relation)), false, 0);
	SPI_finish();
	PG_RETURN_VOID();
}
