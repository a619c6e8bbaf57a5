#include "ha/policy/rejoin.h"

#include "ha/policy/following.h"
#include "ha/policy/modes.h"
#include "ha/policy/rules.h"

namespace tanist::ha::policy {
namespace {

using namespace std::chrono_literals;

/// Member keys wake nobody: how often the leader's checkpoint is looked for.
constexpr Duration kCheckpointPause = 500ms;

bool removal_configured(const Draft& d) {
  const auto& pg = d.settings.postgresql;
  const bool after_failure =
      d.memory.rewind == Memory::Rewind::failed && pg.remove_data_directory_on_rewind_failure;
  return pg.remove_data_directory_on_diverged_timelines || after_failure;
}

/// Removes the data directory and clones: only by configuration, on a fresh view, with a leader that is a
/// primary of this very cluster to clone from.
bool clone_anew(Draft& d, const dcs::Member& leader, const std::string& why) {
  if (!removal_configured(d) || leader.role != "primary") return false;
  if (d.cluster.initialize.value != d.facts().system_identifier) return false;
  if (const std::string mode = mode_not_served(d.settings.dynamic); !mode.empty()) {
    d.say_each_minute("clone", log::Level::error, Code::not_cloning_in_mode, {mode});
    return false;
  }
  const auto source = upstream_of(d.view, leader);
  if (!source) return false;
  if (const auto when = retry_at(d.view, OperationKind::clone)) {
    d.wake(*when);
    return d.because(Code::waiting_before_retry);
  }
  if (!d.linearizable()) return d.because(Code::reinitializing);
  d.intend(intent::Clone{
      .source = *source, .source_name = leader.name, .from_leader = true, .why_removal_allowed = why});
  d.memory.rewind = Memory::Rewind::initial;
  return d.because(Code::reinitializing);
}

bool act_on_divergence(Draft& d, const dcs::Member& leader) {
  const auto& facts = d.facts();
  if (d.settings.postgresql.use_pg_rewind && !facts.control) {
    d.decision.needs.control_file = true;
    return d.because(Code::checking_divergence);
  }
  const auto source = upstream_of(d.view, leader);
  if (!can_rewind(d.view)) return clone_anew(d, leader, "its timeline has diverged from the leader's");
  if (!source) return false;
  // postgres.md §24: a standby that was killed has to become consistent first.
  if (facts.process == postgres::Process::none && facts.control->cluster_state == "in archive recovery" &&
      !d.memory.crash_recovery_tried) {
    d.memory.crash_recovery_tried = true;
    d.intend(intent::CrashRecover{});
    return d.because(Code::crash_recovery);
  }
  // A leader whose control file still shows the old timeline would make pg_rewind compare with the wrong one.
  if (leader.checkpoint_after_promote_pending || leader.role != "primary") {
    d.wake_in(kCheckpointPause);
    return d.because(Code::waiting_for_checkpoint, {leader.name});
  }
  if (const auto when = retry_at(d.view, OperationKind::rewind)) {
    d.wake(*when);
    return d.because(Code::waiting_before_retry);
  }
  d.intend(intent::Rewind{.source = *source, .leader = leader.name});
  return d.because(Code::rewinding, {leader.name});
}

}  // namespace

void trigger_check(Draft& d) {
  const auto& pg = d.settings.postgresql;
  // ha.md §10.3: nothing could be done about a difference, or one is known already.
  if (!pg.use_pg_rewind && !pg.remove_data_directory_on_diverged_timelines) return;
  if (d.memory.rewind == Memory::Rewind::need) return;
  d.memory.rewind = Memory::Rewind::check;
}

bool rejoin_by_rewind(Draft& d) {
  const dcs::Member* leader = d.cluster.leader_member();
  if (!leader || leader->name == d.me() || d.view.has_lock()) return false;

  if (d.memory.rewind == Memory::Rewind::check) {
    // postgres.md §24, check 2: a leader that is not primary yet tells nothing; asked again in the next
    // cycle.
    const auto source = upstream_of(d.view, *leader);
    if (!source || leader->role != "primary") return false;
    if (!d.view.answers.divergence) {
      d.decision.needs.divergence = source;
      return d.because(Code::checking_divergence);
    }
    const auto& answer = *d.view.answers.divergence;
    d.number("local_timeline", static_cast<std::int64_t>(answer.local_timeline.value));
    d.number("leader_timeline", static_cast<std::int64_t>(answer.leader_timeline.value));
    d.number("local_lsn", to_string(answer.local_lsn));
    if (answer.verdict == postgres::Divergence::unknown) return false;
    d.memory.rewind =
        answer.verdict == postgres::Divergence::none ? Memory::Rewind::not_need : Memory::Rewind::need;
  }
  if (d.memory.rewind == Memory::Rewind::need) return act_on_divergence(d, *leader);
  if (d.memory.rewind == Memory::Rewind::failed) return clone_anew(d, *leader, "pg_rewind failed");
  return false;
}

}  // namespace tanist::ha::policy
