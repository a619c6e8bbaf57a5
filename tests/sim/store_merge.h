#pragma once

#include <string>

#include "dcs/values.h"

/// What of the store an own write puts into the copy.
namespace tanist::sim {

inline void merge_leader(dcs::Cluster& copy, const dcs::Cluster& server) {
  copy.leader = server.leader;
  copy.status = server.status;
  copy.status_present = server.status_present;
  copy.status_version = server.status_version;
  copy.leadership_version = server.leadership_version;
  copy.leadership_name = server.leadership_name;
  copy.led_from = server.led_from;
}

inline void merge_bootstrap(dcs::Cluster& copy, const dcs::Cluster& server) {
  copy.initialize = server.initialize;
  copy.bootstrap_note = server.bootstrap_note;
}

/// The key of a record.
struct MergeRecord {
  dcs::Cluster& copy;
  const dcs::Cluster& server;
  void operator()(const dcs::ConfigRecord&) const { copy.config = server.config; }
  void operator()(const dcs::StatusRecord&) const {
    copy.status = server.status;
    copy.status_present = server.status_present;
    copy.status_version = server.status_version;
  }
  void operator()(const dcs::LegacyOptimeRecord&) const {}
  void operator()(const dcs::FailoverRecord&) const { copy.failover = server.failover; }
  void operator()(const dcs::SyncRecord&) const { copy.sync = server.sync; }
  void operator()(const dcs::HistoryRecord&) const { copy.history = server.history; }
  void operator()(const dcs::FailsafeRecord&) const {
    copy.failsafe = server.failsafe;
    copy.failsafe_version = server.failsafe_version;
    copy.failsafe_broken = server.failsafe_broken;
  }
  void operator()(const dcs::InitializeRecord&) const { merge_bootstrap(copy, server); }
};

inline void merge_member(dcs::Cluster& copy, const dcs::Cluster& server, const std::string& name) {
  const dcs::Member* member = server.member(name);
  if (member) {
    copy.members[name] = *member;
  } else {
    copy.members.erase(name);
  }
}

}  // namespace tanist::sim
