/*
 * format.h
 *	  What a payload format is: a name and three callbacks, found by name.
 *
 * A raw row's payload is opened, then gives events one by one until EP_DONE.  The decoder keeps
 * nothing between payloads but the path tree.  Adding a format means its folder and one line in
 * format.c.
 *
 *	  begin(decoder)            once per statement: set decoder->state (from decoder->lasting)
 *	  open(decoder, bytes, n)   a new payload
 *	  next(decoder, event)      EP_OK an event; EP_DONE the end; anything else: one event is
 *	                            refused, decoder->error says why, event->bytes/length/offset say
 *	                            what; the caller may go on calling next, and a decoder that cannot
 *	                            find its place again answers EP_DONE from then on.
 *
 * open and next may allocate from decoder->arena, which the caller resets before each next; what
 * must live as long as the payload goes to decoder->payload, reset before each open; what lives
 * as long as the statement goes to decoder->lasting.  An empty payload is refused by the caller
 * before open, except where the format says `empty_is_event` (protobuf: all defaults).
 */
#ifndef EP_FORMAT_FORMAT_H
#define EP_FORMAT_FORMAT_H

#include "core/event.h"

typedef struct EpFormat EpFormat;

typedef struct EpDecoder
{
	const EpFormat *format;
	EpPathTree *paths;          /* of the stream */
	EpPath *top;                /* where payloads hang in it; NULL: at its root */
	EpArena *arena;             /* per event */
	EpArena *payload;           /* per payload */
	EpArena *lasting;           /* per statement */
	const void *schema;         /* protobuf: the compiled message type; else NULL */
	const void *schema_ids;     /* protobuf: the ids that its frames may have (EpProtoIds), or NULL */
	const char *const *options; /* name, value, name, value ..., NULL; the stream's format options */
	bool (*interrupted)(void);  /* may be NULL; true: stop soon, answer EP_E_LIMIT */
	void *state;
	EpError error;
} EpDecoder;

struct EpFormat
{
	const char *name;
	const char *options; /* its own, separated by spaces, or NULL */
	bool binary;         /* payload is bytea, else text */
	bool untyped;        /* values are cells of text (CSV) */
	bool empty_is_event;
	bool needs_schema;  /* message_type must be given */
	bool keeps_objects; /* EpPath.whole is honoured, and EpDecoder.top */
	EpCode (*begin)(EpDecoder *decoder);
	EpCode (*open)(EpDecoder *decoder, const char *bytes, size_t length);
	EpCode (*next)(EpDecoder *decoder, EpEvent *event);
};

extern const EpFormat ep_json_format;
extern const EpFormat ep_csv_format;
extern const EpFormat ep_protobuf_format;
extern const EpFormat ep_gpmf_format;

/* The format of that name, or NULL. */
extern const EpFormat *ep_format_find(const char *name);

/* The names, comma-separated, for hints. */
extern const char *ep_format_names(void);

/* The format that an option belongs to, NULL for one of none. */
extern const EpFormat *ep_format_of_option(const char *option);

/* The value of an option in decoder->options, or fallback. */
extern const char *ep_decoder_option(const EpDecoder *decoder, const char *name, const char *fallback);

/* An option that is true or false, and false when it is not set; EP_E_UNSUPPORTED when it is anything else. */
extern EpCode ep_decoder_flag(EpDecoder *decoder, const char *name, bool *flag) EP_CHECK_RESULT;

#endif /* EP_FORMAT_FORMAT_H */
