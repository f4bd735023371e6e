/*
 * fuzz.h
 *	  Decode one payload the way ingest does, and look at everything that comes out.
 *
 * A harness calls fuzz_decode from LLVMFuzzerTestOneInput.  It aborts when a decoder breaks what
 * format.h promises: slices inside the payload, an end, errors with a message, valid texts.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/name.h"
#include "core/utf8.h"
#include "format/format.h"

#define MUST(condition)                                                     \
	do                                                                      \
	{                                                                       \
		if (!(condition))                                                   \
		{                                                                   \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                        \
		}                                                                   \
	} while (0)

static inline uint64_t
fuzz_fold(const char *bytes, size_t length, uint64_t sum)
{
	for (size_t i = 0; i < length; i++)
		sum = sum * 31 + (uint8_t) bytes[i];
	return sum;
}

/* Read the value wholly, so that a sanitizer sees a stray pointer. */
static inline uint64_t
fuzz_value(const EpValue *value, uint64_t sum)
{
	if (value->kind == EP_TEXT)
		MUST(ep_utf8_valid(value->text, value->length) && memchr(value->text, 0, value->length) == NULL);
	if (value->text != NULL)
		sum = fuzz_fold(value->text, value->length, sum);
	if (value->kind == EP_ARRAY)
		for (uint32_t i = 0; i < value->count; i++)
			sum = fuzz_value(&value->as.items[i], sum);
	MUST(value->kind == EP_NULL || ep_type_of(value) == EP_TYPE_NONE ||
		 ep_type_accepts(ep_type_of(value), value) || value->kind == EP_TIMESTAMP);
	return sum;
}

static inline uint64_t
fuzz_event(const EpEvent *event, EpArena *arena, uint64_t sum)
{
	char name[EP_NAME_MAX + 1];

	for (uint32_t i = 0; i < event->field_count; i++)
	{
		const EpField *field = &event->fields[i];
		char *text = ep_path_to_text(field->path, arena);

		ep_name_from_path(field->path, name);
		MUST(name[0] != '\0' && strlen(name) <= EP_NAME_MAX && ep_utf8_valid(name, strlen(name)));
		if (text != NULL)
			sum = fuzz_fold(text, strlen(text), sum);
		(void) ep_path_identity(field->path, arena);
		sum = fuzz_value(&field->value, sum);
	}
	MUST(event->partial_count <= event->unknown_count);
	for (uint32_t i = 0; i < event->unknown_count; i++)
		sum = fuzz_value(&event->unknown[i].value, sum);
	for (uint32_t i = 0; i < event->lack_count; i++)
		sum = fuzz_fold(event->lacks[i]->key, event->lacks[i]->key_length, sum);
	return sum;
}

/* Decode data; a checksum of all that was decoded. schema and options as in EpDecoder. */
static inline uint64_t
fuzz_decode(const EpFormat *format, const void *schema, const char *const *options, const uint8_t *data,
			size_t size)
{
	EpPathTree paths;
	EpArena arenas[3];
	EpDecoder decoder = {.format = format, .schema = schema, .options = options, .paths = &paths};
	EpEvent event;
	EpCode code;
	size_t rounds = 0;
	uint64_t sum = 0;

	/* the payload without a byte behind it, so that reading past the end is seen */
	char *payload = malloc(size == 0 ? 1 : size);

	memcpy(payload, data, size);
	MUST(ep_path_tree_init(&paths, ep_malloc_allocator, 500));
	for (int i = 0; i < 3; i++)
		ep_arena_init(&arenas[i], ep_malloc_allocator, (size_t) 64 << 20);
	decoder.arena = &arenas[0];
	decoder.payload = &arenas[1];
	decoder.lasting = &arenas[2];
	code = format->begin(&decoder);
	if (code == EP_OK)
		code = format->open(&decoder, payload, size);
	while (code == EP_OK)
	{
		ep_arena_reset(&arenas[0]);
		code = format->next(&decoder, &event);
		if (code == EP_DONE)
			break;
		MUST(rounds++ <= 4 * size + 16);
		if (event.bytes != NULL)
		{
			MUST(event.bytes == payload + event.offset && event.offset <= size);
			MUST(event.length <= size - event.offset);
		}
		if (code == EP_OK)
			sum = fuzz_event(&event, &arenas[0], sum);
		else
		{
			MUST(decoder.error.code == code && decoder.error.message != NULL && decoder.error.offset <= size);
			code = EP_OK;
		}
	}
	for (int i = 0; i < 3; i++)
		ep_arena_free(&arenas[i]);
	ep_path_tree_free(&paths);
	free(payload);
	return sum;
}

#endif /* FUZZ_H */
