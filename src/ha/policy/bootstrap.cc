#include "ha/policy/bootstrap.h"

#include <algorithm>

#include "ha/policy/modes.h"
#include "ha/policy/questions.h"

namespace tanist::ha::policy {
namespace {

std::string names_with_data(const Draft& d) {
  std::string out;
  for (const auto& [name, member] : d.cluster.members)
    if (name != d.me() && member.xlog_location) out += (out.empty() ? "" : ", ") + name;
  return out.empty() ? "none" : out;
}

/// Beside the line that scripts know: what it is that nobody goes on with. Not at once, since a cluster that
/// is being made is waited for every time.
void tell_what_is_waited_for(Draft& d) {
  if (!d.cluster.unlocked()) return;
  auto& since = d.memory.making.waiting_since;
  if (!since) since = d.now();
  if (d.now() - *since < kSaidAgainAfter) return;
  const auto say = [&](Code code, std::vector<std::string> arguments) {
    d.say_each_minute(log::Level::warning, code, std::move(arguments));
  };
  const auto& initialize = d.cluster.initialize;
  const auto& before = d.view.store.last_with_leader;
  const std::string path = d.settings.base_path + "/initialize";
  if (!initialize.value.empty()) {
    say(Code::waiting_for_data, {path, initialize.value, names_with_data(d)});
  } else if (d.settings.tags.nofailover) {
    say(Code::waiting_may_not_found, {"its tag nofailover is set"});
  } else if (!d.settings.may_bootstrap) {
    say(Code::waiting_may_not_found, {"its configuration has no bootstrap section"});
  } else if (before && !before->unlocked()) {
    say(Code::waiting_for_former_leader, {before->leader_name()});
  } else if (initialize.present) {
    const auto& note = d.cluster.bootstrap_note;
    say(Code::waiting_for_other_founder, {path, note.present() ? note.name : "somebody"});
  }
}

/// Whether the empty /initialize of the view may be taken over: it is my own, or its Tanist founder is gone
/// and nobody ever led (the note is bound to the founder's session, so nobody is at work any more).
bool may_take_over(const Draft& d) {
  const auto& c = d.cluster;
  if (c.bootstrap_note.present()) return c.bootstrap_note.name == d.me();
  const bool by_tanist = c.initialized_by_version != 0 && c.initialized_by_version == c.initialize.version;
  const bool nobody_led = c.unlocked() && c.history.version == 0 && c.config.version == 0;
  return by_tanist && nobody_led;
}

}  // namespace

bool wait_for_founder(Draft& d) {
  tell_what_is_waited_for(d);
  d.wake_in(std::min(kLookAgain, d.timing().loop_wait));
  return d.because(Code::waiting_for_bootstrap);
}

/// ha.md §3.6.1
bool found_cluster(Draft& d) {
  const auto& initialize = d.cluster.initialize;
  const auto& before = d.view.store.last_with_leader;
  const bool led_before = before && !before->unlocked();
  if (d.settings.tags.nofailover || !d.settings.may_bootstrap || !initialize.value.empty())
    return wait_for_founder(d);
  // A wiped store: whoever led before has the data and is about to say so.
  if (led_before) return wait_for_founder(d);
  if (const std::string mode = mode_not_served(d.settings); !mode.empty()) return wait_for_founder(d);
  if (initialize.present && !may_take_over(d)) return wait_for_founder(d);
  if (!d.linearizable()) return d.because(Code::waiting_for_bootstrap);
  intent::Bootstrap bootstrap;
  if (initialize.present) bootstrap.take_over = initialize.version;
  d.intend(bootstrap);
  d.memory.making.bootstrapping = true;
  return d.because(Code::bootstrapping);
}

bool go_on_bootstrapping(Draft& d) {
  if (!d.memory.making.bootstrapping) return false;
  const auto& last = d.view.last_operation;
  const auto ended = [&](OperationKind kind) { return last && last->kind == kind; };
  if (ended(OperationKind::cancel_bootstrap)) {
    d.because(Code::bootstrap_failed);
    return d.exit_after_stop(std::string(code_text(Code::bootstrap_failed)));
  }
  if (ended(OperationKind::finish_bootstrap) && last->ok()) {
    d.memory.making.bootstrapping = false;
    if (locked_by_other(d.view)) return false;
    // Members wait for their slots already.
    d.wake(d.now());
    return d.because(Code::initialized);
  }
  const bool alive = d.facts().running();
  if (ended(OperationKind::bootstrap) && last->ok() && alive) {
    d.intend(intent::FinishBootstrap{});
    return d.because(Code::running_post_bootstrap);
  }
  if (ended(OperationKind::finish_bootstrap)) {
    // A reply that was lost may have been a yes: data that the store knows of is never given up.
    if (!d.view.store.ok) return d.because(Code::dcs_not_accessible);
    if (!d.linearizable()) return d.because(Code::cancelling_bootstrap);
    const auto& initialize = d.cluster.initialize;
    if (initialize.valid_system_id() && initialize.value == d.facts().system_identifier) {
      d.memory.making.bootstrapping = false;
      return false;
    }
  }
  // ha.md §3.6: the server died, or a step failed; also when the race for /initialize was lost, nothing was
  // begun.
  if (ended(OperationKind::bootstrap) || ended(OperationKind::finish_bootstrap)) {
    d.intend(intent::CancelBootstrap{});
    return d.because(Code::cancelling_bootstrap);
  }
  d.memory.making.bootstrapping = false;
  return false;
}

}  // namespace tanist::ha::policy
