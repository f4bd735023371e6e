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
} EpHistogram;

static inline void
ep_histogram_add(EpHistogram *histogram, int64 microseconds)
{
	uint64 ms;
	int exponent, step;

	if (microseconds < 1000)
	{
		histogram->counts[0]++;
		return;
	}
	ms = (uint64) microseconds / 1000;
	exponent = pg_leftmost_one_pos64(ms);
	step = (exponent >= 3 ? ms >> (exponent - 3) : ms << (3 - exponent)) & (EP_HISTOGRAM_STEPS - 1);
	histogram->counts[1 + EP_HISTOGRAM_STEPS * exponent + step]++;
}

#endif /* EP_SCHEMA_HISTOGRAM_H */
