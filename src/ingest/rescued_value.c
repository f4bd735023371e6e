/*
 * rescued_value.c
 *	  From _ep_rescued back to a value of a column: the way of rescue.c, the other way round.
 *
 * A value is taken only when the column would have taken it as it came: what the JSON form does not settle
 * stays where it is.  A time with nanoseconds is taken and stays, as ingest would have done it.  Only values whose reason can pass are looked at; a second spelling, a copy ("path#2") or a misfit
 * was kept beside a column that has another value.
 */
#include "core/compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "format/format.h"
#include "schema/datum.h"
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
	*value =
		(EpValue){.kind = EP_INTERVAL, .as.i = seconds * USECS_PER_SEC + nanos / 1000, .nanos = nanos % 1000};
	if (negative)
		value->as.i = -value->as.i;
	return strcmp(end, "s") == 0;
}

/* A number, which jsonb may have written as an integer, or what JSON has no number for. */
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
	if (ep_value_from_number(text, length, value) != EP_OK)
		return false;
	*value = (EpValue){
		.kind = EP_FLOAT, .as.f = strtod(pnstrdup(text, length), NULL), .text = text, .length = length};
	return true;
}

/* What the payload's decoder was told, and what strings and numbers of the value stand for. */
typedef struct Source
{
	const EpFormat *format;
	bool infer_timestamps;
	EpType as; /* EP_TYPE_NONE: what they are in JSON */
} Source;

static bool
bytes_from_text(const char *text, size_t length, EpValue *value)
{
	char *bytes = palloc(length);

	if (length < 2 || length % 2 != 0 || memcmp(text, "\\x", 2) != 0)
		return false;
	*value = (EpValue){.kind = EP_BYTES, .text = bytes, .length = hex_decode(text + 2, length - 2, bytes)};
	return true;
}

/* What rescue.c wrote as a string; all of it. */
static bool
value_from_text(EpType as, const char *text, size_t length, EpValue *value)
{
	*value = (EpValue){.kind = EP_TEXT, .text = text, .length = length};
	switch (as)
	{
		case EP_TYPE_NONE:
			return true;
		case EP_TYPE_TIMESTAMPTZ:
			value->kind = EP_TIMESTAMP;
			return ep_timestamp_from_text(text, length, &value->as.i, &value->nanos);
		case EP_TYPE_BYTEA:
			return bytes_from_text(text, length, value);
		case EP_TYPE_INTERVAL:
			return interval_from_text(text, length, value);
		default:
			return float_from_text(text, length, value);
	}
}

static bool
value_from_string(const Source *source, const char *text, size_t length, EpValue *value)
{
	if (source->format->binary || source->as != EP_TYPE_NONE)
		return value_from_text(source->as, text, length, value);
	*value = (EpValue){.kind = EP_TEXT, .text = text, .length = length};
	if (source->format->untyped)
	{
		*value = ep_value_from_literal(text, length);
		value->untyped = true;
	}
	if (source->infer_timestamps)
		ep_value_infer_timestamp(value);
	return true;
}

/* Would the column give it back as it was?  Nanoseconds below a microsecond are lost. */
static bool
is_whole(const EpValue *value)
{
	return (value->kind != EP_TIMESTAMP && value->kind != EP_INTERVAL) || value->nanos == 0;
}

/* Any JSON, as what it is. */
static bool
value_from_jsonb(Jsonb *jsonb, EpValue *value)
{
	char *text = JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb));

	*value = (EpValue){.kind = EP_JSON, .text = text, .length = strlen(text)};
	return true;
}

static bool value_from_json(EpType type, const Source *source, const JsonbValue *json, EpValue *value);

static bool
value_from_array(EpType type, const Source *source, JsonbContainer *array, EpValue *value)
{
	int count = JsonContainerSize(array);
	EpValue *items = palloc(sizeof(EpValue) * Max(count, 1));

	for (int i = 0; i < count; i++)
		if (!value_from_json(type - EP_TYPE_ARRAY, source, getIthJsonbValueFromContainer(array, i),
							 &items[i]) ||
			!is_whole(&items[i]))
			return false;
	*value = (EpValue){.kind = EP_ARRAY, .count = count, .as.items = items};
	return true;
}

/* The value as the payload had it, for a column of that type; false when it does not say. */
static bool
value_from_json(EpType type, const Source *source, const JsonbValue *json, EpValue *value)
{
	char *text;

	if (source->as == EP_TYPE_JSONB)
		return value_from_jsonb(JsonbValueToJsonb(unconstify(JsonbValue *, json)), value);
	switch (json->type)
	{
		case jbvBool:
			*value = (EpValue){.kind = EP_BOOL, .as.boolean = json->val.boolean};
			return true;
		case jbvNumeric:
			text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(json->val.numeric)));
			if (source->as == EP_TYPE_FLOAT8)
				return float_from_text(text, strlen(text), value);
			return ep_value_from_number(text, strlen(text), value) == EP_OK;
		case jbvString:
			return value_from_string(source, json->val.string.val, json->val.string.len, value);
		case jbvBinary:
			if (type > EP_TYPE_ARRAY)
				return JsonContainerIsArray(json->val.binary.data) &&
					   value_from_array(type, source, json->val.binary.data, value);
			return value_from_jsonb(JsonbValueToJsonb(unconstify(JsonbValue *, json)), value);
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

static EpType
type_stood_for(const JsonbValue *as)
{
	static const EpType types[] = {EP_TYPE_BYTEA, EP_TYPE_TIMESTAMPTZ, EP_TYPE_INTERVAL, EP_TYPE_FLOAT8,
								   EP_TYPE_JSONB};

	for (int i = 0; as != NULL && as->type == jbvString && i < lengthof(types); i++)
		if (strlen(ep_type_name(types[i])) == as->val.string.len &&
			memcmp(ep_type_name(types[i]), as->val.string.val, as->val.string.len) == 0)
			return types[i];
	return EP_TYPE_NONE;
}

/* The value kept of a path for a reason that passes, or NULL; *as is what strings and numbers in it stand for. */
static JsonbValue *
kept_value(JsonbContainer *rescued, text *path, EpType *as)
{
	JsonbValue *kept = member(rescued, VARDATA_ANY(path), VARSIZE_ANY_EXHDR(path));

	if (kept == NULL || kept->type != jbvBinary || !JsonContainerIsObject(kept->val.binary.data) ||
		!reason_passes(member(kept->val.binary.data, "why", 3)))
		return NULL;
	*as = type_stood_for(member(kept->val.binary.data, "as", 2));
	return member(kept->val.binary.data, "v", 1);
}

/* Was what is kept of the path, under that very path, kept as partial? */
static bool
is_partial(JsonbContainer *rescued, text *path)
{
	JsonbValue *kept = member(rescued, VARDATA_ANY(path), VARSIZE_ANY_EXHDR(path));
	JsonbValue *why = member(kept->val.binary.data, "why", 3);

	return why != NULL && why->type == jbvString && why->val.string.len == strlen(EP_RESCUE_PARTIAL) &&
		   memcmp(why->val.string.val, EP_RESCUE_PARTIAL, why->val.string.len) == 0;
}

/* The arguments of the functions below. */
typedef struct Question
{
	MemoryContext caller, scratch; /* a statement asks many of each row, and what a row keeps may be large */
	JsonbContainer *rescued;
	Source source;
	Datum *paths;
	int path_count;
} Question;

/* Arguments (rescued jsonb, paths text[], format text, infer_timestamps boolean, types regtype[], ...); false: nothing to look at. */
static bool
read_question(FunctionCallInfo fcinfo, Question *question)
{
	Jsonb *rescued;

	question->scratch =
		AllocSetContextCreate(CurrentMemoryContext, "event_pipeline rescued value", ALLOCSET_DEFAULT_SIZES);
	question->caller = MemoryContextSwitchTo(question->scratch);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3) || PG_ARGISNULL(4))
		return false;
	rescued = PG_GETARG_JSONB_P(0);
	question->rescued = &rescued->root;
	question->source = (Source){.format = ep_format_find(text_to_cstring(PG_GETARG_TEXT_PP(2))),
								.infer_timestamps = PG_GETARG_BOOL(3)};
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &question->paths, NULL,
					  &question->path_count);
	return question->source.format != NULL && JB_ROOT_IS_OBJECT(rescued);
}

/* Whatever came of read_question(). */
static void
forget(Question *question)
{
	MemoryContextSwitchTo(question->caller);
	MemoryContextDelete(question->scratch);
}

static bool
fits(EpType type, const Source *source, const JsonbValue *json, EpValue *value)
{
	return value_from_json(type, source, json, value) && ep_type_accepts(type, value);
}

EpTypeGuess
ep_rescued_guess(EpType type, JsonbContainer *entry, const EpFormat *format)
{
	Source source = {.format = format, .as = type_stood_for(member(entry, "as", 2))};
	JsonbValue *json = member(entry, "v", 1);
	EpTypeGuess guess = {type};
	EpValue value;

	if (json == NULL || !fits(type, &source, json, &value))
		return (EpTypeGuess){type, ~(EpTypeSet) 0};
	(void) ep_type_guess_value(&guess, type, &value);
	return guess;
}

/* The place of the type, from 1, that ingest would have chosen for the value, and the value; 0: none. */
static int
place_of(const Source *source, const JsonbValue *json, const Datum *types, int count, EpValue *value)
{
	for (int i = 0; i < count; i++)
		if (fits(ep_type_from_oid(DatumGetObjectId(types[i])), source, json, value))
			return i + 1;
	return 0;
}

/*
 * The first path whose value has a place among the types, that place and value; 0: none.  question->source is that of the
 * value then.
 */
static int
find_place(FunctionCallInfo fcinfo, Question *question, text **path, EpValue *value)
{
	Datum *types;
	int count;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(4), REGTYPEOID, sizeof(Oid), true, TYPALIGN_INT, &types, NULL,
					  &count);
	for (int i = 0; i < question->path_count; i++)
	{
		JsonbValue *json =
			kept_value(question->rescued, *path = DatumGetTextPP(question->paths[i]), &question->source.as);
		int place = json == NULL ? 0 : place_of(&question->source, json, types, count, value);

		if (place != 0)
			return place;
	}
	return 0;
}

/*
 * _rescued_value(rescued, paths, format, infer_timestamps, types regtype[], column_value anyelement) returns anyelement: the value,
 * which must be of the last argument's type.
 */
EP_FUNCTION(ep_rescued_value);

Datum
ep_rescued_value(PG_FUNCTION_ARGS)
{
	EpType type = ep_type_from_oid(get_fn_expr_argtype(fcinfo->flinfo, 5));
	Question question;
	Datum result = (Datum) 0;
	EpValue value;
	text *path;
	bool found;

	found = read_question(fcinfo, &question) && find_place(fcinfo, &question, &path, &value) != 0 &&
			fits(type, &question.source, kept_value(question.rescued, path, &question.source.as), &value);
	MemoryContextSwitchTo(question.caller);
	if (found)
		result = ep_datum(type, &value);
	forget(&question);
	if (!found)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(result);
}

/* _rescued_place(rescued, paths, format, infer_timestamps, types regtype[]) returns int: which type takes a value, from 1, or NULL. */
EP_FUNCTION(ep_rescued_place);

Datum
ep_rescued_place(PG_FUNCTION_ARGS)
{
	Question question;
	EpValue value;
	text *path;
	int place = read_question(fcinfo, &question) ? find_place(fcinfo, &question, &path, &value) : 0;

	forget(&question);
	if (place == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(place);
}

/* _rescued_path(the same) returns text: the path of that value, or NULL. */
EP_FUNCTION(ep_rescued_path);

Datum
ep_rescued_path(PG_FUNCTION_ARGS)
{
	Question question;
	EpValue value;
	text *path, *found = NULL;

	if (read_question(fcinfo, &question) && find_place(fcinfo, &question, &path, &value) != 0)
	{
		MemoryContextSwitchTo(question.caller);
		found = cstring_to_text_with_len(VARDATA_ANY(path), VARSIZE_ANY_EXHDR(path));
	}
	forget(&question);
	if (found == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(found);
}

/* _rescued_is_whole(the same) returns boolean: whether its column takes all of that value, or NULL. */
EP_FUNCTION(ep_rescued_is_whole);

Datum
ep_rescued_is_whole(PG_FUNCTION_ARGS)
{
	Question question;
	EpValue value;
	text *path;
	bool found = read_question(fcinfo, &question) && find_place(fcinfo, &question, &path, &value) != 0;
	bool whole = found && is_whole(&value);

	forget(&question);
	if (!found)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(whole);
}

/* _rescued_is_partial(the same) returns boolean: is that value to take the place of what its column has? */
EP_FUNCTION(ep_rescued_is_partial);

Datum
ep_rescued_is_partial(PG_FUNCTION_ARGS)
{
	Question question;
	EpValue value;
	text *path;
	bool partial = read_question(fcinfo, &question) && find_place(fcinfo, &question, &path, &value) != 0 &&
				   is_partial(question.rescued, path);

	forget(&question);
	PG_RETURN_BOOL(partial);
}
