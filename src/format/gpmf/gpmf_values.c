/*
 * gpmf_values.c
 *	  Many samples at once: from big-endian bytes to scaled, re-oriented doubles.
 *
 * One loop per type, with the divisor outside it, so that compilers make vectors of the common case: elements of one
 * type side by side, one divisor.  The Makefile asks for that (CFLAGS_VECTORIZE).  It stays a division: a product with
 * the reciprocal would differ in the last bit.
 */
#include "format/gpmf/gpmf_layout.h"

/* Numbers of one type, stride bytes apart, to values that are step apart. */
static inline __attribute__((always_inline)) void
decode_numbers(uint8_t type, const uint8_t *bytes, size_t stride, size_t n, double scale,
			   double *restrict values, size_t step)
{
#define EACH(raw)                                   \
	for (size_t i = 0; i < n; i++, bytes += stride) \
		values[i * step] = (double) (raw) / scale;  \
	break

	switch (type)
	{
		case 'b':
			EACH((int8_t) *bytes);
		case 'B':
			EACH(*bytes);
		case 's':
			EACH((int16_t) ep_load_be16(bytes));
		case 'S':
			EACH(ep_load_be16(bytes));
		case 'l':
			EACH((int32_t) ep_load_be32(bytes));
		case 'L':
			EACH(ep_load_be32(bytes));
		case 'f':
			EACH(ep_float_from_bits(ep_load_be32(bytes)));
		default:
			EACH(ep_gpmf_number(type, bytes));
	}
#undef EACH
}

/* The same of numbers side by side: with these constants every loop is one that compilers make vectors of. */
static void
decode_packed(uint8_t type, const uint8_t *bytes, size_t n, double scale, double *values)
{
	switch (type)
	{
		case 'b':
			decode_numbers('b', bytes, 1, n, scale, values, 1);
			break;
		case 'B':
			decode_numbers('B', bytes, 1, n, scale, values, 1);
			break;
		case 's':
			decode_numbers('s', bytes, 2, n, scale, values, 1);
			break;
		case 'S':
			decode_numbers('S', bytes, 2, n, scale, values, 1);
			break;
		case 'l':
			decode_numbers('l', bytes, 4, n, scale, values, 1);
			break;
		case 'L':
			decode_numbers('L', bytes, 4, n, scale, values, 1);
			break;
		case 'f':
			decode_numbers('f', bytes, 4, n, scale, values, 1);
			break;
		default:
			decode_numbers(type, bytes, ep_gpmf_type_size(type), n, scale, values, 1);
			break;
	}
}

/* One element of all samples. */
static void
decode_element(const EpGpmfLayout *layout, unsigned i, const uint8_t *bytes, unsigned samples, double *values)
{
	const EpGpmfElement *e = &layout->element[i];
	size_t step = layout->count;
	bool text = ep_gpmf_type_is_text(e->type);

	if (!text)
		decode_numbers(e->type, bytes + e->at, layout->stride, samples, e->scale, values + i, step);
	for (size_t at = i; text && at < samples * step; at += step)
		values[at] = 0;
	for (size_t at = i; e->negate && at < samples * step; at += step)
		values[at] = 0 - values[at]; /* 0 stays +0 */
}

static void
calibrate(const EpGpmfLayout *layout, double *values)
{
	double in[EP_GPMF_MAX_AXES];
	unsigned n = layout->count;

	memcpy(in, values, n * sizeof *in);
	for (unsigned y = 0; y < n; y++)
	{
		double sum = 0;

		for (unsigned x = 0; x < n; x++)
			sum += layout->matrix[y * n + x] * in[x];
		values[y] = sum;
	}
}

void
ep_gpmf_layout_decode(const EpGpmfLayout *layout, const uint8_t *bytes, unsigned samples, double *values)
{
	size_t count = layout->count;

	if (layout->uniform != 0)
		decode_packed(layout->uniform, bytes, samples * count, layout->element[0].scale, values);
	else
		for (unsigned i = 0; i < count; i++)
			decode_element(layout, i, bytes, samples, values);
	for (unsigned i = 0; layout->calibrated && i < samples; i++)
		calibrate(layout, values + i * count);
}
