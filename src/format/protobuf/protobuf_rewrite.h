/*
 * protobuf_rewrite.h
 *	  A message parsed and serialized again.
 */
#ifndef EP_FORMAT_PROTOBUF_REWRITE_H
#define EP_FORMAT_PROTOBUF_REWRITE_H

#include "format/protobuf/protobuf_bytes.h"

/*
 * The message as a writer of its schema would have it: known fields by number, sub-messages merged, lists
 * packed as declared, numbers without excess bits; then the unknown fields as they came.  writer is
 * for its records; its text stays as it is.
 */
extern EpCode ep_protobuf_rewrite(EpProtoWriter *writer, const EpProtoMessage *message, const uint8_t *bytes,
								  size_t length, EpProtoBytes *out) EP_CHECK_RESULT;

#endif /* EP_FORMAT_PROTOBUF_REWRITE_H */
