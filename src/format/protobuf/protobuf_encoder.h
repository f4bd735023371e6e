/*
 * protobuf_encoder.h
 *	  What the parts of the ProtoJSON reader share; included by nothing else.
 *
 * A function that reads takes the position of a value in the text and gives the one behind it, or NULL
 * after it filled the error.  depth is the level of the message on the wire, 0 for the top one.
 */
#ifndef EP_FORMAT_PROTOBUF_ENCODER_H
#define EP_FORMAT_PROTOBUF_ENCODER_H

#include "format/protobuf/protobuf_encode.h"

/* A string of the text without its escapes. */
typedef struct EpProtoText
{
	const char *bytes;
	size_t length;
} EpProtoText;

static inline bool
ep_protobuf_text_is(EpProtoText text, const char *word)
{
	return strlen(word) == text.length && memcmp(text.bytes, word, text.length) == 0;
}

/* protobuf_encode.c */

/* Refuse what is at p, because of field if it is not NULL; always NULL. */
extern const char *ep_protobuf_encode_fail(EpProtoEncoder *encoder, EpCode code, const char *p,
										   const EpProtoField *field, const char *message);

/* Refuse the value at p, which is not what was expected ("an array"); always NULL. */
extern const char *ep_protobuf_misfit(EpProtoEncoder *encoder, const char *p, const char *expected);

/* Is there a null at p? */
extern bool ep_protobuf_at_null(const EpProtoEncoder *encoder, const char *p);

extern const char *ep_protobuf_read_text(EpProtoEncoder *encoder, const char *p, EpProtoText *text);

/*
 * Of the object (array) whose opening bracket *first is behind: the position of the next member's value,
 * with its key (of the next element), or that behind the closing bracket and *over set.
 */
extern const char *
ep_protobuf_next_member(EpProtoEncoder *encoder, const char *p, bool *first, EpProtoText *key, bool *over);
extern const char *ep_protobuf_next_element(EpProtoEncoder *encoder, const char *p, bool *first, bool *over);

/* A value that the schema does not know. */
extern const char *ep_protobuf_skip_unknown(EpProtoEncoder *encoder, const char *p, EpProtoText key);

/* The members of an object, from behind its brace; leave_type: "@type" among them is stepped over. */
extern const char *ep_protobuf_read_members(EpProtoEncoder *encoder, const char *p,
											const EpProtoMessage *message, int depth, bool leave_type);

/* The contents of a message, whatever JSON form it has. */
extern const char *
ep_protobuf_read_message(EpProtoEncoder *encoder, const char *p, const EpProtoMessage *message, int depth);

/* A field of the message at depth, with its tags. */
extern const char *
ep_protobuf_read_field(EpProtoEncoder *encoder, const char *p, const EpProtoField *field, int depth);

/* protobuf_encode_scalar.c: one value that is no message; dead when it is an unknown enum value to be skipped. */
extern const char *ep_protobuf_read_scalar(EpProtoEncoder *encoder, const char *p, const EpProtoField *field,
										   EpProtoRecord *record);
extern bool ep_protobuf_read_key(EpProtoEncoder *encoder, const char *p, EpProtoText text,
								 const EpProtoField *field, EpProtoRecord *record) EP_CHECK_RESULT;

/* protobuf_encode_known.c */
extern const char *
ep_protobuf_read_known(EpProtoEncoder *encoder, const char *p, const EpProtoMessage *message, int depth);

#endif /* EP_FORMAT_PROTOBUF_ENCODER_H */
