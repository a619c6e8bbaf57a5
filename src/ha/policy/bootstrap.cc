#include "ha/policy/bootstrap.h"

#include <algorithm>

#include "ha/policy/questions.h"
#include "ha/policy/standby_cluster.h"

namespace tanist::ha::policy {
namespace {

/// Between two tries to copy another cluster: it may be away for long.
constexpr Duration kCopyAgain = std::chrono::seconds(10);

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
/// and nobody ever led (the note is bound to the founder's claim, so nobody is at work any more).
bool may_take_over(const Draft& d) {
  const auto& c = d.cluster;
  if (c.bootstrap_note.present()) return c.bootstrap_note.name == d.me();
  const bool nobody_led = c.unlocked() && c.history.version.absent() && c.config.version.absent();
  return c.initialize.by_tanist && nobody_led;
}

Code waiting(const Draft& d) {
  return d.settings.dynamic.standby_cluster ? Code::waiting_for_standby_leader : Code::waiting_for_bootstrap;
}

/// Why the other cluster is not copied now: a try has failed a moment ago, or it is this very cluster.
bool wait_to_copy_remote(Draft& d) {
  if (const std::string own = names_own_member(d.view); !own.empty()) {
    d.say_each_minute(log::Level::error, Code::standby_cluster_of_itself, {d.settings.remote.host, own});
    return wait_for_founder(d);
  }
  const auto& last = d.view.last_operation;
  if (!last || last->kind != OperationKind::cancel_bootstrap) return false;
  const Instant again = last->ended + kCopyAgain;
  if (d.now() >= again) return false;
  d.wake(again);
  return d.because(Code::waiting_before_retry);
}

}  // namespace

bool wait_for_founder(Draft& d) {
  tell_what_is_waited_for(d);
  d.wake_in(std::min(kLookAgain, d.timing().loop_wait));
  return d.because(waiting(d));
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
  if (initialize.present && !may_take_over(d)) return wait_for_founder(d);
  intent::Bootstrap bootstrap;
  if (d.settings.dynamic.standby_cluster) {
    if (wait_to_copy_remote(d)) return true;
    bootstrap.standby_leader = true;
    bootstrap.source = remote_member(d.view);
    if (bootstrap.source->host.empty()) bootstrap.source.reset();
  }
  if (!d.linearizable()) return d.because(waiting(d));
  if (initialize.present) bootstrap.take_over = initialize.version;
  d.memory.making.bootstrapping = true;
  d.memory.making.standby_leader = bootstrap.standby_leader;
  d.because(bootstrap.standby_leader ? Code::bootstrapping_standby_leader : Code::bootstrapping);
  d.intend(std::move(bootstrap));
  return true;
}

bool go_on_bootstrapping(Draft& d) {
  if (!d.memory.making.bootstrapping) return false;
  const auto& last = d.view.last_operation;
  const auto ended = [&](OperationKind kind) { return last && last->kind == kind; };
  if (ended(OperationKind::cancel_bootstrap) && d.memory.making.standby_leader) {
    // Nothing of this cluster is lost with it, and the other one may be back in a moment.
    d.memory.making.bootstrapping = false;
    return false;
  }
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
  // A copy of another cluster is started once its leader key is there.
  const bool alive = d.memory.making.standby_leader ? d.facts().data_directory == postgres::DataDirectory::ok
                                                    : d.facts().running();
  if (ended(OperationKind::bootstrap) && last->ok() && alive) {
    d.intend(intent::FinishBootstrap{.standby_leader = d.memory.making.standby_leader});
    return d.because(Code::running_post_bootstrap);
  }
  if (ended(OperationKind::finish_bootstrap)) {
    // A reply that was lost may have been a yes: data that the store knows of is never given up.
    if (!d.view.store.ok) return d.because(Code::dcs_not_accessible);
    if (!d.linearizable()) return d.because(Code::cancelling_bootstrap);
    const auto& initialize = d.cluster.initialize;
    if (initialize.valid_system_id() && initialize.value == d.facts().system_identifier) {
      d.memory.making.bootstrapping = false;
      d.add(duty::ForgetBootstrap{});
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
