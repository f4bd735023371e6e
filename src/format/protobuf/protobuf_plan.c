/*
 * protobuf_plan.c
 *	  Nodes of the flattening plan.
 *
 * Server-free.  Nodes come from decoder->lasting; a path's comment is copied into the path tree,
 * which outlives the schema.
 */
#include "format/protobuf/protobuf_plan.h"

#include <string.h>

static EpValue
text_value(const char *text)
{
	EpValue value = {.kind = EP_TEXT, .text = text, .length = strlen(text)};

	return value;
}

EpValue
ep_protobuf_zero_value(const EpProtoField *field)
{
	EpValue value = {.kind = EP_INT};

	switch (ep_protobuf_scalar_type(field->type))
	{
		case EP_TYPE_FLOAT4:
			value.kind = EP_FLOAT4;
			break;
		case EP_TYPE_FLOAT8:
			value.kind = EP_FLOAT;
			break;
		case EP_TYPE_BOOL:
			value.kind = EP_BOOL;
			break;
		case EP_TYPE_NUMERIC:
			value.kind = EP_UINT;
			break;
		case EP_TYPE_BYTEA:
			value = text_value("");
			value.kind = EP_BYTES;
			break;
		case EP_TYPE_TEXT:
			return text_value(field->enumeration != NULL ? field->enumeration->values[0].name : "");
		default:
			break;
	}
	return value;
}

static bool
is_zero(const EpValue *value)
{
	switch ((EpKind) value->kind)
	{
		case EP_NULL:
			return true;
		case EP_BOOL:
			return !value->as.boolean;
		case EP_INT:
		case EP_UINT:
			return value->as.u == 0;
		case EP_FLOAT:
		case EP_FLOAT4:
			return value->as.f == 0;
		case EP_TEXT:
		case EP_BYTES:
			return value->length == 0;
		case EP_JSON:
			return value->length == 2 && (value->text[0] == '[' || value->text[0] == '{');
		case EP_ARRAY:
			return value->count == 0;
		default:
			return false;
	}
}

static bool
is_zero_enum(const EpProtoField *field, const EpValue *value)
{
	return field->enumeration != NULL && value->kind == EP_TEXT &&
		   value->length == strlen(field->enumeration->values[0].name) &&
		   memcmp(value->text, field->enumeration->values[0].name, value->length) == 0;
}

bool
ep_protobuf_is_empty(const EpProtoField *field, const EpValue *value)
{
	return is_zero(value) || is_zero_enum(field, value);
}

/* What the column holds while the field is absent and its message is not. */
static EpValue
blank_value(const EpProtoField *field)
{
	EpValue value = {.kind = EP_NULL};

	if (field->repeated && field->message != NULL)
	{
		value.kind = EP_JSON;
		value.text = field->map ? "{}" : "[]";
		value.length = 2;
	}
	else if (field->repeated)
		value.kind = EP_ARRAY;
	else if (!field->presence)
		value = ep_protobuf_zero_value(field);
	return value;
}

static EpProtoAction
action_of(const EpProtoField *field, EpType type)
{
	if (type == EP_TYPE_NONE)
		return EP_ACT_MESSAGE;
	if (field->message == NULL && !field->repeated)
		return EP_ACT_SCALAR;
	if (field->message == NULL)
		return field->enumeration != NULL && field->enumeration->closed ? EP_ACT_ENUMS : EP_ACT_ARRAY;
	if (field->repeated)
		return EP_ACT_JSON;
	switch ((EpProtoKnown) field->message->known)
	{
		case EP_KNOWN_TIMESTAMP:
		case EP_KNOWN_DURATION:
			return EP_ACT_TIME;
		case EP_KNOWN_WRAPPER:
			return EP_ACT_WRAPPER;
		default:
			return EP_ACT_JSON;
	}
}

/* The path says its type and comment to whoever makes the column. */
static EpPath *
make_path(EpDecoder *decoder, EpPath *parent, EpPath *previous, const EpProtoField *field, EpType type)
{
	EpPath *path =
		ep_path_child(decoder->paths, parent, previous, field->name, strlen(field->name), decoder->lasting);

	if (path == NULL)
		return NULL;
	path->type = (uint16_t) type;
	if (field->comment != NULL && (path->comment == NULL || strcmp(path->comment, field->comment) != 0))
	{
		EpArena *arena = path->id == EP_PATH_TRANSIENT ? decoder->lasting : &decoder->paths->arena;

		path->comment = ep_arena_strdup(arena, field->comment, strlen(field->comment));
	}
	return path;
}

/* What is asked for of the field: its type, jsonb for the whole of a message; false: nothing. */
static bool
pick(EpDecoder *decoder, EpPath *parent, const EpProtoField *field, EpType *type)
{
	EpPath *path = ep_path_find(decoder->paths, parent, field->name, strlen(field->name));

	if (path != NULL && path->type == EP_TYPE_JSONB)
		*type = EP_TYPE_JSONB;
	return path != NULL || field->required;
}

EpProtoNode *
ep_protobuf_node(EpDecoder *decoder, const EpProtoMessage *message, EpPath *path, const EpProtoNode *outer)
{
	EpArena *arena = decoder->lasting;
	EpProtoNode *node = ep_arena_zalloc(arena, sizeof *node);
	EpPath *previous = NULL;
	bool picks = strcmp(ep_decoder_option(decoder, "picks", ""), "true") == 0;

	if (node == NULL)
		return NULL;
	node->open = (EpProtoOpen){outer == NULL ? NULL : &outer->open, message,
							   outer == NULL ? 0 : outer->open.depth + 1};
	node->path = path;
	node->steps = ep_arena_zalloc(arena, message->field_count * sizeof *node->steps);
	node->cases = ep_arena_zalloc(arena, message->oneof_count * sizeof *node->cases);
	node->blank = ep_arena_zalloc(arena, message->field_count * sizeof *node->blank);
	if (node->steps == NULL || node->cases == NULL || node->blank == NULL)
		return NULL;
	for (uint32_t i = 0; i < message->field_count; i++)
	{
		const EpProtoField *field = &message->fields[i];
		EpProtoStep *step = &node->steps[i];
		EpType type = ep_protobuf_flatten(field, &node->open);

		step->field = field;
		step->action = EP_ACT_SKIP;
		if (picks && !pick(decoder, path, field, &type))
			continue;
		step->action = (uint8_t) action_of(field, type);
		step->bare = type == EP_TYPE_TEXT;
		step->path = previous = make_path(decoder, path, previous, field, type);
		if (step->path == NULL)
			return NULL;
		if (step->action == EP_ACT_MESSAGE)
			continue;
		step->slot = node->leaf_count++;
		node->blank[step->slot] = (EpField){step->path, blank_value(field)};
	}
	return node;
}
