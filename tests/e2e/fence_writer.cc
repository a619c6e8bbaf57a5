// Plays whoever holds the lease, for tests of the extension tanist_fence: publishes on order, renews by
// itself, and kills at the lease's end as a guardian does, where it is told to.
//
//   tanist_fence_writer DATA_DIR SYSTEM_IDENTIFIER FILE [ORDER...]     FILE may be -, for the default
//
// One order as arguments, or any number on standard input with an answer ("ok" or "error: …") for each:
//   arm MS [WALL_MS]   commits end in MS by CLOCK_BOOTTIME, in WALL_MS (the same without it) by
//   CLOCK_REALTIME keep MS EVERY_MS   arm MS now and again every EVERY_MS guard PID          at the end of
//   what is armed, kills the postmaster PID with its children hold               neither renews nor kills any
//   more disarm, remove

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>

#include "fence/fence_file.h"

namespace {

using std::chrono::milliseconds;
using tanist::BootClock;
using tanist::Instant;

struct Writer {
  tanist::fence::FenceFile file;
  std::optional<Instant> kill_at = {};
  std::optional<milliseconds> length = {};
  milliseconds every{0};
  Instant renew_at{};
  pid_t postmaster = 0;

  std::expected<void, std::string> arm(milliseconds boot, milliseconds wall) {
    const auto now = tanist::fence::ClockPair::now();
    auto at = tanist::fence::deadline(now, now.boot + boot);
    at.real += wall - boot;
    kill_at = at.boot;
    return file.arm(at);
  }

  void kill_all() {
    ::kill(postmaster, SIGSTOP);
    for (int pass = 0; pass < 3; ++pass) {
      std::ifstream in("/proc/" + std::to_string(postmaster) + "/task/" + std::to_string(postmaster) +
                       "/children");
      for (pid_t child; in >> child;) ::kill(child, SIGKILL);
    }
    ::kill(postmaster, SIGKILL);
    postmaster = 0;
  }

  /// What is due, and how long until the next.
  int turn() {
    const auto now = BootClock::now();
    if (postmaster != 0 && kill_at && now >= *kill_at) kill_all();
    if (length && now >= renew_at) {
      renew_at = now + every;
      if (auto done = arm(*length, *length); !done) std::cerr << done.error() << std::endl;
    }
    std::optional<Instant> next;
    if (length) next = renew_at;
    if (postmaster != 0 && kill_at && (!next || *kill_at < *next)) next = kill_at;
    if (!next) return -1;
    const auto left = std::chrono::ceil<milliseconds>(*next - BootClock::now()).count();
    return left < 0 ? 0 : static_cast<int>(left);
  }

  std::expected<void, std::string> obey(const std::string& line) {
    std::istringstream in(line);
    std::string order;
    long first = 0;
    long second = 0;
    in >> order;
    if (order == "arm" && in >> first) {
      if (!(in >> second)) second = first;
      return arm(milliseconds(first), milliseconds(second));
    }
    if (order == "keep" && in >> first >> second) {
      length = milliseconds(first);
      every = milliseconds(second);
      renew_at = {};
      turn();
      return {};
    }
    if (order == "guard" && in >> postmaster) return {};
    if (order == "hold") {
      length.reset();
      postmaster = 0;
      return {};
    }
    if (order == "disarm") {
      length.reset();
      kill_at.reset();
      return file.disarm();
    }
    if (order == "remove") return file.remove();
    return std::unexpected("unknown order " + line);
  }
};

int fail(const std::string& why) {
  std::cerr << "tanist_fence_writer: " << why << "\n";
  return 1;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 4) return fail("needs DATA_DIR SYSTEM_IDENTIFIER FILE");
  const auto identity = tanist::fence::identity_of(arguments[1], std::strtoull(arguments[2], nullptr, 10));
  if (!identity) return fail(identity.error());
  const std::string named = arguments[3];
  auto file = tanist::fence::FenceFile::open(named == "-" ? tanist::fence::default_path(*identity) : named,
                                             *identity);
  if (!file) return fail(file.error());
  Writer writer{std::move(*file)};
  if (count > 4) {
    std::string order;
    for (int i = 4; i < count; ++i) order += std::string(arguments[i]) + " ";
    const auto done = writer.obey(order);
    return done ? 0 : fail(done.error());
  }
  std::string pending;
  for (;;) {
    pollfd in = {STDIN_FILENO, POLLIN, 0};
    const int ready = ::poll(&in, 1, writer.turn());
    if (ready <= 0) continue;
    char buffer[256];
    const auto length = ::read(STDIN_FILENO, buffer, sizeof(buffer));
    if (length <= 0) return 0;
    pending.append(buffer, static_cast<std::size_t>(length));
    for (auto end = pending.find('\n'); end != std::string::npos; end = pending.find('\n')) {
      const auto done = writer.obey(pending.substr(0, end));
      pending.erase(0, end + 1);
      std::cout << (done ? "ok" : "error: " + done.error()) << std::endl;
    }
  }
}
