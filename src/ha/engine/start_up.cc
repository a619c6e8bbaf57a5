#include "async/wait.h"
#include "ha/engine/impl.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

/// What happens once, before the first cycle: the store, the name, what an earlier incarnation left behind.
namespace tanist::ha {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLoadPause = 5s;
constexpr Duration kNameCheck = 3s;

std::string new_incarnation(Dice& dice) {
  std::string id;
  for (int i = 0; i < 32; ++i) id += "0123456789abcdef"[static_cast<int>(dice.roll() * 16)];
  return id;
}

}  // namespace

Task<void> Engine::Impl::start_up_into(bool& started) {
  started = co_await start_up();
}

Task<void> Engine::Impl::shutdown_asked() {
  while (!orders_.commands().shutdown) {
    co_await wake_.wait();
    wake_.clear();
  }
}

/// A SIGTERM while the store is not there yet ends the daemon at once; nothing was begun. A PostgreSQL that
/// an earlier incarnation left running is stopped all the same: as a primary it has nobody any more who
/// watches its lease.
Task<void> Engine::Impl::start_up_or_shutdown(bool& started) {
  const int winner = co_await race(start_up_into(started), shutdown_asked());
  if (winner != 1) co_return;
  started = false;
  exit_code_ = 0;
  co_await stop_server_before_the_start();
}

/// Returns when the store has told of the cluster; without a cluster when it never will.
Task<void> Engine::Impl::reach_store(dcs::Identity identity, dcs::ClusterPtr& cluster) {
  try {
    co_await ports_.store.open(std::move(identity));
  } catch (const dcs::FatalStoreError& e) {
    log::critical("{}", e.what());
    exit_code_ = 1;
    co_return;
  }
  while (!cluster) {
    auto loaded = co_await ports_.store.load(dcs::Read::linearizable, store_deadline());
    if (loaded) {
      cluster = *loaded;
      co_return;
    }
    log::warning("Can not get cluster from dcs");
    log::debug("{}", loaded.error().detail);
    co_await ports_.clock.sleep_for(kLoadPause);
  }
}

Task<bool> Engine::Impl::start_up() {
  co_await guard_from_the_start();
  incarnation_ = new_incarnation(ports_.dice);
  dcs::Identity identity;
  identity.name = settings_->name;
  identity.incarnation = incarnation_;
  co_await notes_.read_claims(identity);

  ports_.store.set_timing(timing());
  dcs::ClusterPtr cluster;
  co_await reach_store(std::move(identity), cluster);
  if (!cluster) co_return false;
  store_.begin(cluster);
  if (!settings_.begin(*cluster)) {
    exit_code_ = 1;
    co_return false;
  }
  co_await claim_lease_of_found(cluster);
  const bool name_free = co_await name_is_free(cluster);
  if (!name_free) {
    log::critical("Can't start; there is already a node named '{}' running", settings_->name);
    exit_code_ = 1;
    co_return false;
  }

  auto opened = co_await ports_.server.open(settings_.get());
  if (!opened) {
    log::critical("{}", opened.error().detail);
    exit_code_ = 1;
    co_return false;
  }
  found_.looked = true;
  branch_.begin();
  const bool cleared = co_await clear_abandoned_bootstrap(cluster);
  if (!cleared) {
    exit_code_ = 1;
    co_return false;
  }

  co_await ports_.server.read_control(now() + kDiskBudget);
  const auto& facts = ports_.server.facts();
  // What runs is taken for what it may be, also where its directory or its control file is not to be read: a
  // primary that does not answer for the moment would have its key given away.
  if (facts.running()) {
    co_await ports_.server.refresh(0s, now() + 2s);
    set_state(facts.accepts() ? postgres::State::running : postgres::State::starting);
    const bool standby = facts.probe ? facts.probe->in_recovery : facts.standby_signal;
    words_.role = standby ? postgres::Role::replica : postgres::Role::primary;
    words_.seen_running = true;
  } else if (facts.data_directory != postgres::DataDirectory::ok || !facts.control) {
    words_.role = postgres::Role::uninitialized;
  } else {
    // A stopped primary is never started straight as primary by a daemon that did not see it run.
    words_.role = facts.standby_signal ? postgres::Role::replica : postgres::Role::demoted;
  }
  take_schedule_over();
  publish();
  if (!observer_.before_first_cycle) co_return true;
  const bool prepared = co_await observer_.before_first_cycle();
  if (!prepared) exit_code_ = 1;
  co_return prepared;
}

Task<bool> Engine::Impl::name_is_free(dcs::ClusterPtr cluster) {
  const dcs::Member* namesake = cluster->member(settings_->name);
  if (!namesake || namesake->api_url.empty()) co_return true;
  const bool answered =
      co_await ports_.peers.answers_as(settings_->name, namesake->api_url, now() + kNameCheck);
  co_return !answered;
}

}  // namespace tanist::ha
