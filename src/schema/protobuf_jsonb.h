/*
 * protobuf_jsonb.h
 *	  A jsonb of what the ProtoJSON writer gives.
 */
#ifndef EP_SCHEMA_PROTOBUF_JSONB_H
#define EP_SCHEMA_PROTOBUF_JSONB_H

#include "core/compat.h"
#include "format/protobuf/protobuf_json.h"

/* The document in a writer's tokens, a whole one; of two members of one name the last stays. */
extern Datum ep_protobuf_jsonb(EpProtoWriter *writer);

#endif /* EP_SCHEMA_PROTOBUF_JSONB_H */
