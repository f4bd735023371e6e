/*
 * gpmf_rows.c
 *	  The functions that give rows for a gpmf value: streams, samples, metadata.
 *
 * Rows go straight into a tuplestore.  gpmf_samples builds its array and constant columns once per
 * stream and only writes numbers into them per sample.
 */
#include "type/gpmf.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "format/gpmf/gpmf_quirks.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

EP_FUNCTION(ep_gpmf_streams);
EP_FUNCTION(ep_gpmf_samples);
EP_FUNCTION(ep_gpmf_metadata);

/* ---- streams ---- */

static Datum
unit_array(EpGpmfValue *value, const EpGpmfStream *stream, bool *isnull)
{
	int count = (int) ep_gpmf_stream_unit_count(stream);
	int lower = 1;
	Datum *units = palloc(sizeof(Datum) * (count + 1));
	bool *nulls = palloc(sizeof(bool) * (count + 1));

	*isnull = count == 0;
	for (int i = 0; i < count; i++)
		units[i] = ep_gpmf_text_datum(ep_gpmf_stream_unit(stream, i, &value->arena), &nulls[i]);
	return PointerGetDatum(
		construct_md_array(units, nulls, 1, &count, &lower, TEXTOID, -1, false, TYPALIGN_INT));
}

static Datum
scale_array(const EpGpmfStream *stream, bool *isnull)
{
	double scales[EP_GPMF_MAX_ELEMENTS];
	int count = (int) ep_gpmf_stream_scale_count(stream);

	*isnull = count == 0;
	for (int i = 0; i < count; i++)
		scales[i] = ep_gpmf_stream_scale(stream, i);
	return ep_gpmf_float_array(scales, count);
}

/* The numbers of a KLV, element after element. */
static Datum
number_array(const EpGpmfKlv *klv, bool *isnull)
{
	unsigned size = ep_gpmf_type_size(klv->type);
	unsigned count = size == 0 || klv->value == NULL ? 0 : klv->length / size;
	double *values = palloc(sizeof(double) * (count + 1));

	*isnull = count == 0 || ep_gpmf_type_is_text(klv->type);
	if (*isnull)
		return (Datum) 0;
	for (unsigned i = 0; i < count; i++)
		values[i] = ep_gpmf_number(klv->type, klv->value + i * size);
	return ep_gpmf_float_array(values, (int) count);
}

/* 64-bit integers as numeric[]: float8 holds them to 2^53 only.  NULL for other types. */
static Datum
exact_array(const EpGpmfKlv *klv, bool *isnull)
{
	int count = (int) (klv->length / 8);
	Datum *values = palloc(sizeof(Datum) * (count + 1));

	*isnull = count == 0 || (klv->type != 'j' && klv->type != 'J');
	if (*isnull)
		return (Datum) 0;
	for (int i = 0; i < count; i++)
	{
		char *digits =
			psprintf(klv->type == 'j' ? INT64_FORMAT : UINT64_FORMAT, ep_load_be64(klv->value + 8 * i));

		values[i] = DirectFunctionCall3(numeric_in, CStringGetDatum(digits), ObjectIdGetDatum(InvalidOid),
										Int32GetDatum(-1));
	}
	return PointerGetDatum(construct_array(values, count, NUMERICOID, -1, false, TYPALIGN_INT));
}

static Datum
klv_text(EpGpmfValue *value, const EpGpmfKlv *klv, bool *isnull)
{
	EpGpmfText text = {NULL, 0};

	if (klv->value != NULL)
		text = ep_gpmf_text(klv->value, klv->length, &value->arena);
	return ep_gpmf_text_datum(text, isnull);
}

/* The stream's own remark, else why its samples cannot be read. */
static Datum
remark(EpGpmfValue *value, EpGpmfStream *stream, bool *isnull)
{
	EpGpmfSample sample;
	EpError error;
	EpCode code;

	if (stream->sticky.rmrk.value != NULL)
		return klv_text(value, &stream->sticky.rmrk, isnull);
	ep_gpmf_read_stream(&value->reader, stream);
	code = ep_gpmf_read_next(&value->reader, &sample, &error);
	*isnull = code == EP_OK || code == EP_DONE;
	return *isnull ? (Datum) 0 : CStringGetTextDatum(error.message);
}

static Datum
clock_text(const EpGpmfLog *log, const EpGpmfStream *stream)
{
	const char *utc = ep_gpmf_utc_name(log->utc);

	return CStringGetTextDatum(
		psprintf("%s%s%s", ep_gpmf_clock_name(stream), utc != NULL ? "/" : "", utc != NULL ? utc : ""));
}

/* UTC of t; NULL when the log has no clock or t is no time. */
static Datum
instant(const EpGpmfLog *log, double t, bool *isnull)
{
	*isnull = log->utc == EP_GPMF_UTC_NONE || !(fabs(t) < 1e10);
	return *isnull ? (Datum) 0 : ep_gpmf_timestamp_datum(log->started_at + (int64) rint(t * 1e6));
}

static void
put_stream(EpGpmfValue *value, EpGpmfStream *stream, ReturnSetInfo *rsinfo)
{
	const EpGpmfLog *log = &value->log;
	Datum values[23];
	bool nulls[23] = {false};

	values[0] = Int32GetDatum((int32) stream->index);
	values[1] = Int64GetDatum(stream->device->id);
	values[2] = ep_gpmf_text_datum(stream->device->name, &nulls[2]);
	values[3] = CStringGetTextDatum(stream->fourcc);
	values[4] = ep_gpmf_text_datum(stream->name, &nulls[4]);
	values[5] = CStringGetTextDatum(stream->types);
	values[6] = Int32GetDatum(stream->elements);
	values[7] = Int32GetDatum((int32) stream->payloads);
	values[8] = Int64GetDatum((int64) stream->samples);
	values[9] = unit_array(value, stream, &nulls[9]);
	values[10] = scale_array(stream, &nulls[10]);
	values[11] = Float8GetDatum(stream->rate);
	nulls[11] = !(stream->rate > 0);
	values[12] = instant(log, stream->t_first, &nulls[12]);
	values[13] = instant(log, stream->t_last, &nulls[13]);
	if (stream->first == NULL)
		nulls[12] = nulls[13] = true;
	values[14] = remark(value, stream, &nulls[14]);
	values[15] = clock_text(log, stream);
	values[16] = Int32GetDatum(stream->size);
	values[17] = Int64GetDatum((int64) stream->klvs);
	values[18] = klv_text(value, &stream->sticky.orin, &nulls[18]);
	values[19] = klv_text(value, &stream->sticky.orio, &nulls[19]);
	values[20] = number_array(&stream->sticky.mtrx, &nulls[20]);
	values[21] = Int64GetDatum(stream->tsmp_first);
	values[22] = Int64GetDatum(stream->tsmp_last);
	nulls[21] = nulls[22] = !stream->has_tsmp;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
ep_gpmf_streams(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	EpGpmfValue *value;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	value = ep_gpmf_value_open(fcinfo, 0);
	ep_gpmf_value_retime(value, fcinfo, 1);
	for (uint32_t i = 0; i < value->log.stream_count; i++)
		put_stream(value, value->log.streams[i], rsinfo);
	return (Datum) 0;
}

/* ---- samples ---- */

/* One row in the making: constant columns and the array stay from sample to sample. */
typedef struct SampleRow
{
	Datum values[10];
	bool nulls[10];
	uint32_t layout;  /* what array is made for; 0: nothing */
	ArrayType *array; /* float8[], all elements numbers */
	bool has_text;    /* some elements are text: the array is made anew, with NULLs */
} SampleRow;

static void
fit_row(SampleRow *row, const EpGpmfSample *sample)
{
	row->layout = sample->layout;
	row->has_text = sample->count == 0;
	for (unsigned i = 0; i < sample->count; i++)
		row->has_text |= ep_gpmf_type_is_text(sample->elements[i].type);
	row->values[1] = Int64GetDatum(sample->stream->device->id);
	row->values[2] = CStringGetTextDatum(sample->stream->fourcc);
	row->array =
		row->has_text
			? NULL
			: (ArrayType *) DatumGetPointer(ep_gpmf_float_array(sample->values, (int) sample->count));
}

/* Elements where some are text: those are NULL in value, and joined by spaces in label. */
static void
set_mixed(SampleRow *row, const EpGpmfSample *sample)
{
	Datum elements[EP_GPMF_MAX_ELEMENTS];
	bool nulls[EP_GPMF_MAX_ELEMENTS];
	char label[EP_GPMF_MAX_ELEMENTS * 3 + 32];
	size_t length = 0;
	int count = (int) sample->count;
	int lower = 1;

	for (int i = 0; i < count; i++)
	{
		elements[i] = Float8GetDatum(sample->values[i]);
		nulls[i] = ep_gpmf_type_is_text(sample->elements[i].type);
		if (!nulls[i])
			continue;
		if (length > 0 && sample->elements[i].type != 'c' && sample->elements[i].type != 'u')
			label[length++] = ' ';
		length += ep_gpmf_element_text(&sample->elements[i], sample->bytes, label + length);
	}
	row->values[8] = PointerGetDatum(construct_md_array(elements, nulls, 1, &count, &lower, FLOAT8OID,
														sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	row->values[9] = PointerGetDatum(cstring_to_text_with_len(label, (int) length));
}

static void
set_values(SampleRow *row, const EpGpmfSample *sample)
{
	row->nulls[8] = sample->count == 0;
	row->nulls[9] = !row->has_text;
	if (sample->count == 0)
		row->values[9] = ep_gpmf_text_datum(sample->label, &row->nulls[9]);
	else if (row->has_text)
		set_mixed(row, sample);
	else
	{
		memcpy(ARR_DATA_PTR(row->array), sample->values, sizeof(double) * sample->count);
		row->values[8] = PointerGetDatum(row->array);
	}
}

static void
put_samples(EpGpmfValue *value, EpGpmfStream *stream, bool named, bool quirks, ReturnSetInfo *rsinfo)
{
	SampleRow row = {.values = {Int32GetDatum((int32) stream->index)}};
	EpGpmfSample sample;
	EpError error;
	EpCode code;

	ep_gpmf_read_stream(&value->reader, stream);
	while ((code = ep_gpmf_read_next(&value->reader, &sample, &error)) != EP_DONE)
	{
		CHECK_FOR_INTERRUPTS();
		if (code != EP_OK && named)
			ep_gpmf_raise_stream(&error, stream->fourcc);
		if (code != EP_OK)
			continue;
		if (quirks)
			ep_gpmf_quirks_correct(&value->reader, &sample);
		if (row.layout != sample.layout)
			fit_row(&row, &sample);
		row.values[3] = Int32GetDatum((int32) sample.payload);
		row.values[4] = Int32GetDatum((int32) sample.klv);
		row.values[5] = Int32GetDatum((int32) sample.sample);
		row.values[6] = Float8GetDatum(sample.t);
		row.values[7] = ep_gpmf_timestamp_datum(sample.at);
		row.nulls[7] = !sample.has_at;
		set_values(&row, &sample);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, row.values, row.nulls);
		if (row.has_text)
			ep_arena_reset(&value->scratch);
	}
}

Datum
ep_gpmf_samples(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	bool named = !PG_ARGISNULL(1);
	bool quirks = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context;
	EpGpmfValue *value;
	char *fourcc = NULL;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	if (named)
		fourcc = text_to_cstring(PG_GETARG_TEXT_PP(1));
	value = ep_gpmf_value_open(fcinfo, 0);
	ep_gpmf_value_retime(value, fcinfo, 3);
	context = AllocSetContextCreate(caller, "gpmf stream", ALLOCSET_DEFAULT_SIZES);
	for (uint32_t i = 0; i < value->log.stream_count; i++)
	{
		EpGpmfStream *stream = value->log.streams[i];

		if (named && strcmp(stream->fourcc, fourcc) != 0)
			continue;
		MemoryContextSwitchTo(context);
		put_samples(value, stream, named, quirks, rsinfo);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(context);
	}
	return (Datum) 0;
}

/* ---- metadata ---- */

/* Where the walk stands: the payload, the device, and the stream whose data is to be left out. */
typedef struct Place
{
	uint32_t payload;
	uint32_t device;
	uint32_t seen[EP_GPMF_MAX_DEVICES]; /* devices of this payload */
	unsigned seen_count;
	uint32_t data_key; /* of the STRM; 0: in none, or it has no data */
} Place;

/* A DEVC: its device, and whether it starts the next payload. */
static void
enter_device(Place *place, EpCursor content)
{
	EpGpmfKlv klv;
	EpError ignored;

	place->device = 0;
	place->data_key = 0;
	while (ep_gpmf_klv_next(&content, &klv, &ignored) == EP_OK)
		if (klv.key == EP_GPMF_KEY('D', 'V', 'I', 'D') && klv.length >= 4)
			place->device = ep_load_be32(klv.value);
	for (unsigned i = 0; i < place->seen_count; i++)
		if (place->seen[i] == place->device)
		{
			place->payload++;
			place->seen_count = 0;
		}
	if (place->seen_count < EP_GPMF_MAX_DEVICES)
		place->seen[place->seen_count++] = place->device;
}

/* A number, or a text, alone; structs and what has more samples are the data of a stream. */
static bool
is_one_value(const EpGpmfKlv *klv)
{
	unsigned size = ep_gpmf_type_size(klv->type);

	if (klv->type == 'c' || klv->type == 'u')
		return klv->length > 0 && (klv->size == 1 || klv->repeat == 1);
	return size > 0 && klv->length == size;
}

static void
put_key(EpGpmfValue *value, const Place *place, const EpGpmfKlv *klv, int depth, ReturnSetInfo *rsinfo)
{
	Datum values[10];
	bool nulls[10] = {false};
	int64_t at;
	char name[5], type[2] = {(char) klv->type, '\0'};
	bool text = ep_gpmf_type_is_text(klv->type);

	if (klv->type < ' ' || klv->type > '~')
		type[0] = '.';
	values[0] = Int32GetDatum((int32) place->payload);
	values[1] = Int64GetDatum(place->device);
	ep_gpmf_key_name(place->data_key, name);
	nulls[2] = place->data_key == 0 || depth < 2;
	values[2] = CStringGetTextDatum(nulls[2] ? "" : name);
	ep_gpmf_key_name(klv->key, name);
	values[3] = CStringGetTextDatum(name);
	values[4] = CStringGetTextDatum(type);
	values[5] = Int64GetDatum(klv->offset);
	values[6] = number_array(klv, &nulls[6]);
	nulls[7] = !text;
	if (text && klv->type == 'G')
		values[7] = DirectFunctionCall2(
			binary_encode,
			PointerGetDatum(cstring_to_text_with_len((const char *) klv->value, (int) klv->length)),
			CStringGetTextDatum("hex"));
	else if (text)
		values[7] = klv_text(value, klv, &nulls[7]);
	nulls[8] = klv->type != 'U' || !ep_gpmf_utc(klv->value, klv->length, &at);
	values[8] = nulls[8] ? (Datum) 0 : ep_gpmf_timestamp_datum(at);
	values[9] = exact_array(klv, &nulls[9]);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
ep_gpmf_metadata(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	static const EpGpmfSticky none;
	EpGpmfValue *value;
	EpGpmfWalk walk;
	EpGpmfKlv klv;
	EpError error;
	Place place = {0};
	EpCursor bytes;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext row;
	int depth;

	InitMaterializedSRF(fcinfo, 0);
	value = ep_gpmf_value_open(fcinfo, 0);
	row = AllocSetContextCreate(caller, "gpmf key", ALLOCSET_DEFAULT_SIZES);
	bytes = ep_cursor(value->log.bytes, value->log.length);
	ep_gpmf_walk_begin(&walk, bytes);
	while (ep_gpmf_walk_next(&walk, &klv, &depth, &error) == EP_OK)
	{
		CHECK_FOR_INTERRUPTS();
		if (depth == 0)
			enter_device(&place, ep_gpmf_klv_cursor(&bytes, &klv));
		else if (klv.type == 0 && depth == 1)
		{
			EpGpmfStrm strm;

			ep_gpmf_strm_begin(&strm, ep_gpmf_klv_cursor(&bytes, &klv), &none);
			place.data_key = strm.key;
		}
		if (klv.type == 0 || (depth > 1 && klv.key == place.data_key && !is_one_value(&klv)))
			continue;
		MemoryContextSwitchTo(row);
		put_key(value, &place, &klv, depth, rsinfo);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(row);
	}
	return (Datum) 0;
}
