/*
 * protobuf_jsonb.c
 *	  A jsonb of what the ProtoJSON writer gives, without a text between.
 *
 * The tree is made here and the server turns it into bytes.  pushJsonbValue() would make the same one, but
 * sorts the keys of every object by qsort, which costs more than all the rest: objects of messages are small.
 */
#include "schema/protobuf_jsonb.h"

#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

/* So many keys are sorted by insertion. */
#define FEW_PAIRS 24

/* As the server limits them. */
#define MAX_ITEMS(type) Min(MaxAllocSize / sizeof(type), JB_CMASK)

static void read_value(const EpProtoToken **at, JsonbValue *value);

static Numeric
read_number(const EpProtoToken *token)
{
	char *text = pnstrdup(token->as.text, token->length);
	Datum number = DirectFunctionCall3(numeric_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid),
									   Int32GetDatum(-1));

	pfree(text);
	return DatumGetNumeric(number);
}

/* Into *value a key, string, number or word. */
static inline void
set_scalar(const EpProtoToken *token, JsonbValue *value)
{
	value->type = jbvNull;
	switch ((EpProtoTokenKind) token->kind)
	{
		case EP_TOKEN_KEY:
		case EP_TOKEN_STRING:
			value->type = jbvString;
			value->val.string.val = (char *) token->as.text;
			value->val.string.len = (int) token->length;
			break;
		case EP_TOKEN_NUMBER:
			value->type = jbvNumeric;
			value->val.numeric = read_number(token);
			break;
		case EP_TOKEN_DECIMAL:
			value->type = jbvNumeric;
			value->val.numeric = token->places == 0
									 ? int64_to_numeric(token->as.integer)
									 : int64_div_fast_to_numeric(token->as.integer, token->places);
			break;
		case EP_TOKEN_TRUE:
		case EP_TOKEN_FALSE:
			value->type = jbvBool;
			value->val.boolean = token->kind == EP_TOKEN_TRUE;
			break;
		default:
			break;
	}
}

/* Room for one more item; capacities are 8, 16, 32 ... */
static void *
make_room(void *items, int count, size_t size, size_t limit)
{
	if (count == 0)
		return palloc(8 * size);
	if (count < 8 || (count & (count - 1)) != 0)
		return items;
	if ((size_t) count * 2 > limit)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("number of jsonb elements exceeds the maximum allowed (%zu)", limit)));
	return repalloc(items, (size_t) count * 2 * size);
}

/* ---- objects ---- */

/* In the order of jsonb: shorter keys first, then by their bytes. */
static inline int
compare_keys(const JsonbPair *left, const JsonbPair *right)
{
	if (left->key.val.string.len != right->key.val.string.len)
		return left->key.val.string.len < right->key.val.string.len ? -1 : 1;
	return memcmp(left->key.val.string.val, right->key.val.string.val, left->key.val.string.len);
}

static int
compare_pairs(const void *a, const void *b)
{
	const JsonbPair *left = a, *right = b;
	int order = compare_keys(left, right);

	return order != 0 ? order : left->order < right->order ? -1 : left->order > right->order;
}

/* A copy in order: places are sorted, since a pair is large to move. */
static JsonbPair *
sort_few(const JsonbPair *pairs, int count)
{
	uint8 order[FEW_PAIRS];
	JsonbPair *sorted = palloc(count * sizeof *sorted);

	for (int i = 0; i < count; i++)
	{
		int at = i;

		for (; at > 0 && compare_keys(&pairs[order[at - 1]], &pairs[i]) > 0; at--)
			order[at] = order[at - 1];
		order[at] = (uint8) i;
	}
	for (int i = 0; i < count; i++)
		sorted[i] = pairs[order[i]];
	return sorted;
}

/* Sort; of pairs with one key the last stays. Sets how many are left. */
static JsonbPair *
settle_pairs(JsonbPair *pairs, int *count)
{
	int kept = 0;

	if (*count <= FEW_PAIRS)
		pairs = sort_few(pairs, *count);
	else
		qsort(pairs, (size_t) *count, sizeof *pairs, compare_pairs);
	for (int i = 0; i < *count; i++)
	{
		if (i + 1 < *count && compare_keys(&pairs[i], &pairs[i + 1]) == 0)
			continue;
		if (kept != i)
			pairs[kept] = pairs[i];
		kept++;
	}
	*count = kept;
	return pairs;
}

static void
read_object(const EpProtoToken **at, JsonbValue *object)
{
	JsonbPair *pairs = NULL;
	int count = 0;

	while ((*at)->kind != EP_TOKEN_OBJECT_END)
	{
		pairs = make_room(pairs, count, sizeof *pairs, MAX_ITEMS(JsonbPair));
		set_scalar((*at)++, &pairs[count].key);
		read_value(at, &pairs[count].value);
		pairs[count].order = (uint32) count;
		count++;
	}
	(*at)++;
	object->type = jbvObject;
	object->val.object.pairs = settle_pairs(pairs, &count);
	object->val.object.nPairs = count;
}

/* ---- arrays and values ---- */

static void
read_array(const EpProtoToken **at, JsonbValue *array)
{
	JsonbValue *elements = NULL;
	int count = 0;

	while ((*at)->kind != EP_TOKEN_ARRAY_END)
	{
		elements = make_room(elements, count, sizeof *elements, MAX_ITEMS(JsonbValue));
		read_value(at, &elements[count++]);
	}
	(*at)++;
	array->type = jbvArray;
	array->val.array.nElems = count;
	array->val.array.elems = elements;
	array->val.array.rawScalar = false;
}

/* Into *value the token at hand and those that belong to it; *at is then behind them. */
static void
read_value(const EpProtoToken **at, JsonbValue *value)
{
	const EpProtoToken *token = (*at)++;

	CHECK_FOR_INTERRUPTS();
	if (token->kind == EP_TOKEN_OBJECT || token->kind == EP_TOKEN_ARRAY)
		check_stack_depth();
	if (token->kind == EP_TOKEN_OBJECT)
		read_object(at, value);
	else if (token->kind == EP_TOKEN_ARRAY)
		read_array(at, value);
	else
		set_scalar(token, value);
}

/* The tree is garbage of the caller's memory context. */
Datum
ep_protobuf_jsonb(const EpProtoWriter *writer)
{
	const EpProtoToken *at = writer->tokens;
	JsonbValue whole;

	read_value(&at, &whole);
	return JsonbPGetDatum(JsonbValueToJsonb(&whole));
}
