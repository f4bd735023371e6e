/*
 * protobuf_check.c
 *	  What a descriptor set must satisfy beyond being well formed.
 *
 * protoc and buf keep all of this, so a refusal means that the set was made or changed by other
 * means, or lacks its imports.  Each check names file and element.
 */
#include "format/protobuf/protobuf_compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/protobuf/protobuf_wire.h"

#define NUMBER_MAX ((1 << 29) - 1)

/* ---- files ---- */

static int
compare_files(const void *a, const void *b)
{
	return strcmp((*(const DraftFile *const *) a)->name, (*(const DraftFile *const *) b)->name);
}

static DraftFile *
find_file(DraftFile *const *sorted, uint32_t count, const char *name)
{
	DraftFile key = {.name = name};
	DraftFile *pointer = &key;
	DraftFile *const *found = bsearch(&pointer, sorted, count, sizeof *sorted, compare_files);

	return found == NULL ? NULL : *found;
}

/* Take files whose imports have all been taken, until none is left or none can be. */
static bool
check_cycles(EpProtoBuild *build)
{
	bool *taken = ep_arena_zalloc(build->scratch, build->file_count);
	uint32_t left = build->file_count;
	bool moved = true;

	if (taken == NULL)
		return ep_protobuf_no_memory(build);
	while (left > 0 && moved)
	{
		moved = false;
		for (uint32_t i = 0; i < build->file_count; i++)
		{
			const FileProto *desc = build->files[i].desc;
			size_t ready = 0;

			if (taken[i])
				continue;
			while (ready < desc->n_dependency && taken[build->files[i].imports[ready] - build->files])
				ready++;
			if (ready < desc->n_dependency)
				continue;
			taken[i] = moved = true;
			left--;
		}
	}
	for (uint32_t i = 0; i < build->file_count; i++)
		if (!taken[i])
			return ep_protobuf_refuse(build, &build->files[i], NULL, "files import each other in a circle");
	return true;
}

static bool
check_package(EpProtoBuild *build, const DraftFile *file)
{
	const char *package = file->desc->package;

	if (package == NULL || package[0] == '\0')
		return true;
	for (const char *p = package; *p != '\0'; p++)
	{
		bool first = p == package || p[-1] == '.';
		bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_';

		if (!letter && (first || !((*p >= '0' && *p <= '9') || (*p == '.' && p[1] != '\0'))))
			return ep_protobuf_refuse(build, file, NULL, "package name is not made of identifiers");
	}
	return true;
}

bool
ep_protobuf_check_files(EpProtoBuild *build)
{
	DraftFile **sorted = ep_arena_alloc(build->scratch, build->file_count * sizeof *sorted);

	if (sorted == NULL)
		return ep_protobuf_no_memory(build);
	for (uint32_t i = 0; i < build->file_count; i++)
		sorted[i] = &build->files[i];
	qsort(sorted, build->file_count, sizeof *sorted, compare_files);
	for (uint32_t i = 0; i < build->file_count; i++)
	{
		DraftFile *file = &build->files[i];
		size_t bad;

		if (file->name[0] == '\0' ||
			ep_wire_text((const uint8_t *) file->name, strlen(file->name), &bad) != EP_OK)
			return ep_protobuf_refuse(build, NULL, NULL,
									  "a file of the protobuf descriptor set has no proper name");
		if (!check_package(build, file))
			return false;
		file->imports = ep_arena_array(build->scratch, file->desc->n_dependency, sizeof(DraftFile *));
		if (file->imports == NULL)
			return ep_protobuf_no_memory(build);
		for (size_t d = 0; d < file->desc->n_dependency; d++)
			if ((file->imports[d] = find_file(sorted, build->file_count, file->desc->dependency[d])) == NULL)
				return ep_protobuf_refuse(
					build, file, file->desc->dependency[d],
					"imported file is not in the descriptor set (use --include_imports)");
	}
	return check_cycles(build);
}

/* ---- names ---- */

bool
ep_protobuf_check_name(EpProtoBuild *build, const DraftFile *file, const char *scope, const char *name)
{
	if (name == NULL || name[0] == '\0')
		return ep_protobuf_refuse(build, file, scope, "something in here has no name");
	for (const char *p = name; *p != '\0'; p++)
	{
		bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_';

		if (!letter && (p == name || *p < '0' || *p > '9'))
			return ep_protobuf_refuse(build, file, scope, "a name in here is no identifier");
	}
	return true;
}

static int
compare_strings(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Sorts names in place. */
static bool
has_duplicate(const char **names, size_t count)
{
	qsort(names, count, sizeof *names, compare_strings);
	for (size_t i = 1; i < count; i++)
		if (strcmp(names[i - 1], names[i]) == 0)
			return true;
	return false;
}

static bool
is_reserved(const EpProtoReserved *reserved, int64_t number, const char *name)
{
	for (uint32_t i = 0; i < reserved->range_count; i++)
		if (number >= reserved->ranges[i].first && number <= reserved->ranges[i].last)
			return true;
	for (uint32_t i = 0; i < reserved->name_count; i++)
		if (strcmp(reserved->names[i], name) == 0)
			return true;
	return false;
}

/* ---- defaults ---- */

static bool
integer_default(const char *text, bool is_unsigned, int bits)
{
	char *end;

	errno = 0;
	if (is_unsigned)
	{
		unsigned long long n = strtoull(text, &end, 0);

		return errno == 0 && end != text && *end == '\0' && text[0] != '-' && (bits == 64 || n <= UINT32_MAX);
	}
	else
	{
		long long n = strtoll(text, &end, 0);

		return errno == 0 && end != text && *end == '\0' &&
			   (bits == 64 || (n >= INT32_MIN && n <= INT32_MAX));
	}
}

static bool
enum_default(const EpProtoEnum *enumeration, const char *text)
{
	for (uint32_t i = 0; i < enumeration->value_count; i++)
		if (strcmp(enumeration->values[i].name, text) == 0)
			return true;
	return false;
}

static bool
good_default(const EpProtoField *field)
{
	const char *text = field->default_text;
	char *end;
	size_t bad;

	switch ((EpProtoType) field->type)
	{
		case EP_PROTO_DOUBLE:
		case EP_PROTO_FLOAT:
			strtod(text, &end);
			return end != text && *end == '\0';
		case EP_PROTO_INT32:
		case EP_PROTO_SINT32:
		case EP_PROTO_SFIXED32:
			return integer_default(text, false, 32);
		case EP_PROTO_INT64:
		case EP_PROTO_SINT64:
		case EP_PROTO_SFIXED64:
			return integer_default(text, false, 64);
		case EP_PROTO_UINT32:
		case EP_PROTO_FIXED32:
			return integer_default(text, true, 32);
		case EP_PROTO_UINT64:
		case EP_PROTO_FIXED64:
			return integer_default(text, true, 64);
		case EP_PROTO_BOOL:
			return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
		case EP_PROTO_ENUM:
			return enum_default(field->enumeration, text);
		case EP_PROTO_STRING:
		case EP_PROTO_BYTES:
			return ep_wire_text((const uint8_t *) text, strlen(text), &bad) == EP_OK;
		case EP_PROTO_GROUP:
		case EP_PROTO_MESSAGE:
			break;
	}
	return false;
}

/* ---- messages ---- */

static bool
in_extension_range(const MessageProto *desc, uint32_t number)
{
	for (size_t i = 0; i < desc->n_extension_range; i++)
		if ((int64_t) number >= desc->extension_range[i]->start &&
			(int64_t) number < desc->extension_range[i]->end)
			return true;
	return false;
}

/* A map's entry type: key = 1 of a type that can be one, value = 2. */
static bool
good_map_entry(const EpProtoMessage *entry)
{
	const EpProtoField *key = &entry->fields[0];
	const EpProtoField *value = &entry->fields[1];

	if (entry->field_count != 2 || key->number != 1 || value->number != 2 || key->repeated ||
		value->repeated || key->oneof >= 0 || value->oneof >= 0 || value->delimited)
		return false;
	return strcmp(key->name, "key") == 0 && strcmp(value->name, "value") == 0 &&
		   key->type != EP_PROTO_DOUBLE && key->type != EP_PROTO_FLOAT && key->type != EP_PROTO_MESSAGE &&
		   key->type != EP_PROTO_BYTES && key->type != EP_PROTO_ENUM;
}

/* A map's entry type is nested in the message whose field it is. */
static bool
good_map_field(const EpProtoField *field)
{
	size_t length = strlen(field->owner->full_name);

	return field->repeated &&
		   (field->extension || (strncmp(field->message->full_name, field->owner->full_name, length) == 0 &&
								 field->message->full_name[length] == '.'));
}

static const char *
field_fault(const EpProtoMessage *message, const DraftMessage *draft, const EpProtoField *field)
{
	size_t bad;

	if (field->number < 1 || (field->number > NUMBER_MAX && !message->message_set))
		return "field number is outside 1 to 536870911";
	if (message->message_set && (!field->extension || field->type != EP_PROTO_MESSAGE || field->delimited ||
								 field->repeated || field->required))
		return "message set has a field that is no optional extension by a message";
	if (field->number >= 19000 && field->number <= 19999)
		return "field number is in 19000 to 19999, which protobuf keeps for itself";
	if (field->extension ? !in_extension_range(draft->desc, field->number)
						 : in_extension_range(draft->desc, field->number))
		return field->extension ? "extension is outside the extension ranges"
								: "field number is in an extension range";
	if (!field->extension && is_reserved(&message->reserved, field->number, field->name))
		return "field uses a reserved number or name";
	if (field->oneof < -1 || field->oneof >= (int64_t) message->oneof_count ||
		(field->oneof >= 0 && field->repeated))
		return "field has a wrong oneof index";
	if (ep_wire_text((const uint8_t *) field->json_name, strlen(field->json_name), &bad) != EP_OK)
		return "JSON name of the field is not valid UTF-8";
	if (field->message != NULL && field->message->map_entry && !good_map_field(field))
		return "map entry type is used by something that is no map";
	if (field->enumeration != NULL && field->enumeration->closed && !field->presence && !field->repeated &&
		!field->owner->map_entry)
		return "field without presence has a closed enum";
	if (field->default_text != NULL && (field->repeated || !good_default(field)))
		return "default of the field does not fit its type";
	return NULL;
}

static bool
check_duplicates(EpProtoBuild *build, const EpProtoMessage *message, const DraftMessage *draft)
{
	size_t count = message->field_count + message->oneof_count;
	const char **names = ep_arena_alloc(build->scratch, count * sizeof *names);

	if (names == NULL)
		return ep_protobuf_no_memory(build);
	for (uint32_t i = 1; i < message->field_count; i++)
		if (message->numbers[i - 1]->number == message->numbers[i]->number)
			return ep_protobuf_refuse(build, draft->file, message->full_name, "two fields have one number");
	for (uint32_t i = 0; i < message->field_count; i++)
		names[i] = message->fields[i].name;
	for (uint32_t i = 0; i < message->oneof_count; i++)
		names[message->field_count + i] = message->oneofs[i];
	if (has_duplicate(names, count))
		return ep_protobuf_refuse(build, draft->file, message->full_name,
								  "two fields or oneofs have one name");
	for (uint32_t i = 0; i < message->field_count; i++)
		names[i] = message->fields[i].json_name;
	if (draft->features.value[FEATURE_JSON] == 1 && has_duplicate(names, message->field_count))
		return ep_protobuf_refuse(build, draft->file, message->full_name, "two fields have one JSON name");
	return true;
}

bool
ep_protobuf_check_message(EpProtoBuild *build, const EpProtoMessage *message, const DraftMessage *draft)
{
	if (!ep_protobuf_check_parts(build, message, draft))
		return false;
	for (uint32_t i = 0; i < message->field_count; i++)
	{
		const EpProtoField *field = &message->fields[i];
		const char *fault = field_fault(message, draft, field);

		if (fault == NULL)
			continue;
		ep_protobuf_refuse(build, draft->file, message->full_name, fault);
		build->error->found = field->name;
		return false;
	}
	if (message->map_entry && (message->field_count != 2 || !good_map_entry(message)))
		return ep_protobuf_refuse(build, draft->file, message->full_name, "map entry type is malformed");
	return check_duplicates(build, message, draft);
}

/* ---- enums ---- */

bool
ep_protobuf_check_enum(EpProtoBuild *build, const EpProtoEnum *enumeration, const DraftEnum *draft)
{
	const char **names = ep_arena_alloc(build->scratch, enumeration->value_count * sizeof *names);
	bool aliases = draft->desc->options != NULL && draft->desc->options->allow_alias;
	const char *fault = NULL;

	if (names == NULL)
		return ep_protobuf_no_memory(build);
	for (uint32_t i = 0; i < enumeration->value_count; i++)
	{
		names[i] = enumeration->values[i].name;
		if (is_reserved(&enumeration->reserved, enumeration->values[i].number, names[i]))
			fault = "enum value uses a reserved number or name";
	}
	if (enumeration->value_count == 0)
		fault = "enum has no values";
	else if (!enumeration->closed && enumeration->values[0].number != 0)
		fault = "first value of an open enum is not 0";
	else if (!aliases && enumeration->sorted_count != enumeration->value_count)
		fault = "two enum values have one number without allow_alias";
	else if (has_duplicate(names, enumeration->value_count))
		fault = "two enum values have one name";
	return fault == NULL || ep_protobuf_refuse(build, draft->file, enumeration->full_name, fault);
}

/* ---- well-known types ---- */

typedef struct KnownField
{
	uint8_t type;
	bool repeated;
	const char *type_name; /* NULL: a scalar */
} KnownField;

#define SCALAR(type)      \
	{                     \
		type, false, NULL \
	}

typedef struct KnownType
{
	const char *name; /* after google.protobuf. */
	uint8_t known;
	uint8_t count;
	KnownField fields[6];
} KnownType;

static const KnownType known_types[] = {
	{"Timestamp", EP_KNOWN_TIMESTAMP, 2, {SCALAR(EP_PROTO_INT64), SCALAR(EP_PROTO_INT32)}},
	{"Duration", EP_KNOWN_DURATION, 2, {SCALAR(EP_PROTO_INT64), SCALAR(EP_PROTO_INT32)}},
	{"FieldMask", EP_KNOWN_FIELD_MASK, 1, {{EP_PROTO_STRING, true, NULL}}},
	{"Struct", EP_KNOWN_STRUCT, 1, {{EP_PROTO_MESSAGE, true, "google.protobuf.Struct.FieldsEntry"}}},
	{"Value",
	 EP_KNOWN_VALUE,
	 6,
	 {{EP_PROTO_ENUM, false, "google.protobuf.NullValue"},
	  SCALAR(EP_PROTO_DOUBLE),
	  SCALAR(EP_PROTO_STRING),
	  SCALAR(EP_PROTO_BOOL),
	  {EP_PROTO_MESSAGE, false, "google.protobuf.Struct"},
	  {EP_PROTO_MESSAGE, false, "google.protobuf.ListValue"}}},
	{"ListValue", EP_KNOWN_LIST_VALUE, 1, {{EP_PROTO_MESSAGE, true, "google.protobuf.Value"}}},
	{"Any", EP_KNOWN_ANY, 2, {SCALAR(EP_PROTO_STRING), SCALAR(EP_PROTO_BYTES)}},
	{"DoubleValue", EP_KNOWN_WRAPPER, 1, {SCALAR(EP_PROTO_DOUBLE)}},
	{"FloatValue", EP_KNOWN_WRAPPER, 1, {SCALAR(EP_PROTO_FLOAT)}},
	{"Int64Value", EP_KNOWN_WRAPPER, 1, {SCALAR(EP_PROTO_INT64)}},
	{"UInt64Value", EP_KNOWN_WRAPPER, 1, {SCALAR(EP_PROTO_UINT64)}},
	{"Int32Value", EP_KNOWN_WRAPPER, 1, {SCALAR(EP_PROTO_INT32)}},
	{"UInt32Value", EP_KNOWN_WRAPPER, 1, {SCALAR(EP_PROTO_UINT32)}},
	{"BoolValue", EP_KNOWN_WRAPPER, 1, {SCALAR(EP_PROTO_BOOL)}},
	{"StringValue", EP_KNOWN_WRAPPER, 1, {SCALAR(EP_PROTO_STRING)}},
	{"BytesValue", EP_KNOWN_WRAPPER, 1, {SCALAR(EP_PROTO_BYTES)}},
};

/* The entry type of Struct.fields: string to Value. */
static bool
good_struct_entry(const EpProtoMessage *entry)
{
	return entry->map_entry && entry->field_count == 2 && entry->fields[0].type == EP_PROTO_STRING &&
		   entry->fields[1].message != NULL &&
		   strcmp(entry->fields[1].message->full_name, "google.protobuf.Value") == 0;
}

static bool
has_shape(const EpProtoMessage *message, const KnownType *type)
{
	if (message->field_count != type->count || message->required_count > 0 || message->map_entry)
		return false;
	for (uint32_t i = 0; i < type->count; i++)
	{
		const EpProtoField *field = &message->fields[i];
		const KnownField *wanted = &type->fields[i];
		const char *name = field->message != NULL       ? field->message->full_name
						   : field->enumeration != NULL ? field->enumeration->full_name
														: NULL;

		if (field->number != i + 1 || field->type != wanted->type || field->repeated != wanted->repeated ||
			field->delimited || (wanted->type_name != NULL && strcmp(name, wanted->type_name) != 0))
			return false;
		if (type->known == EP_KNOWN_STRUCT && !good_struct_entry(field->message))
			return false;
		if (field->enumeration != NULL && field->enumeration->closed)
			return false;
	}
	return true;
}

bool
ep_protobuf_check_known(EpProtoBuild *build, EpProtoMessage *message, const DraftMessage *draft)
{
	static const char prefix[] = "google.protobuf.";

	if (strncmp(message->full_name, prefix, sizeof prefix - 1) != 0)
		return true;
	for (size_t i = 0; i < sizeof known_types / sizeof known_types[0]; i++)
	{
		if (strcmp(message->full_name + sizeof prefix - 1, known_types[i].name) != 0)
			continue;
		if (!has_shape(message, &known_types[i]))
			return ep_protobuf_refuse(build, draft->file, message->full_name,
									  "well-known type differs from the one that protobuf defines");
		message->known = known_types[i].known;
	}
	return true;
}
