/*
 * gpmf_from_mp4.c
 *	  The GPMF payloads of an MP4, with their times.
 */
#include "type/gpmf.h"

#include "core/memory_server.h"
#include "format/gpmf/gpmf_mp4.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

EP_FUNCTION(ep_gpmf_from_mp4);

#define MEMORY_LIMIT ((size_t) 256 << 20)

/* Why a payload is no log; NULL when it is one. */
static const char *
problem(const uint8_t *bytes, size_t length, const EpMp4Payload *payload)
{
	EpError error;

	if (payload->offset > length || payload->length > length - payload->offset)
		return "the payload lies outside the file";
	if (ep_gpmf_validate(bytes + payload->offset, payload->length, &error) == EP_OK)
		return NULL;
	return psprintf("%s, at byte %zu", error.message, error.offset);
}

static void
put_payload(const bytea *file, const EpMp4Payload *payload, int index, ReturnSetInfo *rsinfo)
{
	const uint8_t *bytes = (const uint8_t *) VARDATA_ANY(file);
	const char *why = problem(bytes, VARSIZE_ANY_EXHDR(file), payload);
	Datum values[5] = {Int32GetDatum(index)};
	bool nulls[5] = {false};

	nulls[1] = why != NULL;
	if (why == NULL) /* text and bytea are made alike */
		values[1] = PointerGetDatum(
			cstring_to_text_with_len((const char *) bytes + payload->offset, (int) payload->length));
	values[2] = Float8GetDatum(payload->in);
	values[3] = Float8GetDatum(payload->out);
	nulls[4] = why == NULL;
	values[4] = why == NULL ? (Datum) 0 : CStringGetTextDatum(why);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
ep_gpmf_from_mp4(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	bytea *file = PG_GETARG_BYTEA_PP(0);
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext row = AllocSetContextCreate(caller, "gpmf payload", ALLOCSET_DEFAULT_SIZES);
	EpArena arena;
	EpMp4 mp4;
	EpError error;

	InitMaterializedSRF(fcinfo, 0);
	ep_arena_init(&arena, ep_palloc_allocator(caller), MEMORY_LIMIT);
	if (ep_mp4_open(&mp4, VARDATA_ANY(file), VARSIZE_ANY_EXHDR(file), &arena, &error) != EP_OK)
	{
		const char *s = ep_sqlstate(error.code);

		ereport(ERROR, (errcode(MAKE_SQLSTATE(s[0], s[1], s[2], s[3], s[4])),
						errmsg("cannot read the MP4: %s", error.message),
						errdetail("The fault is at byte %zu.", error.offset)));
	}
	for (uint32_t i = 0; i < mp4.count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(row);
		put_payload(file, &mp4.payloads[i], (int) i, rsinfo);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(row);
	}
	return (Datum) 0;
}
