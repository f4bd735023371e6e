/*
 * statement.c
 *	  One ingest run: setting up, walking the rows, finding the target, accounting.
 *
 * Memory: `event pipeline statement` holds what lives as long as the run; the decoder's arenas are
 * children of it and bounded, so that one hostile payload cannot take the server's memory.
 */
#include "ingest/statement.h"

#include "core/interrupt_server.h"
#include "core/memory_server.h"
#include "core/name.h"
#include "ingest/clock.h"
#include "ingest/evolve.h"
#include "ingest/unexpected.h"
#include "ingest/wanted.h"
#include "ingest/worker.h"
#include "schema/attempt.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "schema/registry.h"
#include "schema/role.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* What the decoding of one event, one payload, one statement may take. */
#define MAX_EVENT_BYTES ((size_t) 512 * 1024 * 1024)
#define MAX_PAYLOAD_BYTES ((size_t) 512 * 1024 * 1024)
#define MAX_LASTING_BYTES ((size_t) 256 * 1024 * 1024)
#define MAX_ROUTE_LENGTH 200

/* How many new tables a statement tries in vain before it tries no more. */
#define MAX_REFUSED_ROUTES 20

static EpIngest *
begin(EpStream *stream, EpRawSource *source)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "event_pipeline statement", ALLOCSET_DEFAULT_SIZES);
	EpIngest *ingest = MemoryContextAllocZero(context, sizeof(EpIngest));
	EpAllocator allocator = ep_palloc_allocator(context);

	ingest->stream = stream;
	ingest->source = source;
	ingest->context = context;
	ingest->row_context = AllocSetContextCreate(context, "event_pipeline raw row", ALLOCSET_DEFAULT_SIZES);
	ingest->event_context = AllocSetContextCreate(context, "event_pipeline event", ALLOCSET_DEFAULT_SIZES);
	ep_arena_init(&ingest->lasting, allocator, MAX_LASTING_BYTES);
	ep_arena_init(&ingest->payload, allocator, MAX_PAYLOAD_BYTES);
	ep_arena_init(&ingest->event_arena, allocator, MAX_EVENT_BYTES);
	ingest->decoder.format = stream->format;
	ingest->decoder.paths = &stream->paths;
	ingest->decoder.arena = &ingest->event_arena;
	ingest->decoder.payload = &ingest->payload;
	ingest->decoder.lasting = &ingest->lasting;
	ingest->decoder.schema = stream->message;
	ingest->decoder.schema_ids = stream->schema_ids;
	ingest->decoder.options = stream->options;
	ingest->decoder.interrupted = ep_interrupted;
	ep_rescue_init(&ingest->rescue, &ingest->event_arena, context);
	return ingest;
}

/* ---- walking ---- */

static bool
is_wanted(EpIngest *ingest, const EpRawRow *row, int32 seq)
{
	return ingest->source->wants == NULL || ingest->source->wants(ingest->source, row, seq);
}

/* Whatever the visitor allocates without further thought is gone afterwards: events are many. */
static void
visit(EpIngest *ingest, const EpVisitor *visitor, const EpRawRow *row, int32 seq, EpEvent *event,
	  bool refused)
{
	MemoryContext old = MemoryContextSwitchTo(ingest->event_context);

	if (refused)
		visitor->refused(ingest, row, seq, event, &ingest->decoder.error);
	else
		visitor->event(ingest, row, seq, event);
	MemoryContextSwitchTo(old);
	MemoryContextReset(ingest->event_context);
}

static void
walk_row(EpIngest *ingest, const EpRawRow *row, const EpVisitor *visitor, int32 from)
{
	EpDecoder *decoder = &ingest->decoder;
	EpEvent event;
	EpCode code;
	int32 seq = 0;

	ep_event_reset(&event);
	ep_arena_reset(&ingest->payload);
	ep_arena_reset(&ingest->event_arena);
	if (row->payload == NULL || (row->length == 0 && !decoder->format->empty_is_event))
	{
		ep_fail(&decoder->error, EP_E_MISSING, 0,
				row->payload == NULL ? "payload is null" : "payload is empty");
		visit(ingest, visitor, row, 0, &event, true);
		return;
	}
	if (decoder->format->open(decoder, row->payload, row->length) != EP_OK)
	{
		event.bytes = row->payload;
		event.length = row->length;
		visit(ingest, visitor, row, 0, &event, true);
		return;
	}
	for (;;)
	{
		ep_arena_reset(&ingest->event_arena);
		ep_event_reset(&event);
		code = decoder->format->next(decoder, &event);
		CHECK_FOR_INTERRUPTS();
		if (code == EP_DONE)
			break;
		seq++;
		if (seq < from || !is_wanted(ingest, row, seq))
			continue;
		if (code == EP_OK && !ep_aliases_apply(ingest->stream->aliases, &event, &ingest->event_arena))
			code = ep_fail(&decoder->error, EP_E_MEMORY, event.offset, "event does not fit into its memory");
		visit(ingest, visitor, row, seq, &event, code != EP_OK);
		if (ingest->stopped)
			break;
	}
}

void
ep_ingest_walk(EpIngest *ingest, const EpVisitor *visitor)
{
	bool counts = visitor->first && ingest->source->wants == NULL;
	EpRawSource *source = ingest->source;
	EpRawRow row;

	source->rewind(source);
	while (!ingest->stopped && source->next(source, ingest->row_context, &row))
	{
		int32 from = row.raw_id == source->first_id ? source->first_seq : 0;

		if (counts && from == 0) /* else it was counted when walking stopped there */
		{
			ingest->counters->raw_rows++;
			ingest->counters->bytes += row.length;
		}
		walk_row(ingest, &row, visitor, from);
		MemoryContextReset(ingest->row_context);
	}
}

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

/* ---- routing ---- */

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

EpTargetWork *
ep_ingest_route(EpIngest *ingest, const EpEvent *event, const EpKeys *keys, bool make, int64 raw_id)
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
		place->work = ep_ingest_route(ingest, event, &place->keys, make, row->raw_id);
}

bool
ep_ingest_is_discarded(EpIngest *ingest, const EpEvent *event, const EpKeys *keys)
{
	char buffer[EP_NAME_MAX + 1];

	return ep_contract_of_stream(ingest->stream->contract, EP_CONTRACT_TABLES) == EP_POLICY_DISCARD &&
		   ep_stream_target(ingest->stream, route_of(ingest, event, keys, buffer)) == NULL;
}

/* ---- accounting ---- */

EpCounted
ep_ingest_counted(EpIngest *ingest, const EpRawRow *raw, int32 seq)
{
	EpRawSource *source = ingest->source;

	return source->counted == NULL ? EP_COUNTED_NO : source->counted(source, raw, seq);
}

void
ep_ingest_count_rejected(EpIngest *ingest, const char *stage, EpCounted counted)
{
	ep_counters_reject(ingest->counters, stage, 1);
	ingest->counters->typed_again += counted == EP_COUNTED;
}

void
ep_ingest_reject(EpIngest *ingest, const EpRawRow *row, int32 seq, const char *stage, const EpError *error,
				 const char *detail, const char *bytes, size_t length)
{
	EpRejection rejection = {.raw_id = row->raw_id,
							 .seq = seq,
							 .stage = stage,
							 .path = error->path,
							 .expected = error->expected,
							 .found = error->found,
							 .sqlstate = ep_sqlstate(error->code),
							 .message = error->message,
							 .detail = detail,
							 .bytes = bytes,
							 .length = length};

	ep_journal_reject(ingest->stream, &rejection);
	ep_ingest_count_rejected(ingest, stage, ep_ingest_counted(ingest, row, seq));
}

static void
account(EpIngest *ingest)
{
	for (int i = 0; i < ingest->work_count; i++)
	{
		EpTargetWork *work = ingest->works[i];
		HASH_SEQ_STATUS scan;
		TimestampTz *granule, *granules;
		int count = 0;

		ep_wanted_append(ingest, work);
		if (work->granules == NULL)
			continue;
		granules = palloc(hash_get_num_entries(work->granules) * sizeof(TimestampTz));
		hash_seq_init(&scan, work->granules);
		while ((granule = hash_seq_search(&scan)) != NULL)
			granules[count++] = *granule;
		ep_journal_invalidate(work->target->id, granules, count);
	}
}

static void
start_decoder(EpIngest *ingest)
{
	const EpFormat *format = ingest->stream->format;

	if (format->begin(&ingest->decoder) != EP_OK)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("decoder for format \"%s\" could not start: %s", format->name,
							   ingest->decoder.error.message)));
}

void
ep_ingest_pin(EpIngest *ingest)
{
	if (ingest->pinned == 0)
		ingest->pinned = ep_settings_pin();
}

/* Everything that a run over rows of a stream does, as the owner of its tables. */
static bool
run(EpStream *stream, EpRawSource *source, EpCounters *counters, bool (*body)(EpIngest *))
{
	EpIngest *ingest = begin(stream, source);
	EpRole saved = ep_role_enter_owner(stream->owner);
	bool result;

	ingest->counters = counters;
	start_decoder(ingest);
	result = body(ingest);
	account(ingest);
	ep_settings_unpin(ingest->pinned);
	ep_role_leave(saved);
	MemoryContextDelete(ingest->context);
	return result;
}

static bool
run_all(EpIngest *ingest)
{
	ep_ingest_pin(ingest);
	ep_ingest_survey(ingest);
	ep_ingest_evolve(ingest);
	ep_ingest_write(ingest);
	return true;
}

void
ep_ingest_run(EpStream *stream, EpRawSource *source, EpCounters *counters)
{
	(void) run(stream, source, counters, run_all);
	ep_journal_count(stream, counters);
}

bool
ep_ingest_some(EpStream *stream, EpRawSource *source, EpCounters *counters)
{
	return run(stream, source, counters, ep_ingest_direct);
}

void
ep_ingest_read(EpStream *stream, EpRawSource *source, const EpVisitor *visitor)
{
	EpIngest *ingest = begin(stream, source);
	EpRole saved = ep_role_enter_owner(stream->owner);

	ep_ingest_pin(ingest);
	start_decoder(ingest);
	ep_ingest_walk(ingest, visitor);
	ep_settings_unpin(ingest->pinned);
	ep_role_leave(saved);
	MemoryContextDelete(ingest->context);
}
