/*
 * protobuf_check_syntax.c
 *	  What proto2, proto3 and editions each allow, and what a file may see.
 *
 * The tables know nothing of syntax, so this is where a set that no compiler would have written is
 * found out.
 */
#include "format/protobuf/protobuf_compile.h"

#include <stdlib.h>
#include <string.h>

#include "format/protobuf/protobuf_wire.h"

/* ---- imports ---- */

/* Is wanted file itself, or among what it imports publicly?  build->look marks the files that were looked at. */
static bool
passes_on(const EpProtoBuild *build, DraftFile *file, const DraftFile *wanted, int depth)
{
	const FileProto *desc = file->desc;

	if (file == wanted)
		return true;
	if (file->seen == build->look || depth == EP_PROTO_DEPTH)
		return false;
	file->seen = build->look;
	for (size_t i = 0; i < desc->n_public_dependency; i++)
	{
		int32_t at = desc->public_dependency[i];

		if (at >= 0 && (size_t) at < desc->n_dependency &&
			passes_on(build, file->imports[at], wanted, depth + 1))
			return true;
	}
	return false;
}

static bool
sees(EpProtoBuild *build, const DraftFile *file, const DraftFile *wanted)
{
	if (file == wanted)
		return true;
	build->look++;
	for (size_t i = 0; i < file->desc->n_dependency; i++)
		if (passes_on(build, file->imports[i], wanted, 0))
			return true;
	return false;
}

/* The file of the type that a field names; its own when it names none. */
static const DraftFile *
file_of_type(const EpProtoBuild *build, const DraftFile *file, const EpProtoField *field)
{
	if (field->message != NULL)
		return build->messages[field->message - build->schema->messages].file;
	if (field->enumeration != NULL)
		return build->enums[field->enumeration - build->schema->enums].file;
	return file;
}

/* ---- fields ---- */

static const char *
proto3_fault(const FieldProto *desc)
{
	if (desc->has_label && desc->label == 2)
		return "proto3 field is required";
	if (desc->has_type && (int) desc->type == EP_PROTO_GROUP)
		return "proto3 field is a group";
	return desc->default_value != NULL ? "proto3 field has a default" : NULL;
}

static const char *
edition_fault(const FieldProto *desc)
{
	if (desc->has_label && desc->label == 2)
		return "field of an edition has the label required instead of the feature";
	if (desc->has_type && (int) desc->type == EP_PROTO_GROUP)
		return "field of an edition is a group instead of a delimited message";
	return NULL;
}

static const char *
field_fault(const DraftFile *file, const FieldProto *desc, const EpProtoField *field)
{
	bool proto3 = file->desc->syntax != NULL && strcmp(file->desc->syntax, "proto3") == 0;
	const char *fault = proto3 ? proto3_fault(desc) : file->editions ? edition_fault(desc) : NULL;

	if (fault != NULL)
		return fault;
	if (desc->proto3_optional && (!proto3 || (!field->extension && !desc->has_oneof_index)))
		return "field is proto3_optional without being one";
	if (field->extension && (field->required || desc->has_oneof_index))
		return "extension is required or in a oneof";
	if (desc->options != NULL && desc->options->packed &&
		(!field->repeated || field->wire == EP_WIRE_LEN || field->wire == EP_WIRE_GROUP))
		return "field is packed that cannot be";
	return NULL;
}

bool
ep_protobuf_check_field(EpProtoBuild *build, const DraftFile *file, const FieldProto *desc,
						const EpProtoField *field)
{
	const char *fault = field_fault(file, desc, field);

	if (fault == NULL && !sees(build, file, file_of_type(build, file, field)))
		fault = "type of the field is in a file that is not imported";
	if (fault == NULL)
		return true;
	ep_protobuf_refuse(build, file, field->owner->full_name, fault);
	build->error->found = field->name;
	return false;
}

/* ---- ranges and oneofs ---- */

typedef struct Range
{
	int32_t first, end; /* end is outside */
} Range;

static int
compare_ranges(const void *a, const void *b)
{
	const Range *left = a, *right = b;

	return left->first < right->first ? -1 : left->first > right->first;
}

/* Reserved and extension ranges are proper, and no two of them overlap. */
static bool
check_ranges(EpProtoBuild *build, const EpProtoMessage *message, const DraftMessage *draft)
{
	const MessageProto *desc = draft->desc;
	size_t count = 0;
	Range *ranges =
		ep_arena_array(build->scratch, desc->n_reserved_range + desc->n_extension_range, sizeof *ranges);

	if (ranges == NULL)
		return ep_protobuf_no_memory(build);
	for (size_t i = 0; i < desc->n_reserved_range; i++)
		ranges[count++] = (Range){desc->reserved_range[i]->start, desc->reserved_range[i]->end};
	for (size_t i = 0; i < desc->n_extension_range; i++)
		ranges[count++] = (Range){desc->extension_range[i]->start, desc->extension_range[i]->end};
	qsort(ranges, count, sizeof *ranges, compare_ranges);
	for (size_t i = 0; i < count; i++)
		if (ranges[i].first < 1 || ranges[i].end <= ranges[i].first ||
			(i > 0 && ranges[i].first < ranges[i - 1].end))
			return ep_protobuf_refuse(build, draft->file, message->full_name,
									  "reserved or extension ranges are malformed or overlap");
	return true;
}

/* Each oneof has a field, and just one when it only stands for the presence of a proto3 `optional`. */
static bool
check_oneofs(EpProtoBuild *build, const EpProtoMessage *message, const DraftMessage *draft)
{
	const MessageProto *desc = draft->desc;
	uint32_t *members = ep_arena_zalloc(build->scratch, desc->n_oneof_decl * sizeof *members);

	if (members == NULL)
		return ep_protobuf_no_memory(build);
	for (size_t i = 0; i < desc->n_field; i++)
		if (desc->field[i]->has_oneof_index && desc->field[i]->oneof_index >= 0 &&
			(size_t) desc->field[i]->oneof_index < desc->n_oneof_decl)
			members[desc->field[i]->oneof_index] += desc->field[i]->proto3_optional ? 1u << 31 : 1;
	for (size_t i = 0; i < desc->n_oneof_decl; i++)
		if (members[i] == 0 || (members[i] > 1u << 31))
			return ep_protobuf_refuse(build, draft->file, message->full_name,
									  "oneof has no field, or is shared by an optional one");
	return true;
}

bool
ep_protobuf_check_parts(EpProtoBuild *build, const EpProtoMessage *message, const DraftMessage *draft)
{
	return check_ranges(build, message, draft) && check_oneofs(build, message, draft);
}
