/*
 * worker.c
 *	  Changes of tables out of the client's transaction.
 *
 * The request goes through a dynamic shared memory segment, as a message of libpq/pqformat.h; the answer
 * is in the segment's header.  The worker connects to the same database, names the client's role as its
 * session user (for the log), acts as the owner of the event table, and never waits long: DDL locks are
 * tried, and lock_timeout ends everything else.  While it runs, the client's backend waits for it, so
 * it must not need a lock that the client holds: ep_worker_would_wait is asked first.
 */
#include "ingest/worker.h"

#include "access/relation.h"
#include "access/xact.h"
#include "core/memory_server.h"
#include "executor/spi.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "schema/attempt.h"
#include "schema/role.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* What the worker's waits are cut off at: it meets locks of others only by bad luck. */
#define WORKER_LOCK_TIMEOUT "100ms"

typedef enum ChangeKind
{
	CHANGE_COLUMNS = 'c',
	CHANGE_PARTITIONS = 'p',
	CHANGE_TABLE = 't'
} ChangeKind;

/* The segment: this, then the request's bytes. */
typedef struct Task
{
	Oid database;
	Oid session_user;
	Size length; /* of the request */
	bool done;   /* out */
	int64 waited_us;
	char refusal[128]; /* out; empty when done */
} Task;

PGDLLEXPORT void ep_worker_main(Datum argument);

/* ---- the client's side ---- */

bool
ep_worker_is_wanted(Oid relation_id)
{
	Relation relation;
	bool ours;

	if (!IsTransactionBlock())
		return false;
	relation = relation_open(relation_id, AccessShareLock);
	ours = relation->rd_createSubid != InvalidSubTransactionId;
	relation_close(relation, AccessShareLock);
	return !ours;
}

bool
ep_worker_would_wait(Oid relation_id)
{
	Relation relation = RelationIdGetRelation(relation_id);
	bool locked = relation != NULL && CheckRelationLockedByMe(relation, AccessShareLock, true);

	if (relation != NULL)
		RelationClose(relation);
	return locked;
}

/* Start the worker and wait until it has ended. */
static bool
run_worker(dsm_segment *segment)
{
	BackgroundWorker worker = {.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
							   .bgw_start_time = BgWorkerStart_RecoveryFinished,
							   .bgw_restart_time = BGW_NEVER_RESTART,
							   .bgw_notify_pid = MyProcPid,
							   .bgw_main_arg = UInt32GetDatum(dsm_segment_handle(segment))};
	BackgroundWorkerHandle *handle;
	BgwHandleStatus status;

	strlcpy(worker.bgw_library_name, "event_pipeline", sizeof worker.bgw_library_name);
	strlcpy(worker.bgw_function_name, "ep_worker_main", sizeof worker.bgw_function_name);
	strlcpy(worker.bgw_name, "event_pipeline schema change", sizeof worker.bgw_name);
	strlcpy(worker.bgw_type, "event_pipeline", sizeof worker.bgw_type);
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		return false;
	status = WaitForBackgroundWorkerShutdown(handle);
	if (status == BGWH_POSTMASTER_DIED)
		ereport(ERROR, (errcode(ERRCODE_ADMIN_SHUTDOWN),
						errmsg("postmaster exited while a schema change was made")));
	return true;
}

/* Hand the request over, wait, and give back a copy of the answer. */
static Task
delegate(StringInfo request)
{
	Task answer = {.done = false, .refusal = "busy"};
	dsm_segment *segment = dsm_create(sizeof(Task) + request->len, 0);
	Task *task = dsm_segment_address(segment);

	*task = answer;
	task->database = MyDatabaseId;
	task->session_user = GetSessionUserId();
	task->length = request->len;
	memcpy(task + 1, request->data, request->len);
	if (run_worker(segment))
		answer = *task;
	dsm_detach(segment);
	AcceptInvalidationMessages();
	return answer;
}

/* The static string that a refusal in the answer stands for: callers keep it. */
static const char *
refusal_of(const Task *answer)
{
	static const char *const known[] = {"lock", "busy"};

	for (int i = 0; i < lengthof(known); i++)
		if (strcmp(answer->refusal, known[i]) == 0)
			return known[i];
	return "contract";
}

static void
begin_request(StringInfo request, ChangeKind kind, const EpStream *stream)
{
	initStringInfo(request);
	pq_sendbyte(request, kind);
	pq_sendint32(request, stream->raw_relation);
}

/* Strings with their length: a NULL has length -1. They are never converted: both ends speak UTF-8. */
static void
send_text(StringInfo request, const char *text)
{
	pq_sendint32(request, text == NULL ? -1 : (int32) strlen(text));
	if (text != NULL)
		appendBinaryStringInfo(request, text, strlen(text));
}

bool
ep_worker_columns(EpColumnChange *change)
{
	StringInfoData request;
	Task answer;

	begin_request(&request, CHANGE_COLUMNS, change->stream);
	send_text(&request, change->target->route);
	pq_sendint32(&request, change->count);
	for (int i = 0; i < change->count; i++)
	{
		const EpNewAttribute *attribute = &change->attributes[i];

		send_text(&request, ep_path_to_text(attribute->path, change->arena));
		send_text(&request, attribute->identity);
		send_text(&request, attribute->comment);
		pq_sendint32(&request, attribute->guess.type);
		pq_sendint32(&request, attribute->guess.misfits);
		pq_sendbyte(&request, attribute->variant);
		pq_sendint64(&request, attribute->raw_id);
	}
	answer = delegate(&request);
	change->waited_us = answer.waited_us;
	change->refusal = answer.done ? NULL : refusal_of(&answer);
	return answer.done;
}

bool
ep_worker_partitions(EpPartitionChange *change)
{
	StringInfoData request;

	begin_request(&request, CHANGE_PARTITIONS, change->stream);
	send_text(&request, change->target->route);
	pq_sendint32(&request, change->count);
	for (int i = 0; i < change->count; i++)
		pq_sendint64(&request, change->times[i]);
	return delegate(&request).done;
}

bool
ep_worker_table(EpTableChange *change)
{
	StringInfoData request;
	Task answer;

	begin_request(&request, CHANGE_TABLE, change->stream);
	send_text(&request, change->route);
	pq_sendint64(&request, change->raw_id);
	answer = delegate(&request);
	change->refusal = answer.done ? NULL : pstrdup(answer.refusal);
	return answer.done;
}

/* ---- the worker's side ---- */

typedef struct Work
{
	StringInfo request;
	ChangeKind kind;
	EpStream *stream;
	EpArena arena;
	int64 waited_us;
	const char *refusal;
} Work;

static char *
get_text(StringInfo request)
{
	int32 length = pq_getmsgint(request, 4);
	char *text;

	if (length < 0)
		return NULL;
	text = palloc(length + 1);
	pq_copymsgbytes(request, text, length);
	text[length] = '\0';
	return text;
}

static EpTarget *
get_target(Work *work)
{
	char *route = get_text(work->request);
	EpTarget *target = ep_stream_target(work->stream, route);

	if (target == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("stream has no table for route \"%s\"", route)));
	return target;
}

static bool
change_columns(Work *work)
{
	EpColumnChange change = {
		.stream = work->stream, .target = get_target(work), .arena = &work->arena, .mode = "worker"};
	bool done;

	change.count = pq_getmsgint(work->request, 4);
	change.attributes = palloc0(sizeof(EpNewAttribute) * Max(change.count, 1));
	for (int i = 0; i < change.count; i++)
	{
		EpNewAttribute *attribute = &change.attributes[i];
		char *path = get_text(work->request);

		attribute->path = ep_path_from_text(&work->stream->paths, path, &work->arena);
		if (attribute->path == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("path \"%s\" is malformed", path)));
		attribute->identity = get_text(work->request);
		attribute->comment = get_text(work->request);
		attribute->guess.type = pq_getmsgint(work->request, 4);
		attribute->guess.misfits = pq_getmsgint(work->request, 4);
		attribute->variant = pq_getmsgbyte(work->request);
		attribute->raw_id = pq_getmsgint64(work->request);
	}
	done = ep_evolve_columns(&change);
	work->waited_us = change.waited_us;
	work->refusal = change.refusal;
	return done;
}

static bool
change_partitions(Work *work)
{
	EpPartitionChange change = {.stream = work->stream, .target = get_target(work), .mode = "worker"};

	change.count = pq_getmsgint(work->request, 4);
	change.times = palloc(sizeof(TimestampTz) * Max(change.count, 1));
	for (int i = 0; i < change.count; i++)
		change.times[i] = pq_getmsgint64(work->request);
	return ep_evolve_partitions(&change);
}

static bool
change_table(Work *work)
{
	EpTableChange change = {.stream = work->stream, .mode = "worker"};
	bool done;

	change.route = get_text(work->request);
	change.raw_id = pq_getmsgint64(work->request);
	done = ep_stream_target(work->stream, change.route) != NULL || ep_evolve_table(&change);
	work->refusal = change.refusal;
	return done;
}

static bool
carry_out(void *argument)
{
	Work *work = argument;
	EpRole saved;
	int pinned;
	bool done;

	work->kind = pq_getmsgbyte(work->request);
	work->stream = ep_stream_of_raw(pq_getmsgint(work->request, 4));
	saved = ep_role_enter_owner(work->stream->owner);
	pinned = ep_settings_pin();
	done = work->kind == CHANGE_COLUMNS      ? change_columns(work)
		   : work->kind == CHANGE_PARTITIONS ? change_partitions(work)
											 : change_table(work);
	ep_settings_unpin(pinned);
	ep_role_leave(saved);
	return done;
}

/* Do the task in one transaction and write the answer. */
static void
answer_task(Task *task)
{
	StringInfoData request = {.data = (char *) (task + 1), .len = task->length, .maxlen = task->length};
	Work work = {.request = &request};
	ErrorData *error;
	bool done;

	SPI_connect();
	ep_arena_init(&work.arena, ep_palloc_allocator(CurrentMemoryContext), (size_t) 64 * 1024 * 1024);
	done = ep_attempt(carry_out, &work, &error);
	if (error != NULL)
		strlcpy(task->refusal, work.kind == CHANGE_COLUMNS ? ep_evolve_refusal(error) : error->message,
				sizeof task->refusal);
	else if (!done && work.refusal != NULL)
		strlcpy(task->refusal, work.refusal, sizeof task->refusal);
	task->waited_us = work.waited_us;
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	task->done = done;
}

void
ep_worker_main(Datum argument)
{
	dsm_segment *segment;
	Task *task;

	BackgroundWorkerUnblockSignals();
	CurrentResourceOwner = ResourceOwnerCreate(NULL, "event_pipeline worker");
	segment = dsm_attach(DatumGetUInt32(argument));
	if (segment == NULL)
		return; /* the client is gone */
	dsm_pin_mapping(segment);
	task = dsm_segment_address(segment);
	BackgroundWorkerInitializeConnectionByOid(task->database, InvalidOid, 0);
	StartTransactionCommand();
	SetConfigOption("lock_timeout", WORKER_LOCK_TIMEOUT, PGC_USERSET, PGC_S_SESSION);
	SetSessionAuthorization(task->session_user, superuser_arg(task->session_user));
	PushActiveSnapshot(GetTransactionSnapshot());
	pgstat_report_activity(STATE_RUNNING, "event_pipeline schema change");
	answer_task(task);
	dsm_detach(segment);
}
