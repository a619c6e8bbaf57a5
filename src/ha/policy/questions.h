#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dcs/system_id.h"
#include "ha/model/view.h"

/// What the words of the specification mean, as questions to a view.
namespace tanist::ha::policy {

/// Member keys wake nobody: how often others are looked at while something of theirs is waited for: a
/// founder, a primary to rewind from, or the end of whom this member stood back for.
inline constexpr Duration kLookAgain = std::chrono::seconds(1);

/// ha.md §3.4
using dcs::valid_system_id;

/// The server runs out of recovery, as the monitor saw it; where it saw nothing new, as the role says (ha.md
/// §1).
bool is_primary(const View& view);
/// It may commit: as above, or orphans of a primary are left, or it becomes a primary and nothing stops that
/// but its end.
bool may_commit(const View& view);
/// A start that goes on: neither accepting nor dead (ha.md §3.5).
bool is_starting(const View& view);
/// Since when it is (ha.md §3.5): for one that was up before, since its answers ended.
Instant starting_since(const View& view);
/// How long it may take: as was asked for with a restart, else as configured.
Duration start_patience(const View& view, const Memory& memory);
/// The monitor's answer is of now: position and timeline can be compared with those of others.
bool has_fresh_probe(const View& view);

/// The lease covers at least the time that a stop takes.
bool lease_is_safe(const View& view);
/// Nobody has the lock, and all who might take it have promised not to.
bool leads_by_promise(const View& view);
/// The lock is mine and the lease says so too, or it is promised: what a leader does may be done.
bool leads(const View& view);
/// The leader is the primary that was promised to lead on, not one that the store names: it may have stepped
/// back since.
bool led_by_promise(const View& view);
/// Somebody else has the lock, or a session that is not mine has it in my name.
bool locked_by_other(const View& view);

/// Own WAL position; 0: unknown.
Lsn own_position(const View& view);
/// Own timeline; 0: unknown, also while a promotion has just ended and the monitor has not looked since.
Timeline own_timeline(const View& view);
/// The switches by which own WAL came to that timeline; nullopt: unknown.
std::optional<std::vector<HistoryLine>> own_way(const View& view);

/// A member that replays late leads only when it is told to; who led last was told so. `cluster`: nullptr:
/// none was seen.
bool stays_behind(bool replays_late, const dcs::Cluster* cluster, const std::string& name);

/// pg_rewind is configured and works, and the server writes what it needs (postgres.md §24).
bool can_rewind(const View& view);
bool rewind_pending(const Memory& memory);
bool rewind_executed(const Memory& memory);

/// A standby that has something to stream from and streams.
bool streams(const View& view);

/// The server was shut down by itself or by a crash without having been in recovery: "in production", …
bool crashed_as_primary(const postgres::ControlData& control);

/// How long after a failed operation of this kind the next one is begun; nullopt: it may begin now.
/// `failed`: so many have failed in a row, which makes the pause longer.
std::optional<Instant> retry_at(const View& view, OperationKind kind, int failed = 0);

/// `4.1.4` → {4, 1, 4} compared with major.minor.patch; nullopt: not dotted integers (dcs.md §1.5).
std::optional<bool> version_below(const std::string& version, int major, int minor, int patch);

}  // namespace tanist::ha::policy
