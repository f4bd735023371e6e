/*
 * protobuf_schema.h
 *	  A FileDescriptorSet compiled into look-up tables.
 *
 * proto2, proto3 and editions are reduced here to switches per field and enum (presence, closed,
 * packed, utf8, delimited; json_format only while checking), so that no reader of bytes knows of
 * syntax.  Everything is read-only after ep_protobuf_compile and lives in its arena.
 */
#ifndef EP_FORMAT_PROTOBUF_SCHEMA_H
#define EP_FORMAT_PROTOBUF_SCHEMA_H

#include "core/arena.h"
#include "core/value.h"

typedef struct EpProtoSchema EpProtoSchema;
typedef struct EpProtoMessage EpProtoMessage;
typedef struct EpProtoEnum EpProtoEnum;

/* FieldDescriptorProto.Type; a group is EP_PROTO_MESSAGE with delimited set. */
typedef enum EpProtoType
{
	EP_PROTO_DOUBLE = 1,
	EP_PROTO_FLOAT,
	EP_PROTO_INT64,
	EP_PROTO_UINT64,
	EP_PROTO_INT32,
	EP_PROTO_FIXED64,
	EP_PROTO_FIXED32,
	EP_PROTO_BOOL,
	EP_PROTO_STRING,
	EP_PROTO_GROUP,
	EP_PROTO_MESSAGE,
	EP_PROTO_BYTES,
	EP_PROTO_UINT32,
	EP_PROTO_ENUM,
	EP_PROTO_SFIXED32,
	EP_PROTO_SFIXED64,
	EP_PROTO_SINT32,
	EP_PROTO_SINT64
} EpProtoType;

/* Messages of google.protobuf with a JSON form of their own; their shape was checked. */
typedef enum EpProtoKnown
{
	EP_KNOWN_NONE = 0,
	EP_KNOWN_TIMESTAMP,
	EP_KNOWN_DURATION,
	EP_KNOWN_FIELD_MASK,
	EP_KNOWN_STRUCT,
	EP_KNOWN_VALUE,
	EP_KNOWN_LIST_VALUE,
	EP_KNOWN_ANY,
	EP_KNOWN_WRAPPER /* field 1 is the value */
} EpProtoKnown;

typedef struct EpProtoField
{
	const char *name;
	const char *json_name;
	const char *comment;      /* leading, else trailing, trimmed; NULL */
	const char *default_text; /* proto2 default_value; NULL */
	const EpProtoMessage *owner;
	const EpProtoMessage *message;  /* EP_PROTO_MESSAGE */
	const EpProtoEnum *enumeration; /* EP_PROTO_ENUM */
	uint32_t number;
	uint32_t index;       /* in owner->fields */
	uint32_t json_length; /* of json_name */
	int32_t oneof;        /* in owner->oneofs, or -1 (also for the synthetic oneof of `optional`) */
	uint8_t type;         /* EpProtoType */
	uint8_t wire;         /* EpWire of one element */
	bool repeated;        /* maps too */
	bool map;
	bool presence; /* explicit: set to its default is not absent */
	bool required;
	bool packed; /* how a writer would write it */
	bool utf8;   /* the schema asks for valid UTF-8 */
	bool delimited;
	bool extension;
	bool deprecated;
} EpProtoField;

typedef struct EpProtoRange
{
	int64_t first, last; /* both inclusive */
} EpProtoRange;

typedef struct EpProtoReserved
{
	const EpProtoRange *ranges;
	const char *const *names;
	uint32_t range_count, name_count;
} EpProtoReserved;

/* An item of a message set: group 1 of type_id = 2, the field's number, and message = 3. */
#define EP_MESSAGE_SET_ITEM 1
#define EP_MESSAGE_SET_TYPE 2
#define EP_MESSAGE_SET_MESSAGE 3

struct EpProtoMessage
{
	const char *full_name;
	const char *file;
	const char *package;
	const char *comment;
	const EpProtoSchema *schema;
	const EpProtoField *fields;         /* as declared, extensions last */
	const EpProtoField *const *numbers; /* by number */
	const EpProtoField *const *names;   /* by name */
	const EpProtoField *const *json_names;
	const uint16_t *direct;    /* number -> index + 1, for numbers below direct_count */
	const char *const *oneofs; /* names; synthetic ones too */
	uint32_t field_count;
	uint32_t direct_count;
	uint32_t oneof_count;
	uint32_t required_count;
	uint8_t known; /* EpProtoKnown */
	bool map_entry;
	bool message_set; /* its fields are items: groups of a type id and a message */
	EpProtoReserved reserved;
};

typedef struct EpProtoEnumValue
{
	const char *name;
	int32_t number;
} EpProtoEnumValue;

struct EpProtoEnum
{
	const char *full_name;
	const char *file;
	const EpProtoEnumValue *values; /* as declared, aliases too */
	const EpProtoEnumValue *sorted; /* by number, the first declared of aliases */
	uint32_t value_count;
	uint32_t sorted_count;
	bool closed;
	bool null_value; /* google.protobuf.NullValue */
	EpProtoReserved reserved;
};

typedef struct EpProtoName EpProtoName; /* of the table of names: protobuf_schema.c */

struct EpProtoSchema
{
	EpProtoMessage *messages;
	EpProtoEnum *enums;
	EpProtoName *names; /* sorted */
	uint32_t message_count;
	uint32_t enum_count;
	uint32_t name_count;
};

struct EpProtoName
{
	const char *full_name;
	const EpProtoMessage *message; /* one of the two */
	const EpProtoEnum *enumeration;
};

/*
 * Compile a FileDescriptorSet as protoc --include_imports or buf build write it, checking it
 * wholly.  The result lives in arena; scratch is for the time of the call.  NULL when the set is
 * refused: error->path is "file: element", error->message says why, offset is 0 unless the bytes
 * themselves are malformed.
 */
extern const EpProtoSchema *ep_protobuf_compile(const void *bytes, size_t length, EpArena *arena,
												EpArena *scratch, EpError *error) EP_CHECK_RESULT;

/* By full name without leading dot; NULL when the schema has none. */
extern const EpProtoMessage *
ep_protobuf_find_message(const EpProtoSchema *schema, const char *name, size_t length);
extern const EpProtoEnum *ep_protobuf_find_enum(const EpProtoSchema *schema, const char *name, size_t length);
extern const EpProtoName *ep_protobuf_find_name(const EpProtoSchema *schema, const char *name, size_t length);

/*
 * Of a message, by the name in the .proto file, else by the JSON name; _json_field the other way round.
 * NULL when there is none.
 */
extern const EpProtoField *
ep_protobuf_find_field(const EpProtoMessage *message, const char *name, size_t length);
extern const EpProtoField *
ep_protobuf_find_json_field(const EpProtoMessage *message, const char *name, size_t length);

/* The number of a oneof by its name, -1 when there is none; those of `optional` do not count. */
extern int32_t ep_protobuf_find_oneof(const EpProtoMessage *message, const char *name);

/* Numbers above the direct table. */
extern const EpProtoField *ep_protobuf_search_number(const EpProtoMessage *message, uint32_t number);

/* By number; NULL when there is none. */
static inline const EpProtoField *
ep_protobuf_field(const EpProtoMessage *message, uint32_t number)
{
	if (number < message->direct_count)
	{
		uint16_t index = message->direct[number];

		return index == 0 ? NULL : &message->fields[index - 1];
	}
	return ep_protobuf_search_number(message, number);
}

/* The name of an enum's number (the first declared among aliases), or NULL. */
extern const char *ep_protobuf_enum_name(const EpProtoEnum *enumeration, int32_t number);

/*
 * The column type of a field in a flattened row: scalars exactly (uint32 -> int8, uint64 ->
 * numeric), enums text, Timestamp timestamptz, Duration interval, wrappers their scalar, FieldMask text,
 * repeated scalars arrays; maps, repeated messages, the other well-known types and messages
 * without fields jsonb.  EP_TYPE_NONE: a message whose fields become columns of their own.
 */
extern EpType ep_protobuf_column_type(const EpProtoField *field);

/* The messages that are open on a path of a flattened row, innermost first. */
typedef struct EpProtoOpen
{
	const struct EpProtoOpen *outer;
	const EpProtoMessage *message;
	int depth; /* 0 the top message */
} EpProtoOpen;

/*
 * The same where the field stands: a message type that is already open on the path, or one more
 * than 16 levels down, stays in one jsonb column.
 */
extern EpType ep_protobuf_flatten(const EpProtoField *field, const EpProtoOpen *open);

/* EpType of one scalar of this EpProtoType; EP_TYPE_NONE for messages. */
extern EpType ep_protobuf_scalar_type(uint8_t type);

/* "int32", "message" ...: as .proto files spell it. */
extern const char *ep_protobuf_type_name(uint8_t type);

#endif /* EP_FORMAT_PROTOBUF_SCHEMA_H */
