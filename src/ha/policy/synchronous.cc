#include "ha/policy/synchronous.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "ha/policy/questions.h"
#include "ha/policy/quorum_steps.h"
#include "ha/policy/sync_promotion.h"
#include "ha/policy/sync_standbys.h"
#include "ha/policy/voting.h"
#include "ha/policy/zones.h"

namespace tanist::ha::policy {
namespace {

using namespace std::chrono_literals;
using postgres::StandbyNames;
using SyncMode = config::Dynamic::SyncMode;

/// While a standby is waited for that is to count.
constexpr Duration kLookClosely = 100ms;
/// While there are too few of them: nobody says when one begins to stream.
constexpr Duration kLookForStandbys = 1s;

std::string list_text(const NameSet& names) {
  std::string text = "[";
  for (const auto& name : in_text_order(names)) text += (text.size() > 1 ? ", '" : "'") + name + "'";
  return text + "]";
}

/// The leader of a cluster in synchronous mode, with what it has found.
class Keeping {
 public:
  explicit Keeping(Draft& draft)
      : d(draft),
        sync(draft.cluster.sync),
        voters(draft.cluster.sync.voters.begin(), draft.cluster.sync.voters.end()),
        zones(other_zones(draft.view)),
        found(judge_standbys(draft, zones)) {}

  void take_a_step() {
    // Somebody is being asked.
    if (d.decision.needs.any()) return;
    // replication.md §15: from here on others know that only who is listed may follow.
    if (!sync.active())
      return write(d.me(), {}, 0, text_of(Code::sync_enabled), text_of(Code::sync_update_failed));
    if (static_cast<int>(found.active.size()) < wanted_standbys(d.settings) || !zones_met())
      d.wake_in(kLookForStandbys);
    tell_of_zones();
    if (d.settings.dynamic.synchronous_mode == SyncMode::quorum) {
      by_quorum();
    } else {
      by_priority();
    }
  }

 private:
  /// replication.md §16
  void by_priority() {
    const NameSet& picked = found.active;
    const NameSet& confirmed = found.confirmed;
    if (sync.leader != d.me()) {
      d.say_each_minute(log::Level::warning, Code::sync_foreign, {sync.leader, d.me()});
      return write(d.me(), {}, 0, {}, text_of(Code::sync_update_failed));
    }
    // Of another mode: not each of them has everything.
    const NameSet kept = sync.quorum > 0 ? NameSet() : common(voters, confirmed);
    if (d.memory.synchronous.unsettled)
      return write(d.me(), kept, 0, {}, text_of(Code::sync_updated_by_other));
    if (picked == voters && kept != voters) {
      d.say(log::Level::warning, Code::sync_inconsistent, {list_text(confirmed), list_text(voters)});
      return write(d.me(), sync.quorum > 0 ? NameSet() : confirmed, 0, {}, text_of(Code::sync_update_failed));
    }
    if (wait_strictly()) return;
    if (kept != voters)
      return write(d.me(), kept, 0, text_of(Code::sync_temporarily, {list_text(voters), list_text(kept)}),
                   text_of(Code::sync_updated_by_other));
    if (wait_for({.kind = picked.empty() ? StandbyNames::Kind::off : StandbyNames::Kind::priority,
                  .count = static_cast<int>(picked.size()),
                  .names = picked}))
      return;
    if (!confirmed.empty() && confirmed != voters)
      return write(d.me(), confirmed, 0, text_of(Code::sync_assigned, {list_text(confirmed)}),
                   text_of(Code::sync_updated_by_other));
    if (confirmed != picked) look_closely();
  }

  /// replication.md §17
  void by_quorum() {
    if (d.memory.synchronous.unsettled)
      return write(sync.leader, voters, sync.quorum, {}, text_of(Code::sync_updated_by_other));
    if (sync.leader == d.me() && wait_strictly()) return;
    const QuorumSteps next = quorum_steps({.leader = sync.leader,
                                           .quorum = sync.quorum,
                                           .voters = voters,
                                           .count = found.names.count,
                                           .standbys = found.names.names,
                                           .confirmed = static_cast<int>(found.confirmed.size()),
                                           .active = found.active,
                                           .wanted = wanted_standbys(d.settings),
                                           .me = d.me(),
                                           .reconnecting = promoted_just_now(),
                                           .zones = zones});
    for (const auto& warning : next.warnings)
      d.say_each_minute(log::Level::warning, Code::sync_quorum_warning, {warning}, warning);
    if (next.steps.empty()) {
      // From a list in the order of priority to one where any will do. Who waits for nobody in particular
      // does so strictly, or not any more.
      const bool waits = !found.names.names.empty() || (strict() && found.names.count > 0);
      wait_for({.kind = waits ? StandbyNames::Kind::quorum : StandbyNames::Kind::off,
                .count = found.names.count,
                .names = found.names.names});
      // Nothing waits for who is not confirmed yet.
      if (found.confirmed != found.active) d.wake_in(kLookForStandbys);
      return;
    }
    const QuorumStep& step = next.steps.front();
    switch (step.kind) {
      case QuorumStep::Kind::quorum:
        return write(
            step.leader, step.names, step.number,
            text_of(Code::sync_quorum_set, {step.leader, std::to_string(step.number), list_text(step.names)}),
            text_of(Code::sync_updated_by_other));
      case QuorumStep::Kind::standbys:
        wait_for({.kind = step.names.empty() && step.number == 0 ? StandbyNames::Kind::off
                                                                 : StandbyNames::Kind::quorum,
                  .count = step.number,
                  .names = step.names});
        return;
      case QuorumStep::Kind::restart: return look_closely();
    }
  }

  bool zones_met() const { return zones.among(found.active) >= zones.wanted; }
  bool strict() const { return d.settings.dynamic.synchronous_strict; }

  /// replication.md §21. Just after a promotion standbys are still on their way.
  void tell_of_zones() {
    if (zones_met() || promoted_just_now()) return;
    const std::string& mine = d.settings.tags.zone;
    if (mine.empty()) return d.say_each_minute(log::Level::warning, Code::zones_without_own);
    d.say_each_minute(log::Level::warning, strict() ? Code::zones_unmet_strict : Code::zones_unmet,
                      {std::to_string(zones.among(found.active)), std::to_string(zones.wanted), mine});
  }

  /// replication.md §18: nobody is there who could be waited for, and the user wants to wait; §21: or too few
  /// of other zones.
  bool wait_strictly() {
    const int fewest = fewest_standbys(d.settings);
    const bool alone = static_cast<int>(found.active.size()) < fewest;
    if (!alone && !(strict() && !zones_met())) {
      d.memory.synchronous.told_strict = false;
      return false;
    }
    const bool quorum = d.settings.dynamic.synchronous_mode == SyncMode::quorum;
    const int count = std::max(fewest, static_cast<int>(voters.size()) - (quorum ? sync.quorum : 0));
    if (alone && !d.memory.synchronous.told_strict) {
      const std::string& old = d.facts().probe->standby_names;
      if (old.empty()) {
        d.say(log::Level::warning, Code::sync_strict_empty);
      } else {
        d.say(log::Level::warning, Code::sync_strict_keeps, {old});
      }
      d.memory.synchronous.told_strict = true;
    }
    wait_for(waiting_for_zones({.kind = quorum ? StandbyNames::Kind::quorum : StandbyNames::Kind::priority,
                                .count = count,
                                .names = voters},
                               zones, d.facts().probe->server_version));
    return true;
  }

  /// Commits wait for these from now on; false: they do already. Who is left out must be out of /sync by now:
  /// only a fresh view says so.
  bool wait_for(const StandbyNames& names) {
    std::string text = to_text(names, d.facts().probe->server_version);
    auto& memory = d.memory.synchronous;
    if (text == d.facts().probe->standby_names && d.facts().own_standby_names == text) {
      memory.asked = 0;
      return false;
    }
    if (!d.linearizable()) return true;
    if (memory.asked == 0 || memory.asked_for != text) {
      memory.asked = 0;
      memory.asked_for = text;
    } else if (const Instant next = memory.asked_at + pause_after(memory.asked); d.now() < next) {
      d.wake(next);
      return true;
    }
    ++memory.asked;
    memory.asked_at = d.now();
    d.add(duty::StandbyNames{std::move(text)});
    look_closely();
    return true;
  }

  /// What the server does not take (ALTER SYSTEM has another value) is asked for ever less often.
  Duration pause_after(int asked) const {
    Duration pause = kLookClosely;
    for (int i = 1; i < asked && pause < d.timing().loop_wait; ++i) pause *= 2;
    return std::min(pause, d.timing().loop_wait);
  }

  void write(const std::string& leader, const NameSet& names, int quorum, std::string done,
             std::string refused) {
    if (!d.linearizable()) return;
    d.add(duty::Sync{.version = sync.version,
                     .leader = leader,
                     .voters = in_text_order(names),
                     .quorum = quorum,
                     .done_text = std::move(done),
                     .refused_text = std::move(refused)});
    look_closely();
  }

  /// Its standbys look for it still.
  bool promoted_just_now() const {
    const auto& last = d.view.last_operation;
    return last && last->kind == OperationKind::promote && last->ok() &&
           d.now() < last->ended + d.timing().loop_wait;
  }

  void look_closely() {
    d.decision.look_closely = true;
    d.wake_in(kLookClosely);
  }

  static std::string text_of(Code code, std::vector<std::string> arguments = {}) {
    return Reason{.code = code, .arguments = std::move(arguments)}.text();
  }

  Draft& d;
  const dcs::SyncState& sync;
  NameSet voters;
  OtherZones zones;
  SyncStandbys found;
};

/// replication.md §15: /sync goes first, so that nobody counts on a set that nobody keeps.
void keep_asynchronous(Draft& d) {
  d.memory.synchronous = {};
  if (d.cluster.sync.active()) {
    // Only a valid configuration says that nothing is synchronous any more.
    if (!d.cluster.config.valid) return;
    d.add(duty::DeleteSync{d.cluster.sync.version});
    d.say(log::Level::info, Code::sync_disabled);
  } else if (d.facts().own_standby_names) {
    d.add(duty::StandbyNames{std::nullopt});
  }
}

BeforePromotion before_promotion(const View& view) {
  const auto& dynamic = view.settings.dynamic;
  const auto& sync = view.cluster().sync;
  const bool strict = dynamic.synchronous_strict;
  const int version = view.postgres.facts.major_version;
  if (dynamic.synchronous_mode == SyncMode::quorum)
    return before_promotion_in_quorum_mode(sync, view.self.name, strict, version, other_zones(view));
  auto before = before_promotion_in_priority_mode(sync, view.self.name, strict, version, other_zones(view));
  // Of a key of quorum mode: not each of them has everything.
  if (before.record && sync.quorum > 0) before.record->voters.clear();
  return before;
}

bool says(const dcs::SyncState& sync, const dcs::SyncRecord& record) {
  const NameSet there(sync.voters.begin(), sync.voters.end());
  const NameSet wanted(record.voters.begin(), record.voters.end());
  return sync.leader == record.leader && sync.quorum == record.quorum && there == wanted;
}

}  // namespace

void keep_synchronous(Draft& d) {
  if (!has_fresh_probe(d.view) || d.facts().probe->in_recovery || d.decision.needs.any()) return;
  if (d.settings.dynamic.synchronous_mode == SyncMode::off) return keep_asynchronous(d);
  Keeping(d).take_a_step();
}

void prepare_synchronous(Draft& d) {
  const auto& sync = d.cluster.sync;
  if (d.settings.dynamic.synchronous_mode == SyncMode::off) {
    // ha.md §14.4
    if (sync.active()) d.add(duty::DeleteSync{sync.version}, OnFailure::postpone_intent);
    if (d.facts().own_standby_names) d.add(duty::StandbyNames{std::nullopt});
    return;
  }
  if (!sync.active()) return;
  const BeforePromotion wanted = before_promotion(d.view);
  if (wanted.record && (d.memory.synchronous.unsettled || !says(sync, *wanted.record)))
    d.add(duty::Sync{.version = sync.version,
                     .leader = wanted.record->leader,
                     .voters = wanted.record->voters,
                     .quorum = wanted.record->quorum,
                     .refused_text = std::string(code_text(Code::promotion_postponed_sync))},
          OnFailure::postpone_intent);
  std::string text = to_text(wanted.names, d.facts().major_version);
  if (d.facts().own_standby_names != text || d.facts().probe->standby_names != text)
    d.add(duty::StandbyNames{std::move(text)}, OnFailure::postpone_intent);
  // Where it is postponed.
  d.wake_in(kLookClosely);
}

void expect_promotion(Draft& d) {
  if (!d.facts().accepts() || !has_fresh_probe(d.view) || !d.facts().probe->in_recovery) return;
  if (!sync_in_force(d.view) || !may_be_elected(d.view)) {
    // A list of its own that nobody needs.
    if (d.settings.dynamic.synchronous_mode == SyncMode::off && d.facts().own_standby_names)
      d.add(duty::StandbyNames{std::nullopt});
    return;
  }
  std::string text = to_text(before_promotion(d.view).names, d.facts().major_version);
  if (d.facts().own_standby_names != text) d.add(duty::StandbyNames{std::move(text)});
}

}  // namespace tanist::ha::policy
