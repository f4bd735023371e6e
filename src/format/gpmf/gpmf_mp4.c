/*
 * gpmf_mp4.c
 *	  A bounded walk over MP4 boxes to the samples of the gpmd track.
 *
 * First the boxes: each table is kept as a cursor over its entries, whose number its box proves.  Then the
 * tables are run through side by side: sizes, times (run lengths), chunks (run lengths).  Last the edit list lays
 * media time on presentation time.
 */
#include "format/gpmf/gpmf_mp4.h"

#define TYPE(a, b, c, d) ((uint32_t) (a) << 24 | (uint32_t) (b) << 16 | (uint32_t) (c) << 8 | (uint32_t) (d))

typedef struct Box
{
	uint32_t type;
	EpCursor content;
} Box;

/* The entries of a table box; count of them are there. */
typedef struct Table
{
	const uint8_t *entries;
	uint32_t count;
	uint8_t version;
} Table;

typedef struct Track
{
	bool is_gpmd;
	bool wide_offsets; /* chunks is a co64 */
	uint32_t timescale;
	uint32_t fixed_size; /* of every sample; 0: sizes has them */
	uint32_t sample_count;
	Table times, chunk_runs, sizes, chunks, edits;
} Track;

/* ---- boxes ---- */

/* The next box of a level; EP_DONE at its end.  Size 1: 64 bits follow; size 0: the rest of the level. */
static EpCode
next_box(EpCursor *level, Box *box, EpError *error)
{
	size_t left = ep_cursor_left(level);
	size_t offset = ep_cursor_offset(level);
	size_t head = 8;
	uint64_t size;

	if (left == 0)
		return EP_DONE;
	if (left < 8)
		return ep_fail(error, EP_E_TRUNCATED, offset, "less than a box header is left");
	size = ep_load_be32(level->at);
	box->type = ep_load_be32(level->at + 4);
	if (size == 0)
		size = left;
	else if (size == 1)
	{
		head = 16;
		if (left < 16)
			return ep_fail(error, EP_E_TRUNCATED, offset, "less than a box header is left");
		size = ep_load_be64(level->at + 8);
	}
	if (size < head)
		return ep_fail(error, EP_E_STRUCTURE, offset, "box is smaller than its header");
	if (size > left)
		return ep_fail(error, EP_E_TRUNCATED, offset, "box is longer than what holds it");
	box->content = (EpCursor){level->start, level->at + head, level->at + size};
	level->at += size;
	return EP_OK;
}

/* The first box of that type in a level; EP_DONE: none. */
static EpCode
find_box(EpCursor level, uint32_t type, EpCursor *content, EpError *error)
{
	Box box;
	EpCode code;

	while ((code = next_box(&level, &box, error)) == EP_OK)
		if (box.type == type)
		{
			*content = box.content;
			return EP_OK;
		}
	return code;
}

/* Entries of so many bytes after version, flags, and skip bytes before the count. */
static EpCode
read_table(EpCursor content, size_t skip, size_t entry, Table *table, EpError *error)
{
	size_t left = ep_cursor_left(&content);

	if (left < 8 + skip)
		return ep_fail(error, EP_E_TRUNCATED, ep_cursor_offset(&content), "table without a count");
	table->version = content.at[0];
	table->count = ep_load_be32(content.at + 4 + skip);
	table->entries = content.at + 8 + skip;
	if (entry > 0 && table->count > (left - 8 - skip) / entry)
		return ep_fail(error, EP_E_TRUNCATED, ep_cursor_offset(&content), "table is shorter than its count");
	return EP_OK;
}

/* The time units a second of an mvhd or mdhd. */
static EpCode
read_timescale(EpCursor content, uint32_t *timescale, EpError *error)
{
	size_t at = ep_cursor_left(&content) > 0 && content.at[0] == 1 ? 20 : 12;

	if (ep_cursor_left(&content) < at + 4)
		return ep_fail(error, EP_E_TRUNCATED, ep_cursor_offset(&content), "header box is too short");
	*timescale = ep_load_be32(content.at + at);
	if (*timescale == 0)
		return ep_fail(error, EP_E_STRUCTURE, ep_cursor_offset(&content), "time scale is zero");
	return EP_OK;
}

/* ---- the track ---- */

static EpCode
read_sizes(EpCursor content, Track *track, EpError *error)
{
	EpCode code = read_table(content, 4, 0, &track->sizes, error);

	if (code != EP_OK)
		return code;
	track->sample_count = track->sizes.count;
	track->fixed_size = ep_load_be32(content.at + 4);
	if (track->fixed_size == 0)
		return read_table(content, 4, 4, &track->sizes, error);
	return EP_OK;
}

/* One box of stbl. */
static EpCode
read_sample_table(const Box *box, Track *track, EpError *error)
{
	const uint8_t *at = box->content.at;

	switch (box->type)
	{
		case TYPE('s', 't', 's', 'd'): /* version, flags, count, then the first entry: size, format */
			track->is_gpmd = ep_cursor_left(&box->content) >= 16 && memcmp(at + 12, "gpmd", 4) == 0;
			return EP_OK;
		case TYPE('s', 't', 't', 's'):
			return read_table(box->content, 0, 8, &track->times, error);
		case TYPE('s', 't', 's', 'c'):
			return read_table(box->content, 0, 12, &track->chunk_runs, error);
		case TYPE('s', 't', 's', 'z'):
			return read_sizes(box->content, track, error);
		case TYPE('s', 't', 'c', 'o'):
			track->wide_offsets = false;
			return read_table(box->content, 0, 4, &track->chunks, error);
		case TYPE('c', 'o', '6', '4'):
			track->wide_offsets = true;
			return read_table(box->content, 0, 8, &track->chunks, error);
		default:
			return EP_OK;
	}
}

static EpCode
read_edits(EpCursor edts, Track *track, EpError *error)
{
	EpCursor elst;
	EpCode code = find_box(edts, TYPE('e', 'l', 's', 't'), &elst, error);

	if (code != EP_OK)
		return code;
	return read_table(elst, 0, ep_cursor_left(&elst) > 0 && elst.at[0] == 1 ? 20 : 12, &track->edits, error);
}

/* EP_DONE: a box on the way is not there, so it is no track of ours. */
static EpCode
read_track(EpCursor trak, Track *track, EpError *error)
{
	EpCursor mdia, level;
	Box box;
	EpCode code = find_box(trak, TYPE('m', 'd', 'i', 'a'), &mdia, error);

	memset(track, 0, sizeof *track);
	if (code == EP_OK)
		code = find_box(mdia, TYPE('m', 'd', 'h', 'd'), &level, error);
	if (code == EP_OK)
		code = read_timescale(level, &track->timescale, error);
	if (code == EP_OK)
		code = find_box(mdia, TYPE('m', 'i', 'n', 'f'), &level, error);
	if (code == EP_OK)
		code = find_box(level, TYPE('s', 't', 'b', 'l'), &level, error);
	if (code != EP_OK)
		return code;
	while ((code = next_box(&level, &box, error)) == EP_OK)
		if ((code = read_sample_table(&box, track, error)) != EP_OK)
			return code;
	if (code != EP_DONE || !track->is_gpmd)
		return code;
	code = find_box(trak, TYPE('e', 'd', 't', 's'), &level, error);
	if (code == EP_OK)
		code = read_edits(level, track, error);
	return code == EP_DONE ? EP_OK : code;
}

/* The first gpmd track of a moov. */
static EpCode
find_track(EpCursor moov, Track *track, EpError *error)
{
	Box box;
	EpCode code;

	while ((code = next_box(&moov, &box, error)) == EP_OK)
	{
		if (box.type != TYPE('t', 'r', 'a', 'k'))
			continue;
		code = read_track(box.content, track, error);
		if (code == EP_OK && track->is_gpmd)
			return EP_OK;
		if (code != EP_OK && code != EP_DONE)
			return code;
	}
	return code == EP_DONE ? ep_fail(error, EP_E_MISSING, 0, "no gpmd track") : code;
}

/* ---- samples ---- */

/* Sizes, and that they are no more than the file can hold. */
static EpCode
set_lengths(const Track *track, EpMp4Payload *payloads, size_t length, EpError *error)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < track->sample_count; i++)
	{
		payloads[i].length =
			track->fixed_size > 0 ? track->fixed_size : ep_load_be32(track->sizes.entries + (size_t) i * 4);
		sum += payloads[i].length;
	}
	return sum <= length ? EP_OK : ep_fail(error, EP_E_STRUCTURE, 0, "payloads are longer than the file");
}

/* Media times, in time units. */
static EpCode
set_times(const Track *track, EpMp4Payload *payloads, EpError *error)
{
	uint64_t time = 0;
	uint32_t i = 0;

	for (uint32_t run = 0; run < track->times.count; run++)
	{
		const uint8_t *entry = track->times.entries + (size_t) run * 8;
		uint32_t count = ep_load_be32(entry);

		for (; count > 0 && i < track->sample_count; count--, i++)
		{
			payloads[i].in = (double) time;
			time += ep_load_be32(entry + 4);
			payloads[i].out = (double) time;
		}
	}
	return i == track->sample_count ? EP_OK : ep_fail(error, EP_E_STRUCTURE, 0, "payloads without a time");
}

static uint64_t
chunk_offset(const Track *track, uint32_t chunk)
{
	return track->wide_offsets ? ep_load_be64(track->chunks.entries + (size_t) chunk * 8)
							   : ep_load_be32(track->chunks.entries + (size_t) chunk * 4);
}

static EpCode
set_offsets(const Track *track, EpMp4Payload *payloads, EpError *error)
{
	const Table *runs = &track->chunk_runs;
	uint32_t run = 0;
	uint32_t i = 0;

	for (uint32_t chunk = 0; chunk < track->chunks.count && i < track->sample_count && runs->count > 0;
		 chunk++)
	{
		uint64_t offset = chunk_offset(track, chunk);
		uint32_t in_chunk;

		/* the run that this chunk, numbered from 1, belongs to */
		while (run + 1 < runs->count && ep_load_be32(runs->entries + (size_t) (run + 1) * 12) <= chunk + 1)
			run++;
		in_chunk = ep_load_be32(runs->entries + (size_t) run * 12 + 4);
		for (; in_chunk > 0 && i < track->sample_count; in_chunk--, i++)
		{
			payloads[i].offset = offset;
			offset += payloads[i].length;
		}
	}
	return i == track->sample_count ? EP_OK : ep_fail(error, EP_E_STRUCTURE, 0, "payloads without a chunk");
}

static EpCode
read_samples(const Track *track, size_t length, EpArena *arena, EpMp4 *mp4, EpError *error)
{
	EpCode code;

	if (track->sample_count > EP_MP4_MAX_PAYLOADS)
		return ep_fail(error, EP_E_LIMIT, 0, "more than 1000000 payloads");
	mp4->count = track->sample_count;
	mp4->payloads = ep_arena_array(arena, mp4->count, sizeof *mp4->payloads);
	if (mp4->payloads == NULL)
		return ep_fail(error, EP_E_MEMORY, 0, "out of memory");
	code = set_lengths(track, mp4->payloads, length, error);
	if (code == EP_OK)
		code = set_times(track, mp4->payloads, error);
	if (code == EP_OK)
		code = set_offsets(track, mp4->payloads, error);
	return code;
}

/* ---- the edit list ---- */

typedef struct Edit
{
	double start;      /* seconds of the presentation */
	double seconds;    /* that it lasts; 0: to the end of the media */
	double media_time; /* time units; below 0: shows nothing */
} Edit;

static Edit
read_edit(const Table *edits, uint32_t i, double start, uint32_t movie_timescale)
{
	bool wide = edits->version == 1;
	const uint8_t *at = edits->entries + (size_t) i * (wide ? 20 : 12);

	return (Edit){
		.start = start,
		.seconds = (double) (wide ? ep_load_be64(at) : ep_load_be32(at)) / movie_timescale,
		.media_time =
			wide ? (double) (int64_t) ep_load_be64(at + 8) : (double) (int32_t) ep_load_be32(at + 4),
	};
}

/* The first payload that ends after a media time. */
static uint32_t
first_after(const EpMp4 *media, double time)
{
	uint32_t low = 0, high = media->count;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (media->payloads[middle].out <= time)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Without an edit list the presentation is the media. */
static void
present_whole(const Track *track, EpMp4 *mp4)
{
	for (uint32_t i = 0; i < mp4->count; i++)
	{
		mp4->payloads[i].in /= track->timescale;
		mp4->payloads[i].out /= track->timescale;
	}
}

/* Append the payloads that an edit shows to shown, which has room for capacity. */
static bool
present_edit(const Track *track, const EpMp4 *media, const Edit *edit, EpMp4 *shown, uint32_t capacity)
{
	double end = edit->media_time + edit->seconds * track->timescale;

	if (edit->media_time < 0)
		return true;
	for (uint32_t i = first_after(media, edit->media_time); i < media->count; i++)
	{
		EpMp4Payload payload = media->payloads[i];

		if (edit->seconds > 0 && payload.in >= end)
			break;
		if (shown->count == capacity)
			return false;
		payload.in = edit->start + (payload.in - edit->media_time) / track->timescale;
		payload.out = edit->start + (payload.out - edit->media_time) / track->timescale;
		shown->payloads[shown->count++] = payload;
	}
	return true;
}

/* A payload that straddles a cut is shown by both edits, so there may be one more per edit. */
static EpCode
present(const Track *track, uint32_t movie_timescale, EpArena *arena, EpMp4 *mp4, EpError *error)
{
	EpMp4 shown = {0};
	uint32_t capacity;
	double start = 0;

	if (track->edits.count == 0)
	{
		present_whole(track, mp4);
		return EP_OK;
	}
	if (track->edits.count > EP_MP4_MAX_PAYLOADS)
		return ep_fail(error, EP_E_LIMIT, 0, "more than 1000000 edits");
	capacity = mp4->count + track->edits.count;
	shown.payloads = ep_arena_array(arena, capacity, sizeof *shown.payloads);
	if (shown.payloads == NULL)
		return ep_fail(error, EP_E_MEMORY, 0, "out of memory");
	for (uint32_t i = 0; i < track->edits.count; i++)
	{
		Edit edit = read_edit(&track->edits, i, start, movie_timescale);

		if (!present_edit(track, mp4, &edit, &shown, capacity))
			return ep_fail(error, EP_E_UNSUPPORTED, 0, "the edit list shows payloads more than once");
		start += edit.seconds;
	}
	*mp4 = shown;
	return EP_OK;
}

EpCode
ep_mp4_open(EpMp4 *mp4, const void *bytes, size_t length, EpArena *arena, EpError *error)
{
	EpCursor moov, mvhd;
	Track track;
	uint32_t movie_timescale;
	EpCode code = find_box(ep_cursor(bytes, length), TYPE('m', 'o', 'o', 'v'), &moov, error);

	memset(mp4, 0, sizeof *mp4);
	if (code == EP_DONE)
		return ep_fail(error, EP_E_MISSING, 0, "no moov box");
	if (code == EP_OK)
		code = find_box(moov, TYPE('m', 'v', 'h', 'd'), &mvhd, error);
	if (code == EP_DONE)
		return ep_fail(error, EP_E_MISSING, ep_cursor_offset(&moov), "no mvhd box");
	if (code == EP_OK)
		code = read_timescale(mvhd, &movie_timescale, error);
	if (code == EP_OK)
		code = find_track(moov, &track, error);
	if (code == EP_OK)
		code = read_samples(&track, length, arena, mp4, error);
	if (code == EP_OK)
		code = present(&track, movie_timescale, arena, mp4, error);
	return code;
}
