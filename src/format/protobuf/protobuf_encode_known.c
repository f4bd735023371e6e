/*
 * protobuf_encode_known.c
 *	  Messages with a JSON form of their own, from JSON: times, wrappers, Struct, Value, FieldMask, Any.
 *
 * Server-free.  Their shape was checked when the schema was compiled, so fields are found by index.
 */
#include "format/protobuf/protobuf_encoder.h"

#include <string.h>

/* ---- times ---- */

static bool
are_digits(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((uint8_t) (text[i] - '0') > 9)
			return false;
	return length > 0;
}

/* What follows the seconds: nothing or a point and 1 to 9 digits; the nanos, or -1. */
static int32_t
read_nanos(const char *text, size_t length)
{
	int32_t nanos = 0;

	if (length == 0)
		return 0;
	if (length > 10 || text[0] != '.' || !are_digits(text + 1, length - 1))
		return -1;
	for (size_t i = 1; i < 10; i++)
		nanos = nanos * 10 + (i < length ? text[i] - '0' : 0);
	return nanos;
}

/* RFC 3339 as ProtoJSON narrows it: capital T, seconds below 60, and Z or an offset with its colon. */
static bool
read_timestamp(EpProtoText text, int64_t *seconds, int32_t *nanos)
{
	size_t zone = text.length > 0 && text.bytes[text.length - 1] == 'Z' ? 1 : 6;
	const char *end = text.bytes + text.length;
	int64_t micros;
	int16_t below;

	if (text.length < 19 + zone || text.bytes[10] != 'T' || text.bytes[16] != ':' || text.bytes[17] > '5' ||
		memcmp(text.bytes + 11, "24", 2) == 0)
		return false;
	if (zone == 6 && ((end[-6] != '+' && end[-6] != '-') || end[-3] != ':'))
		return false;
	*nanos = read_nanos(text.bytes + 19, text.length - 19 - zone);
	if (*nanos < 0 || !ep_timestamp_from_text(text.bytes, text.length, &micros, &below))
		return false;
	*seconds = (micros - *nanos / 1000) / 1000000;
	return true;
}

/* -1.5s */
static bool
read_duration(EpProtoText text, int64_t *seconds, int32_t *nanos)
{
	bool negative = text.length > 0 && text.bytes[0] == '-';
	const char *p = text.bytes + negative;
	size_t left = text.length - negative, whole = 0;

	if (left < 2 || p[left - 1] != 's')
		return false;
	left--;
	*seconds = 0;
	for (; whole < left && (uint8_t) (p[whole] - '0') <= 9 && whole < 13; whole++)
		*seconds = *seconds * 10 + (p[whole] - '0');
	*nanos = read_nanos(p + whole, left - whole);
	if (whole == 0 || *nanos < 0)
		return false;
	if (negative)
	{
		*seconds = -*seconds;
		*nanos = -*nanos;
	}
	return true;
}

static const char *
read_time(EpProtoEncoder *encoder, const char *p, const EpProtoMessage *message)
{
	bool stamp = message->known == EP_KNOWN_TIMESTAMP;
	const char *start = p;
	int64_t seconds;
	int32_t nanos;
	EpProtoText text;
	EpValue value;

	p = ep_protobuf_read_text(encoder, p, &text);
	if (p == NULL)
		return NULL;
	if (!(stamp ? read_timestamp : read_duration)(text, &seconds, &nanos))
		return ep_protobuf_encode_fail(encoder, EP_E_SYNTAX, start, NULL,
									   stamp ? "not a protobuf Timestamp" : "not a protobuf Duration");
	if (!(stamp ? ep_protobuf_timestamp_value : ep_protobuf_duration_value)(seconds, nanos, &value))
		return ep_protobuf_encode_fail(encoder, EP_E_RANGE, start, NULL,
									   stamp ? "protobuf Timestamp is out of range"
											 : "protobuf Duration is out of range");
	if (seconds != 0)
	{
		ep_protobuf_bytes_tag(&encoder->bytes, 1, EP_WIRE_VARINT);
		ep_protobuf_bytes_varint(&encoder->bytes, (uint64_t) seconds);
	}
	if (nanos != 0)
	{
		ep_protobuf_bytes_tag(&encoder->bytes, 2, EP_WIRE_VARINT);
		ep_protobuf_bytes_varint(&encoder->bytes, (uint64_t) (int64_t) nanos);
	}
	return p;
}

/* ---- FieldMask ---- */

/* fooBar.baz -> foo_bar.baz as one path; false for what is no path of JSON. */
static bool
put_path(EpProtoEncoder *encoder, const char *path, size_t length)
{
	size_t begun = ep_protobuf_bytes_begin(&encoder->bytes, 1);

	for (size_t i = 0; i < length; i++)
	{
		char c = path[i];

		if (c == '_' || c == '\0')
			return false;
		if (c >= 'A' && c <= 'Z')
		{
			ep_protobuf_bytes_put(&encoder->bytes, "_", 1);
			c = (char) (c - 'A' + 'a');
		}
		ep_protobuf_bytes_put(&encoder->bytes, &c, 1);
	}
	ep_protobuf_bytes_end(&encoder->bytes, begun);
	return true;
}

static const char *
read_field_mask(EpProtoEncoder *encoder, const char *p)
{
	const char *start = p;
	EpProtoText text;

	p = ep_protobuf_read_text(encoder, p, &text);
	if (p == NULL)
		return NULL;
	while (text.length > 0)
	{
		const char *comma = memchr(text.bytes, ',', text.length);
		size_t length = comma == NULL ? text.length : (size_t) (comma - text.bytes);

		if (!put_path(encoder, text.bytes, length))
			return ep_protobuf_encode_fail(encoder, EP_E_SYNTAX, start, NULL,
										   "path of a protobuf FieldMask is not in lowerCamelCase");
		length += comma != NULL;
		text.bytes += length;
		text.length -= length;
	}
	return p;
}

/* ---- Any ---- */

/* The string member "@type" of the object whose brace p is behind; *type stays empty when there is none. */
static bool
find_type(EpProtoEncoder *encoder, const char *p, EpProtoText *type, bool *empty)
{
	bool first = true, over = false;

	*type = (EpProtoText){"", 0};
	for (;;)
	{
		EpProtoText key;

		p = ep_protobuf_next_member(encoder, p, &first, &key, &over);
		if (p == NULL || over)
			break;
		if (ep_protobuf_text_is(key, "@type"))
			p = ep_protobuf_read_text(encoder, p, type);
		else
			p = ep_json_check(&encoder->scan, p, 0);
		if (p == NULL)
			return false;
	}
	*empty = first;
	return p != NULL;
}

static const EpProtoMessage *
named_type(const EpProtoSchema *schema, EpProtoText url)
{
	size_t slash = url.length;
	const EpProtoMessage *message;

	while (slash > 0 && url.bytes[slash - 1] != '/')
		slash--;
	if (slash == 0)
		return NULL;
	message = ep_protobuf_find_message(schema, url.bytes + slash, url.length - slash);
	return message == NULL || message->map_entry ? NULL : message;
}

/* The member "value" of an Any whose type has a JSON form of its own. */
static const char *
read_any_value(EpProtoEncoder *encoder, const char *p, const EpProtoMessage *target, int depth)
{
	const char *start = p;
	bool first = true, over = false, found = false;

	for (;;)
	{
		EpProtoText key;

		p = ep_protobuf_next_member(encoder, p, &first, &key, &over);
		if (p == NULL || over)
			break;
		if (ep_protobuf_text_is(key, "@type"))
			p = ep_json_check(&encoder->scan, p, 0);
		else if (!ep_protobuf_text_is(key, "value"))
			p = ep_protobuf_skip_unknown(encoder, p, key);
		else if (found)
			return ep_protobuf_encode_fail(encoder, EP_E_STRUCTURE, p, NULL, "protobuf field is there twice");
		else
		{
			found = true;
			p = ep_protobuf_read_message(encoder, p, target, depth);
		}
		if (p == NULL)
			return NULL;
	}
	if (p != NULL && !found)
		return ep_protobuf_encode_fail(encoder, EP_E_MISSING, start, NULL,
									   "protobuf Any has a type but no value");
	return p;
}

static const char *
read_any(EpProtoEncoder *encoder, const char *p, const EpProtoMessage *message, int depth)
{
	const EpProtoMessage *target;
	const char *start = p;
	EpProtoText type;
	size_t begun;
	bool empty;

	if (p == encoder->scan.end || *p != '{')
		return ep_protobuf_misfit(encoder, p, "an object");
	if (!find_type(encoder, ++p, &type, &empty))
		return NULL;
	if (empty)
		return ep_json_space(p, encoder->scan.end) + 1;
	if (type.length == 0)
		return ep_protobuf_encode_fail(encoder, EP_E_MISSING, start, NULL,
									   "protobuf Any has a value but no type");
	target = named_type(message->schema, type);
	if (target == NULL)
		return ep_protobuf_encode_fail(encoder, EP_E_UNSUPPORTED, start, NULL,
									   "protobuf Any holds a type that the schema does not have");
	begun = ep_protobuf_bytes_begin(&encoder->bytes, 1);
	ep_protobuf_bytes_put(&encoder->bytes, type.bytes, type.length);
	ep_protobuf_bytes_end(&encoder->bytes, begun);
	begun = ep_protobuf_bytes_begin(&encoder->bytes, 2);
	if (target->known == EP_KNOWN_NONE)
		p = ep_protobuf_read_members(encoder, p, target, depth + 1, true);
	else
		p = read_any_value(encoder, p, target, depth + 1);
	ep_protobuf_bytes_end(&encoder->bytes, begun);
	return p;
}

/* ---- the rest ---- */

static const char *
read_value(EpProtoEncoder *encoder, const char *p, const EpProtoMessage *message, int depth)
{
	enum
	{
		NULL_VALUE,
		NUMBER_VALUE,
		STRING_VALUE,
		BOOL_VALUE,
		STRUCT_VALUE,
		LIST_VALUE
	} kind = NUMBER_VALUE;

	switch (p < encoder->scan.end ? *p : ' ')
	{
		case 'n':
			kind = NULL_VALUE;
			break;
		case '"':
			kind = STRING_VALUE;
			break;
		case 't':
		case 'f':
			kind = BOOL_VALUE;
			break;
		case '{':
			kind = STRUCT_VALUE;
			break;
		case '[':
			kind = LIST_VALUE;
			break;
	}
	return ep_protobuf_read_field(encoder, p, &message->fields[kind], depth);
}

const char *
ep_protobuf_read_known(EpProtoEncoder *encoder, const char *p, const EpProtoMessage *message, int depth)
{
	switch ((EpProtoKnown) message->known)
	{
		case EP_KNOWN_TIMESTAMP:
		case EP_KNOWN_DURATION:
			return read_time(encoder, p, message);
		case EP_KNOWN_FIELD_MASK:
			return read_field_mask(encoder, p);
		case EP_KNOWN_ANY:
			return read_any(encoder, p, message, depth);
		case EP_KNOWN_VALUE:
			return read_value(encoder, p, message, depth);
		case EP_KNOWN_STRUCT:
		case EP_KNOWN_LIST_VALUE:
		case EP_KNOWN_WRAPPER:
		case EP_KNOWN_NONE:
			break;
	}
	return ep_protobuf_read_field(encoder, p, &message->fields[0], depth);
}
