/*
 * protobuf_encode.h
 *	  ProtoJSON to the bytes of a message.
 *
 * One pass over the text, from value to record.  What the text may say more than once (the names of a
 * message's fields, the cases of a oneof) is remembered on a stack, so memory is bounded by the
 * text.  Whatever it writes, the reader in protobuf_json.h accepts: levels are counted as on the
 * wire, required fields are there.
 */
#ifndef EP_FORMAT_PROTOBUF_ENCODE_H
#define EP_FORMAT_PROTOBUF_ENCODE_H

#include "core/json_scan.h"
#include "format/protobuf/protobuf_bytes.h"

/* A field that an object has named: its index, and whether it had a value (not null). */
typedef struct EpProtoNamed
{
	uint16_t index;
	bool set;
} EpProtoNamed;

typedef struct EpProtoEncoder
{
	EpArena *arena;
	EpError *error; /* offsets count from the start of the text */
	EpJsonScan scan;
	EpProtoBytes bytes;
	bool ignore_unknown; /* skip names and enum values that the schema does not have */
	bool (*interrupted)(void);
	uint32_t ticks;
	EpProtoNamed *named; /* of the objects that are open */
	size_t named_count, named_capacity;
} EpProtoEncoder;

extern void ep_protobuf_encoder_init(EpProtoEncoder *encoder, EpArena *arena, EpError *error);

/* One message; the bytes are in encoder->bytes. */
extern EpCode ep_protobuf_encode_json(EpProtoEncoder *encoder, const EpProtoMessage *message,
									  const char *json, size_t length) EP_CHECK_RESULT;

#endif /* EP_FORMAT_PROTOBUF_ENCODE_H */
