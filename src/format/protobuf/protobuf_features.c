/*
 * protobuf_features.c
 *	  proto2, proto3 and editions, reduced to the same six switches.
 *
 * The descriptor.proto that protobuf-c compiles may be older than editions, so `edition` and
 * `features` are read from the bytes: the file's own, or an options message packed again (known
 * or unknown to protobuf-c, the field is in there).
 */
#include "format/protobuf/protobuf_compile.h"

#include <string.h>

#include "format/protobuf/protobuf_wire.h"

#define FILE_EDITION 14
#define FILE_FEATURES 50

static const EpProtoFeatures proto2_features = {{1, 2, 2, 3, 1, 2}};
static const EpProtoFeatures proto3_features = {{2, 1, 1, 2, 1, 1}};
static const EpProtoFeatures edition_features = {{1, 1, 1, 2, 1, 1}};

/* The last value of a varint field; 0 when there is none. */
static uint64_t
last_varint(const uint8_t *bytes, size_t length, uint32_t number)
{
	EpCursor cursor = ep_cursor(bytes, length);
	EpWireRecord record;
	EpError error;
	uint64_t value = 0;

	while (ep_wire_next(&cursor, &record, 0, &error) == EP_OK)
		if (record.number == number && record.wire == EP_WIRE_VARINT)
			value = record.bits;
	return value;
}

bool
ep_protobuf_file_features(EpProtoBuild *build, DraftFile *file)
{
	const char *syntax = file->desc->syntax;
	uint64_t edition;

	if (syntax == NULL || syntax[0] == '\0' || strcmp(syntax, "proto2") == 0)
		file->features = proto2_features;
	else if (strcmp(syntax, "proto3") == 0)
		file->features = proto3_features;
	else if (strcmp(syntax, "editions") == 0)
	{
		edition = last_varint(file->bytes, file->length, FILE_EDITION);
		if (edition != 1000 && edition != 1001)
			return ep_protobuf_refuse(build, file, NULL, "protobuf edition is neither 2023 nor 2024");
		file->features = edition_features;
		file->editions = true;
	}
	else
		return ep_protobuf_refuse(build, file, NULL, "protobuf syntax is unknown");
	return ep_protobuf_merge_features(build, file, (const ProtobufCMessage *) file->desc->options,
									  FILE_FEATURES, &file->features);
}

bool
ep_protobuf_merge_features(EpProtoBuild *build, const DraftFile *file, const ProtobufCMessage *options,
						   uint32_t number, EpProtoFeatures *features)
{
	static const uint8_t most[FEATURE_COUNT] = {3, 2, 2, 3, 2, 2};
	size_t length;
	uint8_t *packed;
	EpCursor cursor;
	EpWireRecord record;

	if (!file->editions || options == NULL)
		return true;
	length = protobuf_c_message_get_packed_size(options);
	packed = ep_arena_alloc(build->scratch, length);
	if (packed == NULL)
		return ep_protobuf_no_memory(build);
	cursor = ep_cursor(packed, protobuf_c_message_pack(options, packed));
	while (ep_wire_next(&cursor, &record, 0, build->error) == EP_OK)
	{
		if (record.number != number || record.wire != EP_WIRE_LEN)
			continue;
		for (uint32_t i = 0; i < FEATURE_COUNT; i++)
		{
			uint64_t value = last_varint(record.data, record.length, i + 1);

			if (value > most[i] || (i == FEATURE_UTF8 && value == 1))
				return ep_protobuf_refuse(build, file, NULL, "protobuf feature has an unknown value");
			if (value != 0)
				features->value[i] = (uint8_t) value;
		}
	}
	return true;
}
