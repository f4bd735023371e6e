/*
 * rollup.h
 *	  How a rollup's query is run, for a refresh and for who reads the live view.
 */
#ifndef EP_ROLLUP_ROLLUP_H
#define EP_ROLLUP_ROLLUP_H

#include "core/compat.h"

/* Pin what a query's result may depend on.  The caller ends it with AtEOXact_GUC(false, level). */
extern int ep_rollup_pin_settings(const char *search_path, const char *time_zone);

#endif /* EP_ROLLUP_ROLLUP_H */
