#include "ha/engine/schedule_note.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "log/log.h"
#include "unit/core/manual_clock.h"
#include "unit/ha/fakes.h"

namespace tanist::ha {
namespace {

using namespace std::chrono_literals;

constexpr const char* kNotePath = "/data.tanist/scheduled_restart";

/// Errors are answered; what hangs comes back at its deadline, and is done all the same where `late` says so.
class Shelf final : public Disk {
 public:
  explicit Shelf(Clock& clock) : clock_(clock) {}
  using Done = std::expected<void, std::string>;

  std::map<std::string, std::string> files;
  bool fails = false;
  bool hangs = false;
  bool late = false;

  Task<std::expected<std::optional<std::string>, std::string>> read(std::string path,
                                                                    Instant deadline) override {
    const bool answers = co_await wait(deadline);
    if (!answers) co_return std::unexpected(std::string("no answer"));
    const auto found = files.find(path);
    co_return found == files.end() ? std::optional<std::string>() : std::optional(found->second);
  }
  Task<Done> write(std::string path, std::string content, unsigned mode, Instant deadline) override {
    EXPECT_EQ(mode, 0600u);
    const bool answers = co_await wait(deadline);
    if (answers || late) files[path] = content;
    co_return answers ? Done() : std::unexpected(std::string("no space left on device"));
  }
  Task<Done> append(std::string, std::string, unsigned, Instant) override { co_return Done(); }
  Task<Done> remove(std::string path, Instant deadline) override {
    const bool answers = co_await wait(deadline);
    if (answers || late) files.erase(path);
    co_return answers ? Done() : std::unexpected(std::string("read-only file system"));
  }

 private:
  Task<bool> wait(Instant deadline) {
    const Instant until = hangs ? deadline : clock_.now() + 1ms;
    co_await clock_.sleep_until(until);
    co_return !hangs && !fails;
  }
  Clock& clock_;
};

class ScheduleNoteTest : public ::testing::Test {
 protected:
  ScheduleNoteTest() {
    log::redirect([this](log::Level, const std::string& line) { lines.push_back(line); });
    planned.wanted.at = WallTime(std::chrono::sys_days(std::chrono::year(2031) / 5 / 1));
    planned.wanted.restart = {
        .role = postgres::Role::replica, .older_than = 150004, .only_if_pending = true, .timeout = 90s};
    planned.wanted.shown = Document::map({{"schedule", "2031-05-01T00:00:00+00:00"}, {"role", "replica"}});
    planned.postmaster_start_time = "2031-04-01 00:00:00+00:00";
    auto configured = std::make_shared<config::Settings>();
    configured->state_dir = "/data.tanist";
    settings =
        std::make_unique<SettingsInForce>(ports, keeper, scope, words, configured, SettingsBuilder(), [] {});
    begin();
  }
  ~ScheduleNoteTest() override {
    shelf.fails = shelf.hangs = false;
    clock.advance(60s);
    scope.spawn("end", nothing());
    clock.settle();
    log::redirect({});
  }
  static Task<void> nothing() { co_return; }

  /// A daemon that knows nothing of the one before it.
  void begin() {
    clock.advance(60s);
    note = std::make_unique<ScheduleNote>(ports, scope, *settings);
    found.reset();
    note->take_over([this](ScheduledRestart left) { found = std::move(left); });
    clock.advance(10ms);
  }
  Task<void> keep_into() { ended = co_await note->keep(planned); }
  Task<void> drop_into() { ended = co_await note->drop(); }
  Task<void> known_into() { known = co_await note->known(); }
  bool keep() { return done(keep_into()); }
  bool drop() { return done(drop_into()); }
  bool done(Task<void> doing) {
    ended.reset();
    scope.spawn("ask", std::move(doing));
    clock.advance(20s);
    return ended.has_value() && ended->has_value();
  }
  void cycle(bool planned_now) {
    note->settle(planned_now);
    clock.advance(10s);
  }
  bool noted() const { return shelf.files.contains(kNotePath); }
  bool said(const std::string& part) const {
    return std::ranges::any_of(lines, [&](const auto& line) { return line.find(part) != std::string::npos; });
  }

  boost::asio::io_context io;
  test::ManualClock clock{io};
  test::FakeStore store{clock};
  test::FakeServer server;
  test::FakePeers peers;
  NoFence fence;
  Shelf shelf{clock};
  test::FakeDice dice;
  test::FakeJournal journal;
  Ports ports{clock, store, server, peers, fence, shelf, dice, journal};
  TaskScope scope{io.get_executor()};
  LeaseKeeper keeper{ports, scope, LeaseKeeper::Hooks{[] { return false; }, [] {}}};
  Words words{};
  std::unique_ptr<SettingsInForce> settings;
  std::unique_ptr<ScheduleNote> note;
  ScheduledRestart planned;
  std::optional<ScheduledRestart> found;
  std::optional<std::expected<void, std::string>> ended;
  std::optional<bool> known;
  std::vector<std::string> lines;
};

TEST_F(ScheduleNoteTest, the_next_daemon_finds_all_of_it) {
  ASSERT_TRUE(keep());
  begin();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->wanted.at, planned.wanted.at);
  EXPECT_EQ(found->wanted.restart.role, postgres::Role::replica);
  EXPECT_EQ(found->wanted.restart.older_than, 150004);
  EXPECT_TRUE(found->wanted.restart.only_if_pending);
  EXPECT_EQ(found->wanted.restart.timeout, 90s);
  EXPECT_EQ(to_json(found->wanted.shown), to_json(planned.wanted.shown));
  EXPECT_EQ(found->postmaster_start_time, planned.postmaster_start_time);
  EXPECT_TRUE(said("going on with the restart that is scheduled for 2031-05-01"));
}

TEST_F(ScheduleNoteTest, none_is_found_where_there_was_none) {
  EXPECT_FALSE(found);
  cycle(false);
  EXPECT_TRUE(lines.empty());
}

TEST_F(ScheduleNoteTest, it_goes_when_it_is_withdrawn_and_when_nothing_is_planned_any_more) {
  ASSERT_TRUE(keep());
  cycle(true);
  EXPECT_TRUE(noted());
  ASSERT_TRUE(drop());
  EXPECT_FALSE(noted());
  ASSERT_TRUE(keep());
  cycle(false);
  EXPECT_FALSE(noted());
}

TEST_F(ScheduleNoteTest, one_that_cannot_be_written_is_an_error_and_leaves_nothing) {
  shelf.hangs = shelf.late = true;
  EXPECT_FALSE(keep());
  EXPECT_EQ(ended->error(), "no space left on device");
  EXPECT_TRUE(noted()) << "the disk was only late";
  shelf.hangs = false;
  cycle(false);
  EXPECT_FALSE(noted());
}

TEST_F(ScheduleNoteTest, one_that_cannot_be_removed_is_an_error_and_stays) {
  ASSERT_TRUE(keep());
  shelf.hangs = shelf.late = true;
  EXPECT_FALSE(drop());
  EXPECT_FALSE(noted()) << "the disk was only late";
  shelf.hangs = false;
  cycle(true);
  EXPECT_TRUE(noted());
}

TEST_F(ScheduleNoteTest, what_fails_is_done_with_a_later_cycle) {
  ASSERT_TRUE(keep());
  shelf.fails = true;
  cycle(false);
  EXPECT_TRUE(noted());
  EXPECT_TRUE(said("is out of date: read-only file system"));
  shelf.fails = false;
  cycle(false);
  EXPECT_FALSE(noted());
}

TEST_F(ScheduleNoteTest, a_damaged_one_is_told_ignored_and_removed) {
  for (const char* text : {"", "{", "[]", "{}", R"({"version":2})", R"({"version":1,"restart":{}})",
                           R"({"version":1,"restart":{"at":1,"restart":{"role":"captain"}}})",
                           R"({"version":1,"restart":{"at":"soon"}})", R"({"version":1,"restart":7})"}) {
    shelf.files[kNotePath] = text;
    lines.clear();
    begin();
    EXPECT_FALSE(found) << text;
    EXPECT_TRUE(said("a restart that was scheduled is not carried out")) << text;
    cycle(false);
    EXPECT_FALSE(noted()) << text;
  }
}

TEST_F(ScheduleNoteTest, a_disk_that_is_late_is_waited_for_and_nothing_is_known_meanwhile) {
  ASSERT_TRUE(keep());
  shelf.hangs = true;
  begin();
  scope.spawn("ask", known_into());
  clock.advance(20s);
  EXPECT_EQ(known, false);
  note->settle(false);
  shelf.hangs = false;
  clock.advance(20s);
  EXPECT_TRUE(found);
  scope.spawn("ask", known_into());
  clock.advance(1s);
  EXPECT_EQ(known, true);
  EXPECT_TRUE(noted());
}

}  // namespace
}  // namespace tanist::ha
