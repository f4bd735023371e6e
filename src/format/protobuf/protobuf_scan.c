/*
 * protobuf_scan.c
 *	  The records of a message on the writer's stack, in the order of field numbers.
 *
 * A message may come in several slices (a sub-message seen twice is merged); they are scanned one
 * after another.  Unknown fields, wire types that do not fit and unknown numbers of closed enums
 * are left out; of a oneof only what belongs to its last case stays.
 */
#include "format/protobuf/protobuf_writer.h"

#include <string.h>

void
ep_protobuf_writer_init(EpProtoWriter *writer, EpArena *arena, const uint8_t *start, EpError *error)
{
	static char nothing[1];

	memset(writer, 0, sizeof *writer);
	writer->text = nothing; /* of capacity 0: never written to */
	writer->arena = arena;
	writer->start = start;
	writer->error = error;
}

EpCode
ep_protobuf_writer_fail(EpProtoWriter *writer, EpCode code, const uint8_t *at, const char *message,
						const EpProtoField *field)
{
	ep_fail(writer->error, code, at == NULL ? 0 : (size_t) (at - writer->start), message);
	if (field != NULL)
		writer->error->path = field->name;
	return code;
}

static bool
grow_stack(EpProtoWriter *writer)
{
	size_t capacity = writer->record_capacity == 0 ? 64 : writer->record_capacity * 2;
	EpProtoRecord *records = ep_arena_array(writer->arena, capacity, sizeof *records);

	if (records == NULL || writer->full)
		return false;
	if (writer->count > 0)
		memcpy(records, writer->records, writer->count * sizeof *records);
	writer->records = records;
	writer->record_capacity = capacity;
	return true;
}

/* Room for a record on top of the stack, to be filled; NULL: the error says why. */
static inline EpProtoRecord *
add_record(EpProtoWriter *writer)
{
	if (writer->count == writer->record_capacity && !grow_stack(writer))
	{
		(void) ep_protobuf_writer_fail(writer, EP_E_MEMORY, NULL,
									   "protobuf message needs more memory than it may have", NULL);
		return NULL;
	}
	if (ep_protobuf_stops(writer))
	{
		(void) ep_protobuf_writer_fail(writer, EP_E_LIMIT, NULL, "interrupted", NULL);
		return NULL;
	}
	return &writer->records[writer->count++];
}

EpCode
ep_protobuf_push(EpProtoWriter *writer, EpProtoRecord record)
{
	EpProtoRecord *added = add_record(writer);

	if (added == NULL)
		return writer->error->code;
	*added = record;
	return EP_OK;
}

/* The type id and the message may stand in any order; the last of each counts. */
void
ep_protobuf_open_item(EpWireRecord *record, const uint8_t *start)
{
	EpCursor cursor = {start, record->data, record->data + record->length};
	EpWireRecord part, message = {0};
	uint64_t type = 0;
	uint32_t ticks = 0;
	EpError error;

	if (record->number != EP_MESSAGE_SET_ITEM || record->wire != EP_WIRE_GROUP)
		return;
	while (ep_wire_next(&cursor, &part, 0, &error) == EP_OK && !ep_wire_stops(&ticks))
	{
		if (part.number == EP_MESSAGE_SET_TYPE && part.wire == EP_WIRE_VARINT)
			type = part.bits;
		else if (part.number == EP_MESSAGE_SET_MESSAGE && part.wire == EP_WIRE_LEN)
			message = part;
	}
	if (message.data == NULL || type == 0 || type > INT32_MAX)
		return;
	*record = message;
	record->number = (uint32_t) type;
}

static EpCode
scan_slice(EpProtoWriter *writer, const EpProtoMessage *message, EpCursor cursor, int depth, bool *oneofs)
{
	EpWireRecord record;
	EpCode code;

	while ((code = ep_wire_next(&cursor, &record, depth, writer->error)) == EP_OK)
	{
		const EpProtoField *field;
		EpProtoRecord *kept;

		if (message->message_set)
			ep_protobuf_open_item(&record, writer->start);
		field = ep_protobuf_field(message, record.number);
		if (field == NULL || !ep_protobuf_fits(field, record.wire) ||
			(record.wire == EP_WIRE_VARINT && !message->map_entry &&
			 ep_protobuf_unknown_value(field, record.bits)))
		{
			writer->unknown = true;
			continue;
		}
		*oneofs |= field->oneof >= 0;
		if ((kept = add_record(writer)) == NULL)
			return writer->error->code;
		/* one by one: a record that is made elsewhere and copied costs more than the rest of the loop */
		kept->field = field;
		kept->data = record.data;
		kept->bits = record.wire == EP_WIRE_GROUP ? record.length : record.bits;
		kept->wire = record.wire;
		kept->dead = false;
	}
	return code == EP_DONE ? EP_OK : code;
}

/*
 * Backward over the records: a oneof's last one decides its case, and stays with those of the
 * same case before it until another case stands between.
 */
static EpCode
settle_oneofs(EpProtoWriter *writer, const EpProtoMessage *message, EpProtoSpan span)
{
	typedef struct Case
	{
		const EpProtoField *field;
		bool closed;
	} Case;

	Case *cases = ep_arena_zalloc(writer->arena, message->oneof_count * sizeof *cases);

	if (cases == NULL)
		return ep_protobuf_writer_fail(writer, EP_E_MEMORY, NULL,
									   "protobuf message needs more memory than it may have", NULL);
	for (size_t i = span.end; i-- > span.first;)
	{
		EpProtoRecord *record = &writer->records[i];
		Case *its = record->field->oneof < 0 ? NULL : &cases[record->field->oneof];

		if (its == NULL)
			continue;
		if (its->field == NULL)
			its->field = record->field;
		else if (its->field != record->field)
			its->closed = true;
		record->dead = its->closed;
	}
	return EP_OK;
}

/* Stable, bottom up, with a second array from the arena; only for records out of order. */
static EpCode
sort_records(EpProtoWriter *writer, EpProtoSpan span)
{
	size_t count = span.end - span.first;
	EpProtoRecord *from = writer->records + span.first;
	EpProtoRecord *to = ep_arena_array(writer->arena, count, sizeof *to);

	if (to == NULL)
		return ep_protobuf_writer_fail(writer, EP_E_MEMORY, NULL,
									   "protobuf message needs more memory than it may have", NULL);
	for (size_t width = 1; width < count; width *= 2)
	{
		EpProtoRecord *swap = from;

		for (size_t low = 0; low < count; low += 2 * width)
		{
			size_t middle = low + width < count ? low + width : count;
			size_t high = low + 2 * width < count ? low + 2 * width : count;
			size_t left = low, right = middle;

			for (size_t out = low; out < high; out++)
				to[out] =
					left < middle && (right == high || from[left].field->number <= from[right].field->number)
						? from[left++]
						: from[right++];
		}
		from = to;
		to = swap;
	}
	if (from != writer->records + span.first)
		memcpy(writer->records + span.first, from, count * sizeof *from);
	return EP_OK;
}

static EpCode
check_required(EpProtoWriter *writer, const EpProtoMessage *message, EpProtoSpan span)
{
	size_t at = span.first;

	for (uint32_t i = 0; i < message->field_count; i++)
	{
		const EpProtoField *field = message->numbers[i];

		while (at < span.end && writer->records[at].field->number < field->number)
			at++;
		if (field->required && (at == span.end || writer->records[at].field != field))
			return ep_protobuf_writer_fail(writer, EP_E_MISSING, NULL, "required protobuf field is missing",
										   field);
	}
	return EP_OK;
}

/* Strings that a later one replaces, or another case of their oneof, are not shown, but have to be text. */
static EpCode
check_replaced(EpProtoWriter *writer, EpProtoSpan span)
{
	EpCode code = EP_OK;

	for (size_t i = span.first; i < span.end && code == EP_OK; i++)
	{
		EpProtoRecord record = writer->records[i];

		if (record.field->type == EP_PROTO_STRING && !record.field->repeated &&
			(record.dead || (i + 1 < span.end && writer->records[i + 1].field == record.field)))
			code = ep_protobuf_check_string(writer, record.field, record.data, (size_t) record.bits);
	}
	return code;
}

/*
 * Scan the slices and leave their records on top of the stack as *found; the caller takes them
 * off by setting writer->count back to found->first.
 */
EpCode
ep_protobuf_scan(EpProtoWriter *writer, const EpProtoMessage *message, EpProtoSpan slices, int depth,
				 EpProtoSpan *found)
{
	bool oneofs = false, sorted = true;
	EpCode code;

	found->first = found->end = writer->count;
	if (depth > EP_PROTO_DEPTH)
		return ep_protobuf_writer_fail(writer, EP_E_DEPTH,
									   slices.first < slices.end ? writer->records[slices.first].data : NULL,
									   "protobuf is nested too deeply", NULL);
	for (size_t i = slices.first; i < slices.end; i++)
	{
		const EpProtoRecord *slice = &writer->records[i];
		EpCursor cursor = {writer->start, slice->data, slice->data + slice->bits};

		if (!slice->dead && (code = scan_slice(writer, message, cursor, depth, &oneofs)) != EP_OK)
			return code;
	}
	found->end = writer->count;
	if (oneofs && found->end - found->first > 1 && (code = settle_oneofs(writer, message, *found)) != EP_OK)
		return code;
	for (size_t i = found->first + 1; i < found->end && sorted; i++)
		sorted = writer->records[i - 1].field->number <= writer->records[i].field->number;
	if (!sorted && (code = sort_records(writer, *found)) != EP_OK)
		return code;
	if ((code = check_replaced(writer, *found)) != EP_OK)
		return code;
	if (message->required_count > 0)
		return check_required(writer, message, *found);
	return EP_OK;
}
