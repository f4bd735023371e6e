/*
 * obstacle.c
 *	  What stands between a row and its table.
 */
#include "ingest/obstacle.h"

bool
ep_obstacle_index_can_refuse(const ResultRelInfo *info)
{
	for (int i = 0; i < info->ri_NumIndices; i++)
	{
		const IndexInfo *index = info->ri_IndexRelationInfo[i];

		if (index->ii_Unique || index->ii_ExclusionOps != NULL || index->ii_Expressions != NIL ||
			index->ii_Predicate != NIL)
			return true;
	}
	return false;
}

/* NOT NULL on anything that we do not always fill. */
static bool
not_null_can_refuse(TupleDesc descriptor)
{
	for (int i = 0; i < descriptor->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(descriptor, i);

		if (attribute->attnotnull && !attribute->attisdropped &&
			strcmp(NameStr(attribute->attname), "event_time") != 0)
			return true;
	}
	return false;
}

bool
ep_obstacle_constraint_can_refuse(Relation relation)
{
	TupleConstr *constraints = RelationGetDescr(relation)->constr;

	return constraints != NULL &&
		   (constraints->num_check > 0 || not_null_can_refuse(RelationGetDescr(relation)));
}

static bool
statement_fires(const TriggerDesc *triggers)
{
	return triggers != NULL &&
		   (triggers->trig_insert_before_statement || triggers->trig_insert_after_statement);
}

bool
ep_obstacle_insert_fires(Relation relation)
{
	const TriggerDesc *triggers = relation->trigdesc;

	return triggers != NULL &&
		   (triggers->trig_insert_before_row || triggers->trig_insert_after_row || statement_fires(triggers));
}

bool
ep_obstacle_leaf_needs_sql(Relation leaf)
{
	TupleConstr *constraints = RelationGetDescr(leaf)->constr;

	return ep_obstacle_insert_fires(leaf) || leaf->rd_rel->relkind != RELKIND_RELATION ||
		   (constraints != NULL && constraints->has_generated_stored);
}

bool
ep_obstacle_table_needs_sql(Relation table, const EpCoverage *coverage)
{
	Form_pg_class class = table->rd_rel;

	return (class->relrowsecurity && class->relforcerowsecurity) || class->relispartition ||
		   statement_fires(table->trigdesc) ||
		   (class->relkind == RELKIND_PARTITIONED_TABLE && coverage->everything) || coverage->nested;
}
