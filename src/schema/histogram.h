/*
 * histogram.h
 *	  How long things took, by powers of two in eight steps each: a few counters that tell any quantile within 6 %.
 *
 * Bucket 0 holds what took less than a millisecond, or no time at all; bucket 1 + 8 e + s what took at least
 * 2^e (1 + s/8) and less than 2^e (1 + (s + 1)/8) milliseconds.  _histogram_quantile() of schema/views.sql reads them.
 */
#ifndef EP_SCHEMA_HISTOGRAM_H
#define EP_SCHEMA_HISTOGRAM_H

#include "core/compat.h"
#include "port/pg_bitutils.h"

#define EP_HISTOGRAM_STEPS 8
#define EP_HISTOGRAM_BUCKETS \
	(1 + EP_HISTOGRAM_STEPS * 54) /* every interval in microseconds that an int64 holds */

typedef struct EpHistogram
{
	uint32 counts[EP_HISTOGRAM_BUCKETS];
	int first, end; /* only buckets from first to end - 1 can be filled; end 0: none is */
} EpHistogram;

static inline void
ep_histogram_add(EpHistogram *histogram, int64 microseconds)
{
	int bucket = 0;

	if (microseconds >= 1000)
	{
		uint64 ms = (uint64) microseconds / 1000;
		int exponent = pg_leftmost_one_pos64(ms);
		int step = (exponent >= 3 ? ms >> (exponent - 3) : ms << (3 - exponent)) & (EP_HISTOGRAM_STEPS - 1);

		bucket = 1 + EP_HISTOGRAM_STEPS * exponent + step;
	}
	histogram->counts[bucket]++;
	histogram->first = histogram->end == 0 ? bucket : Min(histogram->first, bucket);
	histogram->end = Max(histogram->end, bucket + 1);
}

#endif /* EP_SCHEMA_HISTOGRAM_H */
