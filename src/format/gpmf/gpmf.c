/*
 * gpmf.c
 *	  GPMF as a payload format: a log becomes one event per device and one per sample.
 *
 *	  device events   route NULL: device_id, device_name, firmware, started_at, duration_s, payloads,
 *	                  samples, streams (a summary as JSON)
 *	  sample events   route = the FourCC in lower case: device_id, device_name, payload, klv, sample, t,
 *	                  then a column per element, named by gpmf_known.c or v1 .. vn; a text stream's
 *	                  text is `label`
 *
 * Devices first, then stream after stream.  A cut-off log ends with one refusal for the rest.
 * The option `fourccs` (comma-separated) chooses which FourCCs become sample events; without it, all.
 * The option `quirks` = true corrects what firmware is known to write wrong (gpmf_quirks.c).
 *
 * Memory: the state and the one array of fields live as long as the statement, the log's index as long as the
 * payload; a sample fills values into the array in place and allocates nothing.
 */
#include "format/format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "format/gpmf/gpmf_json.h"
#include "format/gpmf/gpmf_quirks.h"

#define MAX_NOTE 160 /* bytes of the comment of an unknown element */
#define TEXT_ROOM 32 /* bytes of one text element */
#define INTERRUPT_EVERY 4096

/* Fields that every sample has, in this order; the element columns follow, clock_missing is last. */
enum
{
	DEVICE_ID,
	DEVICE_NAME,
	PAYLOAD,
	KLV,
	SAMPLE,
	SECONDS,
	ELEMENTS
};

typedef struct Column
{
	const char *name;
	EpType type;
	const char *comment;
} Column;

static const Column sample_columns[] = {
	{"device_id", EP_TYPE_INT8, "the device that the camera's log names (DVID)"},
	{"device_name", EP_TYPE_TEXT, "what the device calls itself (DVNM)"},
	{"payload", EP_TYPE_INT4, "payload of the log, from 0; one is about a second"},
	{"klv", EP_TYPE_INT4, "data element of the stream in the payload, from 0"},
	{"sample", EP_TYPE_INT4, "sample in the data element, from 0"},
	{"t", EP_TYPE_FLOAT8, "time from the start of the log, s"},
};
static const Column clock_missing_column = {"clock_missing", EP_TYPE_BOOL,
											"true: the log has no clock, event_time is its arrival plus t"};
static const Column label_column = {"label", EP_TYPE_TEXT, "text of the stream"};

enum
{
	FIRMWARE = 2,
	STARTED_AT,
	DURATION,
	PAYLOADS,
	SAMPLES,
	STREAMS,
	DEVICE_FIELDS
};

static const Column device_columns[] = {
	{"device_id", EP_TYPE_INT8, "the device that the camera's log names (DVID)"},
	{"device_name", EP_TYPE_TEXT, "what the device calls itself (DVNM)"},
	{"firmware", EP_TYPE_TEXT, "firmware version"},
	{"started_at", EP_TYPE_TIMESTAMPTZ, "UTC of the start of the log"},
	{"duration_s", EP_TYPE_FLOAT8, "duration of the log, s"},
	{"payloads", EP_TYPE_INT4, "payloads in which the device occurs"},
	{"samples", EP_TYPE_INT8, "samples of all streams of the device"},
	{"streams", EP_TYPE_JSONB, "the device's streams: FourCC, name, type, units, scale, samples, rate"},
};

typedef struct GpmfState
{
	const char *fourccs; /* the option, or NULL */
	bool quirks;         /* likewise */
	EpPath *clock_missing;
	EpPath *device_paths[DEVICE_FIELDS];
	EpField sample_fields[ELEMENTS + EP_GPMF_MAX_ELEMENTS + 1];
	char texts[EP_GPMF_MAX_ELEMENTS][TEXT_ROOM];
	/* of the payload */
	EpGpmfLog *log;
	EpGpmfReader *reader;
	uint32_t device; /* next device to tell */
	uint32_t stream; /* current stream */
	bool in_stream;
	bool fault_told;
	char route[8];
	/* what sample_fields is made for */
	uint32_t fitted; /* EpGpmfSample.layout, 0: none */
	bool fitted_text;
	uint32_t since_check;
} GpmfState;

/* ---- paths ---- */

static EpPath *
column_path(EpDecoder *decoder, const Column *column)
{
	EpPath *path = ep_path_child(decoder->paths, &decoder->paths->root, NULL, column->name,
								 strlen(column->name), decoder->payload);

	if (path != NULL && path->comment == NULL)
	{
		path->type = (uint16_t) column->type;
		path->comment = column->comment;
	}
	return path;
}

/* Append text between before and after; nothing when there is none or it is long. */
static void
append_said(char *note, const char *before, EpGpmfText text, const char *after)
{
	size_t length = strlen(note);

	if (text.bytes != NULL && text.length > 0 && text.length <= 48)
		snprintf(note + length, MAX_NOTE - length, "%s%.*s%s", before, (int) text.length, text.bytes, after);
}

/*
 * What a stream says of an unknown element: "value 1 of acc1 (Acceleration), m/s2".  Streams share the path v1, so it
 * is said anew for each of them, in a buffer that stays with the path.
 */
static void
note_unknown(EpDecoder *decoder, EpPath *path, const EpGpmfStream *stream, unsigned element)
{
	EpArena *arena = path->id == EP_PATH_TRANSIENT ? decoder->payload : &decoder->paths->arena;
	char *note = path->owner;

	if (note == NULL)
		note = path->owner = ep_arena_alloc(arena, MAX_NOTE);
	if (note == NULL)
		return;
	snprintf(note, MAX_NOTE, "value %u of %s", element + 1, stream->fourcc);
	append_said(note, " (", stream->name, ")");
	append_said(note, ", ", ep_gpmf_stream_unit(stream, element, decoder->payload), "");
	path->comment = note;
}

/* The path of an element that no table knows: v1 .. vn, or v1_text where it is text. */
static EpPath *
unknown_path(EpDecoder *decoder, const EpGpmfStream *stream, unsigned element, bool text)
{
	char name[16];
	int length = snprintf(name, sizeof name, text ? "v%u_text" : "v%u", element + 1);
	EpPath *path =
		ep_path_child(decoder->paths, &decoder->paths->root, NULL, name, (size_t) length, decoder->payload);

	if (path == NULL)
		return NULL;
	path->type = text ? EP_TYPE_TEXT : EP_TYPE_FLOAT8;
	note_unknown(decoder, path, stream, element);
	return path;
}

static EpPath *
element_path(EpDecoder *decoder, const GpmfState *state, const EpGpmfSample *sample, unsigned i)
{
	const EpGpmfStream *stream = sample->stream;
	const EpGpmfQuirk *quirk = state->quirks ? ep_gpmf_quirk_find(stream, i) : NULL;
	const EpGpmfColumn *known;
	bool text = ep_gpmf_type_is_text(sample->elements[i].type);
	Column column = {.type = text ? EP_TYPE_TEXT : EP_TYPE_FLOAT8};

	if (stream->known == NULL || stream->known->count != sample->count)
		return unknown_path(decoder, stream, i, text);
	known = quirk != NULL ? &quirk->column : &stream->known->columns[i];
	column.name = known->name;
	column.comment = known->comment;
	return column_path(decoder, &column);
}

/* ---- values ---- */

static EpValue
text_value(EpGpmfText text)
{
	if (text.bytes == NULL)
		return (EpValue){.kind = EP_NULL};
	return (EpValue){.kind = EP_TEXT, .text = text.bytes, .length = text.length};
}

static EpValue
integer_value(int64_t i)
{
	return (EpValue){.kind = EP_INT, .as.i = i};
}

/* ---- begin and open ---- */

/* Every permanent path that is the same for all streams; false without memory. */
static bool
make_paths(EpDecoder *decoder, GpmfState *state)
{
	bool made = true;

	for (int i = 0; i < ELEMENTS; i++)
	{
		state->sample_fields[i].path = column_path(decoder, &sample_columns[i]);
		made &= state->sample_fields[i].path != NULL;
	}
	for (int i = 0; i < DEVICE_FIELDS; i++)
	{
		state->device_paths[i] = column_path(decoder, &device_columns[i]);
		made &= state->device_paths[i] != NULL;
	}
	state->clock_missing = column_path(decoder, &clock_missing_column);
	return made && state->clock_missing != NULL;
}

static EpCode
gpmf_begin(EpDecoder *decoder)
{
	GpmfState *state = ep_arena_zalloc(decoder->lasting, sizeof *state);

	if (state == NULL)
		return ep_fail(&decoder->error, EP_E_MEMORY, 0, "out of memory");
	state->fourccs = ep_decoder_option(decoder, "fourccs", NULL);
	state->quirks = strcmp(ep_decoder_option(decoder, "quirks", "false"), "true") == 0;
	decoder->state = state;
	return EP_OK;
}

static EpCode
gpmf_open(EpDecoder *decoder, const char *bytes, size_t length)
{
	GpmfState *state = decoder->state;

	state->log = ep_arena_alloc(decoder->payload, sizeof *state->log);
	state->reader = ep_arena_alloc(decoder->payload, sizeof *state->reader);
	if (state->log == NULL || state->reader == NULL || !make_paths(decoder, state))
		return ep_fail(&decoder->error, EP_E_MEMORY, 0, "out of memory");
	state->device = state->stream = 0;
	state->in_stream = state->fault_told = false;
	state->fitted = 0;
	ep_gpmf_read_begin(state->reader, state->log, decoder->arena);
	return ep_gpmf_log_open(state->log, bytes, length, decoder->payload, &decoder->error);
}

/* ---- device events ---- */

static bool
device_has_streams(const EpGpmfLog *log, const EpGpmfDevice *device, int64_t *samples)
{
	bool found = false;

	*samples = 0;
	for (uint32_t i = 0; i < log->stream_count; i++)
		if (log->streams[i]->device == device)
		{
			*samples += (int64_t) log->streams[i]->samples;
			found = true;
		}
	return found;
}

static EpCode
device_event(EpDecoder *decoder, GpmfState *state, const EpGpmfDevice *device, int64_t samples,
			 EpEvent *event)
{
	const EpGpmfLog *log = state->log;
	EpField *fields = ep_arena_array(decoder->arena, DEVICE_FIELDS + 1, sizeof *fields);
	bool timed = log->utc != EP_GPMF_UTC_NONE;
	EpGpmfJson json;

	ep_gpmf_json_begin(&json, decoder->arena);
	ep_gpmf_json_streams(&json, log, device);
	if (fields == NULL || json.failed)
		return ep_fail(&decoder->error, EP_E_MEMORY, 0, "out of memory");
	for (int i = 0; i < DEVICE_FIELDS; i++)
		fields[i].path = state->device_paths[i];
	fields[DEVICE_ID].value = integer_value(device->id);
	fields[DEVICE_NAME].value = text_value(device->name);
	fields[FIRMWARE].value = text_value(device->firmware);
	fields[STARTED_AT].value = (EpValue){.kind = timed ? EP_TIMESTAMP : EP_NULL, .as.i = log->started_at};
	fields[DURATION].value = (EpValue){.kind = EP_FLOAT, .as.f = log->duration};
	fields[PAYLOADS].value = integer_value(device->payloads);
	fields[SAMPLES].value = integer_value(samples);
	fields[STREAMS].value = (EpValue){.kind = EP_JSON, .text = json.text, .length = json.length};
	fields[DEVICE_FIELDS] = (EpField){state->clock_missing, {.kind = EP_BOOL, .as.boolean = true}};
	event->fields = fields;
	event->field_count = DEVICE_FIELDS + !timed;
	event->field_capacity = DEVICE_FIELDS + 1;
	event->time_basis = timed ? EP_TIME_UTC : EP_TIME_ARRIVAL;
	event->time = timed ? log->started_at : 0;
	return EP_OK;
}

/* The next device that has something to tell; EP_DONE after the last. */
static EpCode
next_device(EpDecoder *decoder, GpmfState *state, EpEvent *event)
{
	while (state->device < state->log->device_count)
	{
		const EpGpmfDevice *device = state->log->devices[state->device++];
		int64_t samples;

		if (device_has_streams(state->log, device, &samples) || state->log->fault.code == EP_OK)
			return device_event(decoder, state, device, samples, event);
	}
	return EP_DONE;
}

/* ---- sample events ---- */

/* Whether the option names this FourCC; case and surrounding spaces do not matter. */
static bool
is_chosen(const char *list, const char *fourcc)
{
	size_t wanted = 4;

	while (wanted > 0 && fourcc[wanted - 1] == ' ')
		wanted--;
	for (list += strspn(list, ", "); *list != '\0'; list += strspn(list, ", "))
	{
		size_t token = strcspn(list, ",");
		size_t length = token;
		size_t same = 0;

		while (length > 0 && list[length - 1] == ' ')
			length--;
		while (same < wanted && same < length && (list[same] | 0x20) == (fourcc[same] | 0x20))
			same++;
		if (same == wanted && length == wanted)
			return true;
		list += token;
	}
	return false;
}

/* The table suffix for a FourCC: lower case, spaces as underscores, none at the end. */
static void
make_route(const char *fourcc, char route[8])
{
	int length = 4;

	while (length > 0 && fourcc[length - 1] == ' ')
		length--;
	for (int i = 0; i < length; i++)
		route[i] = (char) (fourcc[i] == ' '                       ? '_'
						   : fourcc[i] >= 'A' && fourcc[i] <= 'Z' ? fourcc[i] | 0x20
																  : fourcc[i]);
	if (length == 0)
		memcpy(route, "blank", length = 5);
	if (length == 3 && memcmp(route, "raw", 3) == 0)
		route[length++] = '_'; /* <stream>_raw is the raw table */
	route[length] = '\0';
}

/* Make sample_fields fit the stream's samples: paths and kinds; values follow per sample. */
static bool
fit_fields(EpDecoder *decoder, GpmfState *state, const EpGpmfSample *sample)
{
	EpField *fields = state->sample_fields;
	bool text = sample->label.bytes != NULL;

	state->fitted = sample->layout;
	state->fitted_text = false;
	fields[DEVICE_ID].value = integer_value(sample->stream->device->id);
	fields[DEVICE_NAME].value = text_value(sample->stream->device->name);
	fields[SECONDS].value.kind = EP_FLOAT;
	for (int i = PAYLOAD; i <= SAMPLE; i++)
		fields[i].value.kind = EP_INT;
	for (unsigned i = 0; i < sample->count; i++)
	{
		EpField *field = &fields[ELEMENTS + i];

		state->fitted_text |= ep_gpmf_type_is_text(sample->elements[i].type);
		field->path = element_path(decoder, state, sample, i);
		field->value = (EpValue){.kind = EP_FLOAT};
		if (field->path == NULL)
			return false;
	}
	if (text)
		fields[ELEMENTS].path = column_path(decoder, &label_column);
	return !text || fields[ELEMENTS].path != NULL;
}

static void
fill_texts(GpmfState *state, const EpGpmfSample *sample)
{
	for (unsigned i = 0; i < sample->count; i++)
		if (ep_gpmf_type_is_text(sample->elements[i].type))
		{
			size_t length = ep_gpmf_element_text(&sample->elements[i], sample->bytes, state->texts[i]);

			state->sample_fields[ELEMENTS + i].value = text_value((EpGpmfText){state->texts[i], length});
		}
}

static void
set_event_time(EpEvent *event, const EpGpmfSample *sample)
{
	event->time_basis = sample->has_at ? EP_TIME_UTC : EP_TIME_ARRIVAL;
	if (sample->has_at)
		event->time = sample->at;
	else
		event->time = fabs(sample->t) < 1e10 ? llround(sample->t * 1e6) : 0;
}

static EpCode
sample_event(EpDecoder *decoder, GpmfState *state, const EpGpmfSample *sample, EpEvent *event)
{
	EpField *fields = state->sample_fields;
	unsigned count = sample->count;

	if (state->fitted != sample->layout && !fit_fields(decoder, state, sample))
	{
		state->fitted = 0;
		return ep_fail(&decoder->error, EP_E_MEMORY, event->offset, "out of memory");
	}
	fields[PAYLOAD].value.as.i = sample->payload;
	fields[KLV].value.as.i = sample->klv;
	fields[SAMPLE].value.as.i = sample->sample;
	fields[SECONDS].value.as.f = sample->t;
	for (unsigned i = 0; i < count; i++)
		fields[ELEMENTS + i].value.as.f = sample->values[i];
	if (state->fitted_text)
		fill_texts(state, sample);
	if (sample->label.bytes != NULL)
		fields[ELEMENTS + count++].value = text_value(sample->label);
	if (!sample->has_at)
		fields[ELEMENTS + count++] = (EpField){state->clock_missing, {.kind = EP_BOOL, .as.boolean = true}};
	event->fields = fields;
	event->field_count = ELEMENTS + count;
	event->field_capacity = ELEMENTS + EP_GPMF_MAX_ELEMENTS + 1;
	set_event_time(event, sample);
	return EP_OK;
}

/* Go to the next stream that is wanted and has samples; false after the last. */
static bool
next_stream(GpmfState *state)
{
	while (state->stream < state->log->stream_count)
	{
		EpGpmfStream *stream = state->log->streams[state->stream++];

		if (stream->first == NULL || (state->fourccs != NULL && !is_chosen(state->fourccs, stream->fourcc)))
			continue;
		ep_gpmf_read_stream(state->reader, stream);
		make_route(stream->fourcc, state->route);
		state->in_stream = true;
		return true;
	}
	return false;
}

static EpCode
next_sample(EpDecoder *decoder, GpmfState *state, EpEvent *event)
{
	EpGpmfSample sample;
	EpCode code;

	while (state->in_stream || next_stream(state))
	{
		code = ep_gpmf_read_next(state->reader, &sample, &decoder->error);
		if (code == EP_DONE)
		{
			state->in_stream = false;
			continue;
		}
		event->route = state->route;
		event->bytes = (const char *) sample.bytes;
		event->length = sample.length;
		event->offset = (size_t) (sample.bytes - state->log->bytes);
		if (code != EP_OK)
		{
			decoder->error.path = state->route;
			return code;
		}
		if (state->quirks)
			ep_gpmf_quirks_correct(state->reader, &sample);
		return sample_event(decoder, state, &sample, event);
	}
	return EP_DONE;
}

/* What could not be read at the end of a damaged log, as one refusal. */
static EpCode
tell_fault(EpDecoder *decoder, GpmfState *state, EpEvent *event)
{
	const EpGpmfLog *log = state->log;

	if (log->fault.code == EP_OK || state->fault_told)
		return EP_DONE;
	state->fault_told = true;
	event->bytes = (const char *) log->bytes + log->readable;
	event->length = log->length - log->readable;
	event->offset = log->readable;
	decoder->error = log->fault;
	return log->fault.code;
}

static EpCode
gpmf_next(EpDecoder *decoder, EpEvent *event)
{
	GpmfState *state = decoder->state;
	EpCode code;

	ep_event_reset(event);
	if (++state->since_check >= INTERRUPT_EVERY)
	{
		state->since_check = 0;
		if (decoder->interrupted != NULL && decoder->interrupted())
		{
			state->stream = state->log->stream_count;
			state->in_stream = false;
			return ep_fail(&decoder->error, EP_E_LIMIT, 0, "interrupted");
		}
	}
	code = next_device(decoder, state, event);
	if (code == EP_DONE)
		code = next_sample(decoder, state, event);
	return code == EP_DONE ? tell_fault(decoder, state, event) : code;
}

const EpFormat ep_gpmf_format = {
	.name = "gpmf",
	.options = "fourccs quirks",
	.binary = true,
	.begin = gpmf_begin,
	.open = gpmf_open,
	.next = gpmf_next,
};
