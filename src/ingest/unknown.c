/*
 * unknown.c
 *	  Fields that a newer schema wrote: from bytes in _ep_rescued to values, once that schema is registered.
 *
 * {"\"#60\"": {"v": "\\x...", "why": "unknown"}} becomes {"livestream_start.platform": {"v": "TWITCH", "why": "unknown"}}.
 * From there the value goes into its column like every other that could not have one at once (lifecycle/promote.sql).
 */
#include "ingest/rescue.h"

#include "catalog/pg_type.h"
#include "core/memory_server.h"
#include "executor/spi.h"
#include "format/protobuf/protobuf_unknown.h"
#include "schema/relation.h"
#include "schema/stream.h"
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

/* The bytes kept under a key for want of a schema; NULL when it is something else. */
static bytea *
unknown_bytes(const JsonbValue *entry)
{
	JsonbValue *why, *bytes;

	if (entry->type != jbvBinary || !JsonContainerIsObject(entry->val.binary.data))
		return NULL;
	why = getKeyJsonValueFromContainer(entry->val.binary.data, "why", 3, NULL);
	bytes = getKeyJsonValueFromContainer(entry->val.binary.data, "v", 1, NULL);
	if (why == NULL || why->type != jbvString || why->val.string.len != strlen(EP_RESCUE_UNKNOWN) ||
		memcmp(why->val.string.val, EP_RESCUE_UNKNOWN, why->val.string.len) != 0)
		return NULL;
	if (bytes == NULL || bytes->type != jbvString || bytes->val.string.len < 2 ||
		memcmp(bytes->val.string.val, "\\x", 2) != 0)
		return NULL;
	return DatumGetByteaPP(DirectFunctionCall1(
		byteain, CStringGetDatum(pnstrdup(bytes->val.string.val, bytes->val.string.len))));
}

/* The field that the present schema has for a path of an unknown one: its path, or NULL. */
static EpPath *
known_path(EpStream *stream, EpPath *unknown, EpArena *arena)
{
	uint32 number = unknown->parent == NULL ? 0 : ep_protobuf_unknown_number(unknown);
	const EpProtoMessage *message = number == 0 || stream->message == NULL
										? NULL
										: ep_protobuf_message_at(stream->message, unknown->parent);
	const EpProtoField *field = message == NULL ? NULL : ep_protobuf_field(message, number);

	return field == NULL ? NULL
						 : ep_path_child(&stream->paths, unknown->parent, NULL, field->name,
										 strlen(field->name), arena);
}

static bool
is_below(const EpPath *path, const EpPath *top)
{
	while (path != NULL && path->depth > top->depth)
		path = path->parent;
	return path == top;
}

static bool
has_key(Jsonb *object, const char *key)
{
	return getKeyJsonValueFromContainer(&object->root, key, strlen(key), NULL) != NULL;
}

/* Is it a value of the field, or one that stands in it?  Blank ones of messages around it are not. */
static bool
is_of_field(const EpEvent *event, uint32 i, const EpPath *known)
{
	const EpField *as_sent = event->as_sent != NULL ? event->as_sent : event->fields;

	return event->fields[i].value.kind != EP_NULL && is_below(as_sent[i].path, known);
}

/* Could all of it be put beside what is kept?  Not when its records are not of the field's wire type, or a key is there. */
static bool
is_whole(Reader *reader, const EpEvent *event, const EpPath *unknown, const EpPath *known)
{
	for (uint32 i = 0; i < event->unknown_count; i++)
		if (event->unknown[i].path == unknown)
			return false;
	for (uint32 i = 0; i < event->field_count; i++)
	{
		char *text = ep_path_to_text(event->fields[i].path, &reader->arena);

		if (text == NULL || (is_of_field(event, i, known) && has_key(reader->kept, text)))
			return false;
	}
	return true;
}

/* Read one unknown field; what the schema refuses stays as it is. */
static void
read_field(Reader *reader, const char *key, bytea *records)
{
	EpStream *stream = reader->stream;
	EpPath *unknown = ep_path_from_text(&stream->paths, key, &reader->arena);
	EpPath *known = unknown == NULL ? NULL : known_path(stream, unknown, &reader->arena);
	EpProtoBytes bytes = {.arena = &reader->arena, .data = (uint8_t *) ""};
	EpEvent event;

	if (known == NULL ||
		!ep_protobuf_wrap(stream->message, unknown->parent, VARDATA_ANY(records), VARSIZE_ANY_EXHDR(records),
						  &bytes) ||
		stream->format->open(&reader->decoder, (const char *) bytes.data, bytes.length) != EP_OK ||
		stream->format->next(&reader->decoder, &event) != EP_OK ||
		!ep_aliases_apply(stream->aliases, &event, &reader->arena) ||
		!is_whole(reader, &event, unknown, known))
		return;
	for (uint32 i = 0; i < event.field_count; i++)
		if (is_of_field(&event, i, known))
			ep_rescue_add(&reader->rescue, event.fields[i].path, &event.fields[i].value, EP_RESCUE_UNKNOWN);
	for (uint32 i = 0; i < event.unknown_count; i++)
		ep_rescue_add(&reader->rescue, event.unknown[i].path, &event.unknown[i].value, EP_RESCUE_UNKNOWN);
	reader->rest = DatumGetJsonbP(
		DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(reader->rest), CStringGetTextDatum(key)));
}

static void
read_all(Reader *reader)
{
	JsonbIterator *iterator = JsonbIteratorInit(&reader->kept->root);
	JsonbIteratorToken token;
	JsonbValue key, entry;

	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		bytea *records;

		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&iterator, &entry, true);
		records = unknown_bytes(&entry);
		if (records != NULL)
			read_field(reader, pnstrdup(key.val.string.val, key.val.string.len), records);
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
	if (reader.rest == reader.kept || reader.rescue.overflow)
		PG_RETURN_NULL();
	result = JsonbPGetDatum(reader.rest);
	if (reader.rescue.count > 0)
		result = DirectFunctionCall2(jsonb_concat, result, ep_rescue_datum(&reader.rescue));
	PG_RETURN_DATUM(result);
}

/* What a path is to the present schema of a stream, asked with an arena that goes afterwards. */
static EpPath *
path_argument(FunctionCallInfo fcinfo, EpStream *stream, EpArena *arena)
{
	ep_arena_init(arena, ep_palloc_allocator(CurrentMemoryContext), ARENA_BYTES);
	return stream->message == NULL
			   ? NULL
			   : ep_path_from_text(&stream->paths, text_to_cstring(PG_GETARG_TEXT_PP(1)), arena);
}

/*
 * _unknown_is_known(event_table regclass, path text) returns boolean: has the present schema the field number that the path
 * ends in?
 */
EP_FUNCTION(ep_unknown_is_known);

Datum
ep_unknown_is_known(PG_FUNCTION_ARGS)
{
	EpStream *stream = stream_of(PG_GETARG_OID(0));
	EpArena arena;
	EpPath *path = path_argument(fcinfo, stream, &arena);

	PG_RETURN_BOOL(path != NULL && known_path(stream, path, &arena) != NULL);
}

/*
 * _message_column_type(event_table regclass, path text) returns regtype: what the present schema says of the column at a path;
 * NULL: nothing.
 */
EP_FUNCTION(ep_message_column_type);

Datum
ep_message_column_type(PG_FUNCTION_ARGS)
{
	EpStream *stream = stream_of(PG_GETARG_OID(0));
	EpArena arena;
	EpPath *path = path_argument(fcinfo, stream, &arena);
	EpType type = path == NULL ? EP_TYPE_NONE : ep_protobuf_type_at(stream->message, path);

	if (type == EP_TYPE_NONE)
		PG_RETURN_NULL();
	PG_RETURN_OID(ep_type_oid(type));
}
