/*
 * decode_protobuf.c
 *	  Nanoseconds per event of the protobuf decoder and of its JSON writer, over test/data/protobuf/events.binpb
 *	  repeated to 100,000 events (229 bytes on average).  Run at the top of the repository or in test/unit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "format/format.h"
#include "format/protobuf/protobuf_json.h"

#define REPEAT 100
#define ROUNDS 9

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static size_t
read_data(const char *name, uint8_t *bytes, size_t room)
{
	char path[256];
	FILE *file;
	size_t length;

	snprintf(path, sizeof path, "test/data/protobuf/%s", name);
	file = fopen(path, "rb");
	if (file == NULL)
	{
		snprintf(path, sizeof path, "../data/protobuf/%s", name);
		file = fopen(path, "rb");
	}
	if (file == NULL)
		exit(1);
	length = fread(bytes, 1, room, file);
	fclose(file);
	return length;
}

/* One pass over the payload; how many events. */
static size_t
decode_all(EpDecoder *decoder, const uint8_t *payload, size_t length, size_t *fields)
{
	EpEvent event;
	size_t events = 0;

	*fields = 0;
	if (decoder->format->open(decoder, (const char *) payload, length) != EP_OK)
		exit(1);
	for (;;)
	{
		ep_arena_reset(decoder->arena);
		if (decoder->format->next(decoder, &event) != EP_OK)
			return events;
		events++;
		*fields += event.field_count;
	}
}

static size_t
write_all(EpDecoder *decoder, const uint8_t *payload, size_t length, size_t *bytes)
{
	EpCursor cursor = ep_cursor(payload, length);
	EpCursor message;
	EpProtoWriter writer;
	uint64_t size;
	size_t events = 0;

	*bytes = 0;
	while (ep_wire_varint(&cursor, &size) && ep_cursor_slice(&cursor, (size_t) size, &message))
	{
		ep_arena_reset(decoder->arena);
		ep_protobuf_writer_init(&writer, decoder->arena, message.at, &decoder->error);
		if (ep_protobuf_write_json(&writer, decoder->schema, message.at, (size_t) size) != EP_OK)
			exit(1);
		*bytes += writer.length;
		events++;
	}
	return events;
}

static void
measure(const char *what, const char *unit, EpDecoder *decoder, const uint8_t *payload, size_t length,
		size_t (*pass)(EpDecoder *, const uint8_t *, size_t, size_t *))
{
	double best = 1e9;
	size_t events = 0, extent = 0;

	for (int round = 0; round < ROUNDS; round++)
	{
		double start = now();

		events = pass(decoder, payload, length, &extent);
		if (now() - start < best)
			best = now() - start;
	}
	printf("decode_protobuf %s: %zu events of %zu bytes and %zu %s: %.0f ns per event, %.0f MB/s\n", what,
		   events, length / events, extent / events, unit, best * 1e9 / (double) events,
		   (double) length / best / 1e6);
}

int
main(void)
{
	static const char *const options[] = {"framing", "delimited", NULL};
	static uint8_t set[1 << 16], once[1 << 20];
	size_t set_length = read_data("events.pb", set, sizeof set);
	size_t length = read_data("events.binpb", once, sizeof once);
	uint8_t *payload = malloc(length * REPEAT);
	const EpProtoSchema *schema;
	EpArena arenas[4];
	EpPathTree paths;
	EpDecoder decoder = {.format = &ep_protobuf_format, .paths = &paths, .options = options};

	for (int i = 0; i < REPEAT; i++)
		memcpy(payload + (size_t) i * length, once, length);
	for (int i = 0; i < 4; i++)
		ep_arena_init(&arenas[i], ep_malloc_allocator, (size_t) 64 << 20);
	decoder.arena = &arenas[0];
	decoder.payload = &arenas[1];
	decoder.lasting = &arenas[2];
	schema = ep_protobuf_compile(set, set_length, &arenas[3], &arenas[2], &decoder.error);
	decoder.schema = schema == NULL ? NULL : ep_protobuf_find_message(schema, "gopro.events.v1.Event", 21);
	if (schema == NULL || !ep_path_tree_init(&paths, ep_malloc_allocator, 10000) ||
		decoder.format->begin(&decoder) != EP_OK)
		return 1;
	measure("typed", "fields", &decoder, payload, length * REPEAT, decode_all);
	measure("json", "bytes of text", &decoder, payload, length * REPEAT, write_all);
	return 0;
}
