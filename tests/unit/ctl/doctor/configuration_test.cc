#include "ctl/doctor/configuration.h"

#include <gtest/gtest.h>

#include "json/parse.h"

namespace tanist::ctl::doctor {
namespace {

const std::vector<KnownServer> kServers = {{"pga", 150004}, {"pgb", 150004}, {"pgc", 0}};

std::string said(const std::string& json, const std::vector<KnownServer>& servers = kServers) {
  std::string out;
  for (const auto& finding : judge_configuration(parse_json(json).value(), servers))
    out += std::string(name_of(finding.grade)) + " " + finding.about + ": " + finding.what +
           (finding.advice.empty() ? "" : " | " + finding.advice) + "\n";
  return out;
}

TEST(Configuration, a_sound_one_has_nothing) {
  EXPECT_EQ(said(R"({"ttl":30,"loop_wait":10,"retry_timeout":10,"pause":true,)"
                 R"("postgresql":{"use_pg_rewind":true,"parameters":{"work_mem":"8MB"}}})"),
            "");
}

TEST(Configuration, times_are_told_as_members_will_have_them) {
  EXPECT_EQ(said(R"({"ttl":15,"loop_wait":0})"),
            "warning ttl: is 15, less than 20: members use 20 | edit-config -s ttl=20, or more\n"
            "warning loop_wait: is 0, less than 1: members use 1 | edit-config -s loop_wait=1, or more\n"
            "warning : loop_wait + 2 * retry_timeout is 21, more than ttl (20): members use loop_wait 1 and "
            "retry_timeout 9 | edit-config -s ttl=21, or a smaller loop_wait or retry_timeout\n");
  EXPECT_EQ(said(R"({"ttl":30,"loop_wait":11})"),
            "warning : loop_wait + 2 * retry_timeout is 31, more than ttl (30): members use loop_wait 10 and "
            "retry_timeout 10 | edit-config -s ttl=31, or a smaller loop_wait or retry_timeout\n");
}

TEST(Configuration, keys_that_members_do_not_take) {
  EXPECT_EQ(
      said(R"({"loop_wiat":5,"postgresql":{"data_dir":"/x"},"check_timeline":"perhaps"})"),
      "warning loop_wiat: unknown key, ignored | did you mean loop_wait?\n"
      "warning postgresql.data_dir: has no effect here: it is read from the local configuration only\n"
      "warning check_timeline: given \"perhaps\" (a string), allowed: a boolean; the default is used\n");
  EXPECT_EQ(said(R"({"maximum_lag_on_failover":-1})"),
            "warning maximum_lag_on_failover: is below 0: no replica may take over\n");
  EXPECT_EQ(said(R"({"ttl":"soon"})").substr(0, 12), "error : ttl:");
}

TEST(Configuration, what_failover_slots_need) {
  const std::vector<KnownServer> new_ones = {{"pga", 170002}, {"pgb", 170002}};
  EXPECT_EQ(said(R"({"tanist":{"synchronized_standby_slots":true},"postgresql":{"parameters":)"
                 R"({"wal_level":"logical","sync_replication_slots":"on"}}})",
                 new_ones),
            "");
  EXPECT_EQ(
      said(R"({"tanist":{"synchronized_standby_slots":true},"postgresql":{"use_slots":false,"parameters":)"
           R"({"synchronized_standby_slots":"pgb"}}})",
           {{"pga", 160004}, {"pgb", 170002}}),
      "warning tanist.synchronized_standby_slots: has no effect on PostgreSQL 16.4 (pga): it needs "
      "PostgreSQL "
      "17\n"
      "warning tanist.synchronized_standby_slots: has no effect while postgresql.use_slots is off\n"
      "warning tanist.synchronized_standby_slots: is on, and sync_replication_slots is off: standbys do not "
      "copy failover slots | edit-config -p sync_replication_slots=on\n"
      "warning tanist.synchronized_standby_slots: is on, and wal_level is not logical: there can be no "
      "logical "
      "slots | edit-config -p wal_level=logical, and restart\n"
      "warning postgresql.parameters.synchronized_standby_slots: has no effect while "
      "tanist.synchronized_standby_slots is on\n"
      "warning postgresql.parameters.synchronized_standby_slots: there is no such parameter, it came with "
      "PostgreSQL 17: it is left out on PostgreSQL 16.4 (pga)\n");
  EXPECT_EQ(
      said(R"({"postgresql":{"parameters":{"sync_replication_slots":"on"}}})", new_ones),
      "note tanist.synchronized_standby_slots: is off: a consumer of a failover slot may get ahead of the "
      "standby that takes over, and miss changes then\n");
}

TEST(Configuration, what_undoes_synchronous_replication) {
  const std::string off =
      said(R"({"synchronous_mode":"quorum","postgresql":{"parameters":{"synchronous_commit":"local"},)"
           R"("parameters_primary":{"synchronous_commit":false,"synchronous_standby_names":"*"}}})");
  for (const char* line :
       {"warning postgresql.parameters.synchronous_commit: is local: clients are answered before a standby "
        "has what they wrote, whatever synchronous_mode says | ",
        "warning postgresql.parameters_primary.synchronous_commit: is ",
        "warning postgresql.parameters_primary.synchronous_standby_names: has no effect while "
        "synchronous_mode is on: the leader writes its own\n"})
    EXPECT_NE(off.find(line), std::string::npos) << line << off;
  const auto about_commit = [](const std::string& json) {
    return said(json).find("synchronous_commit: is") != std::string::npos;
  };
  for (const char* kept : {"\"on\"", "true", "\"remote_apply\"", "\"remote_write\"", "null"})
    EXPECT_FALSE(about_commit(std::string(R"({"synchronous_mode":true,"postgresql":{"parameters":)") +
                              R"({"synchronous_commit":)" + kept + "}}}"))
        << kept;
  EXPECT_FALSE(about_commit(R"({"postgresql":{"parameters":{"synchronous_commit":"off"}}})"));
  EXPECT_EQ(said(R"({"synchronous_mode_strict":true})"),
            "warning synchronous_mode_strict: has no effect while synchronous_mode is off\n");
}

TEST(Configuration, lines_of_access_files) {
  EXPECT_EQ(
      said(R"({"postgresql":{"pg_hba":["local all all peer","hots all all all md5",)"
           R"("host all all 10.0.0.0/8 trust"],"pg_ident":["a b"]}})"),
      "error postgresql.pg_hba: the line \"hots all all all md5\" begins with \"hots\", which is no type of "
      "connection: did you mean host?: PostgreSQL reads none of the file then\n"
      "warning postgresql.pg_hba: the line \"host all all 10.0.0.0/8 trust\" lets other hosts in without a "
      "password\n"
      "warning postgresql.pg_hba: no line is about replication: replicas are not let in | host replication "
      "USER "
      "ADDRESS scram-sha-256; `all` does not mean it\n"
      "error postgresql.pg_ident: the line \"a b\" has 2 fields, 3 are needed: map, system user, database "
      "user\n");
  EXPECT_EQ(said(R"({"postgresql":{"pg_hba_replica":["host replication all all scram-sha-256"]}})"), "");
}

TEST(Configuration, servers_judge_by_their_versions) {
  EXPECT_EQ(
      said(R"({"postgresql":{"parameters":{"work_mme":"8MB","fsync":"off"}}})"),
      "warning postgresql.parameters.work_mme: there is no such parameter: it is left out | did you mean "
      "work_mem?\n"
      "error postgresql.parameters.fsync: is off: a crash of the host loses the database\n");
  EXPECT_EQ(
      said(R"({"postgresql":{"parameters":{"summarize_wal":true}}})", {{"pga", 150004}, {"pgb", 170002}}),
      "warning postgresql.parameters.summarize_wal: there is no such parameter, it came with PostgreSQL 17: "
      "it is left out on PostgreSQL 15.4 (pga)\n");
  EXPECT_EQ(
      said(R"({"postgresql":{"parameters":{"max_wal_senders":3}}})",
           {{"a", 150004}, {"b", 0}, {"c", 0}, {"d", 0}}),
      "warning postgresql.parameters.max_wal_senders: is 3 for 4 members: each replica takes one, and copies "
      "take more\n");
}

TEST(Configuration, parameters_of_a_role_are_judged_too) {
  EXPECT_EQ(
      said(R"({"postgresql":{"parameters_replica":{"work_mme":"8MB","max_connections":9,"jit":false}}})"),
      "warning postgresql.parameters_replica.max_connections: must be the same on all members: it has no "
      "effect "
      "here\n"
      "warning postgresql.parameters_replica.work_mme: there is no such parameter: it is left out | did you "
      "mean "
      "work_mem?\n");
}

}  // namespace
}  // namespace tanist::ctl::doctor
