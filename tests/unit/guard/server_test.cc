#include "guard/server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "core/time.h"
#include "guard/socket.h"
#include "process/child.h"

namespace tanist::guard {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

std::string own_directory() {
  return fs::read_symlink("/proc/self/exe").parent_path();
}

std::int64_t in(Duration d) {
  return (BootClock::now() + d).time_since_epoch().count();
}

/// The program itself, with a shell that plays the server.
class GuardServer : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/tanist-guard-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    state_ = root_ + "/state";
    fs::create_directories(state_);
    fs::create_directories(root_ + "/data");
    fs::copy("/bin/sh", root_ + "/postgres");
    ASSERT_EQ(::mkfifo((root_ + "/never").c_str(), 0600), 0);
    directory_.reset(::open(state_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    data_.reset(::open((root_ + "/data").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    guardian_.emplace(start_guardian());
  }
  void TearDown() override {
    guardian_->signal_group(SIGKILL);
    if (server_) server_->signal_group(SIGKILL);
    fs::remove_all(root_);
  }
  process::Child start_guardian() {
    process::Command command{{own_directory() + "/tanist-guard", state_}};
    command.out = command.err = process::Output::inherit;
    auto child = process::Child::spawn(command);
    EXPECT_TRUE(child) << child.error();
    return std::move(*child);
  }
  void start_server() {
    process::Command command{
        {root_ + "/postgres", "-c", "cd " + root_ + "/data; printf x; read y <" + root_ + "/never"}};
    auto child = process::Child::spawn(command);
    ASSERT_TRUE(child);
    char word = 0;
    const int out = child->take_stdout();
    ASSERT_EQ(::read(out, &word, 1), 1);
    ::close(out);
    server_.emplace(std::move(*child));
  }
  Descriptor connect() {
    // It listens soon after it was started.
    const auto until = BootClock::now() + 10s;
    while (BootClock::now() < until) {
      Descriptor fd(connect_to(directory_.get()));
      if (fd) return fd;
      ::poll(nullptr, 0, 1);
    }
    ADD_FAILURE() << "nobody listens";
    return {};
  }
  std::optional<Status> next(const Descriptor& fd) {
    pollfd answer{fd.get(), POLLIN, 0};
    Status status;
    if (::poll(&answer, 1, 10000) != 1 || receive_status(fd.get(), status) != Receipt::datagram)
      return std::nullopt;
    return status;
  }
  std::optional<Status> ask(const Descriptor& fd, Request request, std::vector<int> descriptors = {}) {
    request.serial = ++serial_;
    EXPECT_TRUE(send_request(fd.get(), request, descriptors));
    auto status = next(fd);
    if (status) {
      EXPECT_EQ(status->serial, serial_);
    }
    return status;
  }
  Request arm(std::int64_t kill_at, std::uint64_t epoch = 7) {
    Request request;
    request.kind = Kind::arm;
    request.epoch = epoch;
    request.kill_at = kill_at;
    return request;
  }
  Request say(Kind kind, std::uint64_t epoch = 7) {
    Request request;
    request.kind = kind;
    request.epoch = epoch;
    return request;
  }
  static bool ends(const process::Child& child, int ms = 10000) {
    pollfd end{child.pidfd().descriptor(), POLLIN, 0};
    return ::poll(&end, 1, ms) == 1;
  }

  std::string root_, state_;
  Descriptor directory_, data_;
  std::optional<process::Child> guardian_, server_;
  std::uint64_t serial_ = 0;
};

TEST_F(GuardServer, what_works_in_the_data_directory_is_killed_at_the_deadline) {
  start_server();
  const auto daemon = connect();
  const std::int64_t at = in(100ms);
  const auto armed = ask(daemon, arm(at), {data_.get(), server_->pidfd().descriptor()});
  ASSERT_TRUE(armed);
  EXPECT_EQ(armed->result, Result::done);
  EXPECT_EQ(armed->kill_at, at);
  EXPECT_FALSE(server_->pidfd().ended());
  EXPECT_TRUE(ends(*server_));
  EXPECT_GE(BootClock::now().time_since_epoch().count(), at);
  const auto told = next(daemon);
  ASSERT_TRUE(told) << "who listens is told";
  EXPECT_EQ(told->serial, 0u);
  EXPECT_EQ(told->kill_at, 0);
  EXPECT_EQ(told->kills, 1u);
  EXPECT_GE(told->killed_at, at);
  EXPECT_EQ(told->allocations, 0u);
}

TEST_F(GuardServer, the_end_of_the_daemon_changes_nothing) {
  start_server();
  {
    const auto daemon = connect();
    ASSERT_TRUE(ask(daemon, arm(in(150ms)), {data_.get()}));
  }
  EXPECT_TRUE(ends(*server_));
  EXPECT_EQ(ask(connect(), say(Kind::hello))->kills, 1u);
}

TEST_F(GuardServer, a_later_deadline_takes_the_place_of_the_earlier_one) {
  start_server();
  const auto daemon = connect();
  ASSERT_TRUE(ask(daemon, arm(in(200ms)), {data_.get()}));
  const std::int64_t later = in(500ms);
  // Without descriptors: it knows whom this is about.
  ASSERT_EQ(ask(daemon, arm(later))->kill_at, later);
  EXPECT_FALSE(ends(*server_, 350));
  EXPECT_TRUE(ends(*server_));
  EXPECT_GE(BootClock::now().time_since_epoch().count(), later);
}

TEST_F(GuardServer, once_disarmed_it_kills_nobody) {
  start_server();
  const auto daemon = connect();
  ASSERT_TRUE(ask(daemon, arm(in(150ms)), {data_.get()}));
  EXPECT_EQ(ask(daemon, say(Kind::disarm))->kill_at, 0);
  EXPECT_FALSE(ends(*server_, 400));
  // What it is told next needs the directory anew.
  EXPECT_EQ(ask(daemon, arm(in(1h)))->result, Result::broken);
}

TEST_F(GuardServer, the_next_daemon_learns_the_deadline_and_the_last_one_is_not_heard_any_more) {
  start_server();
  const auto first = connect();
  const std::int64_t at = in(1h);
  ASSERT_TRUE(ask(first, arm(at, 7), {data_.get()}));
  const auto second = connect();
  const auto learned = ask(second, say(Kind::hello, 8));
  EXPECT_EQ(learned->kill_at, at);
  EXPECT_EQ(learned->epoch, 7u);
  ASSERT_EQ(ask(second, arm(in(2h), 8))->result, Result::done);
  EXPECT_EQ(ask(first, say(Kind::disarm, 7))->result, Result::older_epoch);
  EXPECT_EQ(ask(first, arm(in(1ms), 7))->result, Result::older_epoch);
  EXPECT_FALSE(ends(*server_, 100));
  EXPECT_NE(ask(second, say(Kind::hello, 8))->kill_at, 0);
}

TEST_F(GuardServer, a_guardian_that_was_stopped_past_the_deadline_kills_before_it_listens) {
  start_server();
  const auto daemon = connect();
  ASSERT_TRUE(ask(daemon, arm(in(50ms)), {data_.get()}));
  ASSERT_TRUE(guardian_->pidfd().signal(SIGSTOP));
  EXPECT_FALSE(ends(*server_, 200));
  Request late = arm(in(1h));
  late.serial = 99;
  ASSERT_TRUE(send_request(daemon.get(), late, {}));
  ASSERT_TRUE(guardian_->pidfd().signal(SIGCONT));
  EXPECT_TRUE(ends(*server_));
  const auto answered = next(daemon);
  ASSERT_TRUE(answered);
  EXPECT_EQ(answered->result, Result::killing) << "what came too late prolongs nothing";
}

TEST_F(GuardServer, it_ends_when_told_unless_it_is_armed) {
  const auto daemon = connect();
  ASSERT_TRUE(ask(daemon, arm(in(1h)), {data_.get()}));
  ASSERT_TRUE(ask(daemon, say(Kind::leave)));
  ASSERT_TRUE(guardian_->pidfd().signal(SIGTERM));
  EXPECT_FALSE(ends(*guardian_, 100));
  ASSERT_TRUE(ask(daemon, say(Kind::disarm)));
  EXPECT_TRUE(ends(*guardian_));
  EXPECT_TRUE(guardian_->reap()->success());
}

TEST_F(GuardServer, there_is_one_for_each_data_directory) {
  const auto daemon = connect();
  auto second = start_guardian();
  ASSERT_TRUE(ends(second));
  EXPECT_EQ(second.reap()->code, 3);
  EXPECT_TRUE(ask(daemon, say(Kind::hello))) << "the first one is where it was";
  guardian_->signal_group(SIGKILL);
  ASSERT_TRUE(ends(*guardian_));
  guardian_.emplace(start_guardian());
  EXPECT_TRUE(ask(connect(), say(Kind::hello)));
}

TEST_F(GuardServer, what_cannot_be_understood_is_refused_and_changes_nothing) {
  start_server();
  const auto daemon = connect();
  const std::int64_t at = in(1h);
  ASSERT_TRUE(ask(daemon, arm(at), {data_.get()}));
  const auto still_armed = [&] {
    const auto status = ask(connect(), say(Kind::hello));
    return status && status->kill_at == at && !server_->pidfd().ended();
  };
  const std::string noise(4096, '\xff');
  for (const std::size_t bytes : {1u, 7u, 8u, 63u, 64u, 65u, 4096u}) {
    const auto other = connect();
    ASSERT_GT(::send(other.get(), noise.data(), bytes, 0), 0);
    const auto answered = next(other);
    ASSERT_TRUE(answered) << bytes;
    EXPECT_EQ(answered->result, Result::broken);
    EXPECT_FALSE(next(other)) << "the connection is over";
    EXPECT_TRUE(still_armed()) << bytes;
  }
  Request wrong = arm(in(1ms));
  wrong.version = 9;
  wrong.serial = 5;
  {
    const auto other = connect();
    ASSERT_TRUE(send_request(other.get(), wrong, {}));
    EXPECT_EQ(next(other)->result, Result::other_version);
  }
  EXPECT_TRUE(still_armed());
  // A file, and more descriptors than there are places.
  const Descriptor file(::open("/proc/self/stat", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(ask(connect(), arm(in(1ms)), {file.get()})->result, Result::broken);
  EXPECT_TRUE(still_armed());
  {
    const auto other = connect();
    const std::vector<int> many(6, data_.get());
    ASSERT_TRUE(send_request(other.get(), arm(in(1ms)), many));
    EXPECT_EQ(next(other)->result, Result::broken);
  }
  EXPECT_TRUE(still_armed());
}

TEST_F(GuardServer, more_connections_than_places_keep_nobody_out) {
  std::vector<Descriptor> all;
  for (int i = 0; i < 12; ++i) {
    all.push_back(connect());
    ASSERT_TRUE(ask(all.back(), say(Kind::hello))) << i;
  }
}

TEST_F(GuardServer, without_a_daemon_it_ends_when_its_directory_is_gone) {
  {
    const auto daemon = connect();
  }
  fs::remove_all(state_);
  EXPECT_TRUE(ends(*guardian_));
}

}  // namespace
}  // namespace tanist::guard
