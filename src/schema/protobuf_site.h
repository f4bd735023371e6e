/*
 * protobuf_site.h
 *	  What one place in a query that calls a protobuf function has found out, kept from call to call.
 */
#ifndef EP_SCHEMA_PROTOBUF_SITE_H
#define EP_SCHEMA_PROTOBUF_SITE_H

#include "schema/protobuf.h"

typedef struct EpProtoSite
{
	uint64 generation;
	const EpProtoMessage *message;
	char *name;
	char *subject;         /* NULL: any */
	int version;           /* 0: the newest */
	MemoryContext context; /* of what goes when another message type is asked for */
	void *plan;            /* the function's own, in that context; NULL: none yet */
	EpArena arena;         /* of a call; its first block is kept for the next */
	Datum constant;        /* the name in argument 0, when the query has it as a constant; else 0 */
} EpProtoSite;

/* The slow parts of the two below: at the first call, or when another message type is asked for. */
extern EpProtoSite *ep_protobuf_site_make(FmgrInfo *flinfo);
extern const EpProtoMessage *ep_protobuf_site_resolve(EpProtoSite *site, FunctionCallInfo fcinfo);

/* The site of a call, made at the first. */
static inline EpProtoSite *
ep_protobuf_site(FmgrInfo *flinfo)
{
	return likely(flinfo->fn_extra != NULL) ? flinfo->fn_extra : ep_protobuf_site_make(flinfo);
}

/*
 * The message type of argument 0, in the subject and version of arguments 2 and 3 if there are so many, which may be
 * NULL.  site->plan is NULL after a change.
 */
static inline const EpProtoMessage *
ep_protobuf_site_message(EpProtoSite *site, FunctionCallInfo fcinfo)
{
	if (likely(site->constant == PG_GETARG_DATUM(0) && site->generation == ep_protobuf_generation()))
		return site->message;
	return ep_protobuf_site_resolve(site, fcinfo);
}

/*
 * Argument 1, a payload.  A scan hands out the rows of a page from its end towards its beginning, so that the next row likely lies right before
 * this one.  Its memory is asked for now, to be there when the scan comes to it: to wait for it takes longer than to find a field in it.
 */
extern bytea *ep_protobuf_site_payload(FunctionCallInfo fcinfo);

/* Is the argument a constant of the query: the same at each call? */
extern bool ep_protobuf_is_constant(FmgrInfo *flinfo, int argument);

/* Is the text argument (NULL or not) the one that was kept? */
extern bool ep_protobuf_same_text(const char *kept, text *argument);

/* A refusal, unless it came from an interrupt, which then speaks for itself. */
pg_noreturn extern void ep_protobuf_site_refuse(const EpError *error);

#endif /* EP_SCHEMA_PROTOBUF_SITE_H */
