/*
 * gpmf_header.c
 *	  What the headers of a log say, without fetching the log.
 *
 * A stored log is a chain of TOAST chunks.  Of each DEVC only its start is fetched, where cameras write DVID and
 * DVNM; its length leads to the next.  A compressed or unstored log is at hand as a whole.
 */
#include "type/gpmf.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "core/memory_server.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

EP_FUNCTION(ep_gpmf_device_names);

#define FETCH 256 /* bytes at once: DVID and DVNM of a DEVC */

/* The bytes of a log, in pieces. */
typedef struct Source
{
	struct varlena *stored; /* fetched from as needed; NULL: all is in whole */
	bytea *whole;
	size_t length;
	uint8_t piece[FETCH];
	size_t piece_at; /* offset of piece */
	size_t piece_length;
} Source;

typedef struct Names
{
	uint32_t ids[EP_GPMF_MAX_DEVICES];
	Datum names[EP_GPMF_MAX_DEVICES];
	bool nulls[EP_GPMF_MAX_DEVICES];
	int count;
} Names;

static void
open_source(Source *source, Datum log)
{
	struct varlena *value = (struct varlena *) DatumGetPointer(log);
	struct varatt_external pointer;

	memset(source, 0, sizeof *source);
	if (VARATT_IS_EXTERNAL_ONDISK(value))
	{
		VARATT_EXTERNAL_GET_POINTER(pointer, value);
		if (!VARATT_EXTERNAL_IS_COMPRESSED(pointer))
			source->stored = value;
	}
	if (source->stored == NULL)
		source->whole = DatumGetByteaPP(log);
	source->length = toast_raw_datum_size(log) - VARHDRSZ;
}

/* n (at most FETCH) bytes at offset, or NULL when the log ends before. */
static const uint8_t *
bytes_at(Source *source, size_t offset, size_t n)
{
	struct varlena *slice;

	if (offset > source->length || n > source->length - offset)
		return NULL;
	if (source->stored == NULL)
		return (const uint8_t *) VARDATA_ANY(source->whole) + offset;
	if (offset < source->piece_at || offset + n > source->piece_at + source->piece_length)
	{
		slice = detoast_attr_slice(source->stored, (int32) offset, FETCH);
		source->piece_at = offset;
		source->piece_length = VARSIZE_ANY_EXHDR(slice);
		memcpy(source->piece, VARDATA_ANY(slice), source->piece_length);
		pfree(slice);
		if (n > source->piece_length)
			return NULL;
	}
	return source->piece + (offset - source->piece_at);
}

/* The header at offset; false at the end, true with key 0 for padding. */
static bool
header_at(Source *source, size_t offset, size_t end, EpGpmfKlv *klv)
{
	const uint8_t *head = bytes_at(source, offset, 4);

	memset(klv, 0, sizeof *klv);
	if (head == NULL || offset + 4 > end)
		return false;
	if (ep_load_be32(head) == 0)
		return true;
	head = bytes_at(source, offset, 8);
	if (head == NULL || offset + 8 > end)
		return false;
	klv->key = ep_load_be32(head);
	klv->type = head[4];
	klv->size = head[5];
	klv->repeat = ep_load_be16(head + 6);
	klv->length = (uint32_t) klv->size * klv->repeat;
	return true;
}

/* Bytes from a header to the next one. */
static size_t
stride(const EpGpmfKlv *klv)
{
	return klv->key == 0 ? 4 : 8 + (((size_t) klv->length + 3) & ~(size_t) 3);
}

static void
add_name(Names *names, uint32_t id, const uint8_t *name, size_t length)
{
	EpGpmfText text = {NULL, 0};
	EpArena arena;

	for (int i = 0; i < names->count; i++)
		if (names->ids[i] == id)
			return;
	if (names->count == EP_GPMF_MAX_DEVICES)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("invalid GPMF log: more than %d devices", EP_GPMF_MAX_DEVICES)));
	ep_arena_init(&arena, ep_palloc_allocator(CurrentMemoryContext), FETCH * 4);
	if (name != NULL)
		text = ep_gpmf_text(name, length, &arena);
	names->ids[names->count] = id;
	names->names[names->count] = ep_gpmf_text_datum(text, &names->nulls[names->count]);
	names->count++;
}

/* DVID and DVNM of the DEVC whose content lies between at and end. */
static void
read_devc(Source *source, size_t at, size_t end, Names *names)
{
	uint32_t id = 0;
	uint8_t name[FETCH];
	size_t name_length = 0;
	bool has_id = false, has_name = false;
	EpGpmfKlv klv;

	for (; header_at(source, at, end, &klv); at += stride(&klv))
	{
		size_t length = Min(klv.length, FETCH);
		const uint8_t *value = bytes_at(source, at + 8, length);

		if (klv.type == 0 && klv.key != 0 && has_id && has_name)
			break;
		if (value == NULL || length > end - at - 8)
			continue;
		if (klv.key == EP_GPMF_KEY('D', 'V', 'I', 'D') && length >= 4)
			id = ep_load_be32(value), has_id = true;
		else if (klv.key == EP_GPMF_KEY('D', 'V', 'N', 'M'))
			memcpy(name, value, name_length = length), has_name = true;
	}
	add_name(names, id, has_name ? name : NULL, name_length);
}

Datum
ep_gpmf_device_names(PG_FUNCTION_ARGS)
{
	Source source;
	Names names = {.count = 0};
	EpGpmfKlv devc;
	int lower = 1;

	open_source(&source, PG_GETARG_DATUM(0));
	for (size_t at = 0; header_at(&source, at, source.length, &devc); at += stride(&devc))
	{
		CHECK_FOR_INTERRUPTS();
		if (devc.key != 0)
			read_devc(&source, at + 8, Min(at + 8 + devc.length, source.length), &names);
	}
	PG_RETURN_ARRAYTYPE_P(construct_md_array(names.names, names.nulls, 1, &names.count, &lower, TEXTOID, -1,
											 false, TYPALIGN_INT));
}
