/*
 * name_letter.h
 *	  Letters, for name.c alone; ep_name_lower is in name.h.
 */
#ifndef EP_CORE_NAME_LETTER_H
#define EP_CORE_NAME_LETTER_H

#include "core/status.h"

/* Letters of any script, and the marks and digits of other scripts than Latin's. */
extern bool ep_name_is_letter(uint32_t code);

#endif /* EP_CORE_NAME_LETTER_H */
