/*
 * gpmf_quirks.h
 *	  What firmware is known to write wrong, and how it is put right on request.
 *
 * Never done silently: without the request every value is as the log says it.  An element is touched only
 * where the stream has the known shape and the very divisor that is wrong, so a firmware that was mended is left alone.
 */
#ifndef EP_GPMF_QUIRKS_H
#define EP_GPMF_QUIRKS_H

#include "format/gpmf/gpmf_decode.h"

typedef enum EpGpmfCorrection
{
	EP_GPMF_DIVISOR,    /* SCAL should say `right` */
	EP_GPMF_FLOAT_BITS, /* an integer that holds the bits of a float */
	EP_GPMF_BOOT_CLOCK  /* the gimbal's clock, laid on the drone's by the first sample of each */
} EpGpmfCorrection;

typedef struct EpGpmfQuirk
{
	const char *fourcc;
	uint16_t element; /* from 0 */
	float divisor;    /* the SCAL that is wrong; 1: none */
	EpGpmfCorrection correction;
	double right;
	EpGpmfColumn column; /* what the corrected element is */
} EpGpmfQuirk;

/* The quirk of an element of such a stream, whatever its divisor and clocks; or NULL. */
extern const EpGpmfQuirk *ep_gpmf_quirk_of(const char *fourcc, unsigned element);

/* The quirk that this stream's element has, or NULL. */
extern const EpGpmfQuirk *ep_gpmf_quirk_find(const EpGpmfStream *stream, unsigned element);

/* Put right the values of the sample that reader has just given; they are its own. */
extern void ep_gpmf_quirks_correct(EpGpmfReader *reader, const EpGpmfSample *sample);

#endif /* EP_GPMF_QUIRKS_H */
