/*
 * status.c
 *	  The SQLSTATE that each refusal is reported under.
 */
#include "core/status.h"

const char *
ep_sqlstate(EpCode code)
{
	switch (code)
	{
		case EP_OK:
		case EP_DONE:
			return "00000";
		case EP_E_SYNTAX:
			return "22P02"; /* invalid_text_representation */
		case EP_E_TRUNCATED:
			return "22P03"; /* invalid_binary_representation */
		case EP_E_ENCODING:
			return "22021"; /* character_not_in_repertoire */
		case EP_E_NUL:
			return "22P05"; /* untranslatable_character, as jsonb says of \u0000 */
		case EP_E_RANGE:
			return "22003"; /* numeric_value_out_of_range */
		case EP_E_TYPE:
			return "42804"; /* datatype_mismatch */
		case EP_E_DEPTH:
		case EP_E_LIMIT:
			return "54000"; /* program_limit_exceeded */
		case EP_E_MISSING:
			return "22004"; /* null_value_not_allowed */
		case EP_E_UNSUPPORTED:
			return "0A000"; /* feature_not_supported */
		case EP_E_NO_COLUMN:
			return "42703"; /* undefined_column */
		case EP_E_NO_TABLE:
			return "42P01"; /* undefined_table */
		case EP_E_MEMORY:
			return "53200"; /* out_of_memory */
		case EP_E_STRUCTURE:
			break;
	}
	return "22000"; /* data_exception */
}
