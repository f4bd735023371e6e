/*
 * catalog.h
 *	  Our own tables, as C reaches them.
 *
 * Statements on them are fixed texts, planned once per backend and run as the extension's owner.
 * The caller has connected to SPI.
 */
#ifndef EP_SCHEMA_CATALOG_H
#define EP_SCHEMA_CATALOG_H

#include "core/compat.h"

/* One statement with its plan, kept for the life of the backend: declare it static. */
typedef struct EpStatement
{
	const char *sql; /* names qualified with event_pipeline */
	int nargs;
	Oid types[16];
	struct _SPI_plan *plan;
} EpStatement;

/* The OID of one of our tables or indexes ("_stream"); an error if the extension is not installed. */
extern Oid ep_catalog_relation(const char *name);

/* The role that owns them. */
extern Oid ep_catalog_owner(void);

/*
 * Run it as the extension's owner; results in SPI_tuptable, their number returned.  nulls may be
 * NULL.
 */
extern uint64 ep_catalog_run(EpStatement *statement, Datum *values, const char *nulls);

/*
 * The same for a SELECT that must see what others have committed by now, whatever the transaction's isolation
 * level: what the server's own catalogs show, ours must show too.  Not for functions that are PARALLEL SAFE: the
 * server takes no such snapshot in parallel mode.
 */
extern uint64 ep_catalog_read(EpStatement *statement, Datum *values);

/*
 * Append a row to one of our tables, values by column, without a plan: what every statement does must cost little.
 * Defaults are not filled, and there must be no triggers and no constraints but NOT NULL, which the caller keeps.
 */
extern void ep_catalog_append(Oid table, int natts, const Datum *values, const bool *nulls);

/* A value of SPI_tuptable: rows count from 0, columns from 1. Text is copied into the current context; NULL if null. */
extern Datum ep_catalog_datum(uint64 row, int column, bool *isnull);
extern char *ep_catalog_text(uint64 row, int column);

#endif /* EP_SCHEMA_CATALOG_H */
