/*
 * interrupt_server.h
 *	  Is the statement to end?  For decoders, which raise nothing: they stop, and their caller lets the server do the rest.
 */
#ifndef EP_CORE_INTERRUPT_SERVER_H
#define EP_CORE_INTERRUPT_SERVER_H

#include "core/compat.h"

/* True only when CHECK_FOR_INTERRUPTS() would raise: other interrupts can wait, and must not refuse an event. */
extern bool ep_interrupted(void);

#endif /* EP_CORE_INTERRUPT_SERVER_H */
