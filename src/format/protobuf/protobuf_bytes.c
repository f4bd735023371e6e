/*
 * protobuf_bytes.c
 *	  Records of the wire format, written.
 *
 * Server-free.
 */
#include "format/protobuf/protobuf_bytes.h"

#include <string.h>

static bool
make_room(EpProtoBytes *bytes, size_t more)
{
	size_t capacity = bytes->capacity * 2;
	uint8_t *data;

	if (bytes->full)
		return false;
	if (more <= bytes->capacity - bytes->length)
		return true;
	if (capacity < bytes->length + more)
		capacity = bytes->length + more;
	if (capacity < 256)
		capacity = 256;
	data = ep_arena_alloc(bytes->arena, capacity);
	if (data == NULL)
	{
		bytes->full = true;
		return false;
	}
	if (bytes->length > 0)
		memcpy(data, bytes->data, bytes->length);
	bytes->data = data;
	bytes->capacity = capacity;
	return true;
}

void
ep_protobuf_bytes_put(EpProtoBytes *bytes, const void *data, size_t length)
{
	if (length == 0 || !make_room(bytes, length))
		return;
	memcpy(bytes->data + bytes->length, data, length);
	bytes->length += length;
}

static size_t
write_varint(uint64_t value, uint8_t *out)
{
	size_t n = 0;

	for (; value >= 0x80; value >>= 7)
		out[n++] = (uint8_t) (value | 0x80);
	out[n++] = (uint8_t) value;
	return n;
}

void
ep_protobuf_bytes_varint(EpProtoBytes *bytes, uint64_t value)
{
	uint8_t varint[10];

	ep_protobuf_bytes_put(bytes, varint, write_varint(value, varint));
}

void
ep_protobuf_bytes_tag(EpProtoBytes *bytes, uint32_t number, uint32_t wire)
{
	ep_protobuf_bytes_varint(bytes, (uint64_t) number << 3 | wire);
}

static void
put_fixed(EpProtoBytes *bytes, uint64_t bits, size_t size)
{
	uint8_t fixed[8];

	for (size_t i = 0; i < size; i++)
		fixed[i] = (uint8_t) (bits >> 8 * i);
	ep_protobuf_bytes_put(bytes, fixed, size);
}

/* The bits of a varint as the field's type means them. */
static uint64_t
varint_bits(const EpProtoField *field, uint64_t bits)
{
	switch ((EpProtoType) field->type)
	{
		case EP_PROTO_BOOL:
			return bits != 0;
		case EP_PROTO_INT32:
		case EP_PROTO_ENUM:
			return (uint64_t) (int64_t) (int32_t) bits;
		case EP_PROTO_UINT32:
		case EP_PROTO_SINT32:
			return (uint32_t) bits;
		default:
			return bits;
	}
}

void
ep_protobuf_bytes_scalar(EpProtoBytes *bytes, const EpProtoField *field, const EpProtoRecord *record)
{
	switch (field->wire)
	{
		case EP_WIRE_VARINT:
			ep_protobuf_bytes_varint(bytes, varint_bits(field, record->bits));
			break;
		case EP_WIRE_I64:
			put_fixed(bytes, record->bits, 8);
			break;
		case EP_WIRE_I32:
			put_fixed(bytes, record->bits, 4);
			break;
		default:
			ep_protobuf_bytes_varint(bytes, record->bits);
			ep_protobuf_bytes_put(bytes, record->data, (size_t) record->bits);
			break;
	}
}

/* ---- nested messages ---- */

size_t
ep_protobuf_bytes_begin(EpProtoBytes *bytes, uint32_t number)
{
	ep_protobuf_bytes_tag(bytes, number, EP_WIRE_LEN);
	ep_protobuf_bytes_varint(bytes, 0);
	return bytes->length;
}

/* Most lengths fit the one byte that was left for them; for a longer one the contents move. */
void
ep_protobuf_bytes_end(EpProtoBytes *bytes, size_t begun)
{
	uint8_t varint[10];
	size_t length = bytes->length - begun;
	size_t size = write_varint(length, varint);

	if (!make_room(bytes, size - 1))
		return;
	if (size > 1)
		memmove(bytes->data + begun + size - 1, bytes->data + begun, length);
	memcpy(bytes->data + begun - 1, varint, size);
	bytes->length += size - 1;
}

size_t
ep_protobuf_bytes_open(EpProtoBytes *bytes, const EpProtoField *field)
{
	if (field->delimited)
	{
		ep_protobuf_bytes_tag(bytes, field->number, EP_WIRE_GROUP);
		return bytes->length;
	}
	if (!field->owner->message_set)
		return ep_protobuf_bytes_begin(bytes, field->number);
	ep_protobuf_bytes_tag(bytes, EP_MESSAGE_SET_ITEM, EP_WIRE_GROUP);
	ep_protobuf_bytes_tag(bytes, EP_MESSAGE_SET_TYPE, EP_WIRE_VARINT);
	ep_protobuf_bytes_varint(bytes, field->number);
	return ep_protobuf_bytes_begin(bytes, EP_MESSAGE_SET_MESSAGE);
}

void
ep_protobuf_bytes_close(EpProtoBytes *bytes, const EpProtoField *field, size_t opened)
{
	if (field->delimited)
	{
		ep_protobuf_bytes_tag(bytes, field->number, EP_WIRE_END);
		return;
	}
	ep_protobuf_bytes_end(bytes, opened);
	if (field->owner->message_set)
		ep_protobuf_bytes_tag(bytes, EP_MESSAGE_SET_ITEM, EP_WIRE_END);
}
