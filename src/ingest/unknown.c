/*
 * unknown.c
 *	  Fields that a newer schema wrote: from bytes in _ep_rescued to values, once that schema is registered.
 *
 * {"\"#60\"": {"v": "\\x...", "why": "unknown"}} becomes {"livestream_start.platform": {"v": "TWITCH", "why": "unknown"}}.
 * From there the value goes into its column like every other that could not have one at once (lifecycle/promote.sql).  What was
 * kept as partial becomes the value of the whole field, still partial, and takes the place of what its column has.
 */
#include "ingest/rescue.h"
#include "ingest/versions.h"

#include "catalog/pg_type.h"
#include "core/memory_server.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "format/protobuf/protobuf_unknown.h"
#include "schema/relation.h"
#include "schema/type_map.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#define ARENA_BYTES ((size_t) 256 * 1024 * 1024)

/* One row's kept attributes, and the decoder that reads them again. */
typedef struct Reader
{
	EpStream *stream;
	EpArena arena;
	EpDecoder decoder;
	EpRescue rescue;
	Jsonb *kept;
	Jsonb *rest; /* kept, without the keys that were read */
} Reader;

static EpStream *
stream_of(Oid event_table)
{
	EpStream *stream;

	SPI_connect();
	stream = ep_stream_of_event_table(event_table);
	SPI_finish();
	return stream;
}

static void
open_reader(Reader *reader, EpStream *stream, Jsonb *kept)
{
	static const char *const options[] = {"framing", "none", "partial", "true", NULL};

	reader->stream = stream;
	reader->kept = reader->rest = kept;
	ep_arena_init(&reader->arena, ep_palloc_allocator(CurrentMemoryContext), ARENA_BYTES);
	reader->decoder = (EpDecoder){.format = stream->format,
								  .paths = &stream->paths,
								  .arena = &reader->arena,
								  .payload = &reader->arena,
								  .lasting = &reader->arena,
								  .schema = stream->message,
								  .options = options};
	ep_rescue_init(&reader->rescue, &reader->arena, CurrentMemoryContext);
	ep_rescue_begin(&reader->rescue);
	if (stream->format->begin(&reader->decoder) != EP_OK)
		elog(ERROR, "could not start a decoder: %s", reader->decoder.error.message);
}

/* Why the value of a key is kept: one of the two reasons that are of interest here, or NULL. */
static const char *
reason_of(const JsonbValue *entry)
{
	static const char *const reasons[] = {EP_RESCUE_UNKNOWN, EP_RESCUE_PARTIAL};
	JsonbValue *why;

	if (entry->type != jbvBinary || !JsonContainerIsObject(entry->val.binary.data))
		return NULL;
	why = getKeyJsonValueFromContainer(entry->val.binary.data, "why", 3, NULL);
	for (int i = 0; why != NULL && why->type == jbvString && i < lengthof(reasons); i++)
		if (why->val.string.len == strlen(reasons[i]) &&
			memcmp(why->val.string.val, reasons[i], why->val.string.len) == 0)
			return reasons[i];
	return NULL;
}

/* The bytes kept under the path of a field number; NULL when it is something else. */
static bytea *
unknown_bytes(const EpPath *path, const JsonbValue *entry)
{
	JsonbValue *bytes = getKeyJsonValueFromContainer(entry->val.binary.data, "v", 1, NULL);

	if (ep_protobuf_unknown_number(path) == 0 || bytes == NULL || bytes->type != jbvString ||
		bytes->val.string.len < 2 || memcmp(bytes->val.string.val, "\\x", 2) != 0)
		return NULL;
	return DatumGetByteaPP(DirectFunctionCall1(
		byteain, CStringGetDatum(pnstrdup(bytes->val.string.val, bytes->val.string.len))));
}

/* A field that the present schema has, some of whose records were kept under its number. */
typedef struct Known
{
	EpPath *message; /* around it, as it is sent */
	EpPath *number;  /* in that */
	EpPath *path;    /* of the field */
} Known;

static bool
find_known(EpStream *stream, EpPath *kept, EpArena *arena, Known *known)
{
	EpPath *parent = ep_versions_sent_path(stream, kept->parent, arena);
	const EpProtoMessage *message = parent == NULL ? NULL : ep_protobuf_message_at(stream->message, parent);
	const EpProtoField *field =
		message == NULL ? NULL : ep_protobuf_field(message, ep_protobuf_unknown_number(kept));

	if (field == NULL)
		return false;
	known->message = parent;
	known->number = ep_path_child(&stream->paths, parent, NULL, kept->key, kept->key_length, arena);
	known->path = ep_path_child(&stream->paths, parent, NULL, field->name, strlen(field->name), arena);
	return known->number != NULL && known->path != NULL;
}

/* ---- reading ---- */

static bool
is_below(const EpPath *path, const EpPath *top)
{
	while (path != NULL && path->depth > top->depth)
		path = path->parent;
	return path == top;
}

/* Is it a value of the field, or one that stands in it?  Blank ones of messages around it are not. */
static bool
is_of_field(const EpEvent *event, uint32 i, const EpPath *known)
{
	const EpField *as_sent = event->as_sent != NULL ? event->as_sent : event->fields;

	return event->fields[i].value.kind != EP_NULL && is_below(as_sent[i].path, known);
}

/* Is nothing kept at the path that a value of a field, kept for that reason, could not replace? */
static bool
is_free(Reader *reader, EpPath *path, const char *reason)
{
	char *text = ep_path_to_text(path, &reader->arena);
	JsonbValue *there =
		text == NULL ? NULL : getKeyJsonValueFromContainer(&reader->kept->root, text, strlen(text), NULL);
	const char *its = there == NULL ? NULL : reason_of(there);

	if (text == NULL || there == NULL)
		return text != NULL;
	return its != NULL && strcmp(its, EP_RESCUE_PARTIAL) == 0 && strcmp(reason, EP_RESCUE_PARTIAL) == 0;
}

/* Could all of it be put beside what is kept?  Not when its records are not of the field's wire type, or something is there. */
static bool
is_whole(Reader *reader, const EpEvent *event, const Known *known, const char *reason)
{
	for (uint32 i = event->partial_count; i < event->unknown_count; i++)
		if (event->unknown[i].path == known->number)
			return false;
	for (uint32 i = 0; i < event->field_count; i++)
		if (is_of_field(event, i, known->path) && !is_free(reader, event->fields[i].path, reason))
			return false;
	return true;
}

/* The event that records kept under a field number are, as the present schema reads them; false when it cannot. */
static bool
decode(Reader *reader, EpPath *kept, bytea *records, Known *known, EpEvent *event)
{
	EpStream *stream = reader->stream;
	EpProtoBytes bytes = {.arena = &reader->arena, .data = (uint8_t *) ""};

	return find_known(stream, kept, &reader->arena, known) &&
		   ep_protobuf_wrap(stream->message, known->message, VARDATA_ANY(records), VARSIZE_ANY_EXHDR(records),
							&bytes) &&
		   stream->format->open(&reader->decoder, (const char *) bytes.data, bytes.length) == EP_OK &&
		   stream->format->next(&reader->decoder, event) == EP_OK &&
		   ep_aliases_apply(stream->aliases, event, &reader->arena);
}

/* Read one field; what the schema refuses stays as it is. */
static void
read_field(Reader *reader, EpPath *kept, const char *reason, bytea *records)
{
	char *key = ep_path_to_text(kept, &reader->arena);
	Known known;
	EpEvent event;

	if (!decode(reader, kept, records, &known, &event) || !is_whole(reader, &event, &known, reason))
		return;
	for (uint32 i = 0; i < event.field_count; i++)
		if (is_of_field(&event, i, known.path))
			ep_rescue_add(&reader->rescue, event.fields[i].path, &event.fields[i].value, reason);
	for (uint32 i = 0; i < event.unknown_count; i++)
	{
		EpPath *path = ep_aliases_resolve(reader->stream->aliases, event.unknown[i].path, &reader->arena);

		ep_rescue_add(&reader->rescue, path != NULL ? path : event.unknown[i].path, &event.unknown[i].value,
					  i < event.partial_count ? EP_RESCUE_PARTIAL : EP_RESCUE_UNKNOWN);
	}
	reader->rest = DatumGetJsonbP(
		DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(reader->rest), CStringGetTextDatum(key)));
}

/* The next key that is kept for one of the two reasons, as a path, with its entry and reason; NULL at the end. */
static EpPath *
next_kept(Reader *reader, JsonbIterator **iterator, JsonbValue *entry, const char **why)
{
	JsonbIteratorToken token;
	JsonbValue key;

	while ((token = JsonbIteratorNext(iterator, &key, true)) != WJB_DONE)
	{
		EpPath *path;

		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(iterator, entry, true);
		*why = reason_of(entry);
		path = *why == NULL
				   ? NULL
				   : ep_path_from_text(&reader->stream->paths,
									   pnstrdup(key.val.string.val, key.val.string.len), &reader->arena);
		if (path != NULL && path->parent != NULL)
			return path;
	}
	return NULL;
}

static void
read_all(Reader *reader)
{
	JsonbIterator *iterator = JsonbIteratorInit(&reader->kept->root);
	JsonbValue entry;
	const char *why;
	EpPath *path;

	while ((path = next_kept(reader, &iterator, &entry, &why)) != NULL)
	{
		bytea *records = unknown_bytes(path, &entry);

		if (records != NULL)
			read_field(reader, path, why, records);
	}
}

/*
 * _unknown_read(event_table regclass, rescued jsonb) returns jsonb: the same, with the fields that the schema knows by now read;
 * NULL when there are none.
 */
EP_FUNCTION(ep_unknown_read);

Datum
ep_unknown_read(PG_FUNCTION_ARGS)
{
	EpStream *stream = stream_of(PG_GETARG_OID(0));
	Reader reader;
	Datum result;

	if (stream->message == NULL || !JB_ROOT_IS_OBJECT(PG_GETARG_JSONB_P(1)))
		PG_RETURN_NULL();
	open_reader(&reader, stream, PG_GETARG_JSONB_P(1));
	read_all(&reader);
	if (reader.rest == reader.kept || !ep_rescue_fits(&reader.rescue))
		PG_RETURN_NULL();
	result = JsonbPGetDatum(reader.rest);
	if (reader.rescue.count > 0)
		result = DirectFunctionCall2(jsonb_concat, result, ep_rescue_datum(&reader.rescue));
	PG_RETURN_DATUM(result);
}

/* ---- what is to be noted of it ---- */

static void
put_found(ReturnSetInfo *result, const char *path, EpTypeGuess guess, const char *reason)
{
	Datum values[4] = {CStringGetTextDatum(path), ObjectIdGetDatum(ep_type_oid(guess.type)),
					   Int32GetDatum((int32) guess.misfits), CStringGetTextDatum(reason)};
	bool nulls[4] = {false, guess.type == EP_TYPE_NONE, false, false};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* A value waits for its column. */
static void
found_value(Reader *reader, ReturnSetInfo *result, EpPath *kept, const JsonbValue *entry, const char *reason)
{
	EpStream *stream = reader->stream;
	EpPath *sent = ep_versions_sent_path(stream, kept, &reader->arena);
	EpType type = sent == NULL ? EP_TYPE_NONE : ep_protobuf_type_at(stream->message, sent);

	put_found(result, ep_path_to_text(kept, &reader->arena),
			  ep_rescued_guess(type, entry->val.binary.data, stream->format), reason);
}

/* Bytes wait for what the schema lacks to read them. */
static void
found_bytes(Reader *reader, ReturnSetInfo *result, EpPath *kept, bytea *records)
{
	EpStream *stream = reader->stream;
	Known known;
	EpEvent event;

	if (!find_known(stream, kept, &reader->arena, &known))
		put_found(result, ep_path_to_text(kept, &reader->arena), (EpTypeGuess){0}, EP_RESCUE_UNKNOWN);
	else if (decode(reader, kept, records, &known, &event))
		for (uint32 i = 0; i < event.lack_count; i++)
		{
			EpPath *lack = event.lacks[i], *path = ep_aliases_resolve(stream->aliases, lack, &reader->arena);

			if (path != NULL &&
				!ep_protobuf_lacks_no_more(ep_protobuf_message_at(stream->message, lack->parent), lack))
				put_found(result, ep_path_to_text(path, &reader->arena), (EpTypeGuess){0}, EP_RESCUE_UNKNOWN);
		}
}

/*
 * _unknown_found(event_table regclass, rescued jsonb) returns setof (path text, column_type regtype, misfits int, reason text):
 * what a row keeps of fields that were unknown when it came: values, and what the schema lacks even now.
 */
EP_FUNCTION(ep_unknown_found);

Datum
ep_unknown_found(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	EpStream *stream = stream_of(PG_GETARG_OID(0));
	JsonbIterator *iterator;
	Reader reader;
	JsonbValue entry;
	const char *why;
	EpPath *path;

	InitMaterializedSRF(fcinfo, 0);
	if (stream->message == NULL || !JB_ROOT_IS_OBJECT(PG_GETARG_JSONB_P(1)))
		return (Datum) 0;
	open_reader(&reader, stream, PG_GETARG_JSONB_P(1));
	iterator = JsonbIteratorInit(&reader.kept->root);
	while ((path = next_kept(&reader, &iterator, &entry, &why)) != NULL)
	{
		bytea *records = unknown_bytes(path, &entry);

		if (records != NULL)
			found_bytes(&reader, result, path, records);
		else
			found_value(&reader, result, path, &entry, why);
	}
	return (Datum) 0;
}

/*
 * _unknown_key(event_table regclass, path text) returns text: the key in _ep_rescued of what could not be read for want of what the path
 * names (protobuf_lacks.h), if the present schema has that; else NULL.
 */
EP_FUNCTION(ep_unknown_key);

Datum
ep_unknown_key(PG_FUNCTION_ARGS)
{
	EpStream *stream = stream_of(PG_GETARG_OID(0));
	EpPath *lack = NULL, *parent, *key;
	EpArena arena;

	ep_arena_init(&arena, ep_palloc_allocator(CurrentMemoryContext), ARENA_BYTES);
	if (stream->message != NULL)
		lack = ep_path_from_text(&stream->paths, text_to_cstring(PG_GETARG_TEXT_PP(1)), &arena);
	parent =
		lack == NULL || lack->parent == NULL ? NULL : ep_versions_sent_path(stream, lack->parent, &arena);
	if (parent == NULL || !ep_protobuf_lacks_no_more(ep_protobuf_message_at(stream->message, parent), lack))
		PG_RETURN_NULL();
	key = ep_path_child(&stream->paths, lack->parent, NULL, lack->key,
						strcspn(pnstrdup(lack->key, lack->key_length), ".="), &arena);
	PG_RETURN_TEXT_P(cstring_to_text(ep_path_to_text(key, &arena)));
}
