/*
 * protobuf_lacks.c
 *	  What a schema lacks to read all of an event, as paths.
 *
 * Server-free.  Only events with something unknown come here.
 */
#include "format/protobuf/protobuf_lacks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX 512
#define NOTES_MAX \
	4096 /* a power of two, in an event; half of them may differ: a statement remembers fewer (ingest/wanted.c) */

typedef struct Walk
{
	EpProtoLacks *lacks;
	EpDecoder *decoder;
	EpPath *place;
	char key[KEY_MAX]; /* "#", and the steps so far */
	size_t length;     /* KEY_MAX when they are too many: what is below is not noted */
	int depth;
	uint32_t ticks;
} Walk;

/* To be asked in loops: should the walk end?  When the decoder is interrupted, or as much is noted as is of use. */
static bool
stops(Walk *walk)
{
	return walk->lacks->full || ((++walk->ticks & 0x3fff) == 0 && walk->decoder->interrupted != NULL &&
								 walk->decoder->interrupted());
}

static bool walk_message(Walk *walk, const EpProtoMessage *message, EpCursor cursor);

/* ---- noting ---- */

static bool
grow(EpProtoLacks *lacks, EpArena *arena)
{
	uint32_t capacity = lacks->capacity == 0 ? 8 : lacks->capacity * 2;
	EpPath **paths = ep_arena_array(arena, capacity, sizeof(EpPath *));

	if (paths == NULL)
		return false;
	if (lacks->count > 0)
		memcpy(paths, lacks->paths, lacks->count * sizeof(EpPath *));
	lacks->paths = paths;
	lacks->capacity = capacity;
	return true;
}

static bool
append_path(Walk *walk, EpPath *path)
{
	EpProtoLacks *lacks = walk->lacks;

	if (!lacks->full && lacks->count == NOTES_MAX)
	{
		ep_protobuf_lacks_settle(lacks);
		lacks->full = lacks->count > NOTES_MAX / 2;
	}
	if (lacks->full)
		return true;
	if (lacks->count == lacks->capacity && !grow(lacks, walk->decoder->arena))
		return false;
	lacks->paths[lacks->count++] = path;
	return true;
}

/* Note the steps so far. */
static bool
note(Walk *walk)
{
	EpPathTree *paths = walk->decoder->paths;
	EpPath *path;

	if (walk->length >= KEY_MAX)
		return true;
	path = ep_path_find(paths, walk->place, walk->key, walk->length);
	if (path == NULL && paths->count < paths->max_nodes && walk->place->id != EP_PATH_TRANSIENT)
		path = ep_path_child(paths, walk->place, NULL, walk->key, walk->length, walk->decoder->arena);
	return path == NULL || append_path(walk, path);
}

/* One more step; what to set walk->length to afterwards. */
static size_t
step(Walk *walk, const char *text, size_t length)
{
	size_t before = walk->length;

	if (before + length + 1 > KEY_MAX)
	{
		walk->length = KEY_MAX;
		return before;
	}
	if (before > 1 && text[0] != '=')
		walk->key[walk->length++] = '.';
	memcpy(walk->key + walk->length, text, length);
	walk->length += length;
	return before;
}

static size_t
step_number(Walk *walk, uint32_t number)
{
	char text[12];

	return step(walk, text, (size_t) snprintf(text, sizeof text, "%u", number));
}

/* ---- looking for it ---- */

static bool
note_number(Walk *walk, const EpProtoField *field, uint64_t bits)
{
	char text[16];
	size_t before;
	bool noted;

	if (!ep_protobuf_unknown_value(field, bits))
		return true;
	before = step(walk, text, (size_t) snprintf(text, sizeof text, "=%d", (int) (int32_t) bits));
	noted = note(walk);
	walk->length = before;
	return noted;
}

static bool
walk_enum(Walk *walk, const EpProtoField *field, const EpWireRecord *record)
{
	EpCursor run;
	uint64_t bits;

	if (record->wire == EP_WIRE_VARINT)
		return note_number(walk, field, record->bits);
	run = (EpCursor){record->data, record->data, record->data + record->length};
	while (ep_protobuf_packed_next(field, &run, &bits) && !stops(walk))
		if (!note_number(walk, field, bits))
			return false;
	return true;
}

/* What stands in an Any, if the schema has its type. */
static bool
walk_any(Walk *walk, const EpProtoMessage *message, EpCursor cursor)
{
	EpWireRecord record, url = {0}, value = {0};
	const EpProtoMessage *type = NULL;
	size_t slash, before;
	char name[KEY_MAX];
	EpError error;
	bool noted;

	while (ep_wire_next(&cursor, &record, walk->depth, &error) == EP_OK && !stops(walk))
		if (record.wire == EP_WIRE_LEN && record.number <= 2)
			*(record.number == 1 ? &url : &value) = record;
	for (slash = url.length; slash > 0 && url.data[slash - 1] != '/';)
		slash--;
	if (value.data != NULL && url.length - slash < KEY_MAX - 2)
		type = ep_protobuf_find_message(message->schema, (const char *) url.data + slash, url.length - slash);
	if (type == NULL)
		return true;
	before = step(walk, name, (size_t) snprintf(name, sizeof name, "(%.*s)", KEY_MAX - 3, type->full_name));
	noted = walk_message(walk, type, (EpCursor){value.data, value.data, value.data + value.length});
	walk->length = before;
	return noted;
}

static bool
walk_value(Walk *walk, const EpProtoField *field, const EpWireRecord *record)
{
	EpCursor cursor;
	EpWireRecord part;
	EpError error;

	if (field->enumeration != NULL)
		return walk_enum(walk, field, record);
	if (field->message == NULL)
		return true;
	cursor = (EpCursor){record->data, record->data, record->data + record->length};
	if (!field->map)
		return walk_message(walk, field->message, cursor);
	while (ep_wire_next(&cursor, &part, walk->depth, &error) == EP_OK && !stops(walk))
		if (part.number == 2 && part.wire == field->message->fields[1].wire &&
			!walk_value(walk, &field->message->fields[1], &part))
			return false;
	return true;
}

static bool
walk_record(Walk *walk, const EpProtoField *field, const EpWireRecord *record)
{
	size_t before = step_number(walk, record->number);
	bool noted = field == NULL || !ep_protobuf_fits(field, record->wire) ? note(walk)
																		 : walk_value(walk, field, record);

	walk->length = before;
	return noted;
}

static bool
walk_message(Walk *walk, const EpProtoMessage *message, EpCursor cursor)
{
	EpWireRecord record;
	EpError error;
	bool noted = true;

	if (walk->depth >= EP_PROTO_DEPTH)
		return true;
	walk->depth++;
	if (message->known == EP_KNOWN_ANY)
		noted = walk_any(walk, message, cursor);
	else
		while (noted && ep_wire_next(&cursor, &record, walk->depth, &error) == EP_OK)
		{
			if (stops(walk))
				break;
			if (message->message_set)
				ep_protobuf_open_item(&record, cursor.start);
			noted = walk_record(walk, ep_protobuf_field(message, record.number), &record);
		}
	walk->depth--;
	return noted;
}

bool
ep_protobuf_lacks_add(EpProtoLacks *lacks, EpDecoder *decoder, EpPath *place, const EpProtoField *field,
					  const EpWireRecord *record)
{
	Walk walk = {.lacks = lacks, .decoder = decoder, .place = place, .key = "#", .length = 1};

	return lacks->full || walk_record(&walk, field, record);
}

static int
compare_paths(const void *a, const void *b)
{
	uintptr_t left = (uintptr_t) * (EpPath *const *) a, right = (uintptr_t) * (EpPath *const *) b;

	return left < right ? -1 : left > right;
}

void
ep_protobuf_lacks_settle(EpProtoLacks *lacks)
{
	uint32_t count = 0;

	if (lacks->count == 0)
		return;
	qsort(lacks->paths, lacks->count, sizeof(EpPath *), compare_paths);
	for (uint32_t i = 0; i < lacks->count; i++)
		if (count == 0 || lacks->paths[count - 1] != lacks->paths[i])
			lacks->paths[count++] = lacks->paths[i];
	lacks->count = count;
}

/* ---- has the schema it by now? ---- */

static bool
has_number(const EpProtoField *field, const char *at, const char *end)
{
	int64_t number = 0;
	bool negative = at < end && *at == '-';

	for (at += negative; at < end && *at >= '0' && *at <= '9' && number <= UINT32_MAX; at++)
		number = number * 10 + (*at - '0');
	if (field->map)
		field = &field->message->fields[1];
	return at == end && !ep_protobuf_unknown_value(field, (uint64_t) (negative ? -number : number));
}

/* The type that a step between parentheses names; *at moves behind it. */
static const EpProtoMessage *
named_type(const EpProtoMessage *message, const char **at, const char *end)
{
	const char *name = *at + 1, *close = memchr(name, ')', (size_t) (end - name));

	if (close == NULL)
		return NULL;
	*at = close + 1;
	return ep_protobuf_find_message(message->schema, name, (size_t) (close - name));
}

bool
ep_protobuf_lacks_no_more(const EpProtoMessage *message, const EpPath *path)
{
	const char *at = path->key, *end = path->key + path->key_length;
	const EpProtoField *field = NULL;

	if (at == end || *at != '#')
		return false;
	while (message != NULL && at < end && (*at == '#' || *at == '.'))
	{
		uint32_t number = 0;

		if (++at < end && *at == '(')
		{
			message = named_type(message, &at, end);
			continue;
		}
		for (; at < end && *at >= '0' && *at <= '9' && number <= UINT32_MAX / 16; at++)
			number = number * 10 + (uint32_t) (*at - '0');
		field = ep_protobuf_field(message, number);
		if (field == NULL)
			return false;
		message = field->map ? field->message->fields[1].message : field->message;
	}
	if (at < end && *at == '=' && field != NULL)
		return has_number(field, at + 1, end);
	return at == end && field != NULL;
}
