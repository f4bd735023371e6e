/*
 * protobuf_site.c
 *	  What one place in a query that calls a protobuf function has found out, kept from call to call.
 */
#include "schema/protobuf_site.h"

#include "core/memory_server.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

bool
ep_protobuf_same_text(const char *kept, text *argument)
{
	size_t length = argument == NULL ? 0 : VARSIZE_ANY_EXHDR(argument);

	if (kept == NULL || argument == NULL)
		return kept == NULL && argument == NULL;
	return strlen(kept) == length && memcmp(kept, VARDATA_ANY(argument), length) == 0;
}

bool
ep_protobuf_is_constant(FmgrInfo *flinfo, int argument)
{
	Node *call = flinfo->fn_expr;

	return call != NULL && IsA(call, FuncExpr) && argument < list_length(((FuncExpr *) call)->args) &&
		   IsA(list_nth(((FuncExpr *) call)->args, argument), Const);
}

EpProtoSite *
ep_protobuf_site_make(FmgrInfo *flinfo)
{
	EpProtoSite *site = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(EpProtoSite));

	site->context = AllocSetContextCreate(flinfo->fn_mcxt, "event_pipeline call site", ALLOCSET_SMALL_SIZES);
	ep_arena_init(&site->arena, ep_palloc_allocator(flinfo->fn_mcxt), MaxAllocSize);
	flinfo->fn_extra = site;
	return site;
}

static const EpProtoMessage *
resolve(EpProtoSite *site, text *name, text *subject, int version)
{
	if (site->message != NULL && site->generation == ep_protobuf_generation() && site->version == version &&
		ep_protobuf_same_text(site->name, name) && ep_protobuf_same_text(site->subject, subject))
		return site->message;
	site->message = NULL;
	site->plan = NULL;
	site->constant = (Datum) 0;
	MemoryContextReset(site->context);
	site->name = MemoryContextStrdup(site->context, text_to_cstring(name));
	site->subject = subject == NULL ? NULL : MemoryContextStrdup(site->context, text_to_cstring(subject));
	site->version = version;
	if (version > 0 && subject == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a version of a protobuf schema needs its subject"),
						errhint("Give the argument \"subject\" too.")));
	site->message = version > 0 ? ep_protobuf_message_version(site->subject, version, site->name)
								: ep_protobuf_message(site->subject, site->name);
	site->generation = ep_protobuf_generation();
	return site->message;
}

/* Subject and version are mostly absent, or constants as well: then the name says it all. */
static bool
is_constant(FunctionCallInfo fcinfo)
{
	for (int i = 0; i < PG_NARGS() && i < 4; i++)
		if (i != 1 && !ep_protobuf_is_constant(fcinfo->flinfo, i))
			return false;
	return true;
}

const EpProtoMessage *
ep_protobuf_site_resolve(EpProtoSite *site, FunctionCallInfo fcinfo)
{
	bool has_more = PG_NARGS() > 3;
	bool has_version = has_more && !PG_ARGISNULL(3);

	if (has_version && PG_GETARG_INT32(3) < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("version must be 1 or more")));
	resolve(site, PG_GETARG_TEXT_PP(0), has_more && !PG_ARGISNULL(2) ? PG_GETARG_TEXT_PP(2) : NULL,
			has_version ? PG_GETARG_INT32(3) : 0);
	if (is_constant(fcinfo))
		site->constant = PG_GETARG_DATUM(0);
	return site->message;
}

/* How far before a payload a row of the same size may begin, in steps of what memory hands out at once. */
#define ROW_MORE 128
#define ROW_MOST 1024
#define CACHE_LINE 64

bytea *
ep_protobuf_site_payload(FunctionCallInfo fcinfo)
{
	Pointer payload = PG_GETARG_POINTER(1);
	size_t far = Min(VARSIZE_ANY(payload) + ROW_MORE, ROW_MOST);

	for (size_t before = CACHE_LINE; before < far; before += CACHE_LINE)
		__builtin_prefetch((const void *) ((uintptr_t) payload - before)); /* faults nowhere */
	return PG_GETARG_BYTEA_PP(1);
}

void
ep_protobuf_site_refuse(const EpError *error)
{
	CHECK_FOR_INTERRUPTS();
	ep_protobuf_raise(error);
}
