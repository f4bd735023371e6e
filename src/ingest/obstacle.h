/*
 * obstacle.h
 *	  What stands between a row and its table: what users put there that can refuse it, or that only the executor does right.
 */
#ifndef EP_INGEST_OBSTACLE_H
#define EP_INGEST_OBSTACLE_H

#include "core/compat.h"
#include "ddl/table.h"

/* Can an index refuse a row: is one unique, an exclusion constraint, partial or over expressions? */
extern bool ep_obstacle_index_can_refuse(const ResultRelInfo *info);

/* Can a CHECK, or a NOT NULL on a column that is not always filled? */
extern bool ep_obstacle_constraint_can_refuse(Relation relation);

/* Are there triggers for INSERT?  Those that note what others update and delete are none of ours. */
extern bool ep_obstacle_insert_fires(Relation relation);

/* Must a leaf, or a whole table whichever leaf a row goes to, be written by SQL? */
extern bool ep_obstacle_leaf_needs_sql(Relation leaf);
extern bool ep_obstacle_table_needs_sql(Relation table, const EpCoverage *coverage);

#endif /* EP_INGEST_OBSTACLE_H */
