/*
 * contract.h
 *	  What a stream does about the unexpected: an attribute without a column, a value that misfits its column,
 *	  a route without a table.
 *
 *	  {"columns": "evolve", "tables": "reject", "paths": {"debug.**": {"columns": "discard"}}}
 *
 * What a glob says of a path comes before what the contract says of the stream; of several globs the
 * more specific one (core/glob.h).  What nobody says is evolve.
 */
#ifndef EP_SCHEMA_CONTRACT_H
#define EP_SCHEMA_CONTRACT_H

#include "core/compat.h"
#include "core/path.h"

typedef enum EpPolicy
{
	EP_POLICY_EVOLVE = 0, /* make the column, the variant column, the table */
	EP_POLICY_RESCUE,     /* keep the value in _ep_rescued; the event in the stream's own table */
	EP_POLICY_REJECT,     /* the event is rejected alone */
	EP_POLICY_DISCARD,    /* the value, or the event, is dropped and counted */
	EP_POLICY_FREEZE      /* the whole statement fails */
} EpPolicy;

/* What a contract speaks of. */
typedef enum EpContractKey
{
	EP_CONTRACT_COLUMNS = 0, /* attributes that have no column yet */
	EP_CONTRACT_TYPES,       /* values that misfit their column */
	EP_CONTRACT_TABLES,      /* routes that have no table yet; of the whole stream */
	EP_CONTRACT_KEYS
} EpContractKey;

typedef struct EpContract EpContract;

/*
 * Compile a contract (jsonb) into context; NULL for one that says evolve of everything.  22023 with a hint when
 * it is malformed.  The caller has connected to SPI.
 */
extern EpContract *ep_contract_compile(Datum contract, MemoryContext context);

/* What it says of the stream as a whole; contract may be NULL. */
extern EpPolicy ep_contract_of_stream(const EpContract *contract, EpContractKey key);

/*
 * What it says of one path, and through *by_glob (may be NULL) whether a glob says so; contract may be NULL.
 * Decided once for each permanent path.
 */
extern EpPolicy
ep_contract_of_path(EpContract *contract, EpContractKey key, const EpPath *path, bool *by_glob);

#endif /* EP_SCHEMA_CONTRACT_H */
