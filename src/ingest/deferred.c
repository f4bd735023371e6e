/*
 * deferred.c
 *	  SET CONSTRAINTS for what is written by SQL.
 *
 * It also fires what the transaction has put off so far, and takes every constraint of that name in the schema, those on tables
 * of the sender's own included.  His functions must not run as the owner of the event table: where something is pending, we are the
 * sender meanwhile.  For the sake of what triggers write elsewhere they are not run before their time at all: only what the server
 * itself asks, such as foreign keys, and that only where it holds by now.
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
 * (name, tables that have a constraint of the name, whether only the server's own checks have it): the deferrable constraints of a
 * table; of all tables ($1 is 0) those that are put off by default.
 */
static uint64
find_constraints(Oid relation)
{
	static const char sql[] =
		"WITH RECURSIVE named (id, schema, name, checks, wanted) AS ("
		" SELECT oid, connamespace, conname, contype <> 't', conrelid = $1 OR $1 = 0 AND condeferred AND conparentid = 0"
		" FROM pg_catalog.pg_constraint WHERE condeferrable"
		" UNION ALL SELECT c.oid, n.schema, n.name, n.checks, false FROM pg_catalog.pg_constraint c JOIN named n ON c.conparentid = n.id)"
		" SELECT pg_catalog.format('%I.%I', s.nspname, n.name), pg_catalog.array_agg(DISTINCT t.tgrelid), pg_catalog.bool_and(n.checks)"
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

/* Names of constraints: those with nothing pending, to be set all at once; and those with something, each by itself. */
typedef struct Names
{
	StringInfoData idle;
	List *checks;   /* only the server asks something */
	List *triggers; /* functions of the sender may be among it */
} Names;

static void
append_name(StringInfo names, const char *name)
{
	appendStringInfo(names, "%s%s", names->len > 0 ? ", " : "", name);
}

static Names
name_constraints(Oid relation)
{
	MemoryContext context = CurrentMemoryContext;
	Names names = {.checks = NIL};
	uint64 count = find_constraints(relation);

	MemoryContextSwitchTo(context);
	initStringInfo(&names.idle);
	for (uint64 i = 0; i < count; i++)
	{
		HeapTuple row = SPI_tuptable->vals[i];
		TupleDesc descriptor = SPI_tuptable->tupdesc;
		bool isnull;
		char *name = SPI_getvalue(row, descriptor, 1);

		if (!is_pending(SPI_getbinval(row, descriptor, 2, &isnull)))
			append_name(&names.idle, name);
		else if (DatumGetBool(SPI_getbinval(row, descriptor, 3, &isnull)))
			names.checks = lappend(names.checks, name);
		else
			names.triggers = lappend(names.triggers, name);
	}
	SPI_freetuptable(SPI_tuptable);
	return names;
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
static bool
try_set(const char *names, const char *mode, bool as_client)
{
	Setting setting = {names, mode, as_client};
	ErrorData *error;

	return names[0] != '\0' && ep_attempt(set, &setting, &error);
}

void
ep_deferred_ask_now(Relation relation)
{
	MemoryContext context = CurrentMemoryContext;
	Names names;
	ListCell *name;

	if (!has_deferrable(relation))
		return;
	names = name_constraints(RelationGetRelid(relation));
	(void) try_set(names.idle.data, "IMMEDIATE", false);
	foreach (name, list_concat(names.checks, names.triggers))
		(void) try_set(lfirst(name), "IMMEDIATE", true);
	MemoryContextSwitchTo(context);
}

static bool
is_put_off(const ErrorData *error)
{
	return error->message_id != NULL &&
		   strcmp(error->message_id, "cannot fire deferred trigger within security-restricted operation") ==
			   0;
}

bool
ep_deferred_hasten(EpIngest *ingest, const ErrorData *error)
{
	MemoryContext old;
	StringInfoData hastened;
	Names names;
	ListCell *name;

	if (ingest->hastened != NULL || !is_put_off(error))
		return false;
	old = MemoryContextSwitchTo(ingest->context);
	initStringInfo(&hastened);
	names = name_constraints(InvalidOid);
	if (try_set(names.idle.data, "IMMEDIATE", false))
		append_name(&hastened, names.idle.data);
	foreach (name, names.checks)
		if (try_set(lfirst(name), "IMMEDIATE", true))
			append_name(&hastened, lfirst(name));
	ingest->hastened = hastened.data;
	MemoryContextSwitchTo(old);
	return hastened.len > 0;
}

void
ep_deferred_restore(EpIngest *ingest)
{
	if (ingest->hastened != NULL)
		(void) try_set(ingest->hastened, "DEFERRED", false);
	ingest->hastened = NULL;
}

void
ep_deferred_explain(ErrorData *error)
{
	if (is_put_off(error) && error->detail == NULL)
		error->detail =
			"The transaction has put off a constraint of a table that a trigger of the event table writes to. Once it has "
			"ended, event_pipeline.replay() writes the event; SET CONSTRAINTS ALL IMMEDIATE before the INSERT avoids this.";
}
