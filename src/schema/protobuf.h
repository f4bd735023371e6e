/*
 * protobuf.h
 *	  The protobuf registry: versions of descriptor sets, compiled once per backend.
 */
#ifndef EP_SCHEMA_PROTOBUF_H
#define EP_SCHEMA_PROTOBUF_H

#include "core/compat.h"
#include "format/protobuf/protobuf_confluent.h"

/*
 * The message type of that full name as the newest version of the subject that defines it has it;
 * subject NULL: of the only subject that does.  An error with a hint when there is none, or several.
 * The result lives until the end of the transaction at least, and longer while
 * ep_protobuf_generation() stays the same: whoever keeps it looks at that before each use.
 */
extern const EpProtoMessage *ep_protobuf_message(const char *subject, const char *full_name);

/* The same in one version of a subject. */
extern const EpProtoMessage *
ep_protobuf_message_version(const char *subject, int version, const char *full_name);

/*
 * The schema ids that are mapped to versions which define the name, of the subject or of any, in context; the messages live like
 * those above.  The caller has connected to SPI.
 */
extern const EpProtoIds *ep_protobuf_ids(const char *subject, const char *full_name, MemoryContext context);

/* Changes with the registry; never 0.  Callers that keep compiled messages compare it. */
extern uint64 ep_protobuf_generation(void);

/*
 * Compile a set into context; an error names what is wrong with it (what: "descriptor set",
 * "version 3 of ...").
 */
extern const EpProtoSchema *ep_protobuf_compile_in(MemoryContext context, bytea *set, const char *what);

/* An error from a decoder's refusal: SQLSTATE, message, and a detail that says where. */
pg_noreturn extern void ep_protobuf_raise(const EpError *error);

#endif /* EP_SCHEMA_PROTOBUF_H */
