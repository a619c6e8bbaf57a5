/*-------------------------------------------------------------------------
 *
 * client_answer.c
 *		Keeps the answer of a commit from being sent after the lease.
 *
 * A transaction cannot be taken back any more once its record is written, and
 * an ERROR or FATAL raised by a callback there would end in a PANIC ("cannot
 * abort transaction, it was already committed").  So nothing is raised.
 * Instead the frontend/backend protocol's send methods are replaced by ones
 * that drop everything, and the flag is set by which pqcomm.c tells of a
 * client that is gone: the next CHECK_FOR_INTERRUPTS() ends the backend, with
 * nothing sent.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

/*
 * libpq-be.h wants GSSAPI's headers for two pointers in struct Port, which
 * nothing here looks into; build hosts mostly lack those headers.
 */
#undef ENABLE_GSS

#include "libpq/libpq.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"

#include "tanist_fence.h"

#ifndef FeBeWaitSetSocketPos	/* 13 */
#define FeBeWaitSetSocketPos 0
#endif

/* What pqcomm.c holds before it sends by itself (PQ_SEND_BUFFER_SIZE). */
#define SEND_BUFFER_SIZE 8192

/* Type byte and length of a message. */
#define MESSAGE_HEADER_SIZE 5

/* How long a send that waits for its client goes on without a look. */
#define SEND_RECHECK_MS 100

/* What of a commit's answer is still to be sent by this backend. */
typedef struct FenceAnswer
{
	bool		pending;		/* a commit was recorded, its answer is not out */
	bool		complete;		/* ReadyForQuery is in the buffer */
	bool		cut_off;		/* nothing is sent any more */
	bool		flushing;
	size_t		buffered;		/* bytes since the last flush, at most */
} FenceAnswer;

static FenceAnswer answer;
static PQcommMethods guarded_methods;
static const PQcommMethods *plain_methods = NULL;

/* From now on this backend sends nothing, and ends where it next may. */
void
fence_cut_off(const FenceReading *reading)
{
	if (answer.cut_off)
		return;
	answer.cut_off = true;
	ClientConnectionLost = true;
	InterruptPending = true;
	fence_count(&fence_shared->unanswered);
	fence_tell(reading);
	ereport(LOG_SERVER_ONLY,
			(errmsg("tanist_fence: closing the connection: the transaction is committed here, and its client is not told"),
			 fence_errdetail(reading)));
}

static void
fence_wait_until_writable(void)
{
	WaitEvent	event;

	ModifyWaitEvent(FeBeWaitSet, FeBeWaitSetSocketPos, WL_SOCKET_WRITEABLE, NULL);
	if (WaitEventSetWait(FeBeWaitSet, SEND_RECHECK_MS, &event, 1,
						 WAIT_EVENT_CLIENT_WRITE) < 1)
		return;

	/* As secure_write() does it. */
	if (event.events & WL_POSTMASTER_DEATH)
		ereport(FATAL,
				(errcode(ERRCODE_ADMIN_SHUTDOWN),
				 errmsg("terminating connection due to unexpected postmaster exit")));
	if (event.events & WL_LATCH_SET)
	{
		ResetLatch(MyLatch);
		ProcessClientWriteInterrupt(true);
	}
}

/* Notes what is left of the answer after a send. */
static void
fence_sent(void)
{
	if (plain_methods->is_send_pending())
		return;
	answer.buffered = 0;
	if (answer.complete)
		answer.pending = answer.complete = false;
}

/*
 * Sends what is buffered, looking at the lease before each send(): a client
 * that reads slowly, or a process that was stopped meanwhile, may make the
 * second one much later than the first.
 */
static int
fence_flush_under_lease(void)
{
	int			result = 0;

	/* Whoever ends this backend from within the wait sends nothing more. */
	if (answer.flushing)
		return 0;
	answer.flushing = true;
	while (plain_methods->is_send_pending())
	{
		FenceReading reading;

		fence_look(&reading);
		if (!fence_permits(reading.state))
		{
			fence_cut_off(&reading);
			result = EOF;
			break;
		}
		result = plain_methods->flush_if_writable();
		if (result != 0)
			break;
		if (plain_methods->is_send_pending())
			fence_wait_until_writable();
	}
	answer.flushing = false;
	if (result == 0)
		fence_sent();
	return result;
}

static int
guarded_flush(void)
{
	int			result;

	if (answer.cut_off)
		return EOF;
	if (answer.pending)
		return fence_flush_under_lease();
	result = plain_methods->flush();
	fence_sent();
	return result;
}

static int
guarded_flush_if_writable(void)
{
	int			result;

	if (answer.cut_off)
		return EOF;
	if (answer.pending && plain_methods->is_send_pending())
	{
		FenceReading reading;

		fence_look(&reading);
		if (!fence_permits(reading.state))
		{
			fence_cut_off(&reading);
			return EOF;
		}
	}
	result = plain_methods->flush_if_writable();
	fence_sent();
	return result;
}

static bool
guarded_is_send_pending(void)
{
	return !answer.cut_off && plain_methods->is_send_pending();
}

static int
guarded_putmessage(char type, const char *body, size_t length)
{
	if (answer.cut_off)
		return EOF;
	if (answer.pending)
	{
		/* What does not fit would be sent by pqcomm.c itself. */
		if (answer.buffered + length + MESSAGE_HEADER_SIZE > SEND_BUFFER_SIZE &&
			fence_flush_under_lease() != 0)
			return EOF;
		if (type == 'Z')		/* ReadyForQuery */
			answer.complete = true;
	}
	answer.buffered += length + MESSAGE_HEADER_SIZE;
	return plain_methods->putmessage(type, body, length);
}

static void
guarded_putmessage_noblock(char type, const char *body, size_t length)
{
	if (answer.cut_off)
		return;
	answer.buffered += length + MESSAGE_HEADER_SIZE;
	plain_methods->putmessage_noblock(type, body, length);
}

/* Puts the guarded methods before the ones that send to this client. */
void
fence_guard_answers(void)
{
	if (MyProcPort == NULL || whereToSendOutput != DestRemote ||
		PqCommMethods == &guarded_methods)
		return;
	plain_methods = PqCommMethods;
	guarded_methods = *plain_methods;
	guarded_methods.flush = guarded_flush;
	guarded_methods.flush_if_writable = guarded_flush_if_writable;
	guarded_methods.is_send_pending = guarded_is_send_pending;
	guarded_methods.putmessage = guarded_putmessage;
	guarded_methods.putmessage_noblock = guarded_putmessage_noblock;
	answer.buffered = plain_methods->is_send_pending() ? SEND_BUFFER_SIZE : 0;
	PqCommMethods = &guarded_methods;
}

/*
 * From here to the ReadyForQuery that ends the answer, everything is sent under
 * the lease.  false: this backend answers nobody.
 */
bool
fence_answer_is_due(void)
{
	if (PqCommMethods != &guarded_methods)
		return false;
	answer.pending = true;
	answer.complete = false;
	return true;
}
