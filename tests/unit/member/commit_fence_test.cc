#include "member/commit_fence.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include "async/clock.h"
#include "contract/run_task.h"
#include "log/log.h"

namespace tanist::member {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class CommitFenceTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/dev/shm/tanist-commit-fence.XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    directory_ = name;
    fs::create_directory(directory_ + "/data");
    log::redirect([this](log::Level level, const std::string& line) {
      if (level >= log::Level::warning) logged_ += line + "\n";
    });
    restart();
    use(path());
  }
  void TearDown() override {
    fence_.reset();
    log::redirect({});
    fs::remove_all(directory_);
  }

  std::string path(const std::string& name = "told") const { return directory_ + "/" + name; }
  /// Another daemon on the same data.
  void restart() {
    fence_.emplace(CommitFence::Parts{.clock = clock_,
                                      .disk = disk_,
                                      .system_identifier = [this] { return system_identifier_; },
                                      .clocks = [this] { return clocks_; }});
  }
  void use(const std::string& file, const std::string& libraries = "pg_stat_statements, tanist_fence",
           const std::string& without = "") {
    config::Settings settings;
    settings.postgresql.data_dir = directory_ + "/data";
    settings.state_dir = directory_;
    auto& parameters = settings.postgresql.parameters;
    parameters["shared_preload_libraries"] = libraries;
    if (!file.empty()) parameters["tanist_fence.file"] = file;
    if (!without.empty()) parameters["tanist_fence.without_file"] = without;
    fence_->take_settings(std::make_shared<const config::Settings>(settings));
  }
  bool arm() { return test::run(io_, fence_->arm(clock_.now() + 5s)); }
  void disarm() { test::run(io_, fence_->disarm("not a leader")); }
  /// A question, and its answer: the lease holds for `left` from the question on.
  void prove(Duration left) {
    fence_->about_to_ask();
    fence_->prolong(clocks_.boot + left, clocks_.boot);
  }
  std::optional<TanistFenceSlot> slot(const std::string& name = "told") const {
    std::ifstream in(path(name), std::ios::binary);
    TanistFenceFile file;
    TanistFenceSlot slot;
    if (!in.read(reinterpret_cast<char*>(&file), sizeof(file))) return std::nullopt;
    return tanist_fence_read(&file, &slot) != 0 ? std::optional(slot) : std::nullopt;
  }
  std::uint32_t state(const std::string& name = "told") const {
    const auto now = slot(name);
    return now ? now->state : 0;
  }

  std::string directory_;
  std::string system_identifier_ = "7000000000000000001";
  std::string logged_;
  boost::asio::io_context io_;
  SystemClock clock_;
  DiskThread disk_{clock_};
  fence::ClockPair clocks_{Instant(1000s), std::chrono::sys_time<std::chrono::nanoseconds>(5000s)};
  std::optional<CommitFence> fence_;
};

TEST_F(CommitFenceTest, publishes_the_end_of_the_lease_on_both_clocks) {
  EXPECT_TRUE(arm());
  EXPECT_FALSE(slot()) << "no lease is proven yet";
  prove(30s);
  ASSERT_EQ(state(), TANIST_FENCE_ARMED);
  EXPECT_EQ(slot()->kill_at_boot, Duration(1030s).count());
  EXPECT_EQ(slot()->kill_at_real, Duration(5030s).count());
  disarm();
  EXPECT_EQ(state(), TANIST_FENCE_DISARMED);
  EXPECT_FALSE(fence_->armed() || fence_->holds());
  prove(60s);
  EXPECT_EQ(state(), TANIST_FENCE_DISARMED) << "nobody armed it again";
}

TEST_F(CommitFenceTest, counts_from_the_clocks_as_they_stood_before_the_question) {
  EXPECT_TRUE(arm());
  fence_->about_to_ask();
  const Instant asked_at = clocks_.boot + 1ms;
  // The answer is under way while the machine stands still, and its wall clock is stepped.
  clocks_.real += 1h;
  fence_->about_to_ask();
  fence_->prolong(asked_at + 30s, asked_at);
  EXPECT_EQ(slot()->kill_at_real, Duration(5030s + 1ms).count())
      << "by the hour that was slept, nothing is prolonged";
  fence_->prolong(Instant(30s), Instant(0s));
  EXPECT_EQ(slot()->kill_at_real, Duration(5030s + 1ms).count()) << "asked for before any clock was read";
}

TEST_F(CommitFenceTest, takes_over_what_an_earlier_daemon_left) {
  EXPECT_TRUE(arm());
  prove(30s);
  restart();
  use(path());
  EXPECT_TRUE(fence_->holds()) << "as a standby, or in a pause, it has to go";
  EXPECT_FALSE(fence_->armed());
  EXPECT_EQ(state(), TANIST_FENCE_ARMED);
  disarm();
  EXPECT_EQ(state(), TANIST_FENCE_DISARMED);
  EXPECT_FALSE(fence_->holds());
  EXPECT_TRUE(arm());
  prove(30s);
  restart();
  use(path());
  EXPECT_TRUE(arm());
  EXPECT_EQ(state(), TANIST_FENCE_ARMED) << "what was published stays in force until there is more";
  prove(40s);
  EXPECT_EQ(slot()->kill_at_boot, Duration(1040s).count());
}

TEST_F(CommitFenceTest, what_an_earlier_daemon_left_is_asked_for_until_it_is_known) {
  system_identifier_.clear();
  disarm();
  EXPECT_TRUE(fence_->holds());
  system_identifier_ = "7000000000000000001";
  disarm();
  EXPECT_FALSE(fence_->holds());
  EXPECT_FALSE(fs::exists(path())) << "there was none, and none is made for that";
}

TEST_F(CommitFenceTest, does_nothing_where_the_server_does_not_look) {
  for (const char* libraries : {"", "pg_stat_statements", "tanist_fence_2, nottanist_fence"}) {
    restart();
    use(path(), libraries);
    EXPECT_TRUE(arm()) << libraries;
    prove(30s);
    EXPECT_FALSE(fs::exists(path())) << libraries;
    disarm();
    EXPECT_TRUE(fence_->usable());
  }
  for (const char* libraries :
       {"tanist_fence", "\"tanist_fence\"", "a,tanist_fence ,b", "$libdir/tanist_fence.so"}) {
    restart();
    use(path(), libraries);
    EXPECT_TRUE(arm());
    prove(30s);
    EXPECT_EQ(state(), TANIST_FENCE_ARMED) << libraries;
    disarm();
    fs::remove(path());
  }
}

TEST_F(CommitFenceTest, another_file_is_told_as_well_until_the_server_looks_there) {
  EXPECT_TRUE(arm());
  prove(30s);
  use(path("other"));
  EXPECT_FALSE(fence_->armed()) << "the next decision arms it";
  EXPECT_TRUE(fence_->holds());
  EXPECT_TRUE(arm());
  prove(40s);
  EXPECT_EQ(slot()->kill_at_boot, Duration(1040s).count()) << "it was started with this one";
  EXPECT_EQ(slot("other")->kill_at_boot, Duration(1040s).count());
  disarm();
  EXPECT_EQ(state(), TANIST_FENCE_DISARMED);
  EXPECT_EQ(state("other"), TANIST_FENCE_DISARMED);
}

TEST_F(CommitFenceTest, a_server_that_was_started_before_is_told_also_where_the_file_is_the_default_one_now) {
  EXPECT_TRUE(arm());
  prove(30s);
  use("");
  EXPECT_TRUE(arm());
  prove(40s);
  EXPECT_EQ(slot()->kill_at_boot, Duration(1040s).count()) << "it would commit nothing any more";
  disarm();
  const auto identity = fence::identity_of(directory_ + "/data", 7000000000000000001u);
  ASSERT_TRUE(identity);
  fs::remove(fence::default_path(*identity));
}

TEST_F(CommitFenceTest, another_daemon_with_another_configuration_takes_back_what_the_server_looks_at) {
  for (const bool leads : {true, false})
    for (const char* libraries : {"tanist_fence", ""}) {
      restart();
      use(path());
      EXPECT_TRUE(arm());
      prove(30s);
      restart();
      use(path("other"), libraries);
      EXPECT_TRUE(fence_->holds());
      if (leads) EXPECT_TRUE(arm());
      if (!leads) disarm();
      EXPECT_EQ(state(), TANIST_FENCE_DISARMED) << libraries << ": its server was not restarted";
      disarm();
    }
}

TEST_F(CommitFenceTest, a_file_of_another_in_its_place_keeps_the_server_from_committing) {
  fs::create_directory(path());
  EXPECT_FALSE(arm()) << "whatever it does without a file";
  EXPECT_FALSE(fence_->usable());
}

TEST_F(CommitFenceTest, taken_out_of_the_configuration_it_fences_no_more) {
  EXPECT_TRUE(arm());
  prove(30s);
  use(path(), "");
  EXPECT_EQ(state(), TANIST_FENCE_DISARMED) << "the server looks there until its next restart";
}

TEST_F(CommitFenceTest, what_cannot_be_written_is_said_and_keeps_nobody_from_leading_who_may_commit_without) {
  use(path("missing/fence"));
  EXPECT_TRUE(arm());
  EXPECT_NE(logged_.find("tanist_fence cannot be told of the lease: could not look at"), std::string::npos)
      << logged_;
  EXPECT_TRUE(fence_->usable());
  logged_.clear();
  use(path("missing/fence"), "tanist_fence", "refuse");
  disarm();
  EXPECT_FALSE(arm());
  EXPECT_FALSE(fence_->usable()) << "a server that commits nothing is no leader";
  EXPECT_NE(logged_.find("its server commits nothing like that"), std::string::npos) << logged_;
}

TEST_F(CommitFenceTest, is_written_to_memory_only) {
  use("/var/tmp/tanist_fence_test");
  EXPECT_TRUE(arm());
  EXPECT_NE(logged_.find("\"/var/tmp\" is not in memory (tmpfs)"), std::string::npos) << logged_;
  EXPECT_FALSE(fs::exists("/var/tmp/tanist_fence_test"));
}

TEST_F(CommitFenceTest, a_copy_of_the_directory_gets_a_file_of_its_own) {
  EXPECT_TRUE(arm());
  prove(30s);
  fs::rename(directory_ + "/data", directory_ + "/old");
  fs::create_directory(directory_ + "/data");
  disarm();
  EXPECT_TRUE(arm());
  EXPECT_EQ(state(), TANIST_FENCE_DISARMED) << "the name is given with the first word";
  prove(30s);
  std::ifstream in(path(), std::ios::binary);
  TanistFenceFile file;
  ASSERT_TRUE(in.read(reinterpret_cast<char*>(&file), sizeof(file)));
  const auto identity = fence::identity_of(directory_ + "/data", 7000000000000000001u);
  ASSERT_TRUE(identity);
  EXPECT_EQ(file.header.inode, identity->inode);
}

}  // namespace
}  // namespace tanist::member
