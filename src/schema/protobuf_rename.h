/*
 * protobuf_rename.h
 *	  A field that a new version renames keeps its column.
 */
#ifndef EP_SCHEMA_PROTOBUF_RENAME_H
#define EP_SCHEMA_PROTOBUF_RENAME_H

#include "schema/protobuf.h"

/*
 * Before a set is registered as the next version of a subject: every stream of a message type of the subject gets aliases (alias.h) from the paths of
 * renamed fields to the columns they have had, and its setting `required` the new names.  A new field that takes over the name of a renamed
 * one gets a path of its own, name_number.  The caller has connected to SPI.
 */
extern void ep_protobuf_keep_columns(const char *subject, const EpProtoSchema *schema);

#endif /* EP_SCHEMA_PROTOBUF_RENAME_H */
