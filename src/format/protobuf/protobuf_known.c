/*
 * protobuf_known.c
 *	  ProtoJSON of the well-known types: times, wrappers, Struct, Value, ListValue, FieldMask, Any.
 *
 * Server-free.  Their shape was checked when the schema was compiled, so fields are found by index.
 */
#include "format/protobuf/protobuf_writer.h"

#include <math.h>
#include <string.h>

/* The last record of field number index + 1, or NULL. */
static const EpProtoRecord *
last_of(const EpProtoWriter *writer, const EpProtoMessage *message, EpProtoSpan found, uint32_t index)
{
	for (size_t i = found.end; i-- > found.first;)
		if (writer->records[i].field == &message->fields[index] && !writer->records[i].dead)
			return &writer->records[i];
	return NULL;
}

static EpProtoSpan
all_of(const EpProtoWriter *writer, const EpProtoMessage *message, EpProtoSpan found, uint32_t index)
{
	const EpProtoField *field = &message->fields[index];

	while (found.first < found.end &&
		   (writer->records[found.first].field != field || writer->records[found.first].dead))
		found.first++;
	while (found.end > found.first && writer->records[found.end - 1].field != field)
		found.end--;
	return found;
}

static EpCode
put_time(EpProtoWriter *writer, const EpProtoMessage *message, EpProtoSpan found)
{
	const EpProtoRecord *seconds = last_of(writer, message, found, 0);
	const EpProtoRecord *nanos = last_of(writer, message, found, 1);
	const uint8_t *at = found.first < found.end ? writer->records[found.first].data : NULL;
	int64_t s = seconds == NULL ? 0 : (int64_t) seconds->bits;
	int32_t n = nanos == NULL ? 0 : (int32_t) nanos->bits;
	EpValue value;

	if (message->known == EP_KNOWN_TIMESTAMP)
	{
		if (!ep_protobuf_timestamp_value(s, n, &value))
			return ep_protobuf_writer_fail(writer, EP_E_RANGE, at, "protobuf Timestamp is out of range",
										   NULL);
		ep_protobuf_put_timestamp(writer, s, n);
		return EP_OK;
	}
	if (!ep_protobuf_duration_value(s, n, &value))
		return ep_protobuf_writer_fail(writer, EP_E_RANGE, at, "protobuf Duration is out of range", NULL);
	ep_protobuf_put_duration(writer, s, n);
	return EP_OK;
}

/* foo_bar.baz -> fooBar.baz, if the way back gives the same; into out (length bytes), 0 if not. */
static size_t
camel_path(const uint8_t *path, size_t length, uint8_t *out)
{
	size_t n = 0;

	for (size_t i = 0; i < length; i++)
	{
		if (path[i] >= 'A' && path[i] <= 'Z')
			return 0;
		if (path[i] != '_')
			out[n++] = path[i];
		else if (i + 1 < length && path[i + 1] >= 'a' && path[i + 1] <= 'z')
			out[n++] = (uint8_t) (path[++i] - 'a' + 'A');
		else
			return 0;
	}
	return n;
}

static EpCode
put_field_mask(EpProtoWriter *writer, const EpProtoMessage *message, EpProtoSpan found)
{
	size_t total = 0, n = 0, bad;
	uint8_t *text;

	found = all_of(writer, message, found, 0);
	for (size_t i = found.first; i < found.end; i++)
		total += (size_t) writer->records[i].bits + 1;
	text = ep_arena_alloc(writer->arena, total);
	if (text == NULL)
		return ep_protobuf_writer_fail(writer, EP_E_MEMORY, NULL,
									   "protobuf message needs more memory than it may have", NULL);
	for (size_t i = found.first; i < found.end; i++)
	{
		const EpProtoRecord *path = &writer->records[i];
		size_t length;

		if (i > found.first)
			text[n++] = ',';
		length = camel_path(path->data, (size_t) path->bits, text + n);
		if ((length == 0 && path->bits > 0) || ep_wire_text(path->data, (size_t) path->bits, &bad) != EP_OK)
			return ep_protobuf_writer_fail(writer, EP_E_STRUCTURE, path->data,
										   "protobuf FieldMask has a path that JSON cannot express", NULL);
		n += length;
	}
	ep_protobuf_put_quoted(writer, text, n);
	return EP_OK;
}

static EpCode
put_any_value(EpProtoWriter *writer, const EpProtoMessage *message, const EpProtoRecord *type,
			  const EpProtoRecord *value, int depth)
{
	EpProtoRecord url = *type;
	EpProtoRecord slice = {NULL, (const uint8_t *) "", 0, EP_WIRE_LEN, false};
	size_t slash = (size_t) url.bits;
	const EpProtoMessage *target = NULL;
	EpProtoSpan span = {writer->count, writer->count + 1};
	EpCode code;

	if (value != NULL)
		slice = *value;
	while (slash > 0 && url.data[slash - 1] != '/')
		slash--;
	if (slash > 0)
		target = ep_protobuf_find_message(message->schema, (const char *) url.data + slash,
										  (size_t) url.bits - slash);
	if (target == NULL || target->map_entry)
		return ep_protobuf_writer_fail(writer, EP_E_UNSUPPORTED, url.data,
									   "protobuf Any holds a type that the schema does not have", NULL);
	ep_protobuf_put_mark(writer, '{');
	ep_protobuf_put_name(writer, "@type", 5);
	if ((code = ep_protobuf_put_string(writer, &message->fields[0], url.data, (size_t) url.bits)) != EP_OK ||
		(code = ep_protobuf_push(writer, slice)) != EP_OK)
		return code;
	if (target->known == EP_KNOWN_NONE)
		code = ep_protobuf_put_members(writer, target, span, depth + 1, false);
	else
	{
		ep_protobuf_put_mark(writer, ',');
		ep_protobuf_put_name(writer, "value", 5);
		code = ep_protobuf_put_message(writer, target, span, depth + 1);
	}
	ep_protobuf_put_mark(writer, '}');
	return code;
}

static EpCode
put_any(EpProtoWriter *writer, const EpProtoMessage *message, EpProtoSpan found, int depth)
{
	const EpProtoRecord *type = last_of(writer, message, found, 0);
	const EpProtoRecord *value = last_of(writer, message, found, 1);
	bool bare = writer->bare;
	EpCode code;

	if ((type == NULL || type->bits == 0) && (value == NULL || value->bits == 0))
	{
		ep_protobuf_put_mark(writer, '{');
		ep_protobuf_put_mark(writer, '}');
		return EP_OK;
	}
	if (type == NULL)
		return ep_protobuf_writer_fail(writer, EP_E_MISSING, value->data,
									   "protobuf Any has a value but no type", NULL);
	writer->bare = false;
	code = put_any_value(writer, message, type, value, depth);
	writer->bare = bare;
	return code;
}

static EpCode
put_value(EpProtoWriter *writer, const EpProtoMessage *message, EpProtoSpan found, int depth)
{
	size_t last = found.end;

	while (last > found.first && writer->records[last - 1].dead)
		last--;
	for (size_t i = found.first; i < last; i++)
	{
		const EpProtoField *field = writer->records[i].field;

		if (writer->records[i].dead)
			continue;
		if (field->type == EP_PROTO_DOUBLE && !isfinite(ep_double_from_bits(writer->records[last - 1].bits)))
			return ep_protobuf_writer_fail(writer, EP_E_RANGE, writer->records[last - 1].data,
										   "protobuf Value holds a number that JSON cannot express", NULL);
		if (field->index > 0)
			return ep_protobuf_put_field(writer, field, all_of(writer, message, found, field->index), depth);
		break;
	}
	ep_protobuf_put_null(writer); /* null_value, and a Value with nothing set */
	return EP_OK;
}

EpCode
ep_protobuf_put_known(EpProtoWriter *writer, const EpProtoMessage *message, EpProtoSpan slices, int depth)
{
	EpProtoSpan found;
	EpCode code = ep_protobuf_scan(writer, message, slices, depth, &found);

	if (code != EP_OK)
		return code;
	switch ((EpProtoKnown) message->known)
	{
		case EP_KNOWN_TIMESTAMP:
		case EP_KNOWN_DURATION:
			return put_time(writer, message, found);
		case EP_KNOWN_FIELD_MASK:
			return put_field_mask(writer, message, found);
		case EP_KNOWN_ANY:
			return put_any(writer, message, found, depth);
		case EP_KNOWN_VALUE:
			return put_value(writer, message, found, depth);
		case EP_KNOWN_STRUCT:
		case EP_KNOWN_LIST_VALUE:
		case EP_KNOWN_WRAPPER:
		case EP_KNOWN_NONE:
			break;
	}
	return ep_protobuf_put_field(writer, &message->fields[0], all_of(writer, message, found, 0), depth);
}
