/*
 * versions.c
 *	  One event under several versions of its protobuf schema.
 */
#include "ingest/versions.h"

#include "catalog/pg_type.h"
#include "core/memory_server.h"
#include "executor/spi.h"
#include "format/protobuf/protobuf_unknown.h"
#include "schema/catalog.h"
#include "schema/protobuf.h"
#include "utils/builtins.h"

#define ARENA_BYTES ((size_t) 256 * 1024 * 1024)
#define MAX_PATHS 10000

typedef struct Version
{
	const EpProtoMessage *message;
	EpPathTree paths; /* its own: names change between versions */
	EpArena arena, lasting;
	EpDecoder decoder;
	EpEvent event;
	bool begun, read, good; /* the decoder; the event at hand, and whether it could be */
} Version;

struct EpVersions
{
	EpStream *stream;
	MemoryContext context;
	const EpEvent *event; /* at hand */
	Version *all;         /* the newest first */
	int count;
};

/* ---- paths ---- */

static bool
same_identity(const EpPath *a, const EpPath *b, EpArena *arena)
{
	char *left = a == NULL ? NULL : ep_path_identity(a, arena), *right = ep_path_identity(b, arena);

	return left != NULL && right != NULL && strcmp(left, right) == 0;
}

EpPath *
ep_versions_sent_path(EpStream *stream, EpPath *kept, EpArena *arena)
{
	EpPath *parent = kept->parent == NULL ? NULL : ep_versions_sent_path(stream, kept->parent, arena);
	const EpProtoMessage *message = parent == NULL ? NULL : ep_protobuf_message_at(stream->message, parent);

	if (kept->parent == NULL)
		return kept;
	for (uint32 i = 0; message != NULL && i < message->field_count; i++)
	{
		const char *name = message->fields[i].name;
		EpPath *path = ep_path_child(&stream->paths, parent, NULL, name, strlen(name), arena);

		if (path != NULL && same_identity(ep_aliases_resolve(stream->aliases, path, arena), kept, arena))
			return path;
	}
	return NULL;
}

EpPath *
ep_versions_field_path(EpStream *stream, const EpPath *number, EpArena *arena)
{
	const EpProtoMessage *message = ep_protobuf_message_at(stream->message, number->parent);
	const EpProtoField *field =
		message == NULL ? NULL : ep_protobuf_field(message, ep_protobuf_unknown_number(number));
	EpPath *path = field == NULL ? NULL
								 : ep_path_child(&stream->paths, number->parent, NULL, field->name,
												 strlen(field->name), arena);

	return path == NULL ? NULL : ep_aliases_resolve(stream->aliases, path, arena);
}

/* The same place under the names of a version; NULL when it has no such message, or never saw the path. */
static EpPath *
old_path(const EpVersions *versions, Version *version, const EpPath *sent)
{
	const EpPath *segments[EP_PATH_SEGMENTS_MAX];
	const EpProtoMessage *now = versions->stream->message, *then = version->message;
	EpPath *path = &version->paths.root;

	for (size_t i = ep_path_segments(sent, segments); i-- > 0 && path != NULL;)
	{
		const EpProtoField *field =
			now == NULL ? NULL : ep_protobuf_find_field(now, segments[i]->key, segments[i]->key_length);
		const EpProtoField *old =
			field == NULL || then == NULL ? NULL : ep_protobuf_field(then, field->number);

		path = old == NULL ? NULL : ep_path_find(&version->paths, path, old->name, strlen(old->name));
		now = field == NULL ? NULL : field->message;
		then = old == NULL ? NULL : old->message;
	}
	return path;
}

/* ---- reading ---- */

EpVersions *
ep_versions_open(EpStream *stream)
{
	static EpStatement statement = {
		"SELECT subject, version FROM event_pipeline._protobuf_schema"
		" WHERE $2 = ANY (messages) AND ($1 IS NULL OR subject = $1) ORDER BY version DESC OFFSET 1",
		2,
		{TEXTOID, TEXTOID}};
	Datum values[2] = {stream->subject == NULL ? (Datum) 0 : CStringGetTextDatum(stream->subject)};
	EpVersions *versions = palloc0(sizeof(EpVersions));
	char **subjects;
	int *numbers;
	bool isnull;

	versions->stream = stream;
	versions->context = CurrentMemoryContext;
	if (stream->message == NULL)
		return versions;
	values[1] = CStringGetTextDatum(stream->message_type);
	versions->count = (int) ep_catalog_run(&statement, values, stream->subject == NULL ? "n " : NULL);
	versions->all = palloc0(sizeof(Version) * Max(versions->count, 1));
	subjects = palloc(sizeof(char *) * Max(versions->count, 1));
	numbers = palloc(sizeof(int) * Max(versions->count, 1));
	for (int i = 0; i < versions->count; i++)
	{
		subjects[i] = ep_catalog_text(i, 1);
		numbers[i] = DatumGetInt32(ep_catalog_datum(i, 2, &isnull));
	}
	for (int i = 0; i < versions->count; i++)
		versions->all[i].message = ep_protobuf_message_version(subjects[i], numbers[i], stream->message_type);
	return versions;
}

static void
begin(EpVersions *versions, Version *version)
{
	static const char *const options[] = {"framing", "none", "partial", "true", NULL};
	EpAllocator allocator = ep_palloc_allocator(versions->context);

	ep_arena_init(&version->arena, allocator, ARENA_BYTES);
	ep_arena_init(&version->lasting, allocator, ARENA_BYTES);
	if (!ep_path_tree_init(&version->paths, allocator, MAX_PATHS))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	version->decoder = (EpDecoder){.format = versions->stream->format,
								   .paths = &version->paths,
								   .arena = &version->arena,
								   .payload = &version->arena,
								   .lasting = &version->lasting,
								   .schema = version->message,
								   .options = options};
	if (version->decoder.format->begin(&version->decoder) != EP_OK)
		elog(ERROR, "could not start a decoder: %s", version->decoder.error.message);
	version->begun = true;
}

/* Has the version the event at hand? */
static bool
read_event(EpVersions *versions, Version *version)
{
	const EpEvent *event = versions->event;
	EpDecoder *decoder = &version->decoder;

	if (version->read)
		return version->good;
	if (!version->begun)
		begin(versions, version);
	ep_arena_reset(&version->arena);
	version->read = true;
	version->good = decoder->format->open(decoder, event->bytes, event->length) == EP_OK &&
					decoder->format->next(decoder, &version->event) == EP_OK;
	return version->good;
}

void
ep_versions_begin(EpVersions *versions, const EpEvent *event)
{
	versions->event = event;
	for (int i = 0; i < versions->count; i++)
		versions->all[i].read = false;
}

int
ep_versions_count(const EpVersions *versions)
{
	return versions->count;
}

const EpValue *
ep_versions_value(EpVersions *versions, int i, const EpPath *sent)
{
	Version *version = &versions->all[i];
	EpPath *path = read_event(versions, version) ? old_path(versions, version, sent) : NULL;

	for (uint32 f = 0; path != NULL && f < version->event.field_count; f++)
		if (version->event.fields[f].path == path)
			return &version->event.fields[f].value;
	return NULL;
}

bool
ep_versions_knew(EpVersions *versions, int i, const EpPath *number)
{
	Version *version = &versions->all[i];
	EpPath *parent = read_event(versions, version) ? old_path(versions, version, number->parent) : NULL;
	EpPath *path =
		parent == NULL ? NULL : ep_path_find(&version->paths, parent, number->key, number->key_length);

	for (uint32 f = 0; path != NULL && f < version->event.unknown_count; f++)
		if (version->event.unknown[f].path == path)
			return false;
	return parent != NULL;
}
