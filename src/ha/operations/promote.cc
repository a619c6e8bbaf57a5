#include "ha/operations/operation.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

/// From the lock to a writable server.
namespace tanist::ha::operations {
namespace {
using namespace std::chrono_literals;
/// A promotion is not begun with less of the lease than this left.
constexpr Duration kLeaseMargin = 1s;

bool covered(OperationRunner& run) {
  auto& keeper = run.host().keeper();
  return keeper.lease().held(run.now()) && keeper.deadlines().stop_at - run.now() >= kLeaseMargin;
}
}  // namespace

Task<Outcome> promote(OperationRunner& run) {
  auto& ports = run.ports();
  const auto settings = run.host().settings();
  // One that was told before goes on whatever becomes of this: the script was asked then, and nothing is
  // forgotten.
  const bool pending = run.host().promotion_pending();
  if (!pending && !settings->postgresql.scripts.pre_promote.empty()) {
    run.enter(Phase::pre_promote, Cancel::free, run.now() + 24h);
    auto passed = co_await ports.server.run_pre_promote(run.now() + 24h);
    if (!passed) co_return failed("pre_promote: " + passed.error().detail, Ending::pre_promote_failed);
  }
  // The signal is the point of no return; only a lease that certainly covers it allows it.
  run.enter(Phase::promoting, Cancel::free, run.now() + settings->dynamic.timing.ttl);
  run.enter(Phase::promoting, Cancel::no, run.now() + settings->dynamic.timing.ttl);
  co_await run.host().begin_promotion();
  if (!covered(run)) {
    if (!pending) run.host().forget_promotion();
    co_return failed("PostgreSQL promote cancelled.");
  }
  auto promoted = co_await ports.server.promote(run.now() + settings->postgresql.pg_ctl_timeout);
  if (!promoted) {
    if (!pending) run.host().forget_promotion();
    co_return failed(promoted.error().detail);
  }
  run.host().set_role(postgres::Role::promoted);
  run.host().publish();
  run.host().fire_callback("on_role_change", postgres::Role::primary);
  // A promotion that takes long goes on while the lease is renewed; the keeper ends it when it is not.
  while (ports.server.facts().process == postgres::Process::running) {
    const bool writable = co_await ports.server.wait_promoted(run.now() + settings->dynamic.timing.loop_wait);
    if (writable) {
      run.host().writes_began();
      run.host().set_role(postgres::Role::primary);
      run.host().set_state(postgres::State::running);
      run.host().publish();
      co_return done();
    }
    if (run.preempted()) break;
    // A backend that is killed takes the startup process with it, and with that the promotion: the server
    // comes back as the standby that it was. One that does promote itself does not mind being told again.
    const auto& facts = ports.server.facts();
    if (facts.accepts() && facts.probe && facts.probe->in_recovery && covered(run)) {
      auto again = co_await ports.server.promote(run.now() + settings->postgresql.pg_ctl_timeout);
      if (!again) log::warning("{}", again.error().detail);
    }
  }
  co_return failed("PostgreSQL did not become writable");
}

}  // namespace tanist::ha::operations
