/*
 * gpmf.h
 *	  Logs for the tests of GPMF: loaded, opened, read, and made by hand.
 */
#ifndef UNIT_GPMF_H
#define UNIT_GPMF_H

#include <math.h>
#include <stdlib.h>

#include "format/gpmf/gpmf_decode.h"
#include "unit.h"

typedef struct Blob
{
	uint8_t *bytes;
	size_t length;
} Blob;

static inline Blob
load(const char *name)
{
	char path[200];
	Blob blob = {malloc(1 << 20), 0};
	FILE *file;

	snprintf(path, sizeof path, "test/data/gpmf/%s.gpmf", name);
	file = fopen(path, "rb");
	if (file != NULL)
	{
		blob.length = fread(blob.bytes, 1, 1 << 20, file);
		fclose(file);
	}
	CHECK(blob.length > 0);
	return blob;
}

/* A log opened for reading. */
typedef struct Opened
{
	EpArena arena;
	EpGpmfLog log;
	EpGpmfReader reader;
	EpError error;
	EpCode code;
} Opened;

static inline Opened *
open_bytes(const void *bytes, size_t length)
{
	Opened *o = calloc(1, sizeof *o);

	ep_arena_init(&o->arena, ep_malloc_allocator, (size_t) 256 << 20);
	o->code = ep_gpmf_log_open(&o->log, bytes, length, &o->arena, &o->error);
	ep_gpmf_read_begin(&o->reader, &o->log, &o->arena);
	return o;
}

static inline void
close_log(Opened *o)
{
	ep_arena_free(&o->arena);
	free(o);
}

static inline EpGpmfStream *
stream_of(Opened *o, const char *fourcc)
{
	for (uint32_t i = 0; i < o->log.stream_count; i++)
		if (strcmp(o->log.streams[i]->fourcc, fourcc) == 0)
			return o->log.streams[i];
	return NULL;
}

/* The n-th sample of a stream; false when there are fewer or it is refused. */
static inline bool
sample_of(Opened *o, const char *fourcc, int n, EpGpmfSample *sample)
{
	EpGpmfStream *stream = stream_of(o, fourcc);
	EpCode code = EP_DONE;

	if (stream == NULL)
		return false;
	ep_gpmf_read_stream(&o->reader, stream);
	for (int i = 0; i <= n; i++)
		if ((code = ep_gpmf_read_next(&o->reader, sample, &o->error)) != EP_OK)
			break;
	o->code = code;
	return code == EP_OK;
}

/* A KLV header with its value, at *at; steps over it with padding. */
static inline void
put(uint8_t **at, const char *key, char type, int size, int repeat, const void *value)
{
	size_t length = (size_t) size * repeat;

	memcpy(*at, key, 4);
	(*at)[4] = (uint8_t) type;
	(*at)[5] = (uint8_t) size;
	(*at)[6] = (uint8_t) (repeat >> 8);
	(*at)[7] = (uint8_t) repeat;
	memset(*at + 8, 0, (length + 3) & ~(size_t) 3);
	if (value != NULL)
		memcpy(*at + 8, value, length);
	*at += 8 + ((length + 3) & ~(size_t) 3);
}

/* Set the length of a nest of units of that many bytes that ends at end. */
static inline void
close_nest(uint8_t *head, int unit, const uint8_t *end)
{
	size_t units = (size_t) (end - head - 8) / unit;

	head[5] = (uint8_t) unit;
	head[6] = (uint8_t) (units >> 8);
	head[7] = (uint8_t) units;
}

static inline bool
near(double a, double b)
{
	return fabs(a - b) < 1e-9;
}

#endif /* UNIT_GPMF_H */
