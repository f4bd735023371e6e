/*
 * owner.c
 *	  The tables of a stream follow the event table when that is given to another role.
 */
#include "core/compat.h"

#include "catalog/pg_type.h"
#include "ddl/column.h"
#include "executor/spi.h"
#include "schema/catalog.h"
#include "schema/relation.h"
#include "schema/role.h"

/*
 * _owners_follow(event_table regclass) returns void.  Waits for locks like ALTER TABLE; the new owner alone might not do it, so it
 * is done as the extension's, as run_maintenance() does.
 */
EP_FUNCTION(ep_owners_follow);

Datum
ep_owners_follow(PG_FUNCTION_ARGS)
{
	static EpStatement statement = {
		"SELECT pg_catalog.string_agg(statement, ';') FROM event_pipeline._owners_behind($1)",
		1,
		{REGCLASSOID}};
	Datum values[1] = {PG_GETARG_DATUM(0)};
	int pinned = ep_settings_pin();
	char *statements;
	EpRole saved;

	SPI_connect();
	ep_check_owner(PG_GETARG_OID(0));
	ep_catalog_run(&statement, values, NULL);
	statements = ep_catalog_text(0, 1);
	if (statements != NULL)
	{
		saved = ep_role_enter_extension();
		ep_ddl_run(statements);
		ep_role_leave(saved);
	}
	SPI_finish();
	ep_settings_unpin(pinned);
	PG_RETURN_VOID();
}
