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

/// policy/following: whom a standby streams from.
struct Following {
  /// The leader member's timeline last seen. Lost: a divergence check at the next start.
  Timeline leader_timeline;
  Timeline own_timeline;
  std::optional<Nudges> nudges;

  TANIST_FIELDS(leader_timeline, own_timeline, nudges);
};

/// What a race is decided on, besides the answers of peers.
struct RaceGround {
  Lsn optime;
  dcs::Version history;
  /// The newest that is known of.
  Timeline timeline;
  bool operator==(const RaceGround&) const = default;

  TANIST_FIELDS(optime, history, timeline);
};

/// policy/race: taking the leader key.
struct Race {
  /// Own position at the last cycle, for the race backoff. Lost: no backoff in the first cycle.
  Lsn previous_position;
  /// Since when primary_race_backoff runs. Lost: begins anew.
  std::optional<Instant> backoff_since;
  /// pre_promote failed: until when this member does not race. Lost: it may race at once.
  std::optional<Instant> not_before;
  /// The last decision asked for the leader key. Lost: a message says "had the lock" instead of "acquired".
  bool acquiring = false;
  /// What it was asked for on. Lost: the peers are asked again before the promotion.
  std::optional<RaceGround> acquired_on;

  TANIST_FIELDS(previous_position, backoff_since, not_before, acquiring, acquired_on);
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

/// policy/member_slots: what the leader publishes of members that are away. Lost: begins anew with the stored
/// list stamped now.
struct SlotsKept {
  /// retain_slots: name → last seen (dcs.md §2.4).
  std::map<std::string, Instant> seen;
  bool seeded = false;

  TANIST_FIELDS(seen, seeded);
};

/// policy/bootstrap, policy/joining: a data directory that is to be made.
struct Making {
  /// A bootstrap of this incarnation is in progress. Lost: the note on disk and in the store tell.
  bool bootstrapping = false;
  /// Clones that failed in a row: each makes the pause before the next longer, and its source another. Lost:
  /// begins with the shortest pause.
  int clones_failed = 0;
  /// Since when somebody else is waited for. Lost: what is waited for is told later.
  std::optional<Instant> waiting_since;

  TANIST_FIELDS(bootstrapping, clones_failed, waiting_since);
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

  TANIST_FIELDS(outage, rejoin, standings, following, race, requested, promotion, slots, making, told,
                was_paused, callback_fired, results_seen, joined);
};

}  // namespace tanist::ha
