/*
 * protobuf_comment.c
 *	  Comments of the .proto source, from SourceCodeInfo to messages and fields.
 *
 * A location's path is field numbers and indexes from the file down: 4,i is message i, 4,i,2,j its
 * field j, 4,i,3,k its nested type k.
 */
#include "format/protobuf/protobuf_compile.h"

#include <string.h>

#include "format/protobuf/protobuf_wire.h"

/* Without the space that starts each line and the white space around it all; NULL when nothing is left. */
static const char *
trim_comment(EpProtoBuild *build, const char *comment)
{
	size_t length = strlen(comment), bad, out = 0, start = 0;
	char *text;

	if (ep_wire_text((const uint8_t *) comment, length, &bad) != EP_OK)
		return NULL;
	text = ep_arena_alloc(build->arena, length + 1);
	if (text == NULL)
		return NULL;
	for (size_t i = 0; i < length; i++)
		if (comment[i] != '\r' && !(comment[i] == ' ' && (i == 0 || comment[i - 1] == '\n')))
			text[out++] = comment[i];
	while (out > 0 && strchr(" \t\n", text[out - 1]) != NULL)
		out--;
	while (start < out && strchr(" \t\n", text[start]) != NULL)
		start++;
	text[out] = '\0';
	return out > start ? text + start : NULL;
}

/* Follow 4,i (,3,j)* [,2,k]; elements of other kinds get no comment. */
static void
attach_comment(EpProtoBuild *build, const DraftFile *file, const int32_t *path, size_t n, const char *comment)
{
	size_t count = file->desc->n_message_type;
	uint32_t first = file->first_message;

	for (size_t i = 0; i + 1 < n; i += 2)
	{
		uint32_t at;

		if (path[i] != (i == 0 ? 4 : 3) || path[i + 1] < 0 || (size_t) path[i + 1] >= count)
			return;
		at = first + (uint32_t) path[i + 1];
		if (i + 2 == n)
			build->schema->messages[at].comment = trim_comment(build, comment);
		else if (i + 4 == n && path[i + 2] == 2)
		{
			if (path[i + 3] >= 0 && (size_t) path[i + 3] < build->messages[at].desc->n_field)
				((EpProtoField *) build->schema->messages[at].fields)[path[i + 3]].comment =
					trim_comment(build, comment);
			return;
		}
		count = build->messages[at].desc->n_nested_type;
		first = build->messages[at].first_nested;
	}
}

void
ep_protobuf_attach_comments(EpProtoBuild *build, const DraftFile *file)
{
	const Google__Protobuf__SourceCodeInfo *info = file->desc->source_code_info;

	for (size_t i = 0; info != NULL && i < info->n_location; i++)
	{
		const Google__Protobuf__SourceCodeInfo__Location *location = info->location[i];
		const char *comment =
			location->leading_comments != NULL ? location->leading_comments : location->trailing_comments;

		if (comment != NULL && location->n_path <= 2 * EP_PROTO_DEPTH + 4)
			attach_comment(build, file, location->path, location->n_path, comment);
	}
}

bool
ep_protobuf_comment_deprecated(EpProtoBuild *build, EpProtoMessage *message)
{
	static const char word[] = "Deprecated.";

	for (uint32_t i = 0; i < message->field_count; i++)
	{
		EpProtoField *field = (EpProtoField *) &message->fields[i];
		const char *comment = field->comment == NULL ? "" : field->comment;
		char *text;

		if (!field->deprecated)
			continue;
		text = ep_arena_alloc(build->arena, sizeof word + 1 + strlen(comment));
		if (text == NULL)
			return ep_protobuf_no_memory(build);
		strcpy(text, word);
		if (*comment != '\0')
			strcat(strcat(text, " "), comment);
		field->comment = text;
	}
	return true;
}
