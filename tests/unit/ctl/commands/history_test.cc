#include "ctl/commands/history.h"

#include "unit/ctl/commands/command_test.h"

namespace tanist::ctl {
namespace {

class HistoryCommandTest : public test::CommandTest {
 protected:
  std::string run(Format format) {
    ended([&] {
      run_history("shop", format, store, terminal);
      return Ending::done;
    });
    return all_said();
  }
  void had_one() {
    store.cluster.history.lines = {
        {Timeline{1}, Lsn{25165984}, "no recovery target specified", "2031-01-01T10:00:00+00:00", "pgb"}};
  }
};

/// The text of ctl.md §9.
TEST_F(HistoryCommandTest, as_a_table) {
  had_one();
  EXPECT_EQ(run(Format::pretty),
            "+----+----------+------------------------------+---------------------------+------------+\n"
            "| TL |      LSN | Reason                       | Timestamp                 | New Leader |\n"
            "+----+----------+------------------------------+---------------------------+------------+\n"
            "|  1 | 25165984 | no recovery target specified | 2031-01-01T10:00:00+00:00 | pgb        |\n"
            "+----+----------+------------------------------+---------------------------+------------+\n");
}

TEST_F(HistoryCommandTest, without_any) {
  EXPECT_EQ(run(Format::pretty),
            "+----+-----+--------+-----------+------------+\n"
            "| TL | LSN | Reason | Timestamp | New Leader |\n"
            "+----+-----+--------+-----------+------------+\n"
            "+----+-----+--------+-----------+------------+\n");
  EXPECT_EQ(run(Format::json), "[]\n");
  EXPECT_EQ(run(Format::yaml), "[]\n\n");
  EXPECT_EQ(run(Format::tsv), "TL\tLSN\tReason\tTimestamp\tNew Leader\n");
}

TEST_F(HistoryCommandTest, for_programs) {
  had_one();
  store.cluster.history.lines.push_back({Timeline{2}, Lsn{33554432}, "x", "", ""});
  EXPECT_EQ(run(Format::json),
            R"([{"TL": 1, "LSN": 25165984, "Reason": "no recovery target specified", )"
            R"("Timestamp": "2031-01-01T10:00:00+00:00", "New Leader": "pgb"}, )"
            R"({"TL": 2, "LSN": 33554432, "Reason": "x", "Timestamp": "", "New Leader": ""}])"
            "\n");
  EXPECT_TRUE(run(Format::yaml).starts_with("- LSN: 25165984\n  New Leader: pgb\n")) << all_said();
  EXPECT_TRUE(run(Format::tsv).ends_with("\n2\t33554432\tx\t\t\n")) << all_said();
}

}  // namespace
}  // namespace tanist::ctl
