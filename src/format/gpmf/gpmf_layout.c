/*
 * gpmf_layout.c
 *	  From sticky KLVs to a table of elements, and from bytes to scaled, re-oriented values.
 *
 * A re-orientation by ORIN/ORIO is folded into the element table, so it costs nothing per sample;
 * only a calibration (an MTRX with other numbers than 0, 1, -1) multiplies.  Allocates nothing.
 */
#include "format/gpmf/gpmf_layout.h"

#define KEY EP_GPMF_KEY

void
ep_gpmf_sticky_take(EpGpmfSticky *sticky, const EpGpmfKlv *klv)
{
	switch (klv->key)
	{
		case KEY('S', 'T', 'N', 'M'):
			sticky->name = *klv;
			break;
		case KEY('T', 'Y', 'P', 'E'):
			sticky->type = *klv;
			break;
		case KEY('S', 'C', 'A', 'L'):
			sticky->scal = *klv;
			break;
		case KEY('S', 'I', 'U', 'N'):
		case KEY('U', 'N', 'I', 'T'):
			sticky->unit = *klv;
			break;
		case KEY('O', 'R', 'I', 'N'):
			sticky->orin = *klv;
			break;
		case KEY('O', 'R', 'I', 'O'):
			sticky->orio = *klv;
			break;
		case KEY('M', 'T', 'R', 'X'):
			sticky->mtrx = *klv;
			break;
		case KEY('T', 'S', 'M', 'P'):
			sticky->tsmp = *klv;
			break;
		case KEY('S', 'T', 'M', 'P'):
			sticky->stmp = *klv;
			break;
		case KEY('S', 'T', 'P', 'S'):
			sticky->stps = *klv;
			break;
		case KEY('T', 'I', 'C', 'K'):
			sticky->tick = *klv;
			break;
		case KEY('T', 'I', 'M', 'O'):
			sticky->timo = *klv;
			break;
		case KEY('G', 'P', 'S', 'F'):
			sticky->gpsf = *klv;
			break;
		case KEY('G', 'P', 'S', 'U'):
			sticky->gpsu = *klv;
			break;
		case KEY('R', 'M', 'R', 'K'):
			sticky->rmrk = *klv;
			break;
		case KEY('F', 'M', 'W', 'R'):
			sticky->fmwr = *klv;
			break;
		default:
			break;
	}
}

bool
ep_gpmf_key_is_structural(uint32_t key)
{
	switch (key)
	{
		case KEY('D', 'E', 'V', 'C'):
		case KEY('D', 'V', 'I', 'D'):
		case KEY('D', 'V', 'N', 'M'):
		case KEY('S', 'T', 'R', 'M'):
		case KEY('S', 'T', 'N', 'M'):
		case KEY('S', 'I', 'U', 'N'):
		case KEY('U', 'N', 'I', 'T'):
		case KEY('S', 'C', 'A', 'L'):
		case KEY('T', 'Y', 'P', 'E'):
		case KEY('T', 'S', 'M', 'P'):
		case KEY('T', 'I', 'C', 'K'):
		case KEY('T', 'O', 'C', 'K'):
		case KEY('E', 'M', 'P', 'T'):
		case KEY('R', 'M', 'R', 'K'):
		case KEY('M', 'T', 'R', 'X'):
		case KEY('O', 'R', 'I', 'N'):
		case KEY('O', 'R', 'I', 'O'):
		case KEY('S', 'T', 'M', 'P'):
		case KEY('S', 'T', 'P', 'S'):
		case KEY('P', 'F', 'R', 'M'):
		case KEY('T', 'M', 'P', 'C'):
		case KEY('F', 'R', 'E', 'E'):
		case KEY('T', 'I', 'M', 'O'):
		case KEY('Q', 'U', 'A', 'N'):
		case KEY('V', 'E', 'R', 'S'):
			return true;
		default:
			return false;
	}
}

bool
ep_gpmf_type_is_text(uint8_t type)
{
	return type == 'F' || type == 'c' || type == 'u' || type == 'U' || type == 'G';
}

double
ep_gpmf_number(uint8_t type, const uint8_t *p)
{
	switch (type)
	{
		case 'b':
			return (int8_t) *p;
		case 'B':
			return *p;
		case 's':
			return (int16_t) ep_load_be16(p);
		case 'S':
			return ep_load_be16(p);
		case 'l':
			return (int32_t) ep_load_be32(p);
		case 'L':
			return ep_load_be32(p);
		case 'f':
			return (double) ep_float_from_bits(ep_load_be32(p));
		case 'q':
			return (int32_t) ep_load_be32(p) / 65536.0;
		case 'j':
			return (double) (int64_t) ep_load_be64(p);
		case 'J':
			return (double) ep_load_be64(p);
		case 'd':
			return ep_double_from_bits(ep_load_be64(p));
		case 'Q':
			return (double) (int64_t) ep_load_be64(p) / 4294967296.0;
		default:
			return 0;
	}
}

/* "f[8]L": append count copies of type; the sum of sizes stays within 255 bytes. */
static EpCode
append_type(uint8_t type, size_t copies, uint8_t *types, uint16_t *count, unsigned *bytes, EpError *error,
			uint32_t offset)
{
	unsigned size = ep_gpmf_type_size(type);

	if (size == 0)
		return ep_fail(error, EP_E_UNSUPPORTED, offset, "TYPE names an unknown type");
	if (copies > (255 - *bytes) / size)
		return ep_fail(error, EP_E_TYPE, offset, "TYPE describes more than 255 bytes");
	for (size_t i = 0; i < copies; i++)
		types[(*count)++] = type;
	*bytes += (unsigned) copies * size;
	return EP_OK;
}

/* The number in "[8]" at text[*at], stepping over it; 1 when there is none, SIZE_MAX when malformed. */
static size_t
bracket_count(const uint8_t *text, size_t length, size_t *at)
{
	size_t n = 0;
	size_t i = *at;

	if (i >= length || text[i] != '[')
		return 1;
	for (i++; i < length && text[i] >= '0' && text[i] <= '9'; i++)
		if (n < 1000)
			n = n * 10 + text[i] - '0';
	if (i >= length || text[i] != ']')
		return SIZE_MAX;
	*at = i + 1;
	return n;
}

static EpCode
expand_struct(const EpGpmfKlv *data, const EpGpmfKlv *type, uint8_t *types, uint16_t *count, EpError *error)
{
	unsigned bytes = 0;
	size_t at = 0;
	EpCode code;

	if (type->value == NULL)
		return ep_fail(error, EP_E_MISSING, data->offset, "complex samples without a TYPE");
	while (at < type->length && type->value[at] != 0 && type->value[at] != ' ')
	{
		uint8_t element = type->value[at++];
		size_t copies = bracket_count(type->value, type->length, &at);

		if (copies == SIZE_MAX)
			return ep_fail(error, EP_E_TYPE, type->offset, "TYPE has a bracket without a number");
		code = append_type(element, copies, types, count, &bytes, error, type->offset);
		if (code != EP_OK)
			return code;
	}
	if (bytes != data->size || *count == 0)
		return ep_fail(error, EP_E_TYPE, data->offset, "TYPE and sample size disagree");
	return EP_OK;
}

EpCode
ep_gpmf_expand_type(const EpGpmfKlv *data, const EpGpmfKlv *type, uint8_t types[EP_GPMF_MAX_ELEMENTS],
					uint16_t *count, EpError *error)
{
	unsigned size = ep_gpmf_type_size(data->type);

	*count = 0;
	if (data->type == '?')
		return expand_struct(data, type, types, count, error);
	if (data->type == '#')
		return ep_fail(error, EP_E_UNSUPPORTED, data->offset,
					   "compressed samples (type #) are not supported");
	if (size == 0)
		return ep_fail(error, EP_E_UNSUPPORTED, data->offset, "samples of an unknown type");
	if (data->size < size)
		return ep_fail(error, EP_E_TYPE, data->offset, "samples are shorter than their type");
	*count = data->size / size;
	memset(types, data->type, *count);
	return EP_OK;
}

/* One divisor for all, or one per element; the count is the KLV's repeat. */
static EpCode
set_scales(EpGpmfLayout *layout, const EpGpmfKlv *scal, EpError *error)
{
	unsigned size = ep_gpmf_type_size(scal->type);
	bool one = scal->repeat == 1;

	if (scal->value == NULL)
		return EP_OK;
	if (size == 0 || scal->size < size || ep_gpmf_type_is_text(scal->type))
		return ep_fail(error, EP_E_TYPE, scal->offset, "SCAL is not a number");
	if (!one && scal->repeat != layout->count)
		return ep_fail(error, EP_E_STRUCTURE, scal->offset, "SCAL has neither one value nor one per element");
	for (unsigned i = 0; i < layout->count; i++)
		layout->element[i].scale = ep_gpmf_number(scal->type, scal->value + (one ? 0 : i * scal->size));
	return EP_OK;
}

/* Read MTRX; *plain: it holds nothing but 0, 1 and -1. */
static EpCode
read_matrix(EpGpmfLayout *layout, const EpGpmfKlv *mtrx, bool *plain, EpError *error)
{
	unsigned size = ep_gpmf_type_size(mtrx->type);
	unsigned cells = layout->count * layout->count;

	if (size == 0 || ep_gpmf_type_is_text(mtrx->type))
		return ep_fail(error, EP_E_TYPE, mtrx->offset, "MTRX is not of numbers");
	if (layout->count > EP_GPMF_MAX_AXES)
		return ep_fail(error, EP_E_LIMIT, mtrx->offset, "MTRX for more than 16 elements");
	if (mtrx->length / size != cells)
		return ep_fail(error, EP_E_STRUCTURE, mtrx->offset, "MTRX is not a square of the elements");
	*plain = true;
	for (unsigned i = 0; i < cells; i++)
	{
		double cell = ep_gpmf_number(mtrx->type, mtrx->value + i * size);

		layout->matrix[i] = cell;
		if (cell != 0 && cell != 1 && cell != -1)
			*plain = false;
	}
	return EP_OK;
}

/* ORIN "YxZ", ORIO "ZXY": output takes the input of the same letter, negated when the case differs. */
static void
orient(EpGpmfLayout *layout, const EpGpmfKlv *in, const EpGpmfKlv *out)
{
	EpGpmfElement turned[EP_GPMF_MAX_AXES];
	unsigned n = layout->count;
	unsigned used = 0;

	if (in->value == NULL || out->value == NULL || in->length != n || out->length != n ||
		n > EP_GPMF_MAX_AXES)
		return;
	for (unsigned y = 0; y < n; y++)
	{
		unsigned x = 0;

		while (x < n && (in->value[x] | 0x20) != (out->value[y] | 0x20))
			x++;
		if (x == n)
			return; /* no permutation: the stored order stays */
		used |= 1U << x;
		turned[y] = layout->element[x];
		turned[y].negate = in->value[x] != out->value[y];
	}
	if (used != (1U << n) - 1)
		return;
	memcpy(layout->element, turned, n * sizeof *turned);
	layout->uniform = 0;
}

static bool
same_klv(const EpGpmfKlv *a, const EpGpmfKlv *b)
{
	if (a->value == NULL || b->value == NULL)
		return a->value == b->value;
	return a->length == b->length && a->type == b->type && a->size == b->size &&
		   memcmp(a->value, b->value, a->length) == 0;
}

static bool
still_fits(const EpGpmfLayout *layout, const EpGpmfKlv *data, const EpGpmfSticky *sticky)
{
	const EpGpmfSticky *old = &layout->sticky;

	return layout->data.value != NULL && layout->data.type == data->type && layout->data.size == data->size &&
		   same_klv(&old->scal, &sticky->scal) && same_klv(&old->type, &sticky->type) &&
		   same_klv(&old->mtrx, &sticky->mtrx) && same_klv(&old->orin, &sticky->orin) &&
		   same_klv(&old->orio, &sticky->orio);
}

static EpCode
set_elements(EpGpmfLayout *layout, const EpGpmfKlv *data, const EpGpmfKlv *type, EpError *error)
{
	uint8_t types[EP_GPMF_MAX_ELEMENTS];
	unsigned at = 0;
	EpCode code = ep_gpmf_expand_type(data, type, types, &layout->count, error);

	if (code != EP_OK)
		return code;
	layout->stride = data->size;
	layout->uniform = types[0];
	layout->has_text = layout->calibrated = false;
	layout->whole_text = data->type == 'c' || data->type == 'u';
	if (layout->whole_text)
		layout->count = 0;
	for (unsigned i = 0; i < layout->count; i++)
	{
		layout->element[i] = (EpGpmfElement){.scale = 1, .type = types[i], .at = (uint8_t) at};
		layout->has_text |= ep_gpmf_type_is_text(types[i]);
		if (types[i] != types[0])
			layout->uniform = 0;
		at += ep_gpmf_type_size(types[i]);
	}
	if (layout->has_text || at != layout->stride)
		layout->uniform = 0;
	return EP_OK;
}

EpCode
ep_gpmf_layout_build(EpGpmfLayout *layout, const EpGpmfKlv *data, const EpGpmfSticky *sticky, EpError *error)
{
	EpCode code;
	bool plain = true;

	if (still_fits(layout, data, sticky))
		return EP_OK;
	layout->data.value = NULL; /* until it is whole */
	layout->version++;
	code = set_elements(layout, data, &sticky->type, error);
	if (code == EP_OK && layout->count > 0)
		code = set_scales(layout, &sticky->scal, error);
	if (code == EP_OK && sticky->mtrx.value != NULL && sticky->mtrx.length > 0 && layout->count > 0)
	{
		code = read_matrix(layout, &sticky->mtrx, &plain, error);
		layout->calibrated = code == EP_OK && !plain;
	}
	if (code != EP_OK)
		return code;
	if (sticky->scal.value != NULL && sticky->scal.repeat != 1)
		layout->uniform = 0;
	if (plain)
		orient(layout, &sticky->orin, &sticky->orio);
	layout->sticky = *sticky;
	layout->data = *data;
	return EP_OK;
}

size_t
ep_gpmf_element_text(const EpGpmfElement *element, const uint8_t *sample, char *buffer)
{
	static const char hex[] = "0123456789abcdef";
	unsigned size = ep_gpmf_type_size(element->type);
	const uint8_t *p = sample + element->at;
	size_t length = 0;

	for (unsigned i = 0; i < size; i++)
	{
		if (element->type == 'G')
		{
			buffer[length++] = hex[p[i] >> 4];
			buffer[length++] = hex[p[i] & 15];
		}
		else if (p[i] == 0)
			break;
		else if (p[i] >= 0x80)
		{
			buffer[length++] = (char) (0xC0 | p[i] >> 6);
			buffer[length++] = (char) (0x80 | (p[i] & 0x3F));
		}
		else
			buffer[length++] = (char) p[i];
	}
	return length;
}
