/*
 * reshape.c
 *	  Columns that people rename or drop: the table, the registry and the view together.
 *
 * Runs as the caller, who must own the table, and waits for its locks like ALTER TABLE, within lock_timeout: first
 * the view's, then the table's, in the order in which readers take them.
 */
#include "core/compat.h"

#include "access/relation.h"
#include "core/memory_server.h"
#include "core/name.h"
#include "ddl/column.h"
#include "ddl/view.h"
#include "executor/spi.h"
#include "schema/journal.h"
#include "schema/registry.h"
#include "schema/relation.h"
#include "schema/role.h"
#include "schema/type_map.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

typedef struct Reshape
{
	EpStream *stream;
	EpTarget *target;
	char *table;  /* quoted */
	Oid view;     /* InvalidOid: there is none */
	EpPath *path; /* as the caller spells it */
	char *path_text;
	EpAttribute *attribute; /* NULL: the target does not have it, or not any more */
} Reshape;

/* ---- what both need ---- */

static void
find_attribute(Reshape *reshape)
{
	EpStream *stream = reshape->stream;
	char *identity;

	reshape->path = ep_path_from_text(&stream->paths, reshape->path_text, &stream->paths.arena);
	if (reshape->path == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" is no path", reshape->path_text),
				 errhint("Join the attribute names by periods, as in device.serial; put names with other "
						 "characters than letters, digits and _ in double quotes.")));
	identity = ep_path_identity(reshape->path, &stream->paths.arena);
	reshape->attribute = identity == NULL ? NULL : ep_target_attribute(reshape->target, identity);
	if (reshape->attribute != NULL && reshape->attribute->dropped)
		reshape->attribute = NULL;
	if (reshape->attribute == NULL &&
		(strcmp(reshape->path_text, "event_time") == 0 || strcmp(reshape->path_text, "received_at") == 0 ||
		 strncmp(reshape->path_text, "_ep_", 4) == 0))
		ereport(ERROR, (errcode(ERRCODE_RESERVED_NAME),
						errmsg("column \"%s\" is one that every event table has", reshape->path_text)));
}

static Reshape
begin(Oid relation, char *path)
{
	Reshape reshape = {.path_text = path};

	ep_check_owner(relation);
	reshape.target = ep_view_target(relation, &reshape.stream);
	reshape.view = ep_view_of(reshape.target);
	if (OidIsValid(reshape.view))
		LockRelationOid(reshape.view, AccessExclusiveLock);
	LockRelationOid(relation, AccessExclusiveLock);
	reshape.view = ep_view_of(reshape.target);
	reshape.table = ep_relation_name(relation);
	ep_target_reload(reshape.stream, reshape.target);
	ep_view_follow_renames(reshape.stream, reshape.target, reshape.view);
	find_attribute(&reshape);
	return reshape;
}

static void
log_change(const Reshape *reshape, const char *operation, const EpAttribute *attribute, const char *name)
{
	ep_journal_schema_change(reshape->stream, reshape->target->relation, operation, reshape->path_text, name,
							 attribute->type, NULL, "manual", 0, 0);
}

/* ---- renaming ---- */

static void
check_name(const char *name)
{
	if (name[0] == '\0' || strlen(name) > EP_NAME_MAX)
		ereport(ERROR, (errcode(ERRCODE_INVALID_NAME), errmsg("column name \"%s\" is not usable", name),
						errhint("Give a name of 1 to %d bytes.", EP_NAME_MAX)));
	if (strncmp(name, "_ep_", 4) == 0)
		ereport(ERROR, (errcode(ERRCODE_RESERVED_NAME), errmsg("column name \"%s\" is reserved", name),
						errhint("Names that begin with \"_ep_\" are for event_pipeline.")));
	if (strcmp(name, "event_time") == 0 || strcmp(name, "received_at") == 0)
		ereport(ERROR, (errcode(ERRCODE_RESERVED_NAME), errmsg("column name \"%s\" is reserved", name),
						errdetail("Every event table has a column of that name.")));
	if (ep_name_is_kept(name))
		ereport(ERROR, (errcode(ERRCODE_RESERVED_NAME), errmsg("column name \"%s\" is reserved", name),
						errdetail("Without quotes it would mean something else in a query."),
						errhint("Choose another name, such as \"%s_\".", name)));
}

/* By a column of the table or the view, or one that was dropped and whose place the view keeps. */
static bool
is_taken(const Reshape *reshape, const char *name)
{
	for (int i = 0; i < reshape->target->attribute_count; i++)
		if (strcmp(reshape->target->attributes[i].column_name, name) == 0)
			return true;
	return ep_ddl_column_exists(reshape->target->relation, name) ||
		   (OidIsValid(reshape->view) && ep_ddl_column_exists(reshape->view, name));
}

static void
rename_one(const Reshape *reshape, EpAttribute *attribute, const char *name)
{
	const char *old = quote_identifier(attribute->column_name);

	ep_ddl_run(
		psprintf("ALTER TABLE %s RENAME COLUMN %s TO %s", reshape->table, old, quote_identifier(name)));
	if (OidIsValid(reshape->view) && ep_ddl_column_exists(reshape->view, attribute->column_name))
		ep_ddl_run(psprintf("ALTER VIEW %s RENAME COLUMN %s TO %s", ep_relation_name(reshape->view), old,
							quote_identifier(name)));
	ep_registry_rename_column(reshape->target, attribute->column_name, name);
	log_change(reshape, "rename column", attribute, name);
	attribute->column_name = attribute->registered_name = name;
}

/* Variants are named after their column. */
static void
rename_variants(const Reshape *reshape)
{
	EpTarget *target = reshape->target;

	for (int i = reshape->attribute->next; i != 0; i = target->attributes[i].next)
	{
		EpAttribute *variant = &target->attributes[i];
		char name[EP_NAME_MAX + 1], *free = palloc(EP_NAME_MAX + 1);

		if (variant->attnum == InvalidAttrNumber)
			continue;
		ep_name_variant(reshape->path, reshape->attribute->column_name, ep_type_suffix(variant->type), name);
		strlcpy(free, name, sizeof name);
		for (uint32 n = 0; is_taken(reshape, free); n++)
			ep_name_distinguish(reshape->path, name, n, free);
		rename_one(reshape, variant, free);
	}
}

/*
 * _column_rename(event_table regclass, path text, column_name text) returns boolean: false when the table has no
 * column for the path.
 */
EP_FUNCTION(ep_column_rename);

Datum
ep_column_rename(PG_FUNCTION_ARGS)
{
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(2));
	int pinned = ep_settings_pin();
	Reshape reshape;
	bool found;

	SPI_connect();
	check_name(name);
	reshape = begin(PG_GETARG_OID(0), text_to_cstring(PG_GETARG_TEXT_PP(1)));
	found = reshape.attribute != NULL && reshape.attribute->attnum != InvalidAttrNumber;
	if (found && strcmp(reshape.attribute->column_name, name) != 0)
	{
		if (is_taken(&reshape, name))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 errmsg("column \"%s\" of table %s exists already, or did", name, reshape.table),
					 errhint("Choose another name. The view keeps those of columns that were dropped.")));
		rename_one(&reshape, reshape.attribute, name);
		rename_variants(&reshape);
	}
	SPI_finish();
	ep_settings_unpin(pinned);
	PG_RETURN_BOOL(found);
}

/* ---- dropping ---- */

/* The view keeps its columns, as NULL, and so does not depend on those of the table any more. */
static void
blank_in_view(const Reshape *reshape)
{
	EpRole saved;

	if (!OidIsValid(reshape->view))
		return;
	saved = ep_role_enter_owner(reshape->stream->owner);
	if (ep_view_build(reshape->stream, reshape->target, 0, NULL) != NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
						errmsg("view %s is being used by this session", ep_relation_name(reshape->view))));
	ep_role_leave(saved);
}

static void
drop_columns(const Reshape *reshape, bool everywhere)
{
	EpTarget *target = reshape->target;
	StringInfoData sql;
	List *gone = NIL;
	ListCell *cell;

	initStringInfo(&sql);
	for (EpAttribute *a = reshape->attribute;; a = &target->attributes[a->next])
	{
		if (a->attnum != InvalidAttrNumber)
			gone = lappend(gone, a);
		a->attnum = InvalidAttrNumber;
		if (a->next == 0)
			break;
	}
	blank_in_view(reshape);
	foreach (cell, gone)
	{
		const EpAttribute *attribute = lfirst(cell);

		appendStringInfo(&sql, "%s DROP COLUMN %s", sql.len > 0 ? "," : "",
						 quote_identifier(attribute->column_name));
		log_change(reshape, "drop column", attribute, attribute->column_name);
	}
	if (gone != NIL)
		ep_ddl_run(psprintf("ALTER TABLE %s%s", reshape->table, sql.data));
	ep_registry_drop_attribute(target, reshape->attribute->identity, everywhere);
}

/*
 * _column_drop(event_table regclass, path text, everywhere boolean) returns boolean: false when the table has no
 * column for the path.  everywhere: nor will the stream's other tables get one.
 */
EP_FUNCTION(ep_column_drop);

Datum
ep_column_drop(PG_FUNCTION_ARGS)
{
	int pinned = ep_settings_pin();
	Reshape reshape;

	SPI_connect();
	reshape = begin(PG_GETARG_OID(0), text_to_cstring(PG_GETARG_TEXT_PP(1)));
	if (reshape.attribute != NULL)
		drop_columns(&reshape, PG_GETARG_BOOL(2));
	SPI_finish();
	ep_settings_unpin(pinned);
	PG_RETURN_BOOL(reshape.attribute != NULL);
}
