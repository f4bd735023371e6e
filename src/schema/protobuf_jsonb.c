/*
 * protobuf_jsonb.c
 *	  A jsonb of what the ProtoJSON writer gives, without a text or a tree between.
 *
 * The layout is that of utils/jsonb.h, as the server itself writes it: a container is a header, an entry for each key and value,
 * and their data, keys first; numbers and containers are aligned.  pushJsonbValue() and JsonbValueToJsonb() give the same bytes, but
 * copy every value three times and sort the keys of every object by qsort, which costs more than reading the message.
 */
#include "schema/protobuf_jsonb.h"

#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

/* So many members of an object need no memory of their own, and are sorted by insertion. */
#define FEW_PAIRS 24

typedef struct Output
{
	EpProtoToken *tokens;
	char *data; /* a varlena to be */
	size_t length, capacity;
} Output;

/* A member of an object. */
typedef struct Pair
{
	const EpProtoToken *key, *value;
} Pair;

static JEntry put_value(Output *output, const EpProtoToken *token);

/* ---- the buffer ---- */

static void
grow(Output *output, size_t more)
{
	size_t capacity = Max(output->capacity * 2, output->length + more);

	if (output->length + more > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("protobuf message is too large for jsonb")));
	output->capacity = Min(capacity, MaxAllocSize);
	output->data = repalloc(output->data, output->capacity);
}

/* Room at the end; its place. */
static inline size_t
reserve(Output *output, size_t size)
{
	size_t at = output->length;

	if (size > output->capacity - output->length)
		grow(output, size);
	output->length += size;
	return at;
}

static inline void
put_bytes(Output *output, const void *bytes, size_t length)
{
	size_t at = reserve(output, length);

	memcpy(output->data + at, bytes, length);
}

static inline void
align(Output *output)
{
	size_t padding = INTALIGN(output->length) - output->length;
	size_t at = reserve(output, padding);

	memset(output->data + at, 0, padding);
}

/* ---- scalars ---- */

static Numeric
read_number(const EpProtoToken *token)
{
	char *text;

	if (token->kind == EP_TOKEN_DECIMAL)
		return token->places == 0 ? int64_to_numeric(token->as.integer)
								  : int64_div_fast_to_numeric(token->as.integer, token->places);
	text = pnstrdup(token->as.text, token->length);
	return DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
											   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

static JEntry
put_number(Output *output, const EpProtoToken *token)
{
	size_t from = output->length;
	Numeric number = read_number(token);

	align(output);
	put_bytes(output, number, VARSIZE_ANY(number));
	return JENTRY_ISNUMERIC | (JEntry) (output->length - from);
}

/* ---- containers ---- */

/* What the entries of a container amount to. */
typedef struct Entries
{
	size_t at; /* of the next one */
	int count;
	size_t total;
} Entries;

static void
check_size(size_t size)
{
	if (size > JENTRY_OFFLENMASK)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("total size of jsonb elements exceeds the maximum of %u bytes",
							   (unsigned) JENTRY_OFFLENMASK)));
}

/* Lengths, but now and then the offset of the end, so that a reader need not add them all. */
static inline void
put_entry(Output *output, Entries *entries, JEntry entry)
{
	entries->total += JBE_OFFLENFLD(entry);
	check_size(entries->total);
	if (entries->count++ % JB_OFFSET_STRIDE == 0)
		entry = (entry & JENTRY_TYPEMASK) | (JEntry) entries->total | JENTRY_HAS_OFF;
	memcpy(output->data + entries->at, &entry, sizeof entry);
	entries->at += sizeof entry;
}

/* Header and room for the entries of so many items. */
static Entries
open_container(Output *output, uint32 count, uint32 flags, size_t entry_count)
{
	uint32 header = count | flags;
	Entries entries = {0};

	if (count > JB_CMASK)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("number of jsonb elements exceeds the maximum allowed (%u)", (unsigned) JB_CMASK)));
	align(output);
	put_bytes(output, &header, sizeof header);
	entries.at = reserve(output, entry_count * sizeof(JEntry));
	return entries;
}

static JEntry
close_container(const Output *output, size_t from)
{
	check_size(output->length - from);
	return JENTRY_ISCONTAINER | (JEntry) (output->length - from);
}

static inline const EpProtoToken *
behind(const Output *output, const EpProtoToken *value)
{
	bool container = value->kind == EP_TOKEN_OBJECT || value->kind == EP_TOKEN_ARRAY;

	return container ? &output->tokens[value->as.integer + 1] : value + 1;
}

static JEntry
put_array(Output *output, const EpProtoToken *array)
{
	size_t from = output->length;
	Entries entries;
	uint32 count = 0;

	for (const EpProtoToken *at = array + 1; at->kind != EP_TOKEN_ARRAY_END; at = behind(output, at))
		count++;
	entries = open_container(output, count, JB_FARRAY, count);
	for (const EpProtoToken *at = array + 1; at->kind != EP_TOKEN_ARRAY_END; at = behind(output, at))
		put_entry(output, &entries, put_value(output, at));
	return close_container(output, from);
}

/* ---- objects ---- */

/* In the order of jsonb: shorter keys first, then by their bytes. */
static inline int
compare_keys(const Pair *left, const Pair *right)
{
	if (left->key->length != right->key->length)
		return left->key->length < right->key->length ? -1 : 1;
	return memcmp(left->key->as.text, right->key->as.text, left->key->length);
}

static int
compare_pairs(const void *a, const void *b)
{
	const Pair *left = a, *right = b;
	int order = compare_keys(left, right);

	return order != 0 ? order : left->key < right->key ? -1 : 1;
}

static void
sort_few(Pair *pairs, uint32 count)
{
	for (uint32 i = 1; i < count; i++)
	{
		Pair pair = pairs[i];
		uint32 at = i;

		for (; at > 0 && compare_keys(&pairs[at - 1], &pair) > 0; at--)
			pairs[at] = pairs[at - 1];
		pairs[at] = pair;
	}
}

/* Sort; of pairs with one key the last stays. How many are left. */
static uint32
settle_pairs(Pair *pairs, uint32 count)
{
	uint32 kept = 0;

	if (count <= FEW_PAIRS)
		sort_few(pairs, count);
	else
		qsort(pairs, count, sizeof *pairs, compare_pairs);
	for (uint32 i = 0; i < count; i++)
		if (i + 1 == count || compare_keys(&pairs[i], &pairs[i + 1]) != 0)
			pairs[kept++] = pairs[i];
	return kept;
}

static JEntry
put_pairs(Output *output, const Pair *pairs, uint32 count)
{
	size_t from = output->length;
	Entries entries = open_container(output, count, JB_FOBJECT, (size_t) count * 2);

	for (uint32 i = 0; i < count; i++)
	{
		put_bytes(output, pairs[i].key->as.text, pairs[i].key->length);
		put_entry(output, &entries, JENTRY_ISSTRING | pairs[i].key->length);
	}
	for (uint32 i = 0; i < count; i++)
		put_entry(output, &entries, put_value(output, pairs[i].value));
	return close_container(output, from);
}

static JEntry
put_object(Output *output, const EpProtoToken *object)
{
	Pair few[FEW_PAIRS];
	Pair *pairs = few;
	uint32 count = 0;
	JEntry entry;

	for (const EpProtoToken *at = object + 1; at->kind != EP_TOKEN_OBJECT_END; at = behind(output, at + 1))
		if (count++ < FEW_PAIRS)
			few[count - 1] = (Pair){at, at + 1};
	if (count > FEW_PAIRS)
	{
		Pair *next = pairs = palloc_extended((size_t) count * sizeof(Pair), MCXT_ALLOC_HUGE);

		for (const EpProtoToken *at = object + 1; at->kind != EP_TOKEN_OBJECT_END;
			 at = behind(output, at + 1))
			*next++ = (Pair){at, at + 1};
	}
	entry = put_pairs(output, pairs, settle_pairs(pairs, count));
	if (pairs != few)
		pfree(pairs);
	return entry;
}

/* ---- values ---- */

static JEntry
put_value(Output *output, const EpProtoToken *token)
{
	CHECK_FOR_INTERRUPTS();
	switch ((EpProtoTokenKind) token->kind)
	{
		case EP_TOKEN_KEY:
		case EP_TOKEN_STRING:
			check_size(token->length);
			put_bytes(output, token->as.text, token->length);
			return JENTRY_ISSTRING | token->length;
		case EP_TOKEN_NUMBER:
		case EP_TOKEN_DECIMAL:
			return put_number(output, token);
		case EP_TOKEN_TRUE:
			return JENTRY_ISBOOL_TRUE;
		case EP_TOKEN_FALSE:
			return JENTRY_ISBOOL_FALSE;
		case EP_TOKEN_OBJECT:
			check_stack_depth();
			return put_object(output, token);
		case EP_TOKEN_ARRAY:
			check_stack_depth();
			return put_array(output, token);
		default:
			return JENTRY_ISNULL;
	}
}

/* Into each opening bracket the place of its closing one.  While it is open, it has that of the bracket around it. */
static void
match_brackets(EpProtoToken *tokens, size_t count)
{
	int64 open = -1;

	for (size_t i = 0; i < count; i++)
	{
		int64 around;

		switch ((EpProtoTokenKind) tokens[i].kind)
		{
			case EP_TOKEN_OBJECT:
			case EP_TOKEN_ARRAY:
				tokens[i].as.integer = open;
				open = (int64) i;
				break;
			case EP_TOKEN_OBJECT_END:
			case EP_TOKEN_ARRAY_END:
				around = tokens[open].as.integer;
				tokens[open].as.integer = (int64) i;
				open = around;
				break;
			default:
				break;
		}
	}
}

Datum
ep_protobuf_jsonb(EpProtoWriter *writer)
{
	Output output = {.tokens = writer->tokens, .length = VARHDRSZ, .capacity = 1024};
	const EpProtoToken *top = writer->tokens;

	output.data = palloc(output.capacity);
	match_brackets(writer->tokens, writer->token_count);
	if (top->kind == EP_TOKEN_OBJECT || top->kind == EP_TOKEN_ARRAY)
		(void) put_value(&output, top);
	else
	{
		Entries entries = open_container(&output, 1, JB_FARRAY | JB_FSCALAR, 1);

		put_entry(&output, &entries, put_value(&output, top));
	}
	SET_VARSIZE(output.data, output.length);
	return PointerGetDatum(output.data);
}
