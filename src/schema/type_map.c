/*
 * type_map.c
 *	  Our column types and the server's: one table.
 */
#include "schema/type_map.h"

#include "catalog/pg_type.h"

/*
 * Widths count the padding that may come before the value.  What has no fixed length leaves the row
 * when it is longer than 24 bytes with its header, and is then 18; or it is compressed to 24 at
 * most, and aligned.
 */
#define VARIABLE_WIDTH (24 + 3)

static const struct
{
	EpType type;
	Oid oid;
	Oid array_oid;
	int width;
	const char *name;
	const char *array_name;
} types[] = {
	{EP_TYPE_BOOL, BOOLOID, BOOLARRAYOID, 1, "boolean", "boolean[]"},
	{EP_TYPE_INT4, INT4OID, INT4ARRAYOID, 7, "integer", "integer[]"},
	{EP_TYPE_INT8, INT8OID, INT8ARRAYOID, 15, "bigint", "bigint[]"},
	{EP_TYPE_FLOAT4, FLOAT4OID, FLOAT4ARRAYOID, 7, "real", "real[]"},
	{EP_TYPE_FLOAT8, FLOAT8OID, FLOAT8ARRAYOID, 15, "double precision", "double precision[]"},
	{EP_TYPE_NUMERIC, NUMERICOID, NUMERICARRAYOID, VARIABLE_WIDTH, "numeric", "numeric[]"},
	{EP_TYPE_TEXT, TEXTOID, TEXTARRAYOID, VARIABLE_WIDTH, "text", "text[]"},
	{EP_TYPE_BYTEA, BYTEAOID, BYTEAARRAYOID, VARIABLE_WIDTH, "bytea", "bytea[]"},
	{EP_TYPE_JSONB, JSONBOID, JSONBARRAYOID, VARIABLE_WIDTH, "jsonb", "jsonb[]"},
	{EP_TYPE_TIMESTAMPTZ, TIMESTAMPTZOID, TIMESTAMPTZARRAYOID, 15, "timestamp with time zone",
	 "timestamp with time zone[]"},
	{EP_TYPE_INTERVAL, INTERVALOID, INTERVALARRAYOID, 23, "interval", "interval[]"},
};

StaticAssertDecl(lengthof(types) == EP_TYPE_COUNT - 1, "every column type is mapped");

Oid
ep_type_oid(EpType type)
{
	bool array = type >= EP_TYPE_ARRAY;
	int i = (array ? type - EP_TYPE_ARRAY : type) - 1;

	if (i < 0 || i >= (int) lengthof(types))
		return InvalidOid;
	return array ? types[i].array_oid : types[i].oid;
}

EpType
ep_type_from_oid(Oid oid)
{
	for (int i = 0; i < (int) lengthof(types); i++)
	{
		if (types[i].oid == oid)
			return types[i].type;
		if (types[i].array_oid == oid)
			return EP_TYPE_ARRAY + types[i].type;
	}
	return EP_TYPE_NONE;
}

const char *
ep_type_name(EpType type)
{
	bool array = type >= EP_TYPE_ARRAY;
	int i = (array ? type - EP_TYPE_ARRAY : type) - 1;

	if (i < 0 || i >= (int) lengthof(types))
		return "unknown";
	return array ? types[i].array_name : types[i].name;
}

const char *
ep_type_suffix(EpType type)
{
	switch (type >= EP_TYPE_ARRAY ? type - EP_TYPE_ARRAY : type)
	{
		case EP_TYPE_FLOAT8:
			return type >= EP_TYPE_ARRAY ? "double_array" : "double";
		case EP_TYPE_TIMESTAMPTZ:
			return type >= EP_TYPE_ARRAY ? "timestamptz_array" : "timestamptz";
		default:
			return type >= EP_TYPE_ARRAY ? psprintf("%s_array", ep_type_name(type - EP_TYPE_ARRAY))
										 : ep_type_name(type);
	}
}

int
ep_type_worst_width(EpType type)
{
	if (type <= EP_TYPE_NONE || type >= EP_TYPE_COUNT)
		return VARIABLE_WIDTH;
	return types[type - 1].width;
}
