/*
 * protobuf_writer.h
 *	  What the parts of the ProtoJSON writer share; included by nothing else.
 *
 * The put functions set writer->full and do nothing when memory is out; callers look at it in
 * their loops.  Ranges of records are indexes, since the stack may move.
 */
#ifndef EP_FORMAT_PROTOBUF_WRITER_H
#define EP_FORMAT_PROTOBUF_WRITER_H

#include "format/protobuf/protobuf_json.h"

/* Records [first, end) on the writer's stack. */
typedef struct EpProtoSpan
{
	size_t first, end;
} EpProtoSpan;

/* To be asked in loops: should the writer stop? */
static inline bool
ep_protobuf_stops(EpProtoWriter *writer)
{
	return (++writer->ticks & 0xfff) == 0 && writer->interrupted != NULL && writer->interrupted();
}

/* protobuf_text.c */
extern void ep_protobuf_put(EpProtoWriter *writer, const char *text, size_t length);
extern void ep_protobuf_put_char(EpProtoWriter *writer, char c);
extern void ep_protobuf_put_token(EpProtoWriter *writer, EpProtoToken token);
extern void ep_protobuf_put_name(EpProtoWriter *writer, const char *name, size_t length);
extern void ep_protobuf_put_null(EpProtoWriter *writer);
extern void ep_protobuf_put_quoted(EpProtoWriter *writer, const uint8_t *text, size_t length);
extern void ep_protobuf_put_integer(EpProtoWriter *writer, int64_t n);
extern void ep_protobuf_put_double(EpProtoWriter *writer, double n);
extern void ep_protobuf_put_timestamp(EpProtoWriter *writer, int64_t seconds, int32_t nanos);
extern void ep_protobuf_put_duration(EpProtoWriter *writer, int64_t seconds, int32_t nanos);
extern EpCode ep_protobuf_check_string(EpProtoWriter *writer, const EpProtoField *field, const uint8_t *text,
									   size_t length) EP_CHECK_RESULT;
extern EpCode ep_protobuf_put_string(EpProtoWriter *writer, const EpProtoField *field, const uint8_t *text,
									 size_t length) EP_CHECK_RESULT;
extern EpCode ep_protobuf_put_scalar(EpProtoWriter *writer, const EpProtoField *field,
									 const EpProtoRecord *record) EP_CHECK_RESULT;

/*
 * A text that is written piece by piece: a string in quotes (bare, without them), or a token of that kind.
 * open gives what close takes.
 */
extern size_t ep_protobuf_open_text(EpProtoWriter *writer);
extern void ep_protobuf_close_text(EpProtoWriter *writer, size_t from, EpProtoTokenKind kind);

/* Brackets, commas and colons; the last two are no tokens. */
static inline void
ep_protobuf_put_mark(EpProtoWriter *writer, char mark)
{
	if (!writer->tokenizes)
		ep_protobuf_put_char(writer, mark);
	else if (mark != ',' && mark != ':')
		ep_protobuf_put_token(writer, (EpProtoToken){.kind = (uint8_t) mark});
}

/* protobuf_scan.c */
extern EpCode ep_protobuf_push(EpProtoWriter *writer, EpProtoRecord record) EP_CHECK_RESULT;
extern EpCode ep_protobuf_scan(EpProtoWriter *writer, const EpProtoMessage *message, EpProtoSpan slices,
							   int depth, EpProtoSpan *found) EP_CHECK_RESULT;
extern EpCode ep_protobuf_writer_fail(EpProtoWriter *writer, EpCode code, const uint8_t *at,
									  const char *message, const EpProtoField *field);

/* protobuf_json.c */
extern EpCode ep_protobuf_put_message(EpProtoWriter *writer, const EpProtoMessage *message,
									  EpProtoSpan slices, int depth) EP_CHECK_RESULT;
extern EpCode ep_protobuf_put_members(EpProtoWriter *writer, const EpProtoMessage *message,
									  EpProtoSpan slices, int depth, bool first) EP_CHECK_RESULT;
extern EpCode ep_protobuf_put_field(EpProtoWriter *writer, const EpProtoField *field, EpProtoSpan records,
									int depth) EP_CHECK_RESULT;

extern EpProtoSpan ep_protobuf_next_group(const EpProtoWriter *writer, EpProtoSpan span);
extern bool ep_protobuf_is_default(const EpProtoField *field, const EpProtoRecord *record);

/* protobuf_known.c: messages with a JSON form of their own. */
extern EpCode ep_protobuf_put_known(EpProtoWriter *writer, const EpProtoMessage *message, EpProtoSpan slices,
									int depth) EP_CHECK_RESULT;

#endif /* EP_FORMAT_PROTOBUF_WRITER_H */
