/*
 * evolve.c
 *	  Between the passes: give wished attributes their columns, and rows their partitions.
 *
 * One ALTER per target, targets in OID order, under locks that are tried and never waited for.  Where: in
 * this backend when the statement is a transaction of its own or the table is this transaction's; by a
 * worker that commits at once inside a transaction block, unless this transaction holds a lock on the
 * table; else not now.  Whatever cannot be had now is rescued for this statement with its reason;
 * nothing here makes the client's statement fail.
 */
#include "ingest/evolve.h"

#include "ingest/caps.h"
#include "ingest/gather.h"
#include "ingest/passes.h"
#include "ingest/survey.h"
#include "ingest/worker.h"
#include "schema/attempt.h"
#include "schema/registry.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"

/* A name of many letters has millions of spellings; those beyond these go to their column unlisted. */
#define MAX_SPELLINGS 20

typedef struct Evolution
{
	EpIngest *ingest;
	EpTargetWork *work;
	EpColumnChange change;
	int made; /* columns, in the rounds before */
} Evolution;

/* ---- deciding which columns ---- */

/* What was said of the path for this target, else what has been said of it since. */
static const char *
comment_of(const EpWish *wish)
{
	return wish->comment != NULL ? wish->comment : wish->path->comment;
}

/* The wish finds its candidate, needs none, or gets a reason why it has none. */
static void
gather_wish(Evolution *evolution, EpGather *gather, EpWish *wish)
{
	wish->place = -1;
	if (wish->path == NULL)
		return;
	wish->identity = ep_path_identity(wish->path, &evolution->ingest->lasting);
	if (wish->identity == NULL)
		wish->reason = "limit";
	else if (wish->guess.type == EP_TYPE_NONE)
		wish->reason = "type";
	else
		wish->place = ep_gather_add(gather, &(EpNewAttribute){.identity = wish->identity,
															  .path = wish->path,
															  .comment = comment_of(wish),
															  .guess = wish->guess,
															  .count = wish->count,
															  .raw_id = wish->raw_id});
}

/* Room for the new columns of this round, within what the one before has left. */
static int
room_for(Evolution *evolution, const char **no_room)
{
	EpStream *stream = evolution->ingest->stream;
	int room = ep_caps_room(stream, evolution->work->target, no_room);
	int left = Max(stream->max_new_columns - evolution->made, 0);

	if (left < room)
		*no_room = "rate";
	return Min(room, left);
}

static void
gather_wishes(Evolution *evolution)
{
	EpTargetWork *work = evolution->work;
	const char *no_room;
	EpGather gather;
	bool *kept;

	ep_gather_begin(&gather, &evolution->change, work->wish_count);
	for (int i = 0; i < work->wish_count; i++)
		gather_wish(evolution, &gather, &work->wishes[i]);
	if (evolution->change.count == 0)
		return;
	kept = ep_gather_cut(&gather, room_for(evolution, &no_room));
	for (int i = 0; i < work->wish_count; i++)
		if (work->wishes[i].place >= 0 && !kept[work->wishes[i].place])
			work->wishes[i].reason = no_room;
}

/* ---- columns ---- */

static void
note_refusal(Evolution *evolution)
{
	EpColumnChange *change = &evolution->change;

	for (int i = 0; i < change->count; i++)
		ep_journal_schema_change(change->stream, change->target->relation, "rescue",
								 ep_path_to_text(change->attributes[i].path, change->arena), NULL,
								 change->attributes[i].guess.type, change->refusal, "deferred",
								 change->waited_us, change->attributes[i].raw_id);
}

/* Here, by a worker, or not now. */
static bool
make_columns(EpColumnChange *change)
{
	ErrorData *error;

	if (ep_worker_is_wanted(change->target->relation))
	{
		change->refusal = "lock";
		return !ep_worker_would_wait(change->target->relation) && ep_worker_columns(change);
	}
	if (ep_attempt(ep_evolve_columns, change, &error))
		return true;
	if (error != NULL)
	{
		ereport(DEBUG1, (errmsg("columns were not added: %s", error->message)));
		change->refusal = ep_evolve_refusal(error);
	}
	return false;
}

/* Another spelling of an attribute goes to its column, and is listed. */
static void
add_spelling(EpIngest *ingest, EpTarget *target, EpAttribute *attribute, const EpWish *wish)
{
	if (attribute->type == EP_TYPE_NONE || attribute->spellings >= MAX_SPELLINGS ||
		!ep_registry_try_lock(target->id, EP_REGISTRY_SPELLINGS))
		return;
	attribute->spellings++;
	ep_registry_add_path(target, ep_path_to_text(wish->path, &ingest->lasting), wish->identity,
						 attribute->registered_name, attribute->attnum, attribute->type, false,
						 comment_of(wish), wish->raw_id);
}

/* Every wish gets its column, or the reason why its values are rescued. */
static void
settle(Evolution *evolution)
{
	EpStream *stream = evolution->ingest->stream;
	EpTarget *target = evolution->work->target;

	for (int i = 0; i < evolution->work->wish_count; i++)
	{
		EpWish *wish = &evolution->work->wishes[i];
		const char *reason = wish->reason != NULL ? wish->reason : evolution->change.refusal;
		EpAttribute *attribute;
		EpColumn *column;

		if (wish->path == NULL)
			continue;
		column = ep_target_column(target, wish->path, stream->context);
		attribute = wish->identity == NULL ? NULL : ep_target_attribute(target, wish->identity);
		if (attribute == NULL)
		{
			*column = (EpColumn){.state = EP_COLUMN_RESCUED, .reason = reason ? reason : "limit"};
			continue;
		}
		if (column->state != EP_COLUMN_KNOWN) /* the reload does not know this spelling */
		{
			*column = ep_target_attribute_column(target, attribute);
			add_spelling(evolution->ingest, target, attribute, wish);
		}
		if (!ep_target_holds(target, attribute, &wish->guess))
			attribute->refusal = reason;
	}
}

bool
ep_ingest_hold(EpIngest *ingest, EpTargetWork *work)
{
	EpTarget *target = work->target;

	LockRelationOid(target->relation, RowExclusiveLock);
	if (!target->changed)
		return true;
	target->changed = false;
	ep_target_reload(ingest->stream, target);
	return false;
}

/* Make what the wishes lack; false when they lacked nothing, or it cannot be made now. */
static bool
make_wished(Evolution *evolution)
{
	EpColumnChange *change = &evolution->change;

	gather_wishes(evolution);
	if (change->count == 0)
		return false;
	for (int i = 0; i < change->count; i++)
		evolution->made += change->attributes[i].declared == InvalidAttrNumber;
	if (!make_columns(change))
	{
		note_refusal(evolution);
		return false;
	}
	evolution->work->target->changed = false;
	ep_target_reload(change->stream, change->target);
	return true;
}

static void
evolve_columns(EpIngest *ingest, EpTargetWork *work)
{
	Evolution evolution = {
		ingest, work, {.stream = ingest->stream, .target = work->target, .mode = "inline"}};

	evolution.change.arena = &ingest->lasting;
	/*
	 * Once more: a column that its owner had made may not hold what came for it, which then needs a variant.  Before the table
	 * is held: a worker would wait for us.
	 */
	if (make_wished(&evolution))
		(void) make_wished(&evolution);
	(void) ep_ingest_hold(ingest, work);
	settle(&evolution);
}

/* ---- partitions ---- */

/* By a worker inside a transaction block, so that nobody who needs one too waits for our client.  NULL, or why there are none. */
static const char *
make_partitions(EpPartitionChange *change)
{
	ErrorData *error;
	char *problem;

	if (ep_worker_is_wanted(change->target->relation) && ep_worker_partitions(change))
		return NULL;
	/* Once more after a deadlock or a lock timeout: who was in our way has most likely made them. */
	if (ep_attempt(ep_evolve_partitions, change, &error) ||
		(strcmp(ep_evolve_refusal(error), "lock") == 0 && ep_attempt(ep_evolve_partitions, change, &error)))
		return NULL;
	problem = psprintf("could not create partitions of \"%s\": %s", get_rel_name(change->target->relation),
					   error->message);
	ereport(WARNING,
			(errmsg("%s", problem), errdetail("Events that need them are rejected; their raw rows stay.")));
	return problem;
}

static int
compare_times(const void *a, const void *b)
{
	TimestampTz x = *(const TimestampTz *) a, y = *(const TimestampTz *) b;

	return x < y ? -1 : x > y;
}

static void
evolve_partitions(EpIngest *ingest, EpTargetWork *work)
{
	EpPartitionChange change = {
		.stream = ingest->stream, .target = work->target, .times = work->missing, .mode = "inline"};
	int kept = 0;

	qsort(work->missing, work->missing_count, sizeof(TimestampTz), compare_times);
	for (int i = 0; i < work->missing_count; i++)
		if (i == 0 || work->missing[i] != work->missing[i - 1])
			work->missing[kept++] = work->missing[i];
	change.count = kept;
	work->no_partition = make_partitions(&change);
	work->target->coverage = NULL;
}

static int
compare_relations(const void *a, const void *b)
{
	Oid x = (*(EpTargetWork *const *) a)->target->relation,
		y = (*(EpTargetWork *const *) b)->target->relation;

	return x < y ? -1 : x > y;
}

void
ep_ingest_evolve(EpIngest *ingest)
{
	MemoryContext old = MemoryContextSwitchTo(ingest->context);

	qsort(ingest->works, ingest->work_count, sizeof(EpTargetWork *), compare_relations);
	/* Making partitions may wait for others who do: before we hold locks that they may wait for. */
	for (int i = 0; i < ingest->work_count; i++)
		if (ingest->works[i]->missing_count > 0)
			evolve_partitions(ingest, ingest->works[i]);
	for (int i = 0; i < ingest->work_count; i++)
		evolve_columns(ingest, ingest->works[i]);
	MemoryContextSwitchTo(old);
}
