/*
 * path.h
 *	  The tree of attribute paths of one stream, in the source's own spelling.
 *
 * Every attribute that a stream has ever shown is one node; decoders walk the tree while they
 * walk the payload, so finding an attribute's column is an array look-up by node id.  The tree
 * outlives payloads (it belongs to the stream's cache entry); it never shrinks and never grows
 * past max_nodes: a payload with a million distinct keys gets transient nodes from the event's
 * arena instead, with id EP_PATH_TRANSIENT.
 */
#ifndef EP_CORE_PATH_H
#define EP_CORE_PATH_H

#include "core/arena.h"
#include "core/value.h"

#define EP_PATH_TRANSIENT UINT32_MAX

typedef struct EpPath EpPath;

struct EpPath
{
	EpPath *parent;   /* NULL for the root */
	EpPath *follower; /* the sibling last seen after this one: a guess that saves hashing */
	EpPath *first;    /* the child last seen first under this one: the same guess */
	EpPath *chain;    /* next node of the same hash bucket */
	const char *key;  /* this segment, as spelled; not NUL-terminated for decoders' use */
	uint32_t key_length;
	uint32_t hash;
	uint32_t id;         /* dense from 0 (the root), or EP_PATH_TRANSIENT */
	uint16_t depth;      /* segments from the root */
	uint16_t type;       /* EpType a typed format declares, else EP_TYPE_NONE */
	bool whole;          /* an object here is one value: its keys are data, no paths */
	const char *comment; /* what the schema says of it, or NULL */
	void *owner;         /* free for the format (protobuf: the field) */
};

/* Senders choose keys, so what these hash to must be nobody's to know: each tree has numbers of its own. */
typedef struct EpPathTree
{
	uint64_t secret[2];
	EpArena arena;
	EpPath root;
	EpPath **buckets;
	uint32_t bucket_count; /* a power of two */
	uint32_t count;        /* nodes with an id, the root included */
	uint32_t max_nodes;
	EpPath **nodes; /* by id */
} EpPathTree;

/* false when out of memory. */
extern bool ep_path_tree_init(EpPathTree *tree, EpAllocator allocator, uint32_t max_nodes) EP_CHECK_RESULT;
extern void ep_path_tree_free(EpPathTree *tree);

/*
 * The child of parent with this key, made if need be.  previous (may be NULL) is the sibling that
 * the payload had just before; it only speeds things up.  Past max_nodes, or under a transient
 * parent, the node comes from overflow and is EP_PATH_TRANSIENT; NULL when that arena is full.
 */
extern EpPath *ep_path_child(EpPathTree *tree, EpPath *parent, EpPath *previous, const char *key,
							 size_t length, EpArena *overflow);

/* The child if it exists, else NULL. Makes nothing. */
extern EpPath *ep_path_find(EpPathTree *tree, EpPath *parent, const char *key, size_t length);

/*
 * The nodes from path up to, not with, the root; how many.  No decoder nests deeper than
 * EP_PATH_SEGMENTS_MAX; of a deeper path the head is left out.
 */
#define EP_PATH_SEGMENTS_MAX 256
extern size_t ep_path_segments(const EpPath *path, const EpPath **segments);

/*
 * The published spelling: segments joined by '.', a segment that is no plain identifier
 * ([A-Za-z_][A-Za-z0-9_]*) in double quotes with JSON escapes: device."serial no".x
 * NUL-terminated, from arena; NULL when the arena is full.
 */
extern char *ep_path_to_text(const EpPath *path, EpArena *arena);

/* The same spelling given to sink piece by piece, without an arena. */
typedef void (*EpPathSink)(void *context, const char *bytes, size_t length);
extern void ep_path_spell(const EpPath *path, EpPathSink sink, void *context);

/*
 * The node that a published spelling names, made if need be; NULL when the text is malformed.
 * People type these, so an unquoted segment may hold anything but '.', '"', '\\' and controls.
 */
extern EpPath *ep_path_from_text(EpPathTree *tree, const char *text, EpArena *overflow);

/*
 * What spelling variants of one attribute share: each segment lower-cased without underscores,
 * segments joined by '.', with '.' inside a segment kept apart as '\x1f'.  event_type, eventType
 * and EventType are one attribute; record.userId is another than record_user_id.
 */
extern char *ep_path_identity(const EpPath *path, EpArena *arena);

#endif /* EP_CORE_PATH_H */
