#include "ctl/commands/query.h"

#include "ctl/schedule.h"
#include "unit/ctl/commands/command_test.h"

namespace tanist::ctl {
namespace {

class FakeSql final : public SqlClient {
 public:
  Answer ask(const postgres::ConnectionParameters& to, Recovery recovery, const std::string& sql) override {
    connected = to;
    wanted = recovery;
    asked.push_back(sql);
    return answer;
  }
  postgres::ConnectionParameters connected;
  Recovery wanted = Recovery::any;
  std::vector<std::string> asked;
  Answer answer = postgres::Table{};
};

class QueryCommandTest : public test::CommandTest {
 protected:
  std::string run(Format format = Format::tsv) {
    command.cluster = "shop";
    command.format = format;
    const auto failure = ended([&] { return run_query(command, store, sql, terminal); });
    return failure.empty() ? all_said() : failure;
  }
  void answers_with_everything() {
    sql.answer = postgres::Table{
        .columns = {{"n", 23}, {"yes", 16}, {"none", 25}, {"at", 1184}, {"f", 701}, {"big", 1700}},
        .rows = {{"1", "t", std::nullopt, "2031-01-01 10:00:00+00", "1", "12345678901234567890.5"},
                 {"-2", "f", "a b", "2031-01-01 10:00:00.5+05:30", "0.25", "0"}},
        .has_rows = true};
  }
  const std::string now = local_time(WallTime{});
  QueryCommand command{.wanted = {.role = "leader"}, .sql = "SELECT 1"};
  FakeSql sql;
};

TEST_F(QueryCommandTest, rows_are_written_as_the_original_does) {
  answers_with_everything();
  EXPECT_EQ(run(),
            "n\tyes\tnone\tat\tf\tbig\n"
            "1\tTrue\tNone\t2031-01-01 10:00:00+00:00\t1.0\t12345678901234567890.5\n"
            "-2\tFalse\ta b\t2031-01-01 10:00:00.500000+05:30\t0.25\t0\n");
  command.delimiter = ",";
  EXPECT_TRUE(run().starts_with("n,yes,none,at,f,big\n1,True,None,"));
  EXPECT_EQ(run(Format::json),
            R"([{"n": 1, "yes": true, "none": null, "at": "2031-01-01 10:00:00+00:00", "f": 1.0, )"
            R"("big": "12345678901234567890.5"}, {"n": -2, "yes": false, "none": "a b", )"
            R"("at": "2031-01-01 10:00:00.500000+05:30", "f": 0.25, "big": "0"}])"
            "\n");
  EXPECT_TRUE(run(Format::pretty).starts_with("+----+-------+------+"));
}

TEST_F(QueryCommandTest, the_member_is_connected_to_with_what_was_given) {
  command.user = "app";
  command.password = "geheim";
  command.database = "shop";
  run();
  EXPECT_EQ(sql.connected, (postgres::ConnectionParameters{{"host", "10.1.0.11"},
                                                           {"port", "5432"},
                                                           {"connect_timeout", "5"},
                                                           {"fallback_application_name", "Patroni ctl"},
                                                           {"user", "app"},
                                                           {"password", "geheim"},
                                                           {"dbname", "shop"}}));
  EXPECT_EQ(sql.wanted, SqlClient::Recovery::any);
  command.wanted = {.role = "replica"};
  run();
  EXPECT_EQ(sql.connected.at("host"), "10.1.0.12");
  EXPECT_EQ(sql.wanted, SqlClient::Recovery::running);
  command.wanted = {.role = "primary"};
  run();
  EXPECT_EQ(sql.wanted, SqlClient::Recovery::over);
}

TEST_F(QueryCommandTest, an_error_is_a_row_and_its_text_a_warning) {
  sql.answer =
      std::unexpected(postgres::QueryError{postgres::QueryError::Kind::statement, "42P01", "no such table"});
  EXPECT_EQ(run(), now + "\tERROR, SQLSTATE: 42P01\n");
  EXPECT_TRUE(warned("WARNING - member pga: no such table\n"));
  EXPECT_EQ(ending, Ending::failed);
  EXPECT_EQ(run(Format::json), "[{}]\n");
  EXPECT_EQ(run(Format::yaml), "- {}\n\n");
  EXPECT_TRUE(run(Format::pretty).find("| Field 1 ") != std::string::npos) << all_said();
  sql.answer = std::unexpected(postgres::QueryError{.detail = "connection refused\nindeed"});
  EXPECT_EQ(run(), now + "\tERROR, SQLSTATE: connection refused indeed\n");
  sql.answer = postgres::Table{};
  EXPECT_EQ(run(), now + "\tERROR, SQLSTATE: no results to fetch\n");
  EXPECT_EQ(ending, Ending::done);
  EXPECT_EQ(screen.err.str().find("HINT"), std::string::npos);
}

TEST_F(QueryCommandTest, who_is_not_let_in_is_told_where_user_and_password_come_from) {
  sql.answer =
      std::unexpected(postgres::QueryError{.sqlstate = "28P01", .detail = "password authentication failed"});
  EXPECT_EQ(run(), now + "\tERROR, SQLSTATE: 28P01\n");
  EXPECT_TRUE(warned(
      "\nHINT: -U names the user, --password asks for the password; PGUSER, PGPASSWORD and ~/.pgpass"));
  screen.err.str("");
  sql.answer =
      std::unexpected(postgres::QueryError{.detail = "no password supplied", .needs_settings = true});
  run();
  EXPECT_TRUE(warned("HINT: -U names the user"));
}

TEST_F(QueryCommandTest, no_member_is_a_row_too) {
  sql.answer = std::unexpected(SqlClient::OtherRole{});
  command.wanted = {.role = "replica"};
  EXPECT_EQ(run(), now + "\tNo connection to role 'replica' is available\n");
  command.wanted = {.member = "pgc"};
  EXPECT_EQ(run(), now + "\tNo connection to member pgc is available\n");
}

TEST_F(QueryCommandTest, again_and_again_of_one_look_at_the_store) {
  answers_with_everything();
  command.every = std::chrono::seconds(2);
  std::vector<Instant> until;
  terminal.sleep_until = [&](Instant at) {
    until.push_back(at);
    screen.now = at;
    return until.size() < 3;
  };
  run();
  EXPECT_EQ(sql.asked.size(), 3u);
  EXPECT_EQ(store.looks, 1);
  EXPECT_EQ(until.back(), Instant{} + std::chrono::seconds(6));
}

}  // namespace
}  // namespace tanist::ctl
