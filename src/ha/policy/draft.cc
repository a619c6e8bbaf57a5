#include "ha/policy/draft.h"

#include "ha/policy/failsafe.h"
#include "ha/policy/questions.h"

namespace tanist::ha::policy {
namespace {

constexpr Duration kWordsPause = std::chrono::milliseconds(20);

const dcs::Cluster& no_cluster() {
  static const dcs::Cluster empty;
  return empty;
}

}  // namespace

Draft::Draft(const View& from)
    : view(from),
      cluster(from.store.cluster ? *from.store.cluster : no_cluster()),
      settings(from.settings),
      memory(decision.memory) {
  decision.memory = from.memory;
}

bool Draft::because(Code code, std::vector<std::string> arguments) {
  decision.reason.code = code;
  decision.reason.arguments = std::move(arguments);
  return true;
}

void Draft::number(std::string_view name, Document value) {
  decision.reason.numbers.set(name, std::move(value));
}

bool Draft::check(Rule rule, bool passed, std::initializer_list<std::pair<std::string, Document>> numbers,
                  std::string about) {
  decision.checks.push_back(
      {.rule = rule, .passed = passed, .about = std::move(about), .numbers = Document::map(numbers)});
  return passed;
}

void Draft::add(Duty duty, OnFailure on_failure) {
  decision.duties.push_back({std::move(duty), on_failure});
}

void Draft::say(log::Level level, Code code, std::vector<std::string> arguments) {
  const Reason line{.code = code, .arguments = std::move(arguments)};
  add(duty::Say{.level = level, .text = line.text()});
}

void Draft::say_each_minute(log::Level level, Code code, std::vector<std::string> arguments,
                            const std::string& about) {
  std::string key(code_name(code));
  if (!about.empty()) key += " " + about;
  const auto [told, first] = memory.told.at.try_emplace(std::move(key), now());
  if (!first && now() - told->second < kSaidAgainAfter) return;
  told->second = now();
  say(level, code, std::move(arguments));
}

bool Draft::linearizable() {
  if (cluster.linearizable && !view.store.lock_unknown) return true;
  decision.needs.linearizable_view = true;
  return false;
}

void Draft::wake(Instant when) {
  if (!decision.wake_at || when < *decision.wake_at) decision.wake_at = when;
}

void Draft::release(std::optional<Lsn> last_lsn) {
  // Words that are behind what was seen: decided again when both agree. Outside pause no key is given away
  // beside a server that may commit.
  if (!settings.dynamic.pause && may_commit(view)) {
    wake_in(kWordsPause);
    return;
  }
  intend(intent::Release{last_lsn});
  give_lock_up();
}

/// ha.md §2: the daemon does not end beside a server that may commit, outside pause.
bool Draft::exit_after_stop(std::string why) {
  if (may_commit(view) && !settings.dynamic.pause) {
    if (view.store.ok && leads(view)) {
      intend(intent::Demote{DemoteMode::graceful});
    } else {
      intend(intent::StopImmediate{});
    }
    return true;
  }
  intend(intent::Exit{.code = 1, .why = std::move(why)});
  let_lock_lapse();
  return true;
}

Decision Draft::finish() {
  // The lock is renewed for as long as it is mine, unless a rule gives it up: slow work must not lose it.
  // Once the lease is over and the store does not answer, requests that still reach it would only keep
  // everybody else from leading.
  const bool known_mine = view.has_lock() && (view.store.ok || view.lease.held(now()));
  const auto usual = known_mine ? Mandate::Kind::keep : Mandate::Kind::lapse;
  decision.mandate.kind = mandate_.value_or(usual);
  if (!known_mine && decision.mandate.kind == Mandate::Kind::keep)
    decision.mandate.kind = Mandate::Kind::lapse;
  decision.mandate.good_until = now() + timing().ttl;
  if (!mandate_) decision.mandate.failsafe = failsafe_terms(*this);
  return std::move(decision);
}

}  // namespace tanist::ha::policy
