/*
 * flight_events.c
 *	  Runs a query over events and hands its rows out drone by drone.
 *
 *	query -> checked: one SELECT, read-only -> wrapped: the known columns, ordered by drone
 *		  -> run, row by row into a receiver -> one drone's events in an arena -> visitor
 *
 * The server sorts, so that memory holds one drone at a time.  Memory of a drone lives in a context of its own,
 * reset after each visit.
 */
#include "rollup/flight_events.h"

#include <math.h>

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "core/memory_server.h"
#include "core/value.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "schema/type_map.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/plancache.h"
#include "utils/timestamp.h"

#define ID_BYTES_MAX 1000 /* longer ids are no ids: a key of two of them must fit into an index */
#define DRONE_EVENTS_MAX 10000000
#define EPOCH_MS (EP_EPOCH_SHIFT_US / 1000)

typedef enum ColumnKind
{
	COLUMN_ID,
	COLUMN_NUMBER,
	COLUMN_TIME
} ColumnKind;

static const struct
{
	const char *name;
	ColumnKind kind;
	size_t offset; /* in EpFlightEvent */
} columns[] = {
	{"drone_id", COLUMN_ID, 0}, /* first: the order is by it */
	{"event_id", COLUMN_ID, offsetof(EpFlightEvent, event_id)},
	{"type", COLUMN_ID, offsetof(EpFlightEvent, type)},
	{"boot_id", COLUMN_ID, offsetof(EpFlightEvent, boot_id)},
	{"upload_id", COLUMN_ID, offsetof(EpFlightEvent, upload_id)},
	{"seq", COLUMN_NUMBER, offsetof(EpFlightEvent, seq)},
	{"device_uptime_ms", COLUMN_NUMBER, offsetof(EpFlightEvent, uptime)},
	{"gps_week", COLUMN_NUMBER, offsetof(EpFlightEvent, gps_week)},
	{"gps_tow_ms", COLUMN_NUMBER, offsetof(EpFlightEvent, gps_tow)},
	{"gps_fix", COLUMN_NUMBER, offsetof(EpFlightEvent, gps_fix)},
	{"received_at", COLUMN_TIME, offsetof(EpFlightEvent, received_at)},
	{"device_clock", COLUMN_TIME, offsetof(EpFlightEvent, device_clock)},
	{"gps_time", COLUMN_TIME, offsetof(EpFlightEvent, gps_time)},
	{"_ep_event_time", COLUMN_TIME, offsetof(EpFlightEvent, event_time)},
};

#define COLUMN_COUNT lengthof(columns)

typedef struct Reader
{
	DestReceiver receiver; /* first: the executor knows this part */
	EpFlightVisitor visit;
	void *context;
	Oid types[COLUMN_COUNT];
	MemoryContext memory; /* of the current drone: arena and events */
	EpArena arena;
	char *drone_id; /* NULL before the first */
	EpFlightEvent *events;
	size_t count;
	size_t capacity;
	int64 without_drone;
} Reader;

/* The one SELECT of the query; an error if it is anything else. */
static CachedPlanSource *
check_query(const char *query, SPIPlanPtr plan)
{
	List *sources = SPI_plan_get_plan_sources(plan);
	CachedPlanSource *source = list_length(sources) == 1 ? linitial(sources) : NULL;
	Query *parsed =
		source != NULL && list_length(source->query_list) == 1 ? linitial(source->query_list) : NULL;

	if (parsed == NULL || parsed->commandType != CMD_SELECT || parsed->utilityStmt != NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the events query must be one SELECT"), errdetail("The query is: %s", query)));
	if (parsed->hasModifyingCTE || parsed->rowMarks != NIL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the events query must neither change nor lock rows"),
						errdetail("The query is: %s", query)));
	return source;
}

static bool
is_number(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID || type == FLOAT4OID || type == FLOAT8OID ||
		   type == NUMERICOID;
}

static bool
is_time(Oid type)
{
	return type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == TEXTOID || type == VARCHAROID;
}

/* Append how the wrapper selects column c, which the query gives in this type (InvalidOid: not at all). */
static void
append_column(StringInfo sql, Reader *reader, int c, Oid type)
{
	const char *name = columns[c].name;

	appendStringInfoString(sql, c > 0 ? ", " : "");
	reader->types[c] = columns[c].kind == COLUMN_ID ? TEXTOID : type;
	if (!OidIsValid(type))
		appendStringInfoString(sql, "NULL::pg_catalog.text");
	else if (columns[c].kind == COLUMN_ID)
		appendStringInfo(sql, "q.%s::pg_catalog.text", name);
	else if (columns[c].kind == COLUMN_NUMBER ? is_number(type) : is_time(type))
		appendStringInfo(sql, "q.%s", name);
	else
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of the events query must be %s, not %s", name,
						columns[c].kind == COLUMN_NUMBER ? "a number" : "a timestamp with time zone or text",
						format_type_be(type)),
				 errhint("Cast it in the query.")));
	appendStringInfoString(sql, c == 0 ? " COLLATE pg_catalog.\"C\"" : "");
}

/* SELECT the columns we know FROM (query), ordered by drone. */
static char *
wrap_query(const char *query, TupleDesc descriptor, Reader *reader)
{
	StringInfoData sql;
	int length = strlen(query);

	while (length > 0 && (isspace((unsigned char) query[length - 1]) || query[length - 1] == ';'))
		length--;
	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	for (int c = 0; c < COLUMN_COUNT; c++)
	{
		Oid type = InvalidOid;

		for (int i = 0; i < descriptor->natts; i++)
			if (strcmp(NameStr(TupleDescAttr(descriptor, i)->attname), columns[c].name) == 0)
				type = getBaseType(TupleDescAttr(descriptor, i)->atttypid);
		append_column(&sql, reader, c, type);
	}
	appendStringInfo(&sql, " FROM (%.*s\n) AS q ORDER BY 1 NULLS FIRST", length, query);
	return sql.data;
}

/* Rounded down; EP_FLIGHT_ABSENT where int64 does not hold it. */
static int64
number_of(Datum datum, Oid type)
{
	double number;

	switch (type)
	{
		case INT2OID:
			return DatumGetInt16(datum);
		case INT4OID:
			return DatumGetInt32(datum);
		case INT8OID:
			return DatumGetInt64(datum);
		case FLOAT4OID:
			number = DatumGetFloat4(datum);
			break;
		case FLOAT8OID:
			number = DatumGetFloat8(datum);
			break;
		default:
			number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, datum));
			break;
	}
	number = floor(number);
	return number > -9e18 && number < 9e18 ? (int64) number : EP_FLIGHT_ABSENT;
}

static int64
floor_div(int64 a, int64 b)
{
	return a / b - (a % b < 0);
}

/* Milliseconds since 1970, rounded down; EP_FLIGHT_ABSENT where it is no time of the years 1 to 9999. */
static int64
time_of(Datum datum, Oid type)
{
	int64 ms;

	if (type == TIMESTAMPTZOID || type == TIMESTAMPOID)
		ms = floor_div(DatumGetTimestampTz(datum), 1000) + EPOCH_MS;
	else
	{
		text *value = DatumGetTextPP(datum);
		int64 micros;
		int16 nanos;

		if (!ep_timestamp_from_text(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), &micros, &nanos))
			return EP_FLIGHT_ABSENT;
		ms = floor_div(micros, 1000);
	}
	return ms >= EP_FLIGHT_TIME_MIN && ms <= EP_FLIGHT_TIME_MAX ? ms : EP_FLIGHT_ABSENT;
}

static bool
is_text(Datum datum, const char *string)
{
	text *value = DatumGetTextPP(datum);
	size_t length = VARSIZE_ANY_EXHDR(value);

	return strncmp(string, VARDATA_ANY(value), length) == 0 && string[length] == '\0';
}

/* A copy in the arena, or the previous event's string when it is the same: boots and uploads repeat. */
static const char *
text_of(Reader *reader, Datum datum, const char *previous)
{
	text *value = DatumGetTextPP(datum);
	size_t length = VARSIZE_ANY_EXHDR(value);
	char *copy;

	if (previous != NULL && is_text(datum, previous))
		return previous;
	copy = ep_arena_strdup(&reader->arena, VARDATA_ANY(value), length);
	if (copy == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return copy;
}

static void
start_drone(Reader *reader)
{
	MemoryContextReset(reader->memory);
	ep_arena_init(&reader->arena, ep_palloc_allocator(reader->memory), SIZE_MAX);
	reader->drone_id = NULL;
	reader->count = 0;
	reader->capacity = 64;
	reader->events = MemoryContextAlloc(reader->memory, reader->capacity * sizeof *reader->events);
}

static void
finish_drone(Reader *reader)
{
	if (reader->drone_id != NULL)
	{
		MemoryContext saved = MemoryContextSwitchTo(reader->memory);

		reader->visit(reader->drone_id, reader->events, reader->count, &reader->arena, reader->context);
		MemoryContextSwitchTo(saved);
	}
	start_drone(reader);
}

/* A new event at the end of the drone's. */
static EpFlightEvent *
add_event(Reader *reader)
{
	if (reader->count == DRONE_EVENTS_MAX)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("drone \"%s\" has more than %d events", reader->drone_id, DRONE_EVENTS_MAX),
						errhint("Leave out those that are neither takeoff, landing nor GPS fix, by a SELECT "
								"instead of a table.")));
	if (reader->count == reader->capacity)
	{
		reader->capacity *= 2;
		reader->events = repalloc_huge(reader->events, reader->capacity * sizeof *reader->events);
	}
	return &reader->events[reader->count++];
}

static bool
is_id(Datum datum)
{
	return toast_raw_datum_size(datum) - VARHDRSZ <= ID_BYTES_MAX;
}

static void
read_row(Reader *reader, const Datum *values, const bool *nulls)
{
	EpFlightEvent *event;

	if (nulls[0] || !is_id(values[0]))
	{
		reader->without_drone++;
		return;
	}
	if (reader->drone_id == NULL || !is_text(values[0], reader->drone_id))
	{
		finish_drone(reader);
		reader->drone_id = MemoryContextStrdup(reader->memory, TextDatumGetCString(values[0]));
	}
	event = add_event(reader);
	for (int c = 1; c < COLUMN_COUNT; c++)
	{
		char *field = (char *) event + columns[c].offset;
		const char *previous = NULL;

		if (columns[c].kind != COLUMN_ID)
		{
			*(int64 *) field = nulls[c]                           ? EP_FLIGHT_ABSENT
							   : columns[c].kind == COLUMN_NUMBER ? number_of(values[c], reader->types[c])
																  : time_of(values[c], reader->types[c]);
			continue;
		}
		if (reader->count > 1)
			previous = *(const char **) (field - sizeof *event);
		*(const char **) field = nulls[c] || !is_id(values[c]) ? NULL : text_of(reader, values[c], previous);
	}
}

/* Check the query and give the wrapper; fills reader->types. */
static char *
prepare_query(const char *query, Reader *reader)
{
	SPIPlanPtr plan = SPI_prepare(query, 0, NULL);
	char *wrapped;

	if (plan == NULL)
		elog(ERROR, "could not plan the events query: %s", SPI_result_code_string(SPI_result));
	wrapped = wrap_query(query, check_query(query, plan)->resultDesc, reader);
	SPI_freeplan(plan);
	return wrapped;
}

void
ep_flight_check_query(const char *query)
{
	Reader reader;

	(void) prepare_query(query, &reader);
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *receiver)
{
	Reader *reader = (Reader *) receiver;
	MemoryContext saved = MemoryContextSwitchTo(reader->memory);

	slot_getallattrs(slot);
	read_row(reader, slot->tts_values, slot->tts_isnull);
	MemoryContextSwitchTo(saved);
	return true;
}

static void
receive_start(DestReceiver *receiver, int operation, TupleDesc descriptor)
{
}

static void
receive_end(DestReceiver *receiver)
{
}

int64
ep_flight_visit_drones(const char *query, EpFlightVisitor visit, void *context)
{
	Reader reader = {.receiver = {receive_row, receive_start, receive_end, receive_end, DestNone},
					 .visit = visit,
					 .context = context};
	SPIPlanPtr plan = SPI_prepare_cursor(prepare_query(query, &reader), 0, NULL, CURSOR_OPT_PARALLEL_OK);
	SPIExecuteOptions options = {.read_only = true, .dest = &reader.receiver};

	if (plan == NULL)
		elog(ERROR, "could not plan the events query: %s", SPI_result_code_string(SPI_result));
	reader.memory =
		AllocSetContextCreate(CurrentMemoryContext, "events of one drone", ALLOCSET_DEFAULT_SIZES);
	start_drone(&reader);
	if (SPI_execute_plan_extended(plan, &options) < 0)
		elog(ERROR, "could not run the events query: %s", SPI_result_code_string(SPI_result));
	finish_drone(&reader);
	MemoryContextDelete(reader.memory);
	return reader.without_drone;
}
