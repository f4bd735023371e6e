/*
 * contract.c
 *	  A stream's contract: read, checked, compiled, and decided once for each path.
 */
#include "schema/contract.h"

#include "catalog/pg_type.h"
#include "core/glob.h"
#include "core/memory_server.h"
#include "port/pg_bitutils.h"
#include "schema/catalog.h"
#include "utils/memutils.h"

#define MAX_GLOBS 1000
#define UNSAID 0xff

static const char *const key_names[] = {"columns", "types", "tables"};
static const char *const policy_names[] = {"evolve", "rescue", "reject", "discard", "freeze"};

typedef struct Rule
{
	const char *glob;                 /* an identity */
	uint8 policies[EP_CONTRACT_KEYS]; /* EpPolicy, or UNSAID */
} Rule;

/* A decision about one path. */
typedef struct Decision
{
	uint8 policies[EP_CONTRACT_KEYS];
	bool by_glob[EP_CONTRACT_KEYS];
	bool made;
} Decision;

struct EpContract
{
	MemoryContext context;
	uint8 policies[EP_CONTRACT_KEYS];
	Rule *rules; /* the most specific first */
	int rule_count;
	Decision *decisions; /* by path id */
	uint32 decision_capacity;
};

/* ---- compiling ---- */

static void
refuse(const char *message, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message), errhint("%s", hint)));
}

static int
find_name(const char *name, const char *const *names, int count)
{
	for (int i = 0; i < count; i++)
		if (name != NULL && strcmp(name, names[i]) == 0)
			return i;
	return -1;
}

/* The pattern's identity. */
static const char *
compile_glob(EpContract *contract, const char *text)
{
	EpPathTree tree;
	EpPath *path;
	char *identity = NULL;

	if (!ep_path_tree_init(&tree, ep_palloc_allocator(CurrentMemoryContext), 1000))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	path = ep_path_from_text(&tree, text, &tree.arena);
	if (path != NULL)
		identity = ep_path_identity(path, &tree.arena);
	if (identity == NULL || !ep_glob_is_valid(identity))
		refuse(
			psprintf("\"%s\" in the contract is no pattern over paths", text),
			"Write a path in which a whole segment may be * (any one segment) or ** (any number of them), as in debug.**");
	identity = MemoryContextStrdup(contract->context, identity);
	ep_path_tree_free(&tree);
	return identity;
}

static Rule *
rule_of(EpContract *contract, const char *text)
{
	const char *glob = compile_glob(contract, text);
	Rule *rule;

	for (int i = 0; i < contract->rule_count; i++)
		if (strcmp(contract->rules[i].glob, glob) == 0)
			return &contract->rules[i];
	if (contract->rule_count == MAX_GLOBS)
		refuse(psprintf("contract has more than %d patterns", MAX_GLOBS),
			   "Use * and ** to say it with fewer.");
	rule = &contract->rules[contract->rule_count++];
	rule->glob = glob;
	memset(rule->policies, UNSAID, sizeof rule->policies);
	return rule;
}

static int
compare_rules(const void *a, const void *b)
{
	return ep_glob_compare(((const Rule *) a)->glob, ((const Rule *) b)->glob);
}

/* One entry: key -> word, of the stream (glob NULL) or of a glob. */
static void
compile_entry(EpContract *contract, const char *glob, const char *name, const char *word)
{
	int key = find_name(name, key_names, lengthof(key_names));
	int policy = find_name(word, policy_names, lengthof(policy_names));
	uint8 *policies = contract->policies;

	if (key < 0)
		refuse(psprintf("contract has no key \"%s\"", name), "The keys are: columns, types, tables, paths.");
	if (policy < 0)
		refuse(psprintf("\"%s\" is no word of a contract", word == NULL ? "null" : word),
			   "The words are: evolve, rescue, reject, discard, freeze.");
	if (glob != NULL && key == EP_CONTRACT_TABLES)
		refuse(psprintf("contract says \"tables\" of the pattern \"%s\"", glob),
			   "Tables are of the whole stream: put \"tables\" beside \"paths\".");
	if (glob != NULL)
		policies = rule_of(contract, glob)->policies;
	policies[key] = policy;
}

/* 22023 unless it is an object, its paths are one, and each glob's too. */
static void
check_shape(Datum json)
{
	static EpStatement statement = {
		"SELECT CASE WHEN jsonb_typeof($1) <> 'object' THEN 'contract'"
		" WHEN jsonb_typeof($1->'paths') <> 'object' THEN 'paths'"
		" ELSE (SELECT p.key FROM jsonb_each(CASE WHEN jsonb_typeof($1->'paths') = 'object' THEN $1->'paths' END) p"
		"       WHERE jsonb_typeof(p.value) <> 'object' LIMIT 1) END",
		1,
		{JSONBOID}};
	char *culprit;

	ep_catalog_run(&statement, &json, NULL);
	culprit = ep_catalog_text(0, 1);
	if (culprit != NULL)
		refuse(
			psprintf("\"%s\" must be a JSON object", culprit),
			"For example: {\"columns\": \"rescue\", \"paths\": {\"debug.**\": {\"columns\": \"discard\"}}}");
}

EpContract *
ep_contract_compile(Datum json, MemoryContext context)
{
	static EpStatement statement = {
		"SELECT NULL, e.key, e.value #>> '{}' FROM jsonb_each($1) e WHERE e.key <> 'paths' UNION ALL"
		" SELECT p.key, e.key, e.value #>> '{}' FROM jsonb_each($1->'paths') p, jsonb_each(p.value) e",
		1,
		{JSONBOID}};
	EpContract *contract = MemoryContextAllocZero(context, sizeof(EpContract));
	struct Entry
	{
		char *glob, *name, *word;
	} * entries;
	uint64 n;

	contract->context = context;
	check_shape(json);
	n = ep_catalog_run(&statement, &json, NULL);
	if (n == 0)
		return NULL;
	entries = palloc(n * sizeof(struct Entry));
	for (uint64 i = 0; i < n; i++)
		entries[i] = (struct Entry){ep_catalog_text(i, 1), ep_catalog_text(i, 2), ep_catalog_text(i, 3)};
	contract->rules = MemoryContextAlloc(context, Min(n, MAX_GLOBS) * sizeof(Rule));
	for (uint64 i = 0; i < n; i++)
		compile_entry(contract, entries[i].glob, entries[i].name, entries[i].word);
	qsort(contract->rules, contract->rule_count, sizeof(Rule), compare_rules);
	return contract;
}

/* ---- deciding ---- */

EpPolicy
ep_contract_of_stream(const EpContract *contract, EpContractKey key)
{
	return contract == NULL ? EP_POLICY_EVOLVE : contract->policies[key];
}

static void
decide(const EpContract *contract, const EpPath *path, Decision *decision)
{
	EpArena arena;
	char *identity;

	ep_arena_init(&arena, ep_palloc_allocator(CurrentMemoryContext), (size_t) 64 * 1024 * 1024);
	identity = ep_path_identity(path, &arena);
	for (int key = 0; key < EP_CONTRACT_KEYS; key++)
	{
		decision->policies[key] = contract->policies[key];
		decision->by_glob[key] = false;
		for (int i = 0; i < contract->rule_count && identity != NULL; i++)
		{
			const Rule *rule = &contract->rules[i];

			if (rule->policies[key] == UNSAID || !ep_glob_match(rule->glob, identity))
				continue;
			decision->policies[key] = rule->policies[key];
			decision->by_glob[key] = true;
			break;
		}
	}
	decision->made = true;
	ep_arena_free(&arena);
}

static Decision *
decision_of(EpContract *contract, const EpPath *path)
{
	static Decision transient;

	if (path->id == EP_PATH_TRANSIENT)
	{
		transient.made = false;
		return &transient;
	}
	if (path->id >= contract->decision_capacity)
	{
		uint32 capacity = Max(64, pg_nextpower2_32(path->id + 1));
		Decision *decisions = MemoryContextAllocZero(contract->context, capacity * sizeof(Decision));

		if (contract->decisions != NULL)
		{
			memcpy(decisions, contract->decisions, contract->decision_capacity * sizeof(Decision));
			pfree(contract->decisions);
		}
		contract->decisions = decisions;
		contract->decision_capacity = capacity;
	}
	return &contract->decisions[path->id];
}

EpPolicy
ep_contract_of_path(EpContract *contract, EpContractKey key, const EpPath *path, bool *by_glob)
{
	Decision *decision;

	if (by_glob != NULL)
		*by_glob = false;
	if (contract == NULL)
		return EP_POLICY_EVOLVE;
	if (contract->rule_count == 0)
		return contract->policies[key];
	decision = decision_of(contract, path);
	if (!decision->made)
		decide(contract, path, decision);
	if (by_glob != NULL)
		*by_glob = decision->by_glob[key];
	return decision->policies[key];
}
