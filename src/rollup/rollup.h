/*
 * rollup.h
 *	  How a rollup's query is run, for a refresh and for who reads the live view.
 */
#ifndef EP_ROLLUP_ROLLUP_H
#define EP_ROLLUP_ROLLUP_H

#include "core/compat.h"

#include "nodes/parsenodes.h"

/* Pin what a query's result may depend on.  The caller ends it with AtEOXact_GUC(false, level). */
extern int ep_rollup_pin_settings(const char *search_path, const char *time_zone);

/* The one statement of a text, or an error. */
extern RawStmt *ep_rollup_parse(const char *text);

/*
 * Parse, analyse and check under the settings that are in force; the one Query that is left is fit for a rollup and
 * has a result that a table can hold.
 */
extern Query *ep_rollup_analyze(const char *text);

#endif /* EP_ROLLUP_ROLLUP_H */
