#include "ha/policy/rejoin.h"
#include "ha/policy/decide.h"

#include <fmt/format.h>
#include <algorithm>

#include "ha/policy/questions.h"
#include "ha/policy/standby_cluster.h"
#include "ha/policy/timelines.h"

namespace tanist::ha::policy {
namespace {

using namespace std::chrono_literals;

/// Member keys wake nobody: how often the leader's checkpoint is looked for.
constexpr Duration kCheckpointPause = 500ms;
/// How long a standby may run without streaming before its WAL is compared (again).
constexpr Duration kCompareAgain = 10s;
constexpr Duration kCompareAgainAtMost = 5min;

bool removal_configured(const Draft& d) {
  const auto& pg = d.settings.postgresql;
  const bool after_failure =
      d.memory.rejoin.rewind == RewindState::failed && pg.remove_data_directory_on_rewind_failure;
  return pg.remove_data_directory_on_diverged_timelines || after_failure;
}

/// What the configuration says, for the log of a removal.
std::string allowed_by(const Draft& d) {
  return d.settings.postgresql.remove_data_directory_on_diverged_timelines
             ? "remove_data_directory_on_diverged_timelines is set"
             : "remove_data_directory_on_rewind_failure is set";
}

/// Removes the data directory and clones: only by configuration, on a fresh view, with a leader that is a
/// primary of this very cluster to clone from.
bool clone_anew(Draft& d, const RejoinSource& leader, const std::string& why) {
  // ha.md §10.3: in a standby cluster nothing is removed for that.
  if (!removal_configured(d) || !leader.primary || !leader.member) return false;
  if (d.cluster.initialize.value != d.facts().system_identifier) return false;
  if (leader.upstream.host.empty()) return false;
  if (const auto when = retry_at(d.view, OperationKind::clone)) {
    d.wake(*when);
    return d.because(Code::waiting_before_retry);
  }
  if (!d.linearizable()) return d.because(Code::reinitializing);
  d.intend(intent::Clone{.source = leader.upstream,
                         .source_name = leader.name,
                         .from_leader = true,
                         .why_removal_allowed = why + " and " + allowed_by(d)});
  d.memory.rejoin.rewind = RewindState::initial;
  d.memory.rejoin.beyond_rewind = false;
  return d.because(Code::reinitializing);
}

/// Nothing mends it but a new copy, which the configuration may not allow.
bool needs_new_copy(Draft& d, const RejoinSource& leader) {
  if (clone_anew(d, leader, "its timeline has diverged from the leader's")) return true;
  d.memory.rejoin.error = "its WAL has left that of the leader, and pg_rewind cannot be used";
  d.say_each_minute(log::Level::error, Code::diverged_for_good, {leader.name, d.me()});
  return false;
}

bool act_on_divergence(Draft& d, const RejoinSource& leader) {
  const auto& facts = d.facts();
  if (d.memory.rejoin.beyond_rewind) return needs_new_copy(d, leader);
  if (d.settings.postgresql.use_pg_rewind && !facts.control) {
    d.decision.needs.control_file = true;
    return d.because(Code::checking_divergence);
  }
  if (!can_rewind(d.view)) return needs_new_copy(d, leader);
  if (leader.upstream.host.empty()) return false;
  // postgres.md §24: a standby that was killed has to become consistent first.
  if (facts.process == postgres::Process::none && facts.control->cluster_state == "in archive recovery" &&
      !d.memory.outage.crash_recovery_tried) {
    d.memory.outage.crash_recovery_tried = true;
    d.intend(intent::CrashRecover{});
    return d.because(Code::crash_recovery);
  }
  // A leader whose control file still shows the old timeline would make pg_rewind compare with the wrong one.
  if (leader.checkpoint_pending || !leader.primary) {
    d.wake_in(kCheckpointPause);
    return d.because(Code::waiting_for_checkpoint, {leader.name});
  }
  // What one leader could not serve another may.
  const int failed = d.memory.rejoin.rewind_failed_from == leader.name ? d.memory.rejoin.rewinds_failed : 0;
  if (const auto when = retry_at(d.view, OperationKind::rewind, failed)) {
    tell_rejoin_error(d);
    d.wake(*when);
    return d.because(Code::waiting_before_retry);
  }
  d.intend(intent::Rewind{
      .source = leader.upstream, .leader = leader.name, .checkpoint_source = leader.checkpoint_unknown});
  return d.because(Code::rewinding, {leader.name});
}

/// A standby that does not stream may have left the leader's WAL unnoticed, or lost a rewind: its WAL is
/// compared again, each time after a longer pause.
void look_again(Draft& d) {
  auto& memory = d.memory;
  if (!d.facts().accepts() || !has_fresh_probe(d.view) || !d.facts().probe->in_recovery) {
    memory.rejoin.not_streaming_since.reset();
    return;
  }
  if (streams(d.view)) {
    memory.rejoin.not_streaming_since.reset();
    memory.rejoin.looks_in_vain = 0;
    memory.rejoin.found_diverged = false;
    memory.rejoin.rewinds_failed = 0;
    memory.rejoin.error.clear();
    if (memory.rejoin.rewind == RewindState::failed) memory.rejoin.rewind = RewindState::not_need;
    return;
  }
  if (d.settings.tags.nostream || !wanted_upstream(d.view)) return;
  if (!memory.rejoin.not_streaming_since) memory.rejoin.not_streaming_since = d.now();
  if (rewind_pending(memory) && !memory.rejoin.beyond_rewind) return;
  Duration pause = std::max(kCompareAgain, d.timing().loop_wait);
  for (int i = 0; i < memory.rejoin.looks_in_vain && pause < kCompareAgainAtMost; ++i) pause *= 2;
  const Instant since =
      std::max(*memory.rejoin.not_streaming_since, memory.rejoin.compared_at.value_or(Instant{}));
  if (d.now() - since < std::min(pause, kCompareAgainAtMost)) return;
  ++memory.rejoin.looks_in_vain;
  trigger_check(d);
}

}  // namespace

void tell_rejoin_error(Draft& d) {
  const auto leader = rejoin_source(d.view);
  if (d.memory.rejoin.error.empty() || !leader) return;
  const auto next = retry_at(d.view, OperationKind::rewind, d.memory.rejoin.rewinds_failed);
  d.say_each_minute(
      log::Level::error, Code::rejoin_fails,
      {leader->name, d.memory.rejoin.error, fmt::format("{:.0f}", next ? seconds(*next - d.now()) : 0.0)});
}

void trigger_check(Draft& d) {
  const auto& pg = d.settings.postgresql;
  // ha.md §10.3: nothing could be done about a difference, or one is known already.
  if (!pg.use_pg_rewind && !pg.remove_data_directory_on_diverged_timelines) return;
  // What pg_rewind could not mend towards one leader it may towards the next.
  if (d.memory.rejoin.rewind == RewindState::need && !d.memory.rejoin.beyond_rewind) return;
  d.memory.rejoin.rewind = RewindState::check;
}

namespace {

/// The comparison could not see that it is another timeline of the same number: its begin is not there any
/// more. Where both ways look alike pg_rewind would take them for one, and leave what is not.
postgres::DivergenceAnswer with_branch(const View& view, postgres::DivergenceAnswer answer) {
  using postgres::Divergence;
  const WalEnd end{.timeline = answer.local_timeline,
                   .position = answer.local_lsn,
                   .replayed = answer.local_lsn,
                   .way = answer.local_way,
                   .branch = own_branch(view, answer.local_timeline)};
  const Line line(view);
  if (answer.verdict == Divergence::unknown || !line.another_branch(end)) return answer;
  answer.beyond_rewind = answer.beyond_rewind || answer.verdict == Divergence::none || line.looks_alike(end);
  answer.verdict = Divergence::diverged;
  return answer;
}

/// Nothing else makes a standby that streams look: of another timeline with the same number and begin no
/// server tells.
void look_at_branch(Draft& d) {
  const auto rewind = d.memory.rejoin.rewind;
  if (rewind_pending(d.memory) || rewind == RewindState::failed || d.memory.rejoin.beyond_rewind) return;
  if (Line(d.view).another_branch(own_end(d.view))) trigger_check(d);
}

}  // namespace

bool rejoin_by_rewind(Draft& d) {
  const auto leader = rejoin_source(d.view);
  if (!leader) return false;
  look_again(d);
  look_at_branch(d);

  if (d.memory.rejoin.rewind == RewindState::check) {
    // postgres.md §24, check 2: a leader that is not primary yet tells nothing; asked again in the next
    // cycle.
    if (leader->upstream.host.empty() || !leader->primary) return false;
    if (!d.view.answers.divergence) {
      d.decision.needs.divergence = leader->upstream;
      return d.because(Code::checking_divergence);
    }
    const auto answer = with_branch(d.view, *d.view.answers.divergence);
    d.number("local_timeline", static_cast<std::int64_t>(answer.local_timeline.value));
    d.number("leader_timeline", static_cast<std::int64_t>(answer.leader_timeline.value));
    d.number("local_lsn", to_string(answer.local_lsn));
    if (answer.verdict == postgres::Divergence::unknown) {
      if (!answer.detail.empty())
        d.say_each_minute(log::Level::warning, Code::cannot_compare, {leader->name, answer.detail});
      return false;
    }
    d.memory.rejoin.compared_at = d.now();
    d.memory.rejoin.beyond_rewind = answer.beyond_rewind;
    d.memory.rejoin.found_diverged = answer.verdict == postgres::Divergence::diverged;
    if (answer.verdict == postgres::Divergence::none && answer.local_timeline) {
      share_timeline(d.memory.standings, leader->name, answer.local_timeline);
      d.memory.standings.astray = false;
    }
    d.memory.rejoin.rewind =
        answer.verdict == postgres::Divergence::none ? RewindState::not_need : RewindState::need;
  }
  if (d.memory.rejoin.rewind == RewindState::need) return act_on_divergence(d, *leader);
  if (d.memory.rejoin.rewind == RewindState::failed) return clone_anew(d, *leader, "pg_rewind failed");
  return false;
}

}  // namespace tanist::ha::policy
