/*
 * protobuf_rewrite.c
 *	  A message parsed and serialized again.
 *
 * Server-free.  The parse is the scan that ProtoJSON is written from, so what comes out shows how the
 * wire rules were understood.
 */
#include "format/protobuf/protobuf_rewrite.h"

#include "core/utf8.h"
#include "format/protobuf/protobuf_writer.h"

static EpCode rewrite_message(EpProtoWriter *writer, EpProtoBytes *out, const EpProtoMessage *message,
							  EpProtoSpan slices, int depth);

/* ---- known fields ---- */

static EpCode
check_text(EpProtoWriter *writer, const EpProtoField *field, const EpProtoRecord *record)
{
	if (field->type != EP_PROTO_STRING || !field->utf8 ||
		ep_utf8_valid((const char *) record->data, (size_t) record->bits))
		return EP_OK;
	return ep_protobuf_writer_fail(writer, EP_E_ENCODING, record->data, "protobuf string is not valid UTF-8",
								   field);
}

static void
put_element(EpProtoBytes *out, const EpProtoField *field, const EpProtoRecord *element, bool packed)
{
	if (ep_protobuf_unknown_value(field, element->bits))
		return;
	if (!packed)
		ep_protobuf_bytes_tag(out, field->number, field->wire);
	ep_protobuf_bytes_scalar(out, field, element);
}

static EpCode
rewrite_elements(EpProtoWriter *writer, EpProtoBytes *out, const EpProtoField *field,
				 const EpProtoRecord *record, bool packed)
{
	EpProtoRecord element = {field, NULL, 0, field->wire, false};
	EpCursor run = {writer->start, record->data, record->data + record->bits};

	while (ep_protobuf_packed_next(field, &run, &element.bits))
		put_element(out, field, &element, packed);
	if (run.at == run.end)
		return EP_OK;
	return ep_protobuf_writer_fail(writer, EP_E_TRUNCATED, run.at,
								   "packed protobuf values end inside a value", field);
}

static EpCode
rewrite_list(EpProtoWriter *writer, EpProtoBytes *out, const EpProtoField *field, EpProtoSpan span)
{
	bool packed = field->packed && field->wire != EP_WIRE_LEN;
	size_t before = out->length, begun = packed ? ep_protobuf_bytes_begin(out, field->number) : 0;

	for (size_t i = span.first; i < span.end; i++)
	{
		EpProtoRecord record = writer->records[i];
		EpCode code = check_text(writer, field, &record);

		if (record.wire == field->wire)
			put_element(out, field, &record, packed);
		else
			code = rewrite_elements(writer, out, field, &record, packed);
		if (code != EP_OK)
			return code;
	}
	if (packed && out->length == begun)
		out->length = before;
	else if (packed)
		ep_protobuf_bytes_end(out, begun);
	return EP_OK;
}

static EpCode
rewrite_field(EpProtoWriter *writer, EpProtoBytes *out, const EpProtoField *field, EpProtoSpan span,
			  int depth)
{
	size_t step = field->repeated ? 1 : span.end - span.first;
	EpProtoRecord last = writer->records[span.end - 1];
	EpCode code;

	if (field->message != NULL)
	{
		for (; span.first < span.end; span.first += step)
		{
			size_t opened = ep_protobuf_bytes_open(out, field);

			code = rewrite_message(writer, out, field->message, (EpProtoSpan){span.first, span.first + step},
								   depth + 1);
			ep_protobuf_bytes_close(out, field, opened);
			if (code != EP_OK)
				return code;
		}
		return EP_OK;
	}
	if (field->repeated)
		return rewrite_list(writer, out, field, span);
	for (size_t i = span.first; i < span.end; i++)
		if ((code = check_text(writer, field, &writer->records[i])) != EP_OK)
			return code;
	if (!field->presence && !field->owner->map_entry && ep_protobuf_is_default(field, &last))
		return EP_OK;
	ep_protobuf_bytes_tag(out, field->number, field->wire);
	ep_protobuf_bytes_scalar(out, field, &last);
	return EP_OK;
}

/* ---- unknown fields ---- */

/* The numbers of a packed run that a closed enum does not have. */
static void
keep_unknown_values(EpProtoBytes *out, const EpProtoField *field, const EpWireRecord *record, EpCursor run)
{
	uint64_t bits;

	run.at = record->data;
	run.end = record->data + record->length;
	while (ep_protobuf_packed_next(field, &run, &bits))
		if (ep_protobuf_unknown_value(field, bits))
		{
			ep_protobuf_bytes_tag(out, field->number, EP_WIRE_VARINT);
			ep_protobuf_bytes_varint(out, bits);
		}
}

static EpCode
keep_unknown(EpProtoWriter *writer, EpProtoBytes *out, const EpProtoMessage *message, EpCursor cursor,
			 int depth)
{
	EpWireRecord record = {0};
	const uint8_t *tagged = cursor.at;
	EpCode code;

	for (; (code = ep_wire_next(&cursor, &record, depth, writer->error)) == EP_OK; tagged = cursor.at)
	{
		const EpProtoField *field;

		if (message->message_set)
			ep_protobuf_open_item(&record, writer->start);
		field = ep_protobuf_field(message, record.number);
		if (field == NULL || !ep_protobuf_fits(field, record.wire) ||
			(record.wire == EP_WIRE_VARINT && !message->map_entry &&
			 ep_protobuf_unknown_value(field, record.bits)))
			ep_protobuf_bytes_put(out, tagged, (size_t) (cursor.at - tagged));
		else if (field->enumeration != NULL && record.wire == EP_WIRE_LEN)
			keep_unknown_values(out, field, &record, cursor);
	}
	return code == EP_DONE ? EP_OK : code;
}

/* ---- messages ---- */

static EpCode
rewrite_message(EpProtoWriter *writer, EpProtoBytes *out, const EpProtoMessage *message, EpProtoSpan slices,
				int depth)
{
	EpProtoSpan found;
	EpCode code = ep_protobuf_scan(writer, message, slices, depth, &found);
	size_t base = found.first;

	while (code == EP_OK)
	{
		EpProtoSpan group = ep_protobuf_next_group(writer, found);

		if (group.first == group.end)
			break;
		if (out->full)
			return ep_protobuf_writer_fail(writer, EP_E_MEMORY, NULL,
										   "protobuf message needs more memory than it may have", NULL);
		code = rewrite_field(writer, out, writer->records[group.first].field, group, depth);
		found.first = group.end;
	}
	writer->count = base;
	for (size_t i = slices.first; i < slices.end && code == EP_OK; i++)
	{
		EpProtoRecord slice = writer->records[i];
		EpCursor cursor = {writer->start, slice.data, slice.data + slice.bits};

		if (!slice.dead)
			code = keep_unknown(writer, out, message, cursor, depth);
	}
	return code;
}

EpCode
ep_protobuf_rewrite(EpProtoWriter *writer, const EpProtoMessage *message, const uint8_t *bytes, size_t length,
					EpProtoBytes *out)
{
	EpProtoRecord whole = {NULL, bytes, length, EP_WIRE_LEN, false};
	EpCode code = ep_protobuf_push(writer, whole);

	if (code == EP_OK)
		code = rewrite_message(writer, out, message, (EpProtoSpan){writer->count - 1, writer->count}, 0);
	if (code == EP_OK && out->full)
		return ep_protobuf_writer_fail(writer, EP_E_MEMORY, NULL,
									   "protobuf message needs more memory than it may have", NULL);
	return code;
}
