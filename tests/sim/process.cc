#include "process.h"

#include <algorithm>
#include <boost/asio/append.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace tanist::sim {

namespace asio = boost::asio;

namespace {
/// 2031-01-01T00:00:00Z, when every world begins.
constexpr std::chrono::seconds kBeginning{1924992000};
/// Beyond any run; keeps the arithmetic in range for waits without an end.
constexpr Duration kLongest = std::chrono::hours(24 * 365 * 10);
const Process* g_running = nullptr;
}  // namespace

const Process* running_process() {
  return g_running;
}

struct Process::Initiation {
  Process* process;
  std::uint64_t ticket;
  Instant until;
  void operator()(Handler handler) const { process->add(ticket, until, std::move(handler)); }
};

Process::Process(World& world, HostClock clock, std::string name)
    : world_(world), clock_(clock), name_(std::move(name)) {
  world_.attach(this);
}

Process::~Process() {
  kill();
  world_.detach(this);
}

WallTime Process::wall_now() const {
  return WallTime(kBeginning) + std::chrono::duration_cast<std::chrono::microseconds>(world_.now());
}

Task<void> Process::sleep_until(Instant until) {
  return wait(ticket(), until);
}

Task<void> Process::wait(std::uint64_t ticket, Instant until) {
  return asio::async_initiate<const asio::use_awaitable_t<>&, void(boost::system::error_code)>(
      Initiation{this, ticket, until}, asio::use_awaitable);
}

void Process::add(std::uint64_t ticket, Instant until, Handler handler) {
  auto slot = asio::get_associated_cancellation_slot(handler);
  const Instant latest = now() + kLongest;
  const auto event = world_.at(clock_.when(std::min(until, latest)), [this, ticket] { finish(ticket, {}); });
  sleepers_.emplace(ticket, Sleeper{event, std::move(handler)});
  if (slot.is_connected())
    slot.assign([this, ticket](asio::cancellation_type) { finish(ticket, asio::error::operation_aborted); });
}

void Process::finish(std::uint64_t ticket, boost::system::error_code ec) {
  auto node = sleepers_.extract(ticket);
  if (!node) return;
  world_.cancel(node.mapped().event);
  Handler handler = std::move(node.mapped().handler);
  asio::get_associated_cancellation_slot(handler).clear();
  asio::post(context_.get_executor(), asio::append(std::move(handler), ec));
}

void Process::wake(std::uint64_t ticket) {
  finish(ticket, {});
}

void Process::post(std::function<void()> what) {
  if (!killed_) asio::post(context_.get_executor(), std::move(what));
}

bool Process::poll() {
  if (stopped_ || killed_) return false;
  context_.restart();
  g_running = this;
  // One at a time: what runs may stop the process.
  bool ran = false;
  while (!stopped_ && !killed_ && context_.poll_one() > 0) ran = true;
  g_running = nullptr;
  return ran;
}

void Process::kill() {
  if (killed_) return;
  killed_ = true;
  context_.abandon();
  auto sleepers = std::move(sleepers_);
  sleepers_.clear();
  for (auto& [ticket, sleeper] : sleepers) world_.cancel(sleeper.event);
}

}  // namespace tanist::sim
