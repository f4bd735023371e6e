/*
 * place.c
 *	  Where an event belongs: its time, and the table that takes it.
 */
#include "ingest/place.h"

#include "core/name.h"
#include "ingest/clock.h"
#include "ingest/evolve.h"
#include "ingest/unexpected.h"
#include "ingest/worker.h"
#include "mb/pg_wchar.h"
#include "schema/attempt.h"
#include "schema/registry.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define MAX_ROUTE_LENGTH 200

/* How many new tables a statement tries in vain before it tries no more. */
#define MAX_REFUSED_ROUTES 20

void
ep_ingest_keys(const EpIngest *ingest, const EpEvent *event, EpKeys *keys)
{
	EpStream *stream = ingest->stream;

	*keys = (EpKeys){NULL, NULL, NULL};
	if (stream->event_time == NULL && stream->event_id == NULL && stream->route_by == NULL)
		return;
	for (uint32 i = 0; i < event->field_count; i++)
	{
		const EpField *field = &event->fields[i];
		uint32 id = field->path->id;
		uint8 role;

		if (id < stream->role_capacity && stream->roles[id] == EP_ROLE_DECIDED)
			continue;
		role = ep_stream_role(stream, field->path);
		if ((role & EP_ROLE_TIME) && keys->time == NULL)
			keys->time = field;
		if ((role & EP_ROLE_ID) && keys->id == NULL)
			keys->id = field;
		if ((role & EP_ROLE_ROUTE) && keys->route == NULL)
			keys->route = field;
	}
}

static EpTargetWork *
work_of_target(EpIngest *ingest, EpTarget *target)
{
	EpTargetWork *work;
	MemoryContext old;

	for (int i = 0; i < ingest->work_count; i++)
		if (ingest->works[i]->target == target)
			return ingest->works[i];
	old = MemoryContextSwitchTo(ingest->context);
	work = palloc0(sizeof(EpTargetWork));
	work->target = target;
	work->is_bare = target->natts <= EP_FIXED_COLUMNS;
	work->last_granule = DT_NOBEGIN;
	if (ingest->work_count == 0)
		ingest->works = palloc(sizeof(EpTargetWork *));
	else
		ingest->works = repalloc(ingest->works, (ingest->work_count + 1) * sizeof(EpTargetWork *));
	ingest->works[ingest->work_count++] = work;
	MemoryContextSwitchTo(old);
	return work;
}

/* The event's route as part of a table name; "" for the stream's own table. */
static const char *
route_of(EpIngest *ingest, const EpEvent *event, const EpKeys *keys, char *buffer)
{
	const EpValue *value = keys->route == NULL ? NULL : &keys->route->value;
	const EpStream *stream = ingest->stream;
	const char *route = event->route;

	if (route != NULL && stream->route_by != NULL)
		route = ep_aliases_route(stream->aliases, stream->route_by, route);
	if (route == event->route && route != NULL)
		return route;
	buffer[0] = '\0';
	if (route != NULL)
		ep_name_from_segment(route, Min(strlen(route), MAX_ROUTE_LENGTH), buffer, EP_NAME_MAX);
	else if (value != NULL && value->kind == EP_TEXT && value->length > 0)
		ep_name_from_segment(value->text, Min(value->length, MAX_ROUTE_LENGTH), buffer, EP_NAME_MAX);
	else if (value != NULL && value->kind == EP_INT)
		snprintf(buffer, EP_NAME_MAX, INT64_FORMAT, value->as.i);
	return buffer;
}

typedef struct RefusedRoute
{
	char route[EP_NAME_MAX + 1]; /* hash key */
	const char *reason;
} RefusedRoute;

/* Trying costs a subtransaction or a worker: once for each route, not once for each event. */
static bool
was_refused(EpIngest *ingest, const char *route)
{
	RefusedRoute *entry;

	if (ingest->refused == NULL)
		return false;
	entry = hash_search(ingest->refused, route, HASH_FIND, NULL);
	if (entry != NULL)
		ingest->refused_route = entry->reason;
	return entry != NULL || hash_get_num_entries(ingest->refused) >= MAX_REFUSED_ROUTES;
}

static void
note_refused(EpIngest *ingest, const char *route, const char *reason)
{
	HASHCTL control = {
		.keysize = EP_NAME_MAX + 1, .entrysize = sizeof(RefusedRoute), .hcxt = ingest->context};
	RefusedRoute *entry;

	if (ingest->refused == NULL)
		ingest->refused = hash_create("event_pipeline refused routes", MAX_REFUSED_ROUTES, &control,
									  HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	entry = hash_search(ingest->refused, route, HASH_ENTER, NULL);
	entry->reason = MemoryContextStrdup(ingest->context, reason);
}

/* The target of a route that another session has made since we last looked. */
static EpTarget *
look_for_target(EpStream *stream, const char *route)
{
	Oid relation;
	int id = ep_registry_find_target(stream, route, &relation);
	EpTarget *target;

	if (id == 0)
		return NULL;
	target = ep_stream_add_target(stream, id, relation, route);
	ep_target_reload(stream, target);
	return target;
}

/* Make the table for a new route; NULL when it is not to be had. */
static EpTarget *
make_target(EpIngest *ingest, const char *route, int64 raw_id)
{
	EpStream *stream = ingest->stream;
	EpTableChange change = {.stream = stream, .route = route, .raw_id = raw_id, .mode = "inline"};
	EpTarget *target = look_for_target(stream, route);
	ErrorData *error = NULL;
	bool done;

	if (target != NULL)
		return target;
	ingest->surprises++;
	ep_ingest_pin(ingest);
	if (ep_worker_is_wanted(stream->event_relation))
		done = ep_worker_table(&change);
	else
		done = ep_attempt(ep_evolve_table, &change, &error);
	stream->stale = true;
	target = look_for_target(stream, route); /* ours, or that of somebody who was faster */
	if (target == NULL)
		note_refused(ingest, route,
					 error != NULL ? error->message
					 : !done       ? change.refusal
								   : "another transaction has made the table");
	return target;
}

/* The target that takes the event, made if it is new and make is true; NULL when there is none. */
static EpTargetWork *
find_work(EpIngest *ingest, const EpEvent *event, const EpKeys *keys, bool make, int64 raw_id)
{
	char buffer[EP_NAME_MAX + 1];
	const char *route = route_of(ingest, event, keys, buffer);
	EpTarget *target;

	if (ingest->last_route != NULL && strcmp(ingest->last_route, route) == 0)
		return ingest->last_work;
	target = ep_stream_target(ingest->stream, route);
	if (target == NULL &&
		ep_contract_of_stream(ingest->stream->contract, EP_CONTRACT_TABLES) != EP_POLICY_EVOLVE)
	{
		if (!ep_unexpected_route(ingest, route))
			return NULL;
		target = ep_stream_target(ingest->stream, "");
	}
	if (target == NULL && !was_refused(ingest, route) && make)
		target = make_target(ingest, route, raw_id);
	if (target == NULL)
		return NULL;
	if (ingest->last_route != NULL)
		pfree(ingest->last_route);
	ingest->last_route = MemoryContextStrdup(ingest->context, route);
	ingest->last_work = work_of_target(ingest, target);
	return ingest->last_work;
}

void
ep_ingest_place(EpIngest *ingest, const EpRawRow *row, const EpEvent *event, bool make, EpPlace *place)
{
	ep_ingest_keys(ingest, event, &place->keys);
	place->work = NULL;
	place->code =
		ep_clock_read(ingest->stream, event, place->keys.time, row->received_at, &place->time, &place->error);
	if (place->code == EP_OK)
		place->work = find_work(ingest, event, &place->keys, make, row->raw_id);
}

bool
ep_ingest_is_discarded(EpIngest *ingest, const EpEvent *event, const EpKeys *keys)
{
	char buffer[EP_NAME_MAX + 1];

	return ep_contract_of_stream(ingest->stream->contract, EP_CONTRACT_TABLES) == EP_POLICY_DISCARD &&
		   ep_stream_target(ingest->stream, route_of(ingest, event, keys, buffer)) == NULL;
}
