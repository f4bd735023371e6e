/*
 * format.c
 *	  The list of payload formats.
 */
#include "format/format.h"

#include <string.h>

static const EpFormat *const formats[] = {
	&ep_json_format, &ep_csv_format, &ep_protobuf_format, &ep_gpmf_format, NULL,
};

const EpFormat *
ep_format_find(const char *name)
{
	for (size_t i = 0; formats[i] != NULL; i++)
		if (strcmp(formats[i]->name, name) == 0)
			return formats[i];
	return NULL;
}

const EpFormat *
ep_format_of_option(const char *option)
{
	size_t length = strlen(option);

	for (size_t i = 0; formats[i] != NULL; i++)
		for (const char *at = formats[i]->options; at != NULL && *at != '\0'; at += strspn(at, " "))
		{
			size_t n = strcspn(at, " ");

			if (n == length && memcmp(at, option, n) == 0)
				return formats[i];
			at += n;
		}
	return NULL;
}

const char *
ep_format_names(void)
{
	return "json, csv, protobuf, gpmf";
}

const char *
ep_decoder_option(const EpDecoder *decoder, const char *name, const char *fallback)
{
	if (decoder->options != NULL)
		for (const char *const *o = decoder->options; o[0] != NULL; o += 2)
			if (strcmp(o[0], name) == 0)
				return o[1];
	return fallback;
}

EpCode
ep_decoder_flag(EpDecoder *decoder, const char *name, bool *flag)
{
	const char *value = ep_decoder_option(decoder, name, "false");

	*flag = strcmp(value, "true") == 0;
	if (*flag || strcmp(value, "false") == 0)
		return EP_OK;
	(void) ep_fail(&decoder->error, EP_E_UNSUPPORTED, 0, "setting is neither true nor false");
	decoder->error.path = name;
	decoder->error.expected = "true or false";
	return EP_E_UNSUPPORTED;
}
