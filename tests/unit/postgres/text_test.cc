#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "postgres/config_files.h"
#include "postgres/conninfo.h"
#include "postgres/control_data.h"
#include "postgres/history.h"
#include "postgres/monitoring_query.h"
#include "postgres/parameters.h"
#include "postgres/pid_file.h"
#include "postgres/progress.h"
#include "postgres/recovery.h"

namespace tanist::postgres {
namespace {

using testing::HasSubstr;

config::Settings sample() {
  config::Settings settings;
  settings.scope = "demo";
  settings.name = "node 1";
  settings.postgresql.listen_addresses = "127.0.0.1";
  settings.postgresql.port = 5433;
  settings.postgresql.data_dir = "/data/pg";
  settings.postgresql.pgpass = "/home/pg/pgpass";
  settings.postgresql.replication = {"rep", Secret("it's:a\\b"), {}};
  settings.postgresql.superuser = {"postgres", Secret("super"), {}};
  settings.postgresql.parameters = {{"max_connections", "100"}, {"wal_level", "hot_standby"}, {"work_mem", "4MB"}};
  return settings;
}

TEST(States, have_the_words_of_the_member_key) {
  EXPECT_EQ(to_string(State::initdb), "initializing new cluster");
  EXPECT_EQ(to_string(State::crashed), "crashed");
  EXPECT_EQ(static_cast<int>(State::crashed), 14);
  EXPECT_EQ(to_string(Role::standby_leader), "standby_leader");
}

TEST(ControlData, is_read_from_pg_controldata) {
  const auto data = parse_control_data(
      "pg_control version number:            1300\n"
      "Database system identifier:           7240000000000000001\n"
      "Database cluster state:               shut down\n"
      "Latest checkpoint location:           0/14F8D38\n"
      "Latest checkpoint's REDO location:    0/14F8D38\n"
      "Latest checkpoint's TimeLineID:       3\n"
      "Minimum recovery ending location:     0/0\n"
      "Min recovery ending loc's timeline:   0\n"
      "wal_log_hints setting:                on\n"
      "max_connections setting:              100\n"
      "max_prepared_xacts setting:           5\n"
      "Data page checksum version:           0\n");
  ASSERT_TRUE(data);
  EXPECT_EQ(data->cluster_state, "shut down");
  EXPECT_EQ(data->system_identifier, "7240000000000000001");
  EXPECT_EQ(to_string(data->latest_checkpoint), "0/14F8D38");
  EXPECT_EQ(data->checkpoint_timeline.value, 3u);
  EXPECT_FALSE(data->min_recovery_end);
  EXPECT_TRUE(data->wal_log_hints);
  EXPECT_FALSE(data->data_checksums);
  EXPECT_EQ(data->required_settings.at("max_prepared_transactions"), 5);
  EXPECT_FALSE(parse_control_data("could not open file"));
}

TEST(WalRecord, a_shutdown_checkpoint_and_a_switch_are_recognised) {
  const auto record = parse_wal_record(
      "rmgr: XLOG        len (rec/tot):    114/   114, tx:          0, lsn: 0/014F8D38, prev 0/014F8D00, desc: "
      "CHECKPOINT_SHUTDOWN redo 0/14F8D38; tli 1; prev tli 1; fpw true; oldest running xid 0; shutdown\n");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->rmgr, "XLOG");
  EXPECT_EQ(to_string(record->lsn), "0/14F8D38");
  EXPECT_EQ(to_string(record->prev), "0/14F8D00");
  EXPECT_TRUE(record->is_shutdown_checkpoint());
  EXPECT_FALSE(record->is_switch());
  EXPECT_TRUE(parse_wal_record("rmgr: XLOG len (rec/tot): 24/ 24, tx: 0, lsn: 0/1, prev 0/0, desc: SWITCH")->is_switch());
  EXPECT_FALSE(parse_wal_record("pg_waldump: error: x"));
}

TEST(WalRecord, the_end_of_the_last_record_comes_from_the_error_that_follows_it) {
  const std::string one = "rmgr: XLOG len (rec/tot): 114/ 114, tx: 0, lsn: 0/014F8D38, prev 0/014F8D00, desc: x\n";
  const std::string error =
      "pg_waldump: error: error in WAL record at 0/14F8D38: invalid record length at 0/14F8DB0: wanted 24, got 0\n";
  EXPECT_EQ(to_string(end_of_last_record(one, error)), "0/14F8DB0");
  EXPECT_FALSE(end_of_last_record(one + one, error));
  EXPECT_FALSE(end_of_last_record(one, "pg_waldump: error: something else\n"));
  EXPECT_FALSE(end_of_last_record(one, error + error));
}

TEST(Conninfo, values_are_escaped_ordered_and_read_back) {
  const ConnectionParameters parameters{{"host", "a"}, {"user", "o'b c\\"}, {"dbname", "d"}, {"sslnegotiation", "postgres"}};
  const std::string text = render_conninfo(parameters, 150000);
  EXPECT_EQ(text, "dbname=d user=o\\'b\\ c\\\\ host=a");
  EXPECT_EQ(parse_conninfo(text).at("user"), "o'b c\\");
  EXPECT_EQ(parse_conninfo("host = 'a b'  port=1").at("host"), "a b");
  EXPECT_EQ(parse_conninfo("host = 'a b'  port=1").at("port"), "1");
}

TEST(Pgpass, a_line_for_each_host_with_escapes) {
  EXPECT_EQ(pgpass_content({{"host", "a,/run/pg"}, {"port", "1,2"}, {"user", "u:x"}, {"password", "p\\:"}}),
            "a:1:*:u\\:x:p\\\\\\:\n/run/pg:2:*:u\\:x:p\\\\\\:\nlocalhost:2:*:u\\:x:p\\\\\\:\n");
  EXPECT_EQ(pgpass_content({{"password", "p"}}), "*:*:*:*:p\n");
  EXPECT_EQ(pgpass_content({{"host", "a"}}), "");
}

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

TEST(Parameters, the_fixed_ones_are_filled_in_and_old_names_translated) {
  auto settings = sample();
  settings.postgresql.parameters["wal_keep_segments"] = "10";
  settings.postgresql.parameters["primary_conninfo"] = "x";
  const auto parameters = effective_parameters(settings, 150000);
  EXPECT_EQ(parameters.at("listen_addresses"), "127.0.0.1");
  EXPECT_EQ(parameters.at("port"), "5433");
  EXPECT_EQ(parameters.at("cluster_name"), "demo");
  EXPECT_EQ(parameters.at("wal_level"), "replica");
  EXPECT_EQ(parameters.at("wal_keep_size"), "160MB");
  EXPECT_FALSE(parameters.contains("wal_keep_segments"));
  EXPECT_FALSE(parameters.contains("primary_conninfo"));
  EXPECT_EQ(effective_parameters(settings, 90500).at("wal_level"), "hot_standby");
}

TEST(Parameters, controlled_ones_go_on_the_command_line_in_order) {
  const auto options = command_line_options(effective_parameters(sample(), 150000));
  EXPECT_EQ(options, (std::vector<std::string>{"--listen_addresses=127.0.0.1", "--port=5433", "--cluster_name=demo",
                                               "--wal_level=replica", "--max_connections=100"}));
}

TEST(Parameters, what_the_server_would_refuse_is_left_out) {
  const auto known = parse_describe_config(
      "max_connections\tpostmaster\tg\tINTEGER\t100\t1\t262143\td\t\n"
      "DateStyle\tuser\tg\tSTRING\tISO\t\t\td\t\n"
      "fsync\tsighup\tg\tBOOLEAN\tTRUE\t\t\td\t\n");
  Parameters parameters{{"max_connections", "10"}, {"datestyle", "ISO"}, {"fsync", "maybe"},
                        {"nonsense", "1"},         {"a.b", "x"}};
  const auto dropped = remove_invalid(parameters, known);
  EXPECT_EQ(parameters, (Parameters{{"max_connections", "10"}, {"datestyle", "ISO"}, {"a.b", "x"}}));
  ASSERT_EQ(dropped.size(), 2u);
  EXPECT_EQ(dropped[0].message, "Removing bool parameter=fsync from the config due to the invalid value=maybe");
  EXPECT_EQ(dropped[1].message, "Removing unexpected parameter=nonsense value=1 from the config");
  for (const char* good : {"16MB", "0x10", "-1", "1.5", "10 s", "1d", "1e3"}) {
    Parameters one{{"max_connections", good}};
    EXPECT_TRUE(remove_invalid(one, known).empty()) << good;
  }
  for (const char* bad : {"", "many", "10 apples"}) {
    Parameters one{{"max_connections", bad}};
    EXPECT_FALSE(remove_invalid(one, known).empty()) << bad;
  }
}

TEST(Parameters, a_standby_gets_at_least_what_its_primary_had) {
  Parameters parameters{{"max_connections", "50"}, {"max_wal_senders", "20"}};
  const auto raised = raise_to_required(parameters, {{"max_connections", 100}, {"max_wal_senders", 10}});
  EXPECT_EQ(parameters.at("max_connections"), "100");
  EXPECT_EQ(parameters.at("max_wal_senders"), "20");
  EXPECT_EQ(raised, (Parameters{{"max_connections", "50"}}));
}

TEST(Parameters, values_are_shown_in_the_largest_exact_unit) {
  EXPECT_EQ(human_value(16384, "8kB"), "128MB");
  EXPECT_EQ(human_value(65, "kB"), "65kB");
  EXPECT_EQ(human_value(60000, "ms"), "1min");
  EXPECT_EQ(human_value(-1, "ms"), "-1");
  EXPECT_EQ(human_text("131072kB", "8kB"), "128MB");
  EXPECT_EQ(human_text("200", ""), "200");
}

TEST(ConfigFiles, the_main_file_has_the_layout_of_the_original) {
  MainConfiguration main;
  main.include = "postgresql.base.conf";
  main.parameters = {{"work_mem", "4MB"}, {"archive_command", "it's \\"}};
  main.hba_file = "/cfg/pg_hba.conf";
  main.ident_file = "/cfg/pg_ident.conf";
  main.recovery = {{"primary_conninfo", "host=a"}};
  EXPECT_EQ(render_main_configuration(main),
            "# Do not edit this file manually!\n"
            "# It will be overwritten by Patroni!\n"
            "include 'postgresql.base.conf'\n"
            "\n"
            "archive_command = 'it''s \\\\'\n"
            "work_mem = '4MB'\n"
            "hba_file = '/cfg/pg_hba.conf'\n"
            "ident_file = '/cfg/pg_ident.conf'\n"
            "\n"
            "# recovery.conf\n"
            "primary_conninfo = 'host=a'\n");
}

TEST(ConfigFiles, recovery_parameters_leave_the_auto_file) {
  EXPECT_EQ(without_recovery_parameters("# c\nwork_mem = '1MB'\nPRIMARY_CONNINFO = 'x'\nrestore_command='y'"),
            "# c\nwork_mem = '1MB'\n");
  EXPECT_EQ(without_recovery_parameters("work_mem = '1MB'\n"), std::nullopt);
  EXPECT_EQ(without_recovery_parameters(""), std::nullopt);
}

TEST(PidFile, a_pid_that_was_reused_is_not_our_postmaster) {
  const auto file = parse_pid_file("42\n/data/pg\n1000\n5432\n/tmp\nlocalhost\n 1 2\nready   \n");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->pid, 42);
  EXPECT_EQ(file->port, 5432);
  PidFileProcess process{true, false, 1001, "/usr/lib/postgresql/15/bin/postgres", "/data/pg"};
  EXPECT_TRUE(is_our_postmaster(*file, process, "/x/postgres", "/data/pg"));
  process.start_time = 5000;
  EXPECT_TRUE(is_our_postmaster(*file, process, "/x/postgres", "/data/pg"));
  process.working_directory = "/data/other";
  EXPECT_FALSE(is_our_postmaster(*file, process, "/x/postgres", "/data/pg"));
  process.working_directory = "/data/pg";
  process.executable = "/bin/sleep";
  EXPECT_FALSE(is_our_postmaster(*file, process, "/x/postgres", "/data/pg"));
  process.executable = "/x/postgres";
  process.relative = true;
  EXPECT_FALSE(is_our_postmaster(*file, process, "/x/postgres", "/data/pg"));
  EXPECT_EQ(parse_pid_file("-7\n/data\n")->pid, -7);
  EXPECT_FALSE(parse_pid_file(""));
}

TEST(Titles, client_backends_are_told_from_the_rest) {
  EXPECT_TRUE(is_auxiliary_title("postgres: demo: checkpointer "));
  EXPECT_TRUE(is_auxiliary_title("postgres: walsender rep 127.0.0.1(1) streaming 0/1"));
  EXPECT_TRUE(is_auxiliary_title("postgres: demo: logical replication launcher"));
  EXPECT_FALSE(is_auxiliary_title("postgres: demo: app db 127.0.0.1(55) idle"));
  EXPECT_FALSE(is_auxiliary_title("/usr/lib/postgresql/15/bin/postgres -D /data"));
  EXPECT_TRUE(is_logger_title("postgres: demo: logger "));
}

TEST(History, lines_are_parsed_and_comments_left_out) {
  const auto lines = parse_history("1\t0/3000148\tno recovery target specified\n\n# x\n2\t0/5000000\tbefore 2000-01-01\n");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1].parent.value, 2u);
  EXPECT_EQ(to_string(lines[1].switch_lsn), "0/5000000");
  EXPECT_EQ(lines[0].reason, "no recovery target specified");
  EXPECT_EQ(history_file_name({26}), "0000001A.history");
}

TEST(Progress, is_read_from_what_the_tools_print) {
  const auto backup = parse_progress(" 23158/131072 kB (17%), 0/1 tablespace (/data/base/1)");
  ASSERT_TRUE(backup);
  EXPECT_EQ(backup->done_bytes, 23158 * 1024);
  EXPECT_EQ(backup->total_bytes, 131072 * 1024);
  EXPECT_TRUE(parse_progress("  1/2 kB (50%) copied"));
  EXPECT_FALSE(parse_progress("pg_basebackup: error: could not write to file \"a/b\": x"));
}

TEST(MonitoringQuery, times_look_as_python_prints_them) {
  EXPECT_EQ(python_time("2031-03-04 05:06:07.89+00"), "2031-03-04 05:06:07.890000+00:00");
  EXPECT_EQ(python_time("2031-03-04 05:06:07+05:30"), "2031-03-04 05:06:07+05:30");
}

TEST(MonitoringQuery, speaks_the_language_of_old_servers) {
  EXPECT_THAT(monitoring_query(90600), HasSubstr("pg_last_xlog_replay_location()"));
  EXPECT_THAT(monitoring_query(150000), HasSubstr("pg_last_wal_replay_lsn()"));
}

TEST(LocalParameters, prefer_the_socket_where_asked_and_this_host_otherwise) {
  auto settings = sample();
  EXPECT_EQ(local_parameters(settings, settings.postgresql.superuser, false).at("host"), "localhost");
  settings.postgresql.listen_addresses = "10.1.2.3, 10.1.2.4";
  EXPECT_EQ(local_parameters(settings, settings.postgresql.superuser, false).at("host"), "10.1.2.3");
  settings.postgresql.use_unix_socket = true;
  EXPECT_FALSE(local_parameters(settings, settings.postgresql.superuser, false).contains("host"));
  settings.postgresql.parameters["unix_socket_directories"] = ", /run/pg,/tmp";
  EXPECT_EQ(local_parameters(settings, settings.postgresql.superuser, false).at("host"), "/run/pg");
  EXPECT_EQ(local_parameters(settings, settings.postgresql.replication, true).at("host"), "10.1.2.3");
}

}  // namespace
}  // namespace tanist::postgres
