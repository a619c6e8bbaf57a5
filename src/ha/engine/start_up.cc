#include "async/wait.h"
#include "core/document.h"
#include "ha/engine/impl.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

/// What happens once, before the first cycle: the store, the name, what an earlier incarnation left behind.
namespace tanist::ha {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLoadPause = 5s;
constexpr Duration kNameCheck = 3s;
constexpr int kClaimsAttempts = 3;
constexpr Duration kClaimsPause = 1s;
/// Claims that a restarted daemon takes for its own: after an unknown outcome the leader key may hang on an
/// older one.
constexpr std::size_t kClaimsRecorded = 4;

std::string new_incarnation(Dice& dice) {
  std::string id;
  for (int i = 0; i < 32; ++i) id += "0123456789abcdef"[static_cast<int>(dice.roll() * 16)];
  return id;
}

}  // namespace

Task<std::string> Engine::Impl::read_small(std::string path) {
  auto content = co_await ports_.disk.read(path, now() + kDiskBudget);
  if (!content) {
    log::warning("{}", content.error());
    co_return std::string();
  }
  co_return content->value_or("");
}

Task<void> Engine::Impl::record_claim(dcs::Claim claim) {
  std::erase(claims_, claim);
  claims_.insert(claims_.begin(), claim);
  if (claims_.size() > kClaimsRecorded) claims_.resize(kClaimsRecorded);
  Document::List older;
  for (std::size_t i = 1; i < claims_.size(); ++i) older.emplace_back(claims_[i]);
  Document record = Document::map({{"session", claim},
                                   {"older", Document::list(std::move(older))},
                                   {"incarnation", incarnation_},
                                   {"boot", boot_id_},
                                   {"store", ports_.store.store_id()}});
  auto written = co_await ports_.disk.write(session_path(), to_json(record), 0600, now() + kDiskBudget);
  if (!written)
    log::warning("could not record the store session, a restarted daemon will wait for its end: {}",
                 written.error());
}

Task<void> Engine::Impl::start_up_into(bool& started) {
  started = co_await start_up();
}

Task<void> Engine::Impl::shutdown_asked() {
  while (!commands_.shutdown) {
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

/// What cannot be read is asked for again: a session that is only out of reach is not a foreign one. Of
/// another run of the host (a reboot, or a copy of the machine that was started elsewhere) none counts: the
/// original may still live under them, and the end of a session is not long to wait for.
Task<void> Engine::Impl::read_claims(dcs::Identity& identity) {
  std::expected<std::optional<std::string>, std::string> content;
  for (int attempt = 0; attempt < kClaimsAttempts; ++attempt) {
    content = co_await ports_.disk.read(session_path(), now() + kDiskBudget);
    if (content) break;
    log::warning("{}", content.error());
    co_await ports_.clock.sleep_for(kClaimsPause);
  }
  const auto record = parse_json(content ? content->value_or("") : "");
  if (!record || !record->find("session") || !record->find("session")->is_string()) co_return;
  if (const Document* store = record->find("store"); store && store->is_string())
    identity.store_id = store->as_string();
  if (const Document* boot = record->find("boot"); boot && boot->text() != boot_id_) {
    log::info("the store session that was recorded before the host was started is not taken over");
    co_return;
  }
  claims_ = {record->find("session")->as_string()};
  if (const Document* older = record->find("older"); older && older->is_list())
    for (const auto& claim : older->as_list())
      if (claim.is_string()) claims_.push_back(claim.as_string());
  // A store without claims has only itself recorded.
  std::erase(claims_, dcs::Claim());
  identity.previous_claims = claims_;
}

/// The dynamic configuration of the store, else the one that was kept, else the one for a new cluster; false:
/// the last is no good.
Task<bool> Engine::Impl::adopt_first_config(dcs::ClusterPtr cluster) {
  if (!cached_dynamic_.empty()) {
    auto data = parse_json(cached_dynamic_);
    auto built = data ? builder_(*data) : std::unexpected(data.error());
    if (built) {
      settings_ = *built;
      dynamic_saved_ = cached_dynamic_;
    } else {
      log::error("Exception when loading file: {}: {}", dynamic_cache_path(), built.error());
    }
  } else if (!cluster->config.valid && settings_->bootstrap.present) {
    auto built = builder_(settings_->bootstrap.dcs);
    if (!built) {
      log::critical("bootstrap.dcs is refused: {}", built.error());
      co_return false;
    }
    settings_ = *built;
  }
  cluster_ = cluster;
  if (cluster->config.valid) {
    co_await adopt_config();
  }
  keeper_.set_timing(timing());
  keeper_.set_paused(settings_->dynamic.pause);
  ports_.store.set_timing(timing());
  co_return true;
}

Task<bool> Engine::Impl::start_up() {
  co_await guard_from_the_start();
  incarnation_ = new_incarnation(ports_.dice);
  dcs::Identity identity;
  identity.name = settings_->name;
  identity.incarnation = incarnation_;
  co_await read_claims(identity);

  ports_.store.set_timing(timing());
  dcs::ClusterPtr cluster;
  co_await reach_store(std::move(identity), cluster);
  if (!cluster) co_return false;
  const bool configured = co_await adopt_first_config(cluster);
  if (!configured) {
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

  auto opened = co_await ports_.server.open(settings_);
  if (!opened) {
    log::critical("{}", opened.error().detail);
    exit_code_ = 1;
    co_return false;
  }
  server_found_ = true;
  const bool cleared = co_await clear_abandoned_bootstrap(cluster);
  if (!cleared) {
    exit_code_ = 1;
    co_return false;
  }

  co_await ports_.server.read_control(now() + kDiskBudget);
  const auto& facts = ports_.server.facts();
  if (facts.data_directory != postgres::DataDirectory::ok || !facts.control) {
    role_ = postgres::Role::uninitialized;
  } else if (facts.running()) {
    co_await ports_.server.refresh(0s, now() + 2s);
    set_state(facts.accepts() ? postgres::State::running : postgres::State::starting);
    const bool standby = facts.probe ? facts.probe->in_recovery : facts.standby_signal;
    role_ = standby ? postgres::Role::replica : postgres::Role::primary;
    seen_running_ = true;
  } else {
    // A stopped primary is never started straight as primary by a daemon that did not see it run.
    role_ = facts.standby_signal ? postgres::Role::replica : postgres::Role::demoted;
  }
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
