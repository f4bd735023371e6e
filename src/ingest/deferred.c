/*
 * deferred.c
 *	  SET CONSTRAINTS for what is written by SQL.
 *
 * It also fires what the transaction has put off so far, and takes every constraint of that name in the schema, those on tables
 * of the sender's own included.  His functions must not run as the owner of the event table: where something is pending, we are the
 * sender meanwhile, or leave the constraint as it is.
 */
#include "ingest/deferred.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "ddl/column.h"
#include "executor/spi.h"
#include "schema/attempt.h"
#include "schema/role.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* A setting of constraints: SET CONSTRAINTS names mode. */
typedef struct Setting
{
	const char *names, *mode;
	bool as_client;
} Setting;

static bool
set(void *argument)
{
	Setting *setting = argument;
	EpRole saved = setting->as_client ? ep_role_enter_client() : ep_role_enter_extension();

	ep_ddl_run(psprintf("SET CONSTRAINTS %s %s", setting->names, setting->mode));
	ep_role_leave(saved);
	return true;
}

/*
 * (name, tables that have a constraint of the name): the deferrable constraints of a table; of all tables ($1 is 0) those
 * that are put off by default.
 */
static uint64
find_constraints(Oid relation)
{
	static const char sql[] =
		"WITH RECURSIVE named (id, schema, name, wanted) AS ("
		" SELECT oid, connamespace, conname, conrelid = $1 OR $1 = 0 AND condeferred AND conparentid = 0"
		" FROM pg_catalog.pg_constraint WHERE condeferrable"
		" UNION ALL SELECT c.oid, n.schema, n.name, false FROM pg_catalog.pg_constraint c JOIN named n ON c.conparentid = n.id)"
		" SELECT pg_catalog.format('%I.%I', s.nspname, n.name), pg_catalog.array_agg(DISTINCT t.tgrelid)"
		" FROM named n JOIN pg_catalog.pg_namespace s ON s.oid = n.schema JOIN pg_catalog.pg_trigger t ON t.tgconstraint = n.id"
		" GROUP BY s.nspname, n.name HAVING pg_catalog.bool_or(n.wanted)";
	Oid types[1] = {OIDOID};
	Datum values[1] = {ObjectIdGetDatum(relation)};

	if (SPI_execute_with_args(sql, 1, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read constraints");
	return SPI_processed;
}

/* Has the transaction put something off on one of these tables? */
static bool
is_pending(Datum tables)
{
	Datum *items;
	bool *nulls;
	int count;
	bool pending = false;

	deconstruct_array(DatumGetArrayTypeP(tables), OIDOID, sizeof(Oid), true, TYPALIGN_INT, &items, &nulls,
					  &count);
	for (int i = 0; i < count; i++)
		pending |= AfterTriggerPendingOnRel(DatumGetObjectId(items[i]));
	return pending;
}

static void
append_name(StringInfo names, const char *name)
{
	appendStringInfo(names, "%s%s", names->len > 0 ? ", " : "", name);
}

/* The names of those with nothing pending, and of those with something; empty: there are none. */
static void
name_constraints(Oid relation, StringInfo idle, StringInfo pending)
{
	uint64 count = find_constraints(relation);

	for (uint64 i = 0; i < count; i++)
	{
		HeapTuple row = SPI_tuptable->vals[i];
		bool isnull;

		append_name(is_pending(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &isnull)) ? pending : idle,
					SPI_getvalue(row, SPI_tuptable->tupdesc, 1));
	}
	SPI_freetuptable(SPI_tuptable);
}

static bool
has_deferrable(Relation relation)
{
	TriggerDesc *triggers = relation->trigdesc;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		if (triggers->triggers[i].tgdeferrable)
			return true;
	return false;
}

/* A constraint that cannot be set stays put off, and the rows that it is about are refused. */
static void
try_set(const char *names, const char *mode, bool as_client)
{
	Setting setting = {names, mode, as_client};
	ErrorData *error;

	if (names[0] != '\0')
		(void) ep_attempt(set, &setting, &error);
}

void
ep_deferred_ask_now(Relation relation)
{
	MemoryContext context = CurrentMemoryContext;
	StringInfoData idle, pending;

	if (!has_deferrable(relation))
		return;
	initStringInfo(&idle);
	initStringInfo(&pending);
	name_constraints(RelationGetRelid(relation), &idle, &pending);
	try_set(idle.data, "IMMEDIATE", false);
	try_set(pending.data, "IMMEDIATE", true);
	MemoryContextSwitchTo(context);
}

bool
ep_deferred_hasten(EpIngest *ingest, const ErrorData *error)
{
	MemoryContext old;
	StringInfoData idle, pending;

	if (ingest->hastened != NULL || error->message_id == NULL ||
		strcmp(error->message_id, "cannot fire deferred trigger within security-restricted operation") != 0)
		return false;
	old = MemoryContextSwitchTo(ingest->context);
	initStringInfo(&idle);
	initStringInfo(&pending);
	name_constraints(InvalidOid, &idle, &pending);
	try_set(idle.data, "IMMEDIATE", false);
	ingest->hastened = idle.data;
	MemoryContextSwitchTo(old);
	return idle.len > 0;
}

void
ep_deferred_restore(EpIngest *ingest)
{
	if (ingest->hastened != NULL)
		try_set(ingest->hastened, "DEFERRED", false);
	ingest->hastened = NULL;
}
