#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "async/clock.h"
#include "world.h"

namespace tanist::sim {

/// One operating-system process of a simulated host: the coroutines of one incarnation of the daemon, and the
/// clock they wait on. It can be stopped (SIGSTOP), continued, and killed at any moment between two steps of
/// the world.
class Process final : public Clock, public std::enable_shared_from_this<Process> {
 public:
  Process(World& world, HostClock clock, std::string name);
  ~Process() override;

  Executor executor() { return context_.get_executor(); }
  World& world() { return world_; }
  const HostClock& host_clock() const { return clock_; }
  const std::string& name() const { return name_; }

  Instant now() const override { return clock_.at(world_.now()); }
  WallTime wall_now() const override;
  Task<void> sleep_until(Instant until) override;

  /// A wait that others may end: `wake(ticket)` or `until`, whichever is first. Each ticket is waited for at
  /// most once.
  std::uint64_t ticket() { return next_ticket_++; }
  Task<void> wait(std::uint64_t ticket, Instant until);
  void wake(std::uint64_t ticket);

  /// Runs `what` in this process as soon as it runs (not while it is stopped; never once it was killed).
  void post(std::function<void()> what);

  /// SIGSTOP and SIGCONT.
  void stop() { stopped_ = true; }
  void cont() { stopped_ = false; }
  bool stopped() const { return stopped_; }

  /// SIGKILL: every coroutine is destroyed where it waits. What they refer to must still be there; nothing of
  /// this process runs afterwards.
  void kill();
  bool killed() const { return killed_; }

  /// Runs what is ready; true when something ran.
  bool poll();

 private:
  using Handler = boost::asio::any_completion_handler<void(boost::system::error_code)>;
  struct Context : boost::asio::io_context {
    Context() : io_context(1) {}
    void abandon() { shutdown(); }
  };
  struct Sleeper {
    World::EventKey event;
    Handler handler;
  };
  struct Initiation;
  void add(std::uint64_t ticket, Instant until, Handler handler);
  void finish(std::uint64_t ticket, boost::system::error_code ec);

  World& world_;
  HostClock clock_;
  std::string name_;
  Context context_;
  std::map<std::uint64_t, Sleeper> sleepers_;
  std::uint64_t next_ticket_ = 1;
  bool stopped_ = false;
  bool killed_ = false;
};

/// The process whose coroutines run right now, for attributing log lines; nullptr: none.
const Process* running_process();

}  // namespace tanist::sim
