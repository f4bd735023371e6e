/*
 * id_key.h
 *	  Keys of objects that are data rather than names.
 */
#ifndef EP_CORE_ID_KEY_H
#define EP_CORE_ID_KEY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Does the key look like an identifier, a number or a date?  No letters at all (17, 2024-06-01, 10.0.0.1), an ISO 8601
 * time, a UUID, hexadecimal of eight digits or more with a decimal one among them, or a run of six decimal digits.
 */
extern bool ep_key_is_id(const char *key, size_t length);

#endif /* EP_CORE_ID_KEY_H */
