/*
 * protobuf_compat.h
 *	  What a new version of a schema does to those who hold data of the old one.
 *
 * Raw events are kept as bytes and shown as JSON, so the rules are those that buf calls WIRE_JSON: what
 * changes the meaning of bytes or the names in JSON is a finding; new fields, messages, enum values and
 * oneof cases are not.
 */
#ifndef EP_FORMAT_PROTOBUF_COMPAT_H
#define EP_FORMAT_PROTOBUF_COMPAT_H

#include "format/protobuf/protobuf_schema.h"

/* Whom a finding hurts. */
enum
{
	EP_BREAKS_BACKWARD = 1, /* the new schema reading old data */
	EP_BREAKS_FORWARD = 2   /* the old schema reading new data */
};

typedef struct EpProtoFinding
{
	struct EpProtoFinding *next;
	int breaks;          /* EP_BREAKS_*; 0: a warning for everyone */
	const char *rule;    /* FIELD_TYPE_CHANGED ... */
	const char *path;    /* gopro.events.v1.Event.user_id */
	const char *message; /* what is wrong and what to do */
} EpProtoFinding;

/*
 * Every finding, in the order of the old schema; *findings is NULL when there is none.  All texts live in
 * arena or in the schemas.  EP_E_MEMORY when the arena is full.
 */
extern EpCode ep_protobuf_compare(const EpProtoSchema *before, const EpProtoSchema *after, EpArena *arena,
								  EpProtoFinding **findings) EP_CHECK_RESULT;

#endif /* EP_FORMAT_PROTOBUF_COMPAT_H */
