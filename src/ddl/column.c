/*
 * column.c
 *	  Adding columns to an event table.
 */
#include "ddl/column.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "schema/relation.h"
#include "schema/type_map.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

void
ep_ddl_run(const char *sql)
{
	int code = SPI_execute(sql, false, 0);

	if (code < 0)
		elog(ERROR, "could not run \"%s\": %s", sql, SPI_result_code_string(code));
	CommandCounterIncrement();
}

bool
ep_ddl_column_exists(Oid relation, const char *name)
{
	return get_attnum(relation, name) != InvalidAttrNumber;
}

EpType
ep_ddl_column_type(Oid relation, const char *name)
{
	HeapTuple tuple = SearchSysCacheAttName(relation, name);
	Form_pg_attribute attribute;
	EpType type = EP_TYPE_NONE;

	if (!HeapTupleIsValid(tuple))
		return EP_TYPE_NONE;
	attribute = (Form_pg_attribute) GETSTRUCT(tuple);
	if (attribute->attnum > 0 && attribute->attgenerated == '\0' && attribute->atttypmod == -1)
		type = ep_type_from_oid(attribute->atttypid);
	ReleaseSysCache(tuple);
	return type;
}

static void
comment_on_column(const char *table, const EpNewColumn *column)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "COMMENT ON COLUMN %s.%s IS %s", table, quote_identifier(column->name),
					 quote_literal_cstr(column->comment));
	ep_ddl_run(sql.data);
	pfree(sql.data);
}

void
ep_ddl_add_columns(Oid relation, const EpNewColumn *columns, int count)
{
	char *table = ep_relation_name(relation);
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "ALTER TABLE %s", table);
	for (int i = 0; i < count; i++)
		appendStringInfo(&sql, "%s ADD COLUMN %s %s", i > 0 ? "," : "", quote_identifier(columns[i].name),
						 ep_type_name(columns[i].type));
	ep_ddl_run(sql.data);
	pfree(sql.data);
	for (int i = 0; i < count; i++)
		if (columns[i].comment != NULL)
			comment_on_column(table, &columns[i]);
}
