/*
 * protobuf_wire.c
 *	  The slow paths of the wire reader: long varints, groups, failures; and the check of text.
 *
 * Server-free; allocates nothing.
 */
#include "format/protobuf/protobuf_wire.h"

bool (*ep_wire_interrupted)(void);

#include "core/utf8.h"

const uint8_t *
ep_wire_varint_long(const uint8_t *at, const uint8_t *end, uint64_t *value)
{
	uint64_t result = 0;
	size_t left = (size_t) (end - at);

	for (size_t i = 0; i < 10 && i < left; i++)
	{
		uint64_t byte = at[i];

		result |= (byte & 0x7f) << (7 * i);
		if (byte < 0x80)
		{
			*value = result;
			return at + i + 1;
		}
	}
	return NULL;
}

/* A tag of several bytes: at most 5, and 32 bits. */
EpCode
ep_wire_tag_long(EpCursor *cursor, uint32_t *tag, EpError *error)
{
	size_t offset = ep_cursor_offset(cursor);
	uint64_t value;

	if (!ep_wire_varint(cursor, &value))
		return ep_wire_fail(offset, EP_WIRE_VARINT, error);
	if (ep_cursor_offset(cursor) - offset > 5 || value > UINT32_MAX)
		return ep_fail(error, EP_E_SYNTAX, offset, "protobuf tag is longer than 32 bits");
	*tag = (uint32_t) value;
	return EP_OK;
}

EpCode
ep_wire_fail(size_t offset, uint32_t wire, EpError *error)
{
	switch (wire)
	{
		case EP_WIRE_VARINT:
			return ep_fail(error, EP_E_TRUNCATED, offset,
						   "protobuf varint is cut short or longer than 10 bytes");
		case EP_WIRE_I64:
		case EP_WIRE_I32:
			return ep_fail(error, EP_E_TRUNCATED, offset, "protobuf number is cut short");
		case EP_WIRE_LEN:
			return ep_fail(error, EP_E_TRUNCATED, offset, "protobuf length runs past the end of its message");
		case EP_WIRE_END:
			return ep_fail(error, EP_E_SYNTAX, offset, "protobuf group ends without having begun");
		default:
			return ep_fail(error, EP_E_SYNTAX, offset, "protobuf wire type does not exist");
	}
}

/* One record inside a group that is not a group's begin or end. */
static bool
skip_value(EpCursor *cursor, uint32_t wire)
{
	uint64_t n;

	switch (wire)
	{
		case EP_WIRE_VARINT:
			return ep_wire_varint(cursor, &n);
		case EP_WIRE_I64:
			return ep_cursor_skip(cursor, 8);
		case EP_WIRE_I32:
			return ep_cursor_skip(cursor, 4);
		case EP_WIRE_LEN:
			return ep_wire_varint(cursor, &n) && n <= ep_cursor_left(cursor) &&
				   ep_cursor_skip(cursor, (size_t) n);
	}
	return false;
}

/*
 * Step over a group whose start tag has been read; its content becomes the record's data.
 * Nested groups are kept on a small stack, so a run of start tags costs no recursion.
 */
EpCode
ep_wire_group(EpCursor *cursor, EpWireRecord *record, int depth, EpError *error)
{
	uint32_t open[EP_PROTO_DEPTH + 1], ticks = 0;
	int count = 0;

	record->data = cursor->at;
	open[count++] = record->number;
	for (;;)
	{
		EpCursor tagged = *cursor;
		uint32_t tag;
		EpCode code;

		if (ep_wire_stops(&ticks))
			return ep_fail(error, EP_E_LIMIT, ep_cursor_offset(&tagged), "interrupted");
		if (depth + count > EP_PROTO_DEPTH)
			return ep_fail(error, EP_E_DEPTH, ep_cursor_offset(&tagged), "protobuf is nested too deeply");
		if (cursor->at == cursor->end)
			return ep_fail(error, EP_E_TRUNCATED, ep_cursor_offset(&tagged), "protobuf group is not ended");
		if ((code = ep_wire_tag_long(cursor, &tag, error)) != EP_OK)
			return code;
		if (tag >> 3 == 0)
			return ep_fail(error, EP_E_SYNTAX, ep_cursor_offset(&tagged), "protobuf field number 0");
		if ((tag & 7) == EP_WIRE_GROUP)
			open[count++] = tag >> 3;
		else if ((tag & 7) == EP_WIRE_END)
		{
			if (open[--count] != tag >> 3)
				return ep_fail(error, EP_E_SYNTAX, ep_cursor_offset(&tagged),
							   "protobuf group ends with another group's number");
			if (count == 0)
			{
				record->length = (size_t) (tagged.at - record->data);
				return EP_OK;
			}
		}
		else if (!skip_value(cursor, tag & 7))
			return ep_wire_fail(ep_cursor_offset(&tagged), tag & 7, error);
	}
}

/* Eight bytes of ASCII without NUL? */
static inline bool
plain(const uint8_t *bytes)
{
	const uint64_t high = UINT64_C(0x8080808080808080);
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t word = ep_load_le64(bytes);

	return ((word | (word - ones)) & high) == 0;
}

EpCode
ep_wire_text(const uint8_t *bytes, size_t length, size_t *bad)
{
	size_t i = 0;

	while (i < length)
	{
		size_t n;

		if (length >= 8)
		{
			/* the last word may overlap the one before */
			size_t at = length - i >= 8 ? i : length - 8;

			if (plain(bytes + at))
			{
				i = at + 8;
				continue;
			}
		}
		if (bytes[i] - 1u < 0x7f)
		{
			i++;
			continue;
		}
		n = ep_utf8_length((const char *) bytes + i, (const char *) bytes + length);
		*bad = i;
		if (n == 0)
			return EP_E_ENCODING;
		if (bytes[i] == 0)
			return EP_E_NUL;
		i += n;
	}
	return EP_OK;
}
