/*
 * journal.c
 *	  What ingest did and could not do.
 */
#include "schema/journal.h"

#include "catalog/pg_type.h"
#include "commands/async.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "schema/catalog.h"
#include "schema/type_map.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

/* The whole of a larger event is in its raw row, which the rejection points to. */
#define MAX_REJECTED_BYTES (1024 * 1024)

/* A text datum, or null (also for what is no text); clipped to a length that reads well in a message. */
static Datum
optional_text(const char *text, char *null)
{
	*null = text == NULL ? 'n' : ' ';
	return text == NULL
			   ? (Datum) 0
			   : PointerGetDatum(cstring_to_text_with_len(text, pg_mbcliplen(text, strlen(text), 1000)));
}

void
ep_journal_reject(EpStream *stream, const EpRejection *rejection)
{
	static EpStatement statement = {
		"INSERT INTO event_pipeline._rejection"
		" (stream_id, raw_id, seq, stage, path, expected, found, sqlstate, message, detail, payload, bytes)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
		12,
		{INT4OID, INT8OID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, BYTEAOID,
		 INT8OID}};
	Datum values[12];
	char nulls[13] = "            ";
	size_t kept = Min(rejection->length, MAX_REJECTED_BYTES);

	values[0] = Int32GetDatum(stream->id);
	values[1] = Int64GetDatum(rejection->raw_id);
	values[2] = Int32GetDatum(rejection->seq);
	values[3] = optional_text(rejection->stage, &nulls[3]);
	values[4] = optional_text(rejection->path, &nulls[4]);
	values[5] = optional_text(rejection->expected, &nulls[5]);
	values[6] = optional_text(rejection->found, &nulls[6]);
	values[7] = optional_text(rejection->sqlstate, &nulls[7]);
	values[8] = optional_text(rejection->message, &nulls[8]);
	values[9] = optional_text(rejection->detail, &nulls[9]);
	if (rejection->bytes == NULL)
		nulls[10] = 'n';
	else
		values[10] = PointerGetDatum(cstring_to_text_with_len(rejection->bytes, kept));
	values[11] = Int64GetDatum(rejection->length);
	ep_catalog_run(&statement, values, nulls);
}

static const char *const stages[EP_STAGES] = {"decode",   "time",       "table", "type",
											  "contract", "constraint", "other"};

void
ep_counters_reject(EpCounters *counters, const char *stage, int64 events)
{
	int i = 0;

	while (i < EP_STAGE_OTHER && strcmp(stages[i], stage) != 0)
		i++;
	counters->rejected_at[i] += events;
	counters->events += events;
	counters->rejected += events;
}

/* One member of {"name": count, ...}; counts of zero are left out. */
static void
push_count(JsonbParseState **state, const char *name, int64 count)
{
	JsonbValue value;

	if (count == 0)
		return;
	if (*state == NULL)
		pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	value.type = jbvString;
	value.val.string.val = unconstify(char *, name);
	value.val.string.len = strlen(name);
	pushJsonbValue(state, WJB_KEY, &value);
	value.type = jbvNumeric;
	value.val.numeric = int64_to_numeric(count);
	pushJsonbValue(state, WJB_VALUE, &value);
}

/* Null when all counts are zero. */
static Datum
counts_datum(JsonbParseState **state, bool *null)
{
	*null = *state == NULL;
	return *null ? (Datum) 0 : JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(state, WJB_END_OBJECT, NULL)));
}

static Datum
rejected_datum(const EpCounters *counters, bool *null)
{
	JsonbParseState *state = NULL;

	for (int i = 0; i < EP_STAGES; i++)
		push_count(&state, stages[i], counters->rejected_at[i]);
	return counts_datum(&state, null);
}

static Datum
lag_datum(const EpHistogram *lag, bool *null)
{
	JsonbParseState *state = NULL;

	for (int i = lag->first; i < lag->end; i++)
		if (lag->counts[i] != 0)
		{
			char *name = palloc(12); /* until the value is made */

			pg_ltoa(i, name);
			push_count(&state, name, lag->counts[i]);
		}
	return counts_datum(&state, null);
}

/* That of a statement of one event, say: then the bucket's number is all there is to tell. */
static bool
is_one_bucket(const EpCounters *counters)
{
	const EpHistogram *lag = &counters->lag;

	return lag->end == lag->first + 1 && lag->counts[lag->first] == counters->typed;
}

void
ep_journal_count(EpStream *stream, const EpCounters *counters)
{
	Datum values[] = {Int32GetDatum(stream->id),
					  TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()),
					  Int64GetDatum(counters->raw_rows),
					  Int64GetDatum(counters->bytes),
					  Int64GetDatum(counters->events - counters->typed_again - counters->duplicates_again -
									counters->discarded_again),
					  Int64GetDatum(counters->typed - counters->typed_again),
					  Int64GetDatum(counters->rejected),
					  Int64GetDatum(counters->duplicates - counters->duplicates_again),
					  Int64GetDatum(counters->rescued),
					  TimestampTzGetDatum(counters->last_event),
					  Int64GetDatum(counters->discarded - counters->discarded_again),
					  Int64GetDatum(counters->discarded_values),
					  (Datum) 0,
					  (Datum) 0,
					  Int32GetDatum(counters->lag.first),
					  Int64GetDatum(counters->unnamed_enums)};
	bool nulls[lengthof(values)] = {false};

	nulls[9] = TIMESTAMP_NOT_FINITE(counters->last_event);
	values[12] = rejected_datum(counters, &nulls[12]);
	nulls[13] = is_one_bucket(counters);
	nulls[14] = !nulls[13];
	nulls[15] = counters->unnamed_enums == 0;
	if (nulls[14])
		values[13] = lag_datum(&counters->lag, &nulls[13]);
	ep_catalog_append(stream->counter_table, lengthof(values), values, nulls);
}

void
ep_journal_wanted(int target_id, const EpWantedAttribute *attribute)
{
	static EpStatement statement = {
		"INSERT INTO event_pipeline._wanted"
		" (target_id, path, reason, column_type, misfits, value_count, first_event, last_event)"
		" VALUES ($1, $2, $3, $4::regtype, $5, $6, $7, $8)",
		8,
		{INT4OID, TEXTOID, TEXTOID, OIDOID, INT4OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
	Datum values[8] = {Int32GetDatum(target_id),
					   CStringGetTextDatum(attribute->path),
					   CStringGetTextDatum(attribute->reason),
					   ObjectIdGetDatum(ep_type_oid(attribute->guess.type)),
					   Int32GetDatum((int32) attribute->guess.misfits),
					   Int64GetDatum(attribute->count),
					   TimestampTzGetDatum(attribute->first),
					   TimestampTzGetDatum(attribute->last)};
	char nulls[9] = "        ";

	nulls[3] = attribute->guess.type == EP_TYPE_NONE ? 'n' : ' ';
	ep_catalog_run(&statement, values, nulls);
}

void
ep_journal_invalidate(int target_id, const TimestampTz *granules, int count)
{
	static EpStatement statement = {"INSERT INTO event_pipeline._invalidation (target_id, granule, rewritten)"
									" SELECT $1, g, false FROM pg_catalog.unnest($2) g",
									2,
									{INT4OID, TIMESTAMPTZARRAYOID}};
	Datum *items = palloc(count * sizeof(Datum));
	Datum values[2];

	for (int i = 0; i < count; i++)
		items[i] = TimestampTzGetDatum(granules[i]);
	values[0] = Int32GetDatum(target_id);
	values[1] = PointerGetDatum(
		construct_array(items, count, TIMESTAMPTZOID, sizeof(TimestampTz), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	ep_catalog_run(&statement, values, NULL);
	pfree(items);
}

void
ep_journal_schema_change(EpStream *stream, Oid target, const char *operation, const char *path,
						 const char *column_name, EpType type, const char *reason, const char *mode,
						 int64 lock_wait_us, int64 raw_id)
{
	static EpStatement statement = {
		"INSERT INTO event_pipeline._schema_change"
		" (stream_id, target, operation, path, column_name, column_type, reason, mode, lock_wait, raw_id)"
		" VALUES ($1, $2::regclass, $3, $4, $5::name, $6::regtype, $7, $8,"
		" $9 * interval '1 microsecond', $10)",
		10,
		{INT4OID, OIDOID, TEXTOID, TEXTOID, TEXTOID, OIDOID, TEXTOID, TEXTOID, INT8OID, INT8OID}};
	Datum values[10];
	char nulls[11] = "          ";

	values[0] = Int32GetDatum(stream->id);
	values[1] = ObjectIdGetDatum(target);
	nulls[1] = OidIsValid(target) ? ' ' : 'n';
	values[2] = optional_text(operation, &nulls[2]);
	values[3] = optional_text(path, &nulls[3]);
	values[4] = optional_text(column_name, &nulls[4]);
	values[5] = ObjectIdGetDatum(ep_type_oid(type));
	nulls[5] = type == EP_TYPE_NONE ? 'n' : ' ';
	values[6] = optional_text(reason, &nulls[6]);
	values[7] = optional_text(mode, &nulls[7]);
	values[8] = Int64GetDatum(lock_wait_us);
	values[9] = Int64GetDatum(raw_id);
	nulls[9] = raw_id == 0 ? 'n' : ' ';
	ep_catalog_run(&statement, values, nulls);
	/* Of changes only: a transaction that has sent a NOTIFY cannot be prepared for two-phase commit. */
	if (strcmp(mode, "deferred") != 0)
		Async_Notify("event_pipeline_schema", OidIsValid(target) ? get_rel_name(target) : "");
}
