/*
 * fuzz.c
 *	  Any bytes as a json payload.
 */
#include "fuzz.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	(void) fuzz_decode(&ep_json_format, NULL, NULL, data, size);
	return 0;
}
