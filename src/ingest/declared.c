/*
 * declared.c
 *	  Columns that users make before the attribute comes.
 */
#include "ingest/declared.h"

#include "ddl/column.h"
#include "utils/lsyscache.h"

/* The name that the attribute's column has in a table of the stream, its own table first; NULL: in none. */
static const char *
name_in_stream(const EpStream *stream, const char *identity)
{
	for (int i = 0; i < stream->target_count; i++)
	{
		const EpAttribute *attribute = ep_target_attribute(stream->targets[i], identity);

		if (attribute != NULL && attribute->attnum != InvalidAttrNumber)
			return attribute->column_name;
	}
	return NULL;
}

void
ep_declared_name(const EpStream *stream, const EpPath *path, const char *identity, char name[EP_NAME_MAX + 1])
{
	const char *known = identity == NULL ? NULL : name_in_stream(stream, identity);

	if (known != NULL)
		strlcpy(name, known, EP_NAME_MAX + 1);
	else
		ep_name_from_path(path, name);
}

/* Has it a column that is neither ours nor an attribute's?  Dropped ones make it seem so. */
static bool
may_have_any(const EpTarget *target)
{
	int columns = target->natts - EP_FIXED_COLUMNS;

	for (int i = 0; i < target->attribute_count; i++)
		columns -= target->attributes[i].attnum != InvalidAttrNumber;
	return columns > 0;
}

AttrNumber
ep_declared_column(const EpStream *stream, const EpTarget *target, const EpPath *path, const char *identity)
{
	char name[EP_NAME_MAX + 1];

	if (!may_have_any(target))
		return InvalidAttrNumber;
	ep_declared_name(stream, path, identity, name);
	for (int i = 0; i < target->attribute_count; i++)
		if (strcmp(target->attributes[i].column_name, name) == 0)
			return InvalidAttrNumber;
	return ep_ddl_column_type(target->relation, name) == EP_TYPE_NONE ? InvalidAttrNumber
																	  : get_attnum(target->relation, name);
}
