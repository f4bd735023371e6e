/*
 * protobuf_unknown.h
 *	  Records of an event that its schema does not know, kept as they came.
 *
 * They are collected while the event is read and given when it is over: one field of the event for each field number of a message
 * that is flattened into the row, named device."#7", its value the bytes of all its records, tags included.  So they can be read once
 * the schema knows them, by ep_protobuf_wrap.
 *
 * A field that is one value of the row (a list or map of messages, a message that is kept as JSON, a list of a closed enum) and has
 * something unknown in it is partial: it is in the event as far as it is known, and all of its records are given as well, likewise under
 * its number.  What is merged, replaced, or chosen among by a oneof in there is so decided anew, as the later schema sees it.
 */
#ifndef EP_FORMAT_PROTOBUF_UNKNOWN_H
#define EP_FORMAT_PROTOBUF_UNKNOWN_H

#include "format/protobuf/protobuf_bytes.h"
#include "format/protobuf/protobuf_lacks.h"
#include "format/protobuf/protobuf_plan.h"

typedef struct EpProtoSlice
{
	const EpProtoNode *node;
	uint32_t number;
	const uint8_t *bytes;
	size_t length;
} EpProtoSlice;

typedef struct EpProtoUnknown
{
	EpProtoSlice *slices; /* in the event's arena */
	uint32_t count, capacity;
	EpField *partial; /* in the event's arena */
	uint32_t partial_count, partial_capacity;
	EpProtoLacks lacks;
} EpProtoUnknown;

/* Note one record, from its tag to its end; false when the arena is full. */
extern bool ep_protobuf_unknown_add(EpProtoUnknown *unknown, EpArena *arena, EpProtoSlice slice);

/* Note that the field at path, which has these records, is partial; false when the arena is full. */
extern bool ep_protobuf_unknown_add_partial(EpProtoUnknown *unknown, EpDecoder *decoder, const EpPath *path,
											const EpProtoRecord *records, uint32_t count);

/*
 * Fill event->unknown and event->lacks with what was noted, of messages that are in the event (its stamp); false when the arena is full.
 */
extern bool
ep_protobuf_unknown_give(EpProtoUnknown *unknown, EpDecoder *decoder, uint64_t stamp, EpEvent *event);

/* The field number that a path given above ends in; 0: it is none of those. */
extern uint32_t ep_protobuf_unknown_number(const EpPath *path);

/* The message that stands at a path of the row, or NULL; the root is the message itself. */
extern const EpProtoMessage *ep_protobuf_message_at(const EpProtoMessage *message, const EpPath *path);

/* The field at a path of the row, or NULL. */
extern const EpProtoField *ep_protobuf_field_at(const EpProtoMessage *message, const EpPath *path);

/* Has the message type a field at the path that has this identity (core/path.h)? */
extern bool ep_protobuf_has_identity(const EpProtoMessage *message, const char *identity);

/* Did the message type once have a field of this number: is it reserved? */
extern bool ep_protobuf_is_reserved(const EpProtoMessage *message, uint32_t number);

/* The type of the column at a path, EP_TYPE_NONE when there is none. */
extern EpType ep_protobuf_type_at(const EpProtoMessage *message, const EpPath *path);

/*
 * Records of the message that stands at a path, as a message of the type at the top.  False when the path leads to no message.
 */
extern bool ep_protobuf_wrap(const EpProtoMessage *message, const EpPath *path, const void *records,
							 size_t length, EpProtoBytes *bytes);

#endif /* EP_FORMAT_PROTOBUF_UNKNOWN_H */
