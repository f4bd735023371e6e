/*
 * gpmf_read.c
 *	  Samples, one by one: values, text, time.
 *
 * Streams are read one after the other, each in the order of its payloads.  Per sample nothing is
 * allocated or looked up; the layout is rebuilt only where a payload says something new.
 */
#include "format/gpmf/gpmf_decode.h"

#include <math.h>

#define DAY_MICROS INT64_C(86400000000)
#define EPOCH_2000 (10957 * DAY_MICROS)     /* 2000-01-01 after 1970-01-01 */
#define LATEST_AT INT64_C(9000000000000000) /* in the year 2255 */

void
ep_gpmf_read_begin(EpGpmfReader *reader, const EpGpmfLog *log, EpArena *arena)
{
	reader->log = log;
	reader->arena = arena;
	reader->stream = NULL;
	reader->block = NULL;
	reader->in_block = false;
	reader->layout.data.value = NULL;
	reader->layout.version = 0;
}

void
ep_gpmf_read_block(EpGpmfReader *reader, EpGpmfStream *stream, EpGpmfBlock *block)
{
	reader->stream = stream;
	reader->block = block;
	reader->twin = stream->twin != NULL ? stream->twin->first : NULL;
	reader->in_block = false;
	reader->refused = false;
	reader->layout.data.value = NULL;
}

void
ep_gpmf_read_stream(EpGpmfReader *reader, EpGpmfStream *stream)
{
	ep_gpmf_read_block(reader, stream, stream->first);
}

/* Open the STRM of the current block; its structure was checked by the scan. */
static void
enter_block(EpGpmfReader *reader)
{
	const EpGpmfLog *log = reader->log;
	static const EpGpmfSticky none;
	const uint8_t *head = log->bytes + reader->block->strm;
	size_t length = (size_t) head[5] * ep_load_be16(head + 6);

	ep_gpmf_strm_begin(&reader->strm, (EpCursor){log->bytes, head + 8, head + 8 + length}, &none);
	reader->klv = 0;
	reader->data.repeat = 0;
	reader->sample = 0;
	reader->in_block = true;
	while (reader->twin != NULL && reader->twin->payload < reader->block->payload)
		reader->twin = reader->twin->next;
}

/* The next data KLV that holds samples, over as many blocks as it takes. */
static bool
next_klv(EpGpmfReader *reader)
{
	while (reader->block != NULL)
	{
		if (!reader->in_block)
			enter_block(reader);
		while (ep_gpmf_strm_next(&reader->strm, &reader->data))
		{
			reader->klv++;
			reader->sample = 0;
			if (reader->data.length > 0)
				return true;
		}
		reader->block = reader->block->next;
		reader->in_block = false;
	}
	return false;
}

static void
set_at(EpGpmfSample *sample, int64_t at)
{
	sample->has_at = at >= 0 && at <= LATEST_AT;
	sample->at = at;
}

/* Seconds to microseconds; false outside what any clock shows. */
static bool
to_micros(double seconds, int64_t *micros)
{
	if (!(fabs(seconds) < 1e10))
		return false;
	*micros = llround(seconds * 1e6);
	return true;
}

bool
ep_gpmf_gps9_at(const EpGpmfSample *sample, int64_t *at)
{
	double days, seconds;

	if (sample->stream->key != EP_GPMF_KEY('G', 'P', 'S', '9') || sample->count < 9)
		return false;
	days = sample->values[5];
	seconds = sample->values[6];
	if (!(days >= 3650 && days < 73000 && seconds >= 0 && seconds < 86401))
		return false;
	*at = EPOCH_2000 + (int64_t) days * DAY_MICROS + llround(seconds * 1e6);
	return true;
}

/* The time that the sample itself says, to the microsecond; garbage may give any number. */
static double
own_seconds(const EpGpmfSample *sample)
{
	const EpGpmfStream *stream = sample->stream;
	double shift = (double) stream->device->epoch[stream->clock].shift;

	return (rint(sample->values[0] * stream->clock_unit * 1e6) - shift) / 1e6;
}

/* Time on the log's axis: the sample's own clock, its twin's, or the block's even spread. */
static double
sample_seconds(const EpGpmfReader *reader, const EpGpmfSample *sample)
{
	const EpGpmfStream *stream = sample->stream;
	const EpGpmfBlock *block = reader->block;
	const EpGpmfBlock *twin = reader->twin;

	if ((stream->clock == EP_GPMF_CLOCK_BOOT || stream->clock == EP_GPMF_CLOCK_GIMBAL) && sample->count > 0)
		return own_seconds(sample);
	if (twin != NULL && twin->payload == block->payload && sample->sample < twin->samples)
		return stream->twin->times[twin->base + sample->sample];
	return rint((block->t0 + block->step * (stream->max_klvs > 1 ? sample->klv : sample->sample)) * 1e9) /
		   1e9;
}

/* t and UTC.  GPS9 says its own; the drone's clock is joined by SYST of the same payload. */
static void
set_time(const EpGpmfReader *reader, EpGpmfSample *sample)
{
	const EpGpmfLog *log = reader->log;
	EpGpmfClock clock = sample->stream->clock;
	int64_t micros;

	sample->t = sample_seconds(reader, sample);
	sample->has_at = false;
	if (ep_gpmf_gps9_at(sample, &micros))
		set_at(sample, micros);
	else if (log->utc == EP_GPMF_UTC_NONE)
		return;
	else if (log->boot_utc != NULL && (clock == EP_GPMF_CLOCK_BOOT || clock == EP_GPMF_CLOCK_TWIN))
	{
		const EpGpmfStream *stream = clock == EP_GPMF_CLOCK_TWIN ? sample->stream->twin : sample->stream;

		if (to_micros(sample->t, &micros))
			set_at(sample,
				   micros + stream->device->epoch[EP_GPMF_CLOCK_BOOT].shift + log->boot_utc[sample->payload]);
	}
	else if (to_micros(sample->t, &micros))
		set_at(sample, log->started_at + micros);
}

static void
describe(EpGpmfReader *reader, EpGpmfSample *sample, const uint8_t *bytes, size_t length)
{
	sample->stream = reader->stream;
	sample->payload = reader->block->payload;
	sample->klv = reader->klv - 1;
	sample->sample = reader->sample;
	sample->bytes = bytes;
	sample->length = length;
	sample->layout = reader->layout.version;
	sample->count = reader->layout.count;
	sample->values = reader->values;
	sample->elements = reader->layout.element;
	sample->label = (EpGpmfText){NULL, 0};
}

/* Begin the next data KLV: its layout, or a refusal that names its bytes. */
static EpCode
begin_klv(EpGpmfReader *reader, EpGpmfSample *sample, EpError *error)
{
	EpCode code;

	if (reader->refused || !next_klv(reader))
		return EP_DONE;
	code = ep_gpmf_layout_build(&reader->layout, &reader->data, &reader->strm.sticky, error);
	if (code == EP_OK)
		return EP_OK;
	describe(reader, sample, reader->data.value, reader->data.length);
	reader->data.repeat = 0;
	reader->refused = reader->data.type == '#';
	return code;
}

EpCode
ep_gpmf_read_next(EpGpmfReader *reader, EpGpmfSample *sample, EpError *error)
{
	const EpGpmfLayout *layout = &reader->layout;
	const uint8_t *bytes;

	if (reader->block == NULL || !reader->in_block || reader->sample >= reader->data.repeat)
	{
		EpCode code = begin_klv(reader, sample, error);

		if (code != EP_OK)
			return code;
	}
	if (layout->whole_text)
	{
		describe(reader, sample, reader->data.value, reader->data.length);
		sample->label = ep_gpmf_text(reader->data.value, reader->data.length, reader->arena);
		if (sample->label.bytes == NULL)
			return ep_fail(error, EP_E_MEMORY, reader->data.offset, "out of memory");
		reader->sample = reader->data.repeat;
	}
	else
	{
		bytes = reader->data.value + (size_t) reader->sample * layout->stride;
		describe(reader, sample, bytes, layout->stride);
		ep_gpmf_layout_decode(layout, bytes, reader->values);
		reader->sample++;
	}
	set_time(reader, sample);
	return EP_OK;
}
