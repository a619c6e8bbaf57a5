#pragma once

#include "dcs/model.h"

/// The cluster `shop` of the documentation: pga leads, pgb streams.
namespace tanist::ctl::test {

inline dcs::Member& add_member(dcs::Cluster& cluster, const std::string& name, const std::string& host,
                               int port = 5432) {
  auto& m = cluster.members[name];
  m.name = name;
  m.conn_url = "postgres://" + host + ":" + std::to_string(port) + "/postgres";
  m.api_url = "http://" + host + ":8008/patroni";
  m.state = "running";
  m.role = "replica";
  m.timeline = Timeline{4};
  m.raw = Document::map({{"state", "running"}, {"timeline", 4}});
  return m;
}

inline dcs::Cluster shop() {
  dcs::Cluster out;
  out.initialize = {dcs::Version("1"), true, "7411111111111111111"};
  out.leader = dcs::Leader{"pga", "s1", dcs::Version("5")};
  out.status.optime = Lsn{0x7000098};
  add_member(out, "pga", "10.1.0.11").role = "primary";
  auto& pgb = add_member(out, "pgb", "10.1.0.12");
  pgb.replication_state = "streaming";
  pgb.receive_lsn = Lsn{0x7000098};
  pgb.replay_lsn = Lsn{0x5000000};
  pgb.xlog_location = Lsn{0x7000098};
  return out;
}

inline void set_tags(dcs::Member& member, Document tags) {
  member.tags = tags;
  member.raw.set("tags", std::move(tags));
}

}  // namespace tanist::ctl::test
