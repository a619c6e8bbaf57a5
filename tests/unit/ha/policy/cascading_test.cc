#include "ha/policy/cascading.h"

#include <gtest/gtest.h>

#include "ha/policy/decide.h"
#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;

/// n2 leads, n3 follows it, and I am told to stream from n3.
ViewBuilder cascaded() {
  ViewBuilder b = ViewBuilder().as_replica();
  b.settings.tags.replicatefrom = "n3";
  b.cluster.members["n3"].replication_state = "streaming";
  b.view.postgres.facts.probe->asked_at = b.view.now;
  return b;
}

ViewBuilder without_upstream(Duration since, const std::string& state = "running") {
  ViewBuilder b = cascaded();
  b.view.postgres.facts.probe->receiver_state.clear();
  b.cluster.members["n3"].state = state;
  b.view.memory.following.cascade.cut_off_since = b.view.now - since;
  b.view.memory.following.cascade.under = "n2";
  return b;
}

/// The leader stands in for n3, which looks well since then.
ViewBuilder gone_by(Duration well_since) {
  ViewBuilder b = cascaded();
  b.view.memory.following.cascade.left = "n3";
  b.view.memory.following.cascade.left_at = b.view.now - 10min;
  b.view.memory.following.cascade.well_since = b.view.now - well_since;
  b.view.answers.source = postgres::SourceAnswer{
      .member = "n3", .system_identifier = kSystemId, .detail = {}, .asked_at = b.view.now};
  return b;
}

std::string streams_from_whom(const ViewBuilder& b) {
  const auto upstream = wanted_upstream(b.build());
  return upstream ? upstream->member : "nobody";
}

TEST(Cascading, a_chain_of_any_length_is_followed_at_its_next_member) {
  ViewBuilder b = cascaded();
  b.member("n4").member("n5");
  b.cluster.members["n3"].tags = Document::map({{"replicatefrom", "n4"}});
  b.cluster.members["n4"].tags = Document::map({{"replicatefrom", "n5"}});
  b.cluster.members["n5"].tags = Document::map({{"replicatefrom", "n2"}});
  EXPECT_EQ(streams_from_whom(b), "n3");
  b.cluster.members["n5"].tags = Document::map({{"replicatefrom", "nobody"}});
  EXPECT_EQ(streams_from_whom(b), "n3");
  b.cluster.members["n5"].tags = Document::map({{"replicatefrom", "n5"}});
  EXPECT_EQ(streams_from_whom(b), "n3") << "a tag that names its own member means the leader";
}

TEST(Cascading, a_circle_is_broken_by_each_of_its_members_and_told_once_a_minute) {
  ViewBuilder b = cascaded();
  b.member("n4");
  b.cluster.members["n3"].tags = Document::map({{"replicatefrom", "n4"}});
  b.cluster.members["n4"].tags = Document::map({{"replicatefrom", "n1"}});
  EXPECT_EQ(streams_from_whom(b), "n2");
  Decision d = b.decide();
  EXPECT_TRUE(says_something_like(d, "in a circle (n1 > n3 > n4 > n1)")) << d.reason.text();
  b.view.memory = d.memory;
  b.view.now += 30s;
  EXPECT_FALSE(says_something_like(b.decide(), "in a circle"));
  b.view.now += 31s;
  EXPECT_TRUE(says_something_like(b.decide(), "in a circle"));
}

TEST(Cascading, a_circle_above_is_gone_by_as_well) {
  ViewBuilder b = cascaded();
  b.member("n4");
  b.cluster.members["n3"].tags = Document::map({{"replicatefrom", "n4"}});
  b.cluster.members["n4"].tags = Document::map({{"replicatefrom", "n3"}});
  EXPECT_EQ(streams_from_whom(b), "n2");
  b.cluster.members["n4"].tags = Document::map({{"replicatefrom", "n1"}});
  b.without_member("n1");
  EXPECT_EQ(streams_from_whom(b), "n2") << "my own key may be late";
}

TEST(Cascading, the_leader_ends_every_chain) {
  ViewBuilder b = cascaded();
  b.cluster.members["n3"].tags = Document::map({{"replicatefrom", "n2"}});
  b.cluster.members["n2"].tags = Document::map({{"replicatefrom", "n1"}});
  EXPECT_EQ(streams_from_whom(b), "n3");
  EXPECT_FALSE(says_something_like(b.decide(), "in a circle"));
}

TEST(Cascading, an_upstream_that_feeds_is_kept_however_far_behind_it_is) {
  ViewBuilder b = cascaded();
  b.cluster.members["n3"].xlog_location = Lsn{16};
  b.cluster.members["n3"].state = "starting";
  for (int i = 0; i < 100; ++i) {
    b.view.now += 10s;
    b.view.postgres.facts.probe->asked_at = b.view.now;
    const Decision d = b.decide();
    b.view.memory = d.memory;
    EXPECT_EQ(d.memory.following.cascade.left, "");
  }
  EXPECT_EQ(streams_from_whom(b), "n3");
}

TEST(Cascading, an_upstream_that_says_it_is_down_is_left_after_two_seconds) {
  EXPECT_EQ(without_upstream(1999ms, "stopped").decide().memory.following.cascade.left, "");
  EXPECT_LE(*without_upstream(1900ms, "stopped").decide().wake_at, ViewBuilder().view.now + 100ms);
  ViewBuilder b = without_upstream(2s, "stopped");
  const Decision d = b.decide();
  EXPECT_EQ(d.memory.following.cascade.left, "n3");
  EXPECT_TRUE(says(d,
                   "nothing is streamed from n3, which the tag replicatefrom names: following the leader "
                   "n2 until it is back"));
  EXPECT_EQ(d.wake_at, b.view.now) << "what follows from it is done at once";
  b.view.memory = d.memory;
  EXPECT_EQ(streams_from_whom(b), "n2");
}

TEST(Cascading, an_upstream_that_says_nothing_is_left_after_five_seconds) {
  EXPECT_EQ(without_upstream(4999ms).decide().memory.following.cascade.left, "");
  EXPECT_EQ(without_upstream(5s).decide().memory.following.cascade.left, "n3");
}

TEST(Cascading, an_upstream_is_left_later_where_that_takes_a_restart) {
  ViewBuilder b = without_upstream(29s, "stopped");
  b.view.postgres.facts.major_version = 120000;
  EXPECT_EQ(b.decide().memory.following.cascade.left, "");
  b.view.memory.following.cascade.cut_off_since = b.view.now - 30s;
  EXPECT_EQ(b.decide().memory.following.cascade.left, "n3");
}

TEST(Cascading, nobody_is_left_for_a_leader_that_does_not_run) {
  ViewBuilder b = without_upstream(1h);
  b.cluster.members["n2"].state = "starting";
  EXPECT_EQ(b.decide().memory.following.cascade.left, "");
}

TEST(Cascading, the_time_counts_anew_under_another_leader) {
  ViewBuilder b = without_upstream(1h);
  b.view.memory.following.cascade.under = "n4";
  const Decision d = b.decide();
  EXPECT_EQ(d.memory.following.cascade.left, "");
  EXPECT_EQ(d.memory.following.cascade.cut_off_since, b.view.now);
}

TEST(Cascading, the_time_does_not_count_before_the_upstream_is_followed) {
  ViewBuilder b = without_upstream(1h);
  b.view.postgres.recovery_difference = postgres::RecoveryDifference::reload;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Follow>(d));
  EXPECT_FALSE(d.memory.following.cascade.cut_off_since);
}

TEST(Cascading, a_standby_that_starves_in_its_start_leaves_an_upstream_that_is_down) {
  ViewBuilder b = without_upstream(2s, "stopped");
  b.starting();
  EXPECT_EQ(b.decide().memory.following.cascade.left, "n3");
  ViewBuilder fed = without_upstream(1h);
  fed.starting();
  EXPECT_EQ(fed.decide().memory.following.cascade.left, "") << "it replays what it has";
}

TEST(Cascading, an_upstream_without_a_member_key_is_left_at_once) {
  ViewBuilder b = cascaded().without_member("n3");
  EXPECT_EQ(streams_from_whom(b), "n2");
  EXPECT_EQ(b.decide().memory.following.cascade.left, "n3") << "and returned to as any other";
}

TEST(Cascading, an_upstream_is_returned_to_once_it_has_been_well_for_ten_seconds) {
  EXPECT_EQ(streams_from_whom(gone_by(9s)), "n2");
  EXPECT_EQ(gone_by(9s).decide().memory.following.cascade.left, "n3");
  ViewBuilder b = gone_by(10s);
  const Decision d = b.decide();
  EXPECT_EQ(d.memory.following.cascade.left, "");
  EXPECT_EQ(d.wake_at, b.view.now);
  EXPECT_TRUE(says(d, "n3 is well again: streaming from it, as the tag replicatefrom says"));
  b.view.memory = d.memory;
  EXPECT_EQ(streams_from_whom(b), "n3");
}

TEST(Cascading, an_upstream_is_asked_before_it_is_returned_to) {
  ViewBuilder b = gone_by(10s);
  b.view.answers.source.reset();
  const Decision asks = b.decide();
  ASSERT_TRUE(asks.needs.source);
  EXPECT_EQ(asks.needs.source->member, "n3");
  for (const char* other : {"", "7000000000000000009"}) {
    b.view.answers.source = postgres::SourceAnswer{
        .member = "n3", .system_identifier = other, .detail = "refused", .asked_at = b.view.now};
    const Decision d = b.decide();
    EXPECT_EQ(d.memory.following.cascade.left, "n3");
    EXPECT_EQ(d.memory.following.cascade.well_since, b.view.now) << "it has to be well for a while again";
    EXPECT_FALSE(d.needs.source);
  }
}

TEST(Cascading, a_key_that_is_as_it_was_when_the_upstream_was_left_says_nothing_until_it_would_have_ended) {
  ViewBuilder b = gone_by(1h);
  auto& cascade = b.view.memory.following.cascade;
  cascade.left_version = b.cluster.members["n3"].version;
  cascade.left_at = b.view.now - 30s;
  EXPECT_FALSE(b.decide().memory.following.cascade.well_since);
  cascade.left_at = b.view.now - 31s;
  EXPECT_EQ(b.decide().memory.following.cascade.left, "");
  cascade.left_at = b.view.now - 1s;
  b.cluster.members["n3"].version = dcs::Version("8");
  EXPECT_EQ(b.decide().memory.following.cascade.left, "");
}

TEST(Cascading, what_looks_ill_in_between_begins_anew) {
  const auto ill = [](const auto& change) {
    ViewBuilder b = gone_by(1h);
    change(b.cluster.members["n3"]);
    const Decision d = b.decide();
    EXPECT_LE(*d.wake_at, b.view.now + 2s) << "its key wakes nobody";
    return d.memory.following.cascade.left == "n3" && !d.memory.following.cascade.well_since;
  };
  EXPECT_TRUE(ill([](dcs::Member& m) { m.state = "starting"; }));
  EXPECT_TRUE(ill([](dcs::Member& m) { m.replication_state = "in archive recovery"; }));
  EXPECT_TRUE(ill([](dcs::Member& m) { m.timeline = {2}; }));
  EXPECT_TRUE(ill([](dcs::Member& m) { m.conn_url.clear(); }));
  EXPECT_FALSE(ill([](dcs::Member& m) { m.replication_state.clear(); })) << "not all of them tell";
  EXPECT_FALSE(ill([](dcs::Member& m) {
    m.replication_state = "in archive recovery";
    m.tags = Document::map({{"nostream", true}});
  })) << "that is how it is meant to be";
}

TEST(Cascading, each_return_that_does_not_last_makes_the_next_wait_twice_as_long) {
  ViewBuilder b = without_upstream(5s);
  b.view.memory.following.cascade.returned_at = b.view.now - 20s;
  b.view.memory.following.cascade.returns_in_vain = 1;
  Decision d = b.decide();
  EXPECT_EQ(d.memory.following.cascade.returns_in_vain, 2);
  ViewBuilder waits = gone_by(39s);
  waits.view.memory.following.cascade.returns_in_vain = 2;
  EXPECT_EQ(waits.decide().memory.following.cascade.left, "n3");
  waits.view.memory.following.cascade.well_since = waits.view.now - 40s;
  EXPECT_EQ(waits.decide().memory.following.cascade.left, "");
  ViewBuilder longest = gone_by(5min);
  longest.view.memory.following.cascade.returns_in_vain = 1000;
  EXPECT_EQ(longest.decide().memory.following.cascade.left, "");
  b.view.memory.following.cascade.returned_at = b.view.now - 61s;
  EXPECT_EQ(b.decide().memory.following.cascade.returns_in_vain, 0) << "that one lasted";
}

TEST(Cascading, another_tag_and_none_begin_anew) {
  ViewBuilder b = gone_by(1s);
  b.member("n4");
  b.settings.tags.replicatefrom = "n4";
  EXPECT_EQ(streams_from_whom(b), "n4");
  EXPECT_EQ(b.decide().memory.following.cascade.left, "");
  b.settings.tags.replicatefrom = "";
  EXPECT_EQ(b.decide().memory.following.cascade.left, "");
}

TEST(Cascading, a_member_from_the_archive_streams_from_nobody) {
  ViewBuilder b = gone_by(1s);
  b.settings.tags.nostream = true;
  EXPECT_EQ(streams_from_whom(b), "nobody");
  EXPECT_EQ(b.decide().memory.following.cascade.left, "");
}

TEST(Cascading, a_leader_that_keeps_slots_only_for_its_own_is_streamed_from_without_one) {
  EXPECT_EQ(wanted_upstream(gone_by(1s).build())->slot, "n1");
  ViewBuilder off = gone_by(1s);
  off.settings.dynamic.member_slots_ttl = 0s;
  EXPECT_EQ(wanted_upstream(off.build())->slot, "");
  ViewBuilder old = gone_by(1s);
  old.view.postgres.facts.major_version = 100000;
  EXPECT_EQ(wanted_upstream(old.build())->slot, "");
  ViewBuilder barred = gone_by(1s);
  barred.cluster.members["n2"].tags = Document::map({{"nofailover", true}});
  EXPECT_EQ(wanted_upstream(barred.build())->slot, "");
  off.without_member("n3");
  EXPECT_EQ(wanted_upstream(off.build())->slot, "n1") << "whose upstream is no member is the leader's";
}

}  // namespace
}  // namespace tanist::ha
