/*
 * view.c
 *	  The published view of an event table.
 */
#include "ddl/view.h"

#include "access/relation.h"
#include "access/reloptions.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/comment.h"
#include "commands/defrem.h"
#include "core/memory_server.h"
#include "core/name.h"
#include "ddl/column.h"
#include "ddl/table.h"
#include "ddl/try_lock.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "schema/attempt.h"
#include "schema/catalog.h"
#include "schema/journal.h"
#include "schema/registry.h"
#include "schema/relation.h"
#include "schema/role.h"
#include "schema/type_map.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

typedef struct ViewBuild
{
	EpTarget *target;
	char *name;        /* of the view, qualified */
	TupleDesc columns; /* that it has; NULL when it is to be made */
	StringInfoData select;
	int count;      /* of columns in select */
	bool *shown;    /* by place in the target's attributes: has a column */
	List *comments; /* of char *: statements */
} ViewBuild;

Oid
ep_view_of(const EpTarget *target)
{
	Oid view = ep_registry_view(target->id);

	return OidIsValid(view) && get_rel_relkind(view) == RELKIND_VIEW ? view : InvalidOid;
}

/* ---- its columns ---- */

static void
add_column(ViewBuild *build, const char *expression, const char *name)
{
	if (build->count++ > 0)
		appendStringInfoString(&build->select, ", ");
	appendStringInfo(&build->select, "%s AS %s", expression, quote_identifier(name));
}

/* A column that the table has and the view gets: its comment goes with it. */
static void
copy_comment(ViewBuild *build, AttrNumber attnum, const char *name)
{
	char *comment = GetComment(build->target->relation, RelationRelationId, attnum);

	if (comment != NULL)
		build->comments =
			lappend(build->comments, psprintf("COMMENT ON COLUMN %s.%s IS %s", build->name,
											  quote_identifier(name), quote_literal_cstr(comment)));
}

/*
 * A variant as a value of its attribute's type, or NULL where that type does not say all that the variant does.  Text
 * says every scalar, jsonb everything; but a time as text must not depend on the reader's DateStyle.
 */
static char *
folded(EpType type, const EpAttribute *variant)
{
	const char *name = quote_identifier(variant->column_name);

	switch (type)
	{
		case EP_TYPE_TEXT:
			if (variant->type == EP_TYPE_TIMESTAMPTZ)
				return psprintf("pg_catalog.to_jsonb(%s) OPERATOR(pg_catalog.#>>) '{}'", name);
			if (variant->type >= EP_TYPE_ARRAY || variant->type == EP_TYPE_JSONB)
				return NULL;
			return psprintf("%s::pg_catalog.text", name);
		case EP_TYPE_JSONB:
			return psprintf("pg_catalog.to_jsonb(%s)", name);
		case EP_TYPE_NUMERIC:
			if (variant->type == EP_TYPE_INT4 || variant->type == EP_TYPE_INT8)
				return psprintf("%s::pg_catalog.numeric", name);
			return NULL;
		default:
			return NULL;
	}
}

/* Does the column of its attribute say what this variant does? */
static bool
is_folded(EpTarget *target, const EpAttribute *variant)
{
	const EpAttribute *attribute = ep_target_attribute(target, variant->identity);

	return attribute->attnum != InvalidAttrNumber && folded(attribute->type, variant) != NULL;
}

/* The column of an attribute, with what is folded into it; or of a variant. */
static char *
expression_of(ViewBuild *build, const EpAttribute *attribute)
{
	EpTarget *target = build->target;
	const EpAttribute *variant = attribute->variant ? NULL : ep_target_next_variant(target, attribute);
	StringInfoData expression;
	bool any = false;

	build->shown[attribute - target->attributes] = true;
	initStringInfo(&expression);
	appendStringInfoString(&expression, quote_identifier(attribute->column_name));
	for (; variant != NULL; variant = ep_target_next_variant(target, variant))
	{
		char *value = variant->attnum == InvalidAttrNumber ? NULL : folded(attribute->type, variant);

		if (value == NULL)
			continue;
		appendStringInfo(&expression, ", %s", value);
		any = true;
	}
	return any ? psprintf("COALESCE(%s)", expression.data) : expression.data;
}

/* The attribute or variant whose column has this name, also one that is gone if there is no other; else NULL. */
static const EpAttribute *
attribute_named(const EpTarget *target, const char *name)
{
	const EpAttribute *found = NULL;

	for (int i = 0; i < target->attribute_count; i++)
		if (strcmp(target->attributes[i].column_name, name) == 0 &&
			(found == NULL || found->attnum == InvalidAttrNumber))
			found = &target->attributes[i];
	return found;
}

/* The columns that the view has stay, in their order and types: those of columns that are gone are NULL. */
static void
keep_columns(ViewBuild *build)
{
	for (int i = 0; i < build->columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(build->columns, i);
		const char *name = NameStr(column->attname);
		const EpAttribute *attribute = attribute_named(build->target, name);
		bool fixed = strcmp(name, "event_time") == 0 || strcmp(name, "received_at") == 0;

		if (attribute == NULL && !fixed)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of view %s is no attribute of its event table", name, build->name),
					 errhint("The view is kept by event_pipeline: take the column out or drop the "
							 "view, and put a view of your own over it.")));
		if (fixed ? get_atttype(build->target->relation, get_attnum(build->target->relation, name)) ==
						column->atttypid
				  : attribute->attnum != InvalidAttrNumber)
			add_column(build, fixed ? quote_identifier(name) : expression_of(build, attribute), name);
		else
			add_column(build, psprintf("NULL::%s", format_type_be_qualified(column->atttypid)), name);
	}
}

static void
append_fixed(ViewBuild *build, AttrNumber attnum, const char *name)
{
	if (attnum == InvalidAttrNumber)
		return;
	add_column(build, quote_identifier(name), name);
	copy_comment(build, attnum, name);
}

static int
compare_columns(const void *a, const void *b)
{
	const EpAttribute *x = *(const EpAttribute *const *) a, *y = *(const EpAttribute *const *) b;
	bool x_nested = x->type == EP_TYPE_JSONB || x->type >= EP_TYPE_ARRAY;
	bool y_nested = y->type == EP_TYPE_JSONB || y->type >= EP_TYPE_ARRAY;

	return x_nested != y_nested ? x_nested - y_nested : x->attnum - y->attnum;
}

/* What the view does not show yet: scalars first, then jsonb and arrays. */
static void
append_columns(ViewBuild *build)
{
	EpTarget *target = build->target;
	const EpAttribute **fresh = palloc(sizeof(EpAttribute *) * Max(target->attribute_count, 1));
	int count = 0;

	if (build->columns == NULL)
	{
		append_fixed(build, target->event_time, "event_time");
		append_fixed(build, target->received_at, "received_at");
	}
	for (int i = 0; i < target->attribute_count; i++)
	{
		const EpAttribute *attribute = &target->attributes[i];

		if (attribute->attnum != InvalidAttrNumber && !build->shown[i] &&
			!(attribute->variant && is_folded(target, attribute)))
			fresh[count++] = attribute;
	}
	qsort(fresh, count, sizeof(EpAttribute *), compare_columns);
	for (int i = 0; i < count; i++)
	{
		add_column(build, expression_of(build, fresh[i]), fresh[i]->column_name);
		copy_comment(build, fresh[i]->attnum, fresh[i]->column_name);
	}
}

/* ---- making it ---- */

/* CREATE OR REPLACE VIEW takes all options away that it does not name. */
static char *
options_of(Oid view)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(view));
	StringInfoData options;
	bool isnull;
	Datum array;
	ListCell *cell;

	if (!HeapTupleIsValid(tuple))
		return "";
	initStringInfo(&options);
	array = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_reloptions, &isnull);
	foreach (cell, isnull ? NIL : untransformRelOptions(array))
	{
		DefElem *option = lfirst(cell);

		appendStringInfo(&options, "%s%s = %s", options.len > 0 ? ", " : " WITH (",
						 quote_identifier(option->defname), quote_literal_cstr(defGetString(option)));
	}
	ReleaseSysCache(tuple);
	return options.len > 0 ? psprintf("%s)", options.data) : "";
}

static void
make(ViewBuild *build, EpStream *stream, const char *mode)
{
	EpTarget *target = build->target;
	Oid schema = get_rel_namespace(target->relation);
	char *bare = ep_ddl_free_name(psprintf("%s_bi", get_rel_name(target->relation)), schema);
	char *comment = GetComment(target->relation, RelationRelationId, 0);
	bool logged = mode != NULL || OidIsValid(ep_registry_view(target->id)); /* not by create_stream */
	Oid view;

	build->name = quote_qualified_identifier(get_namespace_name(schema), bare);
	append_columns(build);
	ep_ddl_run(psprintf("CREATE VIEW %s AS SELECT %s FROM %s", build->name, build->select.data,
						ep_relation_name(target->relation)));
	if (comment != NULL)
		ep_ddl_run(psprintf("COMMENT ON VIEW %s IS %s", build->name, quote_literal_cstr(comment)));
	view = get_relname_relid(bare, schema);
	ep_registry_set_view(target->id, view);
	if (logged)
		ep_journal_schema_change(stream, view, "create view", NULL, NULL, EP_TYPE_NONE, NULL,
								 mode != NULL ? mode : "maintenance", 0, 0);
}

static void
replace(ViewBuild *build, Oid view)
{
	Relation relation = relation_open(view, NoLock);

	build->name = ep_relation_name(view);
	build->columns = CreateTupleDescCopy(RelationGetDescr(relation));
	relation_close(relation, NoLock);
	keep_columns(build);
	append_columns(build);
	ep_ddl_run(psprintf("CREATE OR REPLACE VIEW %s%s AS SELECT %s FROM %s", build->name, options_of(view),
						build->select.data, ep_relation_name(build->target->relation)));
}

void
ep_view_follow_renames(EpStream *stream, EpTarget *target, Oid view)
{
	char *name = OidIsValid(view) ? ep_relation_name(view) : NULL;
	List *renamed = NIL, *shown = NIL;
	ListCell *cell;

	for (int i = 0; i < target->attribute_count; i++)
		if (strcmp(target->attributes[i].column_name, target->attributes[i].registered_name) != 0)
			renamed = lappend(renamed, &target->attributes[i]);
	/* Aside first: they may have changed names with each other. */
	foreach (cell, renamed)
	{
		EpAttribute *attribute = lfirst(cell);

		if (name == NULL || !ep_ddl_column_exists(view, attribute->registered_name))
			continue;
		ep_ddl_run(psprintf("ALTER VIEW %s RENAME COLUMN %s TO _ep_renamed_%d", name,
							quote_identifier(attribute->registered_name), attribute->attnum));
		shown = lappend(shown, attribute);
	}
	foreach (cell, shown)
	{
		EpAttribute *attribute = lfirst(cell);

		ep_ddl_run(psprintf("ALTER VIEW %s RENAME COLUMN _ep_renamed_%d TO %s", name, attribute->attnum,
							quote_identifier(attribute->column_name)));
	}
	foreach (cell, renamed)
	{
		EpAttribute *attribute = lfirst(cell);

		ep_journal_schema_change(stream, target->relation, "rename column", NULL, attribute->column_name,
								 attribute->type, NULL, "manual", 0, 0);
		attribute->registered_name = attribute->column_name;
	}
	if (renamed != NIL)
		ep_registry_follow_names(target);
}

const char *
ep_view_build(EpStream *stream, EpTarget *target, int budget_ms, const char *mode)
{
	ViewBuild build = {.target = target, .shown = palloc0(Max(target->attribute_count, 1) * sizeof(bool))};
	Oid view = ep_view_of(target);
	ListCell *cell;
	int64 waited_us;

	if (OidIsValid(view))
	{
		const char *refusal = ep_ddl_try_lock(view, budget_ms, &waited_us);

		if (refusal != NULL)
			return refusal;
		view = ep_view_of(target); /* dropped meanwhile? */
	}
	ep_view_follow_renames(stream, target, view);
	initStringInfo(&build.select);
	if (OidIsValid(view))
		replace(&build, view);
	else
		make(&build, stream, mode);
	foreach (cell, build.comments)
		ep_ddl_run(lfirst(cell));
	return NULL;
}

/* ---- apart from what the caller is at ---- */

typedef struct ViewAttempt
{
	EpStream *stream;
	EpTarget *target;
	int budget_ms;
	const char *mode;
} ViewAttempt;

static bool
attempt(void *argument)
{
	ViewAttempt *view = argument;

	return ep_view_build(view->stream, view->target, view->budget_ms, view->mode) == NULL;
}

bool
ep_view_try_build(EpStream *stream, EpTarget *target, int budget_ms, const char *mode)
{
	ViewAttempt view = {stream, target, budget_ms, mode};
	ErrorData *error;

	if (ep_attempt(attempt, &view, &error))
		return true;
	if (error != NULL)
		ereport(DEBUG1, (errmsg("view of \"%s\" was not brought up to date: %s",
								get_rel_name(target->relation), error->message)));
	return false;
}

/* ---- for maintenance and people ---- */

EpTarget *
ep_view_target(Oid relation, EpStream **stream)
{
	static EpStatement statement = {"SELECT s.raw_table, t.route FROM event_pipeline._target t"
									" JOIN event_pipeline._stream s USING (stream_id) WHERE t.relation = $1",
									1,
									{OIDOID}};
	Datum values[1] = {ObjectIdGetDatum(relation)};
	EpTarget *target = NULL;

	if (ep_catalog_read(&statement, values) == 1)
	{
		bool isnull;
		char *route = ep_catalog_text(0, 2);

		*stream = ep_stream_of_raw(DatumGetObjectId(ep_catalog_datum(0, 1, &isnull)));
		target = ep_stream_target(*stream, route);
	}
	if (target == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("table \"%s\" is not the event table of a stream", get_rel_name(relation)),
						errhint("Streams are made by event_pipeline.create_stream().")));
	return target;
}

/*
 * _view_build(event_table regclass) returns regclass: make its view or bring it up to date.  55P03 when others
 * are reading it.  The table is locked first, so that nothing is waited for once the view is locked.
 */
EP_FUNCTION(ep_view_build_function);

Datum
ep_view_build_function(PG_FUNCTION_ARGS)
{
	Oid relation = PG_GETARG_OID(0);
	EpStream *stream;
	EpTarget *target;
	EpRole saved;
	int pinned;

	SPI_connect();
	ep_check_owner(relation);
	LockRelationOid(relation, AccessShareLock);
	target = ep_view_target(relation, &stream);
	ep_target_reload(stream, target);
	saved = ep_role_enter_owner(stream->owner);
	pinned = ep_settings_pin();
	if (ep_view_build(stream, target, stream->lock_budget_ms, NULL) != NULL)
		ereport(ERROR, (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
						errmsg("the view of table \"%s\" is in use", get_rel_name(relation)),
						errhint("Try again when nobody reads it, or leave it to run_maintenance().")));
	ep_settings_unpin(pinned);
	ep_role_leave(saved);
	relation = ep_view_of(target);
	SPI_finish();
	PG_RETURN_OID(relation);
}
