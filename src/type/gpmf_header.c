/*
 * gpmf_header.c
 *	  What the headers of DEVCs say, without fetching the log: devices, and how many payloads.
 *
 * Of each DEVC only its start is wanted, where cameras write DVID and DVNM; its length leads to the next.  Where DEVCs are
 * short, as they mostly are, every TOAST chunk has such a start: then pieces of many chunks are fetched, one after the other.
 */
#include "type/gpmf_header.h"

#include "catalog/pg_type.h"
#include "core/memory_server.h"
#include "miscadmin.h"
#include "type/gpmf.h"
#include "utils/array.h"

EP_FUNCTION(ep_gpmf_device_names);

#define START 256        /* bytes: DVID and DVNM of a DEVC */
#define SHORT_DEVC 16384 /* up to this length, pieces are better than starts */
#define NAME_BYTES 256

/* The header at offset; false at the end, true with key 0 for padding. */
static bool
header_at(EpGpmfSource *source, size_t offset, size_t end, EpGpmfKlv *klv)
{
	const uint8_t *head = ep_gpmf_source_bytes(source, offset, 4);

	memset(klv, 0, sizeof *klv);
	if (head == NULL || offset + 4 > end)
		return false;
	if (ep_load_be32(head) == 0)
		return true;
	head = ep_gpmf_source_bytes(source, offset, 8);
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

/* The device of that id, and the payload that it stands in; a new one has the name. */
static void
meet_device(EpGpmfDevices *devices, uint32_t id, const uint8_t *name, size_t length)
{
	EpGpmfText text = {NULL, 0};
	EpArena arena;
	int i = 0;

	while (i < devices->count && devices->ids[i] != id)
		i++;
	if (i < devices->count)
	{
		devices->payloads += devices->last_payload[i] == devices->payloads;
		devices->last_payload[i] = devices->payloads;
		return;
	}
	if (i == EP_GPMF_MAX_DEVICES)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("invalid GPMF log: more than %d devices", EP_GPMF_MAX_DEVICES)));
	ep_arena_init(&arena, ep_palloc_allocator(CurrentMemoryContext), 4 * NAME_BYTES);
	if (name != NULL)
		text = ep_gpmf_text(name, length, &arena);
	devices->payloads = Max(devices->payloads, 1);
	devices->ids[i] = id;
	devices->last_payload[i] = devices->payloads;
	devices->names[i] = ep_gpmf_text_datum(text, &devices->nulls[i]);
	devices->count++;
}

/* DVID and DVNM of the DEVC whose content lies between at and end. */
static void
read_devc(EpGpmfSource *source, size_t at, size_t end, EpGpmfDevices *devices)
{
	uint32_t id = 0;
	uint8_t name[NAME_BYTES];
	size_t name_length = 0;
	bool has_id = false, has_name = false;
	EpGpmfKlv klv;

	for (; header_at(source, at, end, &klv); at += stride(&klv))
	{
		size_t length = Min(klv.length, NAME_BYTES);
		const uint8_t *value = ep_gpmf_source_bytes(source, at + 8, length);

		if (klv.type == 0 && klv.key != 0 && has_id && has_name)
			break;
		if (value == NULL || length > end - at - 8)
			continue;
		if (klv.key == EP_GPMF_KEY('D', 'V', 'I', 'D') && length >= 4)
			id = ep_load_be32(value), has_id = true;
		else if (klv.key == EP_GPMF_KEY('D', 'V', 'N', 'M'))
			memcpy(name, value, name_length = length), has_name = true;
	}
	meet_device(devices, id, has_name ? name : NULL, name_length);
}

void
ep_gpmf_read_devices(EpGpmfSource *source, EpGpmfDevices *devices)
{
	EpGpmfKlv devc;

	memset(devices, 0, sizeof *devices);
	source->ahead = START;
	for (size_t at = 0; header_at(source, at, source->length, &devc); at += stride(&devc))
	{
		CHECK_FOR_INTERRUPTS();
		if (devc.key == 0)
			continue;
		source->ahead = devc.length > SHORT_DEVC ? START : EP_GPMF_PIECE_MAX;
		read_devc(source, at + 8, Min(at + 8 + devc.length, source->length), devices);
	}
}

Datum
ep_gpmf_device_names(PG_FUNCTION_ARGS)
{
	EpGpmfSource source;
	EpGpmfDevices devices;
	int lower = 1;

	ep_gpmf_source_open(&source, PG_GETARG_DATUM(0));
	ep_gpmf_read_devices(&source, &devices);
	PG_RETURN_ARRAYTYPE_P(construct_md_array(devices.names, devices.nulls, 1, &devices.count, &lower, TEXTOID,
											 -1, false, TYPALIGN_INT));
}
