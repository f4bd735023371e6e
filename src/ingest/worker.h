/*
 * worker.h
 *	  Changes of tables out of the client's transaction: a background worker makes them and commits.
 *
 * Inside BEGIN ... COMMIT a change of ours would keep its locks until the client commits, and readers
 * would wait for the client.  The worker holds them for milliseconds.  What it made stays when the client
 * rolls back.
 */
#ifndef EP_INGEST_WORKER_H
#define EP_INGEST_WORKER_H

#include "ingest/evolve.h"

/*
 * Is a change of this relation to be left to a worker?  Only inside a transaction block, and not for a
 * relation that this transaction has made, which no worker can see.
 */
extern bool ep_worker_is_wanted(Oid relation);

/* Would a worker's change of this relation wait for locks of this transaction? */
extern bool ep_worker_would_wait(Oid relation);

/*
 * Have a worker make the change; false when it did not, with refusal set as in evolve.h ("busy" when no
 * worker was to be had).  The caller then has to read again what it knows of the target.
 */
extern bool ep_worker_columns(EpColumnChange *change);
extern bool ep_worker_partitions(EpPartitionChange *change);
extern bool ep_worker_table(EpTableChange *change);

#endif /* EP_INGEST_WORKER_H */
