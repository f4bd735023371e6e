/*
 * wanted.c
 *	  Which attributes a statement kept in _ep_rescued.
 *
 * By path and reason: how many values, of which type together, and when their events happened.  Rows that are
 * refused later are counted too: this ranks, and says where to look, no more.
 */
#include "ingest/wanted.h"

#include "core/path.h"
#include "schema/journal.h"

/* As many are noted in a statement: who sends a million keys gets them rescued, not promoted. */
#define MAX_WANTED 1000

typedef struct WantedKey
{
	const EpPath *path;
	const char *reason; /* static strings: the pointer tells them apart, and equal ones are summed later */
} WantedKey;

typedef struct Wanted
{
	WantedKey key;
	EpTypeGuess guess;
	bool joins; /* the values have a type that holds them all */
	int64 count;
	TimestampTz first, last;
} Wanted;

static Wanted *
find(EpIngest *ingest, EpTargetWork *work, const EpPath *path, const char *reason)
{
	WantedKey key;
	Wanted *wanted;
	bool found;

	memset(&key, 0, sizeof key);
	key.path = path;
	key.reason = reason;
	if (work->wanted == NULL)
	{
		HASHCTL control = {
			.keysize = sizeof(WantedKey), .entrysize = sizeof(Wanted), .hcxt = ingest->context};

		work->wanted =
			hash_create("event_pipeline wanted", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	wanted = hash_search(work->wanted, &key, HASH_FIND, NULL);
	if (wanted != NULL || hash_get_num_entries(work->wanted) >= MAX_WANTED)
		return wanted;
	wanted = hash_search(work->wanted, &key, HASH_ENTER, &found);
	*wanted = (Wanted){.key = key, .joins = true, .first = DT_NOEND, .last = DT_NOBEGIN};
	return wanted;
}

void
ep_wanted_note(EpIngest *ingest, EpTargetWork *work, const EpField *field, const char *reason,
			   TimestampTz time)
{
	Wanted *wanted;

	if (field->path->id == EP_PATH_TRANSIENT)
		return; /* the path is gone with its event */
	wanted = find(ingest, work, field->path, reason);
	if (wanted == NULL)
		return;
	wanted->count++;
	wanted->first = Min(wanted->first, time);
	wanted->last = Max(wanted->last, time);
	if (strcmp(reason, EP_RESCUE_UNKNOWN) == 0)
		wanted->joins = false; /* bytes to be read later have no column */
	else if (field->path->type != EP_TYPE_NONE)
		wanted->guess.type = field->path->type;
	else if (!ep_type_guess(&wanted->guess, &field->value))
		wanted->joins = false;
}

void
ep_wanted_append(EpIngest *ingest, EpTargetWork *work)
{
	HASH_SEQ_STATUS scan;
	Wanted *wanted;

	if (work->wanted == NULL)
		return;
	hash_seq_init(&scan, work->wanted);
	while ((wanted = hash_seq_search(&scan)) != NULL)
	{
		EpWantedAttribute attribute = {.path = ep_path_to_text(wanted->key.path, &ingest->lasting),
									   .reason = wanted->key.reason,
									   .type = wanted->joins ? wanted->guess.type : EP_TYPE_NONE,
									   .wide = wanted->guess.wide,
									   .count = wanted->count,
									   .first = wanted->first,
									   .last = wanted->last};

		if (attribute.path != NULL)
			ep_journal_wanted(work->target->id, &attribute);
	}
}
