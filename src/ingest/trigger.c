/*
 * trigger.c
 *	  The triggers on raw tables.
 */
#include "ingest/trigger.h"

#include "commands/trigger.h"
#include "executor/spi.h"
#include "ingest/capture.h"
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

/* In the WHEN clause of a trigger, which then says no, so that nothing is queued; whoever else calls it can only hide rows of his own statement, till maintenance finds them. */
EP_FUNCTION(ep_capture_departed);

Datum
ep_capture_departed(PG_FUNCTION_ARGS)
{
	ep_capture_departure(PG_GETARG_OID(0), PG_GETARG_INT64(1));
	PG_RETURN_BOOL(false);
}
