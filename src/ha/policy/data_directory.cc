#include "ha/policy/data_directory.h"

#include "ha/policy/bootstrap.h"
#include "ha/policy/joining.h"
#include "ha/policy/questions.h"

namespace tanist::ha::policy {
namespace {

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
    return d.exit_after_stop(d.decision.reason.text());
  }
  // A fresh start on a store that knows of no cluster.
  if (!d.cluster.unlocked() || d.settings.dynamic.pause || d.memory.joined) return false;
  const bool replica = d.facts().running() && !is_primary(d.view);
  if (!replica && initialize.present) return false;
  if (!d.linearizable()) return d.because(Code::race_asking);
  if (replica) {
    d.say(log::Level::error, Code::no_initialize_key);
    d.because(Code::no_initialize_key);
    return d.exit_after_stop(std::string(code_text(Code::start_primary_first)));
  }
  d.add(duty::Initialize{.condition = dcs::IfAbsent{}, .system_id = mine});
  return false;
}

}  // namespace

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
