/*
 * gpmf_layout.h
 *	  How the samples of one data KLV are laid out, and their values.
 *
 * The sticky KLVs before the data (SCAL, TYPE, ORIN, ORIO, MTRX ...) say it.  A layout is built once
 * per data KLV, or kept when the next payload says the same, and then decodes any number of samples.
 */
#ifndef EP_GPMF_LAYOUT_H
#define EP_GPMF_LAYOUT_H

#include "format/gpmf/gpmf_klv.h"

#define EP_GPMF_MAX_ELEMENTS 255 /* a sample has at most 255 bytes */
#define EP_GPMF_MAX_AXES 16      /* of a calibration matrix */

/* The sticky KLVs of one stream in one payload, the last of each kind; value NULL: absent. */
typedef struct EpGpmfSticky
{
	EpGpmfKlv name; /* STNM */
	EpGpmfKlv type; /* TYPE */
	EpGpmfKlv scal;
	EpGpmfKlv unit; /* SIUN or UNIT */
	EpGpmfKlv orin;
	EpGpmfKlv orio;
	EpGpmfKlv mtrx;
	EpGpmfKlv tsmp;
	EpGpmfKlv stmp;
	EpGpmfKlv stps;
	EpGpmfKlv tick;
	EpGpmfKlv timo;
	EpGpmfKlv gpsf;
	EpGpmfKlv gpsu;
	EpGpmfKlv rmrk;
	EpGpmfKlv fmwr; /* FMWR: firmware, in settings */
} EpGpmfSticky;

/* Remember klv if it is one of these. */
extern void ep_gpmf_sticky_take(EpGpmfSticky *sticky, const EpGpmfKlv *klv);

/* Keys that modify and never are the data of a stream. */
extern bool ep_gpmf_key_is_structural(uint32_t key);

typedef struct EpGpmfElement
{
	double scale;
	uint8_t type; /* type character */
	uint8_t at;   /* byte in the sample */
	bool negate;
} EpGpmfElement;

typedef struct EpGpmfLayout
{
	EpGpmfKlv data;      /* what it was built for */
	EpGpmfSticky sticky; /* likewise */
	uint32_t version;    /* grows with every change */
	uint16_t count;      /* elements per sample */
	uint8_t stride;      /* bytes per sample */
	uint8_t uniform;     /* the type of all elements: numbers side by side, not turned, one divisor; or 0 */
	bool whole_text;     /* type c or u: the KLV is one string, there are no elements */
	bool has_text;       /* some element is text (F, c, u, U, G) */
	bool calibrated;     /* matrix holds an MTRX of count x count */
	EpGpmfElement element[EP_GPMF_MAX_ELEMENTS];
	double matrix[EP_GPMF_MAX_AXES * EP_GPMF_MAX_AXES];
} EpGpmfLayout;

/*
 * Type characters of one sample: TYPE expanded ("f[8]L") for '?', else data's type repeated.
 * Their sizes sum to at most the sample's (exactly, for '?').  *count is set; EP_E_TYPE, EP_E_MISSING
 * or EP_E_UNSUPPORTED when there is no such list.
 */
extern EpCode
ep_gpmf_expand_type(const EpGpmfKlv *data, const EpGpmfKlv *type, uint8_t types[EP_GPMF_MAX_ELEMENTS],
					uint16_t *count, EpError *error) EP_CHECK_RESULT;

/*
 * Build the layout for data under sticky; keeps layout as it is when nothing changed (it must be
 * zeroed before the first use).  Refusals: EP_E_TYPE, EP_E_STRUCTURE (counts of SCAL or MTRX fit neither 1 nor n),
 * EP_E_UNSUPPORTED ('#', unknown types), EP_E_LIMIT.
 */
extern EpCode ep_gpmf_layout_build(EpGpmfLayout *layout, const EpGpmfKlv *data, const EpGpmfSticky *sticky,
								   EpError *error) EP_CHECK_RESULT;

/*
 * The values of samples side by side, layout->stride bytes each: (double) raw / (double) SCAL, re-oriented,
 * layout->count for one sample after the other.  Text elements give 0.  A divisor of 0 gives Infinity or NaN, as
 * IEEE 754 has it.
 */
extern void
ep_gpmf_layout_decode(const EpGpmfLayout *layout, const uint8_t *bytes, unsigned samples, double *values);

/* True for the types whose elements are text: F c u U G. */
extern bool ep_gpmf_type_is_text(uint8_t type);

/* The text of a text element, UTF-8, into buffer (32 bytes at least); gives its length. */
extern size_t ep_gpmf_element_text(const EpGpmfElement *element, const uint8_t *sample, char *buffer);

/* One raw number; 0 for text types.  p needs ep_gpmf_type_size(type) bytes. */
extern double ep_gpmf_number(uint8_t type, const uint8_t *p);

#endif /* EP_GPMF_LAYOUT_H */
