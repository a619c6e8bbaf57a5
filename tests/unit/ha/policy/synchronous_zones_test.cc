// Commits that wait for members in other zones than the primary's (replication.md §21).

#include <gtest/gtest.h>

#include "../view_builder.h"
#include "ha/policy/sync_promotion.h"
#include "ha/policy/synchronous.h"

namespace tanist::ha {
namespace {

using namespace testing;
using SyncMode = config::Dynamic::SyncMode;

/// n1 leads in zone a; who streams from it is added by each test. What a decision orders is carried out.
class LeadingInZones {
 public:
  explicit LeadingInZones(SyncMode mode, int other_zones = 1, bool strict = false, int nodes = 1) {
    on.as_leader().linearizable();
    for (const char* name : {"n2", "n3"}) on.cluster.members.erase(name);
    on.last = on.cluster;
    auto& dynamic = on.settings.dynamic;
    dynamic.synchronous_mode = mode;
    dynamic.synchronous_mode_strict = strict;
    dynamic.synchronous_node_count = nodes;
    dynamic.zones.min_other_zones = other_zones;
    on.settings.tags.zone = "a";
    probe().server_version = 150004;
    on.cluster.sync = {.version = dcs::Version("9"), .leader = "n1"};
    set_names("");
  }

  dcs::Member& stream(const std::string& name, const std::string& zone) {
    if (!on.cluster.members.contains(name)) on.member(name);
    auto& member = on.cluster.members[name];
    if (!zone.empty()) member.tags.set("zone", zone);
    member.tanist_version = "0.1.0";
    postgres::WalSenderSeen sender;
    sender.pid = next_pid_++;
    sender.application_name = name;
    sender.state = "streaming";
    sender.flush_lsn = sender.write_lsn = sender.replay_lsn = kHere;
    probe().wal_senders.push_back(sender);
    set_names(probe().standby_names);
    return member;
  }
  void gone(const std::string& name) {
    std::erase_if(probe().wal_senders, [&](const auto& sender) { return sender.application_name == name; });
  }

  /// As PostgreSQL does with a list: whoever is in it has confirmed.
  void set_names(const std::string& text) {
    probe().standby_names = text;
    on.view.postgres.facts.own_standby_names = text;
    on.view.memory.synchronous.names = text;
    on.view.memory.synchronous.barrier = kHere;
    const auto names = postgres::parse_standby_names(text).value();
    for (auto& sender : probe().wal_senders) {
      const bool listed = names.names.contains(sender.application_name);
      const bool quorum = names.kind == postgres::StandbyNames::Kind::quorum;
      sender.sync_state = !listed ? "async" : quorum ? "quorum" : "sync";
    }
  }

  /// Until nothing is left to do; each list of standbys on the way.
  std::vector<std::string> settle() {
    constexpr int kMost = 30;
    std::vector<std::string> lists;
    for (int step = 0; step < kMost; ++step) {
      last_ = on.decide();
      on.view.memory = last_.memory;
      on.view.now += 60s;
      on.cluster.read_at = on.view.now - 10ms;
      on.view.postgres.facts.probe->asked_at = on.view.now - 300ms;
      on.lease_for(29s);
      const auto writes = duties<duty::Sync>(last_);
      const auto sets = duties<duty::StandbyNames>(last_);
      if (writes.empty() && sets.empty()) return lists;
      for (const auto& write : writes)
        on.cluster.sync = {.version = dcs::Version(std::to_string(100 + step)),
                           .leader = write.leader,
                           .voters = write.voters,
                           .quorum = write.quorum};
      for (const auto& set : sets) {
        set_names(set.text.value_or(""));
        lists.push_back(probe().standby_names);
      }
    }
    ADD_FAILURE() << "goes on and on";
    return lists;
  }
  std::string names() { return probe().standby_names; }
  NameSet voters() const { return {on.cluster.sync.voters.begin(), on.cluster.sync.voters.end()}; }
  int quorum() const { return on.cluster.sync.quorum; }
  const Decision& last() const { return last_; }
  postgres::Probe& probe() { return *on.view.postgres.facts.probe; }

  ViewBuilder on;

 private:
  int next_pid_ = 100;
  Decision last_;
};

TEST(SynchronousZones, in_priority_mode_one_of_another_zone_is_chosen_in_place_of_a_nearer_one) {
  LeadingInZones at(SyncMode::on);
  at.stream("n2", "a"), at.stream("n3", "b");
  at.settle();
  EXPECT_EQ(at.names(), "n3");
  EXPECT_EQ(at.voters(), NameSet{"n3"});
}

TEST(SynchronousZones, with_two_to_be_chosen_one_is_of_another_zone) {
  LeadingInZones at(SyncMode::on, 1, false, 2);
  at.stream("n2", "a"), at.stream("n3", "a"), at.stream("n4", "b");
  at.settle();
  EXPECT_EQ(at.names(), "2 (n2,n4)");
}

TEST(SynchronousZones, more_are_chosen_than_configured_where_it_takes_that) {
  LeadingInZones at(SyncMode::on, 2);
  at.stream("n2", "a"), at.stream("n3", "b"), at.stream("n4", "c");
  at.settle();
  EXPECT_EQ(at.names(), "2 (n3,n4)");
}

TEST(SynchronousZones, in_quorum_mode_as_many_as_leave_one_of_another_zone) {
  LeadingInZones at(SyncMode::quorum);
  at.stream("n2", "a"), at.stream("n3", "b"), at.stream("n4", "b");
  at.settle();
  EXPECT_EQ(at.names(), "ANY 2 (n2,n3,n4)");
  EXPECT_EQ(at.quorum(), 1) << "n3 with n4, or each of them with n2";
}

TEST(SynchronousZones, who_tells_no_zone_counts_as_in_the_primarys) {
  LeadingInZones at(SyncMode::quorum);
  at.stream("n2", ""), at.stream("n3", "b");
  at.settle();
  EXPECT_EQ(at.names(), "ANY 2 (n2,n3)");
}

TEST(SynchronousZones, without_a_member_of_another_zone_commits_go_on_and_it_is_told) {
  for (const SyncMode mode : {SyncMode::on, SyncMode::quorum}) {
    LeadingInZones at(mode);
    at.stream("n2", "a"), at.stream("n3", "b");
    at.settle();
    at.gone("n3");
    at.settle();
    EXPECT_EQ(at.names(), mode == SyncMode::on ? "n2" : "ANY 1 (n2)");
    EXPECT_EQ(at.voters(), NameSet{"n2"});
    EXPECT_TRUE(says_something_like(at.last(), "0 of the 1 members of other zones"));
    at.stream("n3", "b");
    at.settle();
    EXPECT_TRUE(at.voters().contains("n3"));
    EXPECT_FALSE(says_something_like(at.last(), "members of other zones"));
  }
}

TEST(SynchronousZones, in_strict_mode_they_wait_until_there_is_one) {
  for (const SyncMode mode : {SyncMode::on, SyncMode::quorum}) {
    LeadingInZones at(mode, 1, true);
    at.stream("n2", "a");
    for (const auto& list : at.settle()) EXPECT_NE(list.find("placeholder"), std::string::npos) << list;
    EXPECT_NE(at.names().find("placeholder"), std::string::npos) << at.names();
    EXPECT_TRUE(says_something_like(at.last(), "commits wait"));
    at.stream("n3", "b");
    // No list on the way that n2 alone could satisfy.
    for (const auto& list : at.settle()) EXPECT_NE(list.find("n3"), std::string::npos) << list;
    EXPECT_EQ(at.names(), mode == SyncMode::on ? "n3" : "ANY 2 (n2,n3)");
    at.gone("n3");
    at.settle();
    EXPECT_NE(at.names().find("n3"), std::string::npos) << "nobody else has what it has";
    EXPECT_TRUE(at.voters().contains("n3"));
  }
}

TEST(SynchronousZones, strict_and_turned_on_later_a_voter_of_the_same_zone_is_not_enough) {
  for (const SyncMode mode : {SyncMode::on, SyncMode::quorum}) {
    LeadingInZones at(mode, 0, true);
    at.stream("n2", "a");
    at.settle();
    EXPECT_EQ(at.voters(), NameSet{"n2"});
    at.on.settings.dynamic.zones.min_other_zones = 1;
    at.settle();
    const std::string both = "2 (__patroni_strict_sync_replica_placeholder__,n2)";
    EXPECT_EQ(at.names(), mode == SyncMode::on ? both : "ANY " + both);
    EXPECT_EQ(at.voters(), NameSet{"n2"}) << "it has everything";
    at.stream("n3", "b");
    for (const auto& list : at.settle()) EXPECT_NE(list.find("n3"), std::string::npos) << list;
  }
}

TEST(SynchronousZones, a_leader_without_a_zone_says_so) {
  LeadingInZones at(SyncMode::on);
  at.on.settings.tags.zone.clear();
  at.stream("n2", "a"), at.stream("n3", "b");
  at.settle();
  EXPECT_EQ(at.names(), "n2");
  EXPECT_TRUE(says_something_like(at.last(), "leads without a tag zone"));
}

TEST(SynchronousZones, who_lags_too_far_is_not_counted_on) {
  LeadingInZones at(SyncMode::on, 1, false, 2);
  at.on.settings.dynamic.maximum_lag_on_syncnode = 1000;
  at.stream("n2", "a"), at.stream("n3", "a"), at.stream("n4", "b");
  at.probe().wal_senders.back().flush_lsn = Lsn{kHere.value - 5000};
  at.settle();
  EXPECT_EQ(at.names(), "2 (n2,n3)");
}

TEST(SynchronousZones, who_may_not_lead_is_waited_for_only_where_nobody_else_stands_in_another_zone) {
  LeadingInZones at(SyncMode::quorum);
  at.stream("n2", "a"), at.stream("n3", "b").tags.set("nofailover", true);
  at.settle();
  EXPECT_EQ(at.names(), "ANY 2 (n2,n3)");
  at.stream("n4", "b");
  at.settle();
  EXPECT_EQ(at.names(), "ANY 2 (n2,n4)");
}

TEST(SynchronousZones, in_priority_mode_those_of_preferred_zones_are_chosen) {
  LeadingInZones at(SyncMode::on, 1, false, 2);
  at.on.settings.dynamic.zones.prefer_same = true;
  at.stream("n2", "b"), at.stream("n3", "b"), at.stream("n4", "a");
  at.settle();
  EXPECT_EQ(at.voters(), (NameSet{"n2", "n4"}))
      << "one to lead next nearby, one in case that all of it is lost";
  at.on.settings.dynamic.zones = {.min_other_zones = 1, .prefer_same = false, .prefer = {"c", "b"}};
  at.stream("n5", "c");
  at.settle();
  EXPECT_EQ(at.voters(), (NameSet{"n2", "n5"}));
}

TEST(SynchronousZones, members_of_other_make_are_told_of) {
  LeadingInZones at(SyncMode::on);
  at.stream("n2", "a"), at.stream("n3", "b").tanist_version.clear();
  at.settle();
  EXPECT_EQ(at.names(), "n3") << "what it has it has";
  at.on.view.memory.told = {};
  EXPECT_TRUE(says_something_like(at.on.decide(), "n3 is of other make"));
  at.on.settings.dynamic.zones = {};
  at.on.view.memory.told = {};
  EXPECT_FALSE(says_something_like(at.on.decide(), "is of other make"));
}

/// How often commits may be acknowledged by this list without so many of zone b: never, where all of a list
/// are waited for, or so many that the rest is too few.
bool keeps(const std::string& text, int other_zones, const NameSet& others) {
  const auto list = postgres::parse_standby_names(text).value();
  const int in_list = static_cast<int>(common(list.names, others).size());
  const int own = static_cast<int>(list.names.size()) - in_list;
  if (text.find(',') == std::string::npos && list.kind == postgres::StandbyNames::Kind::priority)
    return in_list >= other_zones;
  return list.count - own >= other_zones;
}

TEST(SynchronousZones, of_all_sets_of_members_enough_of_other_zones_have_each_commit_and_may_lead) {
  for (const SyncMode mode : {SyncMode::on, SyncMode::quorum})
    for (int zones = 0; zones < 81; ++zones)  // each of four standbys: not there, in zone a, in zone b
      for (const int other_zones : {1, 2})
        for (const int nodes : {1, 2}) {
          LeadingInZones at(mode, other_zones, false, nodes);
          NameSet others;
          int rest = zones;
          for (const char* name : {"n2", "n3", "n4", "n5"}) {
            const int where = rest % 3;
            rest /= 3;
            if (where > 0) at.stream(name, where == 1 ? "a" : "b");
            if (where == 2) others.insert(name);
          }
          at.settle();
          const int there = std::min(other_zones, static_cast<int>(others.size()));
          if (there == 0) continue;
          EXPECT_TRUE(keeps(at.names(), there, others)) << at.names();
          // The zone of the primary is lost: those of the other elect one of them, also without as many as
          // were waited for beyond the one.
          const int left = static_cast<int>(common(at.voters(), others).size()) - (there - 1);
          EXPECT_GE(left, 1) << at.names();
          EXPECT_GE(left - 1, at.quorum()) << at.names();
        }
}

}  // namespace
}  // namespace tanist::ha
