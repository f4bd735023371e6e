/*
 * protobuf.h
 *	  What the protobuf tests share: files of test/data/protobuf, and one compiled schema at a time.
 */
#ifndef UNIT_PROTOBUF_H
#define UNIT_PROTOBUF_H

#include <stdlib.h>

#include "format/format.h"
#include "format/protobuf/protobuf_json.h"
#include "unit.h"

typedef struct File
{
	uint8_t *bytes;
	size_t length;
} File;

/* A file of test/data/protobuf, whole; the tests run at the top of the repository. */
static inline File
file_read(const char *name)
{
	char path[512];
	FILE *stream;
	File file = {NULL, 0};

	snprintf(path, sizeof path, "test/data/protobuf/%s", name);
	stream = fopen(path, "rb");
	if (stream == NULL)
	{
		perror(path);
		exit(1);
	}
	fseek(stream, 0, SEEK_END);
	file.length = (size_t) ftell(stream);
	rewind(stream);
	file.bytes = malloc(file.length + 1);
	file.length = fread(file.bytes, 1, file.length, stream);
	fclose(stream);
	return file;
}

static inline const EpProtoSchema *
schema_read(const char *name, EpArena *arena)
{
	File file = file_read(name);
	EpArena scratch;
	EpError error;
	const EpProtoSchema *schema;

	ep_arena_init(&scratch, ep_malloc_allocator, (size_t) 256 << 20);
	schema = ep_protobuf_compile(file.bytes, file.length, arena, &scratch, &error);
	if (schema == NULL)
		printf("# %s: %s: %s\n", name, error.path == NULL ? "" : error.path, error.message);
	ep_arena_free(&scratch);
	free(file.bytes);
	return schema;
}

static inline const EpProtoMessage *
message_of(const EpProtoSchema *schema, const char *name)
{
	return ep_protobuf_find_message(schema, name, strlen(name));
}

/* A decoder over one payload. */
typedef struct Bench
{
	EpPathTree paths;
	EpArena arena, payload, lasting;
	EpDecoder decoder;
	EpEvent event;
} Bench;

static inline void
bench_open(Bench *b, const EpProtoMessage *message, const char *const *options, const uint8_t *bytes,
		   size_t length)
{
	memset(b, 0, sizeof *b);
	CHECK(ep_path_tree_init(&b->paths, ep_malloc_allocator, 2000));
	ep_arena_init(&b->arena, ep_malloc_allocator, (size_t) 64 << 20);
	ep_arena_init(&b->payload, ep_malloc_allocator, (size_t) 64 << 20);
	ep_arena_init(&b->lasting, ep_malloc_allocator, (size_t) 64 << 20);
	b->decoder = (EpDecoder){.format = &ep_protobuf_format,
							 .paths = &b->paths,
							 .arena = &b->arena,
							 .payload = &b->payload,
							 .lasting = &b->lasting,
							 .schema = message,
							 .options = options};
	CHECK(ep_protobuf_format.begin(&b->decoder) == EP_OK);
	CHECK(ep_protobuf_format.open(&b->decoder, (const char *) bytes, length) == EP_OK);
}

static inline EpCode
bench_next(Bench *b)
{
	ep_arena_reset(&b->arena);
	return ep_protobuf_format.next(&b->decoder, &b->event);
}

static inline void
bench_close(Bench *b)
{
	ep_arena_free(&b->arena);
	ep_arena_free(&b->payload);
	ep_arena_free(&b->lasting);
	ep_path_tree_free(&b->paths);
}

static inline const EpValue *
value_of(Bench *b, const char *path)
{
	for (uint32_t i = 0; i < b->event.field_count; i++)
		if (strcmp(ep_path_to_text(b->event.fields[i].path, &b->payload), path) == 0)
			return &b->event.fields[i].value;
	return NULL;
}

#endif /* UNIT_PROTOBUF_H */
