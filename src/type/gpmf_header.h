/*
 * gpmf_header.h
 *	  What the headers of DEVCs say.
 */
#ifndef EP_TYPE_GPMF_HEADER_H
#define EP_TYPE_GPMF_HEADER_H

#include "format/gpmf/gpmf_decode.h"
#include "type/gpmf_source.h"

typedef struct EpGpmfDevices
{
	uint32_t ids[EP_GPMF_MAX_DEVICES];
	Datum names[EP_GPMF_MAX_DEVICES];
	bool nulls[EP_GPMF_MAX_DEVICES];
	uint32_t last_payload[EP_GPMF_MAX_DEVICES]; /* from 1 */
	int count;
	uint32_t payloads;
} EpGpmfDevices;

/* The devices of a log, in order of first appearance; an error when they are too many. */
extern void ep_gpmf_read_devices(EpGpmfSource *source, EpGpmfDevices *devices);

#endif /* EP_TYPE_GPMF_HEADER_H */
