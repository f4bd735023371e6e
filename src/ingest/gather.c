/*
 * gather.c
 *	  From wishes for columns to the change that grants them.
 */
#include "ingest/gather.h"

#include "ingest/declared.h"

/* The candidates of one identity are chained: the attribute first, if it is new, then variants. */
typedef struct Known
{
	const char *identity; /* hash key: the text it points to */
	int first;
} Known;

static uint32
hash_identity(const void *key, Size size)
{
	const char *identity = *(const char *const *) key;

	return ep_name_hash(identity, strlen(identity));
}

static int
compare_identities(const void *a, const void *b, Size size)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

void
ep_gather_begin(EpGather *gather, EpColumnChange *change, int most)
{
	HASHCTL control = {.keysize = sizeof(char *),
					   .entrysize = sizeof(Known),
					   .hash = hash_identity,
					   .match = compare_identities,
					   .hcxt = CurrentMemoryContext};

	gather->change = change;
	gather->by_identity = hash_create("event_pipeline wished columns", 32, &control,
									  HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
	change->count = 0;
	change->attributes = palloc(sizeof(EpNewAttribute) * Max(most, 1));
}

/* Join the wish into a candidate; false, and the candidate as it was, when the types do not join. */
static bool
join(EpNewAttribute *candidate, const EpNewAttribute *wish)
{
	if (!ep_type_guess_join(&candidate->guess, &wish->guess))
		return false;
	candidate->count += wish->count;
	return true;
}

static bool
is_settled(EpTarget *target, const EpAttribute *attribute, const EpNewAttribute *wish)
{
	return ep_target_attribute_column(target, attribute).state != EP_COLUMN_KNOWN ||
		   ep_target_holds(target, attribute, &wish->guess);
}

static bool
may_vary(const EpStream *stream, const EpPath *path)
{
	return ep_contract_of_path(stream->contract, EP_CONTRACT_TYPES, path, NULL) == EP_POLICY_EVOLVE;
}

/* The column that a user has made for it, unless a candidate before has that already: many paths have the same name. */
static AttrNumber
find_declared(const EpColumnChange *change, const EpNewAttribute *wish)
{
	AttrNumber declared = ep_declared_column(change->stream, change->target, wish->path, wish->identity);

	for (int i = 0; i < change->count && declared != InvalidAttrNumber; i++)
		if (change->attributes[i].declared == declared)
			return InvalidAttrNumber;
	return declared;
}

/* A new candidate at the end of the chain. */
static int
append(EpGather *gather, int last, const EpNewAttribute *wish, bool variant)
{
	EpNewAttribute *candidates = gather->change->attributes;
	AttrNumber declared = variant ? InvalidAttrNumber : find_declared(gather->change, wish);
	int place = gather->change->count++;

	candidates[place] = *wish;
	candidates[place].declared = declared;
	candidates[place].variant = variant;
	candidates[place].next = 0;
	if (last >= 0)
		candidates[last].next = place;
	return place;
}

int
ep_gather_add(EpGather *gather, const EpNewAttribute *wish)
{
	EpNewAttribute *candidates = gather->change->attributes;
	const EpAttribute *existing = ep_target_attribute(gather->change->target, wish->identity);
	bool found;
	Known *known = hash_search(gather->by_identity, &wish->identity, HASH_FIND, NULL);
	int place = known == NULL ? -1 : known->first;
	bool variant;

	for (; place >= 0; place = candidates[place].next)
	{
		if (join(&candidates[place], wish))
			return place;
		if (candidates[place].next == 0)
			break;
	}
	if (existing != NULL && is_settled(gather->change->target, existing, wish))
		return -1;
	variant = existing != NULL || known != NULL;
	if (variant && !may_vary(gather->change->stream, wish->path))
		return -1;
	place = append(gather, place, wish, variant);
	if (known == NULL)
	{
		known = hash_search(gather->by_identity, &wish->identity, HASH_ENTER, &found);
		known->first = place;
	}
	return place;
}

/* ---- when there is no room for all ---- */

typedef struct Rank
{
	int64 count;
	int place;
} Rank;

static int
compare_ranks(const void *a, const void *b)
{
	const Rank *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return x->place - y->place;
}

/* A variant ranks no higher than what stands before it in its chain, so it is never kept without its column. */
static Rank *
rank_candidates(const EpColumnChange *change)
{
	Rank *ranks = palloc(sizeof(Rank) * Max(change->count, 1));

	for (int i = 0; i < change->count; i++)
		ranks[i] = (Rank){change->attributes[i].count, i};
	for (int i = 0; i < change->count; i++)
	{
		int next = change->attributes[i].next;

		if (next != 0)
			ranks[next].count = Min(ranks[next].count, ranks[i].count);
	}
	qsort(ranks, change->count, sizeof(Rank), compare_ranks);
	return ranks;
}

bool *
ep_gather_cut(EpGather *gather, int room)
{
	EpColumnChange *change = gather->change;
	bool *kept = palloc0(sizeof(bool) * Max(change->count, 1));
	Rank *ranks = rank_candidates(change);
	int count = 0;

	for (int i = 0; i < change->count; i++)
		kept[i] = change->attributes[i].declared != InvalidAttrNumber;
	for (int i = 0; i < change->count && room > 0; i++)
		if (!kept[ranks[i].place])
		{
			kept[ranks[i].place] = true;
			room--;
		}
	for (int i = 0; i < change->count; i++)
		if (kept[i])
			change->attributes[count++] = change->attributes[i];
	change->count = count;
	pfree(ranks);
	return kept;
}
