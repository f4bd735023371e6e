/*
 * protobuf_wire.h
 *	  Records of the protobuf wire format, read one at a time and bounded.
 *
 * A message is a run of records: tag varint (field number << 3 | wire type), then the value.
 * ep_wire_next reads one record whole: numbers into bits, LEN and group contents as a slice of
 * the payload.  Nothing here knows a schema, allocates or recurses.
 */
#ifndef EP_FORMAT_PROTOBUF_WIRE_H
#define EP_FORMAT_PROTOBUF_WIRE_H

#include "core/cursor.h"

/* Levels of messages and groups below the top one, as C++, Java and Python have it. */
#define EP_PROTO_DEPTH 100

typedef enum EpWire
{
	EP_WIRE_VARINT = 0,
	EP_WIRE_I64 = 1,
	EP_WIRE_LEN = 2,
	EP_WIRE_GROUP = 3,
	EP_WIRE_END = 4,
	EP_WIRE_I32 = 5
} EpWire;

typedef struct EpWireRecord
{
	uint32_t number;
	uint32_t wire;
	uint64_t bits; /* VARINT, I64, I32 */
	const uint8_t
		*data;     /* LEN: the bytes; GROUP: what stands between its tags; else where the number stands */
	size_t length; /* LEN, GROUP */
} EpWireRecord;

/*
 * Asked now and then by loops over records that are told nothing of whom they work for: true when they should stop.  NULL: nobody
 * is to be asked.
 */
extern bool (*ep_wire_interrupted)(void);

/* Should such a loop stop?  ticks is its own.  It answers EP_E_LIMIT, "interrupted". */
static inline bool
ep_wire_stops(uint32_t *ticks)
{
	return (++*ticks & 0xffff) == 0 && ep_wire_interrupted != NULL && ep_wire_interrupted();
}

/* A varint of several bytes at [at, end): what follows it, or NULL. */
extern const uint8_t *
ep_wire_varint_long(const uint8_t *at, const uint8_t *end, uint64_t *value) EP_CHECK_RESULT;

/* The slow parts of ep_wire_next: errors and groups. */
extern EpCode
ep_wire_group(EpCursor *cursor, EpWireRecord *record, int depth, EpError *error) EP_CHECK_RESULT;
extern EpCode ep_wire_tag_long(EpCursor *cursor, uint32_t *tag, EpError *error) EP_CHECK_RESULT;
extern EpCode ep_wire_fail(size_t offset, uint32_t wire, EpError *error) EP_CHECK_RESULT;

/* 1 to 10 bytes, base 128, low group first; padding is legal; excess bits of byte 10 are dropped. */
EP_CHECK_RESULT static inline bool
ep_wire_varint(EpCursor *cursor, uint64_t *value)
{
	uint64_t result;
	const uint8_t *next;

	if (cursor->at < cursor->end && *cursor->at < 0x80)
	{
		*value = *cursor->at++;
		return true;
	}
	next = ep_wire_varint_long(cursor->at, cursor->end, &result);
	if (next == NULL)
		return false;
	cursor->at = next;
	*value = result;
	return true;
}

/*
 * The next record; EP_DONE at the end of the cursor.  depth is that of the message read (0 the
 * top one), for groups.  On failure error has the offset of the record's tag.
 */
EP_CHECK_RESULT static inline __attribute__((always_inline)) EpCode
ep_wire_next(EpCursor *cursor, EpWireRecord *record, int depth, EpError *error)
{
	const uint8_t *tagged = cursor->at;
	uint32_t tag;

	if (cursor->at == cursor->end)
		return EP_DONE;
	if (*cursor->at < 0x80)
		tag = *cursor->at++;
	else
	{
		EpCursor copy = *cursor; /* so that the caller's can stay in registers */
		uint32_t value = 0;
		EpCode code = ep_wire_tag_long(&copy, &value, error);

		if (code != EP_OK)
			return code;
		cursor->at = copy.at;
		tag = value;
	}
	record->number = tag >> 3;
	record->wire = tag & 7;
	record->data = cursor->at;
	if (record->number == 0)
		return ep_fail(error, EP_E_SYNTAX, (size_t) (tagged - cursor->start), "protobuf field number 0");
	switch (record->wire)
	{
		case EP_WIRE_VARINT:
			if (ep_wire_varint(cursor, &record->bits))
				return EP_OK;
			break;
		case EP_WIRE_I64:
			if (!ep_cursor_skip(cursor, 8))
				break;
			record->bits = ep_load_le64(record->data);
			return EP_OK;
		case EP_WIRE_I32:
			if (!ep_cursor_skip(cursor, 4))
				break;
			record->bits = ep_load_le32(record->data);
			return EP_OK;
		case EP_WIRE_LEN:
			if (!ep_wire_varint(cursor, &record->bits) || record->bits > ep_cursor_left(cursor))
				break;
			record->data = cursor->at;
			record->length = (size_t) record->bits;
			cursor->at += record->length;
			return EP_OK;
		case EP_WIRE_GROUP:
		{
			EpCursor copy = *cursor;
			EpWireRecord group = *record;
			EpCode code = ep_wire_group(&copy, &group, depth, error);

			cursor->at = copy.at;
			*record = group;
			return code;
		}
	}
	return ep_wire_fail((size_t) (tagged - cursor->start), record->wire, error);
}

/*
 * Is this text that PostgreSQL can hold: valid UTF-8 (no overlong forms, no surrogates, nothing
 * above U+10FFFF) without NUL?  EP_OK, EP_E_ENCODING or EP_E_NUL; *bad is the byte to blame.
 */
extern EpCode ep_wire_text(const uint8_t *bytes, size_t length, size_t *bad) EP_CHECK_RESULT;

/* Zigzag. */
static inline int64_t
ep_wire_zigzag64(uint64_t n)
{
	return (int64_t) (n >> 1 ^ (0 - (n & 1)));
}

static inline int32_t
ep_wire_zigzag32(uint32_t n)
{
	return (int32_t) (n >> 1 ^ (0 - (n & 1)));
}

#endif /* EP_FORMAT_PROTOBUF_WIRE_H */
