/*
 * fuzz.c
 *	  Any bytes as an MP4: the walk ends, a refusal has a reason, what is found is within bounds.
 *
 * In the corpus found_* are libFuzzer's, grown from the others: each reaches what no other does.
 */
#include "fuzz.h"

#include "format/gpmf/gpmf_mp4.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	EpArena arena;
	EpMp4 mp4;
	EpError error = {0};
	EpCode code;

	ep_arena_init(&arena, ep_malloc_allocator, (size_t) 256 << 20);
	code = ep_mp4_open(&mp4, data, size, &arena, &error);
	MUST(code == EP_OK || (code != EP_DONE && error.code == code && error.message != NULL));
	for (uint32_t i = 0; code == EP_OK && i < mp4.count; i++)
	{
		const EpMp4Payload *payload = &mp4.payloads[i];

		MUST(payload->length <= size && payload->in <= payload->out);
	}
	ep_arena_free(&arena);
	return 0;
}
