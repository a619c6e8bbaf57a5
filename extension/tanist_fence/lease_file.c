/*-------------------------------------------------------------------------
 *
 * lease_file.c
 *		Reads until when this server commits.
 *
 * Reading the file costs no lock, and no system call as long as it is armed
 * and not past its end.  Always the deadline is read first and the clocks after
 * it: a process that was stopped anywhere in here reads clocks that tell.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/timestamp.h"

#include "tanist_fence.h"

#ifndef CLOCK_BOOTTIME
#error "tanist_fence needs CLOCK_BOOTTIME (Linux)"
#endif

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"

static const char *const state_names[] = {
	[FENCE_UNKNOWN] = "unknown",
	[FENCE_OPEN] = "armed",
	[FENCE_DISARMED] = "disarmed",
	[FENCE_ABSENT] = "absent",
	[FENCE_FOREIGN] = "foreign",
	[FENCE_ENDED] = "ended",
	[FENCE_ENDED_BY_WALL_CLOCK] = "ended by wall clock",
	[FENCE_VANISHED] = "vanished",
	[FENCE_STALE] = "stale",
	[FENCE_UNUSABLE] = "unusable",
};

/* This process's mapping of the file, inherited from the postmaster. */
typedef struct FenceMapping
{
	const TanistFenceFile *file;	/* NULL: none */
	dev_t		device;
	ino_t		inode;
	FenceState	of_header;		/* OPEN: the slots count */
} FenceMapping;

/* Set in the postmaster, the same in all its children */
char		fence_path[MAXPGPATH];
static uint8 boot_id[16];
static uint64 data_device;
static uint64 data_inode;

static FenceMapping mapping;

static int64
clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64) t.tv_sec * INT64CONST(1000000000) + t.tv_nsec;
}

static void
fence_unmap(void)
{
	if (mapping.file != NULL)
		munmap((void *) mapping.file, sizeof(TanistFenceFile));
	memset(&mapping, 0, sizeof(mapping));
}

/* Whose file a mapped one is; OPEN: ours. */
static FenceState
fence_judge_header(const TanistFenceHeader *header)
{
	if (memcmp(header->magic, TANIST_FENCE_MAGIC, sizeof(header->magic)) != 0 ||
		header->version != TANIST_FENCE_VERSION ||
		header->size != sizeof(TanistFenceFile) ||
		header->checksum != tanist_fence_checksum(header))
		return FENCE_UNUSABLE;
	if (header->system_identifier != GetSystemIdentifier() ||
		header->device != data_device ||
		header->inode != data_inode)
		return FENCE_FOREIGN;
	if (memcmp(header->boot_id, boot_id, sizeof(boot_id)) != 0)
		return FENCE_STALE;
	return FENCE_OPEN;
}

/*
 * Maps what the path names now, unless that is mapped.  Costs one system call
 * where nothing has changed.
 */
static FenceState
fence_map(void)
{
	struct stat named;
	struct stat opened;
	int			fd;
	void	   *at = MAP_FAILED;

	if (lstat(fence_path, &named) != 0)
	{
		bool		absent = errno == ENOENT || errno == ENOTDIR;

		fence_unmap();
		return absent ? FENCE_ABSENT : FENCE_UNUSABLE;
	}
	if (mapping.file != NULL && mapping.device == named.st_dev &&
		mapping.inode == named.st_ino)
		return mapping.of_header;

	fence_unmap();
	fd = BasicOpenFile(fence_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? FENCE_ABSENT : FENCE_UNUSABLE;

	/* Nobody else may say until when this server commits. */
	if (fstat(fd, &opened) == 0 && S_ISREG(opened.st_mode) &&
		opened.st_uid == geteuid() &&
		(opened.st_mode & (S_IWGRP | S_IWOTH)) == 0 &&
		opened.st_size >= (off_t) sizeof(TanistFenceFile))
		at = mmap(NULL, sizeof(TanistFenceFile), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (at == MAP_FAILED)
		return FENCE_UNUSABLE;

	mapping.file = at;
	mapping.device = opened.st_dev;
	mapping.inode = opened.st_ino;
	mapping.of_header = fence_judge_header(&mapping.file->header);
	return mapping.of_header;
}

/* What a mapped file that is ours says now. */
static FenceState
fence_read(FenceReading *reading)
{
	if (!tanist_fence_read(mapping.file, &reading->slot))
		return FENCE_UNUSABLE;

	/* After the slot: see the head of this file. */
	pg_read_barrier();
	reading->boot_now = clock_ns(CLOCK_BOOTTIME);
	reading->real_now = clock_ns(CLOCK_REALTIME);

	switch (reading->slot.state)
	{
		case TANIST_FENCE_DISARMED:
			return FENCE_DISARMED;
		case TANIST_FENCE_ARMED:
			if (reading->boot_now >= reading->slot.kill_at_boot)
				return FENCE_ENDED;
			if (reading->real_now - fence_wall_clock_slack * INT64CONST(1000000) >=
				reading->slot.kill_at_real)
				return FENCE_ENDED_BY_WALL_CLOCK;
			return FENCE_OPEN;
		default:
			return FENCE_UNUSABLE;
	}
}

void
fence_look(FenceReading *reading)
{
	bool		was_disarmed = false;

	/* The usual case: the mapped file is armed, whatever became of its name. */
	if (mapping.file != NULL && mapping.of_header == FENCE_OPEN)
	{
		reading->state = fence_read(reading);
		if (reading->state == FENCE_OPEN)
		{
			if (pg_atomic_read_u32(&fence_shared->armed_once) == 0)
				pg_atomic_write_u32(&fence_shared->armed_once, 1);
			return;
		}
		was_disarmed = reading->state == FENCE_DISARMED;
	}

	/*
	 * Anything else is said only of the file that has the name now: another
	 * one may have been put there.
	 */
	reading->state = fence_map();
	if (reading->state == FENCE_OPEN)
		reading->state = fence_read(reading);

	switch (reading->state)
	{
		case FENCE_OPEN:
		case FENCE_ENDED:
		case FENCE_ENDED_BY_WALL_CLOCK:
			pg_atomic_write_u32(&fence_shared->armed_once, 1);
			break;
		case FENCE_DISARMED:
			if (pg_atomic_read_u32(&fence_shared->armed_once) != 0)
				pg_atomic_write_u32(&fence_shared->armed_once, 0);
			break;
		case FENCE_ABSENT:
		case FENCE_FOREIGN:
			/*
			 * A file that somebody cleaned away takes no bound away.  One that
			 * was disarmed before had none.
			 */
			if (was_disarmed)
				pg_atomic_write_u32(&fence_shared->armed_once, 0);
			else if (pg_atomic_read_u32(&fence_shared->armed_once) != 0)
				reading->state = FENCE_VANISHED;
			break;
		default:
			break;
	}
}

bool
fence_permits(FenceState state)
{
	switch (state)
	{
		case FENCE_OPEN:
		case FENCE_DISARMED:
			return true;
		case FENCE_ABSENT:
		case FENCE_FOREIGN:
			return fence_without_file == FENCE_ALLOW;
		default:
			return false;
	}
}

/*
 * Why nothing is committed, within ereport(): what is formatted there needs no
 * memory that might be lacking after a commit.
 */
int
fence_errdetail(const FenceReading *reading)
{
	switch (reading->state)
	{
		case FENCE_ENDED:
			return errdetail("The lease under which this server commits ended " INT64_FORMAT " ms ago.",
							 (reading->boot_now - reading->slot.kill_at_boot) / 1000000);
		case FENCE_ENDED_BY_WALL_CLOCK:
			return errdetail("The lease under which this server commits ended " INT64_FORMAT " ms ago by the wall clock.",
							 (reading->real_now - reading->slot.kill_at_real) / 1000000);
		case FENCE_ABSENT:
			return errdetail("There is no file \"%s\", and tanist_fence.without_file is \"refuse\".",
							 fence_path);
		case FENCE_FOREIGN:
			return errdetail("The file \"%s\" is of another data directory, and tanist_fence.without_file is \"refuse\".",
							 fence_path);
		case FENCE_VANISHED:
			return errdetail("The file \"%s\", which says until when this server commits, is gone or another server's.",
							 fence_path);
		case FENCE_STALE:
			return errdetail("The file \"%s\" was written before this host was started.",
							 fence_path);
		default:
			return errdetail("The file \"%s\" cannot be read, is not this server's account's alone, or says nothing valid.",
							 fence_path);
	}
}

/* A line in the log whenever it is another state than the last one. */
void
fence_tell(const FenceReading *reading)
{
	uint32		told = pg_atomic_read_u32(&fence_shared->told);

	if (told == (uint32) reading->state ||
		!pg_atomic_compare_exchange_u32(&fence_shared->told, &told, reading->state))
		return;

	if (!fence_permits(reading->state))
		ereport(LOG_SERVER_ONLY,
				(errmsg("tanist_fence: no transaction that writes is committed any more"),
				 fence_errdetail(reading)));
	else if (reading->state == FENCE_OPEN)
		ereport(LOG_SERVER_ONLY,
				(errmsg("tanist_fence: transactions are committed until the lease in \"%s\" ends, in " INT64_FORMAT " ms if it is not renewed",
						fence_path,
						(reading->slot.kill_at_boot - reading->boot_now) / 1000000)));
	else
		ereport(LOG_SERVER_ONLY,
				(errmsg("tanist_fence: transactions are committed without a lease: file \"%s\" is %s",
						fence_path, state_names[reading->state])));
}

void
fence_count(pg_atomic_uint64 *counter)
{
	pg_atomic_fetch_add_u64(counter, 1);
	pg_atomic_write_u64(&fence_shared->last_refusal, (uint64) GetCurrentTimestamp());
}

const char *
fence_state_name(FenceState state)
{
	return state_names[state];
}

/* 36 characters, hexadecimal digits and dashes, to 16 bytes. */
static void
fence_read_boot_id(void)
{
	char		text[64];
	int			fd = BasicOpenFile(BOOT_ID_FILE, O_RDONLY | O_CLOEXEC);
	ssize_t		length = fd < 0 ? -1 : read(fd, text, sizeof(text));
	int			digits = 0;

	if (length < 0)
		ereport(FATAL,
				(errcode_for_file_access(),
				 errmsg("tanist_fence: could not read \"%s\": %m", BOOT_ID_FILE)));
	close(fd);
	memset(boot_id, 0, sizeof(boot_id));
	for (ssize_t i = 0; i < length && digits < 32; i++)
	{
		char		c = text[i];
		int			value;

		if (c >= '0' && c <= '9')
			value = c - '0';
		else if (c >= 'a' && c <= 'f')
			value = c - 'a' + 10;
		else
			continue;
		boot_id[digits / 2] |= value << (digits % 2 ? 0 : 4);
		digits++;
	}
	if (digits != 32)
		ereport(FATAL,
				(errmsg("tanist_fence: \"%s\" holds no boot id", BOOT_ID_FILE)));
}

/*
 * In the postmaster, also after a crash of a backend, when it begins anew: whose
 * file is looked for, and where.  Raises FATAL where that cannot be known.
 */
void
fence_find_file(void)
{
	struct stat directory;

	fence_read_boot_id();
	if (stat(DataDir, &directory) != 0)
		ereport(FATAL,
				(errcode_for_file_access(),
				 errmsg("tanist_fence: could not stat directory \"%s\": %m", DataDir)));
	data_device = (uint64) directory.st_dev;
	data_inode = (uint64) directory.st_ino;
	/* A wrong value that is only warned of would be as good as none. */
	if (fence_file[0] != '\0' && (!is_absolute_path(fence_file) || strlen(fence_file) >= MAXPGPATH))
		ereport(FATAL,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for parameter \"tanist_fence.file\": \"%s\"", fence_file),
				 errdetail("It must be an absolute path, or empty for the default.")));
	if (fence_file[0] != '\0')
		snprintf(fence_path, sizeof(fence_path), "%s", fence_file);
	else
		snprintf(fence_path, sizeof(fence_path), TANIST_FENCE_PATH,
				 (unsigned long long) data_device, (unsigned long long) data_inode);
}
