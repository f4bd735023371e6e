/*
 * unexpected.c
 *	  What the contract says at the moment when something unexpected is met.
 */
#include "ingest/unexpected.h"

#include "ingest/declared.h"
#include "schema/type_map.h"
#include "utils/lsyscache.h"

static char *
path_text(EpIngest *ingest, const EpField *field)
{
	char *text = ep_path_to_text(field->path, &ingest->event_arena);

	return text == NULL ? "" : text;
}

/* A column that its owner made beforehand is not new. */
static bool
is_new(EpIngest *ingest, EpTarget *target, const EpPath *path)
{
	char *identity = ep_path_identity(path, &ingest->event_arena);

	return (identity == NULL || ep_target_attribute(target, identity) == NULL) &&
		   ep_declared_column(ingest->stream, target, path, identity) == InvalidAttrNumber;
}

void
ep_unexpected_attribute(EpIngest *ingest, const EpTargetWork *work, const EpField *field, EpColumn *column)
{
	EpStream *stream = ingest->stream;
	bool by_glob;
	EpPolicy policy = ep_contract_of_path(stream->contract, EP_CONTRACT_COLUMNS, field->path, &by_glob);

	if (policy == EP_POLICY_EVOLVE || (work->is_bare && !by_glob) ||
		!is_new(ingest, work->target, field->path))
		return;
	switch (policy)
	{
		case EP_POLICY_REJECT:
			column->state = EP_COLUMN_REJECTED;
			break;
		case EP_POLICY_DISCARD:
			column->state = EP_COLUMN_DISCARDED;
			break;
		case EP_POLICY_FREEZE:
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("stream \"%s\" is frozen: attribute \"%s\" has no column",
							get_rel_name(stream->event_relation), path_text(ingest, field)),
					 errdetail("Table \"%s\" would need a new column.", get_rel_name(work->target->relation)),
					 errhint("Add the column with ALTER TABLE, or change \"columns\" in the contract with "
							 "event_pipeline.alter_stream().")));
			break;
		default:
			column->state = EP_COLUMN_RESCUED;
			column->reason = "contract";
			break;
	}
}

void
ep_unexpected_refuse(EpIngest *ingest, const EpField *field, EpError *error)
{
	ep_fail(error, EP_E_NO_COLUMN, 0, "attribute has no column, and the contract rejects it");
	error->path = path_text(ingest, field);
	error->expected = "an attribute that has a column";
	error->found = ep_type_name(ep_type_of(&field->value));
}

EpPolicy
ep_unexpected_value(EpIngest *ingest, const EpColumn *column, const EpField *field, EpError *error)
{
	EpStream *stream = ingest->stream;
	EpPolicy policy = ep_contract_of_path(stream->contract, EP_CONTRACT_TYPES, field->path, NULL);
	const char *expected = ep_type_name(column->type);
	const char *found = ep_type_name(ep_type_of(&field->value));

	if (policy == EP_POLICY_FREEZE)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("stream \"%s\" is frozen: value of \"%s\" misfits its column",
							   get_rel_name(stream->event_relation), path_text(ingest, field)),
						errdetail("The column is of type %s, the value %s.", expected, found),
						errhint("Correct the sender, or change \"types\" in the contract with "
								"event_pipeline.alter_stream().")));
	if (policy == EP_POLICY_REJECT)
	{
		ep_fail(error, EP_E_TYPE, 0, "value misfits its column, and the contract rejects it");
		error->path = path_text(ingest, field);
		error->expected = expected;
		error->found = found;
	}
	return policy;
}

bool
ep_unexpected_route(EpIngest *ingest, const char *route)
{
	EpStream *stream = ingest->stream;
	EpPolicy policy = ep_contract_of_stream(stream->contract, EP_CONTRACT_TABLES);

	if (policy == EP_POLICY_FREEZE)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("stream \"%s\" is frozen: route \"%s\" has no table",
							   get_rel_name(stream->event_relation), route),
						errhint("Change \"tables\" in the contract with event_pipeline.alter_stream().")));
	return policy == EP_POLICY_RESCUE;
}
