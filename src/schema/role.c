/*
 * role.c
 *	  As whom we act, and with which settings.
 */
#include "schema/role.h"

#include "catalog/namespace.h"
#include "miscadmin.h"
#include "schema/catalog.h"
#include "schema/relation.h"
#include "utils/guc.h"

static EpRole
enter(Oid user, int flags)
{
	EpRole saved;

	GetUserIdAndSecContext(&saved.user, &saved.security_context);
	SetUserIdAndSecContext(user, saved.security_context | flags);
	return saved;
}

EpRole
ep_role_enter_owner(Oid owner)
{
	return enter(owner, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
}

EpRole
ep_role_enter_owner_of(Oid relation)
{
	return ep_role_enter_owner(ep_relation_owner(relation));
}

EpRole
ep_role_enter_client(void)
{
	return ep_role_enter_owner(GetOuterUserId());
}

EpRole
ep_role_enter_extension(void)
{
	return enter(ep_catalog_owner(), SECURITY_LOCAL_USERID_CHANGE);
}

void
ep_role_leave(EpRole saved)
{
	SetUserIdAndSecContext(saved.user, saved.security_context);
}

#define PINNED_PATH "pg_catalog, pg_temp"

int
ep_settings_pin(void)
{
	int nest_level;

	if (strcmp(namespace_search_path, PINNED_PATH) == 0)
		return 0;
	nest_level = NewGUCNestLevel();
	(void) set_config_option("search_path", PINNED_PATH, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
	return nest_level;
}

void
ep_settings_unpin(int nest_level)
{
	if (nest_level > 0)
		AtEOXact_GUC(false, nest_level); /* what a trigger of the table's owner has set goes as well */
}
