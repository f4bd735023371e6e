/*
 * gpmf_fourccs.c
 *	  The table of known FourCCs as rows.
 */
#include "core/compat.h"

#include "format/gpmf/gpmf_quirks.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

EP_FUNCTION(ep_gpmf_fourccs);

/* text, or NULL where there is nothing to say. */
static Datum
optional_text(const char *text, bool *isnull)
{
	*isnull = text == NULL || *text == '\0';
	return *isnull ? (Datum) 0 : CStringGetTextDatum(text);
}

static void
put_element(const EpGpmfKnown *known, unsigned i, ReturnSetInfo *rsinfo)
{
	static const EpGpmfColumn nothing;
	const EpGpmfColumn *column = i < known->count ? &known->columns[i] : &nothing;
	const EpGpmfQuirk *quirk = ep_gpmf_quirk_of(known->fourcc, i);
	Datum values[9];
	bool nulls[9] = {false};

	values[0] = CStringGetTextDatum(known->fourcc);
	values[1] = CStringGetTextDatum(known->meaning);
	values[2] = optional_text(known->types, &nulls[2]);
	values[3] = Int32GetDatum((int32) i + 1);
	nulls[3] = known->count == 0;
	values[4] = optional_text(column->name, &nulls[4]);
	values[5] = optional_text(column->unit, &nulls[5]);
	values[6] = optional_text(column->comment, &nulls[6]);
	values[7] = optional_text(quirk == NULL ? NULL : quirk->column.name, &nulls[7]);
	values[8] = optional_text(quirk == NULL ? NULL : quirk->column.unit, &nulls[8]);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
ep_gpmf_fourccs(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	for (const EpGpmfKnown *known = ep_gpmf_known_all(); known->fourcc != NULL; known++)
		for (unsigned i = 0; i == 0 || i < known->count; i++)
			put_element(known, i, (ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}
