/*
 * stream.h
 *	  A stream as ingest sees it: its format, its path tree, its targets and where each path goes.
 *
 * One entry per raw table, cached per backend and built from the catalog at first use.  It is
 * dropped when the raw table, one of the targets or our catalog changes (relcache invalidation; a
 * statement trigger on _stream, _target and _attribute sends one).  An entry stays valid until the end of the
 * transaction that looked it up, even when it has been replaced meanwhile.
 */
#ifndef EP_SCHEMA_STREAM_H
#define EP_SCHEMA_STREAM_H

#include "core/compat.h"
#include "core/path.h"
#include "format/format.h"
#include "schema/alias.h"
#include "schema/contract.h"

#include "access/attnum.h"
#include "utils/timestamp.h"

/* What a path means to a target. */
typedef enum EpColumnState
{
	EP_COLUMN_UNSEEN = 0, /* no decision yet */
	EP_COLUMN_KNOWN,      /* attnum, type are set */
	EP_COLUMN_WANTED,  /* met in this statement: attnum is the number of its wish, from 1 (ingest/survey.h) */
	EP_COLUMN_RESCUED, /* values of this path are kept in _ep_rescued; reason says why */
	EP_COLUMN_REJECTED, /* the contract rejects events that have this path */
	EP_COLUMN_DISCARDED /* the contract discards values of this path */
} EpColumnState;

typedef struct EpColumn
{
	uint8 state; /* EpColumnState */
	uint8 type;  /* EpType of the column */
	AttrNumber attnum;
	uint16 attribute;   /* KNOWN: its place in the target's attributes */
	bool variants;      /* KNOWN: there are some */
	const char *reason; /* static: lock, busy, limit, type, contract, name, size, rate */
} EpColumn;

/*
 * One attribute of a target: what its spellings share.  Values that misfit its column go to its variants, which are
 * entries of their own, chained in the order in which their columns were made.
 */
typedef struct EpAttribute
{
	uint32 hash; /* of identity */
	const char *identity;
	const char *column_name;
	const char *registered_name; /* another one when somebody has renamed the column */
	AttrNumber attnum;           /* InvalidAttrNumber: the column is gone */
	EpType type;   /* EP_TYPE_NONE: not to be written to; of a variant that is gone: what it had */
	int spellings; /* of it in the registry */
	bool variant;
	bool dropped; /* by drop_column */
	int next;     /* place of the next variant; 0: no more */
	/* this statement's marks */
	int wish;            /* the first wish for a further variant (ingest/survey.h), from 1; 0: none */
	const char *refusal; /* why there is no further variant: a reason as in EpColumn, or NULL */
} EpAttribute;

typedef struct EpTarget
{
	int id;
	Oid relation;
	const char *route; /* "" for the stream's own table */
	bool tracked;      /* append invalidations */
	bool changed;      /* the relation, since its columns were read under a lock */
	EpColumn *columns; /* by path id */
	uint32 column_capacity;
	EpAttribute *attributes;
	int attribute_count;
	int attribute_capacity;
	AttrNumber event_time, received_at, raw_id, seq, rescued; /* our fixed columns; Invalid: no more */
	AttrNumber natts;                                         /* dropped ones included */
	struct EpCoverage *coverage; /* of its partitions, see ddl/table.h; NULL: not read since it changed */
} EpTarget;

/* event_time, received_at, _ep_raw_id, _ep_seq, _ep_rescued */
#define EP_FIXED_COLUMNS 5

/* What a path is to the stream besides a column; bits. */
#define EP_ROLE_TIME 0x01
#define EP_ROLE_ID 0x02
#define EP_ROLE_ROUTE 0x04
#define EP_ROLE_DECIDED 0x80

typedef struct EpStream
{
	int id;
	Oid raw_relation;
	Oid event_relation;
	Oid owner; /* of the event table: DDL and writes run as it */
	const EpFormat *format;
	const void *message;    /* compiled protobuf message, else NULL */
	const void *schema_ids; /* protobuf: EpProtoIds */
	uint64 message_generation;
	const char *message_type;
	const char *subject;
	const char *const *options;             /* for the decoder: name, value, ..., NULL */
	char *event_time, *event_id, *route_by; /* identities of the paths, or NULL */
	char *event_time_path;                  /* as create_stream was given it, for messages */
	Oid counter_table;                      /* _counter, that its name need not be looked up */
	Oid id_table;                           /* "<stream>_ids" of event_id streams, else InvalidOid */
	/* settings */
	int lock_budget_ms;
	int max_columns;
	int max_new_columns;
	int max_new_partitions;
	int max_partitions;
	int64 future_window; /* microseconds after arrival; later events are rejected */
	int64 late_window;   /* microseconds before arrival; earlier ones are; 0 = no limit */
	int max_tables_per_hour;
	int max_columns_per_hour; /* of each target */
	int max_map_keys;         /* an object with more new keys than that is kept whole; 0: none is */
	EpContract *contract;     /* NULL: evolve, whatever comes */
	EpAliases *aliases;       /* NULL: there never were any */
	char **maps;              /* identities of the objects that are kept whole */
	int map_count;
	/* state */
	MemoryContext context;
	EpPathTree paths;
	uint8 *roles; /* EP_ROLE_* by path id */
	uint32 role_capacity;
	EpTarget **targets;
	int target_count;
	AttrNumber raw_id, received_at, payload; /* of the raw table */
	struct
	{
		Oid relation; /* InvalidOid: none yet */
		AttrNumber raw_id, received_at, payload;
	} leaf; /* of the raw table, the one that was read last */
	bool stale;
} EpStream;

/* The stream of a raw table; an error with a hint when it is none. The caller has connected to SPI. */
extern EpStream *ep_stream_of_raw(Oid raw_relation);

/* The stream of an event table, likewise. */
extern EpStream *ep_stream_of_event_table(Oid event_relation);

/* Raise 22023 when the decoder does not take the stream's options. */
extern void ep_stream_check_options(EpStream *stream);

/* The target for a route, or NULL when there is none yet. */
extern EpTarget *ep_stream_target(EpStream *stream, const char *route);

/* The number of a column, or InvalidAttrNumber when there is none of this very type. */
extern AttrNumber ep_column_of_type(Oid relation, const char *name, Oid type);

/* Read the columns of a target again after DDL of ours. */
extern void ep_target_reload(EpStream *stream, EpTarget *target);

/*
 * Read target->tracked again.  To be asked once the target is locked for writing: who starts to follow
 * it waits for the writers before us, and counts on the invalidations of those after.
 */
extern void ep_target_check_tracked(EpStream *stream, EpTarget *target);

/* Add a target that was just created and registered. */
extern EpTarget *ep_stream_add_target(EpStream *stream, int id, Oid relation, const char *route);

/* Where this path goes in the target; grows the map as needed. Never NULL; transient paths get a shared RESCUED entry. */
extern EpColumn *ep_target_column(EpTarget *target, const EpPath *path, MemoryContext context);

/* The attribute with this identity (not one of its variants), or NULL. */
extern EpAttribute *ep_target_attribute(EpTarget *target, const char *identity);

/* Where the spellings of an attribute go. */
extern EpColumn ep_target_attribute_column(const EpTarget *target, const EpAttribute *attribute);

/* The next variant after this attribute or variant, or NULL. */
extern const EpAttribute *ep_target_next_variant(const EpTarget *target, const EpAttribute *attribute);

/*
 * The variant for a value that misfits the attribute's own column, or NULL when there is none.  Its column may
 * be gone.
 */
extern const EpAttribute *
ep_target_variant(const EpTarget *target, const EpAttribute *attribute, const EpValue *value);

/* True when one column of the attribute, its own or a variant, takes all values that the guess was made from. */
extern bool ep_target_holds(const EpTarget *target, const EpAttribute *attribute, const EpTypeGuess *guess);

/*
 * Remember an attribute in the entry, or a variant of one that is there (the catalog row is registry.c's
 * business).
 */
extern EpAttribute *
ep_target_add_attribute(EpStream *stream, EpTarget *target, const char *identity, const char *column_name,
						AttrNumber attnum, EpType type, bool variant);

/* EP_ROLE_* bits of a path. */
extern uint8 ep_stream_role(EpStream *stream, const EpPath *path);

/* Are objects at this path kept whole, in whatever spelling? */
extern bool ep_stream_is_map(EpStream *stream, const EpPath *path);

extern void ep_stream_init(void);

#endif /* EP_SCHEMA_STREAM_H */
