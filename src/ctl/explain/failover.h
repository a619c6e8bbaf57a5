#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/document.h"
#include "ctl/explain/journals.h"

/// The last time the lead passed from one member to another, put together from the journals of all. Pure.
namespace tanist::ctl::explain {

/// A piece of the way: from one moment to another, by the clock of this host.
struct Phase {
  std::string name;
  WallTime begun;
  /// nullopt: it goes on.
  std::optional<WallTime> ended;
  /// What ended it, and who says so.
  std::string what;
  /// It took no longer than that, and maybe less.
  bool at_most = false;
};

/// A decision of the journals.
struct Step {
  WallTime when;
  std::string member;
  std::string code;
  std::string text;
  std::string intent;
};

struct Failover {
  /// `failover`, or `switchover` where somebody has asked for it.
  std::string kind;
  /// Empty: not known.
  std::string from;
  std::string to;
  std::int64_t timeline = 0;
  std::vector<Phase> phases;
  /// From the last write that the old primary may have taken to the first that the new one may have; nullopt:
  /// it takes none yet.
  std::optional<Phase> without_primary;
  std::vector<Step> steps;
};

/// When a member last set out to promote its PostgreSQL; nullopt: none of the entries has it.
std::optional<WallTime> last_promotion(const std::vector<Known>& known);

/// nullopt: no entry has a promotion.
std::optional<Failover> last_failover(const std::vector<Known>& known);

std::string told(const Failover& failover, const std::vector<Known>& known, WallTime now, bool coloured);
Document document_of(const Failover& failover, const std::vector<Known>& known);

}  // namespace tanist::ctl::explain
