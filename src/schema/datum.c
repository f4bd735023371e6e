/*
 * datum.c
 *	  From a decoded value to a datum of the column's type.
 */
#include "schema/datum.h"

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "core/json_scan.h"
#include "datatype/timestamp.h"
#include "schema/type_map.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

static Datum
bytes_datum(const EpValue *value)
{
	return PointerGetDatum(cstring_to_text_with_len(value->text, value->length));
}

static Datum
numeric_from_text(const char *text, size_t length)
{
	char *copy = pnstrdup(text, length);
	Datum numeric = DirectFunctionCall3(numeric_in, CStringGetDatum(copy), ObjectIdGetDatum(InvalidOid),
										Int32GetDatum(-1));

	pfree(copy);
	return numeric;
}

static Datum
numeric_datum(const EpValue *value)
{
	char buffer[DOUBLE_SHORTEST_DECIMAL_LEN];

	switch (value->kind)
	{
		case EP_INT:
			return NumericGetDatum(int64_to_numeric(value->as.i));
		case EP_UINT:
			return numeric_from_text(buffer, pg_snprintf(buffer, sizeof buffer, UINT64_FORMAT, value->as.u));
		case EP_FLOAT:
		case EP_FLOAT4:
			if (value->text != NULL)
				break;
			return numeric_from_text(buffer, double_to_shortest_decimal_bufn(value->as.f, buffer));
		default:
			break;
	}
	return numeric_from_text(value->text, value->length);
}

static Datum
interval_datum(const EpValue *value)
{
	Interval *interval = palloc0(sizeof(Interval));

	interval->time = value->as.i;
	return PointerGetDatum(interval);
}

static Datum
jsonb_datum(const EpValue *value)
{
	char *copy = pnstrdup(value->text, value->length);
	Datum jsonb = DirectFunctionCall1(jsonb_in, CStringGetDatum(copy));

	pfree(copy);
	return jsonb;
}

static double
float_of(const EpValue *value)
{
	return value->kind == EP_INT ? (double) value->as.i : value->as.f;
}

static Datum
array_datum(EpType element, const EpValue *value)
{
	Datum *items = palloc(sizeof(Datum) * Max(value->count, 1));
	Oid oid = ep_type_oid(element);
	int16 length;
	bool by_value;
	char alignment;
	ArrayType *array;

	for (uint32 i = 0; i < value->count; i++)
		items[i] = ep_datum(element, &value->as.items[i]);
	get_typlenbyvalalign(oid, &length, &by_value, &alignment);
	array = value->count == 0 ? construct_empty_array(oid)
							  : construct_array(items, value->count, oid, length, by_value, alignment);
	pfree(items);
	return PointerGetDatum(array);
}

Datum
ep_datum(EpType type, const EpValue *value)
{
	if (type >= EP_TYPE_ARRAY)
		return array_datum(type - EP_TYPE_ARRAY, value);
	switch (type)
	{
		case EP_TYPE_BOOL:
			return BoolGetDatum(value->as.boolean);
		case EP_TYPE_INT4:
			return Int32GetDatum((int32) value->as.i);
		case EP_TYPE_INT8:
			return Int64GetDatum(value->as.i);
		case EP_TYPE_FLOAT4:
			return Float4GetDatum((float4) float_of(value));
		case EP_TYPE_FLOAT8:
			return Float8GetDatum(float_of(value));
		case EP_TYPE_NUMERIC:
			return numeric_datum(value);
		case EP_TYPE_TEXT:
		case EP_TYPE_BYTEA:
			return bytes_datum(value);
		case EP_TYPE_JSONB:
			return jsonb_datum(value);
		case EP_TYPE_TIMESTAMPTZ:
			return TimestampTzGetDatum(value->as.i - EP_EPOCH_SHIFT_US);
		case EP_TYPE_INTERVAL:
			return interval_datum(value);
		default:
			elog(ERROR, "no datum for column type %d", (int) type);
	}
}

/* What making one jsonb may take; a text that is shorter than the other cannot need as much. */
#define MAX_JSONB_MEMORY ((size_t) 256 * 1024 * 1024)
#define CHEAP_JSON ((size_t) 256 * 1024)

bool
ep_datum_fits_json(const char *text, size_t length)
{
	return length <= CHEAP_JSON || ep_json_cost(text, length) <= MAX_JSONB_MEMORY;
}

int
ep_datum_width(EpType type, const EpValue *value)
{
	int worst = ep_type_worst_width(type);

	/* Short ones have a header of one byte, and no padding. */
	if ((type == EP_TYPE_TEXT || type == EP_TYPE_BYTEA) && value->length <= 20)
		return value->length + 1;
	if (type == EP_TYPE_NUMERIC) /* two bytes for four digits, and as much for what the point splits */
		return Min(worst, 9 + 2 * (int) (value->text == NULL ? 5 : Min(value->length, 64) / 4));
	return worst;
}
