/*
 * stream_write.c
 *	  The SQL functions through which a role changes what is known of its streams.
 *
 * They check that the caller owns the event table, then write our catalog as the extension's owner.
 */
#include "schema/stream.h"

#include "core/memory_server.h"
#include "format/protobuf/protobuf_json.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "schema/attempt.h"
#include "schema/catalog.h"
#include "schema/protobuf.h"
#include "schema/relation.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

EP_FUNCTION(ep_stream_register);
EP_FUNCTION(ep_stream_update);
EP_FUNCTION(ep_stream_dismiss);
EP_FUNCTION(ep_stream_forget);

static char *
text_argument(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(i));
}

/* The compiled message type of a format that has one, else NULL. */
static const EpProtoMessage *
check_format(const char *name, const char *message_type, const char *subject)
{
	const EpFormat *format = ep_format_find(name);

	if (format == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("format \"%s\" does not exist", name),
				 errhint("The formats are: %s.", ep_format_names())));
	if (format->needs_schema && message_type == NULL)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("format \"%s\" needs a message type", name),
			 errhint(
				 "Give message_type the full name of a registered message, such as 'company.v1.Event'.")));
	if (!format->needs_schema && message_type != NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("format \"%s\" takes no message type", name)));
	return format->needs_schema ? ep_protobuf_message(subject, message_type) : NULL;
}

static void
check_path(const char *option, const char *path)
{
	EpPathTree tree;

	if (path == NULL)
		return;
	if (!ep_path_tree_init(&tree, ep_malloc_allocator, 1000))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	if (ep_path_from_text(&tree, path, &tree.arena) == NULL)
	{
		ep_path_tree_free(&tree);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s \"%s\" is no path", option, path),
				 errhint("Join the attribute names by periods, as in device.serial; put names with other "
						 "characters than letters, digits and _ in double quotes.")));
	}
	ep_path_tree_free(&tree);
}

/* A path that the message type does not have would reject every event, or do nothing for ever. */
static void
check_message_path(const char *option, const EpProtoMessage *message, const char *path)
{
	EpProtoPath found;

	if (message == NULL || path == NULL)
		return;
	if (strcmp(option, "route_by") == 0 && ep_protobuf_find_oneof(message, path) >= 0)
		return;
	if (!ep_protobuf_find_path(message, path, &found))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s \"%s\" is no field of message type \"%s\"", option, path, message->full_name),
				 errhint("event_pipeline.protobuf_fields() lists the fields.")));
}

static char *
setting(Datum settings, const char *name)
{
	static EpStatement statement = {"SELECT $1 OPERATOR(pg_catalog.->>) $2", 2, {JSONBOID, TEXTOID}};
	Datum values[2] = {settings, CStringGetTextDatum(name)};

	ep_catalog_run(&statement, values, NULL);
	return ep_catalog_text(0, 1);
}

/* A limit that is no number would fail whoever reads the stream, far from here. */
static void
check_numbers(Datum settings)
{
	static EpStatement statement = {
		"SELECT k FROM pg_catalog.jsonb_each_text($1) s(k, v) WHERE k OPERATOR(pg_catalog.~) '^(max_.*|lock_budget_ms)$'"
		" AND v OPERATOR(pg_catalog.!~) '^-?[0-9]{1,18}$'",
		1,
		{JSONBOID}};

	if (ep_catalog_read(&statement, &settings) > 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("setting \"%s\" must be a whole number", ep_catalog_text(0, 1))));
}

static bool
read_interval(void *argument)
{
	Datum interval = DirectFunctionCall3(interval_in, CStringGetDatum((char *) argument),
										 ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));

	return DatumGetBool(DirectFunctionCall1(interval_finite, interval));
}

static void
check_windows(Datum settings)
{
	static const char *const windows[] = {"future_window", "late_window"};
	ErrorData *error;

	for (int i = 0; i < lengthof(windows); i++)
	{
		char *value = setting(settings, windows[i]);

		if (value != NULL && !ep_attempt(read_interval, value, &error))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("setting \"%s\" must be an interval", windows[i]),
							errdetail("It is \"%s\".", value),
							errhint("For example: {\"%s\": \"7 days\"}", windows[i])));
	}
}

/* A misspelt setting would be kept and do nothing. What is null goes away, whatever its name. */
static void
check_settings(Datum settings)
{
	static EpStatement statement = {
		"SELECT k FROM pg_catalog.jsonb_object_keys(pg_catalog.jsonb_strip_nulls($1)) k"
		" WHERE k OPERATOR(pg_catalog.<>) ALL ('{framing,subject,required,delimiter,fourccs,quirks,lock_budget_ms,max_columns,"
		"max_new_columns,max_new_partitions,max_partitions,max_tables_per_hour,max_columns_per_hour,max_map_keys,future_window,late_window,infer_timestamps}'::pg_catalog.text[])",
		1,
		{JSONBOID}};

	if (!JB_ROOT_IS_OBJECT(DatumGetJsonbP(settings)))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("settings must be a JSON object"),
						errhint("For example: {\"max_columns\": 1000}")));
	if (ep_catalog_read(&statement, &settings) > 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("there is no setting \"%s\"", ep_catalog_text(0, 1)),
			 errhint(
				 "The settings are: lock_budget_ms, max_columns, max_new_columns, "
				 "max_new_partitions, max_partitions, max_tables_per_hour, max_columns_per_hour, max_map_keys, future_window, late_window, infer_timestamps.")));
	check_numbers(settings);
	check_windows(settings);
}

static void
check_retention(FunctionCallInfo fcinfo, int argument)
{
	Interval zero = {0};

	if (!PG_ARGISNULL(argument) &&
		DatumGetBool(DirectFunctionCall2(interval_lt, PG_GETARG_DATUM(argument), IntervalPGetDatum(&zero))))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a retention must not be negative")));
}

/*
 * The only subject that defines the message type is written down: another one that defines it later would leave the stream
 * without a schema.
 */
Datum
ep_stream_register(PG_FUNCTION_ARGS)
{
	static EpStatement insert = {
		"WITH s AS (INSERT INTO event_pipeline._stream (event_table, raw_table, id_table, format, message_type, event_time,"
		" event_id, route_by, partition_interval, raw_retention, retention, settings, contract)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, CASE WHEN $5 IS NULL THEN $12 ELSE"
		" pg_catalog.jsonb_build_object('subject', (SELECT pg_catalog.min(subject) FROM event_pipeline._protobuf_schema"
		" WHERE $5 OPERATOR(pg_catalog.=) ANY (messages))) OPERATOR(pg_catalog.||) $12 END, $13) RETURNING stream_id)"
		" INSERT INTO event_pipeline._target (stream_id, route, relation, numbered)"
		" SELECT stream_id, '', $1, $1::oid FROM s",
		13,
		{REGCLASSOID, REGCLASSOID, REGCLASSOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INTERVALOID,
		 INTERVALOID, INTERVALOID, JSONBOID, JSONBOID}};
	const EpProtoMessage *message;
	static const char *const paths[] = {"event_time", "event_id", "route_by"};
	Datum values[13];
	char nulls[14] = "             ";

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(3) || PG_ARGISNULL(8) || PG_ARGISNULL(11) ||
		PG_ARGISNULL(12))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("tables, format, partition interval, settings and contract must not be null")));
	SPI_connect();
	for (int i = 0; i < 3; i++)
		if (!PG_ARGISNULL(i))
			ep_check_owner(PG_GETARG_OID(i));
	message = check_format(text_argument(fcinfo, 3), text_argument(fcinfo, 4),
						   setting(PG_GETARG_DATUM(11), "subject"));
	for (int i = 0; i < 3; i++)
	{
		check_path(paths[i], text_argument(fcinfo, 5 + i));
		check_message_path(paths[i], message, text_argument(fcinfo, 5 + i));
	}
	check_settings(PG_GETARG_DATUM(11));
	check_retention(fcinfo, 9);
	check_retention(fcinfo, 10);
	for (int i = 0; i < 13; i++)
	{
		values[i] = PG_GETARG_DATUM(i);
		nulls[i] = PG_ARGISNULL(i) ? 'n' : ' ';
	}
	ep_catalog_run(&insert, values, nulls);
	ep_stream_check_options(ep_stream_of_raw(PG_GETARG_OID(1)));
	SPI_finish();
	PG_RETURN_VOID();
}

Datum
ep_stream_update(PG_FUNCTION_ARGS)
{
	static EpStatement update = {
		"UPDATE event_pipeline._stream SET raw_retention = coalesce($2, raw_retention),"
		" retention = coalesce($3, retention),"
		" settings = pg_catalog.jsonb_strip_nulls(settings OPERATOR(pg_catalog.||) coalesce($4, '{}')),"
		" contract = pg_catalog.jsonb_strip_nulls(contract OPERATOR(pg_catalog.||) coalesce($5, '{}'))"
		" WHERE event_table = $1",
		5,
		{REGCLASSOID, INTERVALOID, INTERVALOID, JSONBOID, JSONBOID}};
	Datum values[5];
	char nulls[6] = "     ";

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("event table must not be null")));
	SPI_connect();
	ep_check_owner(PG_GETARG_OID(0));
	if (!PG_ARGISNULL(3))
		check_settings(PG_GETARG_DATUM(3));
	check_retention(fcinfo, 1);
	check_retention(fcinfo, 2);
	for (int i = 0; i < 5; i++)
	{
		values[i] = PG_GETARG_DATUM(i);
		nulls[i] = PG_ARGISNULL(i) ? 'n' : ' ';
	}
	ep_catalog_run(&update, values, nulls);
	ep_stream_check_options(ep_stream_of_event_table(PG_GETARG_OID(0)));
	SPI_finish();
	PG_RETURN_VOID();
}

Datum
ep_stream_dismiss(PG_FUNCTION_ARGS)
{
	static EpStatement dismiss = {
		"UPDATE event_pipeline._rejection SET dismissed_at = pg_catalog.now() WHERE dismissed_at IS NULL"
		" AND stream_id = (SELECT stream_id FROM event_pipeline._stream WHERE event_table = $1)"
		" AND ($2 IS NULL OR raw_id = ANY ($2))",
		2,
		{REGCLASSOID, INT8ARRAYOID}};
	Datum values[2] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)};
	uint64 dismissed;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("event table must not be null")));
	SPI_connect();
	ep_check_owner(PG_GETARG_OID(0));
	dismissed = ep_catalog_run(&dismiss, values, PG_ARGISNULL(1) ? " n" : NULL);
	SPI_finish();
	PG_RETURN_INT64(dismissed);
}

/* Whoever owns the event table may forget the stream; when that is gone, the raw table; when both are, we. */
static void
check_may_forget(Oid event_table)
{
	static EpStatement statement = {
		"SELECT raw_table FROM event_pipeline._stream WHERE event_table = $1", 1, {REGCLASSOID}};
	Datum values[1] = {ObjectIdGetDatum(event_table)};
	Oid relation = event_table;
	bool isnull;

	if (get_rel_name(relation) == NULL && ep_catalog_run(&statement, values, NULL) > 0)
		relation = DatumGetObjectId(ep_catalog_datum(0, 1, &isnull));
	if (get_rel_name(relation) == NULL)
		relation = ep_catalog_relation("_stream");
	ep_check_owner(relation);
}

Datum
ep_stream_forget(PG_FUNCTION_ARGS)
{
	static EpStatement statement = {
		"WITH s AS (DELETE FROM event_pipeline._stream WHERE event_table = $1 RETURNING stream_id),"
		" r AS (DELETE FROM event_pipeline._rejection USING s WHERE _rejection.stream_id = s.stream_id),"
		" w AS (DELETE FROM event_pipeline._wanted USING s, event_pipeline._target t"
		" WHERE t.stream_id = s.stream_id AND _wanted.target_id = t.target_id),"
		" c AS (DELETE FROM event_pipeline._counter USING s WHERE _counter.stream_id = s.stream_id)"
		" DELETE FROM event_pipeline._schema_change USING s WHERE _schema_change.stream_id = s.stream_id",
		1,
		{REGCLASSOID}};
	Datum values[1] = {PG_GETARG_DATUM(0)};

	SPI_connect();
	check_may_forget(PG_GETARG_OID(0));
	ep_catalog_run(&statement, values, NULL);
	SPI_finish();
	PG_RETURN_VOID();
}
