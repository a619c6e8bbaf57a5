#include "ha/engine/branch_note.h"

#include <gtest/gtest.h>

#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "log/log.h"
#include "unit/core/manual_clock.h"
#include "unit/ha/fakes.h"
#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace std::chrono_literals;
using testing::kSystemId;
using testing::ViewBuilder;

constexpr const char* kBranchPath = "/data.tanist/branch";

class BranchDisk final : public Disk {
 public:
  explicit BranchDisk(Clock& clock) : clock_(clock) {}
  using Done = std::expected<void, std::string>;

  std::map<std::string, std::string> files;
  int writes = 0;
  bool fails = false;

  Task<std::expected<std::optional<std::string>, std::string>> read(std::string path, Instant) override {
    co_await clock_.sleep_for(1ms);
    if (fails) co_return std::unexpected(std::string("input/output error"));
    const auto found = files.find(path);
    co_return found == files.end() ? std::optional<std::string>() : std::optional(found->second);
  }
  Task<Done> write(std::string path, std::string content, unsigned, Instant) override {
    ++writes;
    co_await clock_.sleep_for(1ms);
    if (fails) co_return std::unexpected(std::string("no space left on device"));
    files[path] = std::move(content);
    co_return Done();
  }
  Task<Done> append(std::string, std::string, unsigned, Instant) override { co_return Done(); }
  Task<Done> remove(std::string, Instant) override { co_return Done(); }

 private:
  Clock& clock_;
};

class BranchServer final : public test::FakeServer {
 public:
  postgres::Facts state;
  postgres::ClusterIdentity found{.directory = "8:1", .cluster = "8:2", .postmaster = {}};
  const postgres::Facts& facts() const override { return state; }
  Task<std::expected<postgres::ClusterIdentity, postgres::Failure>> identify(bool, Instant) override {
    co_return found;
  }
};

class BranchNotes : public ::testing::Test {
 protected:
  BranchNotes() {
    log::redirect([](log::Level, const std::string&) {});
    auto configured = std::make_shared<config::Settings>();
    configured->state_dir = "/data.tanist";
    settings =
        std::make_unique<SettingsInForce>(ports, keeper, scope, words, configured, SettingsBuilder(), [] {});
    postmaster(100);
    begin();
  }
  ~BranchNotes() override {
    disk.fails = false;
    clock.advance(60s);
    scope.spawn("end", nothing());
    clock.settle();
    log::redirect({});
  }
  static Task<void> nothing() { co_return; }

  void postmaster(int pid) {
    server.state.process = pid ? postgres::Process::running : postgres::Process::none;
    server.state.postmaster_pid = pid;
  }
  /// A daemon that knows nothing of the one before it.
  void begin() {
    clock.advance(60s);
    note = std::make_unique<BranchNote>(ports, scope, *settings);
    note->begin();
    clock.advance(10ms);
  }
  void see(ViewBuilder b) {
    b.view.now = clock.now();
    note->see(b.build());
    clock.advance(10s);
    b.view.now = clock.now();
    note->see(b.build());
    clock.advance(10s);
  }
  /// n1 is a standby on timeline 1, and nobody tells anything of that.
  void see_standby() { see(ViewBuilder().as_replica()); }
  void see_primary_on(std::uint32_t timeline) {
    ViewBuilder b = ViewBuilder().as_leader();
    b.view.postgres.facts.probe->timeline = {timeline};
    see(b);
  }
  Task<void> promoting_into() {
    const Timeline from{1};
    auto noting = note->promoting(from, "red");
    co_await std::move(noting);
    told = true;
  }
  void tell_to_promote() {
    told = false;
    scope.spawn("promotion", promoting_into());
    clock.advance(6s);
  }
  Task<void> forget_into() { forgotten = co_await note->forget(); }
  bool forget() {
    forgotten.reset();
    scope.spawn("forget", forget_into());
    clock.advance(20s);
    return forgotten.value_or(false);
  }

  boost::asio::io_context io;
  test::ManualClock clock{io};
  test::FakeStore store{clock};
  BranchServer server;
  test::FakePeers peers;
  NoFence fence;
  BranchDisk disk{clock};
  test::FakeDice dice;
  test::FakeJournal journal;
  Ports ports{clock, store, server, peers, fence, disk, dice, journal};
  TaskScope scope{io.get_executor()};
  LeaseKeeper keeper{ports, scope, LeaseKeeper::Hooks{[] { return false; }, [] {}}};
  Words words{};
  std::unique_ptr<SettingsInForce> settings;
  std::unique_ptr<BranchNote> note;
  bool told = false;
  std::optional<bool> forgotten;
};

TEST_F(BranchNotes, a_promotion_is_noted_before_and_known_after) {
  see_standby();
  EXPECT_EQ(note->of({1}), "");
  tell_to_promote();
  EXPECT_TRUE(told);
  EXPECT_NE(disk.files[kBranchPath].find("\"next\":\"red\""), std::string::npos);
  EXPECT_EQ(note->of({2}), "") << "it is told, and not begun";
  see_primary_on(2);
  EXPECT_EQ(note->of({2}), "red");
  EXPECT_EQ(note->of({1}), "");
  EXPECT_EQ(note->of({}), "");
}

TEST_F(BranchNotes, a_daemon_that_dies_in_a_promotion_leaves_it_to_the_next) {
  see_standby();
  tell_to_promote();
  begin();
  see_primary_on(2);
  EXPECT_EQ(note->of({2}), "red");
  begin();
  EXPECT_EQ(note->of({2}), "") << "whose files these are was not looked at yet";
  see_primary_on(2);
  EXPECT_EQ(note->of({2}), "red");
  EXPECT_NE(disk.files[kBranchPath].find(kSystemId), std::string::npos);
}

TEST_F(BranchNotes, a_disk_that_fails_keeps_nobody_from_being_promoted) {
  see_standby();
  disk.fails = true;
  tell_to_promote();
  EXPECT_TRUE(told);
  see_primary_on(2);
  EXPECT_EQ(note->of({2}), "red") << "this daemon knows";
  disk.fails = false;
  see_primary_on(2);
  begin();
  see_primary_on(2);
  EXPECT_EQ(note->of({2}), "red") << "and the next, once it could be noted";
}

TEST_F(BranchNotes, what_cannot_be_read_yet_is_not_known_and_not_written_over) {
  see_standby();
  tell_to_promote();
  see_primary_on(2);
  disk.fails = true;
  begin();
  see_primary_on(2);
  EXPECT_EQ(note->of({2}), "");
  disk.fails = false;
  clock.advance(10s);
  see_primary_on(2);
  EXPECT_EQ(note->of({2}), "red");
}

TEST_F(BranchNotes, of_other_files_nothing_is_known) {
  see_standby();
  tell_to_promote();
  see_primary_on(2);
  // Somebody puts another directory in the place of this one while nothing runs.
  server.found.cluster = "8:3";
  postmaster(200);
  EXPECT_EQ(note->of({2}), "") << "they were not looked at yet";
  see_primary_on(2);
  EXPECT_EQ(note->of({2}), "");
}

TEST_F(BranchNotes, of_a_directory_that_is_empty_nothing_is_left) {
  see_standby();
  tell_to_promote();
  see_primary_on(2);
  see(ViewBuilder().without_data());
  EXPECT_EQ(disk.files[kBranchPath].find("red"), std::string::npos);
  see_primary_on(2);
  EXPECT_EQ(note->of({2}), "");
}

TEST_F(BranchNotes, of_another_cluster_nothing_is_known) {
  see_standby();
  tell_to_promote();
  see_primary_on(2);
  ViewBuilder b = ViewBuilder().as_leader();
  b.view.postgres.facts.probe->timeline = {2};
  b.view.postgres.facts.system_identifier = "7000000000000000002";
  see(b);
  EXPECT_EQ(note->of({2}), "");
}

TEST_F(BranchNotes, a_file_that_says_nothing_is_no_harm) {
  for (const char* content : {"", "red", "[]", "{\"timeline\":\"2\"}", "{\"branch\":7}"}) {
    disk.files[kBranchPath] = content;
    begin();
    see_primary_on(2);
    EXPECT_EQ(note->of({2}), "") << content;
  }
}

TEST_F(BranchNotes, are_emptied_before_the_data_are_replaced) {
  see_standby();
  EXPECT_TRUE(forget());
  EXPECT_EQ(disk.writes, 0) << "there was nothing to empty";
  see_standby();
  tell_to_promote();
  see_primary_on(2);
  disk.fails = true;
  EXPECT_FALSE(forget()) << "the next daemon would believe it";
  EXPECT_EQ(note->of({2}), "");
  disk.fails = false;
  EXPECT_TRUE(forget());
  begin();
  see_primary_on(2);
  EXPECT_EQ(note->of({2}), "");
}

TEST_F(BranchNotes, a_promotion_that_was_not_told_is_forgotten) {
  see_standby();
  tell_to_promote();
  note->not_promoted();
  clock.advance(10s);
  EXPECT_EQ(disk.files[kBranchPath].find("red"), std::string::npos);
  see_primary_on(2);
  EXPECT_EQ(note->of({2}), "");
}

TEST_F(BranchNotes, nothing_is_written_where_nothing_changes) {
  see_standby();
  EXPECT_EQ(disk.writes, 0);
  tell_to_promote();
  see_primary_on(2);
  const int writes = disk.writes;
  see_primary_on(2);
  EXPECT_EQ(disk.writes, writes);
}

}  // namespace
}  // namespace tanist::ha
