/*
 * fuzz.c
 *	  Any bytes as a gpmf payload: as events, with a choice of FourCCs, as a value of the type, and as the ends of one.
 *
 * In the corpus found_* are libFuzzer's, grown from the others: each reaches what no other does.
 */
#include "fuzz.h"

#include "format/gpmf/gpmf_decode.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the type's input accepts, the decoder reads to its end; what it refuses has an offset and a reason. */
static void
compare_with_validation(const uint8_t *data, size_t size)
{
	EpArena arena;
	EpGpmfLog *log = malloc(sizeof *log);
	EpError error = {0};
	EpCode valid = ep_gpmf_validate(data, size, &error);

	MUST(valid == EP_OK || (error.code == valid && error.message != NULL && error.offset <= size));
	ep_arena_init(&arena, ep_malloc_allocator, (size_t) 64 << 20);
	if (ep_gpmf_log_open(log, data, size, &arena, &error) == EP_OK)
		MUST((log->fault.code == EP_OK) == (valid == EP_OK) && log->readable <= size);
	ep_arena_free(&arena);
	free(log);
}

/* The two ends of a log, of which something is left out: what stands at the end may be the tail, or nothing is. */
static void
open_ends(const uint8_t *data, size_t size)
{
	EpArena arena;
	EpGpmfLog *log = malloc(sizeof *log);
	EpError error = {0};
	size_t gap;

	ep_arena_init(&arena, ep_malloc_allocator, (size_t) 64 << 20);
	if (ep_gpmf_find_devc(data, size, &arena, &gap))
	{
		MUST(gap % 4 == 0 && gap + 8 <= size && memcmp(data + gap, "DEVC", 5) == 0);
		if (gap > 0 && ep_gpmf_log_open_ends(log, data, size, gap, 1 + size % 1000, &arena, &error) == EP_OK)
			MUST(log->tail < log->payloads);
	}
	ep_arena_free(&arena);
	free(log);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const options[] = {"fourccs", "ACCL, face,gps5 ,A B", NULL};

	(void) fuzz_decode(&ep_gpmf_format, NULL, NULL, data, size);
	(void) fuzz_decode(&ep_gpmf_format, NULL, options, data, size);
	compare_with_validation(data, size);
	open_ends(data, size);
	return 0;
}
