/*
 * rollup_lock.c
 *	  One refresh of a rollup at a time, and only by those who may.
 */
#include "rollup/rollup.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "schema/catalog.h"
#include "schema/lock.h"
#include "utils/acl.h"

/* InvalidOid: there is no such rollup. */
static Oid
owner_of(int32 id)
{
	static EpStatement statement = {
		"SELECT owner FROM event_pipeline._rollup WHERE rollup_id = $1", 1, {INT4OID}};
	Datum values[1] = {Int32GetDatum(id)};
	Datum owner = ObjectIdGetDatum(InvalidOid);
	bool isnull;

	SPI_connect();
	if (ep_catalog_read(&statement, values) == 1)
		owner = ep_catalog_datum(0, 1, &isnull);
	SPI_finish();
	return DatumGetObjectId(owner);
}

/*
 * _rollup_lock(rollup_id int, wait boolean) returns boolean: have the rollup to ourselves until the transaction ends; false when
 * somebody else has it and we are not to wait, or there is none.
 */
EP_FUNCTION(ep_rollup_lock);

Datum
ep_rollup_lock(PG_FUNCTION_ARGS)
{
	int32 id = PG_GETARG_INT32(0);
	Oid owner = owner_of(id);

	if (!OidIsValid(owner))
		PG_RETURN_BOOL(false);
	if (GetUserId() != ep_catalog_owner() && !has_privs_of_role(GetUserId(), owner))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for rollup")));
	PG_RETURN_BOOL(ep_lock_take(ep_catalog_relation("_rollup"), id, false, PG_GETARG_BOOL(1)));
}
