/*
 * capture.c
 *	  Where the rows are that one statement puts into a raw table, and reading them there.
 */
#include "ingest/capture.h"

#include "access/detoast.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/partition.h"
#include "executor/spi.h"
#include "ingest/statement.h"
#include "partitioning/partdesc.h"
#include "ingest/worker.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* Rows that lie side by side in one page. */
typedef struct Run
{
	Oid leaf; /* InvalidOid: they were rolled back, and there are none */
	BlockNumber block;
	OffsetNumber first, last;
	SubTransactionId subid; /* that stored them */
} Run;

/* A raw row that was deleted while the statement ran: when it comes in again, it was only moved. */
typedef struct Departed
{
	int64 raw_id; /* hash key */
	int64 run;    /* what was noted since is in this run (of all that there were) or later */
	bool is_ours; /* it was noted before, too: it is to be read where it is now */
} Departed;

struct EpCapture
{
	EpRawSource source; /* first: a source is cast to its EpCapture */
	EpCapture *outer;   /* the one that was opened before */
	Oid raw_table;
	Oid last_leaf; /* that a row came to; InvalidOid: none yet */
	SubTransactionId subid;
	MemoryContext context; /* holds all of this */
	EpCounters counters;
	EpLoadState load;
	int64 rows; /* noted since rows were taken last */
	Run *runs;
	int64 count, capacity;
	int64 forgotten; /* runs */
	HTAB *departed;  /* of Departed; NULL: none */
	bool new_run;    /* the next row begins one */
	/* while it is read */
	EpStream *stream;
	Relation leaf;
	TupleTableSlot *slot;
	int64 run;
	OffsetNumber next;
	int64 marked_run; /* the row to go on from */
	OffsetNumber marked_place;
};

#define FIRST_RUNS 8

/* So many bytes, too, when all is there. */
#define LOAD_BYTES (2 * 1024 * 1024)

/* So many rows make a load.  Their pages are still in shared buffers: COPY goes round in 16 MB of them. */
#define LOAD_ROWS 10000

static EpCapture *open_captures = NULL; /* innermost first */

static void rewind_rows(EpRawSource *source);
static bool next_row(EpRawSource *source, MemoryContext row_context, EpRawRow *row);
static void mark_row(EpRawSource *source);
static void take(EpCapture *capture);

/* ---- noting ---- */

void
ep_capture_open(Oid raw_table)
{
	MemoryContext context =
		AllocSetContextCreate(TopTransactionContext, "event_pipeline capture", ALLOCSET_DEFAULT_SIZES);
	EpCapture *capture = MemoryContextAllocZero(context, sizeof(EpCapture));

	capture->context = context;
	capture->raw_table = raw_table;
	capture->subid = GetCurrentSubTransactionId();
	capture->counters.last_event = DT_NOBEGIN;
	capture->capacity = FIRST_RUNS;
	capture->runs = MemoryContextAlloc(context, FIRST_RUNS * sizeof(Run));
	capture->source = (EpRawSource){.rewind = rewind_rows, .next = next_row, .mark = mark_row};
	capture->outer = open_captures;
	open_captures = capture;
}

static EpCapture *
find_open(Oid raw_table)
{
	EpCapture *capture = open_captures;

	while (capture != NULL && capture->raw_table != raw_table)
		capture = capture->outer;
	return capture;
}

/* Is it attached to the root itself?  The relcache knows that, so that pg_inherits is not searched by every statement. */
static bool
is_partition_of(Oid relation, Relation root)
{
	PartitionDesc partitions;

	if (root->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return false;
	partitions = RelationGetPartitionDesc(root, false);
	for (int i = 0; i < partitions->nparts; i++)
		if (partitions->oids[i] == relation)
			return true;
	return false;
}

static bool
is_leaf_of(Oid relation, Oid raw_table)
{
	Relation root = try_table_open(raw_table, NoLock); /* the transaction holds its lock */
	bool found;

	if (root == NULL)
		return false; /* dropped since; the trigger that ends a statement was disabled */
	found = relation == raw_table || is_partition_of(relation, root);
	while (!found && get_rel_relispartition(relation))
	{
		relation = get_partition_parent(relation, false);
		found = relation == raw_table || is_partition_of(relation, root);
	}
	table_close(root, NoLock);
	return found;
}

/* The innermost one whose table the leaf belongs to. */
static EpCapture *
find_open_of_leaf(Oid leaf)
{
	EpCapture *capture = open_captures;

	while (capture != NULL && capture->last_leaf != leaf && !is_leaf_of(leaf, capture->raw_table))
		capture = capture->outer;
	if (capture != NULL)
		capture->last_leaf = leaf;
	return capture;
}

/* Twice in a row: somebody has made a second index, or makes the first one anew beside us. */
static bool
is_noted(const EpCapture *capture, Oid leaf, ItemPointer place)
{
	const Run *run = capture->count == 0 ? NULL : &capture->runs[capture->count - 1];

	return run != NULL && run->leaf == leaf && run->block == ItemPointerGetBlockNumber(place) &&
		   run->last == ItemPointerGetOffsetNumber(place);
}

static void
note(EpCapture *capture, Oid leaf, ItemPointer place)
{
	BlockNumber block = ItemPointerGetBlockNumber(place);
	OffsetNumber offset = ItemPointerGetOffsetNumber(place);
	Run *run = capture->count == 0 ? NULL : &capture->runs[capture->count - 1];
	SubTransactionId subid = GetCurrentSubTransactionId();

	capture->rows++;
	if (run != NULL && !capture->new_run && run->block == block && run->leaf == leaf &&
		run->last + 1 == offset && run->subid == subid)
	{
		run->last = offset;
		return;
	}
	if (capture->count == capture->capacity)
	{
		capture->capacity *= 2;
		capture->runs = repalloc_huge(capture->runs, capture->capacity * sizeof(Run));
	}
	capture->runs[capture->count++] = (Run){leaf, block, offset, offset, subid};
	capture->new_run = false;
}

/* What a subtransaction would write of them could be rolled back without them. */
static bool
is_load(const EpCapture *capture)
{
	return capture->rows >= LOAD_ROWS && capture->load != EP_LOAD_STOPPED &&
		   capture->subid == GetCurrentSubTransactionId();
}

void
ep_capture_row(Oid leaf, ItemPointer place)
{
	EpCapture *capture = find_open_of_leaf(leaf);

	if (capture == NULL || is_noted(capture, leaf, place))
		return;
	if (is_load(capture))
	{
		if (SPI_connect() != SPI_OK_CONNECT)
			elog(ERROR, "could not connect to SPI");
		take(capture);
		SPI_finish();
	}
	note(capture, leaf, place);
}

void
ep_capture_departure(Oid raw_table, int64 raw_id)
{
	EpCapture *capture = find_open(raw_table);
	bool found;
	Departed *departed;

	if (capture == NULL)
		return;
	if (capture->departed == NULL)
	{
		HASHCTL control = {.keysize = sizeof(int64), .entrysize = sizeof(Departed), .hcxt = capture->context};

		capture->departed = hash_create("event_pipeline departed raw rows", 64, &control,
										HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	departed = hash_search(capture->departed, &raw_id, HASH_ENTER, &found);
	if (found)
		return;
	departed->run = capture->forgotten + capture->count;
	departed->is_ours = false;
	capture->new_run = true;
}

static void
unlink_capture(EpCapture *capture)
{
	EpCapture **link = &open_captures;

	while (*link != capture)
		link = &(*link)->outer;
	*link = capture->outer;
}

EpCapture *
ep_capture_close(Oid raw_table)
{
	EpCapture *capture = find_open(raw_table);

	if (capture == NULL)
		return NULL;
	unlink_capture(capture);
	if (capture->count > 0 || capture->load != EP_LOAD_NONE)
		return capture;
	MemoryContextDelete(capture->context);
	return NULL;
}

/* ---- reading ---- */

/* Leaves may number their columns otherwise than the table they were attached to. */
static AttrNumber
attribute_in_leaf(Relation leaf, Relation root, AttrNumber attnum)
{
	const char *name = NameStr(TupleDescAttr(RelationGetDescr(root), attnum - 1)->attname);
	TupleDesc descriptor = RelationGetDescr(leaf);

	for (int i = 0; i < descriptor->natts; i++)
		if (!TupleDescAttr(descriptor, i)->attisdropped &&
			strcmp(NameStr(TupleDescAttr(descriptor, i)->attname), name) == 0)
			return i + 1;
	elog(ERROR, "partition \"%s\" has no column \"%s\"", RelationGetRelationName(leaf), name);
}

static void
find_columns(EpStream *stream, Relation leaf)
{
	Relation root = table_open(stream->raw_relation, NoLock);

	stream->leaf.relation = RelationGetRelid(leaf);
	stream->leaf.raw_id = attribute_in_leaf(leaf, root, stream->raw_id);
	stream->leaf.received_at = attribute_in_leaf(leaf, root, stream->received_at);
	stream->leaf.payload = attribute_in_leaf(leaf, root, stream->payload);
	table_close(root, NoLock);
}

static void
close_leaf(EpCapture *capture)
{
	if (capture->leaf == NULL)
		return;
	ExecDropSingleTupleTableSlot(capture->slot);
	table_close(capture->leaf, NoLock);
	capture->leaf = NULL;
	capture->slot = NULL;
}

/* The statement holds its lock on it until the transaction ends. */
static void
open_leaf(EpCapture *capture, Oid relation)
{
	MemoryContext old = MemoryContextSwitchTo(capture->context);

	close_leaf(capture);
	capture->leaf = table_open(relation, RowExclusiveLock);
	capture->slot = table_slot_create(capture->leaf, NULL);
	MemoryContextSwitchTo(old);
	if (capture->stream->leaf.relation != relation)
		find_columns(capture->stream, capture->leaf);
}

/* Where its columns are in the leaf is cached with the stream, so a leaf that was opened for another copy of it is closed. */
static void
find_stream(EpCapture *capture)
{
	close_leaf(capture);
	capture->stream = ep_stream_of_raw(capture->raw_table);
}

static void
rewind_rows(EpRawSource *source)
{
	EpCapture *capture = (EpCapture *) source;

	capture->run = 0;
	capture->next = capture->count == 0 ? FirstOffsetNumber : capture->runs[0].first;
}

static void
mark_row(EpRawSource *source)
{
	EpCapture *capture = (EpCapture *) source;

	capture->marked_run = capture->run;
	capture->marked_place = capture->next - 1;
}

static int64
int64_attribute(TupleTableSlot *slot, AttrNumber attnum)
{
	bool isnull;
	Datum value = slot_getattr(slot, attnum, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

static bool
fetch_version(EpCapture *capture, ItemPointer place, Snapshot snapshot)
{
	return table_tuple_fetch_row_version(capture->leaf, place, snapshot, capture->slot);
}

/* Since it was noted the row may have been updated in its place, by a trigger of a user's. */
static bool
fetch_updated(EpCapture *capture, ItemPointer place)
{
	TableScanDesc scan = table_beginscan_tid(capture->leaf, SnapshotSelf);
	ItemPointerData latest = *place;

	table_tuple_get_latest_tid(scan, &latest);
	table_endscan(scan);
	return !ItemPointerEquals(&latest, place) && fetch_version(capture, &latest, SnapshotSelf);
}

/* Did the row of the slot depart, and when: before it was noted here, or afterwards? */
static Departed *
find_departed(EpCapture *capture, bool before)
{
	int64 raw_id = int64_attribute(capture->slot, capture->stream->leaf.raw_id);
	Departed *departed = hash_search(capture->departed, &raw_id, HASH_FIND, NULL);

	if (departed == NULL || (capture->forgotten + capture->run >= departed->run) != before)
		return NULL;
	return departed;
}

/* A noted row is gone. If it was moved, it comes again further on. */
static void
note_ours(EpCapture *capture, ItemPointer place)
{
	Departed *departed;

	if (capture->departed == NULL || !fetch_version(capture, place, SnapshotAny))
		return;
	departed = find_departed(capture, false);
	if (departed != NULL)
		departed->is_ours = true;
}

/* A row that was in the raw table before, and was ingested then. */
static bool
is_moved(EpCapture *capture)
{
	Departed *departed = capture->departed == NULL ? NULL : find_departed(capture, true);

	return departed != NULL && !departed->is_ours;
}

/* Written by an UPDATE of raw_id: the row's first version was ingested when it came, or leads here. */
static bool
is_update(const EpCapture *capture)
{
	return TTS_IS_BUFFERTUPLE(capture->slot) &&
		   (((HeapTupleTableSlot *) capture->slot)->tuple->t_data->t_infomask & HEAP_UPDATED) != 0;
}

/* Put the row that was noted there into the slot, as it is now; false when it is gone. */
static bool
fetch_noted(EpCapture *capture, ItemPointer place)
{
	if (fetch_version(capture, place, SnapshotSelf))
		return !is_update(capture);
	if (!fetch_version(capture, place, SnapshotAny) || is_update(capture))
		return false;
	if (fetch_updated(capture, place))
		return true;
	note_ours(capture, place);
	return false;
}

/* Put the next row into the slot; what was rolled back, deleted or only moved meanwhile is passed over. */
static bool
fetch(EpCapture *capture)
{
	while (capture->run < capture->count)
	{
		Run *run = &capture->runs[capture->run];
		ItemPointerData place;

		if (capture->next > run->last)
		{
			if (++capture->run < capture->count)
				capture->next = capture->runs[capture->run].first;
			continue;
		}
		if (capture->leaf == NULL || RelationGetRelid(capture->leaf) != run->leaf)
			open_leaf(capture, run->leaf);
		ItemPointerSet(&place, run->block, capture->next++);
		if (fetch_noted(capture, &place) && !is_moved(capture))
			return true;
	}
	if (capture->slot != NULL)
		ExecClearTuple(capture->slot); /* and its pin */
	return false;
}

static bool
next_row(EpRawSource *source, MemoryContext row_context, EpRawRow *row)
{
	EpCapture *capture = (EpCapture *) source;
	bool isnull;
	Datum payload;

	if (!fetch(capture))
		return false;
	row->raw_id = int64_attribute(capture->slot, capture->stream->leaf.raw_id);
	row->received_at = int64_attribute(capture->slot, capture->stream->leaf.received_at);
	payload = slot_getattr(capture->slot, capture->stream->leaf.payload, &isnull);
	row->payload = NULL;
	row->length = 0;
	if (!isnull)
	{
		MemoryContext old = MemoryContextSwitchTo(row_context);
		struct varlena *bytes = PG_DETOAST_DATUM_PACKED(payload);

		MemoryContextSwitchTo(old);
		row->payload = VARDATA_ANY(bytes);
		row->length = VARSIZE_ANY_EXHDR(bytes);
	}
	return true;
}

/* Runs before the mark are done with. */
static void
forget_taken(EpCapture *capture)
{
	capture->count -= capture->marked_run;
	capture->forgotten += capture->marked_run;
	memmove(capture->runs, capture->runs + capture->marked_run, capture->count * sizeof(Run));
	capture->runs[0].first = capture->marked_place;
	capture->marked_run = 0;
}

/*
 * Take the waiting rows while nothing is missing for them, unless columns would have to be made beside us: what is
 * left then waits for the end.  Connected to SPI.
 */
static void
take(EpCapture *capture)
{
	MemoryContext old = MemoryContextSwitchTo(capture->context);

	capture->rows = 0;
	find_stream(capture);
	if (ep_worker_is_wanted(capture->stream->event_relation))
		capture->load = EP_LOAD_STOPPED;
	else if (ep_ingest_some(capture->stream, &capture->source, &capture->counters))
	{
		capture->load = EP_LOAD_GOES_ON;
		capture->forgotten += capture->count;
		capture->count = 0;
	}
	else
	{
		capture->load = EP_LOAD_STOPPED;
		forget_taken(capture);
	}
	close_leaf(capture);
	MemoryContextSwitchTo(old);
}

/* One row alone is taken in one pass, too: who inserts event by event waits for each. */
static bool
is_single(const EpCapture *capture)
{
	return capture->count == 1 && capture->runs[0].first == capture->runs[0].last;
}

/* Few rows of many events each: judged by the first, for the blobs of a file are alike. */
static bool
is_load_of_blobs(EpCapture *capture)
{
	bool isnull = true;
	Datum payload = (Datum) 0;

	if (capture->load != EP_LOAD_NONE)
		return false;
	find_stream(capture);
	rewind_rows(&capture->source);
	if (fetch(capture))
		payload = slot_getattr(capture->slot, capture->stream->leaf.payload, &isnull);
	return !isnull && (int64) toast_raw_datum_size(payload) * capture->rows >= LOAD_BYTES;
}

void
ep_capture_finish(EpCapture *capture)
{
	if (capture->load == EP_LOAD_GOES_ON || is_single(capture) || is_load_of_blobs(capture))
		take(capture);
	find_stream(capture); /* again: a run that has stopped leaves marks on the stream as it is cached */
	if (capture->count > 0)
		ep_ingest_run(capture->stream, &capture->source, &capture->counters);
	else
		ep_journal_count(capture->stream, &capture->counters);
	close_leaf(capture);
	MemoryContextDelete(capture->context);
}

/* ---- the end of (sub)transactions ---- */

/* Their memory was TopTransactionContext's. */
static void
transaction_ended(XactEvent event, void *argument)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		open_captures = NULL;
}

/*
 * What it and those within it have stored: VACUUM may give the places to other rows.  Numbers of subtransactions only rise, and runs
 * keep theirs, for departures count them.
 */
static void
forget_rolled_back(EpCapture *capture, SubTransactionId subid)
{
	for (int64 i = capture->count - 1; i >= 0 && capture->runs[i].subid >= subid; i--)
		capture->runs[i] =
			(Run){.leaf = InvalidOid, .first = FirstOffsetNumber, .subid = capture->runs[i].subid};
}

/* Statements that began in a subtransaction do not outlive its abort. */
static void
subtransaction_ended(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *argument)
{
	if (event != SUBXACT_EVENT_ABORT_SUB)
		return;
	while (open_captures != NULL && open_captures->subid == subid)
	{
		EpCapture *capture = open_captures;

		open_captures = capture->outer;
		MemoryContextDelete(capture->context);
	}
	for (EpCapture *capture = open_captures; capture != NULL; capture = capture->outer)
		forget_rolled_back(capture, subid);
}

void
ep_capture_init(void)
{
	RegisterXactCallback(transaction_ended, NULL);
	RegisterSubXactCallback(subtransaction_ended, NULL);
}
