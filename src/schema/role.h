/*
 * role.h
 *	  As whom we act, and with which settings.
 *
 * A trigger fires as the inserting role.  What it does to event tables it must do as their
 * owner, in a security-restricted context with a pinned search_path: a CHECK or default that a
 * user put there must never run as somebody stronger.  What it does to our own catalog it does
 * as the owner of the extension, with fixed statements only.
 */
#ifndef EP_SCHEMA_ROLE_H
#define EP_SCHEMA_ROLE_H

#include "core/compat.h"

typedef struct EpRole
{
	Oid user;
	int security_context;
} EpRole;

/* Become a table's owner until ep_role_leave. An error also undoes it (the server does that). */
extern EpRole ep_role_enter_owner(Oid owner);

/* The same of one table of a stream: after ALTER TABLE ... OWNER TO it may be another role than the event table's. */
extern EpRole ep_role_enter_owner_of(Oid relation);

/* Become the role that the session acts as, still restricted: for what it has put off itself. */
extern EpRole ep_role_enter_client(void);

/* Become the owner of the extension, for statements on our own catalog. */
extern EpRole ep_role_enter_extension(void);

extern void ep_role_leave(EpRole saved);

/*
 * Pin search_path to pg_catalog, pg_temp until ep_settings_unpin(the result).  Costs nothing when it is
 * pinned already.
 */
extern int ep_settings_pin(void);
extern void ep_settings_unpin(int nest_level);

#endif /* EP_SCHEMA_ROLE_H */
