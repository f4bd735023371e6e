/*
 * protobuf_plan.h
 *	  Where each field of a message lands in a flattened event.
 *
 * A node is a message at one place of the row; its leaves are a block of EpFields that is copied
 * whole when the message is met, with what absent fields give already in it, and then written in
 * place.  Nodes are made when first met and live as long as the statement; the paths they point to live
 * as long as the stream.
 */
#ifndef EP_FORMAT_PROTOBUF_PLAN_H
#define EP_FORMAT_PROTOBUF_PLAN_H

#include "format/format.h"
#include "format/protobuf/protobuf_json.h"

typedef enum EpProtoAction
{
	EP_ACT_SCALAR,
	EP_ACT_ARRAY,
	EP_ACT_TIME, /* Timestamp and Duration */
	EP_ACT_WRAPPER,
	EP_ACT_JSON,    /* collected, written as ProtoJSON at the end */
	EP_ACT_ENUMS,   /* a list of a closed enum: collected, read at the end */
	EP_ACT_MESSAGE, /* a node of its own */
	EP_ACT_SKIP     /* nobody asks for it; it has no path */
} EpProtoAction;

typedef struct EpProtoNode EpProtoNode;

typedef struct EpProtoStep
{
	const EpProtoField *field;
	EpPath *path;
	EpProtoNode *child; /* EP_ACT_MESSAGE; NULL until met */
	uint32_t slot;      /* in the node's block */
	uint8_t action;     /* EpProtoAction */
	bool bare;          /* EP_ACT_JSON that is a text column: FieldMask */
} EpProtoStep;

struct EpProtoNode
{
	EpProtoOpen open;
	EpPath *path;
	EpProtoStep *steps;        /* by field index */
	const EpProtoStep **cases; /* by oneof: what is set in the event at hand */
	EpField *blank;            /* what an empty message gives */
	uint32_t leaf_count;
	uint32_t base;          /* of its block in the event's fields */
	uint64_t stamp;         /* the event in which base was given */
	bool present;           /* in that event */
	uint32_t unknown_since; /* unknown records noted before are of an earlier life of it in that event */
};

/*
 * A node for message at path (under outer, NULL for the top); NULL when memory is out.  With the decoder's option `picks`, fields
 * whose paths are not in the tree are skipped, and a message whose path has the type jsonb stays whole.
 */
extern EpProtoNode *
ep_protobuf_node(EpDecoder *decoder, const EpProtoMessage *message, EpPath *path, const EpProtoNode *outer);

/* Absent, or what an absent one would give? */
extern bool ep_protobuf_is_empty(const EpProtoField *field, const EpValue *value);

/* What an absent scalar without presence gives: 0, '', false, the enum's first name. */
extern EpValue ep_protobuf_zero_value(const EpProtoField *field);

#endif /* EP_FORMAT_PROTOBUF_PLAN_H */
