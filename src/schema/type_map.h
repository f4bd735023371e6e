/*
 * type_map.h
 *	  Our column types and the server's.
 */
#ifndef EP_SCHEMA_TYPE_MAP_H
#define EP_SCHEMA_TYPE_MAP_H

#include "core/compat.h"
#include "core/value.h"
#include "datatype/timestamp.h"

/* Decoders count from 1970, the server from 2000: what to take off, in microseconds. */
#define EP_EPOCH_SHIFT_US ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

/* The pg_type OID of a column type (arrays included). InvalidOid for EP_TYPE_NONE. */
extern Oid ep_type_oid(EpType type);

/* The column type of a pg_type OID; EP_TYPE_NONE for a type that ingest does not write. */
extern EpType ep_type_from_oid(Oid oid);

/* Its SQL name, as DDL and messages write it: "double precision", "bigint[]". Never NULL. */
extern const char *ep_type_name(EpType type);

/* The same as a part of names: "double", "bigint_array". Never NULL. */
extern const char *ep_type_suffix(EpType type);

/*
 * Bytes that a value of this type takes at most in a heap tuple once TOAST has done what it can, with
 * the padding before it.
 */
extern int ep_type_worst_width(EpType type);

#endif /* EP_SCHEMA_TYPE_MAP_H */
