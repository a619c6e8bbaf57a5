#include "member/guardian.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "async/wait.h"
#include "core/format.h"
#include "guard/socket.h"
#include "log/log.h"
#include "process/proc.h"
#include "process/readable.h"

TANIST_LOGGER("patroni.ha");

namespace tanist::member {
namespace {

using namespace std::chrono_literals;

constexpr Duration kBetweenStarts = 1s;
/// From its start until it listens.
constexpr Duration kComesUp = 2s;
constexpr Duration kLookAgain = 5ms;
constexpr Duration kLookBudget = 1s;
/// It is asked so often where nothing else is said.
constexpr Duration kHeartbeat = 5s;
constexpr Duration kTick = 1s;
/// One that does not answer for so long is replaced, and one that is required and missing for so long is no
/// fence.
constexpr Duration kPatience = 3s;
/// A promotion that may go on without a guardian waits for its answer no longer than this.
constexpr Duration kAnswer = 300ms;
constexpr Duration kSayAgain = 20ms;
/// A deadline where no lease has given one yet: whoever armed it says which at once.
constexpr Duration kProvisional = 10s;
constexpr Duration kBetweenComplaints = 1min;

/// Said instead of a deadline.
constexpr Instant kDisarmed{};

std::int64_t in_ns(Instant at) {
  return at.time_since_epoch().count();
}

Instant from_ns(std::int64_t ns) {
  return Instant(Duration(ns));
}

std::string beside_this_program() {
  const auto self = process::executable(::getpid());
  if (!self) return "tanist-guard";
  return self->substr(0, self->rfind('/') + 1) + "tanist-guard";
}

guard::Descriptor open_directory(const std::string& path) {
  return guard::Descriptor(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

}  // namespace

Guardian::Guardian(Parts parts, const config::Settings& settings)
    : parts_(std::move(parts)),
      epoch_(static_cast<std::uint64_t>(in_ns(parts_.clock.now()))),
      mode_(settings.guard.mode),
      program_(settings.guard.command.empty() ? beside_this_program() : settings.guard.command),
      state_dir_(settings.state_dir),
      data_dir_(settings.postgresql.data_dir),
      missing_since_(parts_.clock.now()) {}

Guardian::~Guardian() = default;

void Guardian::start() {
  parts_.scope.spawn("guardian", serve());
}

void Guardian::use(const config::Settings& settings) {
  program_ = settings.guard.command.empty() ? beside_this_program() : settings.guard.command;
  if (settings.guard.mode == mode_) return;
  mode_ = settings.guard.mode;
  if (mode_ == Mode::off) {
    if (link_) {
      guard::Request request;
      request.kind = guard::Kind::disarm;
      guard::set_why(request, "guard.mode is off");
      send(request, false);
      request.kind = guard::Kind::leave;
      send(request, false);
    }
    link_.reset();
  }
  missing_since_ = now();
  changed_.set();
}

void Guardian::farewell() {
  if (link_ && !armed_) {
    guard::Request request;
    request.kind = guard::Kind::leave;
    send(request, false);
  }
  // Its end is no loss any more.
  mode_ = Mode::off;
}

// ---- what the engine asks

bool Guardian::working() const {
  return link_ && link_->greeted && (!link_->asked_at || now() - *link_->asked_at < kPatience);
}

bool Guardian::settled() const {
  return working() && !link_->asked_at && !link_->again_at;
}

bool Guardian::in_grace() const {
  return missing_since_ && now() - *missing_since_ < kPatience;
}

bool Guardian::usable() const {
  return mode_ != Mode::required || working() || in_grace();
}

bool Guardian::armed() const {
  if (!armed_ || mode_ != Mode::required) return armed_;
  return (working() && link_->armed) || in_grace();
}

ha::GuardianState Guardian::state() const {
  using Kind = ha::GuardianState::Kind;
  ha::GuardianState state;
  state.required = mode_ == Mode::required;
  state.starts = starts_;
  state.kills = kills_;
  if (mode_ == Mode::off) return state;
  state.kind = !working() ? Kind::missing : link_->armed ? Kind::armed : Kind::ready;
  return state;
}

Task<bool> Guardian::arm(Instant deadline) {
  decided_ = true;
  why_.clear();
  const bool required = mode_ == Mode::required;
  if (mode_ != Mode::off) {
    // The directory may be another one since the last time: a copy, a restored cluster.
    const Instant until = required ? deadline : std::min(deadline, now() + kAnswer);
    co_await open_data_dir(until);
  }
  armed_ = true;
  if (!kill_at_ || *kill_at_ <= now()) kill_at_ = std::max(deadline, now() + kProvisional);
  if (mode_ == Mode::off) co_return true;
  if (link_) link_->told.reset();
  flush();
  changed_.set();
  const Instant until = required ? deadline : std::min(deadline, now() + kAnswer);
  while (!(settled() && link_->armed) && now() < until) {
    answered_.clear();
    co_await wait_until(parts_.clock, answered_, until);
  }
  if (settled() && link_->armed) co_return true;
  if (required) {
    log::error("the guardian cannot be armed, and guard.mode is required");
    armed_ = false;
    flush();
    co_return false;
  }
  log::warning(
      "no guardian watches over this primary: if this daemon cannot run, nobody stops PostgreSQL when "
      "the lease is over");
  co_return true;
}

void Guardian::prolong(Instant kill_at, Instant) {
  kill_at_ = kill_at;
  if (armed_) flush();
}

Task<void> Guardian::disarm(std::string why) {
  decided_ = true;
  armed_ = false;
  kill_at_.reset();
  why_ = std::move(why);
  flush();
  // What comes next may be a server that works in the same directory.
  const Instant until = now() + kAnswer;
  while (working() && !(settled() && !link_->armed) && now() < until) {
    answered_.clear();
    co_await wait_until(parts_.clock, answered_, until);
  }
}

// ---- what it says

/// Says what is wanted, where that is not what was said last.
void Guardian::flush() {
  if (!link_ || !link_->greeted || mode_ == Mode::off) return;
  guard::Request request;
  if (!armed_) {
    if (link_->told == kDisarmed || (!link_->told && !link_->armed)) return;
    request.kind = guard::Kind::disarm;
    guard::set_why(request, why_);
    link_->told = kDisarmed;
    send(request, false);
    return;
  }
  if (!kill_at_ || !data_dir_fd_ || link_->told == kill_at_) return;
  request.kind = guard::Kind::arm;
  request.kill_at = in_ns(*kill_at_);
  link_->told = kill_at_;
  send(request, true);
}

void Guardian::send(guard::Request request, bool with_descriptors) {
  request.epoch = epoch_;
  request.serial = ++serial_;
  int descriptors[2] = {data_dir_fd_.get(), -1};
  std::size_t count = 0;
  if (with_descriptors) {
    descriptors[1] = parts_.postmaster();
    count = descriptors[1] >= 0 ? 2 : 1;
  }
  const bool sent =
      guard::send_request(link_->socket.get(), request, std::span<const int>(descriptors, count));
  link_->asked = serial_;
  if (!link_->asked_at) link_->asked_at = now();
  // It does not read, or is gone: the one is seen by its silence, the other by its end.
  if (!sent) link_->again_at = now() + kSayAgain;
}

// ---- what it answers

void Guardian::take(const guard::Status& status) {
  using guard::Result;
  if (status.result == Result::other_version) {
    replace("it is of another version");
    return;
  }
  if (status.serial == link_->asked) link_->asked_at.reset();
  if (!link_->greeted) {
    link_->greeted = true;
    link_->kills = status.kills;
    missing_since_.reset();
    if (status.result == Result::done) learn(status);
  }
  if (status.kills > link_->kills) {
    kills_ += status.kills - link_->kills;
    link_->kills = status.kills;
    log::error("the guardian has killed PostgreSQL, whose lease was over: nobody had prolonged it");
  }
  const bool was_armed = link_->armed;
  link_->armed = status.kill_at != 0;
  switch (status.result) {
    case Result::killing: link_->again_at = now() + kSayAgain; break;
    case Result::older_epoch:
      log::error("the guardian does not listen: another daemon has spoken to it since");
      break;
    case Result::broken: log::error("the guardian did not understand what it was told"); break;
    case Result::done:
    case Result::other_version: break;
  }
  // Its deadline has passed: it is armed again by the next proof of a lease, or by nobody.
  if (was_armed && !link_->armed && armed_ && (!kill_at_ || *kill_at_ <= now())) armed_ = false;
  answered_.set();
}

/// What the daemon before has told it goes on until this one decides.
void Guardian::learn(const guard::Status& status) {
  if (status.kill_at == 0 || decided_) return;
  log::info("a guardian is armed: the lease that an earlier daemon held counts for {:.1f} s more",
            std::max(0.0, seconds(from_ns(status.kill_at) - now())));
  armed_ = true;
  if (!kill_at_) kill_at_ = from_ns(status.kill_at);
}

// ---- its life

Task<void> Guardian::serve() {
  while (true) {
    changed_.clear();
    if (mode_ == Mode::off) {
      co_await changed_.wait();
      continue;
    }
    co_await connect();
    if (link_ && mode_ == Mode::off) {
      farewell();
      link_.reset();
    } else if (link_) {
      co_await listen();
    } else {
      co_await parts_.clock.sleep_for(kBetweenStarts);
    }
  }
}

Task<void> Guardian::connect() {
  co_await look_for_one();
  if (link_) co_return;
  if (!missing_since_) missing_since_ = now();
  if (started_at_ != Instant{} && now() < started_at_ + kBetweenStarts)
    co_await parts_.clock.sleep_until(started_at_ + kBetweenStarts);
  started_at_ = now();
  const bool started = co_await start_one();
  const Instant until = now() + kComesUp;
  while (started && !link_ && now() < until && !child_->pidfd().ended()) {
    co_await parts_.clock.sleep_for(kLookAgain);
    co_await look_for_one();
  }
  // One that found another at work has ended; that one is there.
  if (started && !link_) co_await look_for_one();
  if (started && !link_ && now() - complained_at_ >= kBetweenComplaints) {
    complained_at_ = now();
    const auto exit = child_->reap();
    log::warning("the guardian does not come up{}: {}", exit ? ", " + exit->describe() : std::string(),
                 program_);
  }
}

Task<void> Guardian::look_for_one() {
  auto looking = parts_.disk.call<std::shared_ptr<Found>>(
      "look for the guardian",
      [state_dir = state_dir_, data_dir = data_dir_] {
        auto found = std::make_shared<Found>();
        const auto directory = open_directory(state_dir);
        if (directory) found->socket.reset(guard::connect_to(directory.get()));
        found->data_dir = open_directory(data_dir);
        return found;
      },
      now() + kLookBudget);
  auto found = co_await std::move(looking);
  if (!found || !(*found)->socket) co_return;
  greet(std::move(**found));
}

void Guardian::greet(Found found) {
  const auto peer = guard::peer_of(found.socket.get());
  if (!peer || (peer->uid != ::geteuid() && peer->uid != 0)) {
    log::error("what listens in the place of the guardian is not ours: user {}", peer ? peer->uid : 0);
    return;
  }
  auto named = process::PidFd::open(peer->pid);
  link_.emplace();
  link_->socket = std::move(found.socket);
  if (named) link_->process = std::move(*named);
  if (found.data_dir && !armed_) data_dir_fd_ = std::move(found.data_dir);
  send(guard::Request(), false);
}

Task<void> Guardian::open_data_dir(Instant deadline) {
  auto opening = parts_.disk.call<std::shared_ptr<guard::Descriptor>>(
      "open the data directory for the guardian",
      [data_dir = data_dir_] { return std::make_shared<guard::Descriptor>(open_directory(data_dir)); },
      deadline);
  auto opened = co_await std::move(opening);
  if (opened && **opened) data_dir_fd_ = std::move(**opened);
}

Task<bool> Guardian::start_one() {
  process::Command command;
  command.argv = {program_, state_dir_};
  command.new_session = true;
  command.out = command.err = process::Output::inherit;
  command.directory = "/";
  child_.reset();
  auto started = co_await process::spawn(parts_.clock, std::move(command), now() + kComesUp);
  if (!started) {
    if (now() - complained_at_ >= kBetweenComplaints) {
      complained_at_ = now();
      log::warning("no guardian: {}", started.error());
    }
    co_return false;
  }
  ++starts_;
  child_.emplace(std::move(*started));
  co_return true;
}

Task<void> Guardian::listen() {
  while (link_ && mode_ != Mode::off) {
    guard::Status status;
    const auto receipt = guard::receive_status(link_->socket.get(), status);
    if (receipt == guard::Receipt::ended) {
      lose("it has ended");
      co_return;
    }
    if (receipt == guard::Receipt::datagram) {
      take(status);
      if (link_) flush();
      continue;
    }
    if (link_->asked_at && now() - *link_->asked_at >= kPatience) {
      replace("it does not answer");
      co_return;
    }
    if (armed_ && !data_dir_fd_) {
      co_await open_data_dir(now() + kLookBudget);
      if (!link_) co_return;
    }
    if (link_->again_at && now() >= *link_->again_at) {
      link_->again_at.reset();
      link_->told.reset();
    }
    flush();
    Instant next = now() + (armed_ && !data_dir_fd_ ? kTick : kHeartbeat);
    if (link_->asked_at) next = std::min(next, *link_->asked_at + kPatience);
    if (link_->again_at) next = std::min(next, *link_->again_at);
    auto news = process::readable(parts_.clock, link_->socket.get());
    const bool came = co_await run_until(parts_.clock, std::move(news), next);
    if (!came && link_ && !link_->asked_at && now() >= next) send(guard::Request(), false);
  }
}

void Guardian::lose(const std::string& why) {
  log::warning("lost the guardian: {}", why);
  link_.reset();
  missing_since_ = now();
  if (child_) child_->reap();
  answered_.set();
}

/// Whoever comes in its place is told the same deadline.
void Guardian::replace(const std::string& why) {
  log::warning("replacing guardian {}: {}", link_->process.pid(), why);
  link_->process.signal(SIGKILL);
  lose("it was replaced");
}

}  // namespace tanist::member
