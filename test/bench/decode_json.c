/*
 * decode_json.c
 *	  Nanoseconds and megabytes a second of the JSON decoder, over flat events of about 260 bytes with 11 attributes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "format/format.h"

#define EVENTS 20000
#define ROUNDS 15

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static char *
make_payload(size_t *length)
{
	char *text = malloc(EVENTS * 400);
	char *at = text;

	for (int i = 0; i < EVENTS; i++)
		at += sprintf(
			at,
			"{\"event_type\":\"article_read\",\"user_id\":\"user-%06d\",\"article_id\":%d,\"title\":\"An article "
			"about number %d\",\"read_seconds\":%d.%d,\"scrolled\":%s,\"country\":\"DE\",\"device\":\"HERO6 "
			"Black\",\"session\":%lld,\"position\":%d,\"event_time\":\"2024-05-%02dT12:%02d:%02d.123Z\"}\n",
			i % 5000, i * 7, i % 1000, i % 600, i % 10, i % 2 ? "true" : "false", 1700000000000LL + i,
			i % 100, i % 28 + 1, i % 60, i % 60);
	*length = (size_t) (at - text);
	return text;
}

int
main(void)
{
	EpArena arenas[3];
	EpPathTree paths;
	EpDecoder decoder = {.format = &ep_json_format, .paths = &paths};
	EpEvent event;
	size_t length;
	char *payload = make_payload(&length);
	size_t events = 0;
	size_t fields = 0;
	double best = 1e9;

	for (int i = 0; i < 3; i++)
		ep_arena_init(&arenas[i], ep_malloc_allocator, (size_t) 64 << 20);
	decoder.arena = &arenas[0];
	decoder.payload = &arenas[1];
	decoder.lasting = &arenas[2];
	if (!ep_path_tree_init(&paths, ep_malloc_allocator, 10000) || decoder.format->begin(&decoder) != EP_OK)
		return 1;
	for (int round = 0; round < ROUNDS; round++)
	{
		double start = now();

		events = fields = 0;
		if (decoder.format->open(&decoder, payload, length) != EP_OK)
			return 1;
		for (;;)
		{
			ep_arena_reset(&arenas[0]);
			if (decoder.format->next(&decoder, &event) != EP_OK)
				break;
			events++;
			fields += event.field_count;
		}
		if (now() - start < best)
			best = now() - start;
	}
	printf("decode_json: %zu events of %zu bytes and %zu fields: %.0f ns per event, %.0f MB/s\n", events,
		   length / events, fields / events, best * 1e9 / (double) events, (double) length / best / 1e6);
	return 0;
}
