#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <utility>

#include "ha/model/decision.h"
#include "log/level.h"

/// A decision in the making: what a rule knows (the view) and what it has said so far.
namespace tanist::ha::policy {

/// What is said once a minute is said again after this.
inline constexpr Duration kSaidAgainAfter = std::chrono::minutes(1);

class Draft {
 public:
  explicit Draft(const View& from);

  const View& view;
  /// The view's cluster; an empty one where none was ever read.
  const dcs::Cluster& cluster;
  const PolicySettings& settings;
  Decision decision;
  /// The next memory.
  Memory& memory;

  const std::string& me() const { return view.self.name; }
  Instant now() const { return view.now; }
  const config::Timing& timing() const { return settings.dynamic.timing; }
  const postgres::Facts& facts() const { return view.postgres.facts; }

  /// Sets the reason; true, so that a rule can end with `return d.because(…)`.
  bool because(Code code, std::vector<std::string> arguments = {});
  /// A number for journal and REST.
  void number(std::string_view name, Document value);
  /// Notes what came of a rule; `passed`, so that a branch can hang on it. `about`: of another member.
  bool check(Rule rule, bool passed, std::initializer_list<std::pair<std::string, Document>> numbers = {},
             std::string about = {});
  void intend(Intent intent) { decision.intent = std::move(intent); }
  /// This decision has such a duty.
  template <class D>
  bool writes() const {
    return std::ranges::any_of(decision.duties,
                               [](const OrderedDuty& one) { return std::holds_alternative<D>(one.duty); });
  }
  void add(Duty duty, OnFailure on_failure = OnFailure::go_on);
  /// A line of the log beside the result, in the words of a reason.
  void say(log::Level level, Code code, std::vector<std::string> arguments = {});
  /// The same, but no more often than once a minute for each code and each `about`, where a line may speak of
  /// several.
  void say_each_minute(log::Level level, Code code, std::vector<std::string> arguments = {},
                       const std::string& about = {});

  /// True when the view is read linearizably; else asks for that.
  bool linearizable();
  /// The next decision is made no later than at `when`.
  void wake(Instant when);
  void wake_in(Duration pause) { wake(now() + pause); }

  void give_lock_up() { mandate_ = Mandate::Kind::release; }
  void let_lock_lapse() { mandate_ = Mandate::Kind::lapse; }

  /// Releases the leader key, unless the server may commit; the reason is set by the caller.
  void release(std::optional<Lsn> last_lsn = std::nullopt);

  /// Ends the daemon, once nothing may commit any more: until then that is stopped. Always true; the reason
  /// is set by the caller.
  bool exit_after_stop(std::string why);

  /// The finished decision, with its mandate.
  Decision finish();

 private:
  std::optional<Mandate::Kind> mandate_;
};

}  // namespace tanist::ha::policy
