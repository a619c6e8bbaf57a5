#include "postgres/local/context.h"

#include <algorithm>

#include "async/wait.h"
#include "net/resolver.h"

namespace tanist::postgres {

Context::Context(Executor executor, Clock& the_clock, DiskThread& the_disk)
    : clock(the_clock),
      disk(the_disk),
      long_disk(the_clock),
      resolver(std::make_unique<net::Resolver>(executor)),
      scope(executor) {}

Context::~Context() = default;

void Context::changed(std::optional<ServerEvent> event) {
  change.set();
  if (event && listener) listener(*event);
}

Task<bool> Context::wait_change(Duration step, Instant deadline) {
  const Instant until = std::min(clock.now() + step, deadline);
  co_await wait_until(clock, change, until);
  co_return clock.now() < deadline;
}

TaskHandle Context::spawn(std::string name, Task<void> task) {
  // A task of a closing scope may run on to its next wait.
  return closing ? TaskHandle() : scope.spawn(std::move(name), std::move(task));
}

namespace {

Task<Result> run_on(DiskThread& disk, std::string what,
                    std::function<std::expected<void, std::string>()> work, Instant deadline) {
  using Outcome = std::expected<void, std::string>;
  std::expected<Outcome, std::string> done =
      co_await disk.call<Outcome>(std::move(what), std::move(work), deadline);
  if (!done) co_return std::unexpected(Failure{std::move(done.error())});
  if (!*done) co_return std::unexpected(Failure{std::move(done->error())});
  co_return Result();
}

}  // namespace

Task<Result> Context::on_disk(std::string what, std::function<std::expected<void, std::string>()> work,
                              Instant deadline) {
  return run_on(disk, std::move(what), std::move(work), deadline);
}

Task<Result> Context::on_long_disk(std::string what, std::function<std::expected<void, std::string>()> work,
                                   Instant deadline) {
  return run_on(long_disk, std::move(what), std::move(work), deadline);
}

}  // namespace tanist::postgres
