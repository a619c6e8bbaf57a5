#include "ctl/commands/explain.h"

#include <algorithm>

#include "ha/model/journal_codec.h"
#include "ha/policy/decide.h"
#include "json/parse.h"
#include "unit/ctl/commands/command_test.h"
#include "unit/ha/view_builder.h"

namespace tanist::ctl {
namespace {

using namespace std::chrono_literals;

std::string explained_status(const std::string& name, const std::string& rest) {
  return R"({"state": "running", "patroni": {"version": "4.1.4", "scope": "shop", "name": ")" + name + "\"}" +
         rest + "}";
}
const std::string kTanist = R"(, "tanist_version": "0.1.0")";

/// A page of a journal with these lines, whose member's clock is that of 1970.
std::string journal(const std::string& name, const Document& now, const Document& entries) {
  const Document moment = Document::map({{"wall_us", 10'000'000}, {"boot_ns", 100'000'000'000}});
  return to_json(Document::map({{"scope", "shop"},
                                {"name", name},
                                {"version", ha::kJournalVersion},
                                {"received", moment},
                                {"answered", moment},
                                {"earlier", false},
                                {"now", now},
                                {"entries", entries}}));
}

Document line(ha::testing::ViewBuilder builder, const std::string& name, Duration ago = {}) {
  ha::View view = builder.build();
  view.self.name = name;
  view.now = Instant(100s - ago);
  view.wall_now = WallTime(std::chrono::floor<std::chrono::microseconds>(10s - ago));
  return Document::map({{"version", ha::kJournalVersion},
                        {"at", iso8601(view.wall_now)},
                        {"decision", ha::encode(ha::decide(view))},
                        {"view", ha::encode(view)}});
}

class ExplainTest : public test::CommandTest {
 protected:
  ExplainTest() {
    api.statuses[test::kPga] =
        explained_status("pga", kTanist + R"(, "role": "primary", "xlog": {"location": 117440664})");
    api.statuses[test::kPgb] =
        explained_status("pgb", kTanist + R"(, "role": "replica", "timeline": 1, "xlog":
      {"received_location": 83886080, "replayed_location": 83886080})");
    shows(test::kPga, "pga", line(ha::testing::ViewBuilder().as_leader(), "pga"));
    shows(test::kPgb, "pgb", line(ha::testing::ViewBuilder().as_replica(), "n1"));
  }
  void shows(const char* url, const std::string& name, const Document& now,
             const Document& entries = Document::list()) {
    api.answers[url] = {200, journal(name, now, entries)};
  }
  std::string run(ExplainCommand command = {}) {
    command.cluster = "shop";
    const Terminal shown = screen.terminal();
    const std::string error = ended([&] { return run_explain(command, store, api, shown); });
    return all_said() + screen.err.str() + error;
  }
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(ExplainTest, tells_rules_with_their_numbers) {
  const std::string text = run();
  EXPECT_TRUE(has(
      text, "pga (primary, running)\n  no action. I am (pga), the leader with the lock [no_action_leader]"))
      << text;
  EXPECT_TRUE(has(text, "    passed postgres_answers        PostgreSQL answers\n")) << text;
  EXPECT_TRUE(has(text, "    passed streams                 it streams from n2\n")) << text;
  EXPECT_TRUE(has(text, "  If nobody led, it would take the lead:\n")) << text;
  EXPECT_TRUE(has(text, "passed lag_within_limit        it lacks ")) << text;
  EXPECT_FALSE(has(text, "\033[")) << "no colours: it is no terminal";
}

TEST_F(ExplainTest, a_position_is_as_new_as_the_member_tells_it) {
  api.statuses[test::kPgb] = explained_status("pgb", kTanist + R"(, "role": "replica", "timeline": 1, "xlog":
      {"received_location": 83886096, "replayed_location": 83886096})");
  EXPECT_TRUE(has(run(), "its position is 0/5000010\n"));
}

TEST_F(ExplainTest, colours_are_for_terminals) {
  screen.out_is_terminal = true;
  EXPECT_TRUE(has(run(), "\033[32mpassed\033[0m"));
}

TEST_F(ExplainTest, a_member_can_be_named) {
  const std::string text = run({.members = {"pgb"}});
  EXPECT_FALSE(has(text, "pga (")) << text;
  EXPECT_TRUE(has(text, "pgb (")) << text;
  EXPECT_EQ(run({.members = {"pgx"}}), "cluster shop has no member pgx");
}

TEST_F(ExplainTest, of_one_that_is_silent_the_store_is_told) {
  api.statuses.erase(test::kPgb);
  api.answers.erase(test::kPgb);
  const std::string text = run();
  EXPECT_TRUE(has(text, "pgb (replica, running)\n  no journal: it does not answer: connection refused\n"))
      << text;
  EXPECT_TRUE(has(text, "the others count it as not reachable")) << text;
}

TEST_F(ExplainTest, of_patroni_its_status_is_told) {
  api.statuses[test::kPgb] =
      explained_status("pgb", R"(, "role": "replica", "timeline": 4, "tags": {"nofailover": true}, "xlog":
      {"received_location": 117440600, "replayed_location": 117440600})");
  const std::string text = run();
  EXPECT_TRUE(has(text,
                  "  no journal: it is run by Patroni 4.1.4, which keeps no journal\n"
                  "  its position is 0/7000058, 64 bytes behind what the leader has published\n"
                  "  its timeline is 4\n"
                  "  the others do not count it as a rival for the lead: it is not allowed to promote\n"))
      << text;
}

TEST_F(ExplainTest, a_refusal_is_told_with_what_helps) {
  api.answers[test::kPgb] = {401, "no auth header received"};
  const std::string text = run();
  EXPECT_TRUE(
      has(text, "it does not show its journal to this user or host: status 401 (no auth header received)"))
      << text;
  EXPECT_TRUE(has(text, "HINT: ctl.authentication")) << text;
}

TEST_F(ExplainTest, an_older_tanist_is_told_apart) {
  api.answers[test::kPgb] = {200, api.statuses[test::kPgb]};
  EXPECT_TRUE(has(run(), "no journal: its Tanist 0.1.0 does not serve GET /journal\n"));
}

TEST_F(ExplainTest, at_a_time_the_entry_then_counts) {
  shows(test::kPga, "pga", line(ha::testing::ViewBuilder().as_leader(), "pga"), Document::list());
  shows(test::kPgb, "pgb", line(ha::testing::ViewBuilder().as_replica(), "n1"),
        Document::list({line(ha::testing::ViewBuilder().as_candidate(), "n1", 3s)}));
  const std::string text = run({.at = WallTime(7s)});
  EXPECT_TRUE(has(text, "pga\n  its journal does not reach back to then\n")) << text;
  EXPECT_TRUE(has(text, "[race_asking]")) << text;
  EXPECT_TRUE(has(text, "failed peers_asked             it has to ask the others first: n2, n3\n")) << text;
  EXPECT_EQ(std::ranges::count_if(api.asked, [](const auto& line) { return has(line, "&until="); }), 2);
}

TEST_F(ExplainTest, of_a_failover_the_decisions_of_who_is_named_are_shown) {
  Document promotion = line(ha::testing::ViewBuilder().as_candidate().lock_mine(), "n1", 2s);
  promotion.find("decision")->find("intent")->set("kind", "promote");
  shows(test::kPgb, "pgb", promotion,
        Document::list({line(ha::testing::ViewBuilder().as_candidate(), "n1", 3s), promotion}));
  const std::string all = run({.last_failover = true});
  EXPECT_TRUE(has(all, "failover from n1 to pgb")) << all;
  EXPECT_TRUE(has(all, "  pgb  ")) << all;
  EXPECT_FALSE(has(run({.members = {"pga"}, .last_failover = true}), "  pgb  "));
}

TEST_F(ExplainTest, without_a_failover_it_says_so_and_what_is_missing) {
  api.statuses.erase(test::kPgb);
  api.answers.erase(test::kPgb);
  EXPECT_EQ(
      run({.last_failover = true}),
      "no journal of cluster shop has a failover\npgb is missing: it does not answer: connection refused");
}

TEST_F(ExplainTest, for_programs) {
  const auto read = parse_json(run({.format = Format::json}));
  ASSERT_TRUE(read);
  const Document& pgb = read->as_list().at(1);
  EXPECT_EQ(pgb.find("Member")->text(), "pgb");
  EXPECT_EQ(pgb.find_path("Decision.Code")->text(), "no_action_secondary");
  EXPECT_TRUE(pgb.find("If nobody led")->find("Would lead")->as_bool());
  EXPECT_TRUE(has(run({.format = Format::yaml}), "Member: pga\n")) << run({.format = Format::yaml});
  EXPECT_TRUE(has(run({.format = Format::tsv}),
                  "pgb\tdecision\tno_action_secondary\tstreams\tTrue\t\tit streams from n2\n"));
}

}  // namespace
}  // namespace tanist::ctl
