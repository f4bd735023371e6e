/*
 * gpmf_decode.h
 *	  A GPMF log: its devices and streams, its time, its samples.
 *
 *	  ep_gpmf_log_open     one pass over the headers: devices, streams, blocks (one stream's part of
 *	                       one payload), then the time model
 *	  ep_gpmf_read_*       run by run, or sample by sample, stream after stream
 *
 * Server-free, raises nothing, allocates from the arena it is given and borrows the log's bytes, which
 * must outlive it.  Work is O(bytes); so is memory (a block of 56 bytes for each stream in each payload).
 *
 * Payloads stand back to back without a mark: a DEVC whose DVID already occurred in the current
 * payload starts the next one.  A stream is told apart by device, name, FourCC and its ordinal in the payload.
 */
#ifndef EP_GPMF_DECODE_H
#define EP_GPMF_DECODE_H

#include "format/gpmf/gpmf_known.h"
#include "format/gpmf/gpmf_layout.h"

#define EP_GPMF_MAX_DEVICES 64
#define EP_GPMF_MAX_STREAMS 512
#define EP_GPMF_NO_STAMP INT64_MIN
#define EP_GPMF_FIT_MAX 64   /* GPSU texts that make the trend */
#define EP_GPMF_PERIOD 1.001 /* seconds of a payload, where nothing says otherwise */

/* The clocks that stamps come from.  Each device has its own of each kind. */
typedef enum EpGpmfClock
{
	EP_GPMF_CLOCK_NONE = 0, /* even spread over the payload's window */
	EP_GPMF_CLOCK_TICK,     /* TICK: milliseconds on the device's clock, per payload */
	EP_GPMF_CLOCK_STMP,     /* STMP: microseconds on the recording clock, per payload; or STPS, per sample */
	EP_GPMF_CLOCK_BOOT,     /* the sample's first field: time since the drone's boot */
	EP_GPMF_CLOCK_GIMBAL,   /* the same on the gimbal's clock */
	EP_GPMF_CLOCK_TWIN,     /* the same instants as another stream (VFRH: GLPI) */
	EP_GPMF_CLOCK_COUNT
} EpGpmfClock;

/* Where the log's UTC comes from. */
typedef enum EpGpmfUtc
{
	EP_GPMF_UTC_NONE = 0,
	EP_GPMF_UTC_GPSU, /* the text beside GPS5, up to some seconds off */
	EP_GPMF_UTC_SYST, /* Karma: boot time and unix time in one message */
	EP_GPMF_UTC_GPS9  /* per sample, to the millisecond */
} EpGpmfUtc;

/* One stream's part of one payload; only those with samples. */
typedef struct EpGpmfBlock EpGpmfBlock;
struct EpGpmfBlock
{
	EpGpmfBlock *next; /* of the same stream */
	int64_t stamp;     /* microseconds on the stream's clock, or EP_GPMF_NO_STAMP */
	double t0;         /* seconds of the first sample from the start of the log */
	double step;       /* seconds between samples */
	uint32_t strm;     /* offset of the STRM's header */
	uint32_t payload;
	uint32_t klvs;
	uint32_t samples;
	uint64_t base; /* samples of the stream before this block */
};

/* A clock's zero: the earliest stamp in the first payload that has one. */
typedef struct EpGpmfEpoch
{
	bool set;
	uint32_t payload;
	int64_t stamp; /* microseconds */
	int64_t shift; /* t = (stamp - shift) / 1e6 */
} EpGpmfEpoch;

typedef struct EpGpmfDevice
{
	uint32_t id; /* DVID; 0 when the DEVC has none */
	EpGpmfText name;
	EpGpmfText firmware; /* FWVS or FMWR; bytes NULL: not said */
	uint32_t payloads;
	uint32_t last_payload;
	EpGpmfEpoch epoch[EP_GPMF_CLOCK_COUNT];
} EpGpmfDevice;

typedef struct EpGpmfStream EpGpmfStream;
struct EpGpmfStream
{
	uint32_t index; /* order of first appearance, from 0 */
	uint32_t key;   /* FourCC */
	char fourcc[5];
	EpGpmfDevice *device;
	EpGpmfText name;
	const EpGpmfKnown *known;             /* NULL: not in the table, or of another shape */
	uint8_t type;                         /* of the data KLV; '?', '#' included */
	uint8_t size;                         /* bytes per sample */
	uint16_t elements;                    /* 0 when the type is unknown or contradicts itself */
	char types[EP_GPMF_MAX_ELEMENTS + 1]; /* expanded TYPE, or the one type; '#' + inner type */
	EpGpmfSticky sticky;                  /* of the first payload with samples, else of the first */
	uint32_t payloads;
	uint64_t klvs;
	uint64_t samples;  /* sum of repeats */
	uint32_t max_klvs; /* in one payload; above 1, a KLV is one instant */
	bool has_tsmp;
	uint32_t tsmp_first;
	uint32_t tsmp_last;
	EpGpmfBlock *first;
	EpGpmfBlock *last;
	/* time */
	EpGpmfClock clock;
	double clock_unit; /* seconds per unit of the sample's own time */
	double *times;     /* t of every sample, where a twin needs them */
	EpGpmfStream *twin;
	bool counted;   /* times by a line through counts (TSMP) and windows */
	bool dated;     /* GPS9: samples with a fix say their own time */
	double rate;    /* Hz; 0: unknown */
	double t_first; /* of the first sample */
	double t_last;  /* of the last sample */
	double t_end;   /* of the last sample and its step */
	/* scan */
	uint32_t hash;         /* of device, FourCC and name */
	EpGpmfStream *chain;   /* hash bucket: next identity */
	EpGpmfStream *sibling; /* the same identity's next ordinal in a payload */
	EpGpmfStream *current; /* of an identity's first: the one last met */
	uint32_t last_payload;
	uint64_t last_tick;
};

typedef struct EpGpmfLog
{
	const uint8_t *bytes;
	size_t length;
	EpArena *arena;
	EpGpmfDevice *devices[EP_GPMF_MAX_DEVICES];
	uint32_t device_count;
	EpGpmfStream *streams[EP_GPMF_MAX_STREAMS];
	uint32_t stream_count;
	EpGpmfStream *buckets[256];
	uint32_t payloads;
	EpError fault;    /* code EP_OK: whole; else why the scan ended early */
	size_t readable;  /* bytes before the first that was not read */
	size_t gap;       /* where bytes go on with the tail of a long log; 0: nothing is left out */
	uint32_t skipped; /* payloads from the last before the gap to the first after it */
	uint32_t tail;    /* payload after the gap */
	/* time */
	EpGpmfUtc utc;
	int64_t started_at;  /* microseconds since 1970 UTC of t = 0, if utc is known */
	bool start_settled;  /* of the head of a longer log: started_at is that of the whole, whatever follows */
	bool clock_seen;     /* there is GPS9, SYST or GPSU, be there a date in it or not */
	double duration;     /* seconds */
	bool end_settled;    /* of a log with a gap: the duration is that of the whole, whatever was left out */
	const double *given; /* by ep_gpmf_log_retime: payload starts, and the end; NULL: none */
	double *windows;     /* t at which each payload starts */
	double period;       /* seconds of a payload, for what has no window of its own */
	int64_t *boot_utc;   /* by payload: UTC minus the drone's boot time, microseconds; NULL: no SYST */
	uint32_t stamped;    /* payloads at the end whose windows are stamped, one after the other */
	/* scan: the text clock beside GPS5 */
	bool gpsu_set;
	bool gpsu_locked;
	int64_t gpsu;
	uint32_t gpsu_payload;
	double fit_n, fit_k, fit_u, fit_kk, fit_ku; /* least squares of the first GPSU over payloads */
	uint32_t fit_payload;                       /* the last of these */
	int64_t fit_origin;
} EpGpmfLog;

/*
 * Read the structure and the time of a log.  EP_OK also for a log that is cut off or damaged
 * further on: log->fault says where, and everything before it can be read.  A refusal: not a log at all
 * (EP_E_SYNTAX ...), EP_E_LIMIT, EP_E_MEMORY.
 */
extern EpCode ep_gpmf_log_open(EpGpmfLog *log, const void *bytes, size_t length, EpArena *arena,
							   EpError *error) EP_CHECK_RESULT;

/*
 * The same of the two ends of a longer log: bytes are its first whole DEVCs and, from gap on, its last.  The
 * first payload of the tail is skipped (at least 1) after the last of the head.
 */
extern EpCode ep_gpmf_log_open_ends(EpGpmfLog *log, const void *bytes, size_t length, size_t gap,
									uint32_t skipped, EpArena *arena, EpError *error) EP_CHECK_RESULT;

/* gpmf_time.c: clocks, windows, rates and UTC of a scanned log. */
extern EpCode ep_gpmf_log_time(EpGpmfLog *log, EpError *error) EP_CHECK_RESULT;

/*
 * Time again, with windows that a container knows: count is payloads + 1, the starts and the last end, seconds,
 * ascending.  They outlive the log.  EP_E_STRUCTURE when they are not so.
 */
extern EpCode
ep_gpmf_log_retime(EpGpmfLog *log, const double *windows, size_t count, EpError *error) EP_CHECK_RESULT;

/* "field", "stmp", "tsmp", "tick", "window", as a stream's times come about; and "gps9", "syst", "gpsu", NULL. */
extern const char *ep_gpmf_clock_name(const EpGpmfStream *stream);
extern const char *ep_gpmf_utc_name(EpGpmfUtc utc);

/*
 * The unit of an element, UTF-8, from the stream's SIUN or UNIT (one for all, or used in turn); bytes NULL: none.
 * A conversion may come from arena.
 */
extern EpGpmfText ep_gpmf_stream_unit(const EpGpmfStream *stream, unsigned element, EpArena *arena);

/* How many units there are. */
extern unsigned ep_gpmf_stream_unit_count(const EpGpmfStream *stream);

/* The divisors of SCAL, at most EP_GPMF_MAX_ELEMENTS; none: 0. */
extern unsigned ep_gpmf_stream_scale_count(const EpGpmfStream *stream);
extern double ep_gpmf_stream_scale(const EpGpmfStream *stream, unsigned i);

/* The data KLVs of one STRM, with the sticky KLVs before each. */
typedef struct EpGpmfStrm
{
	EpCursor level;
	EpCursor nest; /* of a data KLV that is itself a nest */
	bool nested;
	uint32_t key;   /* of the data; 0: the stream has none */
	uint32_t inner; /* data key inside the nest */
	EpGpmfSticky sticky;
	EpGpmfSticky outer;
} EpGpmfStrm;

/* Find the data key: that of the last KLV, unless it is structural.  The content must be valid. */
extern void ep_gpmf_strm_begin(EpGpmfStrm *strm, EpCursor content, const EpGpmfSticky *inherited);

/* The same where the data key is known. */
extern void
ep_gpmf_strm_begin_key(EpGpmfStrm *strm, EpCursor content, uint32_t key, const EpGpmfSticky *inherited);

/* The next data KLV; false at the end. */
extern bool ep_gpmf_strm_next(EpGpmfStrm *strm, EpGpmfKlv *data);

/* One sample, or one text.  Everything is borrowed until the next read. */
typedef struct EpGpmfSample
{
	const EpGpmfStream *stream;
	const uint8_t *bytes; /* of the sample (of the KLV, for a text) */
	size_t length;
	uint32_t payload;
	uint32_t klv;    /* ordinal of the data KLV in its STRM */
	uint32_t sample; /* repeat index */
	double t;        /* seconds from the start of the log */
	bool has_at;
	int64_t at; /* microseconds since 1970 UTC */
	unsigned count;
	uint32_t layout;               /* another number: elements may differ; never 0 */
	const double *values;          /* count of them; 0 where the element is text */
	const EpGpmfElement *elements; /* count of them */
	EpGpmfText label;              /* a text stream's text; else bytes NULL */
} EpGpmfSample;

#define EP_GPMF_RUN_VALUES 1024 /* at most in one run; they stay in the processor's first cache */

/* Samples side by side in one data KLV, or one text.  Everything is borrowed until the next read. */
typedef struct EpGpmfRun
{
	const EpGpmfStream *stream;
	const uint8_t *bytes; /* of the first sample; of the KLV, for a text or a refusal */
	size_t length;        /* of one sample; of the KLV, likewise */
	uint32_t payload;
	uint32_t klv;         /* ordinal of the data KLV in its STRM */
	uint32_t sample;      /* repeat index of the first */
	uint32_t samples;     /* how many; 1 for a text */
	uint32_t count;       /* values of each; 0 for a text */
	const double *values; /* samples times count; 0 where an element is text */
	EpGpmfText label;     /* a text stream's text; else bytes NULL */
} EpGpmfRun;

typedef struct EpGpmfReader
{
	const EpGpmfLog *log;
	EpArena *arena; /* for converted text */
	EpGpmfStream *stream;
	EpGpmfBlock *block; /* NULL: all read */
	EpGpmfBlock *twin;  /* the block of stream->twin for this payload */
	EpGpmfStrm strm;
	EpGpmfKlv data;
	uint32_t klv;    /* KLVs begun in this block */
	uint32_t sample; /* next repeat of data */
	bool in_block;
	bool refused; /* '#': said once, then the stream is over */
	EpGpmfLayout layout;
	EpGpmfRun run;
	uint32_t taken; /* samples of run that ep_gpmf_read_next gave */
	double values[EP_GPMF_RUN_VALUES];
} EpGpmfReader;

/* Prepare a reader; arena takes converted texts (it may be reset between reads). */
extern void ep_gpmf_read_begin(EpGpmfReader *reader, const EpGpmfLog *log, EpArena *arena);

/* Go to the start of a stream. */
extern void ep_gpmf_read_stream(EpGpmfReader *reader, EpGpmfStream *stream);

/* Go to the start of one block of a stream. */
extern void ep_gpmf_read_block(EpGpmfReader *reader, EpGpmfStream *stream, EpGpmfBlock *block);

/*
 * The next run of the stream; EP_DONE at its end.  Anything else refuses one data KLV (whose bytes are in *run);
 * reading goes on with the next.
 */
extern EpCode ep_gpmf_read_run(EpGpmfReader *reader, EpGpmfRun *run, EpError *error) EP_CHECK_RESULT;

/* The same sample by sample, each with its time.  Do not mix both in one block. */
extern EpCode ep_gpmf_read_next(EpGpmfReader *reader, EpGpmfSample *sample, EpError *error) EP_CHECK_RESULT;

/* The UTC that a GPS9 sample says (days since 2000, seconds of the day); false for any other sample. */
extern bool ep_gpmf_gps9_at(const EpGpmfSample *sample, int64_t *at);

#endif /* EP_GPMF_DECODE_H */
