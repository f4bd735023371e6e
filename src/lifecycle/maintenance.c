/*
 * maintenance.c
 *	  Says why run_maintenance() cannot run inside a transaction block, before its first COMMIT says less.
 */
#include "core/compat.h"

#include "access/xact.h"

EP_FUNCTION(ep_maintenance_may_commit);

Datum
ep_maintenance_may_commit(PG_FUNCTION_ARGS)
{
	if (IsTransactionBlock())
		ereport(ERROR, (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
						errmsg("run_maintenance() cannot run inside a transaction block"),
						errdetail("It commits each of its steps."),
						errhint("CALL it alone, without BEGIN, and with autocommit on.")));
	PG_RETURN_VOID();
}
