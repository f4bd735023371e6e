/*
 * protobuf_framing.c
 *	  One message, or many with their lengths before them: which of the two a payload is.
 *
 * Server-free; looks at top-level records only, never into sub-messages.
 */
#include "format/protobuf/protobuf_framing.h"

/*
 * How many records of these bytes are no field of the type, or not of its wire type; NOT_ONE when
 * the bytes are no well-formed message or have no field of the type at all.
 */
#define NOT_ONE INT64_MAX

static int64_t
strange_records(const EpProtoMessage *message, EpCursor cursor)
{
	EpWireRecord record;
	EpError error;
	EpCode code;
	int64_t known = 0, strange = 0;
	uint32_t ticks = 0;

	while ((code = ep_wire_next(&cursor, &record, 0, &error)) == EP_OK && !ep_wire_stops(&ticks))
	{
		const EpProtoField *field = ep_protobuf_field(message, record.number);

		if (field != NULL && (field->wire == record.wire || (field->repeated && record.wire == EP_WIRE_LEN)))
			known++;
		else
			strange++;
	}
	return code == EP_DONE && known > 0 ? strange : NOT_ONE;
}

/* The next message of a chain; false when the length does not fit what is left. */
static bool
next_frame(EpCursor *left, EpCursor *message)
{
	uint64_t length;

	return ep_wire_varint(left, &length) && length <= ep_cursor_left(left) &&
		   ep_cursor_slice(left, (size_t) length, message);
}

bool
ep_protobuf_is_delimited(const EpProtoMessage *message, EpCursor payload)
{
	EpCursor left = payload, first, other;
	uint32_t ticks = 0;

	if (left.at == left.end || !next_frame(&left, &first))
		return false;
	while (left.at < left.end)
		if (!next_frame(&left, &other) || ep_wire_stops(&ticks))
			return false;
	if (first.at == first.end)
		return strange_records(message, payload) == NOT_ONE;
	return strange_records(message, first) < strange_records(message, payload);
}
