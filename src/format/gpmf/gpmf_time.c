/*
 * gpmf_time.c
 *	  When samples were taken, from what a log alone can tell.
 *
 * One axis, t: seconds from the start of the log.  Every clock in the log (the camera's TICK or STMP, the
 * drone's boot time, the gimbal's) is laid on it so that its earliest stamp in the first payload that has
 * one falls on the start of that payload:
 *
 *	  windows  when each payload starts: as the container says; else by the first device that stamps its
 *	           payloads (STMP before TICK); else by GPSU's trend over payloads; else EP_GPMF_PERIOD apart
 *	  blocks   a stream's own stamp (STMP) and the step to its next payload's; else, where TSMP counts its samples,
 *	           the line through counts and windows; else even spread in the window.  The last payload
 *	           is often a fraction, so only its start counts, and it takes the step of the one before
 *	  samples  GPS9 with a fix and drone streams say their own time; VFRH has GLPI's instants
 *
 * UTC of t = 0: GPS9, else the drone's SYST, else GPSU with a fix, else any GPSU that is a date.
 */
#include <math.h>

#include "format/gpmf/gpmf_quirks.h"

#define GLPI EP_GPMF_KEY('G', 'L', 'P', 'I')
#define SYST EP_GPMF_KEY('S', 'Y', 'S', 'T')
#define GPS9 EP_GPMF_KEY('G', 'P', 'S', '9')

const char *
ep_gpmf_clock_name(const EpGpmfStream *stream)
{
	if (stream->dated)
		return "field";
	if (stream->counted)
		return "tsmp";
	switch (stream->clock)
	{
		case EP_GPMF_CLOCK_TICK:
			return "tick";
		case EP_GPMF_CLOCK_STMP:
			return "stmp";
		case EP_GPMF_CLOCK_BOOT:
		case EP_GPMF_CLOCK_GIMBAL:
		case EP_GPMF_CLOCK_TWIN:
			return "field";
		default:
			return "window";
	}
}

const char *
ep_gpmf_utc_name(EpGpmfUtc utc)
{
	static const char *const names[] = {NULL, "gpsu", "syst", "gps9"};

	return names[utc];
}

/* ---- windows ---- */

/* The seconds between payloads that GPSU's trend shows; the usual period unless it is clearly another. */
static double
gpsu_period(const EpGpmfLog *log)
{
	double spread = log->fit_n * log->fit_kk - log->fit_k * log->fit_k;
	double slope;

	if (log->fit_n < 3 || spread <= 0)
		return EP_GPMF_PERIOD;
	slope = (log->fit_n * log->fit_ku - log->fit_k * log->fit_u) / spread;
	if (!(slope > 0.1 && slope < 3600) || fabs(slope - EP_GPMF_PERIOD) < EP_GPMF_PERIOD / 4)
		return EP_GPMF_PERIOD;
	return slope;
}

/* The device and clock that stamp payloads: the first device with STMP, else the first with TICK. */
static EpGpmfDevice *
window_clock(const EpGpmfLog *log, EpGpmfClock *clock)
{
	for (*clock = EP_GPMF_CLOCK_STMP; *clock >= EP_GPMF_CLOCK_TICK; (*clock)--)
		for (uint32_t i = 0; i < log->device_count; i++)
			if (log->devices[i]->epoch[*clock].set)
				return log->devices[i];
	return NULL;
}

/* The earliest stamp of each payload on that clock, as seconds after zero; NAN where there is none. */
static void
collect_stamps(EpGpmfLog *log, const EpGpmfDevice *device, EpGpmfClock clock, int64_t zero)
{
	for (uint32_t i = 0; i < log->stream_count; i++)
	{
		const EpGpmfStream *stream = log->streams[i];

		if (stream->device != device || stream->clock != clock)
			continue;
		for (const EpGpmfBlock *block = stream->first; block != NULL; block = block->next)
		{
			double *window = &log->windows[block->payload];
			double seconds;

			if (block->stamp == EP_GPMF_NO_STAMP)
				continue;
			seconds = (double) (block->stamp - zero) / 1e6;
			if (!(*window <= seconds))
				*window = seconds;
		}
	}
}

static void
take_given_windows(EpGpmfLog *log)
{
	double last = log->given[log->payloads] - log->given[log->payloads - 1];

	log->period = last > 0 ? last : EP_GPMF_PERIOD;
	memcpy(log->windows, log->given, log->payloads * sizeof(double));
}

static EpCode
set_windows(EpGpmfLog *log, EpError *error)
{
	EpGpmfClock clock;
	EpGpmfDevice *device = window_clock(log, &clock);
	const EpGpmfEpoch *epoch;
	int64_t before;

	log->windows = ep_arena_array(log->arena, log->payloads, sizeof(double));
	if (log->windows == NULL)
		return ep_fail(error, EP_E_MEMORY, 0, "out of memory");
	if (log->given != NULL)
	{
		take_given_windows(log);
		return EP_OK;
	}
	log->period = device == NULL ? gpsu_period(log) : EP_GPMF_PERIOD;
	for (uint32_t i = 0; i < log->payloads; i++)
		log->windows[i] = device == NULL ? i * log->period : NAN;
	if (device == NULL)
		return EP_OK;
	epoch = &device->epoch[clock];
	before = llround(epoch->payload * EP_GPMF_PERIOD * 1e6); /* payloads before the first stamp */
	collect_stamps(log, device, clock, epoch->stamp - before);
	for (uint32_t i = 0; i < log->payloads; i++)
	{
		double least = i == 0 ? 0 : log->windows[i - 1];
		double stamped = log->windows[i];

		bool usable = i >= epoch->payload && (stamped > least || (i == 0 && stamped == 0));

		log->stamped = usable ? log->stamped + 1 : 0;
		if (usable)
			log->windows[i] = stamped;
		else if (i < epoch->payload)
			log->windows[i] = i * EP_GPMF_PERIOD;
		else
			log->windows[i] = least + (i > 0 ? EP_GPMF_PERIOD : 0);
	}
	return EP_OK;
}

/* ---- the clocks on the axis ---- */

static void
set_shifts(EpGpmfLog *log)
{
	for (uint32_t i = 0; i < log->device_count; i++)
		for (int clock = 0; clock < EP_GPMF_CLOCK_COUNT; clock++)
		{
			EpGpmfEpoch *epoch = &log->devices[i]->epoch[clock];

			if (epoch->set)
				epoch->shift = epoch->stamp - llround(log->windows[epoch->payload] * 1e6);
		}
}

/* Seconds per unit of the sample's own time; a firmware that was mended writes seconds. */
static double
own_clock_unit(const EpGpmfStream *stream)
{
	if (ep_gpmf_quirk_of(stream->fourcc, 0) != NULL && ep_gpmf_quirk_find(stream, 0) == NULL)
		return 1;
	return stream->known->clock_unit;
}

/* Give the streams that say their own time their clock, and note its earliest stamp. */
static void
take_own_clock(EpGpmfStream *stream, EpGpmfReader *reader)
{
	EpGpmfSample sample;
	EpError ignored;
	EpGpmfEpoch *epoch;
	double seconds;

	if (stream->known == NULL || stream->first == NULL || stream->known->clock == EP_GPMF_CLOCK_TWIN ||
		stream->known->clock == EP_GPMF_CLOCK_NONE)
		return;
	ep_gpmf_read_stream(reader, stream);
	if (ep_gpmf_read_next(reader, &sample, &ignored) != EP_OK || sample.count == 0)
		return;
	seconds = sample.values[0] * own_clock_unit(stream);
	if (!(fabs(seconds) < 1e10))
		return;
	stream->clock = stream->known->clock;
	stream->clock_unit = own_clock_unit(stream);
	epoch = &stream->device->epoch[stream->clock];
	if (!epoch->set || sample.payload < epoch->payload ||
		(sample.payload == epoch->payload && seconds * 1e6 < (double) epoch->stamp))
		*epoch = (EpGpmfEpoch){.set = true, .payload = sample.payload, .stamp = llround(seconds * 1e6)};
}

/* VFRH has no time: it is sent with GLPI, whose instants are kept for it. */
static EpCode
take_twin(EpGpmfLog *log, EpGpmfStream *stream, EpGpmfReader *reader, EpError *error)
{
	EpGpmfSample sample;
	EpGpmfStream *twin = NULL;
	EpCode code;

	if (stream->known == NULL || stream->known->clock != EP_GPMF_CLOCK_TWIN)
		return EP_OK;
	for (uint32_t i = 0; i < log->stream_count && twin == NULL; i++)
		if (log->streams[i]->key == GLPI && log->streams[i]->device == stream->device &&
			log->streams[i]->clock == EP_GPMF_CLOCK_BOOT)
			twin = log->streams[i];
	/* compressed KLVs may claim any number of samples */
	if (twin == NULL || stream->max_klvs > 1 || twin->max_klvs > 1 || twin->samples > log->length)
		return EP_OK;
	if (twin->times == NULL)
	{
		twin->times = ep_arena_array(log->arena, twin->samples, sizeof(double));
		if (twin->times == NULL)
			return ep_fail(error, EP_E_MEMORY, 0, "out of memory");
		for (uint64_t i = 0; i < twin->samples; i++)
			twin->times[i] = NAN;
		ep_gpmf_read_stream(reader, twin);
		while ((code = ep_gpmf_read_next(reader, &sample, error)) != EP_DONE)
			if (code == EP_OK)
				twin->times[reader->block->base + sample.sample] = sample.t;
	}
	stream->twin = twin;
	stream->clock = EP_GPMF_CLOCK_TWIN;
	stream->counted = false;
	return EP_OK;
}

/* ---- blocks ---- */

static double
seconds_late(const EpGpmfStream *stream)
{
	const EpGpmfKlv *timo = &stream->sticky.timo;
	double late;

	if (timo->value == NULL || timo->type != 'f' || timo->length < 4)
		return 0;
	late = ep_gpmf_number('f', timo->value);
	return fabs(late) < 3600 ? late : 0;
}

/* Whether a block's own stamp says when it starts. Windows that are given are better than TICK. */
static bool
is_stamped(const EpGpmfLog *log, const EpGpmfStream *stream, const EpGpmfBlock *block)
{
	return block->stamp != EP_GPMF_NO_STAMP && !(log->given != NULL && stream->clock == EP_GPMF_CLOCK_TICK);
}

/* The span from a block to the stream's next payload, or 0 when nothing tells it. */
static double
block_span(const EpGpmfLog *log, const EpGpmfStream *stream, const EpGpmfBlock *block)
{
	const EpGpmfBlock *next = block->next;

	if (block->payload + 1 >= log->payloads)
		return 0;
	if (!is_stamped(log, stream, block))
		return log->windows[block->payload + 1] - log->windows[block->payload];
	if (next == NULL || next->payload != block->payload + 1 || next->stamp == EP_GPMF_NO_STAMP ||
		next->stamp <= block->stamp)
		return 0;
	return (double) (next->stamp - block->stamp) / 1e6;
}

/* Whether one instant has one sample, counted by TSMP without a gap. */
static bool
is_counted(const EpGpmfStream *stream)
{
	return stream->has_tsmp && stream->first != NULL && stream->max_klvs == 1 && stream->type != 'c' &&
		   stream->type != 'u' && stream->clock <= EP_GPMF_CLOCK_TICK &&
		   (uint32_t) (stream->tsmp_last - stream->tsmp_first) ==
			   (uint32_t) (stream->samples - stream->first->samples);
}

/*
 * Least squares of the blocks' starts over the samples before them: the jitter of payloads goes, drift does
 * not come in.  Not for fewer than three payloads, nor where the stream does not keep a steady rate.
 */
static void
fit_counts(EpGpmfStream *stream)
{
	double n = 0, x = 0, y = 0, xx = 0, xy = 0;
	double step, start;

	if (!is_counted(stream) || stream->first->next == NULL || stream->first->next->next == NULL)
		return;
	for (const EpGpmfBlock *block = stream->first; block != NULL; block = block->next)
	{
		double base = (double) block->base, t0 = block->t0 - stream->first->t0;

		n += 1, x += base, y += t0, xx += base * base, xy += base * t0;
	}
	step = (n * xy - x * y) / (n * xx - x * x);
	start = stream->first->t0 + (y - step * x) / n;
	if (!(step > 0))
		return;
	for (const EpGpmfBlock *block = stream->first; block != NULL; block = block->next)
		if (!(fabs(block->t0 - start - step * (double) block->base) < EP_GPMF_PERIOD / 4))
			return;
	stream->counted = true;
	for (EpGpmfBlock *block = stream->first; block != NULL; block = block->next)
	{
		block->t0 = start + step * (double) block->base;
		block->step = step;
	}
	stream->rate = 1 / step;
	stream->t_first = start;
	stream->t_last = start + step * (double) (stream->samples - 1);
}

/* Place the blocks of a stream: where each starts, and the step between its samples. */
static void
place_blocks(EpGpmfLog *log, EpGpmfStream *stream)
{
	double late = seconds_late(stream);
	double step = 0;
	double counted = 0;

	for (EpGpmfBlock *block = stream->first; block != NULL; block = block->next)
	{
		bool by_klv = stream->max_klvs > 1 || stream->type == 'c' || stream->type == 'u';
		double n = by_klv ? block->klvs : block->samples;
		double span = block_span(log, stream, block);

		if (span > 0)
			step = span / n;
		else if (step == 0)
			step = log->period / n;
		block->step = step;
		if (!is_stamped(log, stream, block))
			block->t0 = log->windows[block->payload] - late;
		else
			block->t0 = (double) (block->stamp - stream->device->epoch[stream->clock].shift) / 1e6 - late;
		stream->t_last = block->t0 + step * (n - 1);
		stream->t_end = block->t0 + step * n;
		if (block->next != NULL)
			counted += n;
	}
	if (stream->first == NULL)
		return;
	stream->t_first = stream->first->t0;
	if (stream->last->t0 > stream->first->t0)
		stream->rate = counted / (stream->last->t0 - stream->first->t0);
	fit_counts(stream);
}

/* The true first and last instants of a stream whose samples say their time. */
static void
measure_instants(EpGpmfStream *stream, EpGpmfReader *reader)
{
	EpGpmfSample sample;
	EpError ignored;
	EpCode code;

	ep_gpmf_read_stream(reader, stream);
	if (ep_gpmf_read_next(reader, &sample, &ignored) != EP_OK)
		return;
	stream->t_first = stream->t_last = sample.t;
	ep_gpmf_read_block(reader, stream, stream->last);
	while ((code = ep_gpmf_read_next(reader, &sample, &ignored)) != EP_DONE)
		if (code == EP_OK && fabs(sample.t) < 1e10)
			stream->t_last = sample.t;
}

/* For the drone's streams: these, and the rate between them. */
static void
measure_own_clock(EpGpmfStream *stream, EpGpmfReader *reader)
{
	double last;

	if (stream->clock < EP_GPMF_CLOCK_BOOT)
		return;
	measure_instants(stream, reader);
	last = stream->t_end = stream->t_last;
	stream->rate = last > stream->t_first ? (double) (stream->samples - 1) / (last - stream->t_first) : 0;
}

/* ---- UTC ---- */

/* Whether the window of a payload stays as it is, whatever follows. */
static bool
window_is_settled(const EpGpmfLog *log, uint32_t payload)
{
	EpGpmfClock clock;

	return payload == 0 || window_clock(log, &clock) != NULL || log->fit_n == EP_GPMF_FIT_MAX;
}

/* Whether a whole payload says when it is: what follows changes neither its window nor its place in that. */
static bool
payload_is_settled(const EpGpmfLog *log, uint32_t payload)
{
	return payload + 1 < log->payloads && window_is_settled(log, payload);
}

/* GPS9: the first sample of a payload with a fix, else the first that shows a date. */
static bool
anchor_gps9(EpGpmfLog *log, EpGpmfReader *reader)
{
	bool found = false;
	unsigned seen = 0;

	for (uint32_t i = 0; i < log->stream_count; i++)
	{
		EpGpmfStream *stream = log->streams[i];

		if (stream->key != GPS9)
			continue;
		seen++;
		log->start_settled = false; /* SYST's: a fix would be better */
		for (EpGpmfBlock *block = stream->first; block != NULL; block = block->next)
		{
			EpGpmfSample sample;
			EpError ignored;
			int64_t at;

			ep_gpmf_read_block(reader, stream, block);
			if (ep_gpmf_read_next(reader, &sample, &ignored) != EP_OK || !ep_gpmf_gps9_at(&sample, &at) ||
				!(fabs(sample.t) < 1e10))
				continue;
			if (found && sample.values[8] < 2)
				continue;
			log->started_at = at - llround(sample.t * 1e6);
			found = true;
			if (sample.values[8] >= 2)
			{
				/* no better fix can follow this one */
				log->start_settled = seen == 1 && payload_is_settled(log, sample.payload) &&
									 (stream->clock == EP_GPMF_CLOCK_STMP || !stream->has_tsmp);
				stream->dated = true;
				return true;
			}
		}
	}
	return found;
}

/* SYST: UTC minus boot time for every payload, carried on where a payload has none. */
static EpCode
anchor_syst(EpGpmfLog *log, EpGpmfReader *reader, EpGpmfStream *syst, EpError *error)
{
	EpGpmfSample sample;
	EpCode code;
	uint32_t filled = 0;
	int64_t offset = 0;
	bool found = false;

	ep_gpmf_read_stream(reader, syst);
	while ((code = ep_gpmf_read_next(reader, &sample, error)) != EP_DONE)
	{
		if (code != EP_OK || sample.count < 2 || !(sample.values[1] > 946684800 && sample.values[1] < 9e9) ||
			!(sample.values[0] >= 0 && sample.values[0] < 1e10))
			continue;
		if (!found)
			log->boot_utc = ep_arena_array(log->arena, log->payloads, sizeof(int64_t));
		if (log->boot_utc == NULL)
			return ep_fail(error, EP_E_MEMORY, 0, "out of memory");
		for (; found && filled < sample.payload; filled++)
			log->boot_utc[filled] = offset;
		offset = llround(sample.values[1] * 1e6) - llround(sample.values[0] * 1e6);
		if (!found)
			log->start_settled = payload_is_settled(log, sample.payload) &&
								 payload_is_settled(log, syst->device->epoch[EP_GPMF_CLOCK_BOOT].payload);
		found = true;
		for (; filled <= sample.payload; filled++)
			log->boot_utc[filled] = offset;
	}
	for (; found && filled < log->payloads; filled++)
		log->boot_utc[filled] = offset;
	if (found)
	{
		log->started_at = log->boot_utc[0] + syst->device->epoch[EP_GPMF_CLOCK_BOOT].shift;
		log->utc = EP_GPMF_UTC_SYST;
	}
	return EP_OK;
}

static EpCode
set_utc(EpGpmfLog *log, EpGpmfReader *reader, EpError *error)
{
	bool better = false; /* there may be a better clock than GPSU */

	log->start_settled = false;
	for (uint32_t i = 0; i < log->stream_count; i++)
	{
		EpGpmfStream *stream = log->streams[i];
		EpCode code = EP_OK;

		better |= stream->key == GPS9 || stream->key == SYST;
		if (stream->key == SYST && stream->clock == EP_GPMF_CLOCK_BOOT && log->boot_utc == NULL)
			code = anchor_syst(log, reader, stream, error);
		if (code != EP_OK)
			return code;
	}
	if (anchor_gps9(log, reader))
	{
		log->utc = EP_GPMF_UTC_GPS9;
		for (uint32_t i = 0; i < log->stream_count; i++)
			if (log->streams[i]->dated)
				measure_instants(log->streams[i], reader);
	}
	else if (log->utc == EP_GPMF_UTC_NONE && log->gpsu_set)
	{
		log->utc = EP_GPMF_UTC_GPSU;
		log->started_at = log->gpsu - llround(log->windows[log->gpsu_payload] * 1e6);
		log->start_settled = !better && log->gpsu_locked && payload_is_settled(log, log->gpsu_payload);
	}
	log->clock_seen |= better;
	return EP_OK;
}

/* Whether what a gap left out cannot change the duration: the tail is stamped, or the windows are even. */
static bool
end_is_settled(const EpGpmfLog *log)
{
	EpGpmfClock clock;

	if (log->fault.code != EP_OK)
		return false;
	if (window_clock(log, &clock) != NULL)
		return log->stamped >= 3;
	return log->fit_n == 0 || (log->fit_n == EP_GPMF_FIT_MAX && log->fit_payload < log->tail);
}

EpCode
ep_gpmf_log_time(EpGpmfLog *log, EpError *error)
{
	EpGpmfReader *reader = ep_arena_alloc(log->arena, sizeof *reader);
	EpCode code;

	if (reader == NULL)
		return ep_fail(error, EP_E_MEMORY, 0, "out of memory");
	ep_gpmf_read_begin(reader, log, log->arena);
	code = set_windows(log, error);
	if (code != EP_OK)
		return code;
	for (uint32_t i = 0; i < log->stream_count; i++)
		take_own_clock(log->streams[i], reader);
	set_shifts(log);
	for (uint32_t i = 0; i < log->stream_count; i++)
		place_blocks(log, log->streams[i]);
	for (uint32_t i = 0; i < log->stream_count && code == EP_OK; i++)
		code = take_twin(log, log->streams[i], reader, error);
	if (code != EP_OK)
		return code;
	for (uint32_t i = 0; i < log->stream_count; i++)
		measure_own_clock(log->streams[i], reader);
	for (uint32_t i = 0; i < log->stream_count; i++)
		log->duration = fmax(log->duration, log->streams[i]->t_end);
	log->duration = rint(log->duration * 1e6) / 1e6;
	log->end_settled = end_is_settled(log);
	return set_utc(log, reader, error);
}

EpCode
ep_gpmf_log_retime(EpGpmfLog *log, const double *windows, size_t count, EpError *error)
{
	if (count != (size_t) log->payloads + 1)
		return ep_fail(error, EP_E_STRUCTURE, 0, "windows are not one more than the log's payloads");
	for (size_t i = 0; i < count; i++)
		if (!(fabs(windows[i]) < 1e9) || (i > 0 && windows[i] < windows[i - 1]))
			return ep_fail(error, EP_E_STRUCTURE, 0, "windows are not ascending");
	log->given = windows;
	log->utc = EP_GPMF_UTC_NONE;
	log->boot_utc = NULL;
	log->duration = 0;
	for (uint32_t i = 0; i < log->stream_count; i++)
	{
		log->streams[i]->times = NULL;
		log->streams[i]->twin = NULL;
		log->streams[i]->counted = log->streams[i]->dated = false;
		log->streams[i]->rate = 0;
	}
	return ep_gpmf_log_time(log, error);
}
