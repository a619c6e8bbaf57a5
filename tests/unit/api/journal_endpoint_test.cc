#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "async/disk_thread.h"
#include "ha/model/journal_codec.h"
#include "json/parse.h"
#include "unit/api/served.h"

namespace tanist::api {
namespace {

class JournalEndpoint : public test::Served {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/tanist-journal-XXXXXX";
    directory = ::mkdtemp(pattern.data());
  }
  void TearDown() override {
    server.reset();
    for (const char* end : {"", ".1"}) (void)blocking::remove_file(ha::journal_path(directory) + end);
    EXPECT_EQ(std::remove(directory.c_str()), 0);
  }
  void write(const char* end, const std::string& text) const {
    ASSERT_TRUE(blocking::write_file(ha::journal_path(directory) + end, text, 0600));
  }
  /// A member that has decided once.
  ha::Snapshot decided() const {
    ha::Snapshot s = test::primary();
    auto settings = std::make_shared<config::Settings>(*s.settings);
    settings->state_dir = directory;
    s.settings = settings;
    auto last = std::make_shared<ha::Decided>();
    last->view.self.name = "pga";
    last->decision.reason = {.code = ha::Code::no_action_leader, .arguments = {"pga"}};
    last->decision.checks.push_back({.rule = ha::Rule::is_primary, .passed = true});
    s.decided = last;
    return s;
  }
  Document answer(const std::string& query = {}) const {
    const auto reply = ask("GET /journal" + query);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return parse_json(reply.body).value_or(Document());
  }

  std::string directory;
};

constexpr const char* kLine =
    "{\"version\":2,\"at\":\"2031-05-01T10:00:00+00:00\",\"previous_repeated\":3}\n";

TEST_F(JournalEndpoint, tells_the_last_decision_and_those_before) {
  write("", kLine);
  publish(decided());
  start();
  const Document d = answer();
  EXPECT_EQ(d.find("name")->text(), "pga");
  EXPECT_EQ(d.find("version")->as_int(), ha::kJournalVersion);
  EXPECT_EQ(d.find_path("now.decision.reason.code")->text(), "no_action_leader");
  EXPECT_EQ(d.find_path("now.decision.checks")->as_list().at(0).find("text")->text(),
            "PostgreSQL is a primary");
  EXPECT_TRUE(ha::decode_view(*d.find_path("now.view")));
  EXPECT_EQ(d.find("entries")->size(), 1u);
  EXPECT_EQ(d.find("entries")->as_list().at(0).find("previous_repeated")->as_int(), 3);
  EXPECT_LE(d.find_path("received.boot_ns")->as_int(), d.find_path("answered.boot_ns")->as_int());
  EXPECT_GT(d.find_path("received.wall_us")->as_int(), 0);
}

TEST_F(JournalEndpoint, goes_on_from_the_file_before) {
  write(".1", std::string(kLine) + kLine);
  write("", std::string(kLine).replace(40, 1, "1"));
  publish(decided());
  start();
  EXPECT_EQ(answer("?limit=2").find("entries")->size(), 2u);
  EXPECT_TRUE(answer("?limit=2").find("earlier")->as_bool());
  EXPECT_EQ(answer().find("entries")->size(), 3u);
}

TEST_F(JournalEndpoint, is_there_before_anything_was_decided) {
  auto s = decided();
  s.decided = nullptr;
  publish(s);
  start();
  const Document d = answer();
  EXPECT_TRUE(d.find("now")->is_null());
  EXPECT_EQ(d.find("entries")->size(), 0u);
}

TEST_F(JournalEndpoint, says_what_is_wrong_with_a_parameter) {
  publish(decided());
  start();
  const auto reply = ask("GET /journal?limit=many");
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.body, "limit: 'many' is no number from 0 to 1000");
}

TEST_F(JournalEndpoint, says_why_the_files_cannot_be_read) {
  auto s = decided();
  auto settings = std::make_shared<config::Settings>(*s.settings);
  settings->state_dir = directory;
  s.settings = settings;
  ASSERT_EQ(::mkdir(ha::journal_path(directory).c_str(), 0700), 0);
  publish(s);
  start();
  const auto reply = ask("GET /journal");
  EXPECT_EQ(reply.status, 503);
  EXPECT_NE(reply.body.find(ha::journal_path(directory)), std::string::npos) << reply.body;
  EXPECT_EQ(::rmdir(ha::journal_path(directory).c_str()), 0);
}

}  // namespace
}  // namespace tanist::api
