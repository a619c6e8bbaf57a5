#pragma once

#include <memory>

#include "ha/model/snapshot.h"

/// Snapshots of members of a cluster `shop` for tests of the API. Time begins at kNow.
namespace tanist::api::test {

inline constexpr Instant kNow{std::chrono::hours(1)};

inline std::shared_ptr<config::Settings> settings(std::string name) {
  auto out = std::make_shared<config::Settings>();
  out->scope = "shop";
  out->name = std::move(name);
  out->restapi.listen = {"127.0.0.1", 0};
  return out;
}

inline std::shared_ptr<dcs::Cluster> cluster() {
  auto out = std::make_shared<dcs::Cluster>();
  out->initialize = {dcs::Version("1"), true, "7411111111111111111"};
  out->leader = dcs::Leader{"pga", "s1", dcs::Version("5")};
  for (const char* name : {"pga", "pgb"}) {
    auto& member = out->members[name];
    member.name = name;
    member.state = "running";
  }
  out->status.optime = Lsn{117440664};
  return out;
}

inline ha::Snapshot base(std::string name) {
  ha::Snapshot s;
  s.published_at = kNow;
  s.settings = settings(std::move(name));
  s.cluster = cluster();
  s.store_ok = true;
  s.cluster_read_at = kNow;
  s.next_run = kNow + std::chrono::seconds(10);
  s.state = postgres::State::running;
  s.facts.process = postgres::Process::running;
  s.facts.accepting = postgres::Accepting::accepting;
  s.facts.system_identifier = "7411111111111111111";
  return s;
}

inline ha::Snapshot primary() {
  ha::Snapshot s = base("pga");
  auto tagged = settings("pga");
  tagged->tags.published = Document::map({{"zone", "a"}});
  tagged->tags.configured =
      Document::map({{"zone", "a"}, {"rank", 5}, {"gone", Document()}, {"nosync", false}});
  s.settings = tagged;
  s.role = postgres::Role::primary;
  s.lease_until = kNow + std::chrono::seconds(25);
  s.dcs_last_seen = 1930000000;
  postgres::Probe probe;
  probe.asked_at = kNow;
  probe.postmaster_start_time = "2031-03-04 05:06:07.891234+00:00";
  probe.server_version = 170002;
  probe.timeline = Timeline{4};
  probe.effective_timeline = Timeline{4};
  probe.wal = Lsn{117440664};
  postgres::WalSenderSeen sender;
  sender.usename = "repl";
  sender.application_name = "pgb";
  sender.client_addr = "10.1.0.12";
  sender.state = "streaming";
  sender.sync_state = "quorum";
  sender.sync_priority = 1;
  probe.wal_senders.push_back(sender);
  s.facts.probe = probe;
  return s;
}

inline ha::Snapshot replica() {
  ha::Snapshot s = base("pgb");
  s.role = postgres::Role::replica;
  s.dcs_last_seen = 1930000001;
  postgres::Probe probe;
  probe.asked_at = kNow;
  probe.postmaster_start_time = "2031-03-04 05:08:00+00:00";
  probe.server_version = 170002;
  probe.in_recovery = true;
  probe.effective_timeline = Timeline{4};
  probe.receive = Lsn{117440664};
  probe.replay = Lsn{117440512};
  probe.receiver_state = "streaming";
  s.facts.probe = probe;
  return s;
}

/// Settings of a snapshot, to be changed.
inline config::Settings& change(ha::Snapshot& s) {
  auto copy = std::make_shared<config::Settings>(*s.settings);
  auto& out = *copy;
  s.settings = copy;
  return out;
}

/// The view of a snapshot, to be changed.
inline dcs::Cluster& change_view(ha::Snapshot& s) {
  auto copy = std::make_shared<dcs::Cluster>(*s.cluster);
  auto& out = *copy;
  s.cluster = copy;
  return out;
}

}  // namespace tanist::api::test
