/*
 * protobuf_encode.c
 *	  ProtoJSON to bytes: objects, members, arrays, maps.
 *
 * Server-free.
 */
#include "format/protobuf/protobuf_encoder.h"

#include <string.h>

void
ep_protobuf_encoder_init(EpProtoEncoder *encoder, EpArena *arena, EpError *error)
{
	static uint8_t nothing[1]; /* of capacity 0: never written to */

	memset(encoder, 0, sizeof *encoder);
	encoder->arena = arena;
	encoder->error = error;
	encoder->bytes = (EpProtoBytes){.arena = arena, .data = nothing};
}

const char *
ep_protobuf_encode_fail(EpProtoEncoder *encoder, EpCode code, const char *p, const EpProtoField *field,
						const char *message)
{
	ep_fail(encoder->error, code, (size_t) (p - encoder->scan.start), message);
	if (field != NULL)
		encoder->error->path = field->name;
	return NULL;
}

const char *
ep_protobuf_misfit(EpProtoEncoder *encoder, const char *p, const char *expected)
{
	(void) ep_json_unexpected(&encoder->scan, p, expected);
	encoder->error->code = EP_E_TYPE;
	encoder->error->message = "JSON value does not fit its protobuf field";
	return NULL;
}

static const char *
no_memory(EpProtoEncoder *encoder, const char *p)
{
	return ep_protobuf_encode_fail(encoder, EP_E_MEMORY, p, NULL,
								   "protobuf message needs more memory than it may have");
}

/* ---- the text ---- */

bool
ep_protobuf_at_null(const EpProtoEncoder *encoder, const char *p)
{
	return encoder->scan.end - p >= 4 && memcmp(p, "null", 4) == 0;
}

const char *
ep_protobuf_read_text(EpProtoEncoder *encoder, const char *p, EpProtoText *text)
{
	const char *raw = p + 1;
	bool escaped;

	if (p >= encoder->scan.end || *p != '"')
		return ep_protobuf_misfit(encoder, p, "a string");
	p = ep_json_string(&encoder->scan, raw, &escaped);
	if (p == NULL)
		return NULL;
	*text = (EpProtoText){raw, (size_t) (p - 1 - raw)};
	if (escaped)
	{
		char *plain = ep_arena_alloc(encoder->arena, text->length);

		if (plain == NULL)
			return no_memory(encoder, p);
		text->length = ep_json_unescape(raw, text->length, plain);
		text->bytes = plain;
	}
	return p;
}

/* Behind a comma, or before the first; *over at the closing bracket.  Every loop comes by here. */
static const char *
next_item(EpProtoEncoder *encoder, const char *p, bool *first, char closing, bool *over)
{
	const char *end = encoder->scan.end;

	if ((++encoder->ticks & 0xfff) == 0 && encoder->interrupted != NULL && encoder->interrupted())
		return ep_protobuf_encode_fail(encoder, EP_E_LIMIT, p, NULL, "interrupted");
	if (encoder->bytes.full)
		return no_memory(encoder, p);
	p = ep_json_space(p, end);
	*over = p < end && *p == closing;
	if (*over)
		return p + 1;
	if (!*first)
	{
		if (p == end || *p != ',')
			return ep_json_unexpected(&encoder->scan, p,
									  closing == '}' ? "\",\" or \"}\"" : "\",\" or \"]\"");
		p = ep_json_space(p + 1, end);
	}
	*first = false;
	return p;
}

const char *
ep_protobuf_next_element(EpProtoEncoder *encoder, const char *p, bool *first, bool *over)
{
	return next_item(encoder, p, first, ']', over);
}

const char *
ep_protobuf_next_member(EpProtoEncoder *encoder, const char *p, bool *first, EpProtoText *key, bool *over)
{
	p = next_item(encoder, p, first, '}', over);
	if (p == NULL || *over)
		return p;
	p = ep_protobuf_read_text(encoder, p, key);
	if (p == NULL)
		return NULL;
	p = ep_json_space(p, encoder->scan.end);
	if (p == encoder->scan.end || *p != ':')
		return ep_json_unexpected(&encoder->scan, p, "\":\"");
	return ep_json_space(p + 1, encoder->scan.end);
}

const char *
ep_protobuf_skip_unknown(EpProtoEncoder *encoder, const char *p, EpProtoText key)
{
	if (encoder->ignore_unknown)
		return ep_json_check(&encoder->scan, p, 0);
	ep_protobuf_encode_fail(encoder, EP_E_NO_COLUMN, p, NULL, "protobuf message type has no such field");
	encoder->error->path = ep_arena_strdup(encoder->arena, key.bytes, key.length);
	return NULL;
}

/* ---- which fields an object has named ---- */

static const char *
name_field(EpProtoEncoder *encoder, const char *p, const EpProtoField *field, bool set, size_t base)
{
	for (size_t i = base; i < encoder->named_count; i++)
	{
		const EpProtoNamed *other = &encoder->named[i];

		if (other->index == field->index)
			return ep_protobuf_encode_fail(encoder, EP_E_STRUCTURE, p, field,
										   "protobuf field is there twice");
		if (set && field->oneof >= 0 && other->set &&
			field->owner->fields[other->index].oneof == field->oneof)
			return ep_protobuf_encode_fail(encoder, EP_E_STRUCTURE, p, field,
										   "another case of the same protobuf oneof is there too");
	}
	if (encoder->named_count == encoder->named_capacity)
	{
		size_t capacity = encoder->named_capacity == 0 ? 64 : encoder->named_capacity * 2;
		EpProtoNamed *named = ep_arena_array(encoder->arena, capacity, sizeof *named);

		if (named == NULL)
			return no_memory(encoder, p);
		if (encoder->named_count > 0)
			memcpy(named, encoder->named, encoder->named_count * sizeof *named);
		encoder->named = named;
		encoder->named_capacity = capacity;
	}
	encoder->named[encoder->named_count++] = (EpProtoNamed){(uint16_t) field->index, set};
	return p;
}

static const char *
check_required(EpProtoEncoder *encoder, const char *p, const EpProtoMessage *message, size_t base)
{
	for (uint32_t i = 0; i < message->field_count; i++)
	{
		size_t at = base;

		if (!message->fields[i].required)
			continue;
		while (at < encoder->named_count && (encoder->named[at].index != i || !encoder->named[at].set))
			at++;
		if (at == encoder->named_count)
			return ep_protobuf_encode_fail(encoder, EP_E_MISSING, p, &message->fields[i],
										   "required protobuf field is missing");
	}
	return p;
}

/* ---- fields ---- */

/* What null is a value of, not the lack of one. */
static bool
takes_null(const EpProtoField *field)
{
	return (field->message != NULL && field->message->known == EP_KNOWN_VALUE) ||
		   (field->enumeration != NULL && field->enumeration->null_value);
}

/* One message of a field, with its tags. */
static const char *
read_one_message(EpProtoEncoder *encoder, const char *p, const EpProtoField *field, int depth)
{
	size_t opened = ep_protobuf_bytes_open(&encoder->bytes, field);

	p = ep_protobuf_read_message(encoder, p, field->message, depth + 1);
	ep_protobuf_bytes_close(&encoder->bytes, field, opened);
	return p;
}

static const char *
read_element(EpProtoEncoder *encoder, const char *p, const EpProtoField *field, int depth, bool packed)
{
	EpProtoRecord record;

	if (!takes_null(field) && ep_protobuf_at_null(encoder, p))
		return ep_protobuf_encode_fail(encoder, EP_E_TYPE, p, field, "null in a protobuf list");
	if (field->message != NULL)
		return read_one_message(encoder, p, field, depth);
	p = ep_protobuf_read_scalar(encoder, p, field, &record);
	if (p == NULL || record.dead)
		return p;
	if (!packed)
		ep_protobuf_bytes_tag(&encoder->bytes, field->number, field->wire);
	ep_protobuf_bytes_scalar(&encoder->bytes, field, &record);
	return p;
}

static const char *
read_array(EpProtoEncoder *encoder, const char *p, const EpProtoField *field, int depth)
{
	bool packed = field->packed && field->wire != EP_WIRE_LEN && field->wire != EP_WIRE_GROUP;
	size_t before = encoder->bytes.length, begun = 0;
	bool first = true, over = false;

	if (p == encoder->scan.end || *p != '[')
		return ep_protobuf_misfit(encoder, p, "an array");
	if (packed)
		begun = ep_protobuf_bytes_begin(&encoder->bytes, field->number);
	p++;
	for (;;)
	{
		p = ep_protobuf_next_element(encoder, p, &first, &over);
		if (p == NULL || over)
			break;
		p = read_element(encoder, p, field, depth, packed);
		if (p == NULL)
			return NULL;
	}
	if (packed && encoder->bytes.length == begun)
		encoder->bytes.length = before;
	else if (packed)
		ep_protobuf_bytes_end(&encoder->bytes, begun);
	return p;
}

/* One entry of a map, its key read already. */
static const char *
read_entry(EpProtoEncoder *encoder, const char *p, const EpProtoField *field, const EpProtoRecord *key,
		   int depth)
{
	const EpProtoField *value = &field->message->fields[1];
	size_t before = encoder->bytes.length;
	size_t begun = ep_protobuf_bytes_begin(&encoder->bytes, field->number);
	EpProtoRecord record = {0};

	ep_protobuf_bytes_tag(&encoder->bytes, 1, key->field->wire);
	ep_protobuf_bytes_scalar(&encoder->bytes, key->field, key);
	if (!takes_null(value) && ep_protobuf_at_null(encoder, p))
		return ep_protobuf_encode_fail(encoder, EP_E_TYPE, p, field, "null in a protobuf map");
	if (value->message != NULL)
		p = read_one_message(encoder, p, value, depth + 1);
	else
		p = ep_protobuf_read_scalar(encoder, p, value, &record);
	if (p == NULL)
		return NULL;
	if (record.dead)
	{
		encoder->bytes.length = before;
		return p;
	}
	if (value->message == NULL)
	{
		ep_protobuf_bytes_tag(&encoder->bytes, 2, value->wire);
		ep_protobuf_bytes_scalar(&encoder->bytes, value, &record);
	}
	ep_protobuf_bytes_end(&encoder->bytes, begun);
	return p;
}

static const char *
read_map(EpProtoEncoder *encoder, const char *p, const EpProtoField *field, int depth)
{
	bool first = true, over = false;

	if (p == encoder->scan.end || *p != '{')
		return ep_protobuf_misfit(encoder, p, "an object");
	if (depth + 1 > EP_PROTO_DEPTH)
		return ep_protobuf_encode_fail(encoder, EP_E_DEPTH, p, field, "protobuf is nested too deeply");
	p++;
	for (;;)
	{
		EpProtoText name;
		EpProtoRecord key;
		const char *start = p;

		p = ep_protobuf_next_member(encoder, p, &first, &name, &over);
		if (p == NULL || over)
			return p;
		if (!ep_protobuf_read_key(encoder, start, name, &field->message->fields[0], &key))
			return NULL;
		p = read_entry(encoder, p, field, &key, depth);
		if (p == NULL)
			return NULL;
	}
}

const char *
ep_protobuf_read_field(EpProtoEncoder *encoder, const char *p, const EpProtoField *field, int depth)
{
	EpProtoRecord record;

	if (field->map)
		return read_map(encoder, p, field, depth);
	if (field->repeated)
		return read_array(encoder, p, field, depth);
	if (field->message != NULL)
		return read_one_message(encoder, p, field, depth);
	p = ep_protobuf_read_scalar(encoder, p, field, &record);
	if (p == NULL || record.dead || (!field->presence && record.bits == 0))
		return p;
	ep_protobuf_bytes_tag(&encoder->bytes, field->number, field->wire);
	ep_protobuf_bytes_scalar(&encoder->bytes, field, &record);
	return p;
}

/* ---- messages ---- */

static const char *
read_member(EpProtoEncoder *encoder, const char *p, const EpProtoField *field, int depth, size_t base)
{
	bool null = ep_protobuf_at_null(encoder, p) && (field->repeated || !takes_null(field));

	if (name_field(encoder, p, field, !null, base) == NULL)
		return NULL;
	p = null ? p + 4 : ep_protobuf_read_field(encoder, p, field, depth);
	if (p == NULL && encoder->error->path == NULL)
		encoder->error->path = field->name;
	return p;
}

const char *
ep_protobuf_read_members(EpProtoEncoder *encoder, const char *p, const EpProtoMessage *message, int depth,
						 bool leave_type)
{
	size_t base = encoder->named_count;
	bool first = true, over = false;

	for (;;)
	{
		const EpProtoField *field;
		EpProtoText key;

		p = ep_protobuf_next_member(encoder, p, &first, &key, &over);
		if (p == NULL || over)
			break;
		field = ep_protobuf_find_json_field(message, key.bytes, key.length);
		if (leave_type && ep_protobuf_text_is(key, "@type"))
			p = ep_json_check(&encoder->scan, p, 0);
		else if (field == NULL)
			p = ep_protobuf_skip_unknown(encoder, p, key);
		else
			p = read_member(encoder, p, field, depth, base);
		if (p == NULL)
			return NULL;
	}
	if (p != NULL && message->required_count > 0 && check_required(encoder, p, message, base) == NULL)
		return NULL;
	encoder->named_count = base;
	return p;
}

const char *
ep_protobuf_read_message(EpProtoEncoder *encoder, const char *p, const EpProtoMessage *message, int depth)
{
	if (depth > EP_PROTO_DEPTH)
		return ep_protobuf_encode_fail(encoder, EP_E_DEPTH, p, NULL, "protobuf is nested too deeply");
	if (message->known != EP_KNOWN_NONE)
		return ep_protobuf_read_known(encoder, p, message, depth);
	if (p == encoder->scan.end || *p != '{')
		return ep_protobuf_misfit(encoder, p, "an object");
	return ep_protobuf_read_members(encoder, p + 1, message, depth, false);
}

EpCode
ep_protobuf_encode_json(EpProtoEncoder *encoder, const EpProtoMessage *message, const char *json,
						size_t length)
{
	const char *p;

	encoder->scan = (EpJsonScan){
		.start = json, .end = json + length, .arena = encoder->arena, .error = encoder->error, .nul = true};
	p = ep_json_space(json, encoder->scan.end);
	p = ep_protobuf_read_message(encoder, p, message, 0);
	if (p == NULL)
		return encoder->error->code;
	p = ep_json_space(p, encoder->scan.end);
	if (p != encoder->scan.end)
		(void) ep_json_unexpected(&encoder->scan, p, "the end");
	else if (encoder->bytes.full)
		(void) no_memory(encoder, p);
	else
		return EP_OK;
	return encoder->error->code;
}
