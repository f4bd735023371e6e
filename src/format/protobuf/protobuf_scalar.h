/*
 * protobuf_scalar.h
 *	  The value of a scalar record.  Inline: it is what decoding does most.
 */
#ifndef EP_FORMAT_PROTOBUF_SCALAR_H
#define EP_FORMAT_PROTOBUF_SCALAR_H

#include "format/protobuf/protobuf_schema.h"
#include "format/protobuf/protobuf_wire.h"

#include <stdio.h>
#include <string.h>

/* A number without a name becomes its digits, and is counted; EP_E_MEMORY when arena is full. */
static inline EpCode
ep_protobuf_enum_value(EpArena *arena, uint32_t *unnamed, const EpProtoEnum *enumeration, int32_t number,
					   EpValue *value)
{
	const char *name = ep_protobuf_enum_name(enumeration, number);
	char text[12];

	if (name == NULL)
	{
		++*unnamed;
		snprintf(text, sizeof text, "%d", number);
		name = ep_arena_strdup(arena, text, strlen(text));
		if (name == NULL)
			return EP_E_MEMORY;
	}
	*value = (EpValue){.kind = EP_TEXT, .text = name, .length = strlen(name)};
	return EP_OK;
}

static inline void
ep_protobuf_set_int(EpValue *value, int64_t n)
{
	value->kind = EP_INT;
	value->as.i = n;
}

/* The scalar value of a record; text has been checked. Numbers of enums become names. */
static inline EpCode
ep_protobuf_scalar_value(EpArena *arena, uint32_t *unnamed, const EpProtoField *field, uint64_t bits,
						 const uint8_t *data, EpValue *value)
{
	switch ((EpProtoType) field->type)
	{
		case EP_PROTO_DOUBLE:
			value->kind = EP_FLOAT;
			value->as.f = ep_double_from_bits(bits);
			break;
		case EP_PROTO_FLOAT:
			value->kind = EP_FLOAT4;
			value->as.f = ep_float_from_bits((uint32_t) bits);
			break;
		case EP_PROTO_INT64:
		case EP_PROTO_SFIXED64:
			ep_protobuf_set_int(value, (int64_t) bits);
			break;
		case EP_PROTO_SINT64:
			ep_protobuf_set_int(value, ep_wire_zigzag64(bits));
			break;
		case EP_PROTO_INT32:
		case EP_PROTO_SFIXED32:
			ep_protobuf_set_int(value, (int32_t) bits);
			break;
		case EP_PROTO_SINT32:
			ep_protobuf_set_int(value, ep_wire_zigzag32((uint32_t) bits));
			break;
		case EP_PROTO_UINT32:
		case EP_PROTO_FIXED32:
			ep_protobuf_set_int(value, (uint32_t) bits);
			break;
		case EP_PROTO_UINT64:
		case EP_PROTO_FIXED64:
			value->kind = EP_UINT;
			value->as.u = bits;
			break;
		case EP_PROTO_BOOL:
			value->kind = EP_BOOL;
			value->as.boolean = bits != 0;
			break;
		case EP_PROTO_ENUM:
			return ep_protobuf_enum_value(arena, unnamed, field->enumeration, (int32_t) bits, value);
		case EP_PROTO_STRING:
		case EP_PROTO_BYTES:
			value->kind = field->type == EP_PROTO_STRING ? EP_TEXT : EP_BYTES;
			value->text = (const char *) data;
			value->length = (size_t) bits;
			break;
		case EP_PROTO_GROUP:
		case EP_PROTO_MESSAGE:
			break;
	}
	return EP_OK;
}

#endif /* EP_FORMAT_PROTOBUF_SCALAR_H */
