#include "postgres/types.h"

namespace tanist::postgres {

std::string_view to_string(State state) {
  switch (state) {
    case State::initdb: return "initializing new cluster";
    case State::initdb_failed: return "initdb failed";
    case State::custom_bootstrap: return "running custom bootstrap script";
    case State::custom_bootstrap_failed: return "custom bootstrap failed";
    case State::creating_replica: return "creating replica";
    case State::running: return "running";
    case State::starting: return "starting";
    case State::bootstrap_starting: return "starting after custom bootstrap";
    case State::start_failed: return "start failed";
    case State::restarting: return "restarting";
    case State::restart_failed: return "restart failed";
    case State::stopping: return "stopping";
    case State::stopped: return "stopped";
    case State::stop_failed: return "stop failed";
    case State::crashed: return "crashed";
  }
  return "unknown";
}

std::string_view to_string(Role role) {
  switch (role) {
    case Role::uninitialized: return "uninitialized";
    case Role::replica: return "replica";
    case Role::primary: return "primary";
    case Role::promoted: return "promoted";
    case Role::demoted: return "demoted";
    case Role::standby_leader: return "standby_leader";
  }
  return "unknown";
}

std::string_view overlay_name(Role role) {
  switch (role) {
    case Role::primary:
    case Role::promoted: return "primary";
    case Role::replica:
    case Role::demoted: return "replica";
    case Role::standby_leader: return "standby_leader";
    case Role::uninitialized: break;
  }
  return {};
}

std::string Probe::replication_state() const {
  if (!in_recovery) return {};
  if (receiver_state == "streaming") return "streaming";
  return restore_command.empty() ? std::string() : "in archive recovery";
}

}  // namespace tanist::postgres
