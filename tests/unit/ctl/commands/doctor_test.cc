#include "ctl/commands/doctor.h"

#include "unit/ctl/commands/command_test.h"

namespace tanist::ctl {
namespace {

using test::kPga;
using test::kPgb;

class OneRow final : public SqlClient {
 public:
  Answer ask(const postgres::ConnectionParameters& to, Recovery, const std::string&) override {
    asked.push_back(to.at("host") + " " + to.at("user"));
    postgres::Table out{
        .columns = {}, .rows = {{"on", "on", "off", "-1", "", "old=5368709121,new=7"}}, .has_rows = true};
    return out;
  }
  std::vector<std::string> asked;
};

class DoctorCommandTest : public test::CommandTest {
 protected:
  std::string run(Format format = Format::pretty) {
    return ended([&] {
      const auto seen =
          examine("shop", store, api, with_sql ? &sql : nullptr, {{"user", "postgres"}}, terminal);
      return tell_findings(seen, format, terminal);
    });
  }
  OneRow sql;
  bool with_sql = true;
};

TEST_F(DoctorCommandTest, each_check_has_its_lines) {
  store.cluster.config = {dcs::Version("7"), Document::map({{"pause", true}}), true};
  for (auto& [name, member] : store.cluster.members) member.pause = true;
  api.statuses = {{kPga, R"({"role":"primary"})"}, {kPgb, R"({"role":"replica"})"}};
  EXPECT_EQ(run(), "");
  EXPECT_EQ(ending, Ending::unwise);
  const auto text = all_said();
  EXPECT_NE(text.find("warning  modes: the cluster is paused: a primary that fails is not replaced\n"
                      "         HINT: `resume` when the maintenance is over\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("ok       leader: one member leads, and runs\n"), std::string::npos) << text;
  EXPECT_NE(text.find("warning  postgres: pga nobody reads from slot old, and it holds 5 GB of WAL\n"),
            std::string::npos);
  EXPECT_EQ(sql.asked, (std::vector<std::string>{"10.1.0.11 postgres", "10.1.0.12 postgres"}));
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

}  // namespace
}  // namespace tanist::ctl
