/*
 * type_map.c
 *	  Our column types and the server's: one table.
 */
#include "schema/type_map.h"

#include "catalog/pg_type.h"

#define TOAST_POINTER_WIDTH 18

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
	{EP_TYPE_INT4, INT4OID, INT4ARRAYOID, 4, "integer", "integer[]"},
	{EP_TYPE_INT8, INT8OID, INT8ARRAYOID, 8, "bigint", "bigint[]"},
	{EP_TYPE_FLOAT4, FLOAT4OID, FLOAT4ARRAYOID, 4, "real", "real[]"},
	{EP_TYPE_FLOAT8, FLOAT8OID, FLOAT8ARRAYOID, 8, "double precision", "double precision[]"},
	{EP_TYPE_NUMERIC, NUMERICOID, NUMERICARRAYOID, TOAST_POINTER_WIDTH, "numeric", "numeric[]"},
	{EP_TYPE_TEXT, TEXTOID, TEXTARRAYOID, TOAST_POINTER_WIDTH, "text", "text[]"},
	{EP_TYPE_BYTEA, BYTEAOID, BYTEAARRAYOID, TOAST_POINTER_WIDTH, "bytea", "bytea[]"},
	{EP_TYPE_JSONB, JSONBOID, JSONBARRAYOID, TOAST_POINTER_WIDTH, "jsonb", "jsonb[]"},
	{EP_TYPE_TIMESTAMPTZ, TIMESTAMPTZOID, TIMESTAMPTZARRAYOID, 8, "timestamp with time zone",
	 "timestamp with time zone[]"},
	{EP_TYPE_INTERVAL, INTERVALOID, INTERVALARRAYOID, 16, "interval", "interval[]"},
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

int
ep_type_worst_width(EpType type)
{
	if (type <= EP_TYPE_NONE || type >= EP_TYPE_COUNT)
		return TOAST_POINTER_WIDTH;
	return types[type - 1].width;
}
