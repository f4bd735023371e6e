/*
 * versions.h
 *	  One event under several versions of its protobuf schema.
 *
 * Rows are written under the version of their time and explained under the present one.  What ties the two is the field number.
 */
#ifndef EP_INGEST_VERSIONS_H
#define EP_INGEST_VERSIONS_H

#include "schema/stream.h"

typedef struct EpVersions EpVersions;

/*
 * The path at which the present schema of a stream sends what is kept at a path, aliases of renamed fields looked through; NULL: at none.
 */
extern EpPath *ep_versions_sent_path(EpStream *stream, EpPath *kept, EpArena *arena);

/* The path of the field whose number ("#7") a path ends in, where aliases lead from it; NULL when the present schema has none. */
extern EpPath *ep_versions_field_path(EpStream *stream, const EpPath *number, EpArena *arena);

/*
 * The versions of the stream's message type before the present one, to read its events again, in the current memory context.  The caller
 * has connected to SPI.
 */
extern EpVersions *ep_versions_open(EpStream *stream);

/* The event that is asked about from now on, as it was decoded under the present version. */
extern void ep_versions_begin(EpVersions *versions, const EpEvent *event);

extern int ep_versions_count(const EpVersions *versions);

/*
 * What version number i (from 0) reads of the field that the present one sends at a path, NULL when that does not have the field or cannot read
 * the event; valid until the next _begin.
 */
extern const EpValue *ep_versions_value(EpVersions *versions, int i, const EpPath *sent);

/* Does that version read all there is of the field number that a path ends in? */
extern bool ep_versions_knew(EpVersions *versions, int i, const EpPath *number);

#endif /* EP_INGEST_VERSIONS_H */
