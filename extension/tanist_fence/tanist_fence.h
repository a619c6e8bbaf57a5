/*-------------------------------------------------------------------------
 *
 * tanist_fence.h
 *		What the parts of tanist_fence know of each other.
 *
 * tanist_fence.c has the settings, the hooks and status(); lease_file.c reads
 * the file; client_answer.c keeps answers from being sent.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TANIST_FENCE_H
#define TANIST_FENCE_H

#include "port/atomics.h"
#include "utils/guc.h"

#include "layout.h"

#if PG_VERSION_NUM < 130000
#error "tanist_fence needs PostgreSQL 13 or later"
#endif

/* What the file says at one moment. */
typedef enum FenceState
{
	FENCE_UNKNOWN,				/* nobody has looked yet */
	FENCE_OPEN,					/* armed, before its end */
	FENCE_DISARMED,
	FENCE_ABSENT,				/* there is no file */
	FENCE_FOREIGN,				/* it is of another data directory */
	FENCE_ENDED,				/* armed, past its end by CLOCK_BOOTTIME */
	FENCE_ENDED_BY_WALL_CLOCK,	/* past its end by CLOCK_REALTIME only */
	FENCE_VANISHED,				/* there was an armed one */
	FENCE_STALE,				/* written before this host was started */
	FENCE_UNUSABLE				/* cannot be read, or says nothing valid */
} FenceState;

/* One look at the file. */
typedef struct FenceReading
{
	FenceState	state;
	TanistFenceSlot slot;		/* of OPEN, DISARMED and the two ENDED */
	int64		boot_now;		/* clocks, read after the slot; ns */
	int64		real_now;
} FenceReading;

typedef struct FenceShared
{
	pg_atomic_uint32 armed_once;	/* an armed file was seen, no disarmed one
									 * since */
	pg_atomic_uint32 told;		/* FenceState that was logged last */
	pg_atomic_uint64 refused;	/* transactions, before their record */
	pg_atomic_uint64 unanswered;	/* connections closed after a record */
	pg_atomic_uint64 reads_refused;
	pg_atomic_uint64 last_refusal;	/* TimestampTz, 0: none */
} FenceShared;

typedef enum FencePermission
{
	FENCE_ALLOW,
	FENCE_REFUSE
} FencePermission;

/* Settings */
extern char *fence_file;
extern int	fence_without_file;
extern int	fence_read_only;
extern int	fence_wall_clock_slack;

/* Counters and what was seen, in shared memory; NULL: not preloaded. */
extern FenceShared *fence_shared;

/* Where the file is, absolute. */
extern char fence_path[MAXPGPATH];

/* lease_file.c */
extern void fence_find_file(void);
extern void fence_look(FenceReading *reading);
extern bool fence_permits(FenceState state);
extern const char *fence_state_name(FenceState state);
extern int	fence_errdetail(const FenceReading *reading);
extern void fence_tell(const FenceReading *reading);
extern void fence_count(pg_atomic_uint64 *counter);

/* client_answer.c */
extern void fence_guard_answers(void);
extern bool fence_answer_is_due(void);
extern void fence_cut_off(const FenceReading *reading);

#endif							/* TANIST_FENCE_H */
