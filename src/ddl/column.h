/*
 * column.h
 *	  Adding columns to an event table: one ALTER for all of them.
 */
#ifndef EP_DDL_COLUMN_H
#define EP_DDL_COLUMN_H

#include "core/compat.h"
#include "core/name.h"
#include "core/value.h"

typedef struct EpNewColumn
{
	char name[EP_NAME_MAX + 1];
	EpType type;
	const char *comment; /* may be NULL */
} EpNewColumn;

/* Run one statement of DDL, in the server's usual way. The caller has connected to SPI. */
extern void ep_ddl_run(const char *sql);

/*
 * ALTER TABLE relation ADD COLUMN ... for all count columns, then their comments.  Nullable, no
 * default, ever.  Goes through the server's utility processing, so event triggers, pgaudit and
 * Citus see it.  With many partitions that takes some 80 us for each, nearly all of it for the
 * descriptors that ALTER TABLE builds anew.  Rows written into pg_attribute ourselves would cost a
 * part of that, and break: what such a row must hold can change in a minor release, as with the
 * attribute versions of 15.20.  The caller acts as the table's owner, has connected to SPI and holds the lock of
 * ep_ddl_try_lock.
 */
extern void ep_ddl_add_columns(Oid relation, const EpNewColumn *columns, int count);

/* True when the relation has a column of that name (system columns count). */
extern bool ep_ddl_column_exists(Oid relation, const char *name);

/*
 * Its type, EP_TYPE_NONE when there is no such column or ingest does not write it: another type, one with
 * a modifier (it would cut values), a generated one.
 */
extern EpType ep_ddl_column_type(Oid relation, const char *name);

#endif /* EP_DDL_COLUMN_H */
