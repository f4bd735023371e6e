/*
 * gpmf_quirks.c
 *	  The table of firmware quirks, all of the Karma drone.
 *
 * One line an element: where it is, the divisor that gives it away, the correction, the right divisor, and the
 * column that it is then.
 */
#include "format/gpmf/gpmf_quirks.h"

#include <math.h>

#define Q(fourcc, element, divisor, correction, right, name, unit, meaning) \
	{                                                                       \
		fourcc, element, divisor, EP_GPMF_##correction, right,              \
		{                                                                   \
			name, unit, meaning ", " unit                                   \
		}                                                                   \
	}

static const EpGpmfQuirk quirks[] = {
	Q("KBAT", 2, 0.01f, DIVISOR, 10, "energy_j", "J", "energy drawn"),
	Q("KBAT", 8, 1.0f / 60, DIVISOR, 1, "remaining_s", "s", "time left"),
	Q("ATTR", 0, 1000, DIVISOR, 1e6, "boot_s", "s", "time since the drone's boot"),
	Q("ESCS", 0, 1, DIVISOR, 1e6, "boot_s", "s", "time since the drone's boot"),
	Q("ESCS", 9, 1, DIVISOR, 100, "esc_1_temperature_c", "degC", "temperature of motor controller 1"),
	Q("ESCS", 10, 1, DIVISOR, 100, "esc_2_temperature_c", "degC", "temperature of motor controller 2"),
	Q("ESCS", 11, 1, DIVISOR, 100, "esc_3_temperature_c", "degC", "temperature of motor controller 3"),
	Q("ESCS", 12, 1, DIVISOR, 100, "esc_4_temperature_c", "degC", "temperature of motor controller 4"),
	Q("ESCS", 13, 1, DIVISOR, 1000, "esc_1_v", "V", "voltage at motor controller 1"),
	Q("ESCS", 14, 1, DIVISOR, 1000, "esc_2_v", "V", "voltage at motor controller 2"),
	Q("ESCS", 15, 1, DIVISOR, 1000, "esc_3_v", "V", "voltage at motor controller 3"),
	Q("ESCS", 16, 1, DIVISOR, 1000, "esc_4_v", "V", "voltage at motor controller 4"),
	Q("ESCS", 17, 1, DIVISOR, 1000, "esc_1_a", "A", "current of motor controller 1"),
	Q("ESCS", 18, 1, DIVISOR, 1000, "esc_2_a", "A", "current of motor controller 2"),
	Q("ESCS", 19, 1, DIVISOR, 1000, "esc_3_a", "A", "current of motor controller 3"),
	Q("ESCS", 20, 1, DIVISOR, 1000, "esc_4_a", "A", "current of motor controller 4"),
	Q("CYTS", 0, 1000, BOOT_CLOCK, 0, "boot_s", "s", "time since the drone's boot"),
	Q("CSEN", 0, 1000, BOOT_CLOCK, 0, "boot_s", "s", "time since the drone's boot"),
	Q("CSEN", 7, 1, FLOAT_BITS, 0, "gimbal_joint_1_rad", "rad", "gimbal joint angle 1"),
	Q("CSEN", 8, 1, FLOAT_BITS, 0, "gimbal_joint_2_rad", "rad", "gimbal joint angle 2"),
	Q("CSEN", 9, 1, FLOAT_BITS, 0, "gimbal_joint_3_rad", "rad", "gimbal joint angle 3"),
	Q("CSEN", 10, 1, FLOAT_BITS, 0, "gimbal_temperature_c", "degC", "temperature of the gimbal"),
};

const EpGpmfQuirk *
ep_gpmf_quirk_of(const char *fourcc, unsigned element)
{
	for (size_t i = 0; i < sizeof quirks / sizeof *quirks; i++)
		if (quirks[i].element == element && strcmp(quirks[i].fourcc, fourcc) == 0)
			return &quirks[i];
	return NULL;
}

/* The stream's divisor of an element. */
static double
divisor(const EpGpmfStream *stream, unsigned element)
{
	unsigned count = ep_gpmf_stream_scale_count(stream);

	if (count == 0)
		return 1;
	return ep_gpmf_stream_scale(stream, count == 1 ? 0 : element % count);
}

const EpGpmfQuirk *
ep_gpmf_quirk_find(const EpGpmfStream *stream, unsigned element)
{
	const EpGpmfQuirk *quirk = ep_gpmf_quirk_of(stream->fourcc, element);
	const EpGpmfEpoch *epoch = stream->device->epoch;

	if (quirk == NULL || stream->known == NULL || divisor(stream, element) != (double) quirk->divisor)
		return NULL;
	if (quirk->correction == EP_GPMF_BOOT_CLOCK &&
		!(epoch[EP_GPMF_CLOCK_BOOT].set && epoch[EP_GPMF_CLOCK_GIMBAL].set))
		return NULL;
	return quirk;
}

static double
corrected(const EpGpmfStream *stream, const EpGpmfQuirk *quirk, double value)
{
	const EpGpmfEpoch *epoch = stream->device->epoch;

	switch (quirk->correction)
	{
		case EP_GPMF_FLOAT_BITS:
			return value >= 0 && value <= UINT32_MAX ? ep_float_from_bits((uint32_t) value) : value;
		case EP_GPMF_BOOT_CLOCK:
			return value +
				   (double) (epoch[EP_GPMF_CLOCK_BOOT].shift - epoch[EP_GPMF_CLOCK_GIMBAL].shift) / 1e6;
		default:
			return rint(value * (double) quirk->divisor) / quirk->right; /* the raw integer, divided anew */
	}
}

void
ep_gpmf_quirks_correct(EpGpmfReader *reader, const EpGpmfSample *sample)
{
	const EpGpmfStream *stream = sample->stream;
	double *values = reader->values + (sample->values - reader->values);

	for (size_t i = 0; i < sizeof quirks / sizeof *quirks; i++)
	{
		unsigned element = quirks[i].element;

		if (strcmp(quirks[i].fourcc, stream->fourcc) == 0 && element < sample->count &&
			ep_gpmf_quirk_find(stream, element) != NULL)
			values[element] = corrected(stream, &quirks[i], values[element]);
	}
}
