/*
 * protobuf_json.h
 *	  ProtoJSON straight from the wire, into a growing text in an arena, or into tokens.
 *
 * A message is scanned into records on a stack, put into the order of field numbers, and written;
 * sub-messages do the same on top of it, so memory is bounded by the bytes on the open path.
 * Everything the wire rules ask for happens in the scan: last wins, merging of repeated
 * sub-messages, oneofs, closed enums, packed and unpacked, unknown fields.
 */
#ifndef EP_FORMAT_PROTOBUF_JSON_H
#define EP_FORMAT_PROTOBUF_JSON_H

#include "format/protobuf/protobuf_schema.h"
#include "format/protobuf/protobuf_wire.h"

/* One record of a known field, of a wire type that fits it. */
typedef struct EpProtoRecord
{
	const EpProtoField *field;
	const uint8_t *data; /* LEN and GROUP */
	uint64_t bits;       /* the number, or how many bytes at data */
	uint32_t wire;
	bool dead; /* a map entry that a later one replaces, a oneof case that lost */
} EpProtoRecord;

/*
 * What a document is made of, for a reader that wants no text: objects and arrays as their brackets, members
 * as a key and their value.
 */
typedef enum EpProtoTokenKind
{
	EP_TOKEN_OBJECT = '{',
	EP_TOKEN_OBJECT_END = '}',
	EP_TOKEN_ARRAY = '[',
	EP_TOKEN_ARRAY_END = ']',
	EP_TOKEN_KEY = 'k',
	EP_TOKEN_STRING = 's',
	EP_TOKEN_NUMBER = 'n',  /* as text */
	EP_TOKEN_DECIMAL = 'd', /* integer / 10^places */
	EP_TOKEN_TRUE = 't',
	EP_TOKEN_FALSE = 'f',
	EP_TOKEN_NULL = '0'
} EpProtoTokenKind;

typedef struct EpProtoToken
{
	uint8_t kind; /* EpProtoTokenKind */
	uint8_t places;
	uint32_t
		length; /* of text: a key, string or number; in the payload, the schema or the arena, no NUL after it */
	union
	{
		const char *text;
		int64_t integer;
	} as;
} EpProtoToken;

typedef struct EpProtoWriter
{
	EpArena *arena;
	EpError *error;
	const uint8_t *start; /* of the payload: offsets count from here */
	bool always_print;    /* fields without presence, also when they have their default */
	bool nul;             /* U+0000 in a string becomes \u0000, which json can hold; else it is refused */
	bool bare;            /* strings at the top without quotes and escapes */
	bool (*interrupted)(void);
	int (*print_double)(double n,
						char *text); /* the fewest digits that read back, as text; NULL: by the C library */
	int (*print_float)(float n, char *text);
	uint32_t ticks;
	uint32_t unnamed_enums; /* numbers of enums that were written as such */
	bool unknown;           /* something was left out that the schema does not know */
	char *text;
	size_t length, capacity;
	bool full;      /* the arena gave nothing: text and tokens are of no use */
	bool tokenizes; /* into tokens; text then holds what they point to */
	EpProtoToken *tokens;
	size_t token_count, token_capacity;
	EpProtoRecord *records;
	size_t count, record_capacity;
} EpProtoWriter;

/* start is where the payload begins; error is filled when something is refused. */
extern void
ep_protobuf_writer_init(EpProtoWriter *writer, EpArena *arena, const uint8_t *start, EpError *error);

/* Append a whole message. */
extern EpCode ep_protobuf_write_json(EpProtoWriter *writer, const EpProtoMessage *message,
									 const uint8_t *bytes, size_t length) EP_CHECK_RESULT;

/*
 * Append the value of one field from all its records, in the order of the wire: an array or object
 * for repeated fields and maps, the merged message, else the last value.  No record: what an
 * absent field gives ([], {}, the zero value; null for a message).  depth is that of the message around it.
 */
extern EpCode ep_protobuf_write_field(EpProtoWriter *writer, const EpProtoField *field,
									  const EpProtoRecord *records, size_t count, int depth) EP_CHECK_RESULT;

/* The fields on the way to a value, outermost first. */
typedef struct EpProtoPath
{
	const EpProtoField *fields[EP_PROTO_DEPTH + 1];
	int count;
} EpProtoPath;

/*
 * A path of .proto or JSON names joined by '.' ("device.serial"); false when the message type has none
 * such.  Only its last field may be repeated.
 */
extern bool
ep_protobuf_find_path(const EpProtoMessage *message, const char *text, EpProtoPath *path) EP_CHECK_RESULT;

/*
 * The value at a path, as ->> gives it: strings without quotes, messages as JSON.  EP_OK with the text in the
 * writer; EP_DONE when it is absent (an absent message on the way, or a field with presence that is not set).
 * The messages on the way must be well formed on the wire; values and messages beside it are not looked into.
 */
extern EpCode ep_protobuf_get_path(EpProtoWriter *writer, const EpProtoPath *path, const uint8_t *bytes,
								   size_t length) EP_CHECK_RESULT;

/* Has the path neither lists, oneofs, closed enums nor messages that are to be read whole? */
extern bool ep_protobuf_is_plain(const EpProtoPath *path);

/*
 * The last record at a plain path, which the others cannot change.  EP_OK with its value (checked neither for UTF-8 nor inside),
 * which is zero or empty for a field without presence that is not there; EP_DONE when it is absent, as above; else bytes have what
 * only ep_protobuf_get_path can tell: repetitions of messages, groups, unusual tags, faults.
 */
extern EpCode ep_protobuf_find_last(const EpProtoPath *path, const uint8_t *bytes, size_t length,
									EpProtoRecord *record) EP_CHECK_RESULT;

/*
 * An item of a message set becomes the record of its field; what is none is left alone.  start is where
 * the payload begins.
 */
extern void ep_protobuf_open_item(EpWireRecord *record, const uint8_t *start);

/* True when a record of this wire type is a value (or a packed run of values) of the field. */
static inline bool
ep_protobuf_fits(const EpProtoField *field, uint32_t wire)
{
	return wire == field->wire || (wire == EP_WIRE_LEN && field->repeated && field->wire != EP_WIRE_GROUP);
}

/*
 * The next element of a packed run into *bits; false at its end and when the run is malformed
 * (then run->at != run->end).
 */
static inline bool
ep_protobuf_packed_next(const EpProtoField *field, EpCursor *run, uint64_t *bits)
{
	const uint8_t *at = run->at;

	if (at == run->end)
		return false;
	if (field->wire == EP_WIRE_VARINT)
		return ep_wire_varint(run, bits);
	if (!ep_cursor_skip(run, field->wire == EP_WIRE_I64 ? 8 : 4))
		return false;
	*bits = field->wire == EP_WIRE_I64 ? ep_load_le64(at) : ep_load_le32(at);
	return true;
}

/* A number that a closed enum does not have: the record counts as an unknown field. */
static inline bool
ep_protobuf_unknown_value(const EpProtoField *field, uint64_t bits)
{
	return field->enumeration != NULL && field->enumeration->closed &&
		   ep_protobuf_enum_name(field->enumeration, (int32_t) bits) == NULL;
}

/* Seconds and nanos to EP_TIMESTAMP or EP_INTERVAL, range checked; false when out of range. */
extern bool ep_protobuf_timestamp_value(int64_t seconds, int32_t nanos, EpValue *value) EP_CHECK_RESULT;
extern bool ep_protobuf_duration_value(int64_t seconds, int32_t nanos, EpValue *value) EP_CHECK_RESULT;

#endif /* EP_FORMAT_PROTOBUF_JSON_H */
