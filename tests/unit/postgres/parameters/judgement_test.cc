#include "postgres/parameters/judgement.h"

#include <gtest/gtest.h>

namespace tanist::postgres {
namespace {

using Kind = Remark::Kind;

/// `name text | hint`, a line each.
std::string said(const Document& parameters, int version = 150004) {
  std::string out;
  for (const auto& remark : judge_parameters(parameters, version))
    out += remark.name + " " + remark.text + (remark.hint.empty() ? "" : " | " + remark.hint) + "\n";
  return out;
}

TEST(ParameterJudgement, what_the_server_takes_is_not_spoken_of) {
  EXPECT_EQ(said(Document::map({{"work_mem", "8MB"},
                                {"max_connections", 300},
                                {"wal_keep_segments", 8},
                                {"wal_keep_size", "1GB"},
                                {"jit", false},
                                {"pg_stat_statements.track", "all"},
                                {"log_min_duration_statement", 250},
                                {"autovacuum", nullptr}})),
            "");
  EXPECT_EQ(said(Document::list()), "");
}

TEST(ParameterJudgement, names_that_the_version_does_not_have) {
  EXPECT_EQ(said(Document::map({{"work_mme", "8MB"}})),
            "work_mme there is no such parameter: it is left out | did you mean work_mem?\n");
  EXPECT_EQ(said(Document::map({{"summarize_wal", true}})),
            "summarize_wal there is no such parameter, it came with PostgreSQL 17: it is left out\n");
  EXPECT_EQ(
      said(Document::map({{"checkpoint_segments", 3}})),
      "checkpoint_segments there is no such parameter, PostgreSQL 9.4 was the last to have it: it is left "
      "out\n");
  EXPECT_EQ(said(Document::map({{"summarize_wal", true}}), 170000), "");
}

TEST(ParameterJudgement, values_that_the_server_would_not_take) {
  EXPECT_EQ(
      said(Document::map({{"work_mem", "8XB"}})),
      "work_mem given \"8XB\", allowed: an integer from 64kB to 2147483647kB, units B, kB, MB, GB, TB; it is "
      "left out\n");
  EXPECT_EQ(
      said(Document::map({{"authentication_timeout", "2h"}})),
      "authentication_timeout given \"2h\", allowed: an integer from 1s to 10min, units us, ms, s, min, h, "
      "d; 10min is used instead\n");
  EXPECT_EQ(said(Document::map({{"jit", "perhaps"}})),
            "jit given \"perhaps\", allowed: on or off; it is left out\n");
  EXPECT_TRUE(said(Document::map({{"log_statement", "some"}}))
                  .starts_with("log_statement given \"some\", allowed: one of "));
  EXPECT_EQ(said(Document::map({{"work_mem", Document::list()}})),
            "work_mem is no single value: it is left out\n");
}

TEST(ParameterJudgement, what_is_configured_elsewhere) {
  EXPECT_EQ(said(Document::map({{"port", 5433}})),
            "port nobody may set it, each member derives it: it has no effect\n");
  EXPECT_EQ(said(Document::map({{"restore_command", "cp"}})),
            "restore_command is managed with recovery, and is left out here | postgresql.recovery_conf is "
            "the place "
            "for it\n");
}

TEST(ParameterJudgement, numbers_that_count_in_blocks) {
  const auto remarks = judge_parameters(Document::map({{"shared_buffers", 128}}), 150004);
  ASSERT_EQ(remarks.size(), 1u);
  EXPECT_EQ(remarks[0].kind, Kind::note);
  EXPECT_EQ(remarks[0].text, "128 has no unit and counts in 8kB: it means 1MB");
  EXPECT_EQ(said(Document::map({{"shared_buffers", "128MB"}, {"max_slot_wal_keep_size", -1}})), "");
}

TEST(ParameterJudgement, what_loses_data_or_keeps_the_server_down) {
  const auto unsafe =
      judge_parameters(Document::map({{"fsync", "off"}, {"full_page_writes", false}}), 150004);
  ASSERT_EQ(unsafe.size(), 2u);
  EXPECT_EQ(unsafe[0].kind, Kind::unsafe);
  const auto fatal = judge_parameters(
      Document::map({{"max_connections", 30}, {"superuser_reserved_connections", 30}}), 150004);
  ASSERT_EQ(fatal.size(), 1u);
  EXPECT_EQ(fatal[0].kind, Kind::fatal);
  EXPECT_EQ(fatal[0].text,
            "30 reserved connections are not less than max_connections (30): PostgreSQL does not start");
}

std::string changes(const Document& before, const Document& after, int version = 150004) {
  std::string out;
  for (const auto& change : changed_parameters(&before, &after, version)) {
    const char* takes = change.takes == Takes::restart        ? " restart"
                        : change.takes == Takes::new_sessions ? " new sessions"
                                                              : " reload";
    const char* standbys = change.of_standbys > 0 ? " raised" : change.of_standbys < 0 ? " lowered" : "";
    out += change.name + " " + change.before.value_or("-") + " " + change.after.value_or("-") + takes +
           standbys + "\n";
  }
  return out;
}

TEST(ParameterJudgement, what_changes_and_what_that_takes) {
  EXPECT_EQ(changes(Document::map({{"work_mem", "4MB"}}), Document::map({{"max_connections", 300},
                                                                         {"Work_Mem", "8MB"},
                                                                         {"shared_buffers", "1GB"},
                                                                         {"log_connections", true},
                                                                         {"app.x", 1}})),
            "app.x - 1 reload\n"
            "log_connections - on new sessions\n"
            "max_connections 100 300 restart raised\n"
            "shared_buffers - 1GB restart\n"
            "work_mem 4MB 8MB reload\n");
  EXPECT_EQ(changes(Document::map({{"max_worker_processes", 16}}), Document::map()),
            "max_worker_processes 16 8 restart lowered\n");
  EXPECT_EQ(changes(Document::map({{"autovacuum_max_workers", 3}}),
                    Document::map({{"autovacuum_max_workers", 5}}), 180000),
            "autovacuum_max_workers 3 5 reload\n");
}

TEST(ParameterJudgement, what_is_translated_counts_as_what_it_becomes) {
  const auto segments = Document::map({{"wal_keep_segments", 64}});
  EXPECT_EQ(changes(Document::map(), segments), "wal_keep_size 128MB 1024MB reload\n");
  EXPECT_EQ(changes(Document::map(), segments, 120000), "wal_keep_segments 8 64 reload\n");
  EXPECT_EQ(changes(segments, Document::map({{"wal_keep_size", "1GB"}})), "");
}

TEST(ParameterJudgement, the_same_in_other_words_changes_nothing) {
  EXPECT_EQ(changes(Document::map({{"work_mem", "8MB"}, {"jit", "on"}, {"wal_level", "hot_standby"}}),
                    Document::map({{"work_mem", "8192kB"}, {"jit", true}, {"wal_level", "replica"}})),
            "");
  // Nor does what the server would be given no word of.
  EXPECT_EQ(
      changes(Document::map(), Document::map({{"work_mme", "1MB"}, {"port", 1}, {"max_connections", 5}})),
      "");
}

}  // namespace
}  // namespace tanist::postgres
