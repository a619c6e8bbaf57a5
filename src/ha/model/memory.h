#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/fields.h"
#include "core/lsn.h"
#include "core/time.h"
#include "dcs/model.h"

/// What one decision leaves for the next, by the policy that it belongs to. Each field says what its loss in
/// a restart of the daemon means.
namespace tanist::ha {

/// policy/recovering: a server that is down while it should run.
struct Outage {
  /// When PostgreSQL was found dead in the current outage. Lost: counts from the restart.
  std::optional<Instant> since;
  /// A start was asked for and its outcome is to be looked at (ha.md §3.7). Lost: the server is started
  /// again.
  bool recovering = false;
  /// Single-user crash recovery was already done in this outage. Lost: done once more.
  bool crash_recovery_tried = false;
  /// How long the start in progress may take, where a restart was asked for with a limit of its own. Lost:
  /// primary_start_timeout.
  std::optional<Duration> start_timeout;
  /// Starts without the lock that failed in a row: each makes the pause before the next longer. Lost: begins
  /// with the shortest pause.
  int starts_failed = 0;
  /// This daemon itself has stopped the server, for something that was asked for and ends with its start:
  /// also in pause. Lost: in pause it stays down.
  bool start_is_due = false;

  TANIST_FIELDS(since, recovering, crash_recovery_tried, start_timeout, starts_failed, start_is_due);
};

/// What is known of a pg_rewind: whether one is needed, and what the last one came to.
enum class RewindState { initial, check, need, not_need, success, failed };

/// policy/rejoin: WAL that may have left the leader's. Lost, all of it: found again by comparing.
struct Rejoin {
  RewindState rewind = RewindState::initial;
  /// The WAL has left the leader's in a way that pg_rewind cannot mend.
  bool beyond_rewind = false;
  /// The last comparison found a difference that nothing has mended since.
  bool found_diverged = false;
  /// Times in a row that it was compared again and does not stream yet: the next is made later. Lost: sooner.
  int looks_in_vain = 0;
  /// Since when this standby runs without streaming, and when its WAL was compared for that. Lost: counts
  /// anew.
  std::optional<Instant> not_streaming_since;
  std::optional<Instant> compared_at;
  /// Rewinds from `rewind_failed_from` that failed in a row: each makes the pause before the next longer.
  /// Lost: begins with the shortest pause.
  int rewinds_failed = 0;
  std::string rewind_failed_from;
  /// Why this member cannot rejoin, as others are told; empty: nothing is known to be wrong.
  std::string error;

  TANIST_FIELDS(rewind, beyond_rewind, found_diverged, looks_in_vain, not_streaming_since, compared_at,
                rewinds_failed, rewind_failed_from, error);
};

/// policy/timelines: whose WAL contains whose.
struct Standings {
  /// Since when this standby is seen on a timeline that its leader has not reached, and whether that lasts:
  /// somebody promoted it by hand, or beside the leader. Lost: found again while there is a leader.
  std::optional<Instant> beyond_leader_since;
  bool astray = false;
  /// The leader that this standby has streamed from, or was compared with, and the own timeline at that: the
  /// leader has that one, whatever its member key says. Lost: found again by streaming.
  std::string shared_with;
  Timeline shared;
  /// Own WAL is known to have left the leader's, the last one's too: told to peers. Each decision says it
  /// anew.
  bool diverged = false;

  TANIST_FIELDS(beyond_leader_since, astray, shared_with, shared, diverged);
};

/// A standby that does not stream although it should. Lost: begins anew.
struct Nudges {
  /// Upstream, its state and timeline: another one is worth new tries.
  std::string of;
  /// When it was first seen not to stream.
  Instant since{};
  Instant last{};
  int count = 0;
  /// The upstream was seen not to accept connections: once it does, nothing is waited for.
  bool waited = false;

  TANIST_FIELDS(of, since, last, count, waited);
};

/// policy/cascading: a standby whose tag replicatefrom names an upstream. Lost: it is followed as if nothing
/// had been.
struct Cascade {
  /// The upstream in whose place the leader is followed, when it was left, and its member key then; empty:
  /// none.
  std::string left;
  Instant left_at{};
  dcs::Version left_version;
  /// Since when nothing is streamed from it, though it is followed, and who leads.
  std::optional<Instant> cut_off_since;
  std::string under;
  /// Since when the one that was left looks well.
  std::optional<Instant> well_since;
  /// When it was returned to, and how many returns in a row did not last.
  std::optional<Instant> returned_at;
  int returns_in_vain = 0;

  TANIST_FIELDS(left, left_at, left_version, cut_off_since, under, well_since, returned_at, returns_in_vain);
};

/// policy/following: whom a standby streams from.
struct Following {
  /// The leader member's timeline last seen. Lost: a divergence check at the next start.
  Timeline leader_timeline;
  Timeline own_timeline;
  std::optional<Nudges> nudges;
  Cascade cascade;
  /// Since when nobody leads the standby cluster. Lost: counts anew.
  std::optional<Instant> leaderless_since;

  TANIST_FIELDS(leader_timeline, own_timeline, nudges, cascade, leaderless_since);
};

/// What a race is decided on, besides the answers of peers.
struct RaceGround {
  Lsn optime;
  dcs::Version history;
  /// The newest that is known of.
  Timeline timeline;
  /// Of /sync: who has what was promised.
  dcs::Version sync;
  bool operator==(const RaceGround&) const = default;

  TANIST_FIELDS(optime, history, timeline, sync);
};

/// policy/race: taking the leader key.
struct Race {
  /// Own position at the last cycle, for the race backoff. Lost: no backoff in the first cycle.
  Lsn previous_position;
  /// Since when primary_race_backoff runs. Lost: begins anew.
  std::optional<Instant> backoff_since;
  /// Since when the leader key is left to a member of a zone that is preferred. Lost: counts anew.
  std::optional<Instant> left_to_zone_since;
  /// pre_promote failed: until when this member does not race. Lost: it may race at once.
  std::optional<Instant> not_before;
  /// The last decision asked for the leader key. Lost: a message says "had the lock" instead of "acquired".
  bool acquiring = false;
  /// What it was asked for on. Lost: the peers are asked again before the promotion.
  std::optional<RaceGround> acquired_on;
  /// Since when the leader key is left to one that can go on with more logical slots. Lost: counts anew.
  std::optional<Instant> left_for_slots_since;

  TANIST_FIELDS(previous_position, backoff_since, left_to_zone_since, not_before, acquiring, acquired_on,
                left_for_slots_since);
};

/// policy/manual_failover: what /failover asks of this member.
struct Requested {
  /// The request under which the leader key was asked for: it is over once the key is won. Lost: it is looked
  /// at like any other, and cleaned up for what it says.
  dcs::Version raced_under;
  /// The request for which this member, its candidate, has written out what a promotion would have to. Lost:
  /// once more.
  dcs::Version prepared_for;
  /// The request that this leader stops for. Lost: what was begun for it ended with the daemon.
  dcs::Version stopping_for;
  /// The request that is over, carried out or refused: only its key is still to be rewritten. Lost: it is
  /// looked at again.
  dcs::Version over;
  /// Since when the leader key is left to the candidate. Lost: counts anew.
  std::optional<Instant> left_to_candidate_since;

  TANIST_FIELDS(raced_under, prepared_for, stopping_for, over, left_to_candidate_since);
};

/// policy/leading: from the key to a primary that others can rewind from.
struct Promotion {
  /// The script did not want this member to lead. Lost: it is asked again.
  bool pre_promote_failed = false;
  /// The checkpoint after the promotion is confirmed. Lost: confirmed again by comparing timelines.
  bool checkpoint_done = false;
  bool checkpoint_running = false;
  /// Since when the end of one that was begun before is waited for. Lost: counts anew.
  std::optional<Instant> waiting_since;

  TANIST_FIELDS(pre_promote_failed, checkpoint_done, checkpoint_running, waiting_since);
};

/// A logical slot that was copied to this standby.
struct SlotCopied {
  Instant last{};
  /// Times in a row that the copy was of no use: the next is made later.
  int count = 0;

  TANIST_FIELDS(last, count);
};

/// policy/slots
struct SlotsKept {
  /// What the leader publishes of members that are away: name → last seen (dcs.md §2.4). Lost: begins anew
  /// with the stored list stamped now.
  std::map<std::string, Instant> seen;
  bool seeded = false;
  /// By name, until the copy can be relied on. Lost: copied again at once.
  std::map<std::string, SlotCopied> copied;
  /// Slots in the primary's synchronized_standby_slots that nobody streams through, since when. Lost: counts
  /// anew.
  std::map<std::string, Instant> unstreamed;

  TANIST_FIELDS(seen, seeded, copied, unstreamed);
};

/// How far a standby has come that commits wait for, by which walsender, and its member key then.
struct StandbySeen {
  Lsn reached;
  int pid = 0;
  dcs::Version key;
  Instant since{};

  TANIST_FIELDS(reached, pid, key, since);
};

/// policy/synchronous: whose acknowledgement may be counted on. Lost, all of it: begins anew with what is
/// found; who is in /sync counts at once.
struct Synchronous {
  /// synchronous_standby_names as last seen, and where WAL was then: of what comes after, commits wait.
  std::optional<std::string> names;
  Lsn barrier;
  /// Who has come that far since, in lower case, by the walsender that says so.
  std::map<std::string, int> ready;
  /// By name in lower case: since when it has come no further although commits wait for it.
  std::map<std::string, StandbySeen> still;
  /// The same of those that answer nobody any more either: they do not count until something of them moves.
  std::map<std::string, StandbySeen> vanished;
  /// The list that was asked for last and is not in force yet, how often, and when last. Lost: asked for at
  /// once.
  std::string asked_for;
  int asked = 0;
  Instant asked_at{};
  /// Nobody is there to wait for, and commits wait: it was told. Lost: told again.
  bool told_strict = false;
  /// A write of /sync may still arrive: nothing relies on what the key says until it has been written anew.
  /// Lost: what an earlier daemon sent has arrived, or its connection has ended.
  bool unsettled = false;

  TANIST_FIELDS(names, barrier, ready, still, vanished, asked_for, asked, asked_at, told_strict, unsettled);
};

/// policy/failsafe: what was written to /failsafe over the version that was last seen there. Lost: what an
/// earlier daemon sent has arrived, or its connection has ended.
struct FailsafeWritten {
  dcs::Version over;
  std::map<std::string, std::string> written;

  TANIST_FIELDS(over, written);
};

/// policy/bootstrap, policy/joining: a data directory that is to be made.
struct Making {
  /// A bootstrap of this incarnation is in progress. Lost: the note on disk and in the store tell.
  bool bootstrapping = false;
  /// It copies another cluster, to follow it. Lost with the line above.
  bool standby_leader = false;
  /// Clones that failed in a row: each makes the pause before the next longer, and its source another. Lost:
  /// begins with the shortest pause.
  int clones_failed = 0;
  /// Since when somebody else is waited for. Lost: what is waited for is told later.
  std::optional<Instant> waiting_since;

  TANIST_FIELDS(bootstrapping, standby_leader, clones_failed, waiting_since);
};

/// What was said already, for lines that are not to be said with every decision. Lost: said again at once.
struct Told {
  /// Lines that are said once a minute: the reason's code, and whom it speaks of where there are several.
  std::map<std::string, Instant> at;

  TANIST_FIELDS(at);
};

struct Memory {
  Outage outage;
  Rejoin rejoin;
  Standings standings;
  Following following;
  Race race;
  Requested requested;
  Promotion promotion;
  SlotsKept slots;
  Synchronous synchronous;
  FailsafeWritten failsafe;
  Making making;
  Told told;
  /// Was paused in the last cycle. Lost: nothing.
  bool was_paused = false;
  /// A lifecycle callback was fired since the daemon started. Lost: on_start fires again.
  bool callback_fired = false;
  /// Serial of the operation result that was already looked at. Lost: it counts anew with the daemon.
  std::uint64_t results_seen = 0;
  /// A decision on a view of the store was finished since the daemon started. Lost: the checks of a fresh
  /// start are made again.
  bool joined = false;

  TANIST_FIELDS(outage, rejoin, standings, following, race, requested, promotion, slots, synchronous,
                failsafe, making, told, was_paused, callback_fired, results_seen, joined);
};

}  // namespace tanist::ha
