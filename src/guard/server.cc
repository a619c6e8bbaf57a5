#include "guard/server.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/time.h"
#include "guard/log.h"
#include "guard/socket.h"

namespace tanist::guard {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kMs = Duration(1ms).count();
/// Between two rounds of killing; from the sixth second on the longer one: what is left hangs in the kernel.
constexpr int kAgainMs = 10;
constexpr int kLongAgainMs = 200;
constexpr std::int64_t kSoonHangs = Duration(5s).count();
/// From the kill to the end of the lease: whoever was being started in that moment has come to light by then.
constexpr std::int64_t kLinger = Duration(200ms).count();
/// Not armed, and no daemon there: it ends.
constexpr std::int64_t kAlone = Duration(1min).count();
constexpr int kLookMs = 1000;
constexpr std::int64_t kBetweenComplaints = Duration(1s).count();
constexpr int kRequestsAtOnce = 16;

std::int64_t now() {
  timespec t{};
  ::clock_gettime(CLOCK_BOOTTIME, &t);
  return t.tv_sec * 1000 * kMs + t.tv_nsec;
}

Text about_errno(const char* what) {
  const int error = errno;
  Text text;
  text << what << ": " << ::strerrordesc_np(error);
  return text;
}

}  // namespace

Server::Start Server::open() {
  directory_.reset(::open(options_.state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory_) {
    say(Severity::error, about_errno("could not open its state directory"));
    return Start::failed;
  }
  lock_.reset(::openat(directory_.get(), kLockName.data(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_) {
    say(Severity::error, about_errno("could not open guardian.lock"));
    return Start::failed;
  }
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return Start::another;
    say(Severity::error, about_errno("could not lock guardian.lock"));
    return Start::failed;
  }
  listener_.reset(listen_at(directory_.get()));
  if (!listener_) {
    say(Severity::error, about_errno("could not listen on the socket"));
    return Start::failed;
  }
  alarm_.reset(::timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC));
  sigset_t term;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &term, nullptr);
  signals_.reset(::signalfd(-1, &term, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!alarm_ || !signals_) {
    say(Severity::error, about_errno("could not make an alarm"));
    return Start::failed;
  }
  alone_since_ = now();
  return Start::done;
}

int Server::run() {
  while (needed()) {
    wait();
    keep_deadline();
  }
  ::unlinkat(directory_.get(), kSocketName.data(), 0);
  return 0;
}

bool Server::needed() {
  if (state_ != State::disarmed) return true;
  if (told_to_leave_) return false;
  const bool alone =
      std::ranges::none_of(connections_, [](const auto& c) { return static_cast<bool>(c.fd); });
  if (!alone) {
    alone_since_ = now();
    return true;
  }
  struct stat seen{};
  const bool gone = ::fstat(directory_.get(), &seen) == 0 && seen.st_nlink == 0;
  return !gone && now() - alone_since_ < kAlone;
}

int Server::patience_ms() const {
  switch (state_) {
    case State::disarmed: return kLookMs;
    case State::armed: return -1;
    case State::watching:
    case State::lingering: return kAgainMs;
    case State::killing: return now() - killing_since_ < kSoonHangs ? kAgainMs : kLongAgainMs;
  }
  return kLookMs;
}

void Server::set_alarm() {
  itimerspec at{};
  if (state_ == State::armed) {
    const std::int64_t when = std::max<std::int64_t>(kill_at_, 1);
    at.it_value.tv_sec = when / (1000 * kMs);
    at.it_value.tv_nsec = when % (1000 * kMs);
  }
  ::timerfd_settime(alarm_.get(), TFD_TIMER_ABSTIME, &at, nullptr);
}

void Server::wait() {
  std::array<pollfd, 3 + kConnections> watched{};
  watched[0] = {alarm_.get(), POLLIN, 0};
  watched[1] = {listener_.get(), POLLIN, 0};
  watched[2] = {signals_.get(), POLLIN, 0};
  for (std::size_t i = 0; i < kConnections; ++i) watched[3 + i] = {connections_[i].fd.get(), POLLIN, 0};
  const int ready = ::poll(watched.data(), watched.size(), patience_ms());
  // What was slept through is over, whatever came first.
  keep_deadline();
  if (ready <= 0) return;
  if (watched[0].revents != 0) {
    std::uint64_t times = 0;
    (void)!::read(alarm_.get(), &times, sizeof times);
  }
  if (watched[2].revents != 0) {
    signalfd_siginfo signal{};
    (void)!::read(signals_.get(), &signal, sizeof signal);
    told_to_leave_ = true;
    if (state_ != State::disarmed)
      say(Severity::info, "SIGTERM, but PostgreSQL has a deadline: going on until that is settled");
  }
  for (std::size_t i = 0; i < kConnections; ++i)
    if (watched[3 + i].revents != 0) hear(connections_[i]);
  if (watched[1].revents != 0) accept_connection();
}

void Server::keep_deadline() {
  switch (state_) {
    case State::disarmed: return;
    case State::armed:
      if (now() < kill_at_) return;
      begin_killing();
      return;
    case State::watching:
      switch (look(target_)) {
        case Left::cannot_commit: return;
        case Left::nothing: end_deadline(false); return;
        case Left::may_commit: begin_killing(); return;
      }
      return;
    case State::killing: kill_again(); return;
    case State::lingering: linger(); return;
  }
}

void Server::begin_killing() {
  const Left left = look(target_);
  if (left == Left::cannot_commit) {
    if (state_ != State::watching)
      say(Severity::warning,
          Text() << "the lease of PostgreSQL in " << target_.place.name()
                 << " is over while it stops: nothing that is left can commit, it is let alone");
    state_ = State::watching;
    return;
  }
  killing_since_ = now();
  killed_ = 0;
  state_ = left == Left::nothing ? State::lingering : State::killing;
  if (state_ == State::killing) kill_again();
}

void Server::kill_again() {
  const Round round = kill_round(target_);
  const bool first = killed_ == 0 && round.met > 0;
  killed_ = std::max(killed_, round.met);
  if (first) {
    ++kills_;
    last_kill_ = now();
    // After the first stroke: nobody waits for a log.
    say(Severity::error, Text() << "the lease of PostgreSQL in " << target_.place.name()
                                << " is over and nobody prolonged it: killed " << round.met << " processes"
                                << (round.by_cgroup ? " by their cgroup" : ""));
  }
  if (round.met > 0) return;
  gone_at_ = now();
  state_ = State::lingering;
}

void Server::linger() {
  if (look(target_) == Left::may_commit) {
    state_ = State::killing;
    kill_again();
    return;
  }
  if (now() - std::max(kill_at_, killing_since_) >= kLinger) end_deadline(killed_ > 0);
}

void Server::end_deadline(bool killed) {
  if (killed)
    say(Severity::info, Text() << "nothing is left of PostgreSQL in " << target_.place.name() << " after "
                               << (gone_at_ - killing_since_) / kMs << " ms");
  state_ = State::disarmed;
  kill_at_ = 0;
  target_ = {};
  alone_since_ = now();
  set_alarm();
  for (auto& connection : connections_)
    if (connection.fd) tell(connection, Result::done, 0);
}

void Server::complain(const Text& text) {
  // Who sends nonsense without end does not fill the log.
  if (complained_at_ != 0 && now() - complained_at_ < kBetweenComplaints) return;
  complained_at_ = now();
  say(Severity::warning, text);
}

void Server::accept_connection() {
  Descriptor fd(accept_at(listener_.get()));
  if (!fd) return;
  const auto peer = peer_of(fd.get());
  if (!peer || (peer->uid != ::geteuid() && peer->uid != 0)) {
    Text text;
    text << "refused a connection of process " << (peer ? peer->pid : 0) << ": user "
         << (peer ? static_cast<std::int64_t>(peer->uid) : -1) << " has no business here";
    complain(text);
    return;
  }
  auto* place = std::ranges::find_if(connections_, [](const auto& c) { return !c.fd; });
  // Who was silent for the longest gives way: a daemon that comes always gets in.
  if (place == connections_.end()) place = std::ranges::min_element(connections_, {}, &Connection::heard_at);
  place->fd = std::move(fd);
  place->heard_at = now();
}

void Server::hear(Connection& from) {
  for (int i = 0; i < kRequestsAtOnce && from.fd; ++i) {
    Received received;
    switch (receive(from.fd.get(), received)) {
      case Receipt::nothing: return;
      case Receipt::ended: from.fd.reset(); return;
      case Receipt::datagram: break;
    }
    from.heard_at = now();
    // The last word counts only while there is time.
    keep_deadline();
    const auto wrong =
        received.cut ? std::optional(Result::broken) : wrong_with(received.request, received.bytes);
    if (!wrong) {
      const Result result = obey(received.request, received.passed);
      tell(from, result, received.request.serial);
      continue;
    }
    complain(
        Text() << "refused a message of " << received.bytes << " bytes: "
               << (*wrong == Result::other_version ? "it is of another version" : "it cannot be understood"));
    tell(from, *wrong,
         *wrong == Result::other_version && received.bytes >= sizeof(Request) ? received.request.serial : 0);
    if (*wrong == Result::broken) from.fd.reset();
  }
}

Result Server::obey(const Request& request, std::span<Descriptor> passed) {
  if (request.kind == Kind::hello) return Result::done;
  if (request.epoch < epoch_) {
    complain(Text() << "refused what an older daemon says: another one has taken over");
    return Result::older_epoch;
  }
  if (state_ == State::killing || state_ == State::lingering) {
    epoch_ = request.epoch;
    return Result::killing;
  }
  switch (request.kind) {
    case Kind::hello: break;
    case Kind::arm: return arm(request, passed);
    case Kind::disarm:
      epoch_ = request.epoch;
      state_ = State::disarmed;
      kill_at_ = 0;
      target_ = {};
      set_alarm();
      break;
    case Kind::leave:
      epoch_ = request.epoch;
      told_to_leave_ = true;
      break;
  }
  return Result::done;
}

Result Server::arm(const Request& request, std::span<Descriptor> passed) {
  if (!passed.empty() && passed[0]) {
    struct stat seen{};
    if (::fstat(passed[0].get(), &seen) != 0 || !S_ISDIR(seen.st_mode)) {
      complain(Text() << "refused a deadline: what came with it is no directory");
      return Result::broken;
    }
    auto place = Place::of(passed[0].get());
    if (!place) return Result::broken;
    Descriptor pidfd;
    Line<64> program = target_.program;
    if (passed.size() > 1 && passed[1]) {
      const pid_t pid = pid_of(passed[1].get());
      // One that has ended meanwhile is found, or not, when the time comes. One that works elsewhere is none
      // of ours.
      if (pid > 0 && place->holds(pid)) {
        program = program_of(pid);
        pidfd = std::move(passed[1]);
      }
    }
    target_ = {std::move(passed[0]), *place, std::move(pidfd), program};
  } else if (!target_.data_dir) {
    complain(Text() << "refused a deadline: no data directory came with it");
    return Result::broken;
  }
  epoch_ = request.epoch;
  kill_at_ = request.kill_at;
  state_ = State::armed;
  told_to_leave_ = false;
  set_alarm();
  return Result::done;
}

void Server::tell(Connection& to, Result result, std::uint64_t serial) {
  Status status;
  status.result = result;
  status.epoch = epoch_;
  status.serial = serial;
  status.kill_at = state_ == State::disarmed ? 0 : kill_at_;
  status.kills = kills_;
  status.killed_at = last_kill_;
  status.lacks = lacks_;
  status.allocations = options_.allocations ? *options_.allocations : 0;
  send_status(to.fd.get(), status);
}

}  // namespace tanist::guard
