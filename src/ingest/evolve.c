/*
 * evolve.c
 *	  Between the passes: give wished attributes their columns, and rows their partitions.
 *
 * One ALTER per target, targets in OID order, under locks that are tried and never waited for.  Whatever
 * cannot be had now is rescued for this statement with its reason; nothing here makes the client's
 * statement fail.
 */
#include "core/name.h"
#include "ddl/column.h"
#include "ddl/try_lock.h"
#include "ingest/survey.h"
#include "schema/attempt.h"
#include "schema/registry.h"
#include "utils/lsyscache.h"

/* One new attribute: the wishes that are its spellings share identity. */
typedef struct NewAttribute
{
	const char *identity;
	EpPath *path; /* the spelling seen first */
	EpType type;
	bool wide; /* integers that float8 does not hold exactly are among its values */
	int64 raw_id;
	bool adopted; /* a user had made the column beforehand */
	char name[EP_NAME_MAX + 1];
} NewAttribute;

typedef struct Evolution
{
	EpIngest *ingest;
	EpTargetWork *work;
	NewAttribute *attributes;
	int count;
	const char *refusal; /* why nothing was added */
	int64 waited_us;
} Evolution;

/* ---- deciding ---- */

static NewAttribute *
find_new(Evolution *evolution, const char *identity)
{
	for (int i = 0; i < evolution->count; i++)
		if (strcmp(evolution->attributes[i].identity, identity) == 0)
			return &evolution->attributes[i];
	return NULL;
}

/* One wish becomes a new attribute, joins one, or gets a reason why not. */
static void
gather_wish(Evolution *evolution, EpWish *wish)
{
	EpStream *stream = evolution->ingest->stream;
	NewAttribute *attribute = find_new(evolution, wish->identity);

	if (attribute != NULL)
	{
		EpType joined = ep_type_join(attribute->type, wish->guess.type, wish->untyped);

		attribute->wide |= wish->guess.wide;
		if (joined == EP_TYPE_FLOAT8 && attribute->wide)
			joined = EP_TYPE_NUMERIC;
		if (joined != EP_TYPE_NONE)
			attribute->type = joined;
	}
	else if (evolution->count >= stream->max_new_columns)
		wish->reason = "rate";
	else if (evolution->work->target->natts + evolution->count >= stream->max_columns)
		wish->reason = "limit";
	else
		evolution->attributes[evolution->count++] = (NewAttribute){
			wish->identity, wish->path, wish->guess.type, wish->guess.wide, wish->raw_id, false, ""};
}

static void
gather(Evolution *evolution)
{
	EpTargetWork *work = evolution->work;

	evolution->attributes = palloc(sizeof(NewAttribute) * evolution->ingest->stream->max_new_columns);
	for (int i = 0; i < work->wish_count; i++)
	{
		EpWish *wish = &work->wishes[i];

		wish->identity = ep_path_identity(wish->path, &evolution->ingest->lasting);
		if (wish->identity == NULL)
			wish->reason = "limit";
		else if (wish->guess.type == EP_TYPE_NONE)
			wish->reason = "type";
		else if (ep_target_attribute(work->target, wish->identity) == NULL)
			gather_wish(evolution, wish);
	}
}

static bool
name_taken(Evolution *evolution, const char *name)
{
	EpTarget *target = evolution->work->target;

	for (int i = 0; i < target->attribute_count; i++)
		if (strcmp(target->attributes[i].column_name, name) == 0)
			return true;
	for (int i = 0; i < evolution->count; i++)
		if (strcmp(evolution->attributes[i].name, name) == 0)
			return true;
	return false;
}

/*
 * Choose the column's name.  A column that a user made beforehand under that very name is adopted
 * when its type is one we write: a declared column.
 */
static void
choose_name(Evolution *evolution, NewAttribute *attribute)
{
	Oid relation = evolution->work->target->relation;
	char name[EP_NAME_MAX + 1];
	EpType existing;

	ep_name_from_path(attribute->path, name);
	existing = ep_ddl_column_type(relation, name);
	if (name_taken(evolution, name) || (existing == EP_TYPE_NONE && ep_ddl_column_exists(relation, name)))
		ep_name_distinguish(attribute->path, name);
	else if (existing != EP_TYPE_NONE)
	{
		attribute->adopted = true;
		attribute->type = existing;
	}
	strlcpy(attribute->name, name, sizeof attribute->name);
}

/* ---- doing ---- */

/* Leave out what another session has added since we last looked. */
static void
drop_settled(Evolution *evolution)
{
	int kept = 0;

	for (int i = 0; i < evolution->count; i++)
		if (ep_target_attribute(evolution->work->target, evolution->attributes[i].identity) == NULL)
			evolution->attributes[kept++] = evolution->attributes[i];
	evolution->count = kept;
}

static void
alter(Evolution *evolution)
{
	EpNewColumn *columns = palloc(sizeof(EpNewColumn) * Max(evolution->count, 1));
	int count = 0;

	for (int i = 0; i < evolution->count; i++)
	{
		NewAttribute *attribute = &evolution->attributes[i];

		choose_name(evolution, attribute);
		if (attribute->adopted)
			continue;
		strlcpy(columns[count].name, attribute->name, sizeof columns[count].name);
		columns[count].type = attribute->type;
		columns[count++].comment = attribute->path->comment;
	}
	if (count > 0)
		ep_ddl_add_columns(evolution->work->target->relation, columns, count);
}

static void
record(Evolution *evolution)
{
	EpIngest *ingest = evolution->ingest;
	EpTarget *target = evolution->work->target;

	for (int i = 0; i < evolution->count; i++)
	{
		NewAttribute *attribute = &evolution->attributes[i];
		char *path = ep_path_to_text(attribute->path, &ingest->lasting);

		ep_registry_add_path(target, path, attribute->identity, attribute->name, attribute->type,
							 attribute->path->comment, attribute->raw_id);
		ep_journal_schema_change(ingest->stream, target->relation,
								 attribute->adopted ? "adopt column" : "add column", path, attribute->name,
								 attribute->type, NULL, "inline", evolution->waited_us, attribute->raw_id);
	}
}

/* Lock, look again, alter, record: in a subtransaction, all or nothing. */
static bool
add_columns(void *argument)
{
	Evolution *evolution = argument;
	EpIngest *ingest = evolution->ingest;
	EpTarget *target = evolution->work->target;

	evolution->refusal = "lock";
	if (!ep_registry_try_lock(target->id, EP_REGISTRY_COLUMNS))
		return false;
	evolution->refusal =
		ep_ddl_try_lock(target->relation, ingest->stream->lock_budget_ms, &evolution->waited_us);
	if (evolution->refusal != NULL)
		return false;
	ep_target_reload(ingest->stream, target);
	drop_settled(evolution);
	alter(evolution);
	record(evolution);
	return true;
}

static void
note_refusal(Evolution *evolution)
{
	EpIngest *ingest = evolution->ingest;

	for (int i = 0; i < evolution->count; i++)
		ep_journal_schema_change(ingest->stream, evolution->work->target->relation, "rescue",
								 ep_path_to_text(evolution->attributes[i].path, &ingest->lasting), NULL,
								 evolution->attributes[i].type, evolution->refusal, "deferred",
								 evolution->waited_us, evolution->attributes[i].raw_id);
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
		EpColumn *column = ep_target_column(target, wish->path, stream->context);
		EpAttribute *attribute = wish->identity == NULL ? NULL : ep_target_attribute(target, wish->identity);

		if (column->state == EP_COLUMN_KNOWN)
			continue; /* the reload knew it already */
		if (attribute == NULL)
		{
			const char *reason = wish->reason != NULL ? wish->reason : evolution->refusal;

			*column =
				(EpColumn){EP_COLUMN_RESCUED, EP_TYPE_NONE, InvalidAttrNumber, reason ? reason : "limit"};
			continue;
		}
		*column = ep_attribute_column(attribute);
		if (attribute->type != EP_TYPE_NONE && ep_registry_try_lock(target->id, EP_REGISTRY_SPELLINGS))
			ep_registry_add_path(target, ep_path_to_text(wish->path, &evolution->ingest->lasting),
								 wish->identity, attribute->column_name, attribute->type, wish->path->comment,
								 wish->raw_id);
	}
}

static void
evolve_columns(EpIngest *ingest, EpTargetWork *work)
{
	Evolution evolution = {ingest, work};
	ErrorData *error;

	gather(&evolution);
	if (evolution.count > 0)
	{
		if (ep_attempt(add_columns, &evolution, &error))
			ep_target_reload(ingest->stream, work->target);
		else
		{
			if (error != NULL)
			{
				ereport(DEBUG1, (errmsg("columns were not added: %s", error->message)));
				evolution.refusal = "contract";
			}
			note_refusal(&evolution);
		}
	}
	settle(&evolution);
}

/* ---- partitions ---- */

static bool
make_partitions(void *argument)
{
	EpTargetWork *work = argument;

	ep_ddl_ensure_partitions(work->target->relation, work->missing, work->missing_count);
	return true;
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
	int most = ingest->stream->max_new_partitions;
	ErrorData *error;
	int kept = 0;

	qsort(work->missing, work->missing_count, sizeof(TimestampTz), compare_times);
	for (int i = 0; i < work->missing_count; i++)
		if (i == 0 || work->missing[i] != work->missing[i - 1])
			work->missing[kept++] = work->missing[i];
	/* When there are too many, the newest matter most. */
	if (kept > most)
	{
		memmove(work->missing, work->missing + kept - most, most * sizeof(TimestampTz));
		kept = most;
	}
	work->missing_count = kept;
	if (!ep_attempt(make_partitions, work, &error))
		ereport(WARNING, (errmsg("could not create partitions of \"%s\": %s",
								 get_rel_name(work->target->relation), error->message),
						  errdetail("Events that need them are rejected; their raw rows stay.")));
	else
		ep_journal_schema_change(ingest->stream, work->target->relation, "create partition", NULL, NULL,
								 EP_TYPE_NONE, NULL, "inline", 0, 0);
	work->coverage = ep_coverage_read(work->target->relation);
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
	for (int i = 0; i < ingest->work_count; i++)
	{
		if (ingest->works[i]->wish_count > 0)
			evolve_columns(ingest, ingest->works[i]);
		if (ingest->works[i]->missing_count > 0)
			evolve_partitions(ingest, ingest->works[i]);
	}
	MemoryContextSwitchTo(old);
}
