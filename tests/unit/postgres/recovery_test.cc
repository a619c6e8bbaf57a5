#include "postgres/recovery.h"

#include <gtest/gtest.h>

#include "unit/postgres/sample_settings.h"

namespace tanist::postgres {
namespace {

TEST(Recovery, a_standby_names_its_source_and_keeps_the_password_in_the_password_file) {
  const auto settings = sample();
  const auto wanted = wanted_recovery(settings, Upstream{"n2", "10.0.0.2", 5432, "node_1"}, 150000);
  EXPECT_EQ(wanted.parameters.at("primary_conninfo"),
            "dbname=postgres user=rep passfile=/home/pg/pgpass host=10.0.0.2 port=5432 sslmode=prefer "
            "application_name=node\\ 1 gssencmode=prefer channel_binding=prefer");
  EXPECT_EQ(wanted.parameters.at("primary_slot_name"), "node_1");
  EXPECT_EQ(wanted.parameters.at("recovery_target_timeline"), "latest");
  EXPECT_EQ(wanted.parameters.at("recovery_target_time"), "");
  EXPECT_EQ(wanted.pgpass, "10.0.0.2:5432:*:rep:it's\\:a\\\\b\n");
  EXPECT_FALSE(wanted_recovery(settings, std::nullopt, 150000).parameters.contains("primary_conninfo"));
}

TEST(Recovery, parameters_replace_recovery_conf_and_targets_are_ignored) {
  auto settings = sample();
  settings.postgresql.recovery_conf = {{"restore_command", "old"}, {"recovery_target_time", "x"}};
  EXPECT_EQ(wanted_recovery(settings, std::nullopt, 150000).parameters.at("restore_command"), "old");
  EXPECT_EQ(wanted_recovery(settings, std::nullopt, 150000).parameters.at("recovery_target_time"), "");
  settings.postgresql.parameters["recovery_end_command"] = "end";
  const auto wanted = wanted_recovery(settings, std::nullopt, 150000);
  EXPECT_FALSE(wanted.parameters.contains("restore_command"));
  EXPECT_EQ(wanted.parameters.at("recovery_end_command"), "end");
}

struct Difference {
  config::Settings settings = sample();
  Upstream upstream{"n2", "10.0.0.2", 5432, "node_1"};
  RecoverySettings wanted = wanted_recovery(settings, upstream, 150000);
  RunningRecovery running{wanted.parameters, true, wanted.pgpass};
  std::string receiver;
  std::string slot;
  RecoveryDifference at(int version = 150000) const {
    return compare_recovery(wanted, running, receiver, slot, version);
  }
};

TEST(RecoveryDifference, nothing_differs_from_what_was_written) {
  Difference d;
  EXPECT_EQ(d.at(), RecoveryDifference::none);
  d.receiver =
      "user=rep passfile=/home/pg/pgpass channel_binding=prefer dbname=replication host=10.0.0.2 port=5432 "
      "application_name='node 1' fallback_application_name=walreceiver sslmode=prefer sslcompression=0 "
      "gssencmode=prefer krbsrvname=postgres target_session_attrs=any password=********";
  d.slot = "node_1";
  EXPECT_EQ(d.at(), RecoveryDifference::none);
}

TEST(RecoveryDifference, another_source_slot_or_password_needs_a_reload) {
  Difference d;
  d.running.parameters["primary_conninfo"] = "host=10.0.0.3 port=5432 user=rep";
  EXPECT_EQ(d.at(), RecoveryDifference::reload);
  EXPECT_EQ(d.at(120000), RecoveryDifference::restart);
  d = Difference();
  d.running.pgpass = "other";
  EXPECT_EQ(d.at(), RecoveryDifference::reload);
  d = Difference();
  d.receiver = d.running.parameters["primary_conninfo"];
  d.slot = "other";
  EXPECT_EQ(d.at(), RecoveryDifference::reload);
  d = Difference();
  d.wanted = wanted_recovery(d.settings, std::nullopt, 150000);
  EXPECT_EQ(d.at(), RecoveryDifference::reload);
}

TEST(RecoveryDifference, targets_need_a_restart_and_delays_are_compared_as_times) {
  Difference d;
  d.running.parameters["recovery_target"] = "immediate";
  EXPECT_EQ(d.at(), RecoveryDifference::restart);
  d = Difference();
  d.wanted.parameters["recovery_min_apply_delay"] = "5s";
  d.running.parameters["recovery_min_apply_delay"] = "5000";
  EXPECT_EQ(d.at(), RecoveryDifference::none);
  d.wanted.parameters["restore_command"] = "cp";
  EXPECT_EQ(d.at(), RecoveryDifference::reload);
}

}  // namespace
}  // namespace tanist::postgres
