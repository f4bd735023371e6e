/*
 * protobuf_confluent.c
 *	  The frame that Confluent's serializers put before a message.
 */
#include "format/protobuf/protobuf_confluent.h"

#include <stdio.h>
#include <string.h>

/* Types nest no deeper than this in any schema that is registered. */
#define MAX_INDEXES 100

static const EpProtoMessage *
find_id(const EpProtoIds *ids, uint32_t id)
{
	uint32_t low = 0, high = ids == NULL ? 0 : ids->count;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (ids->ids[middle].id == id)
			return ids->ids[middle].message;
		if (ids->ids[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* The length of the name that the message's own name stands in: of its package, or the message around it. */
static size_t
scope_length(const EpProtoMessage *message)
{
	const char *dot = strrchr(message->full_name, '.');

	return dot == NULL ? 0 : (size_t) (dot - message->full_name);
}

/* The nth message of that scope in the file of like, or NULL; the compiler keeps the order of the descriptor. */
static const EpProtoMessage *
nth_message(const EpProtoMessage *like, const char *scope, size_t length, uint64_t n)
{
	const EpProtoSchema *schema = like->schema;

	for (uint32_t i = 0; i < schema->message_count; i++)
	{
		const EpProtoMessage *message = &schema->messages[i];

		if (scope_length(message) == length && memcmp(message->full_name, scope, length) == 0 &&
			strcmp(message->file, like->file) == 0 && n-- == 0)
			return message;
	}
	return NULL;
}

/* The message type that the indexes name in the file of like; NULL when there is none.  false: they are cut short. */
static bool
read_indexes(EpCursor *cursor, const EpProtoMessage *like, const EpProtoMessage **found)
{
	const char *scope = like->package;
	uint64_t count, index = 0;

	*found = NULL;
	if (!ep_wire_varint(cursor, &count))
		return false;
	for (int64_t left = count == 0 ? 1 : ep_wire_zigzag64(count); left > 0; left--)
	{
		if (count != 0 && !ep_wire_varint(cursor, &index))
			return false;
		if (ep_wire_zigzag64(count) > MAX_INDEXES)
			return true;
		*found = nth_message(like, scope, strlen(scope), (uint64_t) ep_wire_zigzag64(index));
		if (*found == NULL)
			return true;
		scope = (*found)->full_name;
	}
	return true;
}

EpCode
ep_protobuf_read_confluent(EpCursor *cursor, const EpProtoIds *ids, EpArena *arena, EpError *error)
{
	size_t offset = ep_cursor_offset(cursor);
	const EpProtoMessage *expected, *found;
	char text[32];
	uint32_t id;

	if (ep_cursor_left(cursor) < 6 || cursor->at[0] != 0)
		return ep_fail(error, EP_E_SYNTAX, offset,
					   "payload does not begin with the magic byte 0, a schema id and message indexes");
	id = (uint32_t) cursor->at[1] << 24 | (uint32_t) cursor->at[2] << 16 | (uint32_t) cursor->at[3] << 8 |
		 cursor->at[4];
	cursor->at += 5;
	expected = find_id(ids, id);
	if (expected == NULL)
	{
		ep_fail(error, EP_E_MISSING, offset + 1,
				"schema id is not mapped to a version that has the message type of the stream");
		error->expected = "an id that map_schema_id() was told of";
		snprintf(text, sizeof text, "schema id %u", id);
		error->found = ep_arena_strdup(arena, text, strlen(text));
		return EP_E_MISSING;
	}
	if (!read_indexes(cursor, expected, &found))
		return ep_fail(error, EP_E_TRUNCATED, offset + 5, "payload ends inside its message indexes");
	if (found == expected)
		return EP_OK;
	ep_fail(error, EP_E_TYPE, offset + 5,
			"message indexes name another message type than that of the stream");
	error->expected = expected->full_name;
	error->found = found == NULL ? "no message type of the file" : found->full_name;
	return EP_E_TYPE;
}
