/*
 * protobuf_path.c
 *	  One value out of a message: its path is found once, its records are picked without the rest.
 *
 * Server-free.
 */
#include "format/protobuf/protobuf_writer.h"

#include <string.h>

bool
ep_protobuf_find_path(const EpProtoMessage *message, const char *text, EpProtoPath *path)
{
	path->count = 0;
	for (;;)
	{
		size_t segment = strcspn(text, ".");
		const EpProtoField *field = message == NULL ? NULL : ep_protobuf_find_field(message, text, segment);

		if (field == NULL || path->count > EP_PROTO_DEPTH)
			return false;
		path->fields[path->count++] = field;
		if (text[segment] == '\0')
			return true;
		if (field->repeated)
			return false;
		text += segment + 1;
		message = field->message;
	}
}

/* Is the record a value of the field? */
static inline bool
is_value(const EpProtoField *field, const EpWireRecord *record)
{
	return ep_protobuf_fits(field, record->wire) &&
		   !(record->wire == EP_WIRE_VARINT && ep_protobuf_unknown_value(field, record->bits));
}

/* Does the record set another case of the field's oneof? */
static bool
is_other_case(const EpProtoField *field, const EpWireRecord *record)
{
	const EpProtoField *other = field->oneof < 0 ? NULL : ep_protobuf_field(field->owner, record->number);

	return other != NULL && other->oneof == field->oneof && is_value(other, record);
}

/* The records of one field that count, on top of the stack: one of a scalar, all of a list or message. */
static EpCode
pick_slice(EpProtoWriter *writer, const EpProtoField *field, EpProtoRecord slice, int depth, size_t base)
{
	EpCursor cursor = {writer->start, slice.data, slice.data + slice.bits};
	bool last_wins = !field->repeated && field->message == NULL;
	EpWireRecord record = {0};
	EpCode code;

	while ((code = ep_wire_next(&cursor, &record, depth, writer->error)) == EP_OK)
	{
		EpProtoRecord kept = {field, record.data, record.bits, record.wire, false};

		if (record.number != field->number)
		{
			if (is_other_case(field, &record))
				writer->count = base;
			continue;
		}
		if (!is_value(field, &record))
			continue;
		if (record.wire == EP_WIRE_GROUP)
			kept.bits = record.length;
		if (last_wins)
			writer->count = base;
		if ((code = ep_protobuf_push(writer, kept)) != EP_OK)
			return code;
	}
	return code == EP_DONE ? EP_OK : code;
}

/* The same from all records: for message sets, and messages whose required fields are to be there. */
static EpCode
scan_whole(EpProtoWriter *writer, const EpProtoField *field, EpProtoSpan slices, int depth,
		   EpProtoSpan *records)
{
	EpProtoSpan found;
	EpCode code = ep_protobuf_scan(writer, field->owner, slices, depth, &found);

	if (code != EP_OK)
		return code;
	do
	{
		*records = ep_protobuf_next_group(writer, found);
		found.first = records->end;
	} while (records->first < records->end && writer->records[records->first].field != field);
	return EP_OK;
}

/* From the slices of a message to the records of one field in it. */
static EpCode
pick(EpProtoWriter *writer, const EpProtoField *field, EpProtoSpan slices, int depth, EpProtoSpan *records)
{
	EpCode code = EP_OK;
	size_t base = writer->count;

	if (field->owner->required_count > 0 || field->owner->message_set || field->owner->map_entry)
		return scan_whole(writer, field, slices, depth, records);
	for (size_t i = slices.first; i < slices.end && code == EP_OK; i++)
		code = pick_slice(writer, field, writer->records[i], depth, base);
	*records = (EpProtoSpan){base, writer->count};
	return code;
}

EpCode
ep_protobuf_get_path(EpProtoWriter *writer, const EpProtoPath *path, const uint8_t *bytes, size_t length)
{
	EpProtoRecord whole = {NULL, bytes, length, EP_WIRE_LEN, false};
	EpProtoSpan span = {writer->count, writer->count + 1};
	EpCode code = ep_protobuf_push(writer, whole);

	for (int depth = 0; depth < path->count && code == EP_OK; depth++)
	{
		code = pick(writer, path->fields[depth], span, depth, &span);
		if (code == EP_OK && span.first == span.end && path->fields[depth]->presence)
			return EP_DONE;
	}
	if (code != EP_OK)
		return code;
	writer->bare = true;
	return ep_protobuf_put_field(writer, path->fields[path->count - 1], span, path->count - 1);
}
