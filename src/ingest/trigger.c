/*
 * trigger.c
 *	  The triggers on raw tables.
 */
#include "ingest/trigger.h"

#include "access/sysattr.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "ingest/capture.h"
#include "nodes/primnodes.h"
#include "utils/rel.h"

static void
check_fired_rightly(FunctionCallInfo fcinfo)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("function \"_ingest\" was not called by the trigger manager")));
	if (!TRIGGER_FIRED_BY_INSERT(trigger->tg_event) || !TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" must be for INSERT, FOR EACH STATEMENT", trigger->tg_trigger->tgname),
				 errhint("event_pipeline.create_stream() makes it so.")));
}

static void
ingest(Oid raw_table)
{
	EpCapture *capture = ep_capture_close(raw_table);

	if (capture == NULL)
		return;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	ep_capture_finish(capture);
	SPI_finish();
}

/* A load: take what it has brought so far. */
static void
take(EpCapture *capture)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	ep_capture_take(capture);
	SPI_finish();
}

EP_FUNCTION(ep_ingest_trigger);

Datum
ep_ingest_trigger(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	check_fired_rightly(fcinfo);
	if (TRIGGER_FIRED_BEFORE(trigger->tg_event))
		ep_capture_open(RelationGetRelid(trigger->tg_relation));
	else
		ingest(RelationGetRelid(trigger->tg_relation));
	return PointerGetDatum(NULL);
}

static bool
is_new_column(Node *node, AttrNumber attnum)
{
	return IsA(node, Var) && ((Var *) node)->varno == OUTER_VAR && ((Var *) node)->varattno == attnum;
}

/*
 * Only the WHEN clause of a trigger refers to system columns of OUTER_VAR, which there is NEW: so nobody can make us
 * believe in rows that he did not insert.
 */
static void
check_called_by_trigger(FmgrInfo *function)
{
	FuncExpr *call = (FuncExpr *) function->fn_expr;

	if (call == NULL || !IsA(call, FuncExpr) || list_length(call->args) != 1 ||
		!is_new_column(linitial(call->args), SelfItemPointerAttributeNumber))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("function \"_capture\" was not called by the trigger of a raw table")));
	function->fn_extra = call; /* checked */
}

/*
 * A system column comes from the slot of its row (slot_getsysattr), and ctid as a pointer to where it is in there.  The slot
 * knows the table, too: NEW.tableoid would be one more argument that the server reads again for every statement.
 */
static const TupleTableSlot *
slot_around(const ItemPointerData *place)
{
	const TupleTableSlot *slot =
		(const TupleTableSlot *) ((const char *) place - offsetof(TupleTableSlot, tts_tid));

	if (!IsA(slot, TupleTableSlot))
		elog(ERROR, "NEW.ctid is not in a slot");
	return slot;
}

EP_FUNCTION(ep_capture);

Datum
ep_capture(PG_FUNCTION_ARGS)
{
	ItemPointer place = (ItemPointer) PG_GETARG_POINTER(0);
	EpCapture *capture;

	if (fcinfo->flinfo->fn_extra == NULL)
		check_called_by_trigger(fcinfo->flinfo);
	capture = ep_capture_row(slot_around(place)->tts_tableOid, place);
	if (capture != NULL)
		take(capture);
	PG_RETURN_BOOL(false);
}

/* In the WHEN clause of a trigger, too; whoever else calls it can only hide rows of his own statement, till maintenance finds them. */
EP_FUNCTION(ep_capture_departed);

Datum
ep_capture_departed(PG_FUNCTION_ARGS)
{
	ep_capture_departure(PG_GETARG_OID(0), PG_GETARG_INT64(1));
	PG_RETURN_BOOL(false);
}
