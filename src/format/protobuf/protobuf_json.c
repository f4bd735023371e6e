/*
 * protobuf_json.c
 *	  ProtoJSON of messages: members, arrays, maps.
 *
 * Server-free.  A member is written name first and taken back when its value turns out to be
 * nothing (a list whose elements were all unknown numbers of a closed enum).
 */
#include "format/protobuf/protobuf_writer.h"

#include <stdlib.h>
#include <string.h>

static EpCode
check_room(EpProtoWriter *writer)
{
	if (!writer->full)
		return EP_OK;
	return ep_protobuf_writer_fail(writer, EP_E_MEMORY, NULL,
								   "protobuf message needs more memory than it may have", NULL);
}

/* ---- arrays ---- */

static EpCode
put_packed(EpProtoWriter *writer, const EpProtoField *field, const EpProtoRecord *packed, bool *first)
{
	EpProtoRecord element = {field, NULL, 0, field->wire, false};
	EpCursor run = {writer->start, packed->data, packed->data + packed->bits};

	while (!writer->full && ep_protobuf_packed_next(field, &run, &element.bits))
	{
		EpCode code;

		if (ep_protobuf_stops(writer))
			return ep_protobuf_writer_fail(writer, EP_E_LIMIT, run.at, "interrupted", field);
		if (ep_protobuf_unknown_value(field, element.bits))
		{
			writer->unknown = true;
			continue;
		}
		if (!*first)
			ep_protobuf_put_mark(writer, ',');
		*first = false;
		if ((code = ep_protobuf_put_scalar(writer, field, &element)) != EP_OK)
			return code;
	}
	if (run.at != run.end && !writer->full)
		return ep_protobuf_writer_fail(writer, EP_E_TRUNCATED, run.at,
									   "packed protobuf values end inside a value", field);
	return check_room(writer);
}

static EpCode
put_array(EpProtoWriter *writer, const EpProtoField *field, EpProtoSpan span, int depth, bool *empty)
{
	bool first = true;

	ep_protobuf_put_mark(writer, '[');
	for (size_t i = span.first; i < span.end; i++)
	{
		EpProtoRecord record = writer->records[i];
		EpCode code;

		if (record.wire == EP_WIRE_LEN && field->wire != EP_WIRE_LEN)
		{
			if ((code = put_packed(writer, field, &record, &first)) != EP_OK)
				return code;
			continue;
		}
		if (!first)
			ep_protobuf_put_mark(writer, ',');
		first = false;
		code = field->message != NULL
				   ? ep_protobuf_put_message(writer, field->message, (EpProtoSpan){i, i + 1}, depth + 1)
				   : ep_protobuf_put_scalar(writer, field, &record);
		if (code != EP_OK)
			return code;
	}
	ep_protobuf_put_mark(writer, ']');
	*empty = first;
	return EP_OK;
}

/* ---- maps ---- */

#define FEW_KEYS 16

/* A key in one form, however many bits the wire had. */
static uint64_t
key_bits(const EpProtoField *field, uint64_t bits)
{
	switch ((EpProtoType) field->type)
	{
		case EP_PROTO_BOOL:
			return bits != 0;
		case EP_PROTO_INT32:
		case EP_PROTO_UINT32:
		case EP_PROTO_SINT32:
			return (uint32_t) bits;
		default:
			return bits;
	}
}

static int
compare_keys(const void *a, const void *b)
{
	const EpProtoRecord *left = *(const EpProtoRecord *const *) a;
	const EpProtoRecord *right = *(const EpProtoRecord *const *) b;
	int order;

	if (left->bits != right->bits)
		return left->bits < right->bits ? -1 : 1;
	order =
		left->data == NULL || right->data == NULL ? 0 : memcmp(left->data, right->data, (size_t) left->bits);
	return order != 0 ? order : left < right ? -1 : left > right;
}

static bool
same_key(const EpProtoRecord *left, const EpProtoRecord *right)
{
	return left->bits == right->bits && (left->bits == 0 || left->data == NULL ||
										 memcmp(left->data, right->data, (size_t) left->bits) == 0);
}

/* What an absent value is, as a record. */
static EpProtoRecord
zero_record(const EpProtoField *field)
{
	EpProtoRecord zero = {field, (const uint8_t *) "", 0, field->wire, false};

	if (field->enumeration != NULL)
		zero.bits = (uint64_t) (int64_t) field->enumeration->values[0].number;
	return zero;
}

/* A key or value that another one in its entry replaces is not shown, but has to be text. */
static EpCode
check_replaced(EpProtoWriter *writer, const EpProtoRecord *record)
{
	if (record->field->type != EP_PROTO_STRING)
		return EP_OK;
	return ep_protobuf_check_string(writer, record->field, record->data, (size_t) record->bits);
}

/*
 * The last key and value of an entry.  The key is dead when the value is an unknown number of a
 * closed enum: then the whole entry counts as unknown.
 */
static EpCode
read_entry(EpProtoWriter *writer, const EpProtoMessage *entry, const EpProtoRecord *slice, int depth,
		   EpProtoRecord *key, EpProtoRecord *value)
{
	EpCursor cursor = {writer->start, slice->data, slice->data + slice->bits};
	EpWireRecord record = {0};
	EpCode code;

	*key = zero_record(&entry->fields[0]);
	*value = zero_record(&entry->fields[1]);
	if (key->field->type != EP_PROTO_STRING)
		key->data = NULL;
	if (depth > EP_PROTO_DEPTH)
		return ep_protobuf_writer_fail(writer, EP_E_DEPTH, slice->data, "protobuf is nested too deeply",
									   NULL);
	while ((code = ep_wire_next(&cursor, &record, depth, writer->error)) == EP_OK)
	{
		if (ep_protobuf_stops(writer))
			return ep_protobuf_writer_fail(writer, EP_E_LIMIT, record.data, "interrupted", NULL);
		if (record.number == 1 && record.wire == key->field->wire)
		{
			if ((code = check_replaced(writer, key)) != EP_OK)
				return code;
			key->data = record.wire == EP_WIRE_LEN ? record.data : NULL;
			key->bits = record.wire == EP_WIRE_LEN ? record.length : key_bits(key->field, record.bits);
		}
		else if (record.number == 2 && record.wire == value->field->wire)
		{
			if ((code = check_replaced(writer, value)) != EP_OK)
				return code;
			value->data = record.data;
			value->bits = record.bits;
			key->dead = ep_protobuf_unknown_value(value->field, record.bits);
			writer->unknown |= key->dead;
		}
		else
			writer->unknown = true;
	}
	return code == EP_DONE ? EP_OK : code;
}

/* Push key and value of every entry, by turns. */
static EpCode
push_entries(EpProtoWriter *writer, const EpProtoMessage *entry, EpProtoSpan entries, int depth)
{
	for (size_t i = entries.first; i < entries.end; i++)
	{
		EpProtoRecord slice = writer->records[i];
		EpProtoRecord key, value;
		EpCode code = read_entry(writer, entry, &slice, depth + 1, &key, &value);

		if (code != EP_OK || (code = ep_protobuf_push(writer, key)) != EP_OK ||
			(code = ep_protobuf_push(writer, value)) != EP_OK)
			return code;
	}
	return EP_OK;
}

/* The same for the few entries that most maps have, without sorting. */
static void
settle_few_keys(EpProtoWriter *writer, EpProtoSpan pairs)
{
	for (size_t i = pairs.first; i < pairs.end; i += 2)
		for (size_t j = i + 2; j < pairs.end && !writer->records[i].dead; j += 2)
			writer->records[i].dead =
				!writer->records[j].dead && same_key(&writer->records[i], &writer->records[j]);
}

/* Of entries with one key only the last stays alive. */
static EpCode
settle_keys(EpProtoWriter *writer, EpProtoSpan pairs)
{
	size_t count = (pairs.end - pairs.first) / 2, alive = 0;
	EpProtoRecord **order = ep_arena_array(writer->arena, count, sizeof *order);

	if (order == NULL)
	{
		writer->full = true;
		return check_room(writer);
	}
	for (size_t i = pairs.first; i < pairs.end; i += 2)
		if (!writer->records[i].dead)
			order[alive++] = &writer->records[i];
	qsort(order, alive, sizeof *order, compare_keys);
	for (size_t i = 1; i < alive; i++)
		order[i - 1]->dead = same_key(order[i - 1], order[i]);
	return EP_OK;
}

/* A key that is a number or bool: its text, as a string. */
static EpCode
put_number_key(EpProtoWriter *writer, const EpProtoRecord *key)
{
	bool tokenizes = writer->tokenizes;
	size_t from;
	EpCode code;

	from = ep_protobuf_open_text(writer);
	writer->tokenizes = false;
	writer->bare = true;
	code = ep_protobuf_put_scalar(writer, key->field, key);
	writer->tokenizes = tokenizes;
	writer->bare = false;
	ep_protobuf_close_text(writer, from, EP_TOKEN_KEY);
	return code;
}

static EpCode
put_key(EpProtoWriter *writer, const EpProtoRecord *key)
{
	EpCode code = key->field->type == EP_PROTO_STRING ? ep_protobuf_put_scalar(writer, key->field, key)
													  : put_number_key(writer, key);

	if (writer->tokenizes && code == EP_OK && !writer->full)
		writer->tokens[writer->token_count - 1].kind = EP_TOKEN_KEY;
	ep_protobuf_put_mark(writer, ':');
	return code;
}

/* The message in an entry, merged from all that the entry has of it. */
static EpCode
put_map_message(EpProtoWriter *writer, const EpProtoMessage *entry, size_t at, int depth)
{
	const EpProtoField *value = &entry->fields[1];
	EpProtoSpan found;
	EpCode code = ep_protobuf_scan(writer, entry, (EpProtoSpan){at, at + 1}, depth + 1, &found);

	if (code != EP_OK)
		return code;
	while (found.first < found.end && writer->records[found.first].field != value)
		found.first++;
	return ep_protobuf_put_message(writer, value->message, found, depth + 2);
}

/* A message that a later entry replaces is not shown, but has to be well formed. */
static EpCode
check_map_message(EpProtoWriter *writer, const EpProtoMessage *entry, size_t at, int depth)
{
	size_t length = writer->length, token_count = writer->token_count;
	EpCode code = put_map_message(writer, entry, at, depth);

	writer->length = length;
	writer->token_count = token_count;
	return code;
}

static EpCode
put_map(EpProtoWriter *writer, const EpProtoField *field, EpProtoSpan entries, int depth, bool *empty)
{
	const EpProtoMessage *entry = field->message;
	EpProtoSpan pairs = {writer->count, writer->count + 2 * (entries.end - entries.first)};
	EpCode code = push_entries(writer, entry, entries, depth);
	bool first = true;

	if (code == EP_OK && entries.end - entries.first > FEW_KEYS)
		code = settle_keys(writer, pairs);
	else if (code == EP_OK)
		settle_few_keys(writer, pairs);
	ep_protobuf_put_mark(writer, '{');
	for (size_t i = pairs.first; code == EP_OK && i < pairs.end; i += 2)
	{
		EpProtoRecord key = writer->records[i];
		EpProtoRecord value = writer->records[i + 1];
		size_t at = entries.first + (i - pairs.first) / 2;

		if (key.dead)
		{
			if (value.field->message != NULL)
				code = check_map_message(writer, entry, at, depth);
			else if ((code = check_replaced(writer, &key)) == EP_OK)
				code = check_replaced(writer, &value);
			writer->count = pairs.end;
			continue;
		}
		if (!first)
			ep_protobuf_put_mark(writer, ',');
		first = false;
		if ((code = put_key(writer, &key)) != EP_OK)
			break;
		code = value.field->message != NULL ? put_map_message(writer, entry, at, depth)
											: ep_protobuf_put_scalar(writer, value.field, &value);
		writer->count = pairs.end;
	}
	ep_protobuf_put_mark(writer, '}');
	writer->count = pairs.first;
	*empty = first;
	return code == EP_OK ? check_room(writer) : code;
}

/* ---- fields and members ---- */

static EpCode
put_value(EpProtoWriter *writer, const EpProtoField *field, EpProtoSpan span, int depth, bool *empty)
{
	bool bare = writer->bare;
	EpCode code;

	*empty = false;
	if (field->repeated || (field->message != NULL && field->message->known == EP_KNOWN_NONE))
		writer->bare = false;
	if (field->map)
		code = put_map(writer, field, span, depth, empty);
	else if (field->repeated)
		code = put_array(writer, field, span, depth, empty);
	else if (field->message != NULL)
		code = ep_protobuf_put_message(writer, field->message, span, depth + 1);
	else if (span.first < span.end)
	{
		EpProtoRecord last = writer->records[span.end - 1];

		code = ep_protobuf_put_scalar(writer, field, &last);
	}
	else
	{
		EpProtoRecord zero = zero_record(field);

		code = ep_protobuf_put_scalar(writer, field, &zero);
	}
	writer->bare = bare;
	return code == EP_OK ? check_room(writer) : code;
}

EpCode
ep_protobuf_put_field(EpProtoWriter *writer, const EpProtoField *field, EpProtoSpan span, int depth)
{
	bool empty;

	return put_value(writer, field, span, depth, &empty);
}

/* Is the last value of a field without presence the one that means absent? -0.0 is not. */
bool
ep_protobuf_is_default(const EpProtoField *field, const EpProtoRecord *record)
{
	switch ((EpProtoType) field->type)
	{
		case EP_PROTO_INT32:
		case EP_PROTO_UINT32:
		case EP_PROTO_SINT32:
		case EP_PROTO_ENUM:
			return (uint32_t) record->bits == 0;
		default:
			return record->bits == 0;
	}
}

static EpCode
put_member(EpProtoWriter *writer, const EpProtoField *field, EpProtoSpan span, int depth, bool *first)
{
	size_t before = writer->length, tokens_before = writer->token_count;
	bool empty = false;
	EpCode code;

	if (span.first < span.end && !field->presence && !field->repeated && !writer->always_print &&
		!field->owner->map_entry && ep_protobuf_is_default(field, &writer->records[span.end - 1]))
		return EP_OK;
	if (!*first)
		ep_protobuf_put_mark(writer, ',');
	ep_protobuf_put_name(writer, field->json_name, field->json_length);
	code = put_value(writer, field, span, depth, &empty);
	if (empty && !writer->always_print)
	{
		writer->length = before;
		writer->token_count = tokens_before;
	}
	else
		*first = false;
	return code;
}

/* Records of one field from span.first on; dead ones are skipped at the front. */
EpProtoSpan
ep_protobuf_next_group(const EpProtoWriter *writer, EpProtoSpan span)
{
	EpProtoSpan group;

	while (span.first < span.end && writer->records[span.first].dead)
		span.first++;
	group.first = group.end = span.first;
	while (group.end < span.end && writer->records[group.end].field == writer->records[group.first].field)
		group.end++;
	return group;
}

static EpCode
put_all_members(EpProtoWriter *writer, const EpProtoMessage *message, EpProtoSpan found, int depth,
				bool first)
{
	EpCode code = EP_OK;

	for (uint32_t i = 0; code == EP_OK && i < message->field_count; i++)
	{
		const EpProtoField *field = message->numbers[i];
		EpProtoSpan group = ep_protobuf_next_group(writer, found);

		if (group.first == group.end || writer->records[group.first].field != field)
			group.end = group.first;
		if (group.first == group.end && (field->presence || field->extension))
			continue;
		code = put_member(writer, field, group, depth, &first);
		found.first = group.end;
	}
	return code;
}

/* The members of an object without its braces. */
EpCode
ep_protobuf_put_members(EpProtoWriter *writer, const EpProtoMessage *message, EpProtoSpan slices, int depth,
						bool first)
{
	EpProtoSpan found;
	EpCode code = ep_protobuf_scan(writer, message, slices, depth, &found);
	size_t base = found.first;

	if (code == EP_OK && writer->always_print)
		code = put_all_members(writer, message, found, depth, first);
	else
		while (code == EP_OK)
		{
			EpProtoSpan group = ep_protobuf_next_group(writer, found);

			if (group.first == group.end)
				break;
			code = put_member(writer, writer->records[group.first].field, group, depth, &first);
			found.first = group.end;
		}
	writer->count = base;
	return code;
}

EpCode
ep_protobuf_put_message(EpProtoWriter *writer, const EpProtoMessage *message, EpProtoSpan slices, int depth)
{
	EpCode code;

	if (message->known != EP_KNOWN_NONE)
	{
		size_t base = writer->count;

		code = ep_protobuf_put_known(writer, message, slices, depth);
		writer->count = base;
		return code;
	}
	ep_protobuf_put_mark(writer, '{');
	code = ep_protobuf_put_members(writer, message, slices, depth, true);
	ep_protobuf_put_mark(writer, '}');
	return code == EP_OK ? check_room(writer) : code;
}

/* ---- entry points ---- */

EpCode
ep_protobuf_write_json(EpProtoWriter *writer, const EpProtoMessage *message, const uint8_t *bytes,
					   size_t length)
{
	EpProtoRecord whole = {NULL, bytes, length, EP_WIRE_LEN, false};
	EpCode code = ep_protobuf_push(writer, whole);

	if (code == EP_OK)
		code = ep_protobuf_put_message(writer, message, (EpProtoSpan){writer->count - 1, writer->count}, 0);
	return code == EP_OK ? check_room(writer) : code;
}

EpCode
ep_protobuf_write_field(EpProtoWriter *writer, const EpProtoField *field, const EpProtoRecord *records,
						size_t count, int depth)
{
	EpProtoSpan span = {writer->count, writer->count + count};
	EpCode code = EP_OK;

	for (size_t i = 0; i < count && code == EP_OK; i++)
		code = ep_protobuf_push(writer, records[i]);
	if (code == EP_OK)
		code = ep_protobuf_put_field(writer, field, span, depth);
	writer->count = span.first;
	return code == EP_OK ? check_room(writer) : code;
}
