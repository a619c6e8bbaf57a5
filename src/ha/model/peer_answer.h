#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/document.h"
#include "core/fields.h"
#include "core/history.h"
#include "core/lsn.h"
#include "core/time.h"

namespace tanist::ha {

/// What a peer answered to GET /patroni (ha.md §6.2.5).
struct PeerAnswer {
  /// It told a WAL position, or that it is a primary.
  bool reachable = false;
  /// It answers, but its PostgreSQL tells no position (yet).
  bool starting = false;
  std::string error;
  /// Not in recovery: a live primary.
  bool primary = false;
  Lsn position;  // max(received, replayed); 0 for a primary
  Lsn replayed;
  Timeline timeline;
  /// The last switches by which its WAL came to that timeline; nullopt: not told (only Tanist tells).
  std::optional<std::vector<HistoryLine>> way;
  /// Which of all timelines of that number it is on; empty: not told (only Tanist tells).
  std::string branch;
  /// It knows that its WAL has left the leader's (only Tanist tells).
  bool diverged = false;
  /// It replays late on purpose, and leads only when it is told to (only Tanist tells).
  bool delayed = false;
  /// Of a primary the logical slots that go with the lead, of a standby those that it can give, in order;
  /// nullopt: not told (only Tanist tells).
  std::optional<std::vector<std::string>> logical_slots;
  bool nofailover = false;
  int failover_priority = 1;
  /// Empty: not told.
  std::string zone;
  bool watchdog_failed = false;
  /// It has promised a primary without a store to let it lead on, or leads so itself; nullopt: not told (only
  /// Tanist keeps what it promises over a restart).
  std::optional<bool> in_failsafe;
  /// When its PostgreSQL was last told to stop as a primary, and when it was last seen to become one, by the
  /// clock of who asked; nullopt: not lately.
  std::optional<Instant> writes_ended;
  std::optional<Instant> writes_began;

  TANIST_FIELDS(reachable, starting, error, primary, position, replayed, timeline, way, branch, diverged,
                delayed, logical_slots, nofailover, failover_priority, zone, watchdog_failed, in_failsafe,
                writes_ended, writes_began);
};

/// Who is meant to answer.
struct PeerIdentity {
  std::string scope;
  std::string name;
};

/// Why a status document is not that of `wanted`; empty: nothing speaks against it.
std::string why_stranger(const Document& status, const PeerIdentity& wanted);

/// What a status document tells the race; missing `xlog` and `wal` means not reachable, and so does one that
/// names another cluster or member: an address may have been given to somebody else meanwhile. What it does
/// not name is not asked for: older members tell less.
/// `received`: when it came, for what it tells by its age.
PeerAnswer read_peer_answer(const Document& status, const PeerIdentity& wanted, Instant received);

}  // namespace tanist::ha
