#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/document.h"
#include "ctl/explain/journals.h"
#include "ha/model/decision.h"

/// Why each member does what it does, and what it would do if nobody led. Pure.
namespace tanist::ctl::explain {

/// A decision as it is told, from a journal or made here.
struct Verdict {
  std::string code;
  std::string text;
  std::string intent;
  /// Documents as in the journal: rule, passed, about, numbers, text.
  std::vector<Document> checks;
};
Verdict verdict_of(const Document& decision);

struct Explained {
  std::string name;
  std::string role;
  std::string state;
  /// Not empty: there is no journal of it, and what is told comes from the store, and from its status where
  /// it answers.
  std::string trouble;
  /// Of `trouble`, what is known all the same.
  std::vector<std::string> facts;
  std::optional<WallTime> when;
  /// Since when it has decided so; nullopt: not known.
  std::optional<WallTime> since;
  std::optional<Verdict> verdict;
  /// Of a member that does not lead; nullopt: it cannot be told.
  std::optional<Verdict> leaderless;
};

/// Each member by its last decision.
std::vector<Explained> explain_now(const dcs::Cluster& cluster, const std::string& scope,
                                   const std::vector<Known>& known);

/// Each member by the decision that was in force at a time: the last of its entries.
std::vector<Explained> explain_then(const std::vector<Known>& known);

}  // namespace tanist::ctl::explain
