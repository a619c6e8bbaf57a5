#include "member/journal.h"
#include "json/parse.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <set>
#include <sstream>

#include "async/disk_thread.h"
#include "contract/run_task.h"
#include "ha/model/decision.h"
#include "unit/core/manual_clock.h"

namespace tanist::member {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMoreThanTheQueueHolds = 100;

/// Files in memory. What a disk thread was asked for is done whether somebody waits for it or not; while it
/// hangs, nobody hears so.
class MemoryDisk final : public Disk {
 public:
  using Content = std::expected<std::optional<std::string>, std::string>;
  using Done = std::expected<void, std::string>;

  Task<Content> read(std::string path, Instant) override {
    co_await answer();
    if (unreadable) co_return std::unexpected("could not read \"" + path + "\"");
    const auto it = files.find(path);
    co_return it == files.end() ? Content(std::nullopt) : Content(it->second);
  }
  Task<Done> write(std::string path, std::string content, unsigned mode, Instant) override {
    modes.insert(mode);
    files[path] = content;
    return answer();
  }
  Task<Done> append(std::string path, std::string content, unsigned mode, Instant) override {
    modes.insert(mode);
    files[path] += content;
    return answer();
  }
  Task<Done> remove(std::string, Instant) override { return answer(); }

  void hang() { free_.clear(); }
  void go_on() { free_.set(); }
  MemoryDisk() { free_.set(); }

  std::map<std::string, std::string> files;
  std::set<unsigned> modes;
  bool unreadable = false;

 private:
  Task<Done> answer() {
    co_await free_.wait();
    co_return Done();
  }
  Event free_;
};

ha::Decision decision(const std::string& what) {
  ha::Decision made;
  made.reason.code = ha::Code::no_action;
  made.reason.arguments = {what};
  return made;
}

ha::View view() {
  ha::View seen;
  seen.settings = ha::policy_settings({});
  return seen;
}

struct JournalTest : testing::Test {
  void TearDown() override {
    disk.go_on();
    if (!scope.closed()) close();
  }
  void record(const std::string& what) { journal.record(view(), decision(what)); }
  void close() {
    boost::asio::co_spawn(io, scope.close(), [](std::exception_ptr) {});
    clock.settle();
  }
  std::vector<Document> lines(const std::string& path = "/state/journal.jsonl") {
    std::vector<Document> found;
    std::istringstream in(disk.files[path]);
    for (std::string line; std::getline(in, line);) found.push_back(parse_json(line).value());
    return found;
  }
  static std::int64_t count(const Document& line, const char* name) {
    const auto* value = line.find(name);
    return value ? value->as_int() : 0;
  }
  static bool is_about(const Document& line, const std::string& what) {
    return line.find("decision") && to_json(line).find("(" + what + ")") != std::string::npos;
  }

  boost::asio::io_context io;
  test::ManualClock clock{io};
  MemoryDisk disk;
  TaskScope scope{io.get_executor()};
  FileJournal journal{clock, disk, scope, "/state"};
};

TEST_F(JournalTest, equal_decisions_are_one_line_and_the_next_line_counts_them) {
  for (int i = 0; i < 4; ++i) record("a");
  record("b");
  clock.settle();
  const auto all = lines();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_TRUE(is_about(all[0], "a"));
  EXPECT_EQ(count(all[0], "previous_repeated"), 0);
  EXPECT_TRUE(is_about(all[1], "b"));
  EXPECT_EQ(count(all[1], "previous_repeated"), 3);
}

/// Whoever reads when a standby began to stream reads it from the line that says so.
TEST_F(JournalTest, a_rule_that_is_passed_by_now_begins_a_line) {
  for (const bool passed : {false, false, true, true}) {
    ha::Decision made = decision("a");
    made.checks.push_back({.rule = ha::Rule::streams, .passed = passed});
    journal.record(view(), made);
  }
  clock.settle();
  const auto all = lines();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_FALSE(all[0].find_path("decision.checks")->as_list().at(0).find("passed")->as_bool());
  EXPECT_TRUE(all[1].find_path("decision.checks")->as_list().at(0).find("passed")->as_bool());
  EXPECT_EQ(count(all[1], "previous_repeated"), 1);
}

TEST_F(JournalTest, what_a_hanging_disk_cannot_take_is_dropped_and_counted) {
  record("first");
  clock.settle();
  disk.hang();
  for (std::size_t i = 0; i < kMoreThanTheQueueHolds; ++i) record("hung " + std::to_string(i));
  disk.go_on();
  clock.settle();
  record("after");
  clock.settle();
  const auto all = lines();
  EXPECT_LT(all.size(), kMoreThanTheQueueHolds);
  EXPECT_TRUE(is_about(all.back(), "after"));
  // "first" and "after" besides those of the hang.
  EXPECT_EQ(all.size() - 2 + static_cast<std::size_t>(count(all.back(), "dropped")), kMoreThanTheQueueHolds);
}

TEST_F(JournalTest, a_decision_that_was_dropped_is_written_when_it_is_made_again) {
  disk.hang();
  for (std::size_t i = 0; i < kMoreThanTheQueueHolds; ++i) record("hung " + std::to_string(i));
  record("stays");
  disk.go_on();
  clock.settle();
  for (int i = 0; i < 3; ++i) record("stays");
  record("after");
  clock.settle();
  const auto all = lines();
  ASSERT_TRUE(is_about(all[all.size() - 2], "stays")) << to_json(all[all.size() - 2]);
  EXPECT_GT(count(all[all.size() - 2], "dropped"), 1);
  EXPECT_TRUE(is_about(all.back(), "after"));
  EXPECT_EQ(count(all.back(), "previous_repeated"), 2);
}

TEST_F(JournalTest, a_decision_from_before_a_gap_is_no_repetition_across_it) {
  record("hung");
  clock.settle();
  disk.hang();
  for (std::size_t i = 0; i < kMoreThanTheQueueHolds; ++i) record(i % 2 == 0 ? "x" : "y");
  const std::string last = "z";
  record(last);
  disk.go_on();
  clock.settle();
  record("y");  // written last before the gap
  clock.settle();
  EXPECT_TRUE(is_about(lines().back(), "y"));
  EXPECT_GT(count(lines().back(), "dropped"), 1);
}

TEST_F(JournalTest, an_orderly_exit_writes_what_waits_and_the_last_count) {
  record("a");
  clock.settle();
  record("a");
  record("a");
  record("b");
  record("b");
  close();  // before the writer had a turn
  const auto all = lines();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_TRUE(is_about(all[1], "b"));
  EXPECT_EQ(count(all[1], "previous_repeated"), 2);
  EXPECT_EQ(all[2].find("decision"), nullptr);
  EXPECT_EQ(count(all[2], "previous_repeated"), 1);
}

TEST_F(JournalTest, an_exit_while_the_disk_hangs_writes_each_line_once) {
  disk.files["/state/journal.jsonl"] = "{\"of\":\"an earlier daemon\"}\n";
  disk.hang();
  record("a");
  clock.settle();  // waits for the old file
  record("b");
  close();
  disk.go_on();
  clock.settle();
  auto all = lines();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_TRUE(is_about(all[0], "a"));
  EXPECT_TRUE(is_about(all[1], "b"));
  EXPECT_EQ(lines("/state/journal.jsonl.1").size(), 1u);
  EXPECT_TRUE(scope.closed());
}

TEST_F(JournalTest, an_exit_during_a_write_does_not_write_it_again) {
  record("a");
  clock.settle();
  disk.hang();
  record("b");
  clock.settle();  // handed to the disk, which does not answer
  close();
  disk.go_on();
  clock.settle();
  EXPECT_EQ(lines().size(), 2u);
}

TEST_F(JournalTest, a_full_file_is_kept_and_begun_anew) {
  const std::string long_name(100'000, 'n');
  for (int i = 0; i < 45; ++i) {
    record(long_name + std::to_string(i));
    clock.settle();
  }
  const auto kept = lines("/state/journal.jsonl.1");
  const auto all = lines();
  EXPECT_GT(kept.size(), all.size());
  EXPECT_EQ(kept.size() + all.size(), 45u);
  EXPECT_LE(disk.files["/state/journal.jsonl.1"].size(), 4u * 1024 * 1024);
}

TEST_F(JournalTest, an_old_journal_that_cannot_be_kept_is_added_to) {
  disk.files["/state/journal.jsonl"] = "{}\n";
  disk.unreadable = true;
  record("a");
  clock.settle();
  EXPECT_EQ(lines().size(), 2u);
}

TEST_F(JournalTest, nobody_else_may_read_it) {
  record("a");
  clock.settle();
  record("b");
  clock.settle();
  EXPECT_EQ(disk.modes, std::set<unsigned>{0600});
}

TEST(JournalFile, on_a_real_disk_nobody_else_may_read_it) {
  char directory[] = "/tmp/tanist-journal-XXXXXX";
  ASSERT_NE(::mkdtemp(directory), nullptr);
  const std::string path = std::string(directory) + "/state/journal.jsonl";
  SystemClock clock;
  boost::asio::io_context io;
  {
    DiskThread disk(clock);
    test::run(io, [](Clock& c, Disk& d, std::string place) -> Task<void> {
      auto executor = co_await boost::asio::this_coro::executor;
      TaskScope scope(executor);
      FileJournal journal(c, d, scope, place);
      journal.record(view(), decision("a"));
      co_await scope.close();
    }(clock, disk, std::string(directory) + "/state"));
  }
  struct stat seen{};
  ASSERT_EQ(::stat(path.c_str(), &seen), 0);
  EXPECT_EQ(seen.st_mode & 0777, 0600u);
  EXPECT_GT(seen.st_size, 0);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace tanist::member
