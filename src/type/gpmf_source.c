/*
 * gpmf_source.c
 *	  Fetches pieces of a stored log.
 */
#include "type/gpmf_source.h"

#include "access/detoast.h"

void
ep_gpmf_source_open(EpGpmfSource *source, Datum log)
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

bytea *
ep_gpmf_source_slice(EpGpmfSource *source, size_t offset, size_t n)
{
	struct varlena *value = source->stored != NULL ? source->stored : (struct varlena *) source->whole;

	return (bytea *) detoast_attr_slice(value, (int32) offset, (int32) n);
}

const uint8_t *
ep_gpmf_source_bytes(EpGpmfSource *source, size_t offset, size_t n)
{
	if (offset > source->length || n > source->length - offset)
		return NULL;
	if (source->stored == NULL)
		return (const uint8_t *) VARDATA_ANY(source->whole) + offset;
	if (source->piece == NULL || offset < source->piece_at ||
		offset + n > source->piece_at + VARSIZE_ANY_EXHDR(source->piece))
	{
		if (source->piece != NULL)
			pfree(source->piece);
		source->piece = ep_gpmf_source_slice(source, offset, Max(n, source->ahead));
		source->piece_at = offset;
	}
	return (const uint8_t *) VARDATA_ANY(source->piece) + (offset - source->piece_at);
}
