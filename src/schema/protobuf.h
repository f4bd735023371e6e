/*
 * protobuf.h
 *	  The protobuf registry, as streams see it.
 */
#ifndef EP_SCHEMA_PROTOBUF_H
#define EP_SCHEMA_PROTOBUF_H

#include "core/compat.h"

static inline const void *
ep_protobuf_message(const char *subject, const char *full_name)
{
	ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("message type \"%s\" is not registered", full_name)));
}

static inline uint64
ep_protobuf_generation(void)
{
	return 0;
}

#endif /* EP_SCHEMA_PROTOBUF_H */
