#include "ctl/commands/doctor.h"

#include "unit/ctl/commands/command_test.h"

namespace tanist::ctl {
namespace {

using test::kPga;
using test::kPgb;

class OneRow final : public SqlClient {
 public:
  Answer ask(const postgres::ConnectionParameters& to, Recovery, const std::string& question) override {
    if (question.find("pg_database_size") != std::string::npos)
      return postgres::Table{.columns = {}, .rows = {{"42949672960"}}, .has_rows = true};
    asked.push_back(to.at("host") + " " + to.at("user"));
    postgres::Table out{
        .columns = {},
        .rows = {{"setting", "fsync", "on"},
                 {"setting", "full_page_writes", "on"},
                 {"setting", "data_checksums", "off"},
                 {"setting", "max_slot_wal_keep_size", "-1"},
                 {"setting", "wal_log_hints", "on"},
                 {"slot", "new", "7"},
                 {"slot", "old", "5368709121"},
                 {"held", "slow", "2147483649"},
                 {"rule", "trust 127.0.0.1 255.255.255.255", "line 1: host all all 127.0.0.1"},
                 {"rule", "trust samehost -", "line 2: host all all samehost trust"},
                 {"rule", "trust 10.0.0.0 255.0.0.0", "line 3: host all all 10.0.0.0 255.0.0.0 trust"},
                 {"rule", "md5 :: ::", "line 4: host all all :: :: md5"},
                 {"role", "rewinder", ""},
                 {"lacks", "pg_ls_dir(text,boolean,boolean)", ""}},
        .has_rows = true};
    return out;
  }
  std::vector<std::string> asked;
};

class DoctorCommandTest : public test::CommandTest {
 protected:
  std::string run(Format format = Format::pretty) {
    return ended([&] {
      const DoctorCommand command{.cluster = "shop",
                                  .login = {{"user", "postgres"}},
                                  .use_pg_rewind = true,
                                  .rewind_role = "rewinder"};
      const auto seen = examine(command, store, api, with_sql ? &sql : nullptr, terminal);
      return tell_findings(seen, format, terminal);
    });
  }
  OneRow sql;
  bool with_sql = true;
};

TEST_F(DoctorCommandTest, each_check_has_its_lines) {
  store.cluster.config = {dcs::Version("7"), Document::map({{"pause", true}}), true};
  for (auto& [name, member] : store.cluster.members) member.pause = true;
  api.statuses = {
      {kPga, R"({"role":"primary"})"},
      {kPgb, R"({"role":"replica","tanist_disk":{"free_bytes":21474836480,"size_bytes":107374182400}})"}};
  EXPECT_EQ(run(), "");
  EXPECT_EQ(ending, Ending::wrong);
  const auto text = all_said();
  EXPECT_NE(text.find("warning  modes: the cluster is paused: a primary that fails is not replaced\n"
                      "         HINT: `resume` when the maintenance is over\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("ok       leader: one member leads, and runs\n"), std::string::npos) << text;
  EXPECT_NE(text.find("warning  postgres: pga, pgb nobody reads from slot old, and it holds 5 GB of WAL\n"),
            std::string::npos);
  for (const char* line :
       {"error    access: pga, pgb pg_hba.conf lets other hosts in without a password: line 3: host all all "
        "10.0.0.0 "
        "255.0.0.0 trust\n",
        "warning  access: pga, pgb pg_hba.conf lets everybody try passwords by md5: line 4: host all all :: "
        ":: "
        "md5\n",
        "error    rewind: pga the role rewinder of pg_rewind may not call pg_ls_dir(text,boolean,boolean)\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  EXPECT_NE(
      text.find(
          "warning  postgres: pga, pgb slot slow holds 2 GB of WAL: who reads from it is that far behind\n"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("warning  space: pgb 20.0 GB are free where its data is, the databases have 40.0 GB"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("line 1"), std::string::npos);
  EXPECT_EQ(text.find("line 2"), std::string::npos);
  EXPECT_EQ(sql.asked, (std::vector<std::string>{"10.1.0.11 postgres", "10.1.0.12 postgres"}));
}

TEST_F(DoctorCommandTest, servers_that_cannot_be_asked_so_are_not_asked) {
  api.statuses = {{kPga, R"({"role":"primary","server_version":90624})"},
                  {kPgb, R"({"role":"replica","server_version":150004})"}};
  run();
  EXPECT_EQ(sql.asked, (std::vector<std::string>{"10.1.0.12 postgres"}));
  EXPECT_NE(all_said().find(
                "warning  postgres: pga its PostgreSQL could not be asked: it is older than PostgreSQL 10\n"),
            std::string::npos)
      << all_said();
}

TEST_F(DoctorCommandTest, for_programs_and_by_its_exit_code) {
  with_sql = false;
  api.statuses = {{kPga, R"({"role":"primary"})"}};
  EXPECT_EQ(run(Format::json), "");
  EXPECT_EQ(ending, Ending::wrong);
  EXPECT_EQ(
      all_said(),
      R"([{"Check": "api", "Grade": "error", "About": "pgb", )"
      R"("Finding": "its REST API does not answer as it should: connection refused", )"
      R"("Advice": "load balancers and peers ask it, too: is the daemon alive, is the port open?"}, )"
      R"({"Check": "postgres", "Grade": "note", "About": "", "Finding": "PostgreSQL itself was not asked", )"
      R"("Advice": "postgresql.authentication.superuser of a daemon's own configuration lets it be"}])"
      "\n");
  api.statuses[kPgb] = R"({"role":"replica"})";
  EXPECT_EQ(run(), "");
  EXPECT_EQ(ending, Ending::done) << all_said();
}

TEST_F(DoctorCommandTest,
       an_api_that_takes_orders_from_everybody_is_found_out_by_one_that_nobody_can_carry_out) {
  with_sql = false;
  api.statuses = {{kPga, R"({"role":"primary"})"}, {kPgb, R"({"role":"replica"})"}};
  api.answers = {{kPga, {400, ""}}, {kPgb, {401, "no auth header received"}}};
  run();
  EXPECT_EQ(api.asked, (std::vector<std::string>{std::string("PATCH ") + kPga + R"( config "")",
                                                 std::string("PATCH ") + kPgb + R"( config "")"}));
  EXPECT_NE(all_said().find("warning  access: pga its REST API takes orders from everybody"),
            std::string::npos)
      << all_said();
  EXPECT_NE(all_said().find("note     access: pgb passwords for its REST API travel in the clear"),
            std::string::npos);
  EXPECT_EQ(ending, Ending::unwise);
  // One that only this host reaches is nobody else's business.
  api.asked.clear();
  store.cluster.members["pga"].api_url = "http://127.0.0.1:8008/patroni";
  store.cluster.members.erase("pgb");
  api.statuses = {{"http://127.0.0.1:8008/patroni", R"({"role":"primary"})"}};
  run();
  EXPECT_TRUE(api.asked.empty());
}

}  // namespace
}  // namespace tanist::ctl
