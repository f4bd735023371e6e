/*
 * wanted.c
 *	  Which attributes a statement kept in _ep_rescued.
 *
 * By path, reason and type: how many values, and when their events happened.  Values whose types join are counted together.
 * Rows that are refused later are counted too: this ranks, and says where to look, no more.
 */
#include "ingest/wanted.h"

#include "core/path.h"
#include "ingest/survey.h"
#include "schema/journal.h"

/* As many are noted in a statement: who sends a million keys gets them rescued, not promoted. */
#define MAX_WANTED 1000

typedef struct WantedKey
{
	const EpPath *path;
	const char *reason; /* static strings: the pointer tells them apart, and equal ones are summed later */
	int place; /* among those of the same path and reason, whose types do not join; TYPELESS: no column holds them */
} WantedKey;

#define TYPELESS -1

typedef struct Wanted
{
	WantedKey key;
	EpTypeGuess guess;
	int64 count;
	TimestampTz first, last;
} Wanted;

static Wanted *
find(EpIngest *ingest, EpTargetWork *work, const EpPath *path, const char *reason, int place)
{
	WantedKey key;
	Wanted *wanted;
	bool found;

	memset(&key, 0, sizeof key);
	key.path = path;
	key.reason = reason;
	key.place = place;
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
	*wanted = (Wanted){.key = key, .first = DT_NOEND, .last = DT_NOBEGIN};
	return wanted;
}

void
ep_wanted_note(EpIngest *ingest, EpTargetWork *work, const EpField *field, const char *reason,
			   TimestampTz time)
{
	/* Bytes that are to be read later have no column yet. */
	EpType type = strcmp(reason, EP_RESCUE_UNKNOWN) == 0 ? EP_TYPE_NONE : ep_survey_type(field);
	int place = type == EP_TYPE_NONE ? TYPELESS : 0;
	Wanted *wanted;

	if (field->path->id == EP_PATH_TRANSIENT)
		return; /* the path is gone with its event */
	while ((wanted = find(ingest, work, field->path, reason, place)) != NULL &&
		   !ep_type_guess_value(&wanted->guess, type, &field->value))
		place++;
	if (wanted == NULL)
		return;
	wanted->count++;
	wanted->first = Min(wanted->first, time);
	wanted->last = Max(wanted->last, time);
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
									   .guess = wanted->guess,
									   .count = wanted->count,
									   .first = wanted->first,
									   .last = wanted->last};

		if (attribute.path != NULL)
			ep_journal_wanted(work->target->id, &attribute);
	}
}
