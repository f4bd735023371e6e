/*
 * csv_decode.c
 *	  CSV payloads (RFC 4180): a header, then one event per record.
 *
 * A cell borrows the payload; only one with doubled quotes is copied, into the event's arena.  The header's
 * paths live as long as the payload.  A record that contradicts the header, or holds bytes that are no
 * text, is refused alone; a quote that is never closed takes the rest with it.  More lenient than
 * the RFC in three things: LF alone ends a record, blank lines are skipped, and a quote inside an unquoted cell is
 * an ordinary character.
 *
 * Option: delimiter, one ASCII character (also spelled "tab"); a comma when absent.
 */
#include "format/format.h"

#include <stdio.h>
#include <string.h>

#include "core/utf8.h"

typedef enum Class
{
	PLAIN = 0,
	DELIMITER,
	END_OF_LINE, /* CR or LF */
	NUL,
	NOT_ASCII
} Class;

typedef struct Csv
{
	EpDecoder *decoder;
	const char *start;
	const char *at;
	const char *end;
	EpPath **columns; /* NULL until the header is read */
	uint32_t column_count;
	bool infer_timestamps;
	bool stopped;
	uint8_t class[256];
} Csv;

/* One cell as it stands in the payload. */
typedef struct Cell
{
	const char *text;
	size_t length;
	bool doubled; /* holds doubled quotes */
	bool last;    /* of its record */
} Cell;

static EpCode
fail(Csv *csv, EpCode code, const char *p, const char *message)
{
	return ep_fail(&csv->decoder->error, code, (size_t) (p - csv->start), message);
}

/* Whether p is at the end of a record. A CR counts only before a LF. */
static inline bool
at_line_end(const char *p, const char *end)
{
	return p == end || *p == '\n' || (*p == '\r' && end - p > 1 && p[1] == '\n');
}

/* Check one byte that is no plain ASCII; steps over the character. */
static EpCode
check_special(Csv *csv, const char **p)
{
	size_t n = ep_utf8_length(*p, csv->end);

	if (**p == '\0')
		return fail(csv, EP_E_NUL, *p, "byte 0x00 cannot be stored as text");
	if (n == 0)
		return fail(csv, EP_E_ENCODING, *p, "invalid UTF-8 in a CSV cell");
	*p += n;
	return EP_OK;
}

static EpCode
read_unquoted(Csv *csv, Cell *cell)
{
	const char *p = csv->at;
	EpCode code;

	for (;;)
	{
		while (p < csv->end && csv->class[(uint8_t) *p] == PLAIN)
			p++;
		if (at_line_end(p, csv->end) || csv->class[(uint8_t) *p] == DELIMITER)
			break;
		if (*p == '\r')
			p++;
		else if ((code = check_special(csv, &p)) != EP_OK)
			return code;
	}
	*cell = (Cell){.text = csv->at, .length = (size_t) (p - csv->at)};
	csv->at = p;
	return EP_OK;
}

static EpCode
read_quoted(Csv *csv, Cell *cell)
{
	const char *opening = csv->at;
	const char *p = opening + 1;
	EpCode code;

	*cell = (Cell){.text = p};
	for (;;)
	{
		while (p < csv->end && *p != '"' && csv->class[(uint8_t) *p] < NUL)
			p++;
		if (p == csv->end)
		{
			csv->stopped = true;
			return fail(csv, EP_E_SYNTAX, opening, "quoted CSV cell is never closed");
		}
		if (*p != '"')
		{
			if ((code = check_special(csv, &p)) != EP_OK)
				return code;
			continue;
		}
		if (csv->end - p < 2 || p[1] != '"')
			break;
		cell->doubled = true;
		p += 2;
	}
	cell->length = (size_t) (p - cell->text);
	csv->at = ++p;
	if (at_line_end(p, csv->end) || csv->class[(uint8_t) *p] == DELIMITER)
		return EP_OK;
	return fail(csv, EP_E_SYNTAX, p, "characters behind a quoted CSV cell");
}

/* The next cell; steps over the delimiter behind it, not over the end of the line. */
static EpCode
read_cell(Csv *csv, Cell *cell)
{
	bool quoted = csv->at < csv->end && *csv->at == '"';
	EpCode code = quoted ? read_quoted(csv, cell) : read_unquoted(csv, cell);

	if (code != EP_OK)
		return code;
	cell->last = at_line_end(csv->at, csv->end);
	csv->at += !cell->last;
	return EP_OK;
}

/* Undo doubled quotes, in arena. */
static EpCode
undouble(Csv *csv, Cell *cell, EpArena *arena)
{
	char *copy;
	size_t length = 0;

	if (!cell->doubled)
		return EP_OK;
	copy = ep_arena_alloc(arena, cell->length);
	if (copy == NULL)
		return fail(csv, EP_E_MEMORY, cell->text, "CSV cell does not fit into its memory");
	for (size_t i = 0; i < cell->length; i++)
	{
		copy[length++] = cell->text[i];
		i += cell->text[i] == '"';
	}
	cell->text = copy;
	cell->length = length;
	return EP_OK;
}

/* Behind the line end at p. */
static const char *
skip_line_end(const char *p, const char *end)
{
	if (p < end && *p == '\r')
		p++;
	return p < end ? p + 1 : p;
}

static void
skip_blank_lines(Csv *csv)
{
	while (csv->at < csv->end && at_line_end(csv->at, csv->end))
		csv->at = skip_line_end(csv->at, csv->end);
}

/* One more column of the header; the array doubles at every power of two from 16 on. */
static EpCode
add_column(Csv *csv, Cell *cell)
{
	EpDecoder *decoder = csv->decoder;
	uint32_t n = csv->column_count;
	EpPath *previous = n > 0 ? csv->columns[n - 1] : NULL;
	char number[24];

	if (n == 0 || (n >= 16 && (n & (n - 1)) == 0))
	{
		EpPath **columns = ep_arena_array(decoder->payload, n == 0 ? 16 : (size_t) n * 2, sizeof *columns);

		if (columns == NULL)
			return fail(csv, EP_E_MEMORY, cell->text, "CSV header does not fit into its memory");
		if (n > 0)
			memcpy(columns, csv->columns, n * sizeof *columns);
		csv->columns = columns;
	}
	if (cell->length == 0)
	{
		cell->length = (size_t) snprintf(number, sizeof number, "column_%u", n + 1);
		cell->text = number;
	}
	csv->columns[n] = ep_path_child(decoder->paths, &decoder->paths->root, previous, cell->text, cell->length,
									decoder->payload);
	if (csv->columns[n] == NULL)
		return fail(csv, EP_E_MEMORY, csv->at, "CSV header does not fit into its memory");
	csv->column_count++;
	return EP_OK;
}

static EpCode
read_header(Csv *csv)
{
	Cell cell;
	EpCode code;

	skip_blank_lines(csv);
	if (csv->at == csv->end)
		return fail(csv, EP_E_MISSING, csv->at, "CSV payload without a header");
	do
	{
		code = read_cell(csv, &cell);
		if (code == EP_OK)
			code = undouble(csv, &cell, csv->decoder->payload);
		if (code == EP_OK)
			code = add_column(csv, &cell);
		if (code != EP_OK)
			return code;
	} while (!cell.last);
	return EP_OK;
}

/* An empty cell is NULL, in quotes too: writers that quote everything have no other way to say so. */
static EpCode
add_field(Csv *csv, EpEvent *event, Cell *cell)
{
	EpField *field = ep_event_add(event, csv->decoder->arena);
	EpCode code = undouble(csv, cell, csv->decoder->arena);

	if (code != EP_OK)
		return code;
	if (field == NULL)
		return fail(csv, EP_E_MEMORY, cell->text, "CSV record does not fit into its memory");
	field->path = csv->columns[event->field_count - 1];
	if (cell->length > 0)
	{
		field->value = ep_value_from_literal(cell->text, cell->length);
		if (csv->infer_timestamps)
			ep_value_infer_timestamp(&field->value);
	}
	else
		field->value = (EpValue){.kind = EP_NULL, .untyped = true, .text = cell->text};
	return EP_OK;
}

static const char *
count_text(Csv *csv, uint64_t count)
{
	char text[40];
	int length =
		snprintf(text, sizeof text, "%llu field%s", (unsigned long long) count, count == 1 ? "" : "s");

	return ep_arena_strdup(csv->decoder->arena, text, (size_t) length);
}

static EpCode
read_record(Csv *csv, EpEvent *event)
{
	uint64_t count = 0;
	EpCode code;
	Cell cell;

	do
	{
		code = read_cell(csv, &cell);
		if (code == EP_OK && count++ < csv->column_count)
			code = add_field(csv, event, &cell);
		if (code != EP_OK)
			return code;
	} while (!cell.last);
	if (count == csv->column_count)
		return EP_OK;
	(void) fail(csv, EP_E_STRUCTURE, event->bytes, "record does not match the header");
	csv->decoder->error.expected = count_text(csv, csv->column_count);
	csv->decoder->error.found = count_text(csv, count);
	return EP_E_STRUCTURE;
}

/* After a refusal in the middle of a record: go to the end of the line, or of everything. */
static void
give_up_record(Csv *csv)
{
	const char *p = csv->start + csv->decoder->error.offset;

	if (csv->decoder->error.code == EP_E_STRUCTURE)
		return;
	if (p < csv->at)
		p = csv->at;
	p = csv->stopped ? NULL : memchr(p, '\n', (size_t) (csv->end - p));
	csv->at = p == NULL ? csv->end : p;
}

static EpCode
csv_begin(EpDecoder *decoder)
{
	const char *delimiter = ep_decoder_option(decoder, "delimiter", ",");
	Csv *csv = ep_arena_zalloc(decoder->lasting, sizeof *csv);

	if (csv == NULL)
		return ep_fail(&decoder->error, EP_E_MEMORY, 0, "out of memory");
	if (strcmp(delimiter, "tab") == 0 || strcmp(delimiter, "\\t") == 0)
		delimiter = "\t";
	if (strlen(delimiter) != 1 || (uint8_t) *delimiter >= 0x80 || strchr("\"\r\n", *delimiter) != NULL)
		return ep_fail(&decoder->error, EP_E_UNSUPPORTED, 0,
					   "CSV delimiter must be one ASCII character other than a quote or line end");
	memset(csv->class + 0x80, NOT_ASCII, 0x80);
	csv->class['\0'] = NUL;
	csv->class['\r'] = csv->class['\n'] = END_OF_LINE;
	csv->class[(uint8_t) *delimiter] = DELIMITER;
	csv->decoder = decoder;
	decoder->state = csv;
	return ep_decoder_flag(decoder, "infer_timestamps", &csv->infer_timestamps);
}

static EpCode
csv_open(EpDecoder *decoder, const char *bytes, size_t length)
{
	Csv *csv = decoder->state;

	csv->start = csv->at = bytes;
	csv->end = bytes + length;
	csv->columns = NULL;
	csv->column_count = 0;
	csv->stopped = false;
	if (length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
		csv->at += 3;
	return EP_OK;
}

static EpCode
csv_next(EpDecoder *decoder, EpEvent *event)
{
	Csv *csv = decoder->state;
	EpCode code = EP_OK;

	ep_event_reset(event);
	if (!csv->stopped && csv->columns == NULL)
	{
		code = read_header(csv);
		csv->stopped = csv->stopped || code != EP_OK; /* nothing can be read without a header */
	}
	else if (csv->stopped)
		return EP_DONE;
	event->bytes = csv->start;
	if (code == EP_OK)
	{
		skip_blank_lines(csv);
		if (csv->at == csv->end)
			return EP_DONE;
		event->bytes = csv->at;
		code = read_record(csv, event);
	}
	if (code != EP_OK)
		give_up_record(csv);
	event->offset = (size_t) (event->bytes - csv->start);
	event->length = (size_t) (csv->at - event->bytes);
	if (code != EP_OK)
		event->field_count = 0;
	return code;
}

const EpFormat ep_csv_format = {
	.name = "csv",
	.options = "delimiter",
	.untyped = true,
	.begin = csv_begin,
	.open = csv_open,
	.next = csv_next,
};
