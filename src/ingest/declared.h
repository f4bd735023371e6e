/*
 * declared.h
 *	  Columns that users make before the attribute comes: it goes there, and needs no new column.
 */
#ifndef EP_INGEST_DECLARED_H
#define EP_INGEST_DECLARED_H

#include "core/name.h"
#include "schema/stream.h"

/*
 * The name of the column that an attribute of the stream gets, if it is free: the one that the stream has decided on in some
 * table, also by rename_column, else the path's.  identity may be NULL.
 */
extern void ep_declared_name(const EpStream *stream, const EpPath *path, const char *identity,
							 char name[EP_NAME_MAX + 1]);

/* The column of that name in the target, when it is no attribute's and of a type that ingest writes; else InvalidAttrNumber. */
extern AttrNumber
ep_declared_column(const EpStream *stream, const EpTarget *target, const EpPath *path, const char *identity);

#endif /* EP_INGEST_DECLARED_H */
