/*
 * event.c
 *	  The growing field array of one event; it lives in the event's arena.
 */
#include "core/event.h"

#include <string.h>

#define FIRST_FIELDS 32

EpField *
ep_event_add(EpEvent *event, EpArena *arena)
{
	if (event->field_count == event->field_capacity)
	{
		uint32_t capacity = event->field_capacity == 0 ? FIRST_FIELDS : event->field_capacity * 2;
		EpField *fields;

		if (capacity < event->field_capacity)
			return NULL;
		fields = ep_arena_array(arena, capacity, sizeof *fields);
		if (fields == NULL)
			return NULL;
		if (event->field_count > 0)
			memcpy(fields, event->fields, event->field_count * sizeof *fields);
		event->fields = fields;
		event->field_capacity = capacity;
	}
	return &event->fields[event->field_count++];
}
