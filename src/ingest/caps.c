/*
 * caps.c
 *	  How many columns a table may still get.
 */
#include "ingest/caps.h"

#include "schema/registry.h"

int
ep_caps_room(const EpStream *stream, const EpTarget *target, const char **reason)
{
	int limit = stream->max_columns - target->natts;
	int rate =
		Min(stream->max_new_columns, stream->max_columns_per_hour - ep_registry_recent_columns(target));

	*reason = limit < rate ? "limit" : "rate";
	return Max(Min(limit, rate), 0);
}
