#include "postgres/parameters/recovery.h"

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

TEST(RecoveryDifference, a_server_before_12_is_restarted_for_anything) {
  Difference d;
  d.wanted = wanted_recovery(d.settings, d.upstream, 110000);
  d.running = {d.wanted.parameters, true, d.wanted.pgpass};
  EXPECT_EQ(d.at(110000), RecoveryDifference::none);
  d.running.parameters["standby_mode"] = "off";
  EXPECT_EQ(d.at(110000), RecoveryDifference::restart);
  d.running.parameters.erase("standby_mode");
  EXPECT_EQ(d.at(110000), RecoveryDifference::none);
  d.running.parameters["trigger_file"] = "promote";
  EXPECT_EQ(d.at(110000), RecoveryDifference::restart);
  // Before 10 the password stands in recovery.conf.
  d.wanted = wanted_recovery(d.settings, d.upstream, 90600);
  d.running = {d.wanted.parameters, true, {}};
  EXPECT_EQ(d.at(90600), RecoveryDifference::none);
  d.running.parameters["primary_conninfo"] =
      "user=rep password=old host=10.0.0.2 port=5432 sslmode=prefer "
      "application_name=node\\ 1";
  EXPECT_EQ(d.at(90600), RecoveryDifference::restart);
}

TEST(RecoveryDifference, the_order_of_lines_in_the_password_file_does_not_count) {
  Difference d;
  d.upstream.host = "a,b";
  d.wanted = wanted_recovery(d.settings, d.upstream, 150000);
  d.running = {d.wanted.parameters, true, "b:5432:*:rep:it's\\:a\\\\b\na:5432:*:rep:it's\\:a\\\\b\n"};
  EXPECT_EQ(d.at(), RecoveryDifference::none);
  d.running.pgpass += "c:5432:*:rep:x\n";
  EXPECT_EQ(d.at(), RecoveryDifference::reload);
}

TEST(RecoveryDifference, the_database_counts_from_17_on) {
  Difference d;
  d.wanted = wanted_recovery(d.settings, d.upstream, 170000);
  d.running = {d.wanted.parameters, true, d.wanted.pgpass};
  EXPECT_EQ(d.at(170000), RecoveryDifference::none);
  auto connection = parse_conninfo(d.running.parameters.at("primary_conninfo"));
  connection["dbname"] = "other";
  d.running.parameters["primary_conninfo"] = render_conninfo(connection, 170000);
  EXPECT_EQ(d.at(170000), RecoveryDifference::reload);
  EXPECT_EQ(d.at(160000), RecoveryDifference::none);
}

TEST(RecoveryDifference, what_only_included_files_set_is_left_alone) {
  Difference d;
  // From another file, and so not among those that are ours.
  EXPECT_FALSE(d.running.parameters.contains("restore_command"));
  EXPECT_EQ(d.at(), RecoveryDifference::none);
  d.running.parameters["restore_command"] = "cp";
  EXPECT_EQ(d.at(), RecoveryDifference::reload);
  EXPECT_EQ(d.at(130000), RecoveryDifference::restart);
}

TEST(Recovery, names_follow_the_version) {
  const Parameters both{{"trigger_file", "/t"}};
  EXPECT_EQ(translate_recovery(both, 110000), both);
  EXPECT_EQ(translate_recovery(both, 120000), (Parameters{{"promote_trigger_file", "/t"}}));
  EXPECT_EQ(translate_recovery(both, 160000), Parameters());
  EXPECT_EQ(translate_recovery({{"promote_trigger_file", "/t"}}, 90600), both);
  EXPECT_EQ(translate_recovery({{"pause_at_recovery_target", "true"}}, 90500),
            (Parameters{{"recovery_target_action", "pause"}}));
  EXPECT_EQ(translate_recovery({{"pause_at_recovery_target", "off"}}, 150000),
            (Parameters{{"recovery_target_action", "promote"}}));
  EXPECT_EQ(translate_recovery({{"pause_at_recovery_target", "off"}, {"recovery_target_action", "shutdown"}},
                               150000),
            (Parameters{{"recovery_target_action", "shutdown"}}));
  EXPECT_EQ(translate_recovery({{"recovery_target_action", "promote"}}, 90400),
            (Parameters{{"pause_at_recovery_target", "false"}}));
  EXPECT_EQ(translate_recovery({{"recovery_target_action", "pause"}}, 90400), Parameters());
}

TEST(Recovery, a_value_that_the_server_would_refuse_is_left_out_and_told) {
  auto settings = sample();
  settings.postgresql.recovery_conf = {{"Recovery_Min_Apply_Delay", "soon"}, {"restore_comand", "x"}};
  const auto wanted = wanted_recovery(settings, std::nullopt, 150000);
  EXPECT_FALSE(wanted.parameters.contains("recovery_min_apply_delay"));
  EXPECT_EQ(
      wanted.warnings,
      (std::vector<std::string>{
          "Removing integer parameter=recovery_min_apply_delay from the config due to the invalid value=soon",
          "Removing unexpected parameter=restore_comand value=x from the config"}));
}

TEST(Recovery, of_a_standby_cluster_reads_the_other_clusters_archive) {
  auto settings = sample();
  settings.postgresql.recovery_conf = {{"restore_command", "own"}, {"recovery_min_apply_delay", "1min"}};
  settings.dynamic.standby_cluster = true;
  settings.dynamic.remote.restore_command = "theirs";
  settings.dynamic.remote.archive_cleanup_command = "clean";
  settings.dynamic.remote.recovery_min_apply_delay = "5min";
  Upstream upstream{"n2", "10.0.0.2", 5432, "node_1"};
  auto wanted = wanted_recovery(settings, upstream, 150000).parameters;
  EXPECT_EQ(wanted.at("restore_command"), "theirs");
  EXPECT_EQ(wanted.at("archive_cleanup_command"), "clean");
  EXPECT_EQ(wanted.at("recovery_min_apply_delay"), "1min")
      << "those behind the standby leader do not wait twice";
  upstream.remote = true;
  EXPECT_EQ(wanted_recovery(settings, upstream, 150000).parameters.at("recovery_min_apply_delay"), "5min");
  upstream.host.clear();
  wanted = wanted_recovery(settings, upstream, 150000).parameters;
  EXPECT_FALSE(wanted.contains("primary_conninfo")) << "the archive is all there is";
  EXPECT_EQ(wanted.at("restore_command"), "theirs");
  settings.dynamic.standby_cluster = false;
  EXPECT_EQ(wanted_recovery(settings, std::nullopt, 150000).parameters.at("restore_command"), "own");
}

TEST(Recovery, of_several_hosts_the_one_that_has_the_slot_is_followed) {
  const auto settings = sample();
  const auto conninfo = [&](const std::string& host, const std::string& slot, int version) {
    return wanted_recovery(settings, Upstream{"", host, 5432, slot}, version)
        .parameters.at("primary_conninfo");
  };
  EXPECT_NE(conninfo("a,b", "s", 150000).find(" target_session_attrs=read-write"), std::string::npos);
  EXPECT_EQ(conninfo("a,b", "", 150000).find("target_session_attrs"), std::string::npos);
  EXPECT_EQ(conninfo("a", "s", 150000).find("target_session_attrs"), std::string::npos);
  EXPECT_EQ(conninfo("a,b", "s", 90600).find("target_session_attrs"), std::string::npos);
}

TEST(Recovery, credentials_and_kerberos_go_along_as_far_as_the_version_knows_them) {
  auto settings = sample();
  settings.postgresql.krbsrvname = "pg";
  settings.postgresql.accounts.replication.options = {
      {"sslmode", "verify-full"},  {"sslcert", "/c"},         {"sslkey", "/k"},
      {"sslpassword", "p"},        {"sslrootcert", "/r"},     {"sslcrl", "/l"},
      {"sslcrldir", "/d"},         {"gssencmode", "disable"}, {"channel_binding", "require"},
      {"sslnegotiation", "direct"}};
  const auto conninfo = [&](int version) {
    return wanted_recovery(settings, Upstream{"n2", "h", 1, ""}, version).parameters.at("primary_conninfo");
  };
  EXPECT_EQ(conninfo(170000),
            "dbname=postgres user=rep passfile=/home/pg/pgpass host=h port=1 sslmode=verify-full sslcert=/c "
            "sslkey=/k "
            "sslpassword=p sslrootcert=/r sslcrl=/l sslcrldir=/d application_name=node\\ 1 krbsrvname=pg "
            "gssencmode=disable channel_binding=require sslnegotiation=direct");
  EXPECT_EQ(conninfo(120000),
            "dbname=postgres user=rep passfile=/home/pg/pgpass host=h port=1 sslmode=verify-full sslcert=/c "
            "sslkey=/k "
            "sslrootcert=/r sslcrl=/l application_name=node\\ 1 krbsrvname=pg gssencmode=disable");
  EXPECT_EQ(conninfo(90600),
            "dbname=postgres user=rep password=it\\'s:a\\\\b host=h port=1 sslmode=verify-full sslcert=/c "
            "sslkey=/k "
            "sslrootcert=/r sslcrl=/l application_name=node\\ 1 krbsrvname=pg");
}

}  // namespace
}  // namespace tanist::postgres
