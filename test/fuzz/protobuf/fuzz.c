/*
 * fuzz.c
 *	  Any bytes as a descriptor set, as a protobuf payload, as a message shown as JSON, and as JSON.
 *
 * The first byte picks what the rest is.  What decodes must also have a JSON form, and every path of it
 * must be readable; parsed and serialized again, it says the same.  A message made of JSON says the same
 * as what is made of its own JSON.  Fields that are read alone say what they say among all.
 */
#include "fuzz.h"

#include "format/protobuf/protobuf_compat.h"
#include "format/protobuf/protobuf_encode.h"
#include "format/protobuf/protobuf_rewrite.h"
#include "format/protobuf/protobuf_unknown.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const EpProtoSchema *corners;

/* The corpus is replayed at the top of the repository, libFuzzer runs in build/unit/found. */
static void
load_corners(void)
{
	static EpArena arena;
	static uint8_t bytes[1 << 17];
	EpArena scratch;
	EpError error;
	FILE *file = fopen("test/data/protobuf/corners.pb", "rb");
	size_t length;

	if (file == NULL)
		file = fopen("../../../test/data/protobuf/corners.pb", "rb");
	MUST(file != NULL);
	length = fread(bytes, 1, sizeof bytes, file);
	fclose(file);
	ep_arena_init(&arena, ep_malloc_allocator, (size_t) 64 << 20);
	ep_arena_init(&scratch, ep_malloc_allocator, (size_t) 64 << 20);
	corners = ep_protobuf_compile(bytes, length, &arena, &scratch, &error);
	MUST(corners != NULL);
	ep_arena_free(&scratch);
}

static void
fuzz_set(const uint8_t *data, size_t size)
{
	EpArena arena, scratch;
	EpError error;
	EpProtoFinding *findings;
	const EpProtoSchema *schema;

	ep_arena_init(&arena, ep_malloc_allocator, (size_t) 64 << 20);
	ep_arena_init(&scratch, ep_malloc_allocator, (size_t) 64 << 20);
	schema = ep_protobuf_compile(data, size, &arena, &scratch, &error);
	if (schema == NULL)
		MUST(error.message != NULL && error.offset <= size);
	else
	{
		MUST(ep_protobuf_compare(schema, schema, &scratch, &findings) == EP_OK && findings == NULL);
		for (uint32_t i = 0; i < schema->message_count; i++)
			(void) fuzz_decode(&ep_protobuf_format, &schema->messages[i], NULL,
							   (const uint8_t *) "\x08\x01\x12\x00", 4);
	}
	ep_arena_free(&arena);
	ep_arena_free(&scratch);
}

/* The quick way to a value finds the one that the other way has written. */
static void
check_last(const EpProtoWriter *written, const EpProtoPath *path, const EpProtoRecord *record, EpCode got,
		   EpArena *arena, const uint8_t *data)
{
	EpProtoWriter writer;
	EpError error;
	EpCode code;

	ep_protobuf_writer_init(&writer, arena, data, &error);
	writer.bare = true;
	code = ep_protobuf_write_field(&writer, record->field, record, 1, path->count - 1);
	MUST(code == got);
	MUST(code != EP_OK ||
		 (writer.length == written->length && memcmp(writer.text, written->text, writer.length) == 0));
}

static EpCode
fuzz_json(const EpProtoMessage *message, const uint8_t *data, size_t size, bool always_print)
{
	static const char *const paths[] = {"str",          "inner.again.b", "st",  "mask",
										"c_inner.list", "any",           "val", "at"};
	EpArena arena;
	EpProtoWriter writer;
	EpError error;
	EpCode code;

	ep_arena_init(&arena, ep_malloc_allocator, (size_t) 64 << 20);
	ep_protobuf_writer_init(&writer, &arena, data, &error);
	writer.always_print = always_print;
	code = ep_protobuf_write_json(&writer, message, data, size);
	if (code == EP_OK)
		MUST(ep_utf8_valid(writer.text, writer.length) && memchr(writer.text, 0, writer.length) == NULL);
	else
		MUST(error.code == code && error.message != NULL && error.offset <= size);
	ep_protobuf_writer_init(&writer, &arena, data, &error);
	writer.always_print = always_print;
	writer.tokenizes = true;
	MUST(ep_protobuf_write_json(&writer, message, data, size) == code);
	MUST(code != EP_OK || writer.token_count > 0);
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
	{
		EpProtoPath path;
		EpProtoRecord record;
		EpCode got, last = EP_E_UNSUPPORTED;

		if (!ep_protobuf_find_path(message, paths[i], &path))
			continue;
		ep_protobuf_writer_init(&writer, &arena, data, &error);
		got = ep_protobuf_get_path(&writer, &path, data, size);
		MUST(code != EP_OK || got == EP_OK || got == EP_DONE);
		if (ep_protobuf_is_plain(&path))
			last = ep_protobuf_find_last(&path, data, size, &record);
		MUST(last != EP_DONE || got == EP_DONE);
		if (last == EP_OK)
			check_last(&writer, &path, &record, got, &arena, data);
	}
	ep_arena_free(&arena);
	return code;
}

static EpProtoWriter
json_of(EpArena *arena, const EpProtoMessage *message, const uint8_t *data, size_t size)
{
	EpProtoWriter writer;
	EpError error;

	ep_protobuf_writer_init(&writer, arena, data, &error);
	writer.nul = true;
	MUST(ep_protobuf_write_json(&writer, message, data, size) == EP_OK);
	return writer;
}

static bool
same_text(const EpProtoWriter *left, const EpProtoWriter *right)
{
	return left->length == right->length && memcmp(left->text, right->text, left->length) == 0;
}

/* A message that has a JSON form keeps it. */
static void
fuzz_rewrite(const EpProtoMessage *message, const uint8_t *data, size_t size)
{
	EpArena arena;
	EpProtoWriter writer, before, after;
	EpProtoBytes bytes = {.arena = &arena, .data = (uint8_t *) ""};
	EpError error;

	ep_arena_init(&arena, ep_malloc_allocator, (size_t) 256 << 20);
	before = json_of(&arena, message, data, size);
	ep_protobuf_writer_init(&writer, &arena, data, &error);
	MUST(ep_protobuf_rewrite(&writer, message, data, size, &bytes) == EP_OK);
	after = json_of(&arena, message, bytes.data, bytes.length);
	MUST(same_text(&before, &after));
	ep_arena_free(&arena);
}

static void
fuzz_encode(const EpProtoMessage *message, const uint8_t *data, size_t size, bool ignore_unknown)
{
	EpArena arena;
	EpProtoEncoder encoder;
	EpError error;
	EpCode code;
	char *json = malloc(size == 0 ? 1 : size);

	memcpy(json, data, size);
	ep_arena_init(&arena, ep_malloc_allocator, (size_t) 256 << 20);
	ep_protobuf_encoder_init(&encoder, &arena, &error);
	encoder.ignore_unknown = ignore_unknown;
	code = ep_protobuf_encode_json(&encoder, message, json, size);
	if (code == EP_OK)
	{
		EpProtoWriter first = json_of(&arena, message, encoder.bytes.data, encoder.bytes.length), second;

		ep_protobuf_encoder_init(&encoder, &arena, &error);
		MUST(ep_protobuf_encode_json(&encoder, message, first.text, first.length) == EP_OK);
		second = json_of(&arena, message, encoder.bytes.data, encoder.bytes.length);
		MUST(same_text(&first, &second));
	}
	else
		MUST(error.code == code && error.message != NULL && error.offset <= size);
	ep_arena_free(&arena);
	free(json);
}

/* What is kept of a partial field is all that it is partial for: read again, it gives itself. */
static void
check_partial(EpDecoder *decoder, const EpField *field)
{
	EpProtoBytes bytes = {.arena = decoder->arena, .data = (uint8_t *) ""};
	EpEvent again;

	MUST(ep_protobuf_wrap(decoder->schema, field->path->parent, field->value.text, field->value.length,
						  &bytes));
	MUST(ep_protobuf_format.open(decoder, (const char *) bytes.data, bytes.length) == EP_OK);
	MUST(ep_protobuf_format.next(decoder, &again) == EP_OK);
	MUST(again.partial_count == 1 && again.unknown_count == 1);
	MUST(again.unknown[0].path == field->path && again.unknown[0].value.length == field->value.length);
	MUST(memcmp(again.unknown[0].value.text, field->value.text, field->value.length) == 0);
}

/* The format's verdict on one message, or on a part of one. */
static EpCode
decode_one(const EpProtoMessage *message, const uint8_t *data, size_t size, bool part)
{
	const char *const options[] = {"framing", "none", "partial", part ? "true" : "false", NULL};
	EpPathTree paths;
	EpArena arenas[3];
	EpDecoder decoder = {
		.format = &ep_protobuf_format, .schema = message, .paths = &paths, .options = options};
	EpEvent event;
	EpCode code;

	MUST(ep_path_tree_init(&paths, ep_malloc_allocator, 500));
	for (int i = 0; i < 3; i++)
		ep_arena_init(&arenas[i], ep_malloc_allocator, (size_t) 64 << 20);
	decoder.arena = &arenas[0];
	decoder.payload = &arenas[1];
	decoder.lasting = &arenas[2];
	MUST(ep_protobuf_format.begin(&decoder) == EP_OK);
	MUST(ep_protobuf_format.open(&decoder, (const char *) data, size) == EP_OK);
	code = ep_protobuf_format.next(&decoder, &event);
	for (uint32_t i = 0; part && code == EP_OK && i < event.partial_count; i++)
		check_partial(&decoder, &event.unknown[i]);
	for (int i = 0; i < 3; i++)
		ep_arena_free(&arenas[i]);
	ep_path_tree_free(&paths);
	return code;
}

/* ---- chosen fields, as protobuf_to_record() reads them ---- */

/* Paths in both message types, or one; those with a '*' are to stay whole. */
static const char *const choices[] = {"str",   "inner.b",  "*inner.again", "r_i32", "m_int",    "at",  "took",
									  "w_str", "*c_inner", "c_int",        "any",   "*r_inner", "id",  "size",
									  "sizes", "part.y",   "by_name",      "p_int", "n",        "note"};

static void
choose(EpPathTree *paths, uint32_t mask, EpArena *lasting)
{
	for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++)
	{
		bool whole = choices[i][0] == '*';
		EpPath *path;

		if ((mask >> i & 1) == 0)
			continue;
		path = ep_path_from_text(paths, choices[i] + whole, lasting);
		MUST(path != NULL);
		if (whole)
			path->type = EP_TYPE_JSONB;
	}
}

/* What the fields of an event at the leaves of a choice are, in one number; absent ones are nothing. */
static uint64_t
chosen_sum(const EpEvent *event, uint32_t mask, EpArena *arena)
{
	uint64_t sum = 0;

	for (uint32_t f = 0; f < event->field_count; f++)
		for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++)
			if ((mask >> i & 1) != 0 && event->fields[f].value.kind != EP_NULL &&
				strcmp(ep_path_to_text(event->fields[f].path, arena), choices[i]) == 0)
				sum += fuzz_value(&event->fields[f].value, event->fields[f].value.kind + i * 1000 + 7);
	return sum;
}

static EpCode
decode_chosen(const EpProtoMessage *message, const uint8_t *data, size_t size, bool picks, uint32_t mask,
			  uint64_t *sum)
{
	const char *const options[] = {"framing", "none", "partial", "true", "picks", picks ? "true" : "false",
								   NULL};
	EpPathTree paths;
	EpArena arena, lasting;
	EpDecoder decoder = {.format = &ep_protobuf_format,
						 .schema = message,
						 .paths = &paths,
						 .options = options,
						 .arena = &arena,
						 .payload = &arena,
						 .lasting = &lasting};
	EpEvent event;
	EpCode code;

	MUST(ep_path_tree_init(&paths, ep_malloc_allocator, 500));
	ep_arena_init(&arena, ep_malloc_allocator, (size_t) 64 << 20);
	ep_arena_init(&lasting, ep_malloc_allocator, (size_t) 64 << 20);
	if (picks)
		choose(&paths, mask, &lasting);
	MUST(ep_protobuf_format.begin(&decoder) == EP_OK);
	MUST(ep_protobuf_format.open(&decoder, (const char *) data, size) == EP_OK);
	code = ep_protobuf_format.next(&decoder, &event);
	if (code == EP_OK)
		*sum = chosen_sum(&event, mask, &arena);
	else
		MUST(decoder.error.code == code && decoder.error.message != NULL);
	MUST(code != EP_OK || !picks || event.unknown_count == 0);
	ep_arena_free(&arena);
	ep_arena_free(&lasting);
	ep_path_tree_free(&paths);
	return code;
}

/* Fields that are chosen are what they are when all are read; the others are stepped over. */
static void
fuzz_picks(const EpProtoMessage *message, const uint8_t *data, size_t size)
{
	uint8_t *payload;
	uint64_t all = 0, some = 0;
	uint32_t mask;

	if (size < 3)
		return;
	mask = data[0] | (uint32_t) data[1] << 8 | (uint32_t) data[2] << 16;
	payload = malloc(size - 2);
	memcpy(payload, data + 3, size - 3);
	if (decode_chosen(message, payload, size - 3, false, mask, &all) == EP_OK)
	{
		MUST(decode_chosen(message, payload, size - 3, true, mask, &some) == EP_OK);
		MUST(all == some);
	}
	else
		(void) decode_chosen(message, payload, size - 3, true, mask, &some);
	free(payload);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const delimited[] = {"framing", "delimited", NULL};
	const EpProtoMessage *message;

	if (size == 0)
		return 0;
	if (corners == NULL)
		load_corners();
	message = (data[0] & 8) != 0 ? ep_protobuf_find_message(corners, "corners.v2.Old", 14)
								 : ep_protobuf_find_message(corners, "corners.v3.All", 14);
	switch (data[0] & 3)
	{
		case 0:
			fuzz_set(data + 1, size - 1);
			break;
		case 1:
			if ((data[0] & 16) != 0)
				fuzz_picks(message, data + 1, size - 1);
			else
				(void) fuzz_decode(&ep_protobuf_format, message, NULL, data + 1, size - 1);
			break;
		case 2:
			(void) fuzz_decode(&ep_protobuf_format, message, delimited, data + 1, size - 1);
			break;
		case 3:
			if ((data[0] & 16) != 0)
				fuzz_encode(message, data + 1, size - 1, (data[0] & 4) != 0);
			else if (decode_one(message, data + 1, size - 1, false) == EP_OK)
			{
				MUST(decode_one(message, data + 1, size - 1, true) == EP_OK);
				MUST(fuzz_json(message, data + 1, size - 1, (data[0] & 4) != 0) == EP_OK);
				fuzz_rewrite(message, data + 1, size - 1);
			}
			else
				(void) fuzz_json(message, data + 1, size - 1, (data[0] & 4) != 0);
			break;
	}
	return 0;
}
