#include "ha/policy/founding.h"

#include <algorithm>

#include "ha/policy/following.h"
#include "ha/policy/modes.h"
#include "ha/policy/rules.h"

namespace tanist::ha::policy {
namespace {

using namespace std::chrono_literals;

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
  const std::string path = d.settings.base_path() + "/initialize";
  if (!initialize.value.empty()) {
    say(Code::waiting_for_data, {path, initialize.value, names_with_data(d)});
  } else if (d.settings.tags.nofailover) {
    say(Code::waiting_may_not_found, {"its tag nofailover is set"});
  } else if (!d.settings.bootstrap.present) {
    say(Code::waiting_may_not_found, {"its configuration has no bootstrap section"});
  } else if (before && !before->unlocked()) {
    say(Code::waiting_for_former_leader, {before->leader_name()});
  } else if (initialize.present) {
    const auto& note = d.cluster.bootstrap_note;
    say(Code::waiting_for_other_founder, {path, note.present() ? note.name : "somebody"});
  }
}

bool wait_for_founder(Draft& d) {
  tell_what_is_waited_for(d);
  d.wake_in(std::min(kLookAgain, d.timing().loop_wait));
  return d.because(Code::waiting_for_bootstrap);
}

/// Whether the empty /initialize of the view may be taken over: it is my own, or its Tanist founder is gone
/// and nobody ever led (the note is bound to the founder's claim, so nobody is at work any more).
bool may_take_over(const Draft& d) {
  const auto& c = d.cluster;
  if (c.bootstrap_note.present()) return c.bootstrap_note.name == d.me();
  const bool nobody_led = c.unlocked() && c.history.version.absent() && c.config.version.absent();
  return c.initialize.by_tanist && nobody_led;
}

/// ha.md §3.6.1
bool found_cluster(Draft& d) {
  const auto& initialize = d.cluster.initialize;
  const auto& before = d.view.store.last_with_leader;
  const bool led_before = before && !before->unlocked();
  if (d.settings.tags.nofailover || !d.settings.bootstrap.present || !initialize.value.empty())
    return wait_for_founder(d);
  // A wiped store: whoever led before has the data and is about to say so.
  if (led_before) return wait_for_founder(d);
  if (const std::string mode = mode_not_served(d.settings.dynamic); !mode.empty()) return wait_for_founder(d);
  if (initialize.present && !may_take_over(d)) return wait_for_founder(d);
  if (!d.linearizable()) return d.because(Code::waiting_for_bootstrap);
  intent::Bootstrap bootstrap;
  if (initialize.present) bootstrap.take_over = initialize.version;
  d.intend(bootstrap);
  d.memory.making.bootstrapping = true;
  return d.because(Code::bootstrapping);
}

/// ha.md §3.6.3: from a backup, where the cluster is known and nobody makes a new one.
bool join_without_leader(Draft& d) {
  const auto& methods = d.settings.postgresql.replica_methods;
  const bool possible =
      std::ranges::any_of(methods, [](const auto& method) { return method.second.no_leader; });
  if (!possible || !d.cluster.initialize.valid_system_id()) return false;
  if (!mode_not_served(d.settings.dynamic).empty()) return false;
  if (const auto when = retry_at(d.view, OperationKind::clone)) {
    d.wake(*when);
    return d.because(Code::waiting_before_retry);
  }
  if (!d.linearizable()) return d.because(Code::waiting_for_bootstrap);
  d.intend(intent::Clone{.source = std::nullopt,
                         .source_name = {},
                         .from_leader = false,
                         .why_removal_allowed = {},
                         .basebackup_only = false});
  d.memory.rejoin.rewind = RewindState::initial;
  return d.because(Code::cloning_without_leader);
}

/// ha.md §3.6.2
bool join_by_clone(Draft& d) {
  const dcs::Member* source = clone_source(d.view);
  const auto upstream = source ? upstream_of(d.view, *source) : std::nullopt;
  if (!upstream) return wait_for_founder(d);
  if (const std::string mode = mode_not_served(d.settings.dynamic); !mode.empty()) {
    d.say_each_minute(log::Level::error, Code::not_cloning_in_mode, {mode});
    return wait_for_founder(d);
  }
  if (const auto when = retry_at(d.view, OperationKind::clone)) {
    d.wake(*when);
    return d.because(Code::waiting_before_retry);
  }
  const bool from_leader = source->name == d.cluster.leader_name();
  d.intend(intent::Clone{.source = *upstream,
                         .source_name = source->name,
                         .from_leader = from_leader,
                         .why_removal_allowed = {},
                         .basebackup_only = false});
  d.memory.rejoin.rewind = RewindState::initial;
  return d.because(from_leader ? Code::cloning_from_leader : Code::cloning_from_replica, {source->name});
}

/// ha.md §3 step 10
bool without_data(Draft& d) {
  const auto& facts = d.facts();
  const bool unreadable = facts.data_directory == postgres::DataDirectory::unreadable;
  if (d.view.postgres.role != postgres::Role::uninitialized)
    d.add(duty::SetRole{postgres::Role::uninitialized});
  if (facts.process != postgres::Process::none) {
    d.intend(intent::StopImmediate{});
    return d.because(Code::stopping_without_data);
  }
  if (d.view.has_lock()) {
    d.release();
    return d.because(unreadable ? Code::released_unreadable : Code::released_empty);
  }
  if (unreadable) return d.because(Code::data_directory_unreadable, {facts.data_directory_error});
  if (d.settings.dynamic.pause) return d.because(Code::running_empty);
  if (!d.cluster.unlocked()) return join_by_clone(d);
  return join_without_leader(d) || found_cluster(d);
}

/// Nothing can be done with the data directory as it looks. What runs on it may hold the last commits of the
/// cluster: its key is never given away while it may commit, and without the key it is stopped.
bool make_nothing_of_data(Draft& d) {
  if (!may_commit(d.view)) {
    if (d.view.has_lock()) d.release();
    return d.because(Code::system_id_invalid);
  }
  if (d.settings.dynamic.pause || leads(d.view)) return d.because(Code::system_id_invalid);
  d.intend(intent::StopImmediate{});
  return d.because(Code::system_id_invalid);
}

/// ha.md §2: the daemon does not end beside a server that may commit, outside pause.
bool exit_after_stop(Draft& d, std::string why) {
  if (may_commit(d.view) && !d.settings.dynamic.pause) {
    if (d.view.store.ok && leads(d.view)) {
      d.intend(intent::Demote{DemoteMode::graceful});
    } else {
      d.intend(intent::StopImmediate{});
    }
    return true;
  }
  d.intend(intent::Exit{.code = 1, .why = std::move(why)});
  d.let_lock_lapse();
  return true;
}

/// ha.md §3 step 12
bool check_system_id(Draft& d) {
  const auto& initialize = d.cluster.initialize;
  const std::string& mine = d.facts().system_identifier;
  if (initialize.valid_system_id()) {
    if (initialize.value == mine) return false;
    if (d.settings.dynamic.pause) {
      d.say_each_minute(log::Level::warning, Code::system_id_changed_paused, {initialize.value, mine});
      if (!d.view.has_lock()) return false;
      d.release();
      return d.because(Code::released_system_id);
    }
    if (!d.linearizable()) return d.because(Code::system_id_mismatch, {d.me(), initialize.value, mine});
    d.because(Code::system_id_mismatch, {d.me(), initialize.value, mine});
    return exit_after_stop(d, d.decision.reason.text());
  }
  // A fresh start on a store that knows of no cluster.
  if (!d.cluster.unlocked() || d.settings.dynamic.pause || d.memory.joined) return false;
  const bool replica = d.facts().running() && !is_primary(d.view);
  if (!replica && initialize.present) return false;
  if (!d.linearizable()) return d.because(Code::race_asking);
  if (replica) {
    d.say(log::Level::error, Code::no_initialize_key);
    d.because(Code::no_initialize_key);
    return exit_after_stop(d, std::string(code_text(Code::start_primary_first)));
  }
  d.add(duty::Initialize{.condition = dcs::IfAbsent{}, .system_id = mine});
  return false;
}

}  // namespace

bool go_on_bootstrapping(Draft& d) {
  if (!d.memory.making.bootstrapping) return false;
  const auto& last = d.view.last_operation;
  const auto ended = [&](OperationKind kind) { return last && last->kind == kind; };
  if (ended(OperationKind::cancel_bootstrap)) {
    d.because(Code::bootstrap_failed);
    return exit_after_stop(d, std::string(code_text(Code::bootstrap_failed)));
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

bool check_data(Draft& d) {
  const auto& facts = d.facts();
  switch (facts.data_directory) {
    case postgres::DataDirectory::empty:
    case postgres::DataDirectory::unreadable: return without_data(d);
    case postgres::DataDirectory::foreign:
      // Nothing of it was made by this daemon, so nothing of it is touched.
      d.say_each_minute(log::Level::error, Code::data_directory_foreign, {d.settings.postgresql.data_dir});
      return make_nothing_of_data(d);
    case postgres::DataDirectory::ok: break;
  }
  if (!valid_system_id(facts.system_identifier)) return make_nothing_of_data(d);
  return check_system_id(d);
}

}  // namespace tanist::ha::policy
