/*
 * protobuf_framing.h
 *	  One message, or many with their lengths before them: which of the two a payload is.
 */
#ifndef EP_FORMAT_PROTOBUF_FRAMING_H
#define EP_FORMAT_PROTOBUF_FRAMING_H

#include "format/protobuf/protobuf_wire.h"

#include "format/protobuf/protobuf_schema.h"

/*
 * True when the payload is length-delimited messages: the lengths, as varints, chain exactly to its
 * end, and the first message reads better as one of this type than the payload as a whole does: it has
 * fewer records that are no field of the type.  A payload that reads as well both ways is one message.
 * O(bytes), allocates nothing.
 */
extern bool ep_protobuf_is_delimited(const EpProtoMessage *message, EpCursor payload);

#endif /* EP_FORMAT_PROTOBUF_FRAMING_H */
