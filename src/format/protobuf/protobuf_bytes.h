/*
 * protobuf_bytes.h
 *	  Records of the wire format, written: a growing buffer in an arena.
 *
 * The put functions set bytes->full and do nothing when memory is out; callers look at it in their
 * loops.  The length before a nested message is put in when its end is known.
 */
#ifndef EP_FORMAT_PROTOBUF_BYTES_H
#define EP_FORMAT_PROTOBUF_BYTES_H

#include "format/protobuf/protobuf_json.h"

typedef struct EpProtoBytes
{
	EpArena *arena;
	uint8_t *data;
	size_t length, capacity;
	bool full;
} EpProtoBytes;

extern void ep_protobuf_bytes_put(EpProtoBytes *bytes, const void *data, size_t length);
extern void ep_protobuf_bytes_varint(EpProtoBytes *bytes, uint64_t value);
extern void ep_protobuf_bytes_tag(EpProtoBytes *bytes, uint32_t number, uint32_t wire);

/*
 * One value of a field that is no message, as bits and data of a record have it; without its tag for a
 * packed run.  Excess bits (of a bool, of 32-bit numbers) are dropped.
 */
extern void
ep_protobuf_bytes_scalar(EpProtoBytes *bytes, const EpProtoField *field, const EpProtoRecord *record);

/* A tag of wire type LEN and room for the length; what to give to _end after the contents. */
extern size_t ep_protobuf_bytes_begin(EpProtoBytes *bytes, uint32_t number);
extern void ep_protobuf_bytes_end(EpProtoBytes *bytes, size_t begun);

/* The same for a message in a field, whose wire form may be a group or an item of a message set. */
extern size_t ep_protobuf_bytes_open(EpProtoBytes *bytes, const EpProtoField *field);
extern void ep_protobuf_bytes_close(EpProtoBytes *bytes, const EpProtoField *field, size_t opened);

#endif /* EP_FORMAT_PROTOBUF_BYTES_H */
