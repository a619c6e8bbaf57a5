#include "ha/policy/synchronous.h"

#include <gtest/gtest.h>

#include "../view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;
using SyncMode = config::Dynamic::SyncMode;

/// n1 leads in priority mode, n2 and n3 stream from it.
class LeadingInSync : public ::testing::Test {
 protected:
  LeadingInSync() {
    on.as_leader().linearizable();
    mode(SyncMode::on);
    sync("n1", {});
    stream("n2", "async");
    stream("n3", "async");
    names("");
  }
  void mode(SyncMode mode, bool strict = false, int nodes = 1) {
    on.settings.dynamic.synchronous_mode = mode;
    on.settings.dynamic.synchronous_mode_strict = strict;
    on.settings.dynamic.synchronous_node_count = nodes;
  }
  void sync(const std::string& leader, std::vector<std::string> voters, int quorum = 0) {
    on.cluster.sync = {
        .version = dcs::Version("9"), .leader = leader, .voters = std::move(voters), .quorum = quorum};
  }
  postgres::WalSenderSeen& stream(const std::string& name, const std::string& state, Lsn at = kHere) {
    auto& senders = probe().wal_senders;
    std::erase_if(senders, [&](const auto& sender) { return sender.application_name == name; });
    postgres::WalSenderSeen sender;
    sender.pid = static_cast<int>(100 + senders.size());
    sender.application_name = name;
    sender.state = "streaming";
    sender.sync_state = state;
    sender.flush_lsn = sender.write_lsn = sender.replay_lsn = at;
    senders.push_back(sender);
    return senders.back();
  }
  void gone(const std::string& name) {
    std::erase_if(probe().wal_senders, [&](const auto& sender) { return sender.application_name == name; });
  }
  /// What commits wait for, and have waited for since `barrier`.
  void names(const std::string& text, Lsn barrier = kHere) {
    probe().standby_names = text;
    on.view.postgres.facts.own_standby_names = text;
    on.view.memory.synchronous.names = text;
    on.view.memory.synchronous.barrier = barrier;
  }
  postgres::Probe& probe() { return *on.view.postgres.facts.probe; }

  /// The one step of the decision, in short: `sync n1 [n2] 0`, `names n2`, or empty.
  std::string step() {
    const Decision d = on.decide();
    std::string text;
    for (const auto& write : duties<duty::Sync>(d)) {
      text += (text.empty() ? "sync " : ", sync ") + write.leader + " [";
      for (const auto& voter : write.voters) text += (text.ends_with('[') ? "" : ",") + voter;
      text += "] " + std::to_string(write.quorum);
      EXPECT_EQ(write.version, on.cluster.sync.version);
    }
    for (const auto& set : duties<duty::StandbyNames>(d))
      text += (text.empty() ? "names " : ", names ") + set.text.value_or("as configured");
    if (has_duty<duty::DeleteSync>(d)) text += text.empty() ? "delete" : ", delete";
    return text;
  }

  ViewBuilder on;
};

TEST_F(LeadingInSync, says_so_in_sync_first_of_all) {
  on.cluster.sync = {};
  EXPECT_EQ(step(), "sync n1 [] 0");
}

TEST_F(LeadingInSync, replaces_what_an_earlier_leader_has_said) {
  sync("n2", {"n3"});
  names("n3");
  EXPECT_EQ(step(), "sync n1 [] 0");
}

TEST_F(LeadingInSync, waits_for_a_standby_before_it_is_listed) {
  EXPECT_EQ(step(), "names n2") << "the first of the candidates that are alike";
  names("n2", kHere);
  stream("n2", "async");
  EXPECT_EQ(step(), "") << "the walsender has not read the list";
  stream("n2", "sync", Lsn{kHere.value - 8});
  EXPECT_EQ(step(), "") << "it may lack what was acknowledged before anybody waited for it";
  stream("n2", "sync");
  EXPECT_EQ(step(), "sync n1 [n2] 0");
  sync("n1", {"n2"});
  EXPECT_EQ(step(), "") << "settled";
}

TEST_F(LeadingInSync, nobody_counts_by_a_list_that_may_not_be_in_force) {
  names("n2");
  stream("n2", "sync");
  on.view.postgres.facts.own_standby_names = "";
  EXPECT_EQ(step(), "names n2");
}

TEST_F(LeadingInSync, nobody_is_remembered_to_count_by_such_a_list) {
  names("n2");
  stream("n2", "sync");
  ASSERT_TRUE(on.decide().memory.synchronous.ready.contains("n2"));
  on.view.postgres.facts.own_standby_names = "";
  EXPECT_FALSE(on.decide().memory.synchronous.ready.contains("n2"));
}

TEST_F(LeadingInSync, nothing_is_written_on_an_old_copy) {
  names("n2");
  stream("n2", "sync");
  ASSERT_EQ(step(), "sync n1 [n2] 0");
  on.linearizable(false);
  EXPECT_EQ(step(), "");
  EXPECT_TRUE(on.decide().needs.linearizable_view);
}

TEST_F(LeadingInSync, what_the_server_does_not_take_is_asked_for_ever_less_often) {
  on.view.memory = on.decide().memory;
  on.view.now += 50ms;
  EXPECT_EQ(step(), "") << "it was asked for just now";
  on.view.now += 100ms;
  EXPECT_EQ(step(), "names n2");
  on.view.memory = on.decide().memory;
  on.view.now += 150ms;
  EXPECT_EQ(step(), "");
  on.view.now += 100ms;
  EXPECT_EQ(step(), "names n2");
}

TEST_F(LeadingInSync, a_standby_is_out_of_sync_before_it_is_waited_for_no_more) {
  sync("n1", {"n2"});
  names("n2");
  gone("n2");
  EXPECT_EQ(step(), "sync n1 [] 0");
  sync("n1", {});
  EXPECT_EQ(step(), "names n3");
  names("n3");
  stream("n3", "sync");
  EXPECT_EQ(step(), "sync n1 [n3] 0");
}

TEST_F(LeadingInSync, with_nobody_left_commits_go_on) {
  sync("n1", {});
  names("n2");
  gone("n2");
  gone("n3");
  EXPECT_EQ(step(), "names ");
}

TEST_F(LeadingInSync, in_strict_mode_they_wait) {
  mode(SyncMode::on, true);
  sync("n1", {"n2"});
  names("n2");
  gone("n2");
  gone("n3");
  EXPECT_EQ(step(), "") << "/sync stays: n2 has everything";
  sync("n1", {});
  names("");
  EXPECT_EQ(step(), "names __patroni_strict_sync_replica_placeholder__");
}

TEST_F(LeadingInSync, who_waited_strictly_for_nobody_waits_no_more_once_it_is_not_strict) {
  for (const auto m : {SyncMode::on, SyncMode::quorum}) {
    const bool quorum = m == SyncMode::quorum;
    mode(m, true);
    sync("n1", {});
    const std::string placeholder = "__patroni_strict_sync_replica_placeholder__";
    names(quorum ? "ANY 1 (" + placeholder + ")" : placeholder);
    gone("n2");
    gone("n3");
    EXPECT_EQ(step(), "");
    mode(m, false);
    EXPECT_EQ(step(), "names ") << "or commits hang for as long as nobody streams";
  }
}

TEST_F(LeadingInSync, nobody_who_wants_no_part_in_it_is_waited_for) {
  on.cluster.members["n2"].tags = Document::map({{"nosync", true}});
  EXPECT_EQ(step(), "names n3");
  on.cluster.members["n3"].tags = Document::map({{"sync_priority", 0}});
  EXPECT_EQ(step(), "");
}

TEST_F(LeadingInSync, the_priority_of_a_standby_decides) {
  on.cluster.members["n3"].tags = Document::map({{"sync_priority", 2}});
  EXPECT_EQ(step(), "names n3");
}

TEST_F(LeadingInSync, who_is_waited_for_already_stays) {
  sync("n1", {"n3"});
  names("n3");
  stream("n3", "sync");
  stream("n2", "async", Lsn{kHere.value + 100});
  EXPECT_EQ(step(), "");
}

TEST_F(LeadingInSync, who_lags_too_far_is_replaced) {
  on.settings.dynamic.maximum_lag_on_syncnode = 1000;
  sync("n1", {"n2"});
  names("n2");
  stream("n2", "sync", Lsn{kHere.value - 5000});
  stream("n3", "async");
  EXPECT_EQ(step(), "sync n1 [] 0");
}

TEST_F(LeadingInSync, who_stands_still_is_waited_for_as_long_as_it_answers) {
  sync("n1", {"n2"});
  names("n2");
  const Lsn behind{kHere.value - 8};
  const auto& sender = stream("n2", "sync", behind);
  probe().wal = kHere;
  on.view.memory.synchronous.still["n2"] = {.reached = behind,
                                            .pid = sender.pid,
                                            .key = on.cluster.members["n2"].version,
                                            .since = on.view.now - on.settings.dynamic.timing.loop_wait};
  const Decision asks = on.decide();
  ASSERT_TRUE(asks.needs.peers && asks.needs.peers->contains("n2"));
  on.peer("n2", behind);
  EXPECT_EQ(step(), "");
  on.peer_unreachable("n2");
  EXPECT_EQ(step(), "sync n1 [] 0");
  mode(SyncMode::on, true);
  EXPECT_EQ(step(), "") << "strict: it may have what nobody else has, and commits are to wait";
}

TEST_F(LeadingInSync, who_has_vanished_counts_again_as_soon_as_something_of_it_moves) {
  names("");
  gone("n3");
  const auto& sender = stream("n2", "async");
  on.view.memory.synchronous.vanished["n2"] = {
      .reached = kHere, .pid = sender.pid, .key = on.cluster.members["n2"].version, .since = on.view.now};
  EXPECT_EQ(step(), "");
  on.cluster.members["n2"].version = dcs::Version("99");
  EXPECT_EQ(step(), "names n2");
}

TEST_F(LeadingInSync, a_guest_of_another_cascade_does_not_count) {
  on.cluster.members["n3"].tags = Document::map({{"replicatefrom", "n2"}});
  mode(SyncMode::on, false, 2);
  EXPECT_EQ(step(), "names n2") << "n3 streams from here only until n2 feeds it";
}

TEST_F(LeadingInSync, two_that_stream_by_one_name_do_not_count) {
  auto second = stream("n2", "async");
  probe().wal_senders.push_back(second);
  EXPECT_EQ(step(), "names n3");
  EXPECT_TRUE(says_something_like(on.decide(), "two standbys stream with the name n2"));
}

TEST_F(LeadingInSync, only_on_a_fresh_view_anything_is_changed) {
  on.linearizable(false);
  const Decision d = on.decide();
  EXPECT_TRUE(d.needs.linearizable_view);
  EXPECT_FALSE(has_duty<duty::StandbyNames>(d));
}

TEST_F(LeadingInSync, after_a_write_of_unknown_outcome_sync_is_written_before_anything_relies_on_it) {
  sync("n1", {"n2"});
  names("n2,n3");
  stream("n2", "sync");
  on.view.memory.synchronous.unsettled = true;
  EXPECT_EQ(step(), "sync n1 [n2] 0");
}

TEST_F(LeadingInSync, a_key_of_quorum_mode_promises_less) {
  sync("n1", {"n2", "n3"}, 1);
  names("ANY 1 (n2,n3)");
  stream("n2", "quorum");
  stream("n3", "quorum");
  EXPECT_EQ(step(), "sync n1 [] 0") << "not each of them has everything";
}

TEST_F(LeadingInSync, in_quorum_mode_all_of_them_vote) {
  mode(SyncMode::quorum);
  EXPECT_EQ(step(), "names ANY 1 (n2,n3)");
  names("ANY 1 (n2,n3)");
  stream("n2", "quorum");
  stream("n3", "quorum");
  EXPECT_EQ(step(), "sync n1 [n2,n3] 1");
  sync("n1", {"n2", "n3"}, 1);
  EXPECT_EQ(step(), "");
}

TEST_F(LeadingInSync, with_the_mode_off_sync_goes_first_and_the_users_list_comes_back) {
  mode(SyncMode::off);
  sync("n1", {"n2"});
  names("n2");
  on.cluster.config.valid = true;
  EXPECT_EQ(step(), "delete");
  on.cluster.sync = {};
  EXPECT_EQ(step(), "names as configured");
  on.view.postgres.facts.own_standby_names.reset();
  EXPECT_EQ(step(), "");
}

/// n2 has led, with n1 (me) and n3.
class PromotingInSync : public LeadingInSync {
 protected:
  PromotingInSync() {
    on.as_candidate();
    on.cluster.sync = {.version = dcs::Version("9"), .leader = "n2", .voters = {"n1"}, .quorum = 0};
    on.peer("n3", kHere).peer_unreachable("n2");
  }
};

TEST_F(PromotingInSync, who_is_in_sync_may_lead) {
  EXPECT_TRUE(intends<intent::Acquire>(on.decide()));
}

TEST_F(PromotingInSync, who_is_not_does_not) {
  sync("n2", {"n3"});
  EXPECT_FALSE(intends<intent::Acquire>(on.decide()));
}

TEST_F(PromotingInSync, a_key_that_the_operator_has_turned_off_binds_nobody) {
  sync("n2", {"n3"});
  mode(SyncMode::off);
  EXPECT_TRUE(intends<intent::Acquire>(on.decide()));
}

TEST_F(PromotingInSync, in_quorum_mode_as_many_answers_as_the_key_says_are_needed) {
  mode(SyncMode::quorum);
  sync("n2", {"n1", "n3"}, 1);
  EXPECT_TRUE(intends<intent::Acquire>(on.decide())) << "n3 says that it has no more";
  on.peer_unreachable("n3");
  EXPECT_FALSE(intends<intent::Acquire>(on.decide())) << "n3 may have what n1 lacks";
}

TEST_F(PromotingInSync, who_may_not_lead_has_a_vote_all_the_same) {
  mode(SyncMode::quorum);
  sync("n2", {"n1", "n3"}, 1);
  on.peer("n3", kHere);
  on.view.answers.peers->at("n3").nofailover = true;
  EXPECT_TRUE(intends<intent::Acquire>(on.decide()));
  on.view.answers.peers->at("n3").position = Lsn{kHere.value + 1};
  EXPECT_FALSE(intends<intent::Acquire>(on.decide()))
      << "what it has more may be all that is left of a commit";
}

TEST_F(PromotingInSync, an_outsider_needs_one_answer_more) {
  mode(SyncMode::quorum);
  sync("n2", {"n3"}, 0);
  EXPECT_TRUE(intends<intent::Acquire>(on.decide())) << "n3 has everything, and no more than n1";
  on.peer_unreachable("n3");
  EXPECT_FALSE(intends<intent::Acquire>(on.decide()));
}

TEST_F(PromotingInSync, a_key_of_quorum_mode_keeps_its_rule_when_the_mode_is_changed) {
  mode(SyncMode::on);
  sync("n2", {"n1", "n3"}, 1);
  on.peer_unreachable("n3");
  EXPECT_FALSE(intends<intent::Acquire>(on.decide()));
}

TEST_F(PromotingInSync, sync_names_the_new_leader_before_he_leads) {
  on.lock_mine().linearizable();
  on.view.memory.race.acquiring = false;
  const Decision d = on.decide();
  ASSERT_TRUE(intends<intent::Promote>(d));
  const auto writes = duties<duty::Sync>(d);
  ASSERT_EQ(writes.size(), 1u);
  EXPECT_EQ(writes.front().leader, "n1");
  EXPECT_TRUE(writes.front().voters.empty()) << "nobody is waited for yet";
  for (const auto& ordered : d.duties)
    if (std::holds_alternative<duty::Sync>(ordered.duty))
      EXPECT_EQ(ordered.on_failure, OnFailure::postpone_intent);
}

TEST_F(PromotingInSync, in_strict_mode_those_of_before_are_waited_for) {
  mode(SyncMode::on, true);
  on.lock_mine().linearizable();
  const Decision d = on.decide();
  ASSERT_TRUE(intends<intent::Promote>(d));
  const auto writes = duties<duty::Sync>(d);
  ASSERT_EQ(writes.size(), 1u);
  EXPECT_EQ(writes.front().voters, std::vector<std::string>{"n2"});
  const auto lists = duties<duty::StandbyNames>(d);
  ASSERT_EQ(lists.size(), 1u);
  EXPECT_EQ(lists.front().text, "n2");
}

TEST_F(PromotingInSync, in_quorum_mode_commits_wait_from_the_first_on) {
  mode(SyncMode::quorum);
  sync("n2", {"n1", "n3"}, 1);
  on.lock_mine().linearizable();
  const Decision d = on.decide();
  ASSERT_TRUE(intends<intent::Promote>(d));
  const auto writes = duties<duty::Sync>(d);
  ASSERT_EQ(writes.size(), 1u);
  EXPECT_EQ(writes.front().leader, "n1") << "else n2, back alone, would be elected without a vote";
  EXPECT_EQ(writes.front().quorum, 1);
  const auto lists = duties<duty::StandbyNames>(d);
  ASSERT_EQ(lists.size(), 1u);
  EXPECT_EQ(lists.front().text, "ANY 1 (n2,n3)");
}

TEST_F(PromotingInSync, the_list_is_made_ready_while_another_leads) {
  on.as_replica();
  mode(SyncMode::quorum);
  sync("n2", {"n1", "n3"}, 1);
  EXPECT_EQ(step(), "names ANY 1 (n2,n3)");
  names("ANY 1 (n2,n3)");
  EXPECT_EQ(step(), "");
}

}  // namespace
}  // namespace tanist::ha
