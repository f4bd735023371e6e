/*
 * decode_protobuf.c
 *	  Nanoseconds per event of the protobuf decoder and of its JSON writer, over test/data/protobuf/events.binpb
 *	  repeated to 100,000 events (229 bytes on average), beside protobuf-c's unpack of the same events into
 *	  its generated structs.  Run at the top of the repository or in test/unit.
 *
 * Processor time, best of rounds that take turns, so that other work on the machine does little harm.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "format/format.h"
#include "format/protobuf/protobuf_json.h"

#include "gopro/events/v1/events.pb-c.h"

#define REPEAT 100
#define ROUNDS 9

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
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

/* protobuf-c with the cheapest allocator there is. */
static char bump[1 << 20];
static size_t bump_used;

static void *
bump_alloc(void *context, size_t size)
{
	char *at = bump + bump_used;

	(void) context;
	bump_used += (size + 15) & ~(size_t) 15;
	return at;
}

static void
bump_free(void *context, void *pointer)
{
	(void) context;
	(void) pointer;
}

static size_t
unpack_all(EpDecoder *decoder, const uint8_t *payload, size_t length, size_t *bytes)
{
	ProtobufCAllocator allocator = {bump_alloc, bump_free, NULL};
	EpCursor cursor = ep_cursor(payload, length);
	EpCursor message;
	uint64_t size;
	size_t events = 0;

	(void) decoder;
	*bytes = 0;
	while (ep_wire_varint(&cursor, &size) && ep_cursor_slice(&cursor, (size_t) size, &message))
	{
		bump_used = 0;
		if (gopro__events__v1__event__unpack(&allocator, (size_t) size, message.at) == NULL)
			exit(1);
		*bytes += bump_used;
		events++;
	}
	return events;
}

typedef struct Contender
{
	const char *what, *unit;
	size_t (*pass)(EpDecoder *, const uint8_t *, size_t, size_t *);
	double best; /* seconds */
	size_t events, extent;
} Contender;

static void
measure(Contender *contender, EpDecoder *decoder, const uint8_t *payload, size_t length)
{
	double start = now(), taken;

	contender->events = contender->pass(decoder, payload, length, &contender->extent);
	taken = now() - start;
	if (contender->best == 0 || taken < contender->best)
		contender->best = taken;
}

static void
say(const Contender *c, const Contender *rival, size_t length)
{
	printf(
		"decode_protobuf %s: %zu events of %zu bytes and %zu %s: %.0f ns per event, %.0f MB/s, %.2f of %s\n",
		c->what, c->events, length / c->events, c->extent / c->events, c->unit,
		c->best * 1e9 / (double) c->events, (double) length / c->best / 1e6, c->best / rival->best,
		rival->what);
}

int
main(void)
{
	static const char *const options[] = {"framing", "delimited", NULL};
	static Contender contenders[] = {{"typed", "fields", decode_all, 0, 0, 0},
									 {"json", "bytes of text", write_all, 0, 0, 0},
									 {"protobuf-c", "bytes of structs", unpack_all, 0, 0, 0}};
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
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < 3; i++)
			measure(&contenders[i], &decoder, payload, length * REPEAT);
	for (int i = 0; i < 3; i++)
		say(&contenders[i], &contenders[2], length * REPEAT);
	return 0;
}
