/*
 * interrupt_server.c
 *	  Is the statement to end?
 */
#include "core/interrupt_server.h"

#include "miscadmin.h"

bool
ep_interrupted(void)
{
	return InterruptPending && (QueryCancelPending || ProcDiePending);
}
