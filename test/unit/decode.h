/*
 * decode.h
 *	  Decode a payload and write what came out as one line of text per event, for comparison.
 *
 *	  an event:    path=kind:text path=kind:text
 *	  a refusal:   !22P02@offset[slice]
 */
#ifndef DECODE_H
#define DECODE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/format.h"

typedef struct Decoding
{
	EpPathTree paths;
	EpArena arenas[3];
	EpArena text;
	EpDecoder decoder;
	EpEvent event;
} Decoding;

static inline bool
decoding_start(Decoding *d, const EpFormat *format, const char *const *options, const char *bytes,
			   size_t length)
{
	memset(d, 0, sizeof *d);
	for (int i = 0; i < 3; i++)
		ep_arena_init(&d->arenas[i], ep_malloc_allocator, (size_t) 64 << 20);
	ep_arena_init(&d->text, ep_malloc_allocator, SIZE_MAX);
	d->decoder = (EpDecoder){.format = format,
							 .options = options,
							 .paths = &d->paths,
							 .arena = &d->arenas[0],
							 .payload = &d->arenas[1],
							 .lasting = &d->arenas[2]};
	return ep_path_tree_init(&d->paths, ep_malloc_allocator, 1000) && format->begin(&d->decoder) == EP_OK &&
		   format->open(&d->decoder, bytes, length) == EP_OK;
}

static inline EpCode
decoding_next(Decoding *d)
{
	ep_arena_reset(&d->arenas[0]);
	return d->decoder.format->next(&d->decoder, &d->event);
}

static inline void
decoding_stop(Decoding *d)
{
	for (int i = 0; i < 3; i++)
		ep_arena_free(&d->arenas[i]);
	ep_arena_free(&d->text);
	ep_path_tree_free(&d->paths);
}

static inline void
write_event(Decoding *d, EpCode code, FILE *out)
{
	static const char *const kinds[] = {"null", "bool",  "int",  "uint", "float",    "float4", "numeric",
										"text", "bytes", "json", "time", "interval", "array"};

	if (code != EP_OK)
	{
		fprintf(out, "!%s@%zu[%.*s]\n", ep_sqlstate(code), d->decoder.error.offset, (int) d->event.length,
				d->event.bytes);
		return;
	}
	for (uint32_t i = 0; i < d->event.field_count; i++)
	{
		const EpField *field = &d->event.fields[i];

		fprintf(out, "%s%s=%s:%.*s", i == 0 ? "" : " ", ep_path_to_text(field->path, &d->text),
				kinds[field->value.kind], (int) field->value.length, field->value.text);
	}
	fprintf(out, "\n");
}

/* All events of a payload as text; to be freed. */
static inline char *
decode_all(const EpFormat *format, const char *const *options, const char *bytes, size_t length)
{
	Decoding d;
	EpCode code;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	char *copy = malloc(length > 0 ? length : 1); /* nothing readable behind it */

	memcpy(copy, bytes, length);
	if (decoding_start(&d, format, options, copy, length))
		while ((code = decoding_next(&d)) != EP_DONE)
			write_event(&d, code, out);
	else
		fprintf(out, "not begun\n");
	decoding_stop(&d);
	fclose(out);
	free(copy);
	return text;
}

#endif /* DECODE_H */
