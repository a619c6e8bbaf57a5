#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ha/policy/draft.h"
#include "ha/policy/timelines.h"

/// Who may take the lock (ha.md §5, §6).
namespace tanist::ha::policy {

/// The others that are asked before taking the lock (ha.md §6.1.8, §6.1.9, §6.2.3): name → its REST address.
std::map<std::string, std::string> rivals(const View& view);

enum class Verdict { yes, no, asking };

/// ha.md §6.2
Verdict healthiest(Draft& d);

/// Nothing that was promised to be synchronous is lost when this member leads: by /sync, and the answers of
/// those that have a vote. `peers` have been asked.
bool may_lead_by_sync(Draft& d, const std::map<std::string, std::string>& peers);

/// Asks for the answers of these members that are missing; true when all are there.
bool ask(Draft& d, const std::map<std::string, std::string>& peers);
/// Why it cannot lead (ha.md §6.2.6); empty: it can. `named`: somebody wants this member to, by its name.
std::string limitation(const PeerAnswer& answer, bool named = false);
/// This member replays late on purpose, and nobody has told it to lead.
bool stands_back_delayed(Draft& d);
/// Its WAL has left the cluster's, by its own word, or by where it ends.
bool has_left(const View& view, const Line& line, const std::string& name, const PeerAnswer& answer);
void say_diverged(Draft& d, const Line& line);

/// Nobody has the lock.
bool race_for_lock(Draft& d);

/// Whether a holder of the lock that did not win it in this race may promote (ha.md §6.2): a key that was
/// taken by a request that arrived late, or kept over a crash, says nothing about who is ahead. nullopt: the
/// peers have to be asked first, which was noted as a need.
std::optional<bool> fit_to_lead(Draft& d);

/// Whether another could take over (ha.md §6.3): `at_least` is the position it must have; without one, the
/// lag rule applies. nullopt: the peers have to be asked first, which was noted as a need.
struct Required {
  std::optional<Lsn> at_least;
  /// Having exactly `at_least` is enough.
  bool or_equal = true;
  /// Only this member counts; empty: every one does.
  std::string only = {};
  /// Logical slots that it has to be able to go on with, where it tells of them.
  std::vector<std::string> slots = {};
  /// As messages name what it is for.
  std::string action = "failover";
};
std::optional<bool> failover_possible(Draft& d, Required required = {});

}  // namespace tanist::ha::policy
