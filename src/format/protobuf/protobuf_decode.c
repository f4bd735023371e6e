/*
 * protobuf_decode.c
 *	  Protobuf messages into events: one pass over the bytes, straight into typed fields.
 *
 * Fields land in place in their message's block (protobuf_plan.h), so a later value overwrites an
 * earlier one and a sub-message seen again goes on filling the same block.  Some are left raw
 * (value.untyped) until the message is over, because later records may add to them: times (seconds
 * in as.i, nanos in count), what becomes ProtoJSON and lists of closed enums (records in text, count of them).
 *
 * Framing: none, the payload is one message; delimited, each message has its length as a varint
 * before it, and a bad one is refused alone; confluent, one message after a schema id (protobuf_confluent.h); auto, each payload is looked at (protobuf_framing.h).  Server-free; raises nothing; bounded by the payload
 * and the arenas.
 */
#include "core/name.h"
#include "format/protobuf/protobuf_confluent.h"
#include "format/protobuf/protobuf_framing.h"
#include "format/protobuf/protobuf_scalar.h"
#include "format/protobuf/protobuf_unknown.h"

#include <string.h>

typedef struct ProtoDecoder
{
	EpDecoder *decoder;
	EpEvent *event; /* at hand */
	EpProtoNode *root;
	const EpProtoStep **required; /* of the stream, by step of the root; NULL-terminated */
	uint64_t stamp;               /* of the event at hand, from 1 */
	uint64_t known;               /* records recognised in it */
	uint32_t ticks;
	uint32_t capacity; /* fields that the largest event so far had */
	bool look;         /* framing is auto */
	bool delimited;    /* the payload at hand has lengths */
	bool confluent;    /* payloads have the frame of Confluent */
	bool over;
	bool raw;     /* some value of the event is raw */
	bool lacks;   /* the list at hand has numbers that its enum has not */
	bool needs;   /* some node has required fields */
	bool partial; /* events are parts of messages: what they lack is no fault */
	bool picks;   /* only the paths that are in the tree are read */
	EpProtoUnknown unknown;
	int32_t route_by; /* the oneof whose case is the route; -1: none is */
	EpCursor left;    /* of the payload */
} ProtoDecoder;

static EpCode walk(ProtoDecoder *d, EpProtoNode *node, EpCursor cursor, int depth);

static EpCode
no_memory(ProtoDecoder *d)
{
	return ep_fail(&d->decoder->error, EP_E_MEMORY, 0, "protobuf event needs more memory than it may have");
}

/* To be asked in loops: should the decoder stop? */
static inline bool
stops(ProtoDecoder *d)
{
	return (++d->ticks & 0x3fff) == 0 && d->decoder->interrupted != NULL && d->decoder->interrupted();
}

static EpCode
interrupted(ProtoDecoder *d, const EpCursor *cursor)
{
	return ep_fail(&d->decoder->error, EP_E_LIMIT, ep_cursor_offset(cursor), "interrupted");
}

/* Refuse the event because of one field. */
static EpCode
fail_at(ProtoDecoder *d, const EpProtoStep *step, EpCode code, size_t offset, const char *message)
{
	ep_fail(&d->decoder->error, code, offset, message);
	d->decoder->error.path = ep_path_to_text(step->path, d->decoder->arena);
	return code;
}

static size_t
offset_of(const ProtoDecoder *d, const uint8_t *at)
{
	return (size_t) (at - d->left.start);
}

static inline EpValue *
value_at(ProtoDecoder *d, const EpProtoNode *node, const EpProtoStep *step)
{
	return &d->event->fields[node->base + step->slot].value;
}

/* ---- blocks ---- */

static bool
reserve(ProtoDecoder *d, uint32_t count)
{
	EpEvent *event = d->event;
	uint32_t needed = event->field_count + count;
	EpField *fields;

	if (needed > event->field_capacity)
	{
		uint32_t capacity = needed < d->capacity ? d->capacity : needed * 2;

		fields = ep_arena_array(d->decoder->arena, capacity, sizeof *fields);
		if (fields == NULL)
			return false;
		if (event->field_count > 0)
			memcpy(fields, event->fields, event->field_count * sizeof *fields);
		event->fields = fields;
		event->field_capacity = capacity;
	}
	event->field_count = needed;
	return true;
}

/* The message is in the event: give it its block, once. */
static bool
enter(ProtoDecoder *d, EpProtoNode *node)
{
	if (node->stamp == d->stamp && node->present)
		return true;
	if (node->stamp != d->stamp)
	{
		node->base = d->event->field_count;
		if (!reserve(d, node->leaf_count))
			return false;
		node->stamp = d->stamp;
	}
	node->present = true;
	node->unknown_since = d->unknown.count;
	if (node->leaf_count > 0)
		memcpy(d->event->fields + node->base, node->blank, node->leaf_count * sizeof(EpField));
	if (node->open.message->oneof_count > 0)
		memset(node->cases, 0, node->open.message->oneof_count * sizeof *node->cases);
	return true;
}

static bool
is_present(const ProtoDecoder *d, const EpProtoNode *node)
{
	return node != NULL && node->stamp == d->stamp && node->present;
}

/* Another case of the oneof came: what this message gave is no longer so. */
static void
leave(ProtoDecoder *d, EpProtoNode *node)
{
	if (!is_present(d, node))
		return;
	for (uint32_t i = 0; i < node->leaf_count; i++)
		d->event->fields[node->base + i].value = (EpValue){.kind = EP_NULL};
	for (uint32_t i = 0; i < node->open.message->field_count; i++)
		leave(d, node->steps[i].child);
	node->present = false;
}

static void
choose(ProtoDecoder *d, EpProtoNode *node, const EpProtoStep *step)
{
	const EpProtoStep *before = node->cases[step->field->oneof];

	if (before == step)
		return;
	node->cases[step->field->oneof] = step;
	if (before == NULL)
		return;
	if (before->action == EP_ACT_MESSAGE)
		leave(d, before->child);
	else if (before->action != EP_ACT_SKIP)
		*value_at(d, node, before) = (EpValue){.kind = EP_NULL};
}

/* ---- values ---- */

static EpCode
check_text(ProtoDecoder *d, const EpProtoStep *step, const uint8_t *text, size_t length)
{
	size_t bad = 0;
	EpCode code = ep_wire_text(text, length, &bad);

	if (code == EP_OK)
		return EP_OK;
	return fail_at(d, step, code, offset_of(d, text) + bad,
				   code == EP_E_NUL ? "protobuf string holds U+0000" : "protobuf string is not valid UTF-8");
}

/* field is the step's own, or the value of its wrapper. */
static EpCode
put_scalar(ProtoDecoder *d, const EpProtoStep *step, const EpProtoField *field, uint64_t bits,
		   const uint8_t *data, EpValue *value)
{
	if (field->type == EP_PROTO_STRING)
	{
		EpCode code = check_text(d, step, data, (size_t) bits);

		value->kind = EP_TEXT;
		value->text = (const char *) data;
		value->length = (size_t) bits;
		return code;
	}
	if (ep_protobuf_scalar_value(d->decoder->arena, &d->event->unnamed_enums, field, bits, data, value) !=
		EP_OK)
		return no_memory(d);
	return EP_OK;
}

/* Room for one more item; the array's capacity is the power of two at or above its count, 4 at least. */
static EpValue *
add_item(ProtoDecoder *d, EpValue *array)
{
	uint32_t count = array->count;

	if (count == 0 || (count >= 4 && (count & (count - 1)) == 0))
	{
		EpValue *items =
			ep_arena_array(d->decoder->arena, count == 0 ? 4 : (size_t) count * 2, sizeof *items);

		if (items == NULL || count > UINT32_MAX / 2)
			return NULL;
		if (count > 0)
			memcpy(items, array->as.items, count * sizeof *items);
		array->as.items = items;
	}
	array->count++;
	return (EpValue *) &array->as.items[count];
}

static EpCode
put_item(ProtoDecoder *d, const EpProtoStep *step, uint64_t bits, const uint8_t *data, EpValue *array)
{
	EpValue *item;

	if (ep_protobuf_unknown_value(step->field, bits))
	{
		d->lacks = true;
		return EP_OK;
	}
	item = add_item(d, array);
	if (item == NULL)
		return no_memory(d);
	*item = (EpValue){.kind = EP_NULL};
	return put_scalar(d, step, step->field, bits, data, item);
}

static EpCode
put_items(ProtoDecoder *d, const EpProtoStep *step, const EpWireRecord *record, EpValue *array)
{
	EpCursor run = {d->left.start, record->data, record->data + record->length};
	uint64_t bits;
	EpCode code = EP_OK;

	if (record->wire == step->field->wire)
		return put_item(d, step, record->bits, record->data, array);
	while (code == EP_OK && ep_protobuf_packed_next(step->field, &run, &bits))
		code = stops(d) ? interrupted(d, &run) : put_item(d, step, bits, NULL, array);
	if (code == EP_OK && run.at != run.end)
		return fail_at(d, step, EP_E_TRUNCATED, ep_cursor_offset(&run),
					   "packed protobuf values end inside a value");
	return code;
}

/* Seconds and nanos of a Timestamp or Duration, kept raw: another record may bring the other. */
static EpCode
put_time(ProtoDecoder *d, const EpProtoStep *step, EpCursor cursor, int depth, EpValue *value)
{
	EpWireRecord record;
	EpCode code;

	if (!value->untyped)
		*value = (EpValue){.kind = EP_TIMESTAMP, .untyped = true};
	if (step->field->message->known == EP_KNOWN_DURATION)
		value->kind = EP_INTERVAL;
	d->raw = true;
	while ((code = ep_wire_next(&cursor, &record, depth, &d->decoder->error)) == EP_OK)
	{
		if (stops(d))
			return interrupted(d, &cursor);
		if (record.wire != EP_WIRE_VARINT)
			continue;
		if (record.number == 1)
			value->as.i = (int64_t) record.bits;
		else if (record.number == 2)
			value->count = (uint32_t) record.bits;
	}
	return code == EP_DONE ? EP_OK : code;
}

static EpCode
put_wrapper(ProtoDecoder *d, const EpProtoStep *step, EpCursor cursor, int depth, EpValue *value)
{
	const EpProtoField *field = &step->field->message->fields[0];
	EpWireRecord record;
	EpCode code;

	if (value->kind == EP_NULL)
		*value = ep_protobuf_zero_value(field);
	while ((code = ep_wire_next(&cursor, &record, depth, &d->decoder->error)) == EP_OK)
	{
		if (stops(d))
			return interrupted(d, &cursor);
		if (record.number == 1 && record.wire == field->wire &&
			(code = put_scalar(d, step, field, record.bits, record.data, value)) != EP_OK)
			return code;
	}
	return code == EP_DONE ? EP_OK : code;
}

/* Collect; what the records make is made when the message is over. */
static EpCode
put_record(ProtoDecoder *d, const EpProtoStep *step, const EpWireRecord *record, EpValue *value)
{
	EpProtoRecord *records;
	uint32_t count;

	if (!value->untyped)
		*value = (EpValue){.kind = step->action == EP_ACT_JSON ? EP_JSON : EP_ARRAY, .untyped = true};
	count = value->count;
	records = (EpProtoRecord *) value->text;
	if (count == 0 || (count >= 4 && (count & (count - 1)) == 0))
	{
		records = ep_arena_array(d->decoder->arena, count == 0 ? 4 : (size_t) count * 2, sizeof *records);
		if (records == NULL || count > UINT32_MAX / 2)
			return no_memory(d);
		if (count > 0)
			memcpy(records, value->text, count * sizeof *records);
		value->text = (const char *) records;
	}
	records[value->count++] =
		(EpProtoRecord){step->field, record->data,
						record->wire == EP_WIRE_VARINT ? record->bits : record->length, record->wire, false};
	d->raw = true;
	return EP_OK;
}

/* ---- the walk ---- */

/* A record that the message type has no place for, from its tag to the cursor. */
static EpCode
put_unknown(ProtoDecoder *d, const EpProtoNode *node, uint32_t number, const uint8_t *tag,
			const EpCursor *cursor)
{
	EpProtoSlice slice = {node, number, tag, (size_t) (cursor->at - tag)};

	if (d->picks)
		return EP_OK;
	return ep_protobuf_unknown_add(&d->unknown, d->decoder->arena, slice) ? EP_OK : no_memory(d);
}

static EpCode
put_message(ProtoDecoder *d, EpProtoNode *node, EpProtoStep *step, EpCursor cursor, int depth)
{
	if (step->child == NULL)
	{
		step->child = ep_protobuf_node(d->decoder, step->field->message, step->path, node);
		if (step->child == NULL)
			return no_memory(d);
		d->needs |= step->field->message->required_count > 0;
	}
	if (!enter(d, step->child))
		return no_memory(d);
	return walk(d, step->child, cursor, depth);
}

static EpCode
put_record_of(ProtoDecoder *d, EpProtoNode *node, EpProtoStep *step, const EpWireRecord *record, int depth)
{
	EpCursor slice = {d->left.start, record->data, record->data};

	if (record->wire == EP_WIRE_LEN || record->wire == EP_WIRE_GROUP)
		slice.end += record->length;
	switch ((EpProtoAction) step->action)
	{
		case EP_ACT_SCALAR:
			return put_scalar(d, step, step->field, record->bits, record->data, value_at(d, node, step));
		case EP_ACT_ARRAY:
			return put_items(d, step, record, value_at(d, node, step));
		case EP_ACT_TIME:
			return put_time(d, step, slice, depth + 1, value_at(d, node, step));
		case EP_ACT_WRAPPER:
			return put_wrapper(d, step, slice, depth + 1, value_at(d, node, step));
		case EP_ACT_JSON:
		case EP_ACT_ENUMS:
			return put_record(d, step, record, value_at(d, node, step));
		case EP_ACT_MESSAGE:
			return put_message(d, node, step, slice, depth + 1);
		case EP_ACT_SKIP:
			break;
	}
	return EP_OK;
}

static EpCode
walk(ProtoDecoder *d, EpProtoNode *node, EpCursor cursor, int depth)
{
	const EpProtoMessage *message = node->open.message;
	EpWireRecord record = {0};
	const uint8_t *tag = cursor.at;
	EpCode code;

	for (; (code = ep_wire_next(&cursor, &record, depth, &d->decoder->error)) == EP_OK; tag = cursor.at)
	{
		const EpProtoField *field;
		EpProtoStep *step;

		if (message->message_set)
			ep_protobuf_open_item(&record, d->left.start);
		field = ep_protobuf_field(message, record.number);
		if (stops(d))
			return interrupted(d, &cursor);
		if (field == NULL || !ep_protobuf_fits(field, record.wire) ||
			(record.wire == EP_WIRE_VARINT && ep_protobuf_unknown_value(field, record.bits) &&
			 !field->repeated))
		{
			if (put_unknown(d, node, record.number, tag, &cursor) != EP_OK)
				return EP_E_MEMORY;
			continue;
		}
		d->known++;
		step = &node->steps[field->index];
		if (field->oneof >= 0)
			choose(d, node, step);
		/* Scalars are by far the most: they go without the switch. */
		if (step->action == EP_ACT_SCALAR)
			code = put_scalar(d, step, field, record.bits, record.data, value_at(d, node, step));
		else
			code = put_record_of(d, node, step, &record, depth);
		if (code != EP_OK)
			return code;
	}
	return code == EP_DONE ? EP_OK : code;
}

/* ---- when the message is over ---- */

static EpCode
finish_time(ProtoDecoder *d, EpField *field)
{
	EpValue raw = field->value;
	bool good = raw.kind == EP_TIMESTAMP
					? ep_protobuf_timestamp_value(raw.as.i, (int32_t) raw.count, &field->value)
					: ep_protobuf_duration_value(raw.as.i, (int32_t) raw.count, &field->value);

	if (good)
		return EP_OK;
	ep_fail(&d->decoder->error, EP_E_RANGE, d->event->offset,
			raw.kind == EP_TIMESTAMP ? "protobuf Timestamp is out of range"
									 : "protobuf Duration is out of range");
	d->decoder->error.path = ep_path_to_text(field->path, d->decoder->arena);
	return EP_E_RANGE;
}

static EpCode
finish_json(ProtoDecoder *d, EpField *field, EpProtoWriter *writer)
{
	const EpProtoRecord *records = (const EpProtoRecord *) field->value.text;
	size_t before = writer->length;
	bool bare = ep_protobuf_column_type(records[0].field) == EP_TYPE_TEXT;
	EpCode code;

	writer->bare = bare;
	code = ep_protobuf_write_field(writer, records[0].field, records, field->value.count,
								   field->path->depth - 1);
	if (code != EP_OK)
	{
		d->decoder->error.path = ep_path_to_text(field->path, d->decoder->arena);
		return code;
	}
	/* Text written later may move the buffer; what is here stays where it is. */
	field->value = (EpValue){.kind = bare ? EP_TEXT : EP_JSON};
	field->value.text = writer->text + before;
	field->value.length = writer->length - before;
	return EP_OK;
}

static EpCode
finish_enums(ProtoDecoder *d, EpField *field)
{
	const EpProtoRecord *records = (const EpProtoRecord *) field->value.text;
	EpProtoStep step = {.field = records[0].field, .path = field->path};
	EpValue array = {.kind = EP_ARRAY};
	EpCode code = EP_OK;

	for (uint32_t i = 0; code == EP_OK && i < field->value.count; i++)
	{
		EpWireRecord record = {.wire = records[i].wire,
							   .bits = records[i].bits,
							   .data = records[i].data,
							   .length = records[i].wire == EP_WIRE_LEN ? (size_t) records[i].bits : 0};

		code = put_items(d, &step, &record, &array);
	}
	field->value = array;
	return code;
}

/* Make of records what they are, and keep them when that is not all of it. */
static EpCode
finish_records(ProtoDecoder *d, EpField *field, EpProtoWriter *writer)
{
	EpValue raw = field->value;
	EpCode code;

	d->lacks = writer->unknown = false;
	code = raw.kind == EP_JSON ? finish_json(d, field, writer) : finish_enums(d, field);
	if (code != EP_OK || d->picks || !(d->lacks || writer->unknown) ||
		ep_protobuf_unknown_add_partial(&d->unknown, d->decoder, field->path,
										(const EpProtoRecord *) raw.text, raw.count))
		return code;
	return no_memory(d);
}

static EpCode
finish_raw(ProtoDecoder *d)
{
	EpProtoWriter writer;
	EpCode code = EP_OK;

	ep_protobuf_writer_init(&writer, d->decoder->arena, d->left.start, &d->decoder->error);
	writer.interrupted = d->decoder->interrupted;
	for (uint32_t i = 0; code == EP_OK && i < d->event->field_count; i++)
	{
		EpField *field = &d->event->fields[i];

		if (!field->value.untyped)
			continue;
		code = field->value.kind == EP_JSON || field->value.kind == EP_ARRAY
				   ? finish_records(d, field, &writer)
				   : finish_time(d, field);
	}
	d->event->unnamed_enums += writer.unnamed_enums;
	return code;
}

static bool
is_absent(ProtoDecoder *d, const EpProtoNode *node, const EpProtoStep *step)
{
	return step->action == EP_ACT_MESSAGE ? !is_present(d, step->child)
										  : value_at(d, node, step)->kind == EP_NULL;
}

/* proto2 required fields of every message that is there. */
static EpCode
check_required(ProtoDecoder *d, const EpProtoNode *node)
{
	EpCode code = EP_OK;

	for (uint32_t i = 0; code == EP_OK && i < node->open.message->field_count; i++)
	{
		const EpProtoStep *step = &node->steps[i];

		if (step->field->required && is_absent(d, node, step))
			return fail_at(d, step, EP_E_MISSING, d->event->offset, "required protobuf field is missing");
		if (is_present(d, step->child))
			code = check_required(d, step->child);
	}
	return code;
}

/* What the stream asks for: a message of the wrong type is refused instead of half filled. */
static EpCode
check_stream(ProtoDecoder *d)
{
	if (d->known == 0 && d->event->length > 0)
	{
		ep_fail(&d->decoder->error, EP_E_TYPE, d->event->offset,
				"protobuf message has no field of the expected type");
		d->decoder->error.expected = d->root->open.message->full_name;
		return EP_E_TYPE;
	}
	for (const EpProtoStep **required = d->required; *required != NULL; required++)
	{
		const EpProtoStep *step = *required;
		bool missing = is_absent(d, d->root, step);

		if (!missing && step->action != EP_ACT_MESSAGE)
		{
			missing = ep_protobuf_is_empty(step->field, value_at(d, d->root, step));
		}
		if (missing)
			return fail_at(d, step, EP_E_MISSING, d->event->offset,
						   "field that the stream requires is missing or empty");
	}
	return EP_OK;
}

/* The case of the oneof that the stream routes by, as part of a table name; NULL: none is set. */
static const char *
route_of(ProtoDecoder *d)
{
	const EpProtoStep *step = d->root->cases[d->route_by];
	char *name = step == NULL ? NULL : ep_arena_alloc(d->decoder->arena, EP_NAME_MAX + 1);

	if (name != NULL)
		ep_name_from_segment(step->field->name, strlen(step->field->name), name, EP_NAME_MAX);
	return name;
}

static EpCode
decode_message(ProtoDecoder *d, EpCursor message, EpEvent *event)
{
	EpCode code;

	ep_event_reset(event);
	event->bytes = (const char *) message.at;
	event->length = ep_cursor_left(&message);
	event->offset = ep_cursor_offset(&message);
	d->event = event;
	d->stamp++;
	d->known = 0;
	d->raw = false;
	d->unknown = (EpProtoUnknown){0};
	if (!enter(d, d->root))
		return no_memory(d);
	code = walk(d, d->root, message, 0);
	if (code == EP_OK && d->raw)
		code = finish_raw(d);
	if (code == EP_OK && d->needs && !d->partial)
		code = check_required(d, d->root);
	if (code == EP_OK && !d->partial && !d->picks)
		code = check_stream(d);
	if (code == EP_OK && d->unknown.count + d->unknown.partial_count > 0 &&
		!ep_protobuf_unknown_give(&d->unknown, d->decoder, d->stamp, event))
		code = no_memory(d);
	if (code == EP_OK && d->route_by >= 0)
		event->route = route_of(d);
	if (event->field_count > d->capacity)
		d->capacity = event->field_count;
	return code;
}

/* ---- the format ---- */

/* The steps that the option `required` names: field names of the message, separated by commas, in braces or without. */
static EpCode
read_required(ProtoDecoder *d, const char *names)
{
	uint32_t count = 0;

	d->required = ep_arena_zalloc(d->decoder->lasting, (strlen(names) / 2 + 2) * sizeof *d->required);
	if (d->required == NULL)
		return no_memory(d);
	while (*names != '\0')
	{
		size_t length = strcspn(names, "{}, ");
		const EpProtoField *field =
			length == 0 ? NULL : ep_protobuf_find_field(d->root->open.message, names, length);

		if (length > 0 && field == NULL)
		{
			ep_fail(&d->decoder->error, EP_E_MISSING, 0,
					"message type has no field that the stream requires");
			d->decoder->error.expected = d->root->open.message->full_name;
			d->decoder->error.path = ep_arena_strdup(d->decoder->lasting, names, length);
			return EP_E_MISSING;
		}
		if (field != NULL)
			d->required[count++] = &d->root->steps[field->index];
		names += length + (names[length] != '\0');
	}
	return EP_OK;
}

static EpCode
protobuf_begin(EpDecoder *decoder)
{
	ProtoDecoder *d = ep_arena_zalloc(decoder->lasting, sizeof *d);
	const EpProtoMessage *message = decoder->schema;
	const char *framing = ep_decoder_option(decoder, "framing", "auto");

	if (d == NULL)
		return ep_fail(&decoder->error, EP_E_MEMORY, 0,
					   "protobuf decoder needs more memory than it may have");
	d->decoder = decoder;
	decoder->state = d;
	d->look = strcmp(framing, "auto") == 0;
	d->delimited = strcmp(framing, "delimited") == 0;
	d->confluent = strcmp(framing, "confluent") == 0;
	if (!d->look && !d->delimited && !d->confluent && strcmp(framing, "none") != 0)
	{
		ep_fail(&decoder->error, EP_E_UNSUPPORTED, 0, "framing of a protobuf stream is unknown");
		decoder->error.expected = "auto, none, delimited, confluent";
		return EP_E_UNSUPPORTED;
	}
	d->root = ep_protobuf_node(decoder, message, &decoder->paths->root, NULL);
	if (d->root == NULL)
		return no_memory(d);
	d->needs = message->required_count > 0;
	d->route_by = ep_protobuf_find_oneof(message, ep_decoder_option(decoder, "route_by", ""));
	d->partial = strcmp(ep_decoder_option(decoder, "partial", ""), "true") == 0;
	d->picks = strcmp(ep_decoder_option(decoder, "picks", ""), "true") == 0;
	return read_required(d, ep_decoder_option(decoder, "required", ""));
}

static EpCode
protobuf_open(EpDecoder *decoder, const char *bytes, size_t length)
{
	ProtoDecoder *d = decoder->state;

	d->left = ep_cursor(bytes == NULL ? "" : bytes, length);
	d->over = false;
	if (d->look)
		d->delimited = ep_protobuf_is_delimited(d->root->open.message, d->left);
	return EP_OK;
}

/* The length before a delimited message; what is left of the payload is lost when it is bad. */
static EpCode
read_frame(ProtoDecoder *d, EpEvent *event, EpCursor *message)
{
	EpCursor framed = d->left;
	uint64_t length;

	if (ep_wire_varint(&d->left, &length) && length <= ep_cursor_left(&d->left) &&
		ep_cursor_slice(&d->left, (size_t) length, message))
		return EP_OK;
	d->over = true;
	ep_event_reset(event);
	event->bytes = (const char *) framed.at;
	event->length = ep_cursor_left(&framed);
	event->offset = ep_cursor_offset(&framed);
	return ep_fail(&d->decoder->error, EP_E_TRUNCATED, event->offset,
				   "length before a protobuf message runs past the end of the payload");
}

static EpCode
protobuf_next(EpDecoder *decoder, EpEvent *event)
{
	ProtoDecoder *d = decoder->state;
	EpCursor message = d->left;
	EpCode code;

	if (d->over)
		return EP_DONE;
	if (!d->delimited)
	{
		d->over = true;
		if (d->confluent && (code = ep_protobuf_read_confluent(&message, decoder->schema_ids, decoder->arena,
															   &decoder->error)) != EP_OK)
		{
			ep_event_reset(event);
			event->bytes = (const char *) d->left.start;
			event->length = ep_cursor_left(&d->left);
			return code;
		}
	}
	else
	{
		if (d->left.at == d->left.end && d->left.at != d->left.start)
			return EP_DONE;
		if ((code = read_frame(d, event, &message)) != EP_OK)
			return code;
	}
	return decode_message(d, message, event);
}

const EpFormat ep_protobuf_format = {
	.name = "protobuf",
	.options = "framing subject required",
	.binary = true,
	.empty_is_event = true,
	.needs_schema = true,
	.begin = protobuf_begin,
	.open = protobuf_open,
	.next = protobuf_next,
};
