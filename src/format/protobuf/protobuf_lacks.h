/*
 * protobuf_lacks.h
 *	  What a schema lacks to read all of an event, as paths.
 *
 * "#60" is field 60 of the message that the path leads to; "#5.60" that of the messages in field 5 (of a map: in its values), however deep
 * it goes on; "#5=7" the number 7 of field 5's closed enum; "#5.(shop.Item).60" field 60 of that type in an Any.  Numbers, not
 * names, so that they mean the same in every later version.  Places in lists and keys of maps are left out: what is asked is whether
 * a schema has it.
 */
#ifndef EP_FORMAT_PROTOBUF_LACKS_H
#define EP_FORMAT_PROTOBUF_LACKS_H

#include "format/format.h"
#include "format/protobuf/protobuf_json.h"

/* Paths of one event, some of them more than once. */
typedef struct EpProtoLacks
{
	EpPath **paths; /* in the event's arena */
	uint32_t count, capacity;
	bool full; /* with as many as are of use: no more are noted */
} EpProtoLacks;

/*
 * Note what the schema lacks in a record of a field of the message that stands at place: a field of that number, or what the value needs.
 * field is NULL when there is none.  What the path tree has no room for is left out.  False when the arena is full.
 */
extern bool ep_protobuf_lacks_add(EpProtoLacks *lacks, EpDecoder *decoder, EpPath *place,
								  const EpProtoField *field, const EpWireRecord *record);

/* Each path once. */
extern void ep_protobuf_lacks_settle(EpProtoLacks *lacks);

/* Has the message type by now what a path's last segment, without its quotes, says? */
extern bool ep_protobuf_lacks_no_more(const EpProtoMessage *message, const EpPath *path);

#endif /* EP_FORMAT_PROTOBUF_LACKS_H */
