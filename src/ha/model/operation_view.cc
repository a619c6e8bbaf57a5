#include "ha/model/operation_view.h"

namespace tanist::ha {

std::string operation_name(OperationKind kind, const std::string& detail) {
  switch (kind) {
    case OperationKind::bootstrap: return detail.empty() ? "bootstrap" : detail;
    case OperationKind::finish_bootstrap: return "post_bootstrap";
    case OperationKind::cancel_bootstrap: return "cancel bootstrap";
    case OperationKind::clone: return detail.empty() ? "bootstrap" : detail;
    case OperationKind::start: return detail.empty() ? "restarting after failure" : detail;
    case OperationKind::crash_recovery: return "doing crash recovery in a single user mode";
    case OperationKind::rewind: return "running pg_rewind from " + detail;
    case OperationKind::promote: return "promote";
    case OperationKind::demote: return detail.empty() ? "demote" : detail;
    case OperationKind::restart: return "restart";
    case OperationKind::follow_restart: return "changing primary_conninfo and restarting";
    case OperationKind::copy_slots: return "copy_logical_slots";
    case OperationKind::shutdown: return "shutdown";
  }
  return {};
}

std::string_view to_string(DemoteMode mode) {
  switch (mode) {
    case DemoteMode::graceful: return "graceful";
    case DemoteMode::immediate: return "immediate";
    case DemoteMode::immediate_nolock: return "immediate-nolock";
    case DemoteMode::offline: return "offline";
    case DemoteMode::demote_cluster: return "demote-cluster";
  }
  return {};
}

}  // namespace tanist::ha
