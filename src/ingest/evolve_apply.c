/*
 * evolve_apply.c
 *	  Carrying out a change of tables, in whichever process: DDL, registry and log together, as the owner of the table.
 */
#include "ingest/evolve.h"

#include "ddl/column.h"
#include "ddl/table.h"
#include "ddl/try_lock.h"
#include "ddl/view.h"
#include "ingest/declared.h"
#include "schema/journal.h"
#include "schema/registry.h"
#include "schema/role.h"
#include "schema/type_map.h"
#include "utils/lsyscache.h"

/* ---- columns ---- */

static bool
name_taken(EpColumnChange *change, const char *name)
{
	for (int i = 0; i < change->target->attribute_count; i++)
		if (strcmp(change->target->attributes[i].column_name, name) == 0)
			return true;
	for (int i = 0; i < change->count; i++)
		if (strcmp(change->attributes[i].name, name) == 0)
			return true;
	return false;
}

/* The name itself when it is free, or is that of the column to adopt; else the first of its series that is. */
static void
choose_free_name(EpColumnChange *change, EpNewAttribute *attribute, const char *name)
{
	char free[EP_NAME_MAX + 1];

	strlcpy(free, name, sizeof free);
	for (uint32 n = 0; !attribute->adopted &&
					   (name_taken(change, free) || ep_ddl_column_exists(change->target->relation, free));
		 n++)
		ep_name_distinguish(attribute->path, name, n, free);
	strlcpy(attribute->name, free, sizeof attribute->name);
}

/* The column of the attribute that this is a variant of. */
typedef struct Base
{
	const char *name;
	EpType type;
} Base;

static Base
find_base(EpColumnChange *change, const EpNewAttribute *variant)
{
	const EpAttribute *known = ep_target_attribute(change->target, variant->identity);

	if (known != NULL)
		return (Base){known->column_name, known->type};
	for (int i = 0; i < change->count; i++)
		if (strcmp(change->attributes[i].identity, variant->identity) == 0)
			return (Base){change->attributes[i].name, change->attributes[i].guess.type};
	elog(ERROR, "variant without a column"); /* it comes first */
}

static void
choose_variant_name(EpColumnChange *change, EpNewAttribute *attribute)
{
	Base base = find_base(change, attribute);
	char name[EP_NAME_MAX + 1];

	ep_name_variant(attribute->path, base.name, ep_type_suffix(attribute->guess.type), name);
	choose_free_name(change, attribute, name);
	attribute->comment = psprintf("values of %s that type %s cannot hold",
								  ep_path_to_text(attribute->path, change->arena), ep_type_name(base.type));
}

/* A column that a user made beforehand under the attribute's name is adopted when its type is one we write. */
static void
choose_name(EpColumnChange *change, EpNewAttribute *attribute)
{
	Oid relation = change->target->relation;
	char name[EP_NAME_MAX + 1];
	EpType existing;

	ep_declared_name(change->stream, attribute->path, attribute->identity, name);
	existing = ep_ddl_column_type(relation, name);
	if (existing != EP_TYPE_NONE && !name_taken(change, name))
	{
		attribute->adopted = true;
		attribute->guess.type = existing;
	}
	choose_free_name(change, attribute, name);
}

/*
 * Leave out what another session has added since we last looked; where its type is not for our values, they
 * need a variant.
 */
static void
drop_settled(EpColumnChange *change)
{
	int kept = 0;

	for (int i = 0; i < change->count; i++)
	{
		EpNewAttribute *attribute = &change->attributes[i];
		const EpAttribute *known = ep_target_attribute(change->target, attribute->identity);

		if (known != NULL && (ep_target_attribute_column(change->target, known).state != EP_COLUMN_KNOWN ||
							  ep_target_holds(change->target, known, &attribute->guess)))
			continue;
		attribute->variant |= known != NULL;
		change->attributes[kept++] = *attribute;
	}
	change->count = kept;
}

/* A variant is left out when a column that a user had made takes its values, too. */
static void
choose_names(EpColumnChange *change)
{
	int kept = 0;

	for (int i = 0; i < change->count; i++)
	{
		EpNewAttribute *attribute = &change->attributes[kept];

		*attribute = change->attributes[i];
		if (!attribute->variant)
			choose_name(change, attribute);
		else if (ep_type_holds(find_base(change, attribute).type, &attribute->guess))
			continue;
		else
			choose_variant_name(change, attribute);
		kept++;
	}
	change->count = kept;
}

static void
alter(EpColumnChange *change)
{
	EpNewColumn *columns = palloc(sizeof(EpNewColumn) * change->count);
	int count = 0;

	change->target->changed = true; /* whatever comes of it */
	for (int i = 0; i < change->count; i++)
	{
		const EpNewAttribute *attribute = &change->attributes[i];

		if (attribute->adopted)
			continue;
		strlcpy(columns[count].name, attribute->name, sizeof columns[count].name);
		columns[count].type = attribute->guess.type;
		columns[count++].comment = attribute->comment;
	}
	if (count > 0)
		ep_ddl_add_columns(change->target->relation, columns, count);
}

static void
record(EpColumnChange *change)
{
	for (int i = 0; i < change->count; i++)
	{
		EpNewAttribute *attribute = &change->attributes[i];
		char *path = ep_path_to_text(attribute->path, change->arena);

		ep_registry_add_path(change->target, path, attribute->identity, attribute->name,
							 get_attnum(change->target->relation, attribute->name), attribute->guess.type,
							 attribute->variant, attribute->comment, attribute->raw_id);
		ep_journal_schema_change(change->stream, change->target->relation,
								 attribute->adopted ? "adopt column" : "add column", path, attribute->name,
								 attribute->guess.type, NULL, change->mode, change->waited_us,
								 attribute->raw_id);
	}
}

/* The view follows if nobody reads it now; else maintenance will see to it. */
static void
show(EpColumnChange *change)
{
	EpTarget *target = change->target;
	int left_ms = Max(change->stream->lock_budget_ms - change->waited_us / 1000, 0);

	for (int i = 0; i < change->count; i++)
		(void) ep_target_add_attribute(change->stream, target, change->attributes[i].identity,
									   change->attributes[i].name,
									   get_attnum(target->relation, change->attributes[i].name),
									   change->attributes[i].guess.type, change->attributes[i].variant);
	(void) ep_view_try_build(change->stream, target, left_ms, change->mode);
}

const char *
ep_evolve_refusal(const ErrorData *error)
{
	switch (error->sqlerrcode)
	{
		case ERRCODE_LOCK_NOT_AVAILABLE:
		case ERRCODE_T_R_DEADLOCK_DETECTED:
		case ERRCODE_OUT_OF_MEMORY: /* also when the lock table is full */
			return "lock";
		default:
			return "contract";
	}
}

/* Lock, look again, alter, record. */
static bool
change_columns(EpColumnChange *change)
{
	change->refusal = "lock";
	if (!ep_registry_try_lock(change->target->id, EP_REGISTRY_COLUMNS))
		return false;
	change->refusal =
		ep_ddl_try_lock(change->target->relation, change->stream->lock_budget_ms, &change->waited_us);
	if (change->refusal != NULL)
		return false;
	ep_target_reload(change->stream, change->target);
	drop_settled(change);
	if (change->count == 0)
		return true;
	choose_names(change);
	alter(change);
	record(change);
	show(change);
	return true;
}

bool
ep_evolve_columns(void *argument)
{
	EpColumnChange *change = argument;
	EpRole saved = ep_role_enter_owner_of(change->target->relation);
	bool done = change_columns(change);

	ep_role_leave(saved);
	return done;
}

/* ---- partitions ---- */

bool
ep_evolve_partitions(void *argument)
{
	EpPartitionChange *change = argument;
	Oid relation = change->target->relation;
	EpRole saved = ep_role_enter_owner_of(relation);

	if (ep_ddl_ensure_partitions(relation, change->times, change->count, change->stream->max_new_partitions,
								 change->stream->max_partitions) > 0)
		ep_journal_schema_change(change->stream, relation, "create partition", NULL, NULL, EP_TYPE_NONE, NULL,
								 change->mode, 0, 0);
	ep_role_leave(saved);
	return true;
}

/* ---- routed tables ---- */

bool
ep_evolve_table(void *argument)
{
	EpTableChange *change = argument;
	EpTarget target;

	change->refusal = "more new tables in an hour than max_tables_per_hour allows";
	if (ep_registry_recent_targets(change->stream) >= change->stream->max_tables_per_hour)
		return false;
	change->relation = ep_ddl_create_routed_table(change->stream->event_relation, change->route);
	change->target_id = ep_registry_add_target(change->stream, change->route, change->relation);
	ep_journal_schema_change(change->stream, change->relation, "create table", NULL, NULL, EP_TYPE_NONE, NULL,
							 change->mode, 0, change->raw_id);
	target = (EpTarget){.id = change->target_id, .relation = change->relation};
	ep_target_reload(change->stream, &target);
	(void) ep_view_try_build(change->stream, &target, change->stream->lock_budget_ms, change->mode);
	change->refusal = NULL;
	return true;
}
