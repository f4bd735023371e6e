/*
 * protobuf_last.c
 *	  The last record of one field, found by stepping over the others: the quick way through usual messages.
 *
 * Server-free.  Usual are records without groups, whose tags have one byte or two.  For all others the answer is that there is
 * none here; then protobuf_path.c, which knows every corner and every error, is asked.
 */
#include "format/protobuf/protobuf_json.h"

bool
ep_protobuf_is_plain(const EpProtoPath *path)
{
	for (int i = 0; i < path->count; i++)
	{
		const EpProtoField *field = path->fields[i];

		if (field->repeated || field->oneof >= 0 || field->wire == EP_WIRE_GROUP ||
			field->owner->required_count > 0 || field->owner->message_set || field->owner->map_entry ||
			(field->enumeration != NULL && field->enumeration->closed))
			return false;
	}
	return true;
}

/* A tag of one byte or two; 0: something else stands there. */
static inline uint32_t
read_tag(const uint8_t **at, const uint8_t *end)
{
	uint32_t tag = *(*at)++;

	if (tag < 0x80)
		return tag < 8 ? 0 : tag;
	if (*at == end || **at >= 0x80)
		return 0;
	tag = (tag & 0x7f) | (uint32_t) * (*at)++ << 7;
	return tag < 8 ? 0 : tag;
}

static inline const uint8_t *
skip_varint(const uint8_t *at, const uint8_t *end)
{
	if (at < end && *at < 0x80)
		return at + 1;
	if (end - at >= 8)
	{
		uint64_t last = ~ep_load_le64(at) & UINT64_C(0x8080808080808080); /* bytes that end a varint */

		if (last != 0)
			return at + __builtin_ctzll(last) / 8 + 1;
	}
	for (const uint8_t *most = end - at > 10 ? at + 10 : end; at < most;)
		if (*at++ < 0x80)
			return at;
	return NULL;
}

/* What follows the value of this wire type; NULL: it is cut short, or none of these. */
static inline const uint8_t *
skip_value(const uint8_t *at, const uint8_t *end, uint32_t wire)
{
	uint64_t length;

	switch (wire)
	{
		case EP_WIRE_VARINT:
			return skip_varint(at, end);
		case EP_WIRE_LEN:
			if (at == end)
				return NULL;
			length = *at++;
			if (length >= 0x80 && (at = ep_wire_varint_long(at - 1, end, &length)) == NULL)
				return NULL;
			return length > (uint64_t) (end - at) ? NULL : at + length;
		case EP_WIRE_I64:
			return end - at < 8 ? NULL : at + 8;
		case EP_WIRE_I32:
			return end - at < 4 ? NULL : at + 4;
		default:
			return NULL;
	}
}

/* The last value under a tag, from its first byte on, NULL when there is none; how many there are, -1: not for us. */
static inline int
find_tag(const uint8_t *at, const uint8_t *end, uint32_t wanted, const uint8_t **value)
{
	const uint8_t *last = NULL;
	int count = 0;

	while (at < end)
	{
		const uint8_t *from;
		uint32_t tag;

		tag = read_tag(&at, end);
		from = at;
		if (tag == 0 || (at = skip_value(at, end, tag & 7)) == NULL)
			return -1;
		if (tag != wanted)
			continue;
		last = from;
		count++;
	}
	*value = last;
	return count;
}

/* As ep_wire_next has it; the value has been stepped over, so it is whole. */
static bool
read_value(const EpProtoField *field, const uint8_t *at, const uint8_t *end, EpProtoRecord *record)
{
	EpCursor cursor = {at, at, end};

	*record = (EpProtoRecord){field, at, 0, field->wire, false};
	if (field->wire == EP_WIRE_I64)
		record->bits = ep_load_le64(at);
	else if (field->wire == EP_WIRE_I32)
		record->bits = ep_load_le32(at);
	else if (!ep_wire_varint(&cursor, &record->bits))
		return false;
	if (field->wire == EP_WIRE_LEN)
		record->data = cursor.at;
	return true;
}

/* What stands for a field that is not there. */
static EpCode
absent(const EpProtoField *field, const uint8_t *end, EpProtoRecord *record)
{
	if (field->presence)
		return EP_DONE;
	*record = (EpProtoRecord){field, end, 0, field->wire, false};
	return EP_OK;
}

EpCode
ep_protobuf_find_last(const EpProtoPath *path, const uint8_t *bytes, size_t length, EpProtoRecord *record)
{
	const uint8_t *end = bytes + length;

	for (int i = 0; i < path->count; i++)
	{
		const EpProtoField *field = path->fields[i];
		const uint8_t *value;
		int count = find_tag(bytes, end, field->number << 3 | field->wire, &value);

		if (count < 0 || (count > 1 && field->message != NULL))
			return EP_E_UNSUPPORTED;
		if (count == 0)
			return absent(field, end, record);
		if (!read_value(field, value, end, record))
			return EP_E_UNSUPPORTED;
		bytes = record->data;
		end = bytes + record->bits;
	}
	return EP_OK;
}
