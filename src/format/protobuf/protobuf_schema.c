/*
 * protobuf_schema.c
 *	  Look-ups in a compiled schema, and the column types of its fields.
 *
 * Read-only over what protobuf_compile.c built; allocates nothing.
 */
#include "format/protobuf/protobuf_schema.h"

#include <string.h>

static int
compare_name(const char *a, const char *b, size_t length)
{
	int order = strncmp(a, b, length);

	return order != 0 ? order : a[length] != '\0';
}

const EpProtoName *
ep_protobuf_find_name(const EpProtoSchema *schema, const char *name, size_t length)
{
	uint32_t low = 0, high = schema->name_count;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;
		int order = compare_name(schema->names[middle].full_name, name, length);

		if (order == 0)
			return &schema->names[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const EpProtoMessage *
ep_protobuf_find_message(const EpProtoSchema *schema, const char *name, size_t length)
{
	const EpProtoName *found = ep_protobuf_find_name(schema, name, length);

	return found == NULL ? NULL : found->message;
}

const EpProtoEnum *
ep_protobuf_find_enum(const EpProtoSchema *schema, const char *name, size_t length)
{
	const EpProtoName *found = ep_protobuf_find_name(schema, name, length);

	return found == NULL ? NULL : found->enumeration;
}

/* The first of its name in sorted; json says which name they are sorted by. */
static const EpProtoField *
search_name(const EpProtoField *const *sorted, uint32_t count, bool json, const char *name, size_t length)
{
	uint32_t low = 0, high = count;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;
		const EpProtoField *field = sorted[middle];

		if (compare_name(json ? field->json_name : field->name, name, length) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == count || compare_name(json ? sorted[low]->json_name : sorted[low]->name, name, length) != 0)
		return NULL;
	return sorted[low];
}

const EpProtoField *
ep_protobuf_find_field(const EpProtoMessage *message, const char *name, size_t length)
{
	const EpProtoField *found = search_name(message->names, message->field_count, false, name, length);

	return found != NULL ? found : search_name(message->json_names, message->field_count, true, name, length);
}

const EpProtoField *
ep_protobuf_find_json_field(const EpProtoMessage *message, const char *name, size_t length)
{
	const EpProtoField *found = search_name(message->json_names, message->field_count, true, name, length);

	return found != NULL ? found : search_name(message->names, message->field_count, false, name, length);
}

const EpProtoField *
ep_protobuf_search_number(const EpProtoMessage *message, uint32_t number)
{
	uint32_t low = 0, high = message->field_count;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;
		const EpProtoField *field = message->numbers[middle];

		if (field->number == number)
			return field;
		if (field->number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const char *
ep_protobuf_enum_name(const EpProtoEnum *enumeration, int32_t number)
{
	uint32_t low = 0, high = enumeration->sorted_count;

	/* Most enums count from 0 without gaps. */
	if (number >= 0 && (uint32_t) number < high && enumeration->sorted[number].number == number)
		return enumeration->sorted[number].name;
	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;
		const EpProtoEnumValue *value = &enumeration->sorted[middle];

		if (value->number == number)
			return value->name;
		if (value->number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

EpType
ep_protobuf_scalar_type(uint8_t type)
{
	switch ((EpProtoType) type)
	{
		case EP_PROTO_DOUBLE:
			return EP_TYPE_FLOAT8;
		case EP_PROTO_FLOAT:
			return EP_TYPE_FLOAT4;
		case EP_PROTO_INT32:
		case EP_PROTO_SINT32:
		case EP_PROTO_SFIXED32:
			return EP_TYPE_INT4;
		case EP_PROTO_INT64:
		case EP_PROTO_SINT64:
		case EP_PROTO_SFIXED64:
		case EP_PROTO_UINT32:
		case EP_PROTO_FIXED32:
			return EP_TYPE_INT8;
		case EP_PROTO_UINT64:
		case EP_PROTO_FIXED64:
			return EP_TYPE_NUMERIC;
		case EP_PROTO_BOOL:
			return EP_TYPE_BOOL;
		case EP_PROTO_STRING:
		case EP_PROTO_ENUM:
			return EP_TYPE_TEXT;
		case EP_PROTO_BYTES:
			return EP_TYPE_BYTEA;
		case EP_PROTO_GROUP:
		case EP_PROTO_MESSAGE:
			break;
	}
	return EP_TYPE_NONE;
}

EpType
ep_protobuf_column_type(const EpProtoField *field)
{
	const EpProtoMessage *message = field->message;

	if (message == NULL)
		return ep_protobuf_scalar_type(field->type) + (field->repeated ? EP_TYPE_ARRAY : 0);
	if (field->repeated || message->field_count == 0)
		return EP_TYPE_JSONB;
	switch ((EpProtoKnown) message->known)
	{
		case EP_KNOWN_NONE:
			return EP_TYPE_NONE;
		case EP_KNOWN_TIMESTAMP:
			return EP_TYPE_TIMESTAMPTZ;
		case EP_KNOWN_DURATION:
			return EP_TYPE_INTERVAL;
		case EP_KNOWN_FIELD_MASK:
			return EP_TYPE_TEXT;
		case EP_KNOWN_WRAPPER:
			return ep_protobuf_scalar_type(message->fields[0].type);
		case EP_KNOWN_STRUCT:
		case EP_KNOWN_VALUE:
		case EP_KNOWN_LIST_VALUE:
		case EP_KNOWN_ANY:
			break;
	}
	return EP_TYPE_JSONB;
}

EpType
ep_protobuf_flatten(const EpProtoField *field, const EpProtoOpen *open)
{
	EpType type = ep_protobuf_column_type(field);

	if (type != EP_TYPE_NONE)
		return type;
	if (open->depth >= 16)
		return EP_TYPE_JSONB;
	for (; open != NULL; open = open->outer)
		if (open->message == field->message)
			return EP_TYPE_JSONB;
	return EP_TYPE_NONE;
}

const char *
ep_protobuf_type_name(uint8_t type)
{
	static const char *const names[] = {
		"",      "double",  "float", "int64",  "uint64", "int32",    "fixed64",  "fixed32", "bool",  "string",
		"group", "message", "bytes", "uint32", "enum",   "sfixed32", "sfixed64", "sint32",  "sint64"};

	return type < sizeof names / sizeof names[0] ? names[type] : "";
}

int32_t
ep_protobuf_find_oneof(const EpProtoMessage *message, const char *name)
{
	for (uint32_t i = 0; i < message->field_count; i++)
	{
		int32_t oneof = message->fields[i].oneof;

		if (oneof >= 0 && strcmp(message->oneofs[oneof], name) == 0)
			return oneof;
	}
	return -1;
}
