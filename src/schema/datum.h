/*
 * datum.h
 *	  From a decoded value to a datum of the column's type.
 */
#ifndef EP_SCHEMA_DATUM_H
#define EP_SCHEMA_DATUM_H

#include "core/compat.h"
#include "core/value.h"

/*
 * The datum for value in a column of this type, allocated in the current context.  The caller has
 * asked ep_type_accepts first.  Raises nothing for values that decoders give out.
 */
extern Datum ep_datum(EpType type, const EpValue *value);

/* Is making a jsonb of this text within what one value may take? */
extern bool ep_datum_fits_json(const char *text, size_t length);

/* Bytes the datum takes in a heap tuple at most, after TOAST. */
extern int ep_datum_width(EpType type, const EpValue *value);

#endif /* EP_SCHEMA_DATUM_H */
