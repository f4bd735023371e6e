/*
 * protobuf_confluent.h
 *	  The frame that Confluent's serializers put before a message.
 *
 *	  0, schema id (4 bytes, big endian), message indexes (zigzag varints: how many, then each; a lone 0 means [0])
 *
 * The indexes lead from the file of the schema to the message type: its place among the messages of the file, then among
 * those nested in that, in the order of the descriptor.
 */
#ifndef EP_FORMAT_PROTOBUF_CONFLUENT_H
#define EP_FORMAT_PROTOBUF_CONFLUENT_H

#include "format/protobuf/protobuf_schema.h"
#include "format/protobuf/protobuf_wire.h"

/* The schema ids that a stream takes, by id, and its message type as each of them has it. */
typedef struct EpProtoIds
{
	struct EpProtoId
	{
		uint32_t id;
		const EpProtoMessage *message;
	} * ids; /* sorted */
	uint32_t count;
} EpProtoIds;

/*
 * Step over the frame at the cursor.  ids may be NULL: none.  EP_OK when it says that the message is of the stream's type; arena is
 * for the words of an error.
 */
extern EpCode ep_protobuf_read_confluent(EpCursor *cursor, const EpProtoIds *ids, EpArena *arena,
										 EpError *error) EP_CHECK_RESULT;

#endif /* EP_FORMAT_PROTOBUF_CONFLUENT_H */
