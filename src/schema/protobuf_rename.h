/*
 * protobuf_rename.h
 *	  A field that a new version renames keeps its column, an enum value its name, a case of a oneof its table.
 */
#ifndef EP_SCHEMA_PROTOBUF_RENAME_H
#define EP_SCHEMA_PROTOBUF_RENAME_H

#include "schema/protobuf.h"

/*
 * Before a set is registered as the next version of a subject: every stream of a message type of the subject gets aliases (alias.h) from the paths of
 * renamed fields to the columns they have had, and its setting `required` the new names.  A new field that takes over the name of a renamed
 * one gets a path of its own, name_number.  Likewise from renamed enum values to the names that the columns have, and from renamed cases of the
 * oneof that is its route to the tables; when that itself is renamed, so is route_by.  The caller has connected to SPI.
 */
extern void ep_protobuf_keep_columns(const char *subject, const EpProtoSchema *schema);

#endif /* EP_SCHEMA_PROTOBUF_RENAME_H */
