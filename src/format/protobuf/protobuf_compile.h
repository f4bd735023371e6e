/*
 * protobuf_compile.h
 *	  What the compiler of descriptor sets and its checks share; included by nothing else.
 */
#ifndef EP_FORMAT_PROTOBUF_COMPILE_H
#define EP_FORMAT_PROTOBUF_COMPILE_H

#include "format/protobuf/protobuf_schema.h"

#include "google/protobuf/descriptor.pb-c.h"

typedef Google__Protobuf__FileDescriptorProto FileProto;
typedef Google__Protobuf__DescriptorProto MessageProto;
typedef Google__Protobuf__FieldDescriptorProto FieldProto;
typedef Google__Protobuf__EnumDescriptorProto EnumProto;

/* The six switches of FeatureSet, by field number - 1. */
enum
{
	FEATURE_PRESENCE, /* 1 explicit, 2 implicit, 3 legacy required */
	FEATURE_ENUM,     /* 1 open, 2 closed */
	FEATURE_REPEATED, /* 1 packed, 2 expanded */
	FEATURE_UTF8,     /* 2 verify, 3 none */
	FEATURE_ENCODING, /* 1 length-prefixed, 2 delimited */
	FEATURE_JSON,     /* 1 allow, 2 legacy best effort */
	FEATURE_COUNT
};

typedef struct EpProtoFeatures
{
	uint8_t value[FEATURE_COUNT];
} EpProtoFeatures;

typedef struct DraftFile
{
	const FileProto *desc;
	const uint8_t *bytes;
	size_t length;
	const char *name;
	EpProtoFeatures features;
	bool editions;
	uint32_t first_message;     /* index of its top-level messages, which stand together */
	struct DraftFile **imports; /* beside desc->dependency */
	uint32_t seen;              /* build->look when it was looked at last */
} DraftFile;

/* Runs beside EpProtoSchema.messages. */
typedef struct DraftMessage
{
	const MessageProto *desc;
	const DraftFile *file;
	EpProtoFeatures features;
	uint32_t first_nested; /* its nested types stand together */
	uint32_t extensions;   /* fields that others add */
} DraftMessage;

typedef struct DraftEnum
{
	const EnumProto *desc;
	const DraftFile *file;
	EpProtoFeatures features;
} DraftEnum;

typedef struct DraftExtension
{
	const FieldProto *desc;
	const DraftFile *file;
	const EpProtoFeatures *features;
	const char *scope;
	const char *full_name;
	uint32_t extendee; /* index of the message */
} DraftExtension;

typedef struct EpProtoBuild
{
	EpArena *arena;
	EpArena *scratch;
	ProtobufCAllocator allocator;
	EpError *error;
	EpProtoSchema *schema;
	DraftFile *files;
	uint32_t file_count;
	DraftMessage *messages;
	DraftEnum *enums;
	DraftExtension *extensions;
	uint32_t extension_count;
	uint32_t look; /* counts searches among the files */
} EpProtoBuild;

/* Fill the error; always false, so that `return ep_protobuf_refuse(...)` reads well. */
extern bool
ep_protobuf_refuse(EpProtoBuild *build, const DraftFile *file, const char *element, const char *message);
extern bool ep_protobuf_no_memory(EpProtoBuild *build);

/* Numbers and names of a message whose fields are all there. */
extern bool ep_protobuf_index_fields(EpProtoBuild *build, EpProtoMessage *message);

/* The checks; each false with the error filled. */
extern bool ep_protobuf_check_files(EpProtoBuild *build);
extern bool
ep_protobuf_check_name(EpProtoBuild *build, const DraftFile *file, const char *scope, const char *name);
extern bool
ep_protobuf_check_message(EpProtoBuild *build, const EpProtoMessage *message, const DraftMessage *draft);
extern bool
ep_protobuf_check_enum(EpProtoBuild *build, const EpProtoEnum *enumeration, const DraftEnum *draft);
extern bool ep_protobuf_check_field(EpProtoBuild *build, const DraftFile *file, const FieldProto *desc,
									const EpProtoField *field);
extern bool
ep_protobuf_check_parts(EpProtoBuild *build, const EpProtoMessage *message, const DraftMessage *draft);
extern bool ep_protobuf_check_known(EpProtoBuild *build, EpProtoMessage *message, const DraftMessage *draft);

/* Once all is there: no two things have one full name. */
extern bool ep_protobuf_check_scopes(EpProtoBuild *build);

/* Merge the `features` (field number) of an options message, if editions are in use. */
extern bool
ep_protobuf_merge_features(EpProtoBuild *build, const DraftFile *file, const ProtobufCMessage *options,
						   uint32_t number, EpProtoFeatures *features);

/* Syntax and edition of a file into its features. */
extern bool ep_protobuf_file_features(EpProtoBuild *build, DraftFile *file);

/* Give messages and fields the comments of the file's source. */
extern void ep_protobuf_attach_comments(EpProtoBuild *build, const DraftFile *file);

/* Let the comments of deprecated fields say so. */
extern bool ep_protobuf_comment_deprecated(EpProtoBuild *build, EpProtoMessage *message);

#endif /* EP_FORMAT_PROTOBUF_COMPILE_H */
