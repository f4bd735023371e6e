/*
 * test_protobuf_schema.c
 *	  Compiling descriptor sets: what is read from good ones, and why bad ones are refused.
 *
 * Bad sets are made by changing one thing in test/data/protobuf/corners.pb with protobuf-c.
 */
#include "protobuf.h"

#include "google/protobuf/descriptor.pb-c.h"
#include "format/protobuf/protobuf_compat.h"

typedef Google__Protobuf__FileDescriptorSet Set;
typedef Google__Protobuf__FileDescriptorProto FileProto;
typedef Google__Protobuf__DescriptorProto MessageProto;

static EpArena arena, scratch;
static EpError error;

static const EpProtoSchema *
compile(const uint8_t *bytes, size_t length)
{
	ep_arena_reset(&arena);
	ep_arena_reset(&scratch);
	return ep_protobuf_compile(bytes, length, &arena, &scratch, &error);
}

static FileProto *
file_of(Set *set, const char *name)
{
	for (size_t i = 0; i < set->n_file; i++)
		if (strcmp(set->file[i]->name, name) == 0)
			return set->file[i];
	return NULL;
}

/* The message All, Inner ... of corners.proto. */
static MessageProto *
message_in(Set *set, const char *name)
{
	FileProto *file = file_of(set, "corners.proto");

	for (size_t i = 0; i < file->n_message_type; i++)
		if (strcmp(file->message_type[i]->name, name) == 0)
			return file->message_type[i];
	return NULL;
}

/* Why the changed set is refused, NULL when it is not. */
static const char *
reason(void (*change)(Set *set))
{
	File file = file_read("corners.pb");
	Set *set = google__protobuf__file_descriptor_set__unpack(NULL, file.length, file.bytes);
	uint8_t *packed;
	size_t length;
	const EpProtoSchema *schema;

	free(file.bytes);
	change(set);
	packed = malloc(google__protobuf__file_descriptor_set__get_packed_size(set));
	length = google__protobuf__file_descriptor_set__pack(set, packed);
	schema = compile(packed, length);
	free(packed);
	google__protobuf__file_descriptor_set__free_unpacked(set, NULL);
	return schema != NULL ? NULL : error.message;
}

static void
replace(char **text, const char *with)
{
	free(*text);
	*text = strdup(with);
}

static void
nothing(Set *set)
{
	(void) set;
}

static void
missing_import(Set *set)
{
	replace(&set->file[0]->name, "elsewhere.proto");
}

static void
import_circle(Set *set)
{
	FileProto *file = file_of(set, "google/protobuf/any.proto");

	file->dependency = malloc(sizeof(char *));
	file->dependency[0] = strdup("corners.proto");
	file->n_dependency = 1;
}

static void
unresolved_type(Set *set)
{
	replace(&message_in(set, "All")->field[16]->type_name, ".corners.v3.Nobody");
}

static void
wrong_kind(Set *set)
{
	replace(&message_in(set, "All")->field[16]->type_name, ".corners.v3.Colour");
}

static void
number_zero(Set *set)
{
	message_in(set, "All")->field[0]->number = 0;
}

static void
number_kept_by_protobuf(Set *set)
{
	message_in(set, "All")->field[0]->number = 19500;
}

static void
number_too_large(Set *set)
{
	message_in(set, "All")->field[0]->number = 536870912;
}

static void
number_twice(Set *set)
{
	message_in(set, "All")->field[0]->number = 2;
}

static void
name_twice(Set *set)
{
	replace(&message_in(set, "All")->field[0]->name, "i64");
}

static void
json_name_twice(Set *set)
{
	replace(&message_in(set, "All")->field[0]->json_name, "i64");
}

static void
bad_name(Set *set)
{
	replace(&message_in(set, "All")->field[0]->name, "a b");
}

static void
bad_oneof(Set *set)
{
	message_in(set, "All")->field[26]->oneof_index = 9;
}

static void
type_twice(Set *set)
{
	replace(&message_in(set, "Inner")->name, "Empty");
}

static void
empty_enum(Set *set)
{
	Google__Protobuf__EnumDescriptorProto *colour = file_of(set, "corners.proto")->enum_type[0];

	while (colour->n_value > 0)
		google__protobuf__enum_value_descriptor_proto__free_unpacked(colour->value[--colour->n_value], NULL);
}

static void
open_enum_without_zero(Set *set)
{
	file_of(set, "corners.proto")->enum_type[0]->value[0]->number = 7;
}

static void
enum_alias(Set *set)
{
	file_of(set, "corners.proto")->enum_type[0]->value[1]->number = 0;
}

static void
bad_default(Set *set)
{
	replace(&file_of(set, "corners2.proto")->message_type[0]->field[1]->default_value, "HUGE");
}

static void
extension_out_of_range(Set *set)
{
	file_of(set, "corners2.proto")->extension[0]->number = 99;
}

static void
odd_map_entry(Set *set)
{
	message_in(set, "All")->nested_type[0]->field[0]->number = 3;
}

static void
odd_timestamp(Set *set)
{
	file_of(set, "google/protobuf/timestamp.proto")->message_type[0]->field[0]->type = 5;
}

static void
unknown_syntax(Set *set)
{
	replace(&file_of(set, "corners.proto")->syntax, "proto4");
}

static void
unknown_edition(Set *set)
{
	replace(&file_of(set, "corners.proto")->syntax, "editions");
}

static void
unseen_type(Set *set)
{
	FileProto *file = file_of(set, "corners.proto");

	replace(&file->dependency[0], "google/protobuf/duration.proto");
}

static void
required_in_proto3(Set *set)
{
	message_in(set, "All")->field[0]->label = 2;
}

static void
default_in_proto3(Set *set)
{
	message_in(set, "All")->field[0]->default_value = strdup("1");
}

static void
packed_text(Set *set)
{
	Google__Protobuf__FieldDescriptorProto *field = message_in(set, "All")->field[18];

	field->options = malloc(sizeof *field->options);
	google__protobuf__field_options__init(field->options);
	field->options->has_packed = field->options->packed = true;
}

static void
empty_oneof(Set *set)
{
	for (int i = 26; i < 30; i++)
		message_in(set, "All")->field[i]->has_oneof_index = false;
}

static void
odd_range(Set *set)
{
	file_of(set, "corners2.proto")->message_type[0]->extension_range[0]->end = 100;
}

/* corners.v3.COLOUR_RED stands beside corners.v3.All, not in corners.v3.Colour. */
static void
enum_value_of_a_type_name(Set *set)
{
	replace(&file_of(set, "corners.proto")->enum_type[0]->value[1]->name, "Empty");
}

static void
field_of_a_type_name(Set *set)
{
	replace(&file_of(set, "corners2.proto")->message_type[0]->field[0]->name, "Part");
}

static void
extension_of_a_type_name(Set *set)
{
	replace(&file_of(set, "corners2.proto")->extension[0]->name, "Grade");
}

static void
bad_sets_are_refused(void)
{
	CHECK_TEXT(reason(nothing), NULL);
	CHECK_TEXT(reason(missing_import), "imported file is not in the descriptor set (use --include_imports)");
	CHECK_TEXT(reason(import_circle), "files import each other in a circle");
	CHECK_TEXT(reason(unresolved_type), "type of the field is not in the descriptor set");
	CHECK_TEXT(error.path, "corners.proto: corners.v3.All.inner");
	CHECK_TEXT(reason(wrong_kind), "type of the field is of the wrong kind");
	CHECK_TEXT(reason(number_zero), "field number is outside 1 to 536870911");
	CHECK_TEXT(reason(number_too_large), "field number is outside 1 to 536870911");
	CHECK_TEXT(reason(number_kept_by_protobuf),
			   "field number is in 19000 to 19999, which protobuf keeps for itself");
	CHECK_TEXT(reason(number_twice), "two fields have one number");
	CHECK_TEXT(reason(name_twice), "two fields or oneofs have one name");
	CHECK_TEXT(reason(json_name_twice), "two fields have one JSON name");
	CHECK_TEXT(reason(bad_name), "a name in here is no identifier");
	CHECK_TEXT(reason(bad_oneof), "field has a wrong oneof index");
	CHECK_TEXT(reason(type_twice), "type is defined twice");
	CHECK_TEXT(reason(enum_value_of_a_type_name),
			   "one name is that of two things in its scope: enum value and message");
	CHECK_TEXT(error.path, "corners.proto: corners.v3.Empty");
	CHECK_TEXT(reason(field_of_a_type_name),
			   "one name is that of two things in its scope: field and message");
	CHECK_TEXT(error.path, "corners2.proto: corners.v2.Old.Part");
	CHECK_TEXT(reason(extension_of_a_type_name),
			   "one name is that of two things in its scope: enum and extension");
	CHECK_TEXT(reason(empty_enum), "enum has no values");
	CHECK_TEXT(reason(open_enum_without_zero), "first value of an open enum is not 0");
	CHECK_TEXT(reason(enum_alias), "two enum values have one number without allow_alias");
	CHECK_TEXT(reason(bad_default), "default of the field does not fit its type");
	CHECK_TEXT(reason(extension_out_of_range), "extension is outside the extension ranges");
	CHECK_TEXT(reason(odd_map_entry), "map entry type is malformed");
	CHECK_TEXT(reason(odd_timestamp), "well-known type differs from the one that protobuf defines");
	CHECK_TEXT(reason(unseen_type), "type of the field is in a file that is not imported");
	CHECK_TEXT(reason(required_in_proto3), "proto3 field is required");
	CHECK_TEXT(reason(default_in_proto3), "proto3 field has a default");
	CHECK_TEXT(reason(packed_text), "field is packed that cannot be");
	CHECK_TEXT(reason(empty_oneof), "oneof has no field, or is shared by an optional one");
	CHECK_TEXT(reason(odd_range), "reserved or extension ranges are malformed or overlap");
	CHECK_TEXT(reason(unknown_syntax), "protobuf syntax is unknown");
	CHECK_TEXT(reason(unknown_edition), "protobuf edition is neither 2023 nor 2024");
}

/* Each prefix is refused or, where a file ends, lacks something; none is read past its end. */
static void
cut_sets_are_refused(void)
{
	File file = file_read("corners.pb");

	for (size_t length = 0; length < file.length; length += 97)
	{
		uint8_t *bytes = malloc(length + 1);

		memcpy(bytes, file.bytes, length);
		CHECK(compile(bytes, length) == NULL || length > file.length - 5000);
		free(bytes);
	}
	free(file.bytes);
}

static void
nesting_of_types_ends_at_100(void)
{
	static uint8_t bytes[4096];
	size_t n = 0;

	for (int i = 0; i < 400; i++)
	{
		uint8_t head[3] = {0x1a, (uint8_t) (n & 0x7f) | 0x80, (uint8_t) (n >> 7)};

		memmove(bytes + 3, bytes, n);
		memcpy(bytes, head, 3);
		n += 3;
	}
	bytes[0] = 0x22; /* message_type of the file */
	memmove(bytes + 3, bytes, n);
	bytes[0] = 0x0a;
	bytes[1] = (uint8_t) (n & 0x7f) | 0x80;
	bytes[2] = (uint8_t) (n >> 7);
	CHECK(compile(bytes, n + 3) == NULL && error.code == EP_E_DEPTH);
}

/*
 * A file of edition 2023, by hand: message M { int32 a = 1; int32 b = 2 [features.field_presence = IMPLICIT];
 * E e = 3; M m = 4 [features.message_encoding = DELIMITED]; } enum E { option features.enum_type = CLOSED; Z = 0; }
 */
static void
editions_are_reduced_to_switches(void)
{
	static const char set[] = "\x0a\x64"
							  "\x0a\x07"
							  "e.proto"
							  "\x22\x3b"
							  "\x0a\x01M"
							  "\x12\x09\x0a\x01"
							  "a\x18\x01 \x01(\x05"
							  "\x12\x10\x0a\x01"
							  "b\x18\x02 \x01(\x05"
							  "B\x05\xaa\x01\x02\x08\x02"
							  "\x12\x0d\x0a\x01"
							  "e\x18\x03 \x01(\x0e"
							  "2\x02.E"
							  "\x12\x13\x0a\x01"
							  "m\x18\x04 \x01(\x0b"
							  "2\x01M"
							  "B\x05\xaa\x01\x02\x28\x02"
							  "\x2a\x10\x0a\x01"
							  "E\x12\x05\x0a\x01Z\x10\x00"
							  "\x1a\x04:\x02\x10\x02"
							  "b\x08"
							  "editions"
							  "p\xe8\x07";
	uint8_t bytes[sizeof set];
	const EpProtoSchema *schema;
	const EpProtoMessage *m;

	memcpy(bytes, set, sizeof set);
	bytes[1] = (uint8_t) (sizeof set - 1 - 2);
	bytes[12] = 2 + 1 + 2 + 9 + 2 + 16 + 2 + 13 + 2 + 19;
	schema = compile(bytes, sizeof set - 1);
	CHECK(schema != NULL);
	if (schema == NULL)
	{
		printf("# %s\n", error.message);
		return;
	}
	m = message_of(schema, "M");
	CHECK(m != NULL && m->field_count == 4);
	CHECK(m->fields[0].presence && !m->fields[1].presence);
	CHECK(m->fields[2].enumeration->closed);
	CHECK(m->fields[3].message == m && m->fields[3].delimited);
}

static void
switches_follow_syntax(void)
{
	const EpProtoSchema *schema;
	const EpProtoMessage *all, *old;

	ep_arena_reset(&arena);
	schema = schema_read("corners.pb", &arena);
	all = message_of(schema, "corners.v3.All");
	old = message_of(schema, "corners.v2.Old");
	CHECK(!ep_protobuf_find_field(all, "i32", 3)->presence &&
		  ep_protobuf_find_field(all, "o_i32", 5)->presence);
	CHECK(ep_protobuf_find_field(all, "o_i32", 5)->oneof == -1 &&
		  ep_protobuf_find_field(all, "c_str", 5)->oneof == 0);
	CHECK(ep_protobuf_find_field(all, "r_i32", 5)->packed &&
		  !ep_protobuf_find_field(all, "r_dbl", 5)->packed);
	CHECK(ep_protobuf_find_field(all, "farAway", 7) == ep_protobuf_field(all, 536870911));
	CHECK(ep_protobuf_field(all, 536870910) == NULL && ep_protobuf_field(all, 0) == NULL);
	CHECK(!ep_protobuf_find_field(all, "colour", 6)->enumeration->closed);
	CHECK(ep_protobuf_find_field(old, "size", 4)->enumeration->closed);
	CHECK(ep_protobuf_find_field(old, "part", 4)->delimited && old->required_count == 1);
	CHECK_TEXT(ep_protobuf_find_field(all, "flag", 4)->comment, "trailing");
	CHECK_TEXT(ep_protobuf_field(old, 100)->json_name, "[corners.v2.note]");
}

/* The faults that the head comment of events_bad.proto lists, as buf's WIRE_JSON counts them. */
static void
incompatible_successors_are_found_out(void)
{
	EpProtoFinding *findings;
	const EpProtoSchema *before, *after;
	int count = 0;

	ep_arena_reset(&arena);
	before = schema_read("events.pb", &arena);
	after = schema_read("events_bad.pb", &arena);
	CHECK(ep_protobuf_compare(before, after, &arena, &findings) == EP_OK);
	for (; findings != NULL; findings = findings->next)
		count++;
	CHECK(count == 8);
	after = schema_read("events_v2.pb", &arena);
	CHECK(ep_protobuf_compare(before, after, &arena, &findings) == EP_OK && findings == NULL);
}

int
main(void)
{
	ep_arena_init(&arena, ep_malloc_allocator, (size_t) 256 << 20);
	ep_arena_init(&scratch, ep_malloc_allocator, (size_t) 256 << 20);
	RUN(bad_sets_are_refused);
	RUN(cut_sets_are_refused);
	RUN(nesting_of_types_ends_at_100);
	RUN(editions_are_reduced_to_switches);
	RUN(switches_follow_syntax);
	RUN(incompatible_successors_are_found_out);
	ep_arena_free(&arena);
	ep_arena_free(&scratch);
	return unit_done();
}
