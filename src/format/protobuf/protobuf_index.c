/*
 * protobuf_index.c
 *	  The fields of a message by number, by name and by JSON name.
 */
#include "format/protobuf/protobuf_compile.h"

#include <stdlib.h>
#include <string.h>

static int
compare_numbers(const void *a, const void *b)
{
	const EpProtoField *left = *(const EpProtoField *const *) a;
	const EpProtoField *right = *(const EpProtoField *const *) b;

	return left->number < right->number ? -1 : left->number > right->number;
}

static int
order_names(const EpProtoField *left, const EpProtoField *right, int order)
{
	return order != 0 ? order : left->index < right->index ? -1 : left->index > right->index;
}

static int
compare_field_names(const void *a, const void *b)
{
	const EpProtoField *left = *(const EpProtoField *const *) a;
	const EpProtoField *right = *(const EpProtoField *const *) b;

	return order_names(left, right, strcmp(left->name, right->name));
}

static int
compare_json_names(const void *a, const void *b)
{
	const EpProtoField *left = *(const EpProtoField *const *) a;
	const EpProtoField *right = *(const EpProtoField *const *) b;

	return order_names(left, right, strcmp(left->json_name, right->json_name));
}

/* Pointers to the fields of a message in some order; NULL when out of memory. */
static const EpProtoField **
sort_fields(EpProtoBuild *build, const EpProtoMessage *message, int (*compare)(const void *, const void *))
{
	const EpProtoField **sorted = ep_arena_array(build->arena, message->field_count, sizeof *sorted);

	if (sorted == NULL)
		return NULL;
	for (uint32_t i = 0; i < message->field_count; i++)
		sorted[i] = &message->fields[i];
	qsort(sorted, message->field_count, sizeof *sorted, compare);
	return sorted;
}

static bool
index_names(EpProtoBuild *build, EpProtoMessage *message)
{
	message->names = sort_fields(build, message, compare_field_names);
	message->json_names = sort_fields(build, message, compare_json_names);
	return (message->names != NULL && message->json_names != NULL) || ep_protobuf_no_memory(build);
}

/* The direct table reaches as far as it stays at least a quarter full. */
static bool
index_numbers(EpProtoBuild *build, EpProtoMessage *message)
{
	const EpProtoField **numbers = sort_fields(build, message, compare_numbers);
	uint32_t limit = 32;
	uint16_t *direct;

	if (numbers == NULL)
		return ep_protobuf_no_memory(build);
	message->numbers = numbers;
	for (uint32_t i = 0; i < message->field_count; i++)
		if (numbers[i]->number < 4 * (i + 1) + 32)
			limit = numbers[i]->number + 1;
	direct = ep_arena_zalloc(build->arena, limit * sizeof *direct);
	if (direct == NULL)
		return ep_protobuf_no_memory(build);
	for (uint32_t i = 0; i < message->field_count && numbers[i]->number < limit; i++)
		direct[numbers[i]->number] = (uint16_t) (numbers[i]->index + 1);
	message->direct = direct;
	message->direct_count = limit;
	return true;
}

bool
ep_protobuf_index_fields(EpProtoBuild *build, EpProtoMessage *message)
{
	return index_numbers(build, message) && index_names(build, message);
}
