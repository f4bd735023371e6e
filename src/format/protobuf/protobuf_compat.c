/*
 * protobuf_compat.c
 *	  Compare two versions of a schema, message by message, field number by field number.
 *
 * Server-free.  A number is an identity: a field that moved to another number is one deleted and
 * one added.
 */
#include "format/protobuf/protobuf_compat.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BOTH (EP_BREAKS_BACKWARD | EP_BREAKS_FORWARD)

typedef struct Comparison
{
	EpArena *arena;
	EpProtoFinding **tail;
	bool full;
} Comparison;

static void report(Comparison *c, int breaks, const char *rule, const char *scope, const char *name,
				   const char *format, ...) __attribute__((format(printf, 6, 7)));

static void
report(Comparison *c, int breaks, const char *rule, const char *scope, const char *name, const char *format,
	   ...)
{
	EpProtoFinding *finding = ep_arena_zalloc(c->arena, sizeof *finding);
	char *path = ep_arena_alloc(c->arena, strlen(scope) + (name == NULL ? 0 : strlen(name)) + 2);
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (finding == NULL || path == NULL ||
		(finding->message = ep_arena_strdup(c->arena, text, strlen(text))) == NULL)
	{
		c->full = true;
		return;
	}
	sprintf(path, name == NULL ? "%s" : "%s.%s", scope, name);
	finding->breaks = breaks;
	finding->rule = rule;
	finding->path = path;
	*c->tail = finding;
	c->tail = &finding->next;
}

static bool
number_reserved(const EpProtoReserved *reserved, int64_t number)
{
	for (uint32_t i = 0; i < reserved->range_count; i++)
		if (number >= reserved->ranges[i].first && number <= reserved->ranges[i].last)
			return true;
	return false;
}

static bool
name_reserved(const EpProtoReserved *reserved, const char *name)
{
	for (uint32_t i = 0; i < reserved->name_count; i++)
		if (strcmp(reserved->names[i], name) == 0)
			return true;
	return false;
}

/* What was reserved stays reserved. */
static void
compare_reserved(Comparison *c, const char *scope, const EpProtoReserved *before,
				 const EpProtoReserved *after)
{
	for (uint32_t i = 0; i < before->range_count; i++)
	{
		EpProtoRange left = before->ranges[i];

		for (bool moved = true; moved && left.first <= left.last;)
		{
			moved = false;
			for (uint32_t k = 0; k < after->range_count; k++)
				if (left.first >= after->ranges[k].first && left.first <= after->ranges[k].last)
				{
					left.first = after->ranges[k].last + 1;
					moved = true;
				}
		}
		if (left.first <= left.last)
			report(c, EP_BREAKS_BACKWARD, "RESERVED_NUMBER_REMOVED", scope, NULL,
				   "number %lld is no longer reserved; reserve it again", (long long) left.first);
	}
	for (uint32_t i = 0; i < before->name_count; i++)
		if (!name_reserved(after, before->names[i]))
			report(c, EP_BREAKS_BACKWARD, "RESERVED_NAME_REMOVED", scope, NULL,
				   "name \"%.100s\" is no longer reserved; reserve it again", before->names[i]);
}

/* ---- fields ---- */

/* Types that mean the same on the wire and in JSON. */
static int
type_group(uint8_t type)
{
	switch ((EpProtoType) type)
	{
		case EP_PROTO_UINT32:
			return EP_PROTO_INT32;
		case EP_PROTO_UINT64:
			return EP_PROTO_INT64;
		case EP_PROTO_SFIXED32:
			return EP_PROTO_FIXED32;
		case EP_PROTO_SFIXED64:
			return EP_PROTO_FIXED64;
		default:
			return type;
	}
}

static const char *
type_text(const EpProtoField *field)
{
	if (field->map)
		return "map";
	if (field->message != NULL)
		return field->message->full_name;
	return field->enumeration != NULL ? field->enumeration->full_name : ep_protobuf_type_name(field->type);
}

static bool
same_type(const EpProtoField *before, const EpProtoField *after)
{
	if (before->map && after->map)
		return same_type(&before->message->fields[0], &after->message->fields[0]) &&
			   same_type(&before->message->fields[1], &after->message->fields[1]);
	if (type_group(before->type) != type_group(after->type) || before->delimited != after->delimited ||
		before->map != after->map)
		return false;
	return (before->message == NULL && before->enumeration == NULL) ||
		   strcmp(type_text(before), type_text(after)) == 0;
}

static const char *
oneof_name(const EpProtoField *field)
{
	return field->oneof < 0 ? "" : field->owner->oneofs[field->oneof];
}

static const char *
text_or_none(const char *text)
{
	return text == NULL ? "" : text;
}

static void
compare_field(Comparison *c, const EpProtoField *before, const EpProtoField *after)
{
	const char *scope = before->owner->full_name;
	const char *name = before->name;
	unsigned number = before->number;

	if (!same_type(before, after))
		report(c, BOTH, "FIELD_TYPE_CHANGED", scope, name,
			   "field %u changed type from %.100s to %.100s; keep it and add a field with a new number",
			   number, type_text(before), type_text(after));
	if (before->repeated != after->repeated)
		report(c, BOTH, "FIELD_CARDINALITY_CHANGED", scope, name,
			   "field %u became %s; keep it and add a field with a new number", number,
			   after->repeated ? "repeated" : "singular");
	if (strcmp(before->name, after->name) != 0)
		report(c, BOTH, "FIELD_NAME_CHANGED", scope, name,
			   "field %u was renamed to \"%.100s\"; keep its name", number, after->name);
	if (strcmp(before->json_name, after->json_name) != 0)
		report(c, BOTH, "FIELD_JSON_NAME_CHANGED", scope, name,
			   "JSON name of field %u changed from \"%.100s\" to \"%.100s\"; keep it, or set json_name",
			   number, before->json_name, after->json_name);
	if (strcmp(oneof_name(before), oneof_name(after)) != 0)
		report(c, BOTH, "FIELD_ONEOF_CHANGED", scope, name,
			   "field %u moved from oneof \"%.100s\" to oneof \"%.100s\"; leave it where it was", number,
			   oneof_name(before), oneof_name(after));
	if (before->required != after->required)
		report(c, after->required ? EP_BREAKS_BACKWARD : EP_BREAKS_FORWARD,
			   after->required ? "FIELD_REQUIRED_ADDED" : "FIELD_REQUIRED_REMOVED", scope, name,
			   "field %u %s required; leave it as it was", number,
			   after->required ? "became" : "is no longer");
	if (strcmp(text_or_none(before->default_text), text_or_none(after->default_text)) != 0)
		report(c, BOTH, "FIELD_DEFAULT_CHANGED", scope, name,
			   "default of field %u changed from \"%.100s\" to \"%.100s\"; keep it", number,
			   text_or_none(before->default_text), text_or_none(after->default_text));
}

static void
deleted_field(Comparison *c, const EpProtoField *field, const EpProtoMessage *after)
{
	const char *scope = field->owner->full_name;

	if (field->required)
		report(c, EP_BREAKS_FORWARD, "FIELD_REQUIRED_REMOVED", scope, field->name,
			   "required field %u was deleted; keep it", (unsigned) field->number);
	if (field->extension)
		return; /* its number belongs to an extension range, which cannot be reserved */
	if (!number_reserved(&after->reserved, field->number))
		report(c, EP_BREAKS_BACKWARD, "FIELD_DELETED_NUMBER_NOT_RESERVED", scope, field->name,
			   "field %u was deleted; keep it, or write: reserved %u;", (unsigned) field->number,
			   (unsigned) field->number);
	if (!name_reserved(&after->reserved, field->name) &&
		ep_protobuf_find_field(after, field->name, strlen(field->name)) == NULL)
		report(c, EP_BREAKS_BACKWARD, "FIELD_DELETED_NAME_NOT_RESERVED", scope, field->name,
			   "field %u was deleted; keep it, or write: reserved \"%.100s\";", (unsigned) field->number,
			   field->name);
}

static void
compare_message(Comparison *c, const EpProtoMessage *before, const EpProtoMessage *after)
{
	for (uint32_t i = 0; i < before->field_count; i++)
	{
		const EpProtoField *field = ep_protobuf_field(after, before->fields[i].number);

		if (field == NULL)
			deleted_field(c, &before->fields[i], after);
		else
			compare_field(c, &before->fields[i], field);
	}
	for (uint32_t i = 0; i < after->field_count; i++)
		if (after->fields[i].required && ep_protobuf_field(before, after->fields[i].number) == NULL)
			report(c, EP_BREAKS_BACKWARD, "FIELD_REQUIRED_ADDED", after->full_name, after->fields[i].name,
				   "field %u is new and required, which old data cannot meet; make it optional",
				   (unsigned) after->fields[i].number);
	compare_reserved(c, before->full_name, &before->reserved, &after->reserved);
}

/* ---- enums ---- */

static bool
has_value(const EpProtoEnum *enumeration, const char *name, int32_t number)
{
	for (uint32_t i = 0; i < enumeration->value_count; i++)
		if (enumeration->values[i].number == number && strcmp(enumeration->values[i].name, name) == 0)
			return true;
	return false;
}

static void
compare_enum(Comparison *c, const EpProtoEnum *before, const EpProtoEnum *after)
{
	for (uint32_t i = 0; i < before->value_count; i++)
	{
		const EpProtoEnumValue *value = &before->values[i];
		const char *name = ep_protobuf_enum_name(after, value->number);

		if (has_value(after, value->name, value->number))
			continue;
		if (name != NULL)
			report(
				c, BOTH, "ENUM_VALUE_NAME_CHANGED", before->full_name, value->name,
				"enum value %d was renamed to \"%.100s\"; keep its name, and use a new number for a new meaning",
				(int) value->number, name);
		else
		{
			if (!number_reserved(&after->reserved, value->number))
				report(c, EP_BREAKS_BACKWARD, "ENUM_VALUE_DELETED_NUMBER_NOT_RESERVED", before->full_name,
					   value->name, "enum value %d was deleted; keep it, or write: reserved %d;",
					   (int) value->number, (int) value->number);
			if (!name_reserved(&after->reserved, value->name))
				report(c, EP_BREAKS_BACKWARD, "ENUM_VALUE_DELETED_NAME_NOT_RESERVED", before->full_name,
					   value->name, "enum value %d was deleted; keep it, or write: reserved \"%.100s\";",
					   (int) value->number, value->name);
		}
	}
	if (before->closed != after->closed)
		report(c, BOTH, "ENUM_TYPE_CHANGED", before->full_name, NULL, "enum became %s; leave it as it was",
			   after->closed ? "closed" : "open");
	compare_reserved(c, before->full_name, &before->reserved, &after->reserved);
}

/* A type that is gone hurts nobody by itself: fields that used it say so themselves. */
static void
removed_type(Comparison *c, const char *full_name)
{
	report(c, 0, "TYPE_REMOVED", full_name, NULL,
		   "type is no longer defined; earlier versions go on serving it");
}

EpCode
ep_protobuf_compare(const EpProtoSchema *before, const EpProtoSchema *after, EpArena *arena,
					EpProtoFinding **findings)
{
	Comparison c = {arena, findings, false};

	*findings = NULL;
	for (uint32_t i = 0; i < before->message_count; i++)
	{
		const EpProtoMessage *message = &before->messages[i];
		const EpProtoMessage *other =
			ep_protobuf_find_message(after, message->full_name, strlen(message->full_name));

		if (message->map_entry)
			continue; /* compared where the map is */
		if (other == NULL)
			removed_type(&c, message->full_name);
		else
			compare_message(&c, message, other);
	}
	for (uint32_t i = 0; i < before->enum_count; i++)
	{
		const EpProtoEnum *enumeration = &before->enums[i];
		const EpProtoEnum *other =
			ep_protobuf_find_enum(after, enumeration->full_name, strlen(enumeration->full_name));

		if (other == NULL)
			removed_type(&c, enumeration->full_name);
		else
			compare_enum(&c, enumeration, other);
	}
	return c.full ? EP_E_MEMORY : EP_OK;
}
