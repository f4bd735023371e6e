/*
 * gpmf_source.h
 *	  A stored log that is fetched in pieces.
 *
 * It is a chain of TOAST chunks, of which only those are read that a piece lies in.  A log that is compressed or not
 * stored is at hand as a whole.
 */
#ifndef EP_TYPE_GPMF_SOURCE_H
#define EP_TYPE_GPMF_SOURCE_H

#include "core/compat.h"
#include "format/gpmf/gpmf_klv.h"

#define EP_GPMF_PIECE_MAX 65536

typedef struct EpGpmfSource
{
	struct varlena *stored; /* fetched from as needed; NULL: all is in whole */
	bytea *whole;
	size_t length;
	bytea *piece;    /* the last one fetched, or NULL */
	size_t piece_at; /* its offset */
	size_t ahead;    /* bytes to fetch at once */
} EpGpmfSource;

extern void ep_gpmf_source_open(EpGpmfSource *source, Datum log);

/* n bytes at offset, good until the next call; NULL when the log ends before. */
extern const uint8_t *ep_gpmf_source_bytes(EpGpmfSource *source, size_t offset, size_t n);

/* A copy of n bytes at offset, or of what there is of them. */
extern bytea *ep_gpmf_source_slice(EpGpmfSource *source, size_t offset, size_t n);

#endif /* EP_TYPE_GPMF_SOURCE_H */
