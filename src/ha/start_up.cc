#include "core/document.h"
#include "core/log.h"
#include "core/wait.h"
#include "ha/engine_impl.h"

TANIST_LOGGER("patroni.ha");

/// What happens once, before the first cycle: the store, the name, what an earlier incarnation left behind.
namespace tanist::ha {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLoadPause = 5s;
constexpr Duration kNameCheck = 3s;
constexpr Duration kApplyBudget = 30s;
/// Sessions that a restarted daemon takes for its own: after an unknown outcome the leader key may hang on an
/// older one.
constexpr std::size_t kSessionsRecorded = 4;

std::string new_incarnation(Dice& dice) {
  std::string id;
  for (int i = 0; i < 32; ++i) id += "0123456789abcdef"[static_cast<int>(dice.roll() * 16)];
  return id;
}

}  // namespace

Task<std::string> Engine::Impl::read_small(std::string path) {
  auto reading = ports_.disk.read(path, now() + kDiskBudget);
  auto content = co_await std::move(reading);
  if (!content) {
    log::warning("{}", content.error());
    co_return std::string();
  }
  co_return content->value_or("");
}

Task<void> Engine::Impl::record_session(dcs::Session session) {
  std::erase(sessions_, session);
  sessions_.insert(sessions_.begin(), session);
  if (sessions_.size() > kSessionsRecorded) sessions_.resize(kSessionsRecorded);
  Document::List older;
  for (std::size_t i = 1; i < sessions_.size(); ++i) older.emplace_back(sessions_[i]);
  Document record = Document::map(
      {{"session", session}, {"older", Document::list(std::move(older))}, {"incarnation", incarnation_}});
  auto writing = ports_.disk.write(session_path(), to_json(record), 0600, now() + kDiskBudget);
  auto written = co_await std::move(writing);
  if (!written)
    log::warning("could not record the store session, a restarted daemon will wait for its end: {}",
                 written.error());
}

Task<void> Engine::Impl::start_up_into(bool& started) {
  auto starting = start_up();
  started = co_await std::move(starting);
}

Task<void> Engine::Impl::shutdown_asked() {
  while (!commands_.shutdown) {
    auto waiting = wake_.wait();
    co_await std::move(waiting);
    wake_.clear();
  }
}

/// A SIGTERM while the store is not there yet ends the daemon at once; nothing was begun. A PostgreSQL that
/// an earlier incarnation left running is stopped all the same: as a primary it has nobody any more who
/// watches its lease.
Task<void> Engine::Impl::start_up_or_shutdown(bool& started) {
  auto racing = race(start_up_into(started), shutdown_asked());
  const int winner = co_await std::move(racing);
  if (winner != 1) co_return;
  started = false;
  exit_code_ = 0;
  auto unwatching = unwatch_found_server();
  co_await std::move(unwatching);
  auto stopping = stop_found_server();
  co_await std::move(stopping);
}

/// Returns when the store has told of the cluster; without a cluster when it never will.
Task<void> Engine::Impl::reach_store(dcs::Identity identity, dcs::ClusterPtr& cluster) {
  try {
    auto opening = ports_.store.open(std::move(identity));
    co_await std::move(opening);
  } catch (const dcs::FatalStoreError& e) {
    log::critical("{}", e.what());
    exit_code_ = 1;
    co_return;
  }
  while (!cluster) {
    auto loading = ports_.store.load(dcs::Read::linearizable, store_deadline());
    auto loaded = co_await std::move(loading);
    if (loaded) {
      cluster = *loaded;
      co_return;
    }
    log::warning("Can not get cluster from dcs");
    log::debug("{}", loaded.error().detail);
    auto pause = ports_.clock.sleep_for(kLoadPause);
    co_await std::move(pause);
  }
}

Task<bool> Engine::Impl::start_up() {
  incarnation_ = new_incarnation(ports_.dice);
  dcs::Identity identity;
  identity.name = settings_->name;
  identity.incarnation = incarnation_;
  auto reading = read_small(session_path());
  const std::string recorded = co_await std::move(reading);
  if (auto record = parse_json(recorded);
      record && record->find("session") && record->find("session")->is_string()) {
    sessions_ = {record->find("session")->as_string()};
    if (const Document* older = record->find("older"); older && older->is_list())
      for (const auto& session : older->as_list())
        if (session.is_string()) sessions_.push_back(session.as_string());
    identity.previous_sessions = sessions_;
  }

  ports_.store.set_timing(timing());
  dcs::ClusterPtr cluster;
  found_watch_ = scope_.spawn("found PostgreSQL", watch_found_server());
  auto reaching = reach_store(std::move(identity), cluster);
  co_await std::move(reaching);
  auto unwatching = unwatch_found_server();
  co_await std::move(unwatching);
  if (!cluster) co_return false;
  auto checking = name_is_free(cluster);
  const bool name_free = co_await std::move(checking);
  if (!name_free) {
    log::critical("Can't start; there is already a node named '{}' running", settings_->name);
    exit_code_ = 1;
    co_return false;
  }

  auto caching = read_small(dynamic_cache_path());
  const std::string cached = co_await std::move(caching);
  if (!cached.empty()) {
    auto data = parse_json(cached);
    auto built = data ? builder_(*data) : std::unexpected(data.error());
    if (built) {
      settings_ = *built;
      dynamic_saved_ = cached;
    } else {
      log::error("Exception when loading file: {}: {}", dynamic_cache_path(), built.error());
    }
  } else if (!cluster->config.valid && settings_->bootstrap.present) {
    auto built = builder_(settings_->bootstrap.dcs);
    if (!built) {
      log::critical("bootstrap.dcs is refused: {}", built.error());
      exit_code_ = 1;
      co_return false;
    }
    settings_ = *built;
  }
  if (cluster->config.valid) {
    cluster_ = cluster;
    auto adopting = adopt_config();
    co_await std::move(adopting);
  }

  keeper_.set_timing(timing());
  keeper_.set_paused(settings_->dynamic.pause);
  ports_.store.set_timing(timing());

  const bool found_stopped = server_open_;
  auto opening_server = open_server();
  auto opened = co_await std::move(opening_server);
  if (opened && found_stopped) {
    // It was opened before the dynamic configuration was known.
    auto applying = ports_.server.apply(settings_, postgres::Role::replica, true, now() + kApplyBudget);
    opened = co_await std::move(applying);
  }
  if (!opened) {
    log::critical("{}", opened.error().detail);
    exit_code_ = 1;
    co_return false;
  }
  auto clearing = clear_abandoned_bootstrap(cluster);
  const bool cleared = co_await std::move(clearing);
  if (!cleared) {
    exit_code_ = 1;
    co_return false;
  }

  auto control = ports_.server.read_control(now() + kDiskBudget);
  co_await std::move(control);
  const auto& facts = ports_.server.facts();
  if (facts.data_directory != postgres::DataDirectory::ok || !facts.control) {
    role_ = postgres::Role::uninitialized;
  } else if (facts.running()) {
    auto refreshing = ports_.server.refresh(0s, now() + 2s);
    co_await std::move(refreshing);
    set_state(facts.accepts() ? postgres::State::running : postgres::State::starting);
    const bool standby = facts.probe ? facts.probe->in_recovery : facts.standby_signal;
    role_ = standby ? postgres::Role::replica : postgres::Role::primary;
    seen_running_ = true;
  } else {
    // A stopped primary is never started straight as primary by a daemon that did not see it run.
    role_ = facts.standby_signal ? postgres::Role::replica : postgres::Role::demoted;
  }
  publish();
  if (observer_.before_first_cycle && !observer_.before_first_cycle()) {
    exit_code_ = 1;
    co_return false;
  }
  co_return true;
}

Task<bool> Engine::Impl::name_is_free(dcs::ClusterPtr cluster) {
  const dcs::Member* namesake = cluster->member(settings_->name);
  if (!namesake || namesake->api_url.empty()) co_return true;
  auto asking = ports_.peers.anybody_at(namesake->api_url, now() + kNameCheck);
  const bool answered = co_await std::move(asking);
  co_return !answered;
}

/// A bootstrap that this member began in an earlier incarnation and did not finish: only the directory of
/// that attempt is renamed, then everything begins anew.
Task<bool> Engine::Impl::clear_abandoned_bootstrap(dcs::ClusterPtr cluster) {
  auto reading = read_small(bootstrap_note_path());
  const std::string text = co_await std::move(reading);
  if (text.empty()) co_return true;
  auto note = parse_json(text);
  const Document* data_dir = note ? note->find("data_dir") : nullptr;
  const bool ours =
      data_dir && data_dir->is_string() && data_dir->as_string() == settings_->postgresql.data_dir;
  const auto& facts = ports_.server.facts();
  const bool finished =
      cluster->initialize.valid_system_id() && cluster->initialize.value == facts.system_identifier;
  if (ours && !finished && facts.data_directory != postgres::DataDirectory::empty) {
    log::warning(
        "found the data directory {} of a bootstrap that was not finished: renaming it and beginning anew",
        settings_->postgresql.data_dir);
    auto killing = ports_.server.kill_everything(now() + 30s);
    const bool down = co_await std::move(killing);
    if (!down) {
      log::critical("could not stop the PostgreSQL of an unfinished bootstrap in {}",
                    settings_->postgresql.data_dir);
      co_return false;
    }
    auto renaming = ports_.server.rename_data_directory(now() + 30s);
    auto renamed = co_await std::move(renaming);
    if (!renamed) {
      log::critical("{}", renamed.error().detail);
      co_return false;
    }
  }
  auto removing = ports_.disk.remove(bootstrap_note_path(), now() + kDiskBudget);
  auto removed = co_await std::move(removing);
  if (!removed) log::warning("{}", removed.error());
  co_return true;
}

}  // namespace tanist::ha
