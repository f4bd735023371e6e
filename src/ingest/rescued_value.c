/*
 * rescued_value.c
 *	  From _ep_rescued back to a value of a column: the way of rescue.c, the other way round.
 *
 * A value is taken only when the column would have taken it as it came, whole: what the JSON form does not settle
 * stays where it is.  Only values whose reason can pass are looked at; a second spelling, a copy ("path#2") or a misfit
 * was kept beside a column that has another value.
 */
#include "core/compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "format/format.h"
#include "ingest/datum.h"
#include "ingest/rescue.h"
#include "schema/type_map.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

/* "-12.000000500s", as rescue.c writes it. */
static bool
interval_from_text(const char *text, size_t length, EpValue *value)
{
	char *copy = pnstrdup(text, length), *end;
	bool negative = copy[0] == '-';
	int64 seconds = strtoll(copy + negative, &end, 10), nanos;

	if (*end != '.' || seconds > PG_INT64_MAX / USECS_PER_SEC - 1)
		return false;
	nanos = strtoll(end + 1, &end, 10);
	*value = (EpValue){.kind = EP_INTERVAL, .as.i = seconds * USECS_PER_SEC + nanos / 1000};
	if (negative)
		value->as.i = -value->as.i;
	return strcmp(end, "s") == 0 && nanos % 1000 == 0;
}

static bool
float_from_text(const char *text, size_t length, EpValue *value)
{
	static const struct
	{
		const char *text;
		double f;
	} names[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}};

	for (int i = 0; i < lengthof(names); i++)
		if (strlen(names[i].text) == length && memcmp(names[i].text, text, length) == 0)
		{
			*value = (EpValue){.kind = EP_FLOAT, .as.f = names[i].f};
			return true;
		}
	return false;
}

/* What the payload's decoder was told. */
typedef struct Source
{
	const EpFormat *format;
	bool infer_timestamps;
} Source;

/* The strings of typed formats stand for other things than text; all of it. */
static bool
value_from_string(EpType type, const Source *source, const char *text, size_t length, EpValue *value)
{
	*value = (EpValue){.kind = EP_TEXT, .text = text, .length = length};
	if (source->format->untyped)
	{
		*value = ep_value_from_literal(text, length);
		value->untyped = true;
	}
	if (!source->format->binary && source->infer_timestamps)
		ep_value_infer_timestamp(value);
	if (!source->format->binary || type == EP_TYPE_TEXT)
		return value->kind != EP_TIMESTAMP || value->nanos == 0 || type == EP_TYPE_TEXT;
	switch (type)
	{
		case EP_TYPE_TIMESTAMPTZ:
			value->kind = EP_TIMESTAMP;
			return ep_timestamp_from_text(text, length, &value->as.i, &value->nanos) && value->nanos == 0;
		case EP_TYPE_BYTEA:
			if (length < 2 || length % 2 != 0 || memcmp(text, "\\x", 2) != 0)
				return false;
			value->kind = EP_BYTES;
			value->text = palloc(length / 2);
			value->length = hex_decode(text + 2, length - 2, (char *) value->text);
			return true;
		case EP_TYPE_INTERVAL:
			return interval_from_text(text, length, value);
		case EP_TYPE_FLOAT4:
		case EP_TYPE_FLOAT8:
			return float_from_text(text, length, value);
		default:
			return false;
	}
}

static bool value_from_json(EpType type, const Source *source, const JsonbValue *json, EpValue *value);

static bool
value_from_array(EpType type, const Source *source, JsonbContainer *array, EpValue *value)
{
	int count = JsonContainerSize(array);
	EpValue *items = palloc(sizeof(EpValue) * Max(count, 1));

	for (int i = 0; i < count; i++)
		if (!value_from_json(type - EP_TYPE_ARRAY, source, getIthJsonbValueFromContainer(array, i),
							 &items[i]))
			return false;
	*value = (EpValue){.kind = EP_ARRAY, .count = count, .as.items = items};
	return true;
}

/* The value as the payload had it, for a column of that type; false when it does not say. */
static bool
value_from_json(EpType type, const Source *source, const JsonbValue *json, EpValue *value)
{
	char *text;

	switch (json->type)
	{
		case jbvBool:
			*value = (EpValue){.kind = EP_BOOL, .as.boolean = json->val.boolean};
			return true;
		case jbvNumeric:
			text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(json->val.numeric)));
			return ep_value_from_number(text, strlen(text), value) == EP_OK;
		case jbvString:
			return value_from_string(type, source, json->val.string.val, json->val.string.len, value);
		case jbvBinary:
			if (type > EP_TYPE_ARRAY)
				return JsonContainerIsArray(json->val.binary.data) &&
					   value_from_array(type, source, json->val.binary.data, value);
			text = JsonbToCString(NULL, json->val.binary.data, json->val.binary.len);
			*value = (EpValue){.kind = EP_JSON, .text = text, .length = strlen(text)};
			return true;
		default:
			return false;
	}
}

static JsonbValue *
member(JsonbContainer *object, const char *key, size_t length)
{
	return getKeyJsonValueFromContainer(object, key, length, NULL);
}

static bool
reason_passes(const JsonbValue *why)
{
	char reason[16] = "";

	if (why == NULL || why->type != jbvString || why->val.string.len >= sizeof reason)
		return false;
	memcpy(reason, why->val.string.val, why->val.string.len);
	return ep_rescue_passes(reason);
}

/* The value kept of this path, if the column would take it. */
static bool
fitting_value(JsonbContainer *rescued, text *path, EpType type, const Source *source, EpValue *value)
{
	JsonbValue *kept = member(rescued, VARDATA_ANY(path), VARSIZE_ANY_EXHDR(path)), *json;

	if (kept == NULL || kept->type != jbvBinary || !JsonContainerIsObject(kept->val.binary.data) ||
		!reason_passes(member(kept->val.binary.data, "why", 3)))
		return false;
	json = member(kept->val.binary.data, "v", 1);
	return json != NULL && value_from_json(type, source, json, value) && ep_type_accepts(type, value);
}

/*
 * Arguments (rescued jsonb, paths text[], format text, infer_timestamps boolean, column anyelement): the first path with a
 * fitting value, or NULL.
 */
static text *
fitting_path(FunctionCallInfo fcinfo, EpType *type, EpValue *value)
{
	Jsonb *rescued;
	Source source;
	Datum *paths;
	int count;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		return NULL;
	rescued = PG_GETARG_JSONB_P(0);
	source = (Source){ep_format_find(text_to_cstring(PG_GETARG_TEXT_PP(2))), PG_GETARG_BOOL(3)};
	*type = ep_type_from_oid(get_fn_expr_argtype(fcinfo->flinfo, 4));
	if (source.format == NULL || *type == EP_TYPE_NONE || !JB_ROOT_IS_OBJECT(rescued))
		return NULL;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &paths, NULL, &count);
	for (int i = 0; i < count; i++)
		if (fitting_value(&rescued->root, DatumGetTextPP(paths[i]), *type, &source, value))
			return DatumGetTextPP(paths[i]);
	return NULL;
}

EP_FUNCTION(ep_rescued_value);

Datum
ep_rescued_value(PG_FUNCTION_ARGS)
{
	EpType type;
	EpValue value;

	if (fitting_path(fcinfo, &type, &value) == NULL)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(ep_datum(type, &value));
}

EP_FUNCTION(ep_rescued_path);

Datum
ep_rescued_path(PG_FUNCTION_ARGS)
{
	EpType type;
	EpValue value;
	text *path = fitting_path(fcinfo, &type, &value);

	if (path == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(path);
}
