/*
 * map.c
 *	  Objects whose keys are data.
 */
#include "ingest/map.h"

#include "core/id_key.h"
#include "ingest/survey.h"
#include "ingest/unexpected.h"
#include "schema/journal.h"
#include "schema/registry.h"

/* An object that has new members. */
typedef struct Candidate
{
	EpPath *path; /* hash key */
	int children; /* new ones */
	int ids;      /* of these, keys that look like ids */
	EpType type;  /* that the children's values have in common; objects count as jsonb */
	bool mixed;   /* they have none */
	bool settled; /* a member has a column */
} Candidate;

typedef struct Detection
{
	EpIngest *ingest;
	HTAB *candidates;
	HTAB *seen; /* members, by path */
} Detection;

static HTAB *
make_table(Size entry_size)
{
	HASHCTL control = {.keysize = sizeof(EpPath *), .entrysize = entry_size, .hcxt = CurrentMemoryContext};

	return hash_create("event_pipeline objects", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static Candidate *
candidate_of(Detection *detection, EpPath *path)
{
	return hash_search(detection->candidates, &path, HASH_FIND, NULL);
}

/* ---- counting ---- */

static void
count_child(Detection *detection, EpPath *child, EpType type)
{
	EpPath *parent = child->parent;
	Candidate *candidate;
	bool found;

	candidate = hash_search(detection->candidates, &parent, HASH_ENTER, &found);
	if (!found)
		*candidate = (Candidate){.path = parent};
	candidate->children++;
	candidate->ids += ep_key_is_id(child->key, child->key_length);
	if (candidate->type != EP_TYPE_NONE && ep_type_join(candidate->type, type, false) == EP_TYPE_NONE)
		candidate->mixed = true;
	else
		candidate->type = ep_type_join(candidate->type, type, false);
}

/* A wished attribute is a member of every object above it; each member counts once. */
static void
count_wish(Detection *detection, const EpWish *wish)
{
	EpType type = wish->guess.type;

	for (EpPath *path = wish->path; path->parent != NULL && path->parent->parent != NULL; path = path->parent)
	{
		bool found;

		hash_search(detection->seen, &path, HASH_ENTER, &found);
		if (found)
			return;
		count_child(detection, path, type);
		type = EP_TYPE_JSONB;
	}
}

/* Objects with a member that any target has a column for stay as they are. */
static void
mark_settled(Detection *detection)
{
	EpStream *stream = detection->ingest->stream;

	for (int t = 0; t < stream->target_count; t++)
	{
		EpTarget *target = stream->targets[t];

		for (uint32 id = 1; id < Min(target->column_capacity, stream->paths.count); id++)
		{
			if (target->columns[id].state != EP_COLUMN_KNOWN)
				continue;
			for (EpPath *path = stream->paths.nodes[id]->parent; path != NULL; path = path->parent)
			{
				Candidate *candidate = candidate_of(detection, path);

				if (candidate != NULL)
					candidate->settled = true;
			}
		}
	}
}

/* ---- deciding ---- */

static bool
looks_like_map(const Candidate *candidate, int max_keys)
{
	return max_keys > 0 &&
		   (candidate->ids == candidate->children || (candidate->children > max_keys && !candidate->mixed));
}

static bool
has_any(Detection *detection)
{
	HASH_SEQ_STATUS scan;
	Candidate *candidate;
	bool any = false;

	hash_seq_init(&scan, detection->candidates);
	while ((candidate = hash_seq_search(&scan)) != NULL)
		any |= candidate->path->whole || ep_stream_is_map(detection->ingest->stream, candidate->path) ||
			   looks_like_map(candidate, detection->ingest->stream->max_map_keys);
	return any;
}

/* The uppermost map above a wished attribute, or NULL. */
static EpPath *
map_above(Detection *detection, const EpPath *member)
{
	EpStream *stream = detection->ingest->stream;
	EpPath *map = NULL;

	for (EpPath *path = member->parent; path != NULL && path->parent != NULL; path = path->parent)
	{
		const Candidate *candidate = candidate_of(detection, path);

		if (path->whole || ep_stream_is_map(stream, path) ||
			(candidate != NULL && !candidate->settled && looks_like_map(candidate, stream->max_map_keys)))
			map = path;
	}
	return map;
}

static void
decide(Detection *detection, EpTargetWork *work, EpPath *map, int64 raw_id)
{
	EpIngest *ingest = detection->ingest;
	char *text = ep_path_to_text(map, &ingest->lasting), *identity = ep_path_identity(map, &ingest->lasting);

	if (map->whole || text == NULL || identity == NULL)
		return;
	map->whole = true;
	if (map->comment == NULL)
		map->comment = "object kept whole: its keys are data";
	ep_registry_add_map(ingest->stream, text, identity, raw_id);
	ep_journal_schema_change(ingest->stream, work->target->relation, "keep object", text, NULL, EP_TYPE_JSONB,
							 NULL, "inline", 0, raw_id);
}

/* The wish is for a member of map: one for the map takes its place, in the queue too. */
static void
replace_wish(Detection *detection, EpTargetWork *work, int i, EpPath *map, bool locked)
{
	EpIngest *ingest = detection->ingest;
	MemoryContext context = ingest->stream->context;
	EpWish *wish = &work->wishes[i];
	EpField field = {.path = map, .value = {.kind = EP_JSON, .text = "{}", .length = 2}};
	int64 raw_id = wish->raw_id, count = wish->count;
	EpColumn *column = ep_target_column(work->target, wish->path, context);

	*column = (EpColumn){.state = EP_COLUMN_RESCUED, .reason = "lock"};
	wish->path = NULL;
	if (!locked)
		return;
	decide(detection, work, map, raw_id);
	column = ep_target_column(work->target, map, context);
	if (column->state == EP_COLUMN_UNSEEN)
		ep_unexpected_attribute(ingest, work, &field, column);
	if (column->state != EP_COLUMN_UNSEEN)
	{
		ep_survey_field(ingest, work, &field, raw_id);
		return;
	}
	*wish = (EpWish){.path = map, .guess = {.type = EP_TYPE_JSONB}, .raw_id = raw_id, .count = count};
	column->state = EP_COLUMN_WANTED;
	column->attnum = i + 1;
}

void
ep_map_detect(EpIngest *ingest)
{
	EpStream *stream = ingest->stream;
	Detection detection = {.ingest = ingest};
	MemoryContext old, context;
	int *counts;
	bool locked;

	if (!stream->format->keeps_objects || (stream->max_map_keys == 0 && stream->map_count == 0))
		return;
	context = AllocSetContextCreate(ingest->context, "event_pipeline maps", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	detection.candidates = make_table(sizeof(Candidate));
	detection.seen = make_table(sizeof(EpPath *));
	counts = palloc(sizeof(int) * Max(ingest->work_count, 1));
	for (int w = 0; w < ingest->work_count; w++)
	{
		counts[w] = ingest->works[w]->wish_count;
		for (int i = 0; i < counts[w]; i++)
			count_wish(&detection, &ingest->works[w]->wishes[i]);
	}
	if (has_any(&detection))
	{
		mark_settled(&detection);
		locked = ep_registry_try_lock(stream->id, EP_REGISTRY_MAPS);
		for (int w = 0; w < ingest->work_count; w++)
			for (int i = 0; i < counts[w]; i++)
			{
				EpPath *map = map_above(&detection, ingest->works[w]->wishes[i].path);

				if (map != NULL)
					replace_wish(&detection, ingest->works[w], i, map, locked);
			}
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
