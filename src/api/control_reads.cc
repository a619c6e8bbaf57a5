#include "api/control_reads.h"

#include <string>

#include "async/wait.h"

/// Reads through the control thread: shared where they may be, counted where they cost.
namespace tanist::api {

namespace {

Task<void> end_of(std::shared_ptr<Event> look) {
  co_await look->wait();
}

}  // namespace

Task<void> ControlReads::refresh(Duration max_age, Instant deadline) {
  if (refreshing_) {
    co_await run_until(clock_, end_of(refreshing_), deadline);
    co_return;
  }
  // Also when the one who began it is cancelled: nobody waits for what nobody asked.
  struct Look {
    ControlReads* reads;
    std::shared_ptr<Event> ended = std::make_shared<Event>();
    explicit Look(ControlReads* r) : reads(r) { reads->refreshing_ = ended; }
    ~Look() {
      reads->refreshing_.reset();
      ended->set();
    }
  } look(this);
  const ha::order::Refresh order{.max_age = max_age, .deadline = deadline};
  (void)co_await mailbox_.ask(order, deadline);
}

Task<ha::order::ReadCluster::Answer> ControlReads::cluster(Asker asker, Instant deadline) {
  std::size_t& loading = loading_.at(static_cast<std::size_t>(asker));
  if (loading >= kMaxConcurrentLoads) co_return std::unexpected(std::string("too many requests at once"));
  struct Counted {
    std::size_t& count;
    explicit Counted(std::size_t& c) : count(c) { ++count; }
    ~Counted() { --count; }
  } counted(loading);
  const ha::order::ReadCluster order{.deadline = deadline};
  auto read = co_await mailbox_.ask(order, deadline);
  if (!read) co_return std::unexpected(read.error().why);
  co_return *std::move(read);
}

}  // namespace tanist::api
