/*
 * protobuf_compile.c
 *	  From the bytes of a FileDescriptorSet to look-up tables.
 *
 * Pipeline: split the set into files, check nesting before protobuf-c recurses into it, unpack;
 * give every message and enum its place (children of one parent stand together, so the paths of
 * SourceCodeInfo can be followed); sort the names; count extensions; fill fields; check; attach
 * comments.  protobuf-c allocates from scratch, the tables from arena; nothing is freed here.
 */
#include "format/protobuf/protobuf_compile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/protobuf/protobuf_wire.h"

bool
ep_protobuf_refuse(EpProtoBuild *build, const DraftFile *file, const char *element, const char *message)
{
	char *path = ep_arena_alloc(build->scratch, 512);

	ep_fail(build->error, EP_E_STRUCTURE, 0, message);
	if (path != NULL && file != NULL)
	{
		snprintf(path, 512, element == NULL ? "%.200s" : "%.200s: %.200s", file->name, element);
		build->error->path = path;
	}
	return false;
}

bool
ep_protobuf_no_memory(EpProtoBuild *build)
{
	ep_fail(build->error, EP_E_MEMORY, 0, "protobuf descriptor set needs more memory than it may have");
	return false;
}

static void *
unpack_alloc(void *context, size_t size)
{
	return ep_arena_alloc(context, size);
}

static void
unpack_free(void *context, void *pointer)
{
	(void) context;
	(void) pointer; /* scratch is given back as a whole */
}

/* "a.b" and "c" -> "a.b.c"; from arena. */
static char *
join_names(EpProtoBuild *build, const char *scope, const char *name)
{
	size_t scope_length = strlen(scope);
	size_t name_length = strlen(name);
	char *joined = ep_arena_alloc(build->arena, scope_length + name_length + 2);

	if (joined == NULL)
		return NULL;
	memcpy(joined, scope, scope_length);
	if (scope_length > 0)
		joined[scope_length++] = '.';
	memcpy(joined + scope_length, name, name_length + 1);
	return joined;
}

static const char *
keep(EpProtoBuild *build, const char *text)
{
	return ep_arena_strdup(build->arena, text, strlen(text));
}

/* ---- files ---- */

/* Nested types (field 3) inside messages; protobuf-c unpacks them by recursion. */
static EpCode
check_nesting(EpCursor cursor, uint32_t number, int depth, EpError *error)
{
	EpWireRecord record;
	EpCode code;

	while ((code = ep_wire_next(&cursor, &record, 0, error)) == EP_OK)
	{
		EpCursor nested = {cursor.start, record.data, record.data + record.length};

		if (record.number != number || record.wire != EP_WIRE_LEN)
			continue;
		if (depth >= EP_PROTO_DEPTH)
			return ep_fail(error, EP_E_DEPTH, ep_cursor_offset(&nested),
						   "protobuf message types are nested too deeply");
		if ((code = check_nesting(nested, 3, depth + 1, error)) != EP_DONE)
			return code;
	}
	return code;
}

static bool
add_file(EpProtoBuild *build, EpCursor bytes)
{
	DraftFile *file = &build->files[build->file_count];

	if (check_nesting(bytes, 4, 0, build->error) != EP_DONE)
		return false;
	file->bytes = bytes.at;
	file->length = ep_cursor_left(&bytes);
	file->desc =
		google__protobuf__file_descriptor_proto__unpack(&build->allocator, file->length, file->bytes);
	if (file->desc == NULL)
	{
		ep_fail(build->error, EP_E_SYNTAX, ep_cursor_offset(&bytes), "not a protobuf file descriptor");
		return false;
	}
	file->name = file->desc->name != NULL ? file->desc->name : "";
	for (uint32_t i = 0; i < build->file_count; i++)
	{
		const DraftFile *other = &build->files[i];

		if (strcmp(other->name, file->name) != 0)
			continue;
		if (other->length == file->length && memcmp(other->bytes, file->bytes, file->length) == 0)
			return true;
		return ep_protobuf_refuse(build, file, NULL,
								  "file is in the descriptor set twice with different contents");
	}
	build->file_count++;
	return ep_protobuf_file_features(build, file);
}

static bool
split_files(EpProtoBuild *build, const void *bytes, size_t length)
{
	EpCursor cursor = ep_cursor(bytes, length);
	EpWireRecord record;
	EpCode code;
	size_t count = 0;

	while ((code = ep_wire_next(&cursor, &record, 0, build->error)) == EP_OK)
		count += record.number == 1 && record.wire == EP_WIRE_LEN;
	if (code != EP_DONE)
		return false;
	if (count == 0)
		return ep_protobuf_refuse(build, NULL, NULL, "protobuf descriptor set holds no file");
	if (count > 10000)
		return ep_protobuf_refuse(build, NULL, NULL, "protobuf descriptor set holds more than 10000 files");
	build->files = ep_arena_zalloc(build->scratch, count * sizeof(DraftFile));
	if (build->files == NULL)
		return ep_protobuf_no_memory(build);
	cursor = ep_cursor(bytes, length);
	while (ep_wire_next(&cursor, &record, 0, build->error) == EP_OK)
	{
		EpCursor slice = {cursor.start, record.data, record.data + record.length};

		if (record.number == 1 && record.wire == EP_WIRE_LEN && !add_file(build, slice))
			return false;
	}
	return ep_protobuf_check_files(build);
}

/* ---- places for messages and enums ---- */

typedef struct Counts
{
	size_t messages, enums, extensions;
} Counts;

static void
count_message(const MessageProto *desc, Counts *counts)
{
	counts->messages++;
	counts->enums += desc->n_enum_type;
	counts->extensions += desc->n_extension;
	for (size_t i = 0; i < desc->n_nested_type; i++)
		count_message(desc->nested_type[i], counts);
}

static bool
allocate_places(EpProtoBuild *build)
{
	EpProtoSchema *schema = ep_arena_zalloc(build->arena, sizeof *schema);
	Counts counts = {0, 0, 0};

	for (uint32_t f = 0; f < build->file_count; f++)
	{
		const FileProto *desc = build->files[f].desc;

		counts.enums += desc->n_enum_type;
		counts.extensions += desc->n_extension;
		for (size_t i = 0; i < desc->n_message_type; i++)
			count_message(desc->message_type[i], &counts);
	}
	if (schema == NULL)
		return ep_protobuf_no_memory(build);
	build->schema = schema;
	schema->messages = ep_arena_zalloc(build->arena, counts.messages * sizeof(EpProtoMessage));
	schema->enums = ep_arena_zalloc(build->arena, counts.enums * sizeof(EpProtoEnum));
	schema->names = ep_arena_zalloc(build->arena, (counts.messages + counts.enums) * sizeof(EpProtoName));
	build->messages = ep_arena_zalloc(build->scratch, counts.messages * sizeof(DraftMessage));
	build->enums = ep_arena_zalloc(build->scratch, counts.enums * sizeof(DraftEnum));
	build->extensions = ep_arena_zalloc(build->scratch, counts.extensions * sizeof(DraftExtension));
	return (schema->messages != NULL && schema->enums != NULL && schema->names != NULL &&
			build->messages != NULL && build->enums != NULL && build->extensions != NULL) ||
		   ep_protobuf_no_memory(build);
}

static bool
place_enums(EpProtoBuild *build, const DraftFile *file, const char *scope, const EpProtoFeatures *features,
			EnumProto **descs, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		uint32_t at = build->schema->enum_count++;
		EpProtoEnum *enumeration = &build->schema->enums[at];
		DraftEnum *draft = &build->enums[at];

		if (!ep_protobuf_check_name(build, file, scope, descs[i]->name))
			return false;
		draft->desc = descs[i];
		draft->file = file;
		draft->features = *features;
		enumeration->full_name = join_names(build, scope, descs[i]->name);
		enumeration->file = keep(build, file->name);
		if (enumeration->full_name == NULL || enumeration->file == NULL)
			return ep_protobuf_no_memory(build);
		if (!ep_protobuf_merge_features(build, file, (const ProtobufCMessage *) descs[i]->options, 7,
										&draft->features))
			return false;
	}
	return true;
}

static void
place_extensions(EpProtoBuild *build, const DraftFile *file, const char *scope,
				 const EpProtoFeatures *features, FieldProto **descs, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		DraftExtension *extension = &build->extensions[build->extension_count++];

		extension->desc = descs[i];
		extension->file = file;
		extension->features = features;
		extension->scope = scope;
	}
}

static bool
place_messages(EpProtoBuild *build, const DraftFile *file, const char *scope, const EpProtoFeatures *features,
			   MessageProto **descs, size_t count)
{
	uint32_t first = build->schema->message_count;

	build->schema->message_count += (uint32_t) count;
	for (size_t i = 0; i < count; i++)
	{
		EpProtoMessage *message = &build->schema->messages[first + i];
		DraftMessage *draft = &build->messages[first + i];
		const MessageProto *desc = descs[i];

		if (!ep_protobuf_check_name(build, file, scope, desc->name))
			return false;
		draft->desc = desc;
		draft->file = file;
		draft->features = *features;
		if (!ep_protobuf_merge_features(build, file, (const ProtobufCMessage *) desc->options, 12,
										&draft->features))
			return false;
		message->schema = build->schema;
		message->full_name = join_names(build, scope, desc->name);
		message->file = keep(build, file->name);
		message->package = keep(build, file->desc->package != NULL ? file->desc->package : "");
		if (message->full_name == NULL || message->file == NULL || message->package == NULL)
			return ep_protobuf_no_memory(build);
		message->map_entry = desc->options != NULL && desc->options->map_entry;
		message->message_set = desc->options != NULL && desc->options->message_set_wire_format;
		place_extensions(build, file, message->full_name, &draft->features, desc->extension,
						 desc->n_extension);
		draft->first_nested = build->schema->message_count;
		if (!place_enums(build, file, message->full_name, &draft->features, desc->enum_type,
						 desc->n_enum_type) ||
			!place_messages(build, file, message->full_name, &draft->features, desc->nested_type,
							desc->n_nested_type))
			return false;
	}
	return true;
}

static bool
place_file(EpProtoBuild *build, DraftFile *file)
{
	const FileProto *desc = file->desc;
	const char *package = desc->package != NULL ? desc->package : "";

	file->first_message = build->schema->message_count;
	place_extensions(build, file, package, &file->features, desc->extension, desc->n_extension);
	return place_enums(build, file, package, &file->features, desc->enum_type, desc->n_enum_type) &&
		   place_messages(build, file, package, &file->features, desc->message_type, desc->n_message_type);
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(((const EpProtoName *) a)->full_name, ((const EpProtoName *) b)->full_name);
}

static bool
sort_names(EpProtoBuild *build)
{
	EpProtoSchema *schema = build->schema;

	for (uint32_t i = 0; i < schema->message_count; i++)
		schema->names[schema->name_count++] =
			(EpProtoName){schema->messages[i].full_name, &schema->messages[i], NULL};
	for (uint32_t i = 0; i < schema->enum_count; i++)
		schema->names[schema->name_count++] =
			(EpProtoName){schema->enums[i].full_name, NULL, &schema->enums[i]};
	qsort(schema->names, schema->name_count, sizeof(EpProtoName), compare_names);
	for (uint32_t i = 1; i < schema->name_count; i++)
	{
		const EpProtoName *name = &schema->names[i];

		if (compare_names(name - 1, name) == 0)
		{
			DraftFile file = {.name = name->message != NULL ? name->message->file : name->enumeration->file};

			return ep_protobuf_refuse(build, &file, name->full_name, "type is defined twice");
		}
	}
	return true;
}

/* ---- fields ---- */

/* A type's name as a field has it: ".a.B", or relative to scope, innermost first. */
static const EpProtoName *
resolve(EpProtoBuild *build, const char *scope, const char *name)
{
	size_t scope_length = strlen(scope);
	size_t name_length = strlen(name);
	char *buffer;

	if (name[0] == '.')
		return ep_protobuf_find_name(build->schema, name + 1, name_length - 1);
	buffer = ep_arena_alloc(build->scratch, scope_length + name_length + 2);
	if (buffer == NULL)
		return NULL;
	for (;;)
	{
		const EpProtoName *found;
		size_t at = scope_length;

		memcpy(buffer, scope, scope_length);
		if (at > 0)
			buffer[at++] = '.';
		memcpy(buffer + at, name, name_length);
		found = ep_protobuf_find_name(build->schema, buffer, at + name_length);
		if (found != NULL || scope_length == 0)
			return found;
		while (scope_length > 0 && scope[--scope_length] != '.')
			;
	}
}

static bool
place_extendees(EpProtoBuild *build)
{
	for (uint32_t i = 0; i < build->extension_count; i++)
	{
		DraftExtension *extension = &build->extensions[i];
		const FieldProto *desc = extension->desc;
		const EpProtoName *found;

		if (!ep_protobuf_check_name(build, extension->file, extension->scope, desc->name))
			return false;
		extension->full_name = join_names(build, extension->scope, desc->name);
		if (extension->full_name == NULL)
			return ep_protobuf_no_memory(build);
		found = desc->extendee == NULL ? NULL : resolve(build, extension->scope, desc->extendee);
		if (found == NULL || found->message == NULL)
			return ep_protobuf_refuse(build, extension->file, extension->full_name,
									  "extended message is not in the descriptor set");
		extension->extendee = (uint32_t) (found->message - build->schema->messages);
		build->messages[extension->extendee].extensions++;
	}
	return true;
}

/* lowerCamelCase as protoc makes it. */
static const char *
json_name(EpProtoBuild *build, const char *name)
{
	char *json = ep_arena_alloc(build->arena, strlen(name) + 1);
	size_t length = 0;
	bool upper = false;

	if (json == NULL)
		return NULL;
	for (; *name != '\0'; name++)
	{
		if (*name == '_')
			upper = true;
		else
		{
			json[length++] = upper && *name >= 'a' && *name <= 'z' ? (char) (*name - 'a' + 'A') : *name;
			upper = false;
		}
	}
	json[length] = '\0';
	return json;
}

static const char *
extension_name(EpProtoBuild *build, const char *full_name)
{
	size_t length = strlen(full_name);
	char *name = ep_arena_alloc(build->arena, length + 3);

	if (name != NULL)
	{
		name[0] = '[';
		memcpy(name + 1, full_name, length);
		memcpy(name + 1 + length, "]", 2);
	}
	return name;
}

static uint8_t
wire_of(uint8_t type)
{
	switch ((EpProtoType) type)
	{
		case EP_PROTO_DOUBLE:
		case EP_PROTO_FIXED64:
		case EP_PROTO_SFIXED64:
			return EP_WIRE_I64;
		case EP_PROTO_FLOAT:
		case EP_PROTO_FIXED32:
		case EP_PROTO_SFIXED32:
			return EP_WIRE_I32;
		case EP_PROTO_STRING:
		case EP_PROTO_BYTES:
		case EP_PROTO_MESSAGE:
			return EP_WIRE_LEN;
		case EP_PROTO_GROUP:
			return EP_WIRE_GROUP;
		default:
			return EP_WIRE_VARINT;
	}
}

/* The type a field names, if it is of a kind that does. */
static bool
resolve_type(EpProtoBuild *build, const DraftFile *file, const char *scope, const char *element,
			 const FieldProto *desc, EpProtoField *field)
{
	const EpProtoName *found = NULL;
	int type = desc->has_type ? (int) desc->type : 0;

	if (desc->type_name != NULL)
	{
		found = resolve(build, scope, desc->type_name);
		if (found == NULL)
			return ep_protobuf_refuse(build, file, element, "type of the field is not in the descriptor set");
		if (type == 0)
			type = found->message != NULL ? EP_PROTO_MESSAGE : EP_PROTO_ENUM;
	}
	if (type < EP_PROTO_DOUBLE || type > EP_PROTO_SINT64)
		return ep_protobuf_refuse(build, file, element, "field has no known type");
	field->type = (uint8_t) type;
	if (type == EP_PROTO_MESSAGE || type == EP_PROTO_GROUP)
		field->message = found != NULL ? found->message : NULL;
	else if (type == EP_PROTO_ENUM)
		field->enumeration = found != NULL ? found->enumeration : NULL;
	else if (found != NULL)
		return ep_protobuf_refuse(build, file, element, "scalar field names a type");
	else
		return true;
	return field->message != NULL || field->enumeration != NULL ||
		   ep_protobuf_refuse(build, file, element, "type of the field is of the wrong kind");
}

static bool
field_names(EpProtoBuild *build, const char *full_name, const FieldProto *desc, EpProtoField *field)
{
	if (field->extension)
		field->name = field->json_name = extension_name(build, full_name);
	else
	{
		field->name = keep(build, desc->name);
		field->json_name =
			desc->json_name != NULL ? keep(build, desc->json_name) : json_name(build, desc->name);
	}
	field->json_length = field->json_name == NULL ? 0 : (uint32_t) strlen(field->json_name);
	if (desc->default_value != NULL)
		field->default_text = keep(build, desc->default_value);
	return (field->name != NULL && field->json_name != NULL &&
			(desc->default_value == NULL || field->default_text != NULL)) ||
		   ep_protobuf_no_memory(build);
}

/* The switches of one field, from its label, its options and the features in force. */
static bool
field_switches(EpProtoBuild *build, const DraftFile *file, EpProtoFeatures features, const FieldProto *desc,
			   EpProtoField *field)
{
	const Google__Protobuf__FieldOptions *options = desc->options;
	int label = desc->has_label ? (int) desc->label : 1;
	int presence;

	if (!ep_protobuf_merge_features(build, file, (const ProtobufCMessage *) options, 21, &features))
		return false;
	presence = features.value[FEATURE_PRESENCE];
	field->repeated = label == 3;
	field->map = field->repeated && field->message != NULL && field->message->map_entry;
	field->required = !field->repeated && (label == 2 || (file->editions && presence == 3));
	field->oneof = desc->has_oneof_index && !desc->proto3_optional ? desc->oneof_index : -1;
	field->presence = !field->repeated && (field->message != NULL || desc->has_oneof_index ||
										   field->extension || desc->proto3_optional || presence != 2);
	field->packed =
		options != NULL && options->has_packed ? options->packed != 0 : features.value[FEATURE_REPEATED] == 1;
	field->utf8 = features.value[FEATURE_UTF8] == 2;
	field->deprecated = options != NULL && options->deprecated;
	field->delimited = field->type == EP_PROTO_GROUP ||
					   (field->type == EP_PROTO_MESSAGE && features.value[FEATURE_ENCODING] == 2 &&
						!field->map && !field->owner->map_entry);
	field->type = field->type == EP_PROTO_GROUP ? EP_PROTO_MESSAGE : field->type;
	field->wire = field->delimited ? EP_WIRE_GROUP : wire_of(field->type);
	return true;
}

static bool
fill_field(EpProtoBuild *build, const DraftFile *file, const EpProtoFeatures *features, const char *scope,
		   const char *full_name, const FieldProto *desc, EpProtoField *field)
{
	if (desc->has_number && desc->number > 0)
		field->number = (uint32_t) desc->number;
	return resolve_type(build, file, scope, full_name, desc, field) &&
		   field_names(build, full_name, desc, field) &&
		   field_switches(build, file, *features, desc, field) &&
		   ep_protobuf_check_field(build, file, desc, field);
}

static bool
keep_strings(EpProtoBuild *build, char *const *from, size_t count, const char *const **to)
{
	const char **names = ep_arena_alloc(build->arena, count * sizeof *names);

	for (size_t i = 0; names != NULL && i < count; i++)
		if ((names[i] = keep(build, from[i])) == NULL)
			names = NULL;
	*to = names;
	return names != NULL || ep_protobuf_no_memory(build);
}

static bool
fill_reserved(EpProtoBuild *build, const MessageProto *desc, EpProtoReserved *reserved)
{
	EpProtoRange *ranges = ep_arena_alloc(build->arena, desc->n_reserved_range * sizeof *ranges);

	if (ranges == NULL)
		return ep_protobuf_no_memory(build);
	for (size_t i = 0; i < desc->n_reserved_range; i++)
		ranges[i] =
			(EpProtoRange){desc->reserved_range[i]->start, (int64_t) desc->reserved_range[i]->end - 1};
	reserved->ranges = ranges;
	reserved->range_count = (uint32_t) desc->n_reserved_range;
	reserved->name_count = (uint32_t) desc->n_reserved_name;
	return keep_strings(build, desc->reserved_name, desc->n_reserved_name, &reserved->names);
}

static bool
fill_oneofs(EpProtoBuild *build, EpProtoMessage *message, const DraftMessage *draft)
{
	const char **oneofs = ep_arena_alloc(build->arena, draft->desc->n_oneof_decl * sizeof *oneofs);

	if (oneofs == NULL)
		return ep_protobuf_no_memory(build);
	for (size_t i = 0; i < draft->desc->n_oneof_decl; i++)
	{
		const char *name = draft->desc->oneof_decl[i]->name;

		if (!ep_protobuf_check_name(build, draft->file, message->full_name, name))
			return false;
		if ((oneofs[i] = keep(build, name)) == NULL)
			return ep_protobuf_no_memory(build);
	}
	message->oneofs = oneofs;
	message->oneof_count = (uint32_t) draft->desc->n_oneof_decl;
	return true;
}

static bool
fill_message(EpProtoBuild *build, EpProtoMessage *message, const DraftMessage *draft)
{
	const MessageProto *desc = draft->desc;
	size_t capacity = desc->n_field + draft->extensions;
	EpProtoField *fields;

	if (capacity > 60000)
		return ep_protobuf_refuse(build, draft->file, message->full_name,
								  "message has more than 60000 fields");
	fields = ep_arena_zalloc(build->arena, capacity * sizeof *fields);
	if (fields == NULL)
		return ep_protobuf_no_memory(build);
	message->fields = fields;
	for (size_t i = 0; i < desc->n_field; i++)
	{
		EpProtoField *field = &fields[message->field_count];
		const char *full_name;

		if (!ep_protobuf_check_name(build, draft->file, message->full_name, desc->field[i]->name))
			return false;
		if ((full_name = join_names(build, message->full_name, desc->field[i]->name)) == NULL)
			return ep_protobuf_no_memory(build);
		field->owner = message;
		field->index = message->field_count++;
		if (!fill_field(build, draft->file, &draft->features, message->full_name, full_name, desc->field[i],
						field))
			return false;
		message->required_count += field->required;
	}
	return fill_oneofs(build, message, draft) && fill_reserved(build, desc, &message->reserved);
}

static bool
fill_extensions(EpProtoBuild *build)
{
	for (uint32_t i = 0; i < build->extension_count; i++)
	{
		const DraftExtension *extension = &build->extensions[i];
		EpProtoMessage *message = &build->schema->messages[extension->extendee];
		EpProtoField *field = (EpProtoField *) &message->fields[message->field_count];

		field->owner = message;
		field->extension = true;
		field->index = message->field_count++;
		if (!fill_field(build, extension->file, extension->features, extension->scope, extension->full_name,
						extension->desc, field))
			return false;
	}
	return true;
}

static int
compare_values(const void *a, const void *b)
{
	const EpProtoEnumValue *left = *(const EpProtoEnumValue *const *) a;
	const EpProtoEnumValue *right = *(const EpProtoEnumValue *const *) b;

	if (left->number != right->number)
		return left->number < right->number ? -1 : 1;
	return left < right ? -1 : left > right; /* aliases: the first declared first */
}

static bool
sort_values(EpProtoBuild *build, EpProtoEnum *enumeration)
{
	uint32_t count = enumeration->value_count;
	const EpProtoEnumValue **order = ep_arena_alloc(build->scratch, count * sizeof *order);
	EpProtoEnumValue *sorted = ep_arena_alloc(build->arena, count * sizeof *sorted);

	if (order == NULL || sorted == NULL)
		return ep_protobuf_no_memory(build);
	for (uint32_t i = 0; i < count; i++)
		order[i] = &enumeration->values[i];
	qsort(order, count, sizeof *order, compare_values);
	for (uint32_t i = 0; i < count; i++)
		if (i == 0 || order[i]->number != order[i - 1]->number)
			sorted[enumeration->sorted_count++] = *order[i];
	enumeration->sorted = sorted;
	return true;
}

static bool
fill_enum(EpProtoBuild *build, EpProtoEnum *enumeration, const DraftEnum *draft)
{
	const EnumProto *desc = draft->desc;
	EpProtoEnumValue *values = ep_arena_alloc(build->arena, desc->n_value * sizeof *values);
	EpProtoRange *ranges = ep_arena_alloc(build->arena, desc->n_reserved_range * sizeof *ranges);

	if (values == NULL || ranges == NULL)
		return ep_protobuf_no_memory(build);
	for (size_t i = 0; i < desc->n_value; i++)
	{
		if (!ep_protobuf_check_name(build, draft->file, enumeration->full_name, desc->value[i]->name))
			return false;
		values[i] = (EpProtoEnumValue){keep(build, desc->value[i]->name), desc->value[i]->number};
		if (values[i].name == NULL)
			return ep_protobuf_no_memory(build);
	}
	for (size_t i = 0; i < desc->n_reserved_range; i++)
		ranges[i] = (EpProtoRange){desc->reserved_range[i]->start, desc->reserved_range[i]->end};
	enumeration->values = values;
	enumeration->value_count = (uint32_t) desc->n_value;
	enumeration->closed = draft->features.value[FEATURE_ENUM] == 2;
	enumeration->null_value = strcmp(enumeration->full_name, "google.protobuf.NullValue") == 0;
	enumeration->reserved.ranges = ranges;
	enumeration->reserved.range_count = (uint32_t) desc->n_reserved_range;
	enumeration->reserved.name_count = (uint32_t) desc->n_reserved_name;
	return sort_values(build, enumeration) &&
		   keep_strings(build, desc->reserved_name, desc->n_reserved_name, &enumeration->reserved.names) &&
		   ep_protobuf_check_enum(build, enumeration, draft);
}

/* ---- all of it ---- */

static bool
compile(EpProtoBuild *build, const void *bytes, size_t length)
{
	if (!split_files(build, bytes, length) || !allocate_places(build))
		return false;
	for (uint32_t i = 0; i < build->file_count; i++)
		if (!place_file(build, &build->files[i]))
			return false;
	if (!sort_names(build) || !place_extendees(build))
		return false;
	for (uint32_t i = 0; i < build->schema->enum_count; i++)
		if (!fill_enum(build, &build->schema->enums[i], &build->enums[i]))
			return false;
	for (uint32_t i = 0; i < build->schema->message_count; i++)
		if (!fill_message(build, &build->schema->messages[i], &build->messages[i]))
			return false;
	if (!fill_extensions(build))
		return false;
	for (uint32_t i = 0; i < build->schema->message_count; i++)
		if (!ep_protobuf_index_fields(build, &build->schema->messages[i]) ||
			!ep_protobuf_check_message(build, &build->schema->messages[i], &build->messages[i]))
			return false;
	for (uint32_t i = 0; i < build->schema->message_count; i++)
		if (!ep_protobuf_check_known(build, &build->schema->messages[i], &build->messages[i]))
			return false;
	if (!ep_protobuf_check_scopes(build))
		return false;
	for (uint32_t i = 0; i < build->file_count; i++)
		ep_protobuf_attach_comments(build, &build->files[i]);
	for (uint32_t i = 0; i < build->schema->message_count; i++)
		if (!ep_protobuf_comment_deprecated(build, &build->schema->messages[i]))
			return false;
	return true;
}

const EpProtoSchema *
ep_protobuf_compile(const void *bytes, size_t length, EpArena *arena, EpArena *scratch, EpError *error)
{
	EpProtoBuild build = {.arena = arena, .scratch = scratch, .error = error};

	build.allocator = (ProtobufCAllocator){unpack_alloc, unpack_free, scratch};
	return compile(&build, bytes, length) ? build.schema : NULL;
}
