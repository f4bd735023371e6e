/*
 * gpmf_decode.c
 *	  The scan of a log: payloads, devices, streams, blocks.
 *
 * One pass over the KLV headers (two inside a STRM: its last KLV names it, so the check of its structure comes first).
 * Samples are not looked at; gpmf_read.c does that later from the blocks noted here.
 * A log that is cut off keeps the STRMs that are complete; the first fault ends the scan.
 */
#include "format/gpmf/gpmf_decode.h"

#include <stdio.h>

#define KEY EP_GPMF_KEY
#define TICK_UNIT 1000 /* microseconds */

/* What is open while a DEVC is read. */
typedef struct Scan
{
	EpGpmfLog *log;
	EpGpmfDevice *device;
	EpGpmfSticky inherited; /* TICK of the DEVC */
	EpError *error;
	bool cut; /* the DEVC claims more bytes than there are */
} Scan;

/* ---- the data KLVs of a STRM ---- */

static uint32_t
last_key(EpCursor level)
{
	EpGpmfKlv klv;
	EpError ignored;
	uint32_t key = 0;

	while (ep_gpmf_klv_next(&level, &klv, &ignored) == EP_OK)
		key = klv.key;
	return ep_gpmf_key_is_structural(key) ? 0 : key;
}

void
ep_gpmf_strm_begin(EpGpmfStrm *strm, EpCursor content, const EpGpmfSticky *inherited)
{
	ep_gpmf_strm_begin_key(strm, content, last_key(content), inherited);
}

void
ep_gpmf_strm_begin_key(EpGpmfStrm *strm, EpCursor content, uint32_t key, const EpGpmfSticky *inherited)
{
	strm->level = content;
	strm->nested = false;
	strm->key = key;
	strm->sticky = *inherited;
}

/* The next data KLV inside a data nest; false when the nest is over. */
static bool
next_nested(EpGpmfStrm *strm, EpGpmfKlv *data)
{
	EpError ignored;

	while (ep_gpmf_klv_next(&strm->nest, data, &ignored) == EP_OK)
	{
		if (data->key == strm->inner)
			return true;
		ep_gpmf_sticky_take(&strm->sticky, data);
	}
	strm->nested = false;
	strm->sticky = strm->outer;
	return false;
}

/* SCAL and the axes hold for their own level only; TYPE, units and names also further in. */
static void
enter_nest(EpGpmfStrm *strm, const EpGpmfKlv *nest)
{
	strm->nest = ep_gpmf_klv_cursor(&strm->level, nest);
	strm->inner = last_key(strm->nest);
	strm->nested = true;
	strm->outer = strm->sticky;
	strm->sticky.scal.value = strm->sticky.orin.value = NULL;
	strm->sticky.orio.value = strm->sticky.mtrx.value = NULL;
}

bool
ep_gpmf_strm_next(EpGpmfStrm *strm, EpGpmfKlv *data)
{
	EpError ignored;

	if (strm->key == 0)
		return false;
	for (;;)
	{
		if (strm->nested && next_nested(strm, data))
			return true;
		if (ep_gpmf_klv_next(&strm->level, data, &ignored) != EP_OK)
			return false;
		if (data->key != strm->key)
			ep_gpmf_sticky_take(&strm->sticky, data);
		else if (data->type == 0)
			enter_nest(strm, data);
		else
			return true;
	}
}

/* ---- streams ---- */

static bool
same_name(const EpGpmfKlv *a, const EpGpmfKlv *b)
{
	if (a->value == NULL || b->value == NULL)
		return a->value == b->value;
	return a->length == b->length && memcmp(a->value, b->value, a->length) == 0;
}

static uint32_t
identity_hash(const EpGpmfDevice *device, uint32_t key, const EpGpmfKlv *name)
{
	uint32_t hash = (device->id ^ key) * 2654435761U;

	for (uint32_t i = 0; name->value != NULL && i < name->length; i++)
		hash = (hash ^ name->value[i]) * 16777619U;
	return hash ^ hash >> 16;
}

/* What the first data KLV says of the shape of the stream; a contradiction leaves elements 0. */
static void
set_shape(EpGpmfStream *stream, const EpGpmfKlv *data, const EpGpmfSticky *sticky)
{
	uint8_t types[EP_GPMF_MAX_ELEMENTS];
	EpError ignored;
	uint16_t count;

	stream->sticky = *sticky;
	stream->type = data->type;
	stream->size = data->size;
	stream->types[0] = (char) (data->type >= ' ' && data->type < 0x7f ? data->type : '.');
	stream->types[1] = '\0';
	stream->elements = 0;
	stream->known = NULL;
	if (data->type == '#' && data->length >= 4 && data->value[0] > ' ' && data->value[0] < 0x7f)
	{
		stream->types[1] = (char) data->value[0];
		stream->types[2] = '\0';
	}
	if (ep_gpmf_expand_type(data, &sticky->type, types, &count, &ignored) != EP_OK)
		return;
	stream->elements = data->type == 'c' || data->type == 'u' ? 1 : count;
	if (data->type == '?')
	{
		memcpy(stream->types, types, count);
		stream->types[count] = '\0';
	}
	stream->known = ep_gpmf_known_find(stream->fourcc, stream->types, stream->elements);
	if (stream->known != NULL && stream->known->types == NULL)
		for (unsigned i = 0; i < count; i++)
			if (ep_gpmf_type_is_text(types[i]))
				stream->known = NULL, i = count;
}

static EpGpmfStream *
add_stream(Scan *scan, uint32_t key, const EpGpmfSticky *sticky)
{
	EpGpmfLog *log = scan->log;
	EpGpmfStream *stream;

	if (log->stream_count == EP_GPMF_MAX_STREAMS)
	{
		ep_fail(scan->error, EP_E_LIMIT, 0, "more than 512 streams");
		return NULL;
	}
	stream = ep_arena_zalloc(log->arena, sizeof *stream);
	if (stream == NULL)
	{
		ep_fail(scan->error, EP_E_MEMORY, 0, "out of memory");
		return NULL;
	}
	stream->index = log->stream_count;
	stream->key = key;
	ep_gpmf_key_name(key, stream->fourcc);
	stream->device = scan->device;
	stream->sticky.name = sticky->name;
	if (sticky->name.value != NULL)
		stream->name = ep_gpmf_text(sticky->name.value, sticky->name.length, log->arena);
	stream->last_payload = UINT32_MAX;
	stream->current = stream;
	log->streams[log->stream_count++] = stream;
	return stream;
}

/* The stream of this STRM: by device, FourCC and name, and by its ordinal among such in the payload. */
static EpGpmfStream *
find_stream(Scan *scan, uint32_t key, const EpGpmfSticky *sticky)
{
	uint32_t hash = identity_hash(scan->device, key, &sticky->name);
	EpGpmfStream **bucket = &scan->log->buckets[hash & 255];
	EpGpmfStream *first = *bucket;
	EpGpmfStream *stream;
	uint32_t payload = scan->log->payloads - 1;

	while (first != NULL && (first->hash != hash || first->key != key || first->device != scan->device ||
							 !same_name(&first->sticky.name, &sticky->name)))
		first = first->chain;
	if (first == NULL)
	{
		first = add_stream(scan, key, sticky);
		if (first != NULL)
		{
			first->hash = hash;
			first->chain = *bucket;
			*bucket = first;
		}
		return first;
	}
	if (first->last_payload != payload)
		return first->current = first;
	stream = first->current;
	if (stream->sibling == NULL)
		stream->sibling = add_stream(scan, key, sticky);
	if (stream->sibling != NULL)
		first->current = stream->sibling;
	return stream->sibling;
}

/* ---- blocks ---- */

static uint64_t
sticky_integer(const EpGpmfKlv *klv)
{
	if (klv->value == NULL || klv->length < 4)
		return 0;
	return klv->length >= 8 ? ep_load_be64(klv->value) : ep_load_be32(klv->value);
}

/* Milliseconds of a 32-bit counter that wraps, carried on from the stream's last one. */
static int64_t
unwrap_tick(EpGpmfStream *stream, uint32_t tick)
{
	if (stream->first == NULL)
		stream->last_tick = tick;
	else
		stream->last_tick += (int64_t) (int32_t) (tick - (uint32_t) stream->last_tick);
	return (int64_t) stream->last_tick * TICK_UNIT;
}

/* The payload's stamp of this stream, and the earliest stamp of its clock. */
static int64_t
take_stamp(EpGpmfStream *stream, const EpGpmfSticky *sticky, uint32_t payload)
{
	EpGpmfClock clock = EP_GPMF_CLOCK_NONE;
	EpGpmfEpoch *epoch;
	int64_t stamp = 0;

	if (sticky->stmp.value != NULL && sticky->stmp.length >= 8)
	{
		clock = EP_GPMF_CLOCK_STMP;
		stamp = (int64_t) sticky_integer(&sticky->stmp);
	}
	else if (sticky->stps.value != NULL && sticky->stps.length >= 8)
	{
		clock = EP_GPMF_CLOCK_STMP;
		stamp = (int64_t) sticky_integer(&sticky->stps);
	}
	else if (sticky->tick.value != NULL && sticky->tick.length >= 4)
	{
		clock = EP_GPMF_CLOCK_TICK;
		stamp = unwrap_tick(stream, ep_load_be32(sticky->tick.value));
	}
	if (stream->first == NULL)
		stream->clock = clock;
	if (clock == EP_GPMF_CLOCK_NONE || clock != stream->clock || stamp < 0 || stamp > INT64_MAX / 4)
		return EP_GPMF_NO_STAMP;
	epoch = &stream->device->epoch[clock];
	if (!epoch->set || (epoch->payload == payload && stamp < epoch->stamp))
		*epoch = (EpGpmfEpoch){.set = true, .payload = payload, .stamp = stamp};
	return stamp;
}

static bool
add_block(EpGpmfLog *log, EpGpmfStream *stream, const EpGpmfSticky *sticky, EpGpmfBlock counted)
{
	EpGpmfBlock *block = ep_arena_alloc(log->arena, sizeof *block);

	if (block == NULL)
		return false;
	*block = counted;
	block->stamp = take_stamp(stream, sticky, block->payload);
	block->base = stream->samples;
	if (stream->last == NULL)
		stream->first = block;
	else
		stream->last->next = block;
	stream->last = block;
	return true;
}

/* GPSU: remember the first text of a camera with a fix, else the first at all; fit it over payloads. */
static void
take_gpsu(EpGpmfLog *log, const EpGpmfSticky *sticky)
{
	uint32_t payload = log->payloads - 1;
	bool locked = sticky->gpsf.value != NULL && sticky_integer(&sticky->gpsf) >= 2;
	int64_t utc;
	double u;

	log->clock_seen |= sticky->gpsu.value != NULL;
	if (sticky->gpsu.value == NULL || !ep_gpmf_utc(sticky->gpsu.value, sticky->gpsu.length, &utc))
		return;
	if (!log->gpsu_set || (locked && !log->gpsu_locked))
	{
		log->gpsu = utc;
		log->gpsu_payload = payload;
		log->gpsu_locked = locked;
		log->fit_n = log->fit_k = log->fit_u = log->fit_kk = log->fit_ku = 0;
		log->fit_origin = utc;
	}
	log->gpsu_set = true;
	if (log->fit_n == EP_GPMF_FIT_MAX)
		return;
	log->fit_payload = payload;
	u = (double) (utc - log->fit_origin) / 1e6;
	log->fit_n += 1;
	log->fit_k += payload;
	log->fit_u += u;
	log->fit_kk += (double) payload * payload;
	log->fit_ku += payload * u;
}

/* Samples in a data KLV; a compressed one says it inside. */
static uint32_t
sample_count(const EpGpmfKlv *data)
{
	if (data->type == '#')
		return data->length >= 4 ? ep_load_be16(data->value + 2) : 0;
	return data->repeat;
}

static void
take_tsmp(EpGpmfStream *stream, const EpGpmfSticky *sticky)
{
	if (sticky->tsmp.value == NULL || sticky->tsmp.length < 4)
		return;
	stream->tsmp_last = ep_load_be32(sticky->tsmp.value);
	if (!stream->has_tsmp)
		stream->tsmp_first = stream->tsmp_last;
	stream->has_tsmp = true;
}

/* The device's firmware, from its settings or from a stream of its own. */
static void
take_firmware(Scan *scan, const EpGpmfKlv *klv)
{
	if (scan->device->firmware.bytes == NULL && klv->value != NULL && klv->length > 0 && klv->type == 'c')
		scan->device->firmware = ep_gpmf_text(klv->value, klv->length, scan->log->arena);
}

static EpCode
scan_strm(Scan *scan, EpCursor content, uint32_t last, const EpGpmfKlv *klv)
{
	EpGpmfLog *log = scan->log;
	EpGpmfBlock block = {.strm = klv->offset, .payload = log->payloads - 1};
	EpGpmfStream *stream;
	EpGpmfStrm strm;
	EpGpmfSticky sticky;
	EpGpmfKlv data, shape = {0};

	ep_gpmf_strm_begin_key(&strm, content, ep_gpmf_key_is_structural(last) ? 0 : last, &scan->inherited);
	while (ep_gpmf_strm_next(&strm, &data))
	{
		if (shape.value == NULL || (shape.repeat == 0 && data.repeat != 0))
		{
			shape = data;
			sticky = strm.sticky;
		}
		block.klvs++;
		block.samples += sample_count(&data);
	}
	take_firmware(scan, &strm.sticky.fmwr);
	if (shape.value == NULL)
		return EP_OK;
	if (strm.key == KEY('F', 'W', 'V', 'S') || strm.key == KEY('F', 'M', 'W', 'R'))
		take_firmware(scan, &shape);
	stream = find_stream(scan, strm.key, &sticky);
	if (stream == NULL)
		return scan->error->code;
	if (stream->payloads == 0 || (stream->samples == 0 && block.samples > 0))
		set_shape(stream, &shape, &sticky);
	if (block.samples > 0 && !add_block(log, stream, &sticky, block))
		return ep_fail(scan->error, EP_E_MEMORY, klv->offset, "out of memory");
	stream->payloads++;
	stream->klvs += block.klvs;
	stream->samples += block.samples;
	if (block.klvs > stream->max_klvs)
		stream->max_klvs = block.klvs;
	stream->last_payload = block.payload;
	take_tsmp(stream, &sticky);
	take_gpsu(log, &sticky);
	return EP_OK;
}

/* ---- devices and payloads ---- */

/* DVID, DVNM and TICK of a DEVC, wherever they stand in it. */
static void
device_keys(EpCursor level, uint32_t *id, EpGpmfKlv *name, EpGpmfSticky *inherited)
{
	EpGpmfKlv klv;
	EpError ignored;

	*id = 0;
	memset(name, 0, sizeof *name);
	memset(inherited, 0, sizeof *inherited);
	while (ep_gpmf_klv_next(&level, &klv, &ignored) == EP_OK)
	{
		if (klv.key == KEY('D', 'V', 'I', 'D') && klv.length >= 4)
			*id = ep_load_be32(klv.value);
		else if (klv.key == KEY('D', 'V', 'N', 'M'))
			*name = klv;
		else if (klv.key == KEY('T', 'I', 'C', 'K'))
			inherited->tick = klv;
	}
}

static EpCode
find_device(Scan *scan, uint32_t id, const EpGpmfKlv *name)
{
	EpGpmfLog *log = scan->log;
	EpGpmfDevice *device = NULL;

	for (uint32_t i = 0; i < log->device_count && device == NULL; i++)
		if (log->devices[i]->id == id)
			device = log->devices[i];
	if (device == NULL)
	{
		if (log->device_count == EP_GPMF_MAX_DEVICES)
			return ep_fail(scan->error, EP_E_LIMIT, 0, "more than 64 devices");
		device = ep_arena_zalloc(log->arena, sizeof *device);
		if (device == NULL)
			return ep_fail(scan->error, EP_E_MEMORY, 0, "out of memory");
		device->id = id;
		if (name->value != NULL)
			device->name = ep_gpmf_text(name->value, name->length, log->arena);
		log->devices[log->device_count++] = device;
	}
	else if (log->payloads > 0 && device->last_payload == log->payloads - 1)
		log->payloads++;
	if (log->payloads == 0)
		log->payloads = 1;
	device->last_payload = log->payloads - 1;
	device->payloads++;
	scan->device = device;
	return EP_OK;
}

/* Note where the readable part ends.  In a DEVC that was cut off, whatever is wrong is the cut. */
static EpCode
fault(Scan *scan, EpCode code, size_t offset)
{
	scan->log->fault = *scan->error;
	scan->log->readable = offset;
	if (scan->cut && code != EP_E_DEPTH)
		ep_fail(&scan->log->fault, EP_E_TRUNCATED, offset, "the log ends inside a DEVC");
	return EP_DONE;
}

/* EP_OK: go on; EP_DONE: log->fault ends the scan; else a refusal of the whole log. */
static EpCode
scan_devc(Scan *scan, EpCursor content)
{
	EpGpmfKlv klv, name;
	uint32_t id;
	EpCode code;

	device_keys(content, &id, &name, &scan->inherited);
	if (scan->log->gap != 0 && ep_cursor_offset(&content) == scan->log->gap + 8)
		scan->log->tail = (scan->log->payloads += scan->log->skipped) - 1;
	code = find_device(scan, id, &name);
	if (code != EP_OK)
		return code;
	for (;;)
	{
		EpCursor nest;
		uint32_t last;
		size_t offset = ep_cursor_offset(&content);

		code = ep_gpmf_klv_next(&content, &klv, scan->error);
		if (code == EP_DONE && scan->cut)
			code = EP_E_TRUNCATED;
		if (code == EP_DONE)
			return EP_OK;
		if (code != EP_OK)
			return fault(scan, code, offset);
		if (klv.type != 0)
			continue;
		nest = ep_gpmf_klv_cursor(&content, &klv);
		code = ep_gpmf_validate_nest(nest, 2, &last, scan->error);
		if (code != EP_OK)
			return fault(scan, code, offset);
		if (klv.key == KEY('S', 'T', 'R', 'M'))
			code = scan_strm(scan, nest, last, &klv);
		if (code != EP_OK)
			return code;
	}
}

/*
 * The next DEVC's content.  One that claims more than there is, is cut to what there is.
 */
static EpCode
next_devc(Scan *scan, EpCursor *level, EpCursor *content)
{
	EpGpmfKlv klv;
	EpCode code = ep_gpmf_klv_next(level, &klv, scan->error);

	if (code == EP_E_TRUNCATED && ep_cursor_left(level) >= 8 && klv.key == KEY('D', 'E', 'V', 'C') &&
		klv.type == 0)
	{
		scan->cut = true;
		*content = (EpCursor){level->start, level->at + 8, level->end};
		level->at = level->end;
		return EP_OK;
	}
	if (code != EP_OK)
		return code;
	if (klv.key != KEY('D', 'E', 'V', 'C'))
		return ep_fail(scan->error, EP_E_SYNTAX, klv.offset, "not a DEVC");
	if (klv.type != 0)
		return ep_fail(scan->error, EP_E_STRUCTURE, klv.offset, "DEVC is not a nest");
	*content = ep_gpmf_klv_cursor(level, &klv);
	return EP_OK;
}

static EpCode
scan_log(Scan *scan)
{
	EpGpmfLog *log = scan->log;
	EpCursor level = ep_cursor(log->bytes, log->length);
	EpCursor content;
	EpCode code;

	while ((code = next_devc(scan, &level, &content)) == EP_OK)
	{
		code = scan_devc(scan, content);
		if (code == EP_DONE)
			return EP_OK;
		if (code != EP_OK)
			return code;
	}
	if (code == EP_DONE)
		return log->payloads > 0 ? EP_OK : ep_fail(scan->error, EP_E_MISSING, 0, "no DEVC");
	if (log->payloads == 0)
		return code;
	log->fault = *scan->error;
	log->readable = ep_cursor_offset(&level);
	return EP_OK;
}

EpCode
ep_gpmf_log_open_ends(EpGpmfLog *log, const void *bytes, size_t length, size_t gap, uint32_t skipped,
					  EpArena *arena, EpError *error)
{
	Scan scan = {.log = log, .error = error};
	EpCode code;

	if (length > EP_GPMF_MAX_BYTES)
		return ep_fail(error, EP_E_LIMIT, EP_GPMF_MAX_BYTES, "log is longer than 128 MB");
	memset(log, 0, sizeof *log);
	log->bytes = bytes;
	log->length = log->readable = length;
	log->arena = arena;
	log->gap = gap;
	log->skipped = skipped;
	code = scan_log(&scan);
	if (code != EP_OK)
		return code;
	return ep_gpmf_log_time(log, error);
}

EpCode
ep_gpmf_log_open(EpGpmfLog *log, const void *bytes, size_t length, EpArena *arena, EpError *error)
{
	return ep_gpmf_log_open_ends(log, bytes, length, 0, 0, arena, error);
}

/* ---- units and divisors ---- */

unsigned
ep_gpmf_stream_unit_count(const EpGpmfStream *stream)
{
	const EpGpmfKlv *unit = &stream->sticky.unit;

	return unit->value == NULL || unit->size == 0 ? 0 : unit->repeat;
}

EpGpmfText
ep_gpmf_stream_unit(const EpGpmfStream *stream, unsigned element, EpArena *arena)
{
	const EpGpmfKlv *unit = &stream->sticky.unit;
	unsigned count = ep_gpmf_stream_unit_count(stream);

	if (count == 0)
		return (EpGpmfText){NULL, 0};
	return ep_gpmf_text(unit->value + (size_t) (element % count) * unit->size, unit->size, arena);
}

unsigned
ep_gpmf_stream_scale_count(const EpGpmfStream *stream)
{
	const EpGpmfKlv *scal = &stream->sticky.scal;
	unsigned size = ep_gpmf_type_size(scal->type);

	if (scal->value == NULL || size == 0 || scal->size < size || ep_gpmf_type_is_text(scal->type))
		return 0;
	return scal->repeat < EP_GPMF_MAX_ELEMENTS ? scal->repeat : EP_GPMF_MAX_ELEMENTS;
}

double
ep_gpmf_stream_scale(const EpGpmfStream *stream, unsigned i)
{
	const EpGpmfKlv *scal = &stream->sticky.scal;

	return ep_gpmf_number(scal->type, scal->value + (size_t) i * scal->size);
}
