/*-------------------------------------------------------------------------
 *
 * tanist_fence.c
 *		Lets a server commit only while the lease of its cluster lasts.
 *
 * Whoever holds the lease publishes when it ends in a small file that backends
 * map (src/fence/layout.h, docs/fence.md).  The end is compared with
 * CLOCK_BOOTTIME and CLOCK_REALTIME
 *
 *	 - before the commit record is written: the transaction fails, and nothing
 *	   was written;
 *	 - after it, and again before each send() up to the ReadyForQuery that ends
 *	   the answer: the connection is closed, and the client has no answer.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "tanist_fence.h"

#if PG_VERSION_NUM >= 180000
PG_MODULE_MAGIC_EXT(.name = "tanist_fence", .version = "1.0");
#else
PG_MODULE_MAGIC;
#endif

static const struct config_enum_entry permission_options[] = {
	{"allow", FENCE_ALLOW, false},
	{"refuse", FENCE_REFUSE, false},
	{NULL, 0, false}
};

char	   *fence_file = NULL;
int			fence_without_file = FENCE_ALLOW;
int			fence_read_only = FENCE_ALLOW;
int			fence_wall_clock_slack = 0;

FenceShared *fence_shared = NULL;

/* COMMIT PREPARED or ROLLBACK PREPARED is under way. */
static bool finishing_prepared = false;

#if PG_VERSION_NUM >= 150000
static shmem_request_hook_type prev_shmem_request_hook = NULL;
#endif
static shmem_startup_hook_type prev_shmem_startup_hook = NULL;
static ExecutorStart_hook_type prev_ExecutorStart = NULL;
static ProcessUtility_hook_type prev_ProcessUtility = NULL;

void		_PG_init(void);

PG_FUNCTION_INFO_V1(tanist_fence_status);

/*
 * Whether this process is one whose commits are fenced.  Not a server of one
 * user or of pg_upgrade, which nobody else can reach; and not parallel workers,
 * which leave the commit to their leader.
 */
static bool
fence_applies(void)
{
	return fence_shared != NULL && IsUnderPostmaster && !IsBinaryUpgrade;
}

/* Before a record is written: raises an error where it must not be. */
static void
fence_before_record(void)
{
	FenceReading reading;

	fence_look(&reading);
	fence_tell(&reading);
	if (!fence_permits(reading.state))
	{
		fence_count(&fence_shared->refused);
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot commit: this server is fenced off"),
				 fence_errdetail(&reading),
				 errhint("Nothing was written. Connect again to reach the cluster's primary.")));
	}
	fence_guard_answers();
}

/*
 * After it.  Interrupts are held off here, and nothing may be raised: see
 * client_answer.c.
 */
static void
fence_after_record(void)
{
	FenceReading reading;
	bool		answers;

	/* A NOTIFY gets its transaction id only after the callback before. */
	fence_guard_answers();
	answers = fence_answer_is_due();

	fence_look(&reading);
	if (fence_permits(reading.state))
		return;
	if (answers)
		fence_cut_off(&reading);
	else if (IsLogicalWorker())
	{
		/* It would report to its publisher how far it has come. */
		fence_count(&fence_shared->unanswered);
		fence_tell(&reading);
		ProcDiePending = true;
		InterruptPending = true;
	}
}

static void
fence_xact_callback(XactEvent event, void *arg)
{
	if (!fence_applies())
		return;

	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			/* Without an id it writes no commit record. */
			if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
				fence_before_record();
			break;
		case XACT_EVENT_PRE_PREPARE:
			fence_before_record();
			break;
		case XACT_EVENT_COMMIT:
			if (finishing_prepared ||
				TransactionIdIsValid(GetTopTransactionIdIfAny()))
				fence_after_record();
			finishing_prepared = false;
			break;
		case XACT_EVENT_PREPARE:
			fence_after_record();
			break;
		case XACT_EVENT_ABORT:
			finishing_prepared = false;
			break;
		default:
			break;
	}
}

/* Raises an error where reading is refused, too. */
static void
fence_before_reading(void)
{
	FenceReading reading;

	/*
	 * Superusers may look: the daemon watches the server by them.  A standby
	 * is read whatever its file says.
	 */
	if (fence_read_only == FENCE_ALLOW || !fence_applies() ||
		MyProcPort == NULL || RecoveryInProgress() || superuser())
		return;
	fence_look(&reading);
	if (fence_permits(reading.state))
		return;
	fence_tell(&reading);
	fence_count(&fence_shared->reads_refused);
	ereport(ERROR,
			(errcode(ERRCODE_CANNOT_CONNECT_NOW),
			 errmsg("cannot read: this server is fenced off"),
			 fence_errdetail(&reading),
			 errhint("What it has may be out of date. Connect again to reach the cluster's primary.")));
}

static void
fence_ExecutorStart(QueryDesc *queryDesc, int eflags)
{
	fence_before_reading();
	if (prev_ExecutorStart)
		prev_ExecutorStart(queryDesc, eflags);
	else
		standard_ExecutorStart(queryDesc, eflags);
}

static void
fence_ProcessUtility(PlannedStmt *pstmt, const char *queryString,
#if PG_VERSION_NUM >= 140000
					 bool readOnlyTree,
#endif
					 ProcessUtilityContext context, ParamListInfo params,
					 QueryEnvironment *queryEnv, DestReceiver *dest,
					 QueryCompletion *qc)
{
	switch (nodeTag(pstmt->utilityStmt))
	{
		case T_CopyStmt:
			fence_before_reading();
			break;

			/* These change directories before they commit. */
		case T_CreatedbStmt:
		case T_DropdbStmt:
		case T_AlterDatabaseStmt:
		case T_CreateTableSpaceStmt:
		case T_DropTableSpaceStmt:
			if (fence_applies())
				fence_before_record();
			break;

			/*
			 * The record is written by the statement itself, in a transaction
			 * without an id, and no callback is called before it.
			 */
		case T_TransactionStmt:
			switch (((TransactionStmt *) pstmt->utilityStmt)->kind)
			{
				case TRANS_STMT_COMMIT_PREPARED:
				case TRANS_STMT_ROLLBACK_PREPARED:
					if (fence_applies())
					{
						fence_before_record();
						finishing_prepared = true;
					}
					break;
				default:
					break;
			}
			break;

		default:
			break;
	}

	if (prev_ProcessUtility)
		prev_ProcessUtility(pstmt, queryString,
#if PG_VERSION_NUM >= 140000
							readOnlyTree,
#endif
							context, params, queryEnv, dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString,
#if PG_VERSION_NUM >= 140000
								readOnlyTree,
#endif
								context, params, queryEnv, dest, qc);
}

static Datum
interval_of_ns(int64 ns)
{
	Interval   *result = (Interval *) palloc0(sizeof(Interval));

	result->time = ns / 1000;
	return IntervalPGetDatum(result);
}

/* SELECT * FROM tanist_fence.status(): one row, see tanist_fence--1.0.sql. */
Datum
tanist_fence_status(PG_FUNCTION_ARGS)
{
	TupleDesc	tupdesc;
	Datum		values[12];
	bool		nulls[12] = {false};
	FenceReading reading;
	bool		armed;
	bool		published;
	int			i = 0;
	uint64		last;

	if (fence_shared == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("tanist_fence must be loaded via shared_preload_libraries")));
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE ||
		tupdesc->natts != lengthof(values))
		elog(ERROR, "return type of tanist_fence.status() is not the expected one");

	fence_look(&reading);
	armed = reading.state == FENCE_OPEN || reading.state == FENCE_ENDED ||
		reading.state == FENCE_ENDED_BY_WALL_CLOCK;
	published = armed || reading.state == FENCE_DISARMED;
	last = pg_atomic_read_u64(&fence_shared->last_refusal);

	values[i++] = CStringGetTextDatum(fence_path);
	values[i++] = CStringGetTextDatum(fence_state_name(reading.state));
	values[i++] = BoolGetDatum(fence_permits(reading.state));
	nulls[i] = nulls[i + 1] = !armed;
	values[i++] = interval_of_ns(armed ? reading.slot.kill_at_boot - reading.boot_now : 0);
	values[i++] = interval_of_ns(armed ? reading.slot.kill_at_real - reading.real_now : 0);
	nulls[i] = nulls[i + 1] = nulls[i + 2] = !published;
	values[i++] = interval_of_ns(published ? reading.boot_now - reading.slot.published_at : 0);
	values[i++] = Int32GetDatum(published ? (int32) reading.slot.writer : 0);
	values[i++] = Int64GetDatum(published ? (int64) reading.slot.sequence : 0);
	values[i++] = Int64GetDatum((int64) pg_atomic_read_u64(&fence_shared->refused));
	values[i++] = Int64GetDatum((int64) pg_atomic_read_u64(&fence_shared->unanswered));
	values[i++] = Int64GetDatum((int64) pg_atomic_read_u64(&fence_shared->reads_refused));
	nulls[i] = last == 0;
	values[i++] = TimestampTzGetDatum((TimestampTz) last);
	Assert(i == lengthof(values));

	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(tupdesc, values, nulls)));
}

static void
fence_shmem_startup(void)
{
	bool		found;
	FenceReading reading;

	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	fence_shared = ShmemInitStruct("tanist_fence", sizeof(FenceShared), &found);
	if (!found)
	{
		pg_atomic_init_u32(&fence_shared->armed_once, 0);
		pg_atomic_init_u32(&fence_shared->told, FENCE_UNKNOWN);
		pg_atomic_init_u64(&fence_shared->refused, 0);
		pg_atomic_init_u64(&fence_shared->unanswered, 0);
		pg_atomic_init_u64(&fence_shared->reads_refused, 0);
		pg_atomic_init_u64(&fence_shared->last_refusal, 0);
	}
	LWLockRelease(AddinShmemInitLock);

	fence_find_file();

	/* The children inherit the mapping. */
	if (!IsUnderPostmaster && IsPostmasterEnvironment)
	{
		fence_look(&reading);
		fence_tell(&reading);
	}
}

#if PG_VERSION_NUM >= 150000
static void
fence_shmem_request(void)
{
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();
	RequestAddinShmemSpace(MAXALIGN(sizeof(FenceShared)));
}
#endif

void
_PG_init(void)
{
	/* Loaded by a session it could fence only that one: see status(). */
	if (!process_shared_preload_libraries_in_progress)
		return;

	DefineCustomStringVariable("tanist_fence.file",
							   "File that says until when this server commits.",
							   "Empty: " TANIST_FENCE_PATH ", with device and inode of the data directory.",
							   &fence_file, "", PGC_POSTMASTER, GUC_SUPERUSER_ONLY,
							   NULL, NULL, NULL);
	DefineCustomEnumVariable("tanist_fence.without_file",
							 "Whether transactions are committed where there is no such file.",
							 NULL,
							 &fence_without_file, FENCE_ALLOW, permission_options,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("tanist_fence.read_only",
							 "Whether statements that only read go on after the lease has ended.",
							 "Those of superusers do.",
							 &fence_read_only, FENCE_ALLOW, permission_options,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("tanist_fence.wall_clock_slack",
							"How far the wall clock may be past the end of the lease before it counts.",
							"The other clock, which nobody steps, has no slack.",
							&fence_wall_clock_slack, 0, 0, 3600 * 1000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
#if PG_VERSION_NUM >= 150000
	MarkGUCPrefixReserved("tanist_fence");
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = fence_shmem_request;
#else
	EmitWarningsOnPlaceholders("tanist_fence");
	RequestAddinShmemSpace(MAXALIGN(sizeof(FenceShared)));
#endif
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = fence_shmem_startup;
	prev_ExecutorStart = ExecutorStart_hook;
	ExecutorStart_hook = fence_ExecutorStart;
	prev_ProcessUtility = ProcessUtility_hook;
	ProcessUtility_hook = fence_ProcessUtility;
	RegisterXactCallback(fence_xact_callback, NULL);
}
