/*
 * protobuf_unknown.c
 *	  Records of an event that its schema does not know, kept as they came.
 */
#include "format/protobuf/protobuf_unknown.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
ep_protobuf_unknown_add(EpProtoUnknown *unknown, EpArena *arena, EpProtoSlice slice)
{
	if (unknown->count == unknown->capacity)
	{
		uint32_t capacity = unknown->capacity == 0 ? 8 : unknown->capacity * 2;
		EpProtoSlice *slices = ep_arena_array(arena, capacity, sizeof *slices);

		if (slices == NULL || capacity > UINT32_MAX / 2)
			return false;
		if (unknown->count > 0)
			memcpy(slices, unknown->slices, unknown->count * sizeof *slices);
		unknown->slices = slices;
		unknown->capacity = capacity;
	}
	unknown->slices[unknown->count++] = slice;
	return true;
}

/* The path of a field number in the message at place. */
static EpPath *
number_path(EpDecoder *decoder, EpPath *place, uint32_t number)
{
	char key[12];

	snprintf(key, sizeof key, "#%u", number);
	return ep_path_child(decoder->paths, place, NULL, key, strlen(key), decoder->arena);
}

/* ---- partial fields ---- */

static EpField *
add_partial(EpProtoUnknown *unknown, EpArena *arena)
{
	if (unknown->partial_count == unknown->partial_capacity)
	{
		uint32_t capacity = unknown->partial_capacity == 0 ? 4 : unknown->partial_capacity * 2;
		EpField *partial = ep_arena_array(arena, capacity, sizeof *partial);

		if (partial == NULL || capacity > UINT32_MAX / 2)
			return NULL;
		if (unknown->partial_count > 0)
			memcpy(partial, unknown->partial, unknown->partial_count * sizeof *partial);
		unknown->partial = partial;
		unknown->partial_capacity = capacity;
	}
	return &unknown->partial[unknown->partial_count++];
}

/* A record as it stood in its message, or as it could have. */
static void
put_record(EpProtoBytes *bytes, const EpProtoRecord *record)
{
	ep_protobuf_bytes_tag(bytes, record->field->number, record->wire);
	if (record->wire == EP_WIRE_VARINT || record->wire == EP_WIRE_LEN)
		ep_protobuf_bytes_varint(bytes, record->bits);
	if (record->wire == EP_WIRE_LEN || record->wire == EP_WIRE_GROUP)
		ep_protobuf_bytes_put(bytes, record->data, (size_t) record->bits);
	if (record->wire == EP_WIRE_GROUP)
		ep_protobuf_bytes_tag(bytes, record->field->number, EP_WIRE_END);
}

bool
ep_protobuf_unknown_add_partial(EpProtoUnknown *unknown, EpDecoder *decoder, const EpPath *path,
								const EpProtoRecord *records, uint32_t count)
{
	EpProtoBytes bytes = {.arena = decoder->arena, .data = (uint8_t *) ""};
	EpField *field = add_partial(unknown, decoder->arena);

	if (field == NULL)
		return false;
	for (uint32_t i = 0; i < count; i++)
	{
		const EpProtoField *known = records[i].field;
		EpWireRecord record = {known->number, records[i].wire, records[i].bits, records[i].data,
							   records[i].wire == EP_WIRE_VARINT ? 0 : (size_t) records[i].bits};

		put_record(&bytes, &records[i]);
		if (!ep_protobuf_lacks_add(&unknown->lacks, decoder, path->parent, known, &record))
			return false;
	}
	field->path = number_path(decoder, path->parent, records[0].field->number);
	field->value = (EpValue){.kind = EP_BYTES, .text = (const char *) bytes.data, .length = bytes.length};
	return field->path != NULL && !bytes.full;
}

/* ---- unknown fields ---- */

/* Those of one field of one message together, as they came. */
static int
compare_slices(const void *a, const void *b)
{
	const EpProtoSlice *left = a, *right = b;

	if (left->node != right->node)
		return (uintptr_t) left->node < (uintptr_t) right->node ? -1 : 1;
	if (left->number != right->number)
		return left->number < right->number ? -1 : 1;
	return left->bytes < right->bytes ? -1 : left->bytes > right->bytes;
}

static bool
same_field(const EpProtoSlice *left, const EpProtoSlice *right)
{
	return left->node == right->node && left->number == right->number;
}

/* Leave out what a message had before another case of its oneof came; how many are left. */
static uint32_t
drop_absent(EpProtoUnknown *unknown, uint64_t stamp)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < unknown->count; i++)
	{
		const EpProtoNode *node = unknown->slices[i].node;

		if (node->stamp == stamp && node->present && i >= node->unknown_since)
			unknown->slices[count++] = unknown->slices[i];
	}
	return count;
}

/* What the schema lacks to read a slice. */
static bool
add_lack(EpProtoLacks *lacks, EpDecoder *decoder, const EpProtoSlice *slice)
{
	const EpProtoMessage *message = slice->node->open.message;
	EpCursor cursor = {slice->bytes, slice->bytes, slice->bytes + slice->length};
	EpWireRecord record;
	EpError error;

	if (ep_wire_next(&cursor, &record, 0, &error) != EP_OK)
		return true;
	if (message->message_set)
		ep_protobuf_open_item(&record, slice->bytes);
	return ep_protobuf_lacks_add(lacks, decoder, slice->node->path, ep_protobuf_field(message, record.number),
								 &record);
}

/* One field of the event from slices [first, end). */
static bool
give_field(EpProtoUnknown *unknown, EpDecoder *decoder, const EpProtoSlice *first, const EpProtoSlice *end,
		   EpField *field)
{
	size_t length = 0;
	uint8_t *bytes;

	for (const EpProtoSlice *slice = first; slice < end; slice++)
		length += slice->length;
	bytes = ep_arena_alloc(decoder->arena, length);
	if (bytes == NULL)
		return false;
	field->path = number_path(decoder, first->node->path, first->number);
	field->value = (EpValue){.kind = EP_BYTES, .text = (const char *) bytes, .length = length};
	for (const EpProtoSlice *slice = first; slice < end; bytes += slice++->length)
	{
		memcpy(bytes, slice->bytes, slice->length);
		if (!add_lack(&unknown->lacks, decoder, slice))
			return false;
	}
	return field->path != NULL;
}

bool
ep_protobuf_unknown_give(EpProtoUnknown *unknown, EpDecoder *decoder, uint64_t stamp, EpEvent *event)
{
	uint32_t count = drop_absent(unknown, stamp);

	if (count + unknown->partial_count == 0)
		return true;
	event->unknown =
		ep_arena_array(decoder->arena, (size_t) count + unknown->partial_count, sizeof *event->unknown);
	if (event->unknown == NULL)
		return false;
	event->unknown_count = event->partial_count = unknown->partial_count;
	if (unknown->partial_count > 0)
		memcpy(event->unknown, unknown->partial, unknown->partial_count * sizeof *event->unknown);
	if (count > 0)
		qsort(unknown->slices, count, sizeof *unknown->slices, compare_slices);
	for (uint32_t i = 0, next; i < count; i = next)
	{
		for (next = i + 1; next < count && same_field(&unknown->slices[i], &unknown->slices[next]);)
			next++;
		if (!give_field(unknown, decoder, &unknown->slices[i], &unknown->slices[next],
						&event->unknown[event->unknown_count++]))
			return false;
	}
	ep_protobuf_lacks_settle(&unknown->lacks);
	event->lacks = unknown->lacks.paths;
	event->lack_count = unknown->lacks.count;
	return true;
}

/* ---- reading them later ---- */

uint32_t
ep_protobuf_unknown_number(const EpPath *path)
{
	uint32_t number = 0;

	if (path->key_length < 2 || path->key_length > 10 || path->key[0] != '#')
		return 0;
	for (uint32_t i = 1; i < path->key_length; i++)
	{
		if (path->key[i] < '0' || path->key[i] > '9')
			return 0;
		number = number * 10 + (uint32_t) (path->key[i] - '0');
	}
	return number;
}

/* The field that the path names, reading down from the top; open is the message that has it. */
static const EpProtoField *
find_field(const EpProtoMessage *message, const EpPath *path, EpProtoOpen *levels, EpProtoOpen **open)
{
	const EpPath *segments[EP_PATH_SEGMENTS_MAX];
	size_t count = ep_path_segments(path, segments);
	const EpProtoField *field = NULL;
	EpProtoOpen *inner = &levels[0];

	*inner = (EpProtoOpen){NULL, message, 0};
	for (size_t i = count; i-- > 0;)
	{
		if (field != NULL)
		{
			inner[1] = (EpProtoOpen){inner, field->message, inner->depth + 1};
			inner++;
		}
		field = ep_protobuf_find_field(inner->message, segments[i]->key, segments[i]->key_length);
		if (field == NULL || (i > 0 && ep_protobuf_flatten(field, inner) != EP_TYPE_NONE))
			return NULL;
	}
	*open = inner;
	return field;
}

const EpProtoMessage *
ep_protobuf_message_at(const EpProtoMessage *message, const EpPath *path)
{
	EpProtoOpen levels[EP_PATH_SEGMENTS_MAX + 1], *open;
	const EpProtoField *field;

	if (path->parent == NULL)
		return message;
	field = find_field(message, path, levels, &open);
	return field == NULL || ep_protobuf_flatten(field, open) != EP_TYPE_NONE ? NULL : field->message;
}

const EpProtoField *
ep_protobuf_field_at(const EpProtoMessage *message, const EpPath *path)
{
	EpProtoOpen levels[EP_PATH_SEGMENTS_MAX + 1], *open;

	return path->parent == NULL ? NULL : find_field(message, path, levels, &open);
}

bool
ep_protobuf_is_reserved(const EpProtoMessage *message, uint32_t number)
{
	for (uint32_t i = 0; i < message->reserved.range_count; i++)
		if (number >= message->reserved.ranges[i].first && number <= message->reserved.ranges[i].last)
			return true;
	return false;
}

/* Is it the field's name as identities have it: lower-cased, without underscores? */
static bool
names_field(const char *segment, size_t length, const char *name)
{
	const char *end = segment + length;

	for (; *name != '\0'; name++)
	{
		char letter = *name >= 'A' && *name <= 'Z' ? (char) (*name + ('a' - 'A')) : *name;

		if (letter == '_')
			continue;
		if (segment == end || *segment++ != letter)
			return false;
	}
	return segment == end;
}

bool
ep_protobuf_has_identity(const EpProtoMessage *message, const char *identity)
{
	while (message != NULL)
	{
		size_t length = strcspn(identity, ".");
		const EpProtoField *field = NULL;

		for (uint32_t i = 0; i < message->field_count && field == NULL; i++)
			if (names_field(identity, length, message->fields[i].name))
				field = &message->fields[i];
		if (field == NULL || identity[length] == '\0')
			return field != NULL;
		message = field->message;
		identity += length + 1;
	}
	return false;
}

EpType
ep_protobuf_type_at(const EpProtoMessage *message, const EpPath *path)
{
	EpProtoOpen levels[EP_PATH_SEGMENTS_MAX + 1], *open;
	const EpProtoField *field = path->parent == NULL ? NULL : find_field(message, path, levels, &open);

	return field == NULL ? EP_TYPE_NONE : ep_protobuf_flatten(field, open);
}

bool
ep_protobuf_wrap(const EpProtoMessage *message, const EpPath *path, const void *records, size_t length,
				 EpProtoBytes *bytes)
{
	const EpPath *segments[EP_PATH_SEGMENTS_MAX];
	const EpProtoField *fields[EP_PATH_SEGMENTS_MAX];
	size_t opened[EP_PATH_SEGMENTS_MAX];
	size_t count = path->parent == NULL ? 0 : ep_path_segments(path, segments);

	if (ep_protobuf_message_at(message, path) == NULL)
		return false;
	for (size_t i = count; i-- > 0; message = fields[i]->message)
	{
		fields[i] = ep_protobuf_find_field(message, segments[i]->key, segments[i]->key_length);
		opened[i] = ep_protobuf_bytes_open(bytes, fields[i]);
	}
	ep_protobuf_bytes_put(bytes, records, length);
	for (size_t i = 0; i < count; i++)
		ep_protobuf_bytes_close(bytes, fields[i], opened[i]);
	return !bytes->full;
}
