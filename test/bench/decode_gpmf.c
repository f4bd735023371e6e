/*
 * decode_gpmf.c
 *	  Speed of the GPMF decoder: validate a log, find its streams with their name, units and clocks, scale every
 *	  sample to double.
 *
 *	  decode_gpmf [FILE...]    test/data/gpmf's camera and drone unless files are named
 *
 * A figure is the median of 5 runs of at least half a second of CPU time each, after a warm-up; the log lies in memory.
 * One line of CSV per file: file,payloads,samples,values,MB_per_s,samples_per_s.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "format/gpmf/gpmf_decode.h"

#define RUNS 5

typedef struct Count
{
	uint64_t payloads;
	uint64_t samples;
	uint64_t values;
} Count;

static volatile double sink; /* so that no work is left out */

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

/* What a table function needs to know of a stream beside its samples. */
static void
look_at_stream(const EpGpmfStream *stream, EpArena *arena)
{
	double seen = (double) (stream->name.length + stream->tsmp_last);

	for (unsigned i = 0; i < ep_gpmf_stream_unit_count(stream); i++)
		seen += (double) ep_gpmf_stream_unit(stream, i, arena).length;
	sink += seen + stream->t_first + stream->rate;
}

static Count
decode(const void *bytes, size_t length, EpArena *arena, EpGpmfReader *reader, EpGpmfLog *log)
{
	Count count = {0};
	EpError error;
	EpGpmfRun run;
	EpCode code;

	ep_arena_reset(arena);
	if (ep_gpmf_log_open(log, bytes, length, arena, &error) != EP_OK)
	{
		fprintf(stderr, "byte %zu: %s\n", error.offset, error.message);
		exit(1);
	}
	count.payloads = log->payloads;
	ep_gpmf_read_begin(reader, log, arena);
	for (uint32_t i = 0; i < log->stream_count; i++)
	{
		look_at_stream(log->streams[i], arena);
		ep_gpmf_read_stream(reader, log->streams[i]);
		while ((code = ep_gpmf_read_run(reader, &run, &error)) != EP_DONE)
		{
			if (code != EP_OK)
				continue;
			count.samples += run.samples;
			count.values += (uint64_t) run.samples * run.count;
			if (run.count > 0)
				sink += run.values[0];
		}
	}
	return count;
}

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return (x > y) - (x < y);
}

static void *
read_file(const char *name, size_t *length)
{
	FILE *file = fopen(name, "rb");
	char *bytes;

	if (file == NULL)
	{
		perror(name);
		exit(1);
	}
	fseek(file, 0, SEEK_END);
	*length = (size_t) ftell(file);
	rewind(file);
	bytes = malloc(*length);
	if (bytes == NULL || fread(bytes, 1, *length, file) != *length)
		exit(1);
	fclose(file);
	return bytes;
}

static void
measure(const char *name)
{
	size_t length;
	void *bytes = read_file(name, &length);
	EpGpmfReader *reader = malloc(sizeof *reader);
	EpGpmfLog *log = malloc(sizeof *log);
	EpArena arena;
	Count count;
	double seconds[RUNS];
	int loops = 1;

	ep_arena_init(&arena, ep_malloc_allocator, (size_t) 1 << 30);
	for (double spent = 0; spent < 0.5; loops *= 2)
	{
		double start = cpu_seconds();

		for (int i = 0; i < loops; i++)
			count = decode(bytes, length, &arena, reader, log);
		spent = cpu_seconds() - start;
	}
	for (int run = 0; run < RUNS; run++)
	{
		double start = cpu_seconds();

		for (int i = 0; i < loops; i++)
			(void) decode(bytes, length, &arena, reader, log);
		seconds[run] = (cpu_seconds() - start) / loops;
	}
	qsort(seconds, RUNS, sizeof *seconds, ascending);
	printf("%s,%llu,%llu,%llu,%.1f,%.0f\n", strrchr(name, '/') != NULL ? strrchr(name, '/') + 1 : name,
		   (unsigned long long) count.payloads, (unsigned long long) count.samples,
		   (unsigned long long) count.values, (double) length / seconds[RUNS / 2] / 1e6,
		   (double) count.samples / seconds[RUNS / 2]);
	ep_arena_free(&arena);
	free(log);
	free(reader);
	free(bytes);
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		measure(argv[i]);
	if (argc == 1)
	{
		measure("test/data/gpmf/camera.gpmf");
		measure("test/data/gpmf/drone.gpmf");
	}
	return 0;
}
