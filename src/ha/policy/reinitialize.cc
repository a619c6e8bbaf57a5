#include "ha/policy/reinitialize.h"
#include "ha/policy/decide.h"

#include <fmt/format.h>
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ha/policy/following.h"
#include "ha/policy/joining.h"
#include "ha/policy/order_step.h"
#include "ha/policy/questions.h"

namespace tanist::ha::policy {
namespace {

using CopyAnswer = order::Reinitialize::Answer;

/// For the log of the removal.
constexpr const char* kAskedFor = "an operator has asked for a new copy";
/// A removal is begun on what was seen so long ago at most: a daemon, or its whole host, may be held up
/// between any two steps.
constexpr Duration kSeenLately = std::chrono::seconds(5);
constexpr const char* kInProgress = "reinitialize already in progress";

void refuse(Draft& d, OrderId id, std::string why) {
  d.say(log::Level::info, Code::reinitialize_refused, {why});
  d.add(duty::Answer{.id = id, .answer = CopyAnswer::refused(std::move(why))});
}

/// Who leads, by the rules of ha.md §11.3; empty: somebody else. The lease counts, too: a copy of the store
/// may not show yet that the key was won.
std::string wrong_leader(const Draft& d) {
  if (d.cluster.unlocked() || led_by_promise(d.view)) return "Cluster has no leader, can not reinitialize";
  const bool mine = d.view.has_lock() || d.cluster.leader_name() == d.me() || d.view.lease.held(d.now());
  return mine ? "I am the leader, can not reinitialize" : std::string();
}

/// It has the key, and less than the cluster has come to: it is not promoted yet, or gives the key back. What
/// is here may be what the cluster goes on with. Empty: it is none of that.
std::string leader_behind(const Draft& d) {
  const dcs::Member* leader = d.cluster.leader_member();
  if (!leader) return {};
  const Timeline told =
      d.settings.dynamic.standby_cluster ? Timeline{} : d.cluster.history.cluster_timeline();
  const Timeline reached = std::max(own_timeline(d.view), told);
  if (leader->timeline >= reached) return {};
  const std::string where = leader->timeline ? fmt::format("is on timeline {}", leader->timeline.value)
                                             : std::string("does not tell its timeline");
  return fmt::format("the leader {} {}, and the cluster has come to {}: it may not stay the leader",
                     leader->name, where, reached.value);
}

/// What speaks against it on this member, whoever leads; empty: nothing.
std::string obstacle(const Draft& d) {
  if (d.memory.making.bootstrapping) return "bootstrap already in progress";
  const auto& facts = d.facts();
  if (facts.data_directory == postgres::DataDirectory::unreadable)
    return "data directory is not accessible: " + facts.data_directory_error;
  // What is no part of a cluster may be anything: another path was meant, maybe.
  if (facts.data_directory == postgres::DataDirectory::foreign && facts.major_version == 0)
    return fmt::format("the data directory {} is not empty, but holds no database cluster: empty it by hand",
                       d.settings.postgresql.data_dir);
  return {};
}

/// Whom a copy may be made from, in the order in which they are asked.
std::vector<const dcs::Member*> sources(const Draft& d, bool from_leader) {
  std::vector<const dcs::Member*> found;
  const dcs::Member* leader = d.cluster.leader_member();
  const dcs::Member* chosen = from_leader ? nullptr : clone_source(d.view);
  if (chosen) found.push_back(chosen);
  if (leader && leader != chosen && leader->host_port()) found.push_back(leader);
  return found;
}

/// What speaks against a copy from the server that has answered; empty: nothing.
std::string unusable(const Draft& d, const postgres::SourceAnswer& answer) {
  if (answer.system_identifier.empty()) return answer.detail.substr(0, answer.detail.find('\n'));
  const auto& initialize = d.cluster.initialize;
  if (initialize.valid_system_id() && initialize.value != answer.system_identifier)
    return fmt::format("the server of {} is of another cluster: {} != {}", answer.member, initialize.value,
                       answer.system_identifier);
  return {};
}

/// Cancelled so that a copy can be made: what makes a standby, or tries to.
bool may_be_cancelled(const View& view, const OperationView& op) {
  switch (op.kind) {
    case OperationKind::clone:
    case OperationKind::start:
    case OperationKind::restart:
    case OperationKind::follow_restart:
    case OperationKind::copy_slots:
    case OperationKind::crash_recovery:
    case OperationKind::rewind: return !may_commit(view);
    // Those end by themselves, and others decide how.
    case OperationKind::bootstrap:
    case OperationKind::finish_bootstrap:
    case OperationKind::cancel_bootstrap:
    case OperationKind::promote:
    case OperationKind::demote:
    case OperationKind::shutdown: return false;
  }
  return false;
}

/// One after the other is asked whether a copy can be had. nullopt: nobody can give one, which is answered;
/// nullptr: an answer is waited for.
std::optional<const dcs::Member*> find_source(Draft& d, OrderId id, bool from_leader) {
  const auto from = sources(d, from_leader);
  std::string why = "no member has published an address";
  auto next = from.begin();
  if (const auto& answer = d.view.answers.source) {
    const auto asked = std::ranges::find(from, answer->member, &dcs::Member::name);
    if (asked != from.end()) {
      why = unusable(d, *answer);
      if (why.empty()) return *asked;
      next = asked + 1;
    }
  }
  if (next == from.end()) {
    refuse(d, id, "nobody can give a copy, the data directory is kept: " + why);
    d.because(Code::reinitialize_asking);
    d.wake(d.now());
    return std::nullopt;
  }
  d.decision.needs.source = upstream_of(d.view, **next);
  d.because(Code::reinitialize_asking);
  return nullptr;
}

void begin(Draft& d, OrderId id, const order::Reinitialize& wanted, const dcs::Member& source) {
  const bool from_leader = source.name == d.cluster.leader_name();
  d.intend(intent::Clone{.source = upstream_of(d.view, source),
                         .source_name = source.name,
                         .from_leader = from_leader,
                         .why_removal_allowed = kAskedFor,
                         .basebackup_only = wanted.from_leader,
                         .order = id});
  d.memory.outage.start_is_due = d.facts().running();
  d.because(Code::reinitialize_begun, {source.name});
}

OrderStep begin_or_refuse(Draft& d, OrderId id, const order::Reinitialize& wanted) {
  const auto refused = [&](std::string why) {
    refuse(d, id, std::move(why));
    return OrderStep::refused;
  };
  const auto& op = d.view.operation;
  if (d.view.commands.shutdown) return refused("the daemon is shutting down");
  if (d.now() >= wanted.deadline)
    return refused(op ? op->name + " already in progress" : "it could not be begun in time");
  if (!d.view.store.ok) return refused("DCS is not accessible");
  if (!d.linearizable()) {
    d.because(Code::reinitialize_asking);
    return OrderStep::chosen;
  }
  if (std::string why = wrong_leader(d); !why.empty()) return refused(std::move(why));
  if (std::string why = leader_behind(d); !why.empty()) return refused(std::move(why));
  if (op && !wanted.force) return refused(op->name + " already in progress");
  if (std::string why = obstacle(d); !why.empty()) return refused(std::move(why));
  d.wake_in(kLookAgain);
  // A primary without the key is demoted first, but in pause: there it may be what the operator wants rid of.
  if (may_commit(d.view) && (op || !d.settings.dynamic.pause)) return OrderStep::waits;
  if (op && !may_be_cancelled(d.view, *op)) return OrderStep::waits;
  if (!op && d.facts().process == postgres::Process::orphans) return OrderStep::waits;
  const auto source = find_source(d, id, wanted.from_leader);
  // Of the rounds of a cycle few are left: all else is for the next one.
  if (!source || *source == nullptr) return OrderStep::chosen;
  if (op) {
    d.intend(intent::PreEmpt{"reinitialize is forced"});
    d.because(Code::reinitialize_cancels, {op->name});
    return OrderStep::chosen;
  }
  begin(d, id, wanted, **source);
  return OrderStep::chosen;
}

/// Why one that was begun came to nothing; nullopt: it goes on.
std::optional<std::string> given_up(const View& view, const Asked& asked) {
  if (view.operation && view.operation->order == asked.id) return std::nullopt;
  const auto& last = view.last_operation;
  const bool its = last && last->order == asked.id;
  if (its && last->failed()) return last->detail;
  return "it was cancelled";
}

}  // namespace

bool reinitialize_as_asked(Draft& d) {
  bool one_in_hand = false;
  bool chosen = false;
  for (const Asked& asked : d.view.commands.asked) {
    const auto* wanted = std::get_if<order::Reinitialize>(&asked.order);
    if (!wanted) continue;
    if (asked.begun) {
      const auto why = given_up(d.view, asked);
      if (why) refuse(d, asked.id, *why);
      one_in_hand = one_in_hand || !why;
    } else if (chosen || (one_in_hand && !wanted->force)) {
      if (!wanted->force) refuse(d, asked.id, kInProgress);
    } else {
      const OrderStep step = begin_or_refuse(d, asked.id, *wanted);
      one_in_hand = one_in_hand || step != OrderStep::refused;
      chosen = step == OrderStep::chosen;
    }
  }
  return chosen;
}

bool confirm_removal(Draft& d, const OperationView& op) {
  const auto give_up = [&](std::string why) {
    d.say(log::Level::warning, Code::reinitialize_given_up, {why});
    if (op.order) d.add(duty::Answer{.id = *op.order, .answer = CopyAnswer::refused(std::move(why))});
    d.intend(intent::PreEmpt{"the data directory is kept"});
    return d.because(Code::reinitialize_waiting);
  };
  d.wake_in(kLookAgain);
  if (!d.view.store.ok) return d.because(Code::dcs_not_accessible);
  const dcs::Member* source = d.cluster.member(op.source);
  const auto upstream = source ? upstream_of(d.view, *source) : std::nullopt;
  if (!upstream) return give_up(op.source + " has published no address any more");
  const auto& answer = d.view.answers.source;
  if (!answer || d.now() - answer->asked_at > 2 * kSeenLately) {
    d.decision.needs.source = upstream;
    return d.because(Code::reinitialize_asking);
  }
  // The last thing that is looked at: nothing may come between.
  if (!d.linearizable()) return d.because(Code::reinitialize_asking);
  // With nobody in the lead this member's data may be what the cluster goes on with.
  if (std::string why = wrong_leader(d); !why.empty()) return give_up(std::move(why));
  if (std::string why = leader_behind(d); !why.empty()) return give_up(std::move(why));
  if (std::string why = unusable(d, *answer); !why.empty()) return give_up(std::move(why));
  const Instant good_until = d.cluster.read_at + kSeenLately;
  if (d.now() >= good_until) return d.because(Code::reinitialize_asking);
  if (op.order)
    d.add(duty::Answer{.id = *op.order,
                       .answer = CopyAnswer{.outcome = CopyAnswer::Outcome::started, .why = {}}});
  d.memory.rejoin.rewind = RewindState::initial;
  d.memory.rejoin.beyond_rewind = false;
  d.intend(intent::Advance{.now = true, .good_until = good_until});
  return d.because(Code::reinitialize_confirmed, {op.source});
}

}  // namespace tanist::ha::policy
