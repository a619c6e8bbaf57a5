#include "ctl/explain/verdicts.h"

#include <algorithm>

#include "core/format.h"
#include "ha/model/journal_codec.h"
#include "ha/policy/decide.h"
#include "ha/policy/leaderless.h"
#include "ha/policy/questions.h"
#include "ha/policy/race.h"

namespace tanist::ctl::explain {
namespace {

using Answers = std::map<std::string, ha::PeerAnswer>;

std::optional<ha::View> view_of(const Entry& entry) {
  if (entry.view() == nullptr) return std::nullopt;
  auto view = ha::decode_view(*entry.view());
  if (!view) return std::nullopt;
  return *std::move(view);
}

/// What a member would have answered when it decided on this.
ha::PeerAnswer answer_of(const ha::View& view) {
  ha::PeerAnswer out;
  out.primary = ha::policy::is_primary(view);
  if (!out.primary) out.position = ha::policy::own_position(view);
  out.reachable = out.primary || bool(out.position);
  out.starting = !out.reachable;
  if (view.postgres.facts.probe) out.replayed = view.postgres.facts.probe->replay;
  out.timeline = ha::policy::own_timeline(view);
  out.way = ha::policy::own_way(view);
  out.diverged = view.memory.standings.diverged;
  const auto& cluster = view.store.cluster;
  out.delayed =
      ha::policy::stays_behind(view.settings.postgresql.replays_late, cluster.get(), view.self.name);
  out.nofailover = view.settings.tags.nofailover;
  out.failover_priority = view.settings.tags.failover_priority;
  out.zone = view.settings.tags.zone;
  out.watchdog_failed = !view.fence.usable;
  return out;
}

/// What a standby has told since it decided.
void bring_forward(ha::View& view, const ha::PeerAnswer& told) {
  auto& probe = view.postgres.facts.probe;
  if (!probe || !probe->in_recovery || !told.reachable || told.primary) return;
  probe->receive = std::max(probe->receive, told.position);
  probe->replay = std::max(probe->replay, told.replayed);
}

std::optional<Verdict> leaderless_verdict(const ha::View& view, const Answers& answers) {
  if (view.has_lock() || !view.store.cluster || view.store.cluster->unlocked()) return std::nullopt;
  return verdict_of(ha::encode(ha::decide(ha::leaderless(view, answers))));
}

Explained begun(const Known& known) {
  return {.name = known.member.name,
          .role = known.member.role,
          .state = known.member.state,
          .trouble = known.trouble};
}

/// What the race would hear of a member that keeps no journal.
std::vector<std::string> facts_of(const Known& known, const dcs::Cluster& cluster, const std::string& scope) {
  std::vector<std::string> out;
  if (!known.status) {
    out.emplace_back("the others count it as not reachable: it keeps nobody from the lead, and cannot lead");
    return out;
  }
  const auto answer = ha::read_peer_answer(*known.status, {scope, known.member.name}, Instant());
  if (answer.primary) {
    out.emplace_back("it says that it is a primary");
  } else if (answer.position) {
    const auto behind = cluster.status.optime - answer.position;
    out.push_back(fmt::format("its position is {}, {} bytes behind what the leader has published",
                              to_string(answer.position), std::max<std::int64_t>(behind, 0)));
  }
  if (answer.timeline) out.push_back(fmt::format("its timeline is {}", answer.timeline.value));
  const std::string limit = ha::policy::limitation(answer);
  out.push_back(limit.empty() ? "the others count it as a rival for the lead"
                              : "the others do not count it as a rival for the lead: it is " + limit);
  return out;
}

/// The journal folds what is alike: its last line is the first of those.
std::optional<WallTime> since_of(const Known& known) {
  for (auto entry = known.entries.rbegin(); entry != known.entries.rend(); ++entry) {
    if (entry->decision() == nullptr) continue;
    const bool alike = entry->said("reason.text") == known.now->said("reason.text") &&
                       entry->said("intent.kind") == known.now->said("intent.kind");
    if (!alike) return std::nullopt;
    return entry->when;
  }
  return std::nullopt;
}

void tell_words(Explained& out, const ha::View& view) {
  out.role = to_string(view.postgres.role);
  out.state = to_string(view.postgres.state);
}

}  // namespace

Verdict verdict_of(const Document& decision) {
  Verdict out{.code = text_at(decision, "reason.code"),
              .text = text_at(decision, "reason.text"),
              .intent = text_at(decision, "intent.kind")};
  if (const Document* checks = decision.find("checks"); checks != nullptr && checks->is_list())
    out.checks = checks->as_list();
  return out;
}

std::vector<Explained> explain_now(const dcs::Cluster& cluster, const std::string& scope,
                                   const std::vector<Known>& known) {
  Answers answers;
  for (const auto& each : known)
    if (each.status)
      answers[each.member.name] = ha::read_peer_answer(*each.status, {scope, each.member.name}, Instant());
  std::vector<Explained> all;
  for (const auto& each : known) {
    Explained out = begun(each);
    if (!each.has_journal()) {
      out.facts = facts_of(each, cluster, scope);
    } else if (!each.now || each.now->decision() == nullptr) {
      out.facts.emplace_back("it has not decided anything yet");
    } else {
      out.when = each.now->when;
      out.since = since_of(each);
      out.verdict = verdict_of(*each.now->decision());
      if (auto view = view_of(*each.now)) {
        tell_words(out, *view);
        bring_forward(*view, answers[each.member.name]);
        out.leaderless = leaderless_verdict(*view, answers);
      } else {
        out.facts.emplace_back(
            "what it decided on was written by another version: what it would do without a leader is not "
            "told");
      }
    }
    all.push_back(std::move(out));
  }
  return all;
}

std::vector<Explained> explain_then(const std::vector<Known>& known) {
  Answers answers;
  std::map<std::string, ha::View> views;
  for (const auto& each : known) {
    if (each.entries.empty()) continue;
    if (auto view = view_of(each.entries.back())) {
      answers[each.member.name] = answer_of(*view);
      views.emplace(each.member.name, *std::move(view));
    }
  }
  std::vector<Explained> all;
  for (const auto& each : known) {
    Explained out = begun(each);
    // What the store and the member say today is not what was.
    out.role.clear();
    out.state.clear();
    if (each.has_journal() && each.entries.empty()) {
      out.facts.emplace_back("its journal does not reach back to then");
    } else if (each.has_journal()) {
      const Entry& entry = each.entries.back();
      out.when = out.since = entry.when;
      if (entry.decision() == nullptr) {
        out.facts.emplace_back("its daemon had ended");
      } else {
        out.verdict = verdict_of(*entry.decision());
      }
      if (const auto view = views.find(each.member.name); view != views.end()) {
        tell_words(out, view->second);
        out.leaderless = leaderless_verdict(view->second, answers);
      }
    }
    all.push_back(std::move(out));
  }
  return all;
}

}  // namespace tanist::ctl::explain
