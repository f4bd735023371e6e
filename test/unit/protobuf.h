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

#endif /* UNIT_PROTOBUF_H */
