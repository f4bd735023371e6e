/*
 * gpmf_mp4.h
 *	  The GPMF track of an MP4: where its payloads are, and when they are shown.
 *
 * Only what leads to the first track of sample format `gpmd` is read:
 *
 *	  moov / mvhd, trak / edts / elst
 *	                    mdia / mdhd, minf / stbl / stsd stts stsc stsz stco|co64
 *
 * Server-free, raises nothing, reads only its bytes.  Work and memory are O(bytes), and at most
 * EP_MP4_MAX_PAYLOADS payloads that together are no longer than the file.
 */
#ifndef EP_GPMF_MP4_H
#define EP_GPMF_MP4_H

#include "core/arena.h"
#include "core/cursor.h"

#define EP_MP4_MAX_PAYLOADS 1000000

typedef struct EpMp4Payload
{
	uint64_t offset; /* in the file; may lie outside it when the file was cut off */
	uint32_t length;
	double in;  /* seconds of the presentation: the edit list is respected, so the first may begin before 0 */
	double out; /* seconds; the window is [in, out) */
} EpMp4Payload;

typedef struct EpMp4
{
	EpMp4Payload *
		payloads; /* edit by edit; those that no edit shows are left out, one that is cut may begin before its edit */
	uint32_t count;
} EpMp4;

/*
 * Find the payloads.  EP_E_MISSING: no moov, or no gpmd track; EP_E_TRUNCATED, EP_E_STRUCTURE: damaged boxes;
 * EP_E_LIMIT; EP_E_UNSUPPORTED: an edit list that shows payloads more than once; EP_E_MEMORY.
 */
extern EpCode
ep_mp4_open(EpMp4 *mp4, const void *bytes, size_t length, EpArena *arena, EpError *error) EP_CHECK_RESULT;

#endif /* EP_GPMF_MP4_H */
