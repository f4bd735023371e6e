/*
 * verify.c
 *	  Proving that nothing is lost: raw rows are decoded again and held against their rows.
 *
 * Every attribute of every event must be in its column with its very value, or in _ep_rescued; nothing may be in
 * a row that its payload does not say; and every event must have a row or a rejection (duplicates of streams with
 * event_id, what the contract discards, and what is older than the retention may have neither).  What differs is
 * listed; writes nothing.
 */
#include "ingest/raw_rows.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "core/memory_server.h"
#include "executor/spi.h"
#include "format/protobuf/protobuf_unknown.h"
#include "funcapi.h"
#include "ingest/clock.h"
#include "ingest/place.h"
#include "ingest/statement.h"
#include "ingest/versions.h"
#include "ingest/walk.h"
#include "schema/datum.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "schema/catalog.h"
#include "schema/relation.h"
#include "schema/role.h"
#include "schema/type_map.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* A row that an event became, or only the note that it was rejected. */
typedef struct StoredEvent
{
	EpEventKey key;
	HeapTuple tuple; /* NULL: rejected */
	TupleDesc descriptor;
	EpTarget *target;
	bool met; /* its event was found in the raw row */
} StoredEvent;

/* Where the last value of a path was found among the copies that were rescued: the next one is most likely behind it. */
typedef struct CopyHint
{
	const EpPath *path;
	int copy;
} CopyHint;

#define HINTS 256

/* Of the spellings of one path. */
#define MAX_TEXT_BYTES ((size_t) 512 * 1024 * 1024)

typedef struct Verify
{
	EpRawRows rows; /* first */
	HTAB *stored;
	ReturnSetInfo *result;
	MemoryContext scratch; /* reset for each attribute; events may have many */
	EpArena texts;         /* likewise */
	EpRescue rescue;
	bool rescued_known;
	Jsonb *rescued; /* what the event at hand keeps beside its columns, or NULL */
	CopyHint hints[HINTS];
	EpDecoder members; /* of objects; format NULL: not yet */
	EpVersions *versions;
	TimestampTz oldest; /* what retention keeps; DT_NOBEGIN: everything */
} Verify;

/* ---- reporting ---- */

static void
report(Verify *verify, int64 raw_id, int32 seq, const char *path, const char *problem)
{
	Datum values[4] = {Int64GetDatum(raw_id), Int32GetDatum(seq)};
	bool nulls[4] = {false, false, path == NULL, false};

	if (path != NULL)
		values[2] = CStringGetTextDatum(path);
	values[3] = CStringGetTextDatum(problem);
	tuplestore_putvalues(verify->result->setResult, verify->result->setDesc, values, nulls);
}

/* ---- what is stored ---- */

static StoredEvent *
enter(Verify *verify, int64 raw_id, int32 seq)
{
	EpEventKey key = ep_event_key(raw_id, seq);
	bool found;
	StoredEvent *event = hash_search(verify->stored, &key, HASH_ENTER, &found);

	if (found && event->tuple != NULL)
		report(verify, raw_id, seq, NULL, "the event has more than one row");
	event->tuple = NULL;
	event->met = false;
	return event;
}

static void
read_rejections(Verify *verify)
{
	static EpStatement statement = {
		"SELECT raw_id, seq FROM event_pipeline._rejection WHERE stream_id OPERATOR(pg_catalog.=) $1"
		" AND raw_id OPERATOR(pg_catalog.=) ANY ($2)",
		2,
		{INT4OID, INT8ARRAYOID}};
	Datum values[2] = {Int32GetDatum(verify->rows.stream->id), ep_raw_rows_ids(&verify->rows)};
	uint64 n = ep_catalog_read(&statement, values);

	for (uint64 i = 0; i < n; i++)
	{
		bool isnull;

		enter(verify, DatumGetInt64(ep_catalog_datum(i, 1, &isnull)),
			  DatumGetInt32(ep_catalog_datum(i, 2, &isnull)));
	}
}

static void
read_target(Verify *verify, EpTarget *target)
{
	uint64 n = ep_raw_rows_select(&verify->rows, "*", target->relation);
	SPITupleTable *table = SPI_tuptable;
	int raw_id = SPI_fnumber(table->tupdesc, "_ep_raw_id"), seq = SPI_fnumber(table->tupdesc, "_ep_seq");

	for (uint64 i = 0; i < n; i++)
	{
		bool isnull;
		StoredEvent *event =
			enter(verify, DatumGetInt64(SPI_getbinval(table->vals[i], table->tupdesc, raw_id, &isnull)),
				  DatumGetInt32(SPI_getbinval(table->vals[i], table->tupdesc, seq, &isnull)));

		event->tuple = table->vals[i];
		event->descriptor = table->tupdesc;
		event->target = target;
	}
}

/* ---- one attribute ---- */

/* A column of the stored row by its name: SELECT * leaves dropped columns out, so numbers differ. */
static Datum
stored_column(const StoredEvent *event, const char *name, bool *isnull)
{
	int number = SPI_fnumber(event->descriptor, name);

	*isnull = true;
	return number > 0 ? SPI_getbinval(event->tuple, event->descriptor, number, isnull) : (Datum) 0;
}

/* The same when it is of the type that we write; people may have changed it, and a value of another type is not to be read as ours. */
static Datum
stored_value(const StoredEvent *event, const char *name, Oid type, bool *isnull)
{
	*isnull = true;
	return SPI_gettypeid(event->descriptor, SPI_fnumber(event->descriptor, name)) == type
			   ? stored_column(event, name, isnull)
			   : (Datum) 0;
}

/* The column that this value goes to: the attribute's own, or a variant; NULL when to none. */
static const EpAttribute *
column_for(const EpTarget *target, const EpAttribute *attribute, const EpValue *value)
{
	if (attribute == NULL)
		return NULL;
	if (!ep_type_accepts(attribute->type, value))
		attribute = ep_target_variant(target, attribute, value);
	return attribute == NULL || attribute->attnum == InvalidAttrNumber ? NULL : attribute;
}

/* The same, when that column is gone: somebody has dropped it. */
static bool
goes_to_dropped(const EpTarget *target, const EpAttribute *attribute, const EpValue *value)
{
	if (attribute->attnum != InvalidAttrNumber && !ep_type_accepts(attribute->type, value))
		attribute = ep_target_variant(target, attribute, value);
	return attribute != NULL && attribute->attnum == InvalidAttrNumber;
}

static bool
column_holds(const StoredEvent *event, const EpAttribute *column, const EpValue *value)
{
	int16 length;
	bool by_value, isnull;
	Oid type = ep_type_oid(column->type);
	Datum stored = stored_value(event, column->column_name, type, &isnull);

	if (isnull)
		return false;
	get_typlenbyval(type, &length, &by_value);
	return datum_image_eq(stored, ep_datum(column->type, value), by_value, length);
}

/* The value of a key of a jsonb object, or NULL. */
static Jsonb *
member(Jsonb *object, const char *key)
{
	JsonbValue *value = getKeyJsonValueFromContainer(&object->root, key, strlen(key), NULL);

	return value == NULL ? NULL : JsonbValueToJsonb(value);
}

/* What the event keeps beside its columns, read once; NULL: nothing. */
static Jsonb *
rescued_of(Verify *verify, const StoredEvent *event)
{
	if (!verify->rescued_known)
	{
		bool isnull;
		Datum stored = stored_value(event, "_ep_rescued", JSONBOID, &isnull);

		verify->rescued = isnull ? NULL : DatumGetJsonbP(stored);
		verify->rescued_known = true;
	}
	return verify->rescued;
}

/* The value as it would have been rescued; NULL: that it never was. */
static Jsonb *
as_rescued(Verify *verify, const EpField *field, const char *path)
{
	ep_rescue_begin(&verify->rescue);
	ep_rescue_add(&verify->rescue, field->path, &field->value, "verify");
	if (!ep_rescue_fits(&verify->rescue))
		return NULL;
	return member(member(DatumGetJsonbP(ep_rescue_datum(&verify->rescue)), path), "v");
}

/* Which copy of the path has the value, from the one after the last that was found, all around; 0: none has. */
static int
find_copy(Jsonb *rescued, const char *path, const Jsonb *wanted, int last)
{
	int copy = last;
	bool around = false;

	for (;;)
	{
		Jsonb *kept;

		CHECK_FOR_INTERRUPTS();
		if (++copy > last && around)
			return 0;
		kept = member(rescued, copy == 1 ? path : psprintf("%s#%d", path, copy));
		if (kept != NULL && compareJsonbContainers(&member(kept, "v")->root,
												   unconstify(JsonbContainer *, &wanted->root)) == 0)
			return copy;
		if (kept != NULL || copy == 1) /* the first may have been promoted */
			continue;
		if (around || last == 0)
			return 0;
		around = true;
		copy = 0;
	}
}

/* Is the value among the copies of the path that were rescued? */
static bool
rescue_holds(Verify *verify, const StoredEvent *event, const EpField *field, const char *path)
{
	CopyHint *hint = &verify->hints[field->path->id % HINTS];
	Jsonb *rescued = rescued_of(verify, event), *wanted;
	MemoryContext old;
	int copy;

	if (rescued == NULL || path == NULL)
		return false;
	old = MemoryContextSwitchTo(verify->scratch);
	wanted = as_rescued(verify, field, path);
	copy = wanted == NULL ? 0 : find_copy(rescued, path, wanted, hint->path == field->path ? hint->copy : 0);
	MemoryContextSwitchTo(old);
	MemoryContextReset(verify->scratch);
	if (copy > 0)
		*hint = (CopyHint){field->path, copy};
	return copy > 0;
}

/* Does the contract, as it is now, drop the value?  column is the one that would hold it, or NULL. */
static bool
is_discarded(EpStream *stream, const StoredEvent *event, const EpField *field, const char *identity,
			 const EpAttribute *column)
{
	const EpAttribute *attribute = identity == NULL ? NULL : ep_target_attribute(event->target, identity);
	bool isnull = true;

	if (column != NULL)
		(void) stored_column(event, column->column_name, &isnull);
	if (!isnull)
		return false;
	if (ep_contract_of_path(stream->contract, EP_CONTRACT_COLUMNS, field->path, NULL) == EP_POLICY_DISCARD)
		return true;
	return attribute != NULL && !ep_type_accepts(attribute->type, &field->value) &&
		   ep_contract_of_path(stream->contract, EP_CONTRACT_TYPES, field->path, NULL) == EP_POLICY_DISCARD;
}

/* ---- one event ---- */

/* Is the value in the column it goes to, or rescued, or one that the contract drops?  *column: where it goes, or NULL. */
static bool
is_kept(Verify *verify, EpIngest *ingest, const StoredEvent *event, const EpField *field,
		const EpAttribute **column)
{
	EpTarget *target = event->target;
	const EpAttribute *attribute;
	char *path, *identity;

	ep_arena_reset(&verify->texts);
	path = ep_path_to_text(field->path, &verify->texts);
	identity = ep_path_identity(field->path, &verify->texts);
	attribute = identity == NULL ? NULL : ep_target_attribute(target, identity);
	*column = column_for(target, attribute, &field->value);
	if (attribute != NULL && (attribute->dropped || goes_to_dropped(target, attribute, &field->value)))
		return true; /* somebody wanted it gone */
	return (*column != NULL && column_holds(event, *column, &field->value)) ||
		   rescue_holds(verify, event, field, path) ||
		   is_discarded(ingest->stream, event, field, identity, *column);
}

/* The same for an event that was read before its aliases were as they are, rather with a column that it goes to than without. */
static bool
was_kept(Verify *verify, EpIngest *ingest, const StoredEvent *event, const EpEvent *decoded, uint32 i,
		 const EpAttribute **column)
{
	EpAliases *aliases = ingest->stream->aliases;
	bool kept = false;

	*column = NULL;
	for (int way = 0; *column == NULL && way < ep_aliases_past_count(aliases); way++)
	{
		const EpField *fields = ep_aliases_read_past(aliases, way, decoded, &ingest->event_arena);
		const EpAttribute *past;

		if (fields == NULL || !is_kept(verify, ingest, event, &fields[i], &past))
			continue;
		kept = true;
		*column = past;
	}
	return kept;
}

/*
 * An object that is kept whole now, and was not when its event came: are its members kept, each by itself?  Their columns
 * join *met.
 */
static bool
members_are_kept(Verify *verify, EpIngest *ingest, const StoredEvent *event, const EpField *field,
				 Bitmapset **met)
{
	EpDecoder *decoder = &verify->members;
	EpEvent members;

	if (!field->path->whole || field->value.kind != EP_JSON)
		return false;
	if (decoder->format == NULL)
	{
		*decoder = ingest->decoder;
		if (decoder->format->begin(decoder) != EP_OK)
			elog(ERROR, "could not start a decoder: %s", decoder->error.message);
	}
	decoder->top = field->path;
	ep_event_reset(&members);
	if (decoder->format->open(decoder, field->value.text, field->value.length) != EP_OK ||
		decoder->format->next(decoder, &members) != EP_OK)
		return false;
	for (uint32 i = 0; i < members.field_count; i++)
	{
		const EpAttribute *column;

		if (members.fields[i].value.kind == EP_NULL)
			continue;
		if (!is_kept(verify, ingest, event, &members.fields[i], &column) &&
			!members_are_kept(verify, ingest, event, &members.fields[i], met))
			return false;
		if (column != NULL)
			*met = bms_add_member(*met, column->attnum);
	}
	return true;
}

/* ---- rows that were written under an earlier protobuf schema ---- */

/* An unknown field that holds the path: it was kept under its number. */
static bool
was_unknown(Verify *verify, EpIngest *ingest, const StoredEvent *event, const EpPath *path)
{
	const EpProtoMessage *message = ingest->stream->message;
	Jsonb *rescued = rescued_of(verify, event);

	for (; rescued != NULL && path->parent != NULL; path = path->parent)
	{
		EpPath *parent = ep_aliases_resolve(ingest->stream->aliases, path->parent, &ingest->event_arena);
		char *text = parent == NULL ? NULL : ep_path_to_text(parent, &ingest->event_arena);
		const EpProtoField *field = text == NULL ? NULL : ep_protobuf_field_at(message, path);

		if (field != NULL &&
			member(rescued, psprintf("%s%s\"#%u\"", text, *text ? "." : "", field->number)) != NULL)
			return true;
	}
	return false;
}

/* Has the column what an earlier version of the schema reads of the field? */
static bool
holds_earlier(Verify *verify, const StoredEvent *event, const EpAttribute *column, const EpPath *sent)
{
	for (int i = 0; i < ep_versions_count(verify->versions); i++)
	{
		const EpValue *value = ep_versions_value(verify->versions, i, sent);

		if (value != NULL && value->kind != EP_NULL && ep_type_accepts(column->type, value) &&
			column_holds(event, column, value))
			return true;
	}
	return false;
}

/* Did the schema of its time not have the field, or not all that is in it?  column: where it goes, or NULL. */
static bool
is_of_earlier_schema(Verify *verify, EpIngest *ingest, const StoredEvent *event, const EpEvent *decoded,
					 uint32 i, const EpAttribute *column)
{
	const EpField *sent = decoded->as_sent != NULL ? &decoded->as_sent[i] : &decoded->fields[i];
	const EpProtoMessage *message = ingest->stream->message;
	const EpProtoField *field = message == NULL ? NULL : ep_protobuf_field_at(message, sent->path);
	bool isnull = true;

	if (field == NULL)
		return false;
	if (column != NULL)
		(void) stored_column(event, column->column_name, &isnull);
	if (!isnull)
		return holds_earlier(verify, event, column, sent->path);
	return (!field->presence && ep_protobuf_is_empty(field, &sent->value)) ||
		   was_unknown(verify, ingest, event, sent->path);
}

/* Is an unknown field rescued, under the path that aliases lead to now, or led to once? */
static bool
unknown_is_kept(Verify *verify, EpIngest *ingest, const StoredEvent *event, const EpField *unknown)
{
	EpAliases *aliases = ingest->stream->aliases;
	EpArena *arena = &ingest->event_arena;

	for (int way = -1; way < ep_aliases_past_count(aliases); way++)
	{
		EpPath *path = way < 0 ? ep_aliases_resolve(aliases, unknown->path, arena)
							   : ep_aliases_resolve_past(aliases, way, unknown->path, arena);
		EpField field = {path, unknown->value};

		ep_arena_reset(&verify->texts);
		if (path != NULL && rescue_holds(verify, event, &field, ep_path_to_text(path, &verify->texts)))
			return true;
	}
	return false;
}

/* Had an earlier version the field, or the reserved number?  Then it had a column in its time. */
static bool
was_known(Verify *verify, EpIngest *ingest, const EpPath *number)
{
	const EpProtoMessage *message = ep_protobuf_message_at(ingest->stream->message, number->parent);

	for (int i = 0; i < ep_versions_count(verify->versions); i++)
		if (ep_versions_knew(verify->versions, i, number))
			return true;
	return ep_protobuf_is_reserved(message, ep_protobuf_unknown_number(number));
}

/* Does the contract, as it is now, drop the field that is partial? */
static bool
partial_is_discarded(EpIngest *ingest, const EpPath *number)
{
	EpStream *stream = ingest->stream;
	EpPath *path = ep_versions_field_path(stream, number, &ingest->event_arena);

	return path != NULL &&
		   ep_contract_of_path(stream->contract, EP_CONTRACT_COLUMNS, path, NULL) == EP_POLICY_DISCARD;
}

static void
verify_unknown(Verify *verify, EpIngest *ingest, const StoredEvent *event, const EpEvent *decoded)
{
	for (uint32 i = 0; i < decoded->unknown_count; i++)
	{
		const EpField *field = &decoded->unknown[i];

		if (i < decoded->partial_count && partial_is_discarded(ingest, field->path))
			continue;
		if (!unknown_is_kept(verify, ingest, event, field) &&
			!was_unknown(verify, ingest, event, field->path->parent) &&
			!was_known(verify, ingest, field->path))
			report(verify, event->key.raw_id, event->key.seq,
				   ep_path_to_text(field->path, &ingest->event_arena), "the unknown field is not rescued");
	}
}

/*
 * Has the schema of the stream no such field any more?  The column has its history.  Or was the field of another kind, so that it
 * had a column of its own, and has none now?
 */
static bool
is_of_removed_field(Verify *verify, EpIngest *ingest, const StoredEvent *event, const EpAttribute *attribute)
{
	EpStream *stream = ingest->stream;
	EpArena *arena = &ingest->event_arena;
	EpPath *path =
		stream->message == NULL ? NULL : ep_path_from_text(&stream->paths, attribute->identity, arena);

	if (path == NULL)
		return false;
	if (!ep_protobuf_has_identity(stream->message, attribute->identity))
		return true;
	path = ep_versions_sent_path(stream, path, arena);
	return path != NULL && holds_earlier(verify, event, attribute, path);
}

/* A default that somebody has given the column. */
static bool
has_default(const EpTarget *target, AttrNumber attnum)
{
	HeapTuple tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(target->relation), Int16GetDatum(attnum));
	bool result;

	if (!HeapTupleIsValid(tuple))
		return false;
	result = ((Form_pg_attribute) GETSTRUCT(tuple))->atthasdef;
	ReleaseSysCache(tuple);
	return result;
}

static void
verify_fields(Verify *verify, EpIngest *ingest, const StoredEvent *event, const EpEvent *decoded)
{
	EpTarget *target = event->target;
	Bitmapset *met = NULL;

	for (uint32 i = 0; i < decoded->field_count; i++)
	{
		const EpField *field = &decoded->fields[i];
		const EpAttribute *column, *past;
		bool kept;

		if (field->value.kind == EP_NULL)
			continue;
		kept = is_kept(verify, ingest, event, field, &column);
		/* Where its column is gone, too: an alias may have led it to another before. */
		if ((!kept || column == NULL) && was_kept(verify, ingest, event, decoded, i, &past))
		{
			kept = true;
			column = past;
		}
		if (!kept && !members_are_kept(verify, ingest, event, field, &met) &&
			!is_of_earlier_schema(verify, ingest, event, decoded, i, column))
			report(verify, event->key.raw_id, event->key.seq,
				   ep_path_to_text(field->path, &ingest->event_arena),
				   "the value is neither in its column nor rescued");
		if (column != NULL)
			met = bms_add_member(met, column->attnum);
	}
	verify_unknown(verify, ingest, event, decoded);
	for (int i = 0; i < target->attribute_count; i++)
	{
		const EpAttribute *attribute = &target->attributes[i];
		bool isnull;

		(void) stored_column(event, attribute->column_name, &isnull);
		if (!isnull && !attribute->dropped && !bms_is_member(attribute->attnum, met) &&
			!has_default(target, attribute->attnum) && !is_of_removed_field(verify, ingest, event, attribute))
			report(verify, event->key.raw_id, event->key.seq, attribute->column_name,
				   "the column has a value that the payload does not have");
	}
}

static bool
has_time(EpIngest *ingest, const StoredEvent *event, const EpRawRow *raw, const EpEvent *decoded)
{
	EpKeys keys;
	TimestampTz time;
	EpError error;
	bool isnull;

	ep_ingest_keys(ingest, decoded, &keys);
	return ep_clock_read(ingest->stream, decoded, keys.time, raw->received_at, &time, &error) == EP_OK &&
		   DatumGetTimestampTz(stored_column(event, "event_time", &isnull)) == time;
}

static void
verify_time(Verify *verify, EpIngest *ingest, const StoredEvent *event, const EpRawRow *raw,
			const EpEvent *decoded)
{
	EpAliases *aliases = ingest->stream->aliases;
	bool found = has_time(ingest, event, raw, decoded);

	for (int way = 0; !found && way < ep_aliases_past_count(aliases); way++)
	{
		EpEvent past = *decoded;

		past.fields =
			unconstify(EpField *, ep_aliases_read_past(aliases, way, decoded, &ingest->event_arena));
		found = past.fields != NULL && has_time(ingest, event, raw, &past);
	}
	if (!found)
		report(verify, raw->raw_id, event->key.seq, "event_time", "the row has another time than its event");
}

/* May this event be without a row?  Is it a duplicate, let go by the contract, or older than the retention? */
static bool
may_be_absent(EpIngest *ingest, const EpRawRow *raw, const EpEvent *event)
{
	Verify *verify = (Verify *) ingest->source;
	TimestampTz time;
	EpError error;
	EpKeys keys;

	ep_ingest_keys(ingest, event, &keys);
	return ingest->stream->event_id != NULL || ep_ingest_is_discarded(ingest, event, &keys) ||
		   (ep_clock_read(ingest->stream, event, keys.time, raw->received_at, &time, &error) == EP_OK &&
			time < verify->oldest);
}

static void
verify_event(EpIngest *ingest, const EpRawRow *raw, int32 seq, EpEvent *decoded)
{
	Verify *verify = (Verify *) ingest->source;
	EpEventKey key = ep_event_key(raw->raw_id, seq);
	StoredEvent *event = hash_search(verify->stored, &key, HASH_FIND, NULL);

	if (event == NULL)
	{
		if (!may_be_absent(ingest, raw, decoded))
			report(verify, raw->raw_id, seq, NULL, "the event has neither a row nor a rejection");
		return;
	}
	event->met = true;
	if (event->tuple == NULL)
		return; /* rejected for its time, table or a constraint */
	verify->rescued_known = false;
	memset(verify->hints, 0, sizeof verify->hints);
	ep_versions_begin(verify->versions, decoded);
	verify_time(verify, ingest, event, raw, decoded);
	verify_fields(verify, ingest, event, decoded);
}

static void
verify_refused(EpIngest *ingest, const EpRawRow *raw, int32 seq, const EpEvent *decoded, const EpError *error)
{
	Verify *verify = (Verify *) ingest->source;
	EpEventKey key = ep_event_key(raw->raw_id, seq);
	StoredEvent *event = hash_search(verify->stored, &key, HASH_FIND, NULL);

	if (event == NULL || event->tuple != NULL)
		report(verify, raw->raw_id, seq, NULL, "the event cannot be decoded and is not rejected");
	if (event != NULL)
		event->met = true;
}

/* Rows without an event in their raw row. */
static void
report_orphans(Verify *verify)
{
	HASH_SEQ_STATUS scan;
	StoredEvent *event;

	hash_seq_init(&scan, verify->stored);
	while ((event = hash_seq_search(&scan)) != NULL)
		if (!event->met)
			report(verify, event->key.raw_id, event->key.seq, NULL,
				   event->tuple != NULL ? "the row has no event in its raw row"
										: "the rejection has no event in its raw row");
}

/* As many raw ids as asked for, at random, as bigint[]. */
static Datum
sample(EpStream *stream, int64 count)
{
	Oid types[1] = {INT8OID};
	Datum values[1] = {Int64GetDatum(count)};
	EpRole saved = ep_role_enter_owner_of(stream->raw_relation);
	char *sql = psprintf(
		"SELECT ARRAY(SELECT raw_id FROM %s WHERE raw_id IS NOT NULL ORDER BY pg_catalog.random() LIMIT $1)",
		ep_relation_name(stream->raw_relation));
	bool isnull;

	if (SPI_execute_with_args(sql, 1, types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read raw rows");
	ep_role_leave(saved);
	return ep_catalog_datum(0, 1, &isnull);
}

/*
 * _verify(event_table regclass, sample bigint) returns setof (raw_id, seq, path, problem): what is not as its
 * payload says, in that many raw rows taken at random; NULL: in all.
 */
EP_FUNCTION(ep_verify);

Datum
ep_verify(PG_FUNCTION_ARGS)
{
	static const EpVisitor visitor = {false, verify_event, verify_refused};
	Verify verify = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	HASHCTL control = {
		.keysize = sizeof(EpEventKey), .entrysize = sizeof(StoredEvent), .hcxt = CurrentMemoryContext};
	EpStream *stream;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	verify.scratch =
		AllocSetContextCreate(CurrentMemoryContext, "event_pipeline attribute", ALLOCSET_DEFAULT_SIZES);
	ep_arena_init(&verify.texts, ep_palloc_allocator(CurrentMemoryContext), MAX_TEXT_BYTES);
	ep_rescue_init(&verify.rescue, &verify.texts, CurrentMemoryContext);
	stream = ep_stream_of_event_table(PG_GETARG_OID(0));
	ep_check_owner(stream->event_relation);
	verify.oldest = ep_clock_oldest_kept(stream);
	verify.stored =
		hash_create("event_pipeline stored events", 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	ep_raw_rows_open(&verify.rows, stream,
					 DatumGetArrayTypeP(sample(stream, PG_ARGISNULL(1) ? PG_INT64_MAX : PG_GETARG_INT64(1))));
	verify.versions = ep_versions_open(stream);
	read_rejections(&verify);
	for (int t = 0; t < stream->target_count; t++)
		read_target(&verify, stream->targets[t]);
	ep_ingest_read(stream, &verify.rows.source, &visitor);
	ep_raw_rows_close(&verify.rows);
	report_orphans(&verify);
	SPI_finish();
	PG_RETURN_NULL();
}
