/*
 * gpmf_read.c
 *	  Samples in runs, or one by one with their time: values and text.
 *
 * Streams are read one after the other, each in the order of its payloads.  A run is decoded at once into the reader's
 * array, a sample is a view of it.  Nothing is allocated or looked up per sample; the layout is rebuilt only where a
 * payload says something new.
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
	reader->run.samples = reader->taken = 0;
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
	reader->run.samples = reader->taken = 0;
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

	ep_gpmf_strm_begin_key(&reader->strm, (EpCursor){log->bytes, head + 8, head + 8 + length},
						   reader->stream->key, &none);
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

/* The sample's own stamp in STPS, microseconds on the recording clock; false when it has none. */
static bool
stamped_micros(const EpGpmfReader *reader, const EpGpmfSample *sample, double *micros)
{
	const EpGpmfKlv *stps = &reader->strm.sticky.stps;

	if (stps->value == NULL || sample->stream->clock != EP_GPMF_CLOCK_STMP || sample->stream->max_klvs > 1 ||
		stps->length / 8 <= sample->sample)
		return false;
	*micros = (double) ep_load_be64(stps->value + 8 * (size_t) sample->sample);
	return true;
}

/* Time on the log's axis: the sample's own clock, its twin's, its own stamp, or the block's even spread. */
static double
sample_seconds(const EpGpmfReader *reader, const EpGpmfSample *sample)
{
	const EpGpmfStream *stream = sample->stream;
	const EpGpmfBlock *block = reader->block;
	const EpGpmfBlock *twin = reader->twin;
	double stamp;

	if ((stream->clock == EP_GPMF_CLOCK_BOOT || stream->clock == EP_GPMF_CLOCK_GIMBAL) && sample->count > 0)
		return own_seconds(sample);
	if (twin != NULL && twin->payload == block->payload && sample->sample < twin->samples)
		return stream->twin->times[twin->base + sample->sample];
	if (stamped_micros(reader, sample, &stamp))
		return (stamp - (double) stream->device->epoch[EP_GPMF_CLOCK_STMP].shift) / 1e6;
	return rint((block->t0 + block->step * (stream->max_klvs > 1 ? sample->klv : sample->sample)) * 1e9) /
		   1e9;
}

/* t and UTC.  GPS9 says its own where it has a fix, or nobody has; the drone's clock is joined by SYST of the same payload. */
static void
set_time(const EpGpmfReader *reader, EpGpmfSample *sample)
{
	const EpGpmfLog *log = reader->log;
	EpGpmfClock clock = sample->stream->clock;
	int64_t micros;

	sample->t = sample_seconds(reader, sample);
	sample->has_at = false;
	if (ep_gpmf_gps9_at(sample, &micros) && (sample->values[8] >= 2 || !sample->stream->dated))
	{
		set_at(sample, micros);
		if (sample->stream->dated)
			sample->t = (double) (micros - log->started_at) / 1e6;
	}
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

/* ---- runs ---- */

static void
describe_run(const EpGpmfReader *reader, EpGpmfRun *run)
{
	*run = (EpGpmfRun){.stream = reader->stream,
					   .bytes = reader->data.value,
					   .length = reader->data.length,
					   .payload = reader->block->payload,
					   .klv = reader->klv - 1,
					   .sample = reader->sample,
					   .values = reader->values};
}

/* Begin the next data KLV: its layout, or a refusal that names its bytes. */
static EpCode
begin_klv(EpGpmfReader *reader, EpGpmfRun *run, EpError *error)
{
	EpCode code;

	if (reader->refused || !next_klv(reader))
		return EP_DONE;
	code = ep_gpmf_layout_build(&reader->layout, &reader->data, &reader->strm.sticky, error);
	if (code == EP_OK)
		return EP_OK;
	describe_run(reader, run);
	reader->data.repeat = 0;
	reader->refused = reader->data.type == '#';
	return code;
}

/* A KLV of text is one run of one sample without values. */
static EpCode
read_text(EpGpmfReader *reader, EpGpmfRun *run, EpError *error)
{
	reader->sample = reader->data.repeat;
	run->samples = 1;
	run->label = ep_gpmf_text(reader->data.value, reader->data.length, reader->arena);
	return run->label.bytes != NULL ? EP_OK
									: ep_fail(error, EP_E_MEMORY, reader->data.offset, "out of memory");
}

EpCode
ep_gpmf_read_run(EpGpmfReader *reader, EpGpmfRun *run, EpError *error)
{
	const EpGpmfLayout *layout = &reader->layout;
	uint32_t room;

	if (reader->block == NULL || !reader->in_block || reader->sample >= reader->data.repeat)
	{
		EpCode code = begin_klv(reader, run, error);

		if (code != EP_OK)
			return code;
	}
	describe_run(reader, run);
	if (layout->whole_text)
		return read_text(reader, run, error);
	room = EP_GPMF_RUN_VALUES / layout->count;
	run->count = layout->count;
	run->length = layout->stride;
	run->bytes += (size_t) reader->sample * layout->stride;
	run->samples = reader->data.repeat - reader->sample;
	if (run->samples > room)
		run->samples = room;
	ep_gpmf_layout_decode(layout, run->bytes, run->samples, reader->values);
	reader->sample += run->samples;
	return EP_OK;
}

/* ---- samples ---- */

/* The next sample of the reader's run. */
static void
take_sample(EpGpmfReader *reader, EpGpmfSample *sample)
{
	const EpGpmfRun *run = &reader->run;
	uint32_t i = reader->taken;

	*sample = (EpGpmfSample){.stream = run->stream,
							 .bytes = run->bytes + i * run->length,
							 .length = run->length,
							 .payload = run->payload,
							 .klv = run->klv,
							 .sample = run->sample + i,
							 .count = run->count,
							 .layout = reader->layout.version,
							 .values = run->values + (size_t) i * run->count,
							 .elements = reader->layout.element,
							 .label = run->label};
}

EpCode
ep_gpmf_read_next(EpGpmfReader *reader, EpGpmfSample *sample, EpError *error)
{
	EpCode code = EP_OK;

	if (reader->taken >= reader->run.samples)
	{
		reader->run.samples = reader->taken = 0;
		code = ep_gpmf_read_run(reader, &reader->run, error);
		if (code == EP_DONE)
			return code;
	}
	take_sample(reader, sample);
	if (code != EP_OK)
	{
		reader->run.samples = 0;
		return code;
	}
	reader->taken++;
	set_time(reader, sample);
	return EP_OK;
}
