/*
 * trigger.c
 *	  The statement trigger on raw tables: the transition table as a source of raw rows.
 */
#include "ingest/trigger.h"

#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "ingest/statement.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

typedef struct TransitionSource
{
	EpRawSource source;
	Tuplestorestate *rows;
	int pointer; /* our own read pointer: other triggers have theirs */
	TupleTableSlot *slot;
	EpStream *stream;
} TransitionSource;

static void
rewind_rows(EpRawSource *source)
{
	TransitionSource *transition = (TransitionSource *) source;

	tuplestore_select_read_pointer(transition->rows, transition->pointer);
	tuplestore_rescan(transition->rows);
}

static int64
int64_attribute(TupleTableSlot *slot, AttrNumber attnum)
{
	bool isnull;
	Datum value = slot_getattr(slot, attnum, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

static bool
next_row(EpRawSource *source, MemoryContext row_context, EpRawRow *row)
{
	TransitionSource *transition = (TransitionSource *) source;
	EpStream *stream = transition->stream;
	MemoryContext old;
	bool isnull;
	Datum payload;

	/* A tuple of a spilled store is allocated in the current context: not the one that is reset. */
	tuplestore_select_read_pointer(transition->rows, transition->pointer);
	if (!tuplestore_gettupleslot(transition->rows, true, false, transition->slot))
		return false;
	row->raw_id = int64_attribute(transition->slot, stream->raw_id);
	row->received_at = int64_attribute(transition->slot, stream->received_at);
	payload = slot_getattr(transition->slot, stream->payload, &isnull);
	row->payload = NULL;
	row->length = 0;
	if (!isnull)
	{
		struct varlena *bytes;

		old = MemoryContextSwitchTo(row_context);
		bytes = PG_DETOAST_DATUM_PACKED(payload);
		MemoryContextSwitchTo(old);
		row->payload = VARDATA_ANY(bytes);
		row->length = VARSIZE_ANY_EXHDR(bytes);
	}
	return true;
}

static void
check_fired_rightly(FunctionCallInfo fcinfo)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("function \"_ingest\" was not called by the trigger manager")));
	if (!TRIGGER_FIRED_AFTER(trigger->tg_event) || !TRIGGER_FIRED_BY_INSERT(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event) || trigger->tg_newtable == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" must be AFTER INSERT FOR EACH STATEMENT with a transition table",
						trigger->tg_trigger->tgname),
				 errhint("event_pipeline.create_stream() makes it so.")));
}

EP_FUNCTION(ep_ingest_trigger);

Datum
ep_ingest_trigger(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	TransitionSource transition = {{rewind_rows, next_row}};
	EpCounters counters = {.last_event = DT_NOBEGIN};

	check_fired_rightly(fcinfo);
	if (tuplestore_tuple_count(trigger->tg_newtable) == 0)
		return PointerGetDatum(NULL);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	transition.stream = ep_stream_of_raw(RelationGetRelid(trigger->tg_relation));
	transition.rows = trigger->tg_newtable;
	transition.pointer = tuplestore_alloc_read_pointer(trigger->tg_newtable, EXEC_FLAG_REWIND);
	transition.slot = MakeSingleTupleTableSlot(RelationGetDescr(trigger->tg_relation), &TTSOpsMinimalTuple);
	ep_ingest_run(transition.stream, &transition.source, &counters);
	ExecDropSingleTupleTableSlot(transition.slot);
	SPI_finish();
	return PointerGetDatum(NULL);
}
