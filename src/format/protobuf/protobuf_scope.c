/*
 * protobuf_scope.c
 *	  One full name for one thing: types, fields, oneofs, enum values, extensions and packages share their scopes.
 *
 * Server-free.  Values of an enum stand beside their enum, not in it.  What is defined twice as the same kind in one scope has been refused
 * before.
 */
#include "format/protobuf/protobuf_compile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct ScopedName
{
	const char *full_name;
	const char *kind;
	const DraftFile *file;
} ScopedName;

typedef struct ScopedNames
{
	EpProtoBuild *build;
	ScopedName *names;
	size_t count;
	bool full; /* memory is out */
} ScopedNames;

static const char package_kind[] = "package";

/* name in the first length bytes of scope */
static void
add_name(ScopedNames *all, const char *scope, size_t length, const char *name, const char *kind,
		 const DraftFile *file)
{
	size_t name_length = strlen(name);
	char *full_name = ep_arena_alloc(all->build->scratch, length + name_length + 2);

	if (full_name == NULL)
	{
		all->full = true;
		return;
	}
	memcpy(full_name, scope, length);
	if (length > 0 && name_length > 0)
		full_name[length++] = '.';
	memcpy(full_name + length, name, name_length + 1);
	all->names[all->count++] = (ScopedName){full_name, kind, file};
}

/* a.b.c: and a.b, and a */
static void
add_packages(ScopedNames *all, const DraftFile *file)
{
	const char *package = file->desc->package == NULL ? "" : file->desc->package;

	for (size_t length = strlen(package); length > 0; length--)
		if (package[length] == '\0' || package[length] == '.')
			add_name(all, package, length, "", package_kind, file);
}

static void
add_message(ScopedNames *all, const EpProtoMessage *message, const DraftFile *file)
{
	size_t length = strlen(message->full_name);

	add_name(all, message->full_name, length, "", "message", file);
	for (uint32_t i = 0; i < message->field_count; i++)
		if (!message->fields[i].extension)
			add_name(all, message->full_name, length, message->fields[i].name, "field", file);
	for (uint32_t i = 0; i < message->oneof_count; i++)
		add_name(all, message->full_name, length, message->oneofs[i], "oneof", file);
}

static void
add_enum(ScopedNames *all, const EpProtoEnum *enumeration, const DraftFile *file)
{
	const char *dot = strrchr(enumeration->full_name, '.');
	size_t length = dot == NULL ? 0 : (size_t) (dot - enumeration->full_name);

	add_name(all, enumeration->full_name, strlen(enumeration->full_name), "", "enum", file);
	for (uint32_t i = 0; i < enumeration->value_count; i++)
		add_name(all, enumeration->full_name, length, enumeration->values[i].name, "enum value", file);
}

static size_t
most_names(const EpProtoBuild *build)
{
	const EpProtoSchema *schema = build->schema;
	size_t count = schema->message_count + schema->enum_count + build->extension_count;

	for (uint32_t i = 0; i < build->file_count; i++)
		count += build->files[i].desc->package == NULL ? 0 : strlen(build->files[i].desc->package);
	for (uint32_t i = 0; i < schema->message_count; i++)
		count += schema->messages[i].field_count + schema->messages[i].oneof_count;
	for (uint32_t i = 0; i < schema->enum_count; i++)
		count += schema->enums[i].value_count;
	return count;
}

static int
compare_names(const void *a, const void *b)
{
	const ScopedName *left = a, *right = b;
	int order = strcmp(left->full_name, right->full_name);

	return order != 0 ? order : strcmp(left->kind, right->kind);
}

static bool
refuse_clash(EpProtoBuild *build, const ScopedName *one, const ScopedName *other)
{
	char *message = ep_arena_alloc(build->scratch, 100);

	if (message == NULL)
		return ep_protobuf_no_memory(build);
	snprintf(message, 100, "one name is that of two things in its scope: %s and %s", one->kind, other->kind);
	return ep_protobuf_refuse(build, other->kind == package_kind ? one->file : other->file, one->full_name,
							  message);
}

bool
ep_protobuf_check_scopes(EpProtoBuild *build)
{
	ScopedNames all = {.build = build};

	all.names = ep_arena_array(build->scratch, most_names(build), sizeof *all.names);
	if (all.names == NULL)
		return ep_protobuf_no_memory(build);
	for (uint32_t i = 0; i < build->file_count; i++)
		add_packages(&all, &build->files[i]);
	for (uint32_t i = 0; i < build->schema->message_count; i++)
		add_message(&all, &build->schema->messages[i], build->messages[i].file);
	for (uint32_t i = 0; i < build->schema->enum_count; i++)
		add_enum(&all, &build->schema->enums[i], build->enums[i].file);
	for (uint32_t i = 0; i < build->extension_count; i++)
		add_name(&all, "", 0, build->extensions[i].full_name, "extension", build->extensions[i].file);
	if (all.full)
		return ep_protobuf_no_memory(build);
	qsort(all.names, all.count, sizeof *all.names, compare_names);
	for (size_t i = 1; i < all.count; i++)
	{
		const ScopedName *one = &all.names[i - 1], *other = &all.names[i];

		if (strcmp(one->full_name, other->full_name) == 0 &&
			(one->kind != package_kind || other->kind != package_kind))
			return refuse_clash(build, one, other);
	}
	return true;
}
