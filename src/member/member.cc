#include "member/member.h"

#include <signal.h>

#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <memory>
#include <random>

#include "api/server.h"
#include "async/disk_thread.h"
#include "async/task_scope.h"
#include "config/sections/log_options.h"
#include "dcs/metered_store.h"
#include "ha/engine/engine.h"
#include "ha/mailbox.h"
#include "log/log.h"
#include "member/commit_fence.h"
#include "member/data_directory_claim.h"
#include "member/fences.h"
#include "member/guardian.h"
#include "member/journal.h"
#include "member/peers.h"
#include "member/reload.h"
#include "member/service_status.h"
#include "member/settings_source.h"
#include "postgres/whole/local_server.h"
#include "process/notify.h"
#include "process/signals.h"
#include "process/umask.h"
#include "stores/stores.h"
#include "watchdog/watchdog_fence.h"

TANIST_LOGGER("patroni.__main__");

namespace tanist::member {
namespace {

using namespace std::chrono_literals;

constexpr int kLogStuck = 5;
/// While the REST API starts, its name may have to be resolved; the lease is looked after meanwhile.
constexpr Duration kLookAtApi = 2ms;

class SystemDice final : public ha::Dice {
 public:
  double roll() override { return std::uniform_real_distribution<double>(0, 1)(generator_); }

 private:
  std::mt19937_64 generator_{std::random_device{}()};
};

/// One member put together: the control thread is the one that calls run().
class Member {
 public:
  Member(SettingsSource& source, config::SettingsPtr settings, process::ServiceManager manager)
      : source_(source),
        settings_(std::move(settings)),
        service_(std::move(manager)),
        scope_(io_.get_executor()),
        disk_(clock_),
        store_(std::make_unique<dcs::MeteredStore>(
            clock_, stores::open(io_.get_executor(), clock_, settings_->store,
                                 {.name_space = settings_->name_space, .scope = settings_->scope},
                                 settings_->dynamic.timing))),
        server_(io_.get_executor(), clock_, disk_),
        guardian_({clock_, disk_, scope_, [this] { return server_.postmaster_descriptor(); }}, *settings_),
        peers_(io_.get_executor(), clock_, settings_->scope),
        journal_(clock_, disk_, scope_, settings_->state_dir),
        signals_(io_.get_executor(), {SIGTERM, SIGINT, SIGHUP}),
        reloader_(clock_, disk_, source_, board_, settings_, reloaded_parts()) {
    // Nothing runs yet: files may be read right here.
    auto tls = load_peer_tls(settings_->ctl);
    if (!tls) log::error("calls to other members: {}", tls.error());
    peers_.use(settings_->ctl, tls.value_or(nullptr));
  }

  int run() {
    ha::Ports ports{clock_, *store_, server_, peers_, fence_, disk_, dice_, journal_};
    ha::EngineObserver observer;
    observer.before_first_cycle = [this] { return open_api(); };
    observer.published = [this](const ha::SnapshotPtr& snapshot) {
      if (api_) hold_on_to_start(*snapshot);
      service_.published(*snapshot);
    };
    fence_.take_settings(settings_);
    guardian_.start();
    engine_ = std::make_unique<ha::Engine>(io_.get_executor(), ports, settings_, source_.builder(), board_,
                                           std::move(observer));
    TaskScope main_scope(io_.get_executor());
    main_scope.spawn("member", live());
    main_scope.spawn("signals", obey_signals());
    main_scope.spawn("reload", reloader_.serve());
    io_.run();
    return exit_code_;
  }

  /// What comes through the mailbox is the engine's, but for what this member sees to itself.
  template <class Order>
  Task<typename Order::Answer> obey(Order order) {
    return engine_->obey(std::move(order));
  }
  Task<ha::order::Reload::Answer> obey(ha::order::Reload) {
    reloader_.ask();
    co_return ha::order::Reload::Answer();
  }

 private:
  Task<void> live() {
    exit_code_ = co_await engine_->run();
    guardian_.farewell();
    service_.stopping();
    // Whoever still waits for something is told. Others ask GET /patroni until PostgreSQL is down; from here
    // on nobody needs to.
    mailbox_.close("the daemon is shutting down");
    co_await orders_.close();
    if (api_) api_->stop();
    co_await scope_.close();
    io_.stop();
  }

  Task<bool> open_api() {
    api::ApiServer::Options options;
    options.settings = settings_;
    mailbox_.open(orders_, *this);
    api_ = std::make_unique<api::ApiServer>(board_, mailbox_, std::move(options));
    auto started = api_->begin();
    while (started) {
      if (auto answer = api_->started()) {
        started = std::move(*answer);
        break;
      }
      co_await clock_.sleep_for(kLookAtApi);
    }
    if (!started) {
      log::critical("Couldn't start a service on '{}', please check your `restapi.listen` configuration ({})",
                    config::to_string(settings_->restapi.listen), started.error());
      co_return false;
    }
    if (const auto snapshot = board_.get()) hold_on_to_start(*snapshot);
    service_.ready(clock_.now());
    co_return true;
  }

  /// A member that waits for somebody to bootstrap the cluster has no dynamic configuration yet: the first
  /// one may still say where its PostgreSQL is.
  void hold_on_to_start(const ha::Snapshot& snapshot) {
    if (snapshot.role == postgres::Role::uninitialized && snapshot.settings->dynamic.raw.size() == 0) return;
    source_.started_with(*snapshot.settings);
  }

  Task<void> obey_signals() {
    while (true) {
      const int number = co_await signals_.next();
      if (number == SIGHUP) {
        reloader_.ask();
      } else {
        service_.stopping();
        engine_->shutdown(stopping_);
        stopping_ = true;
      }
    }
  }

  Reloader::Parts reloaded_parts() {
    Reloader::Parts parts;
    parts.begun = [this] { service_.reloading(); };
    parts.ended = [this] { service_.reloaded(); };
    parts.log = [](const config::Settings& settings) {
      log::configure(config::log_options(settings.log, process::start_umask()));
    };
    parts.peers = [this](const config::Ctl& ctl, net::TlsContextPtr tls) { peers_.use(ctl, std::move(tls)); };
    parts.rest = [this](config::SettingsPtr settings) {
      settings_ = std::move(settings);  // what the API opens with, if it does not serve yet
      if (api_) api_->reload(settings_);
    };
    parts.store = [this](const config::StoreOptions& options) { store_->reload(options); };
    parts.engine = [this](config::SettingsPtr settings, ha::SettingsBuilder builder) {
      guardian_.use(*settings);
      engine_->reload(std::move(settings), std::move(builder));
    };
    return parts;
  }

  SettingsSource& source_;
  config::SettingsPtr settings_;
  ServiceStatus service_;
  boost::asio::io_context io_{1};
  SystemClock clock_;
  TaskScope scope_;
  DiskThread disk_;
  std::unique_ptr<dcs::Store> store_;
  postgres::LocalServer server_;
  Guardian guardian_;
  watchdog::WatchdogFence watchdog_{clock_};
  CommitFence commit_fence_{{.clock = clock_, .disk = disk_, .system_identifier = [this] {
                               return server_.facts().system_identifier;
                             }}};
  Fences fence_{guardian_, watchdog_, commit_fence_};
  HttpPeers peers_;
  SystemDice dice_;
  FileJournal journal_;
  process::Signals signals_;
  ha::SnapshotBoard board_;
  TaskScope orders_{io_.get_executor()};
  ha::Mailbox mailbox_{clock_, "the daemon has not started yet"};
  Reloader reloader_;
  std::unique_ptr<ha::Engine> engine_;
  std::unique_ptr<api::ApiServer> api_;
  int exit_code_ = 1;
  bool stopping_ = false;
};

}  // namespace

int run(const Options& options) {
  process::ignore_sigpipe();
  process::tighten_umask();
  // A SIGHUP that comes before the member can obey it must not end the daemon.
  process::HeldSignals held({SIGHUP});
  auto manager = process::ServiceManager::take_from_environment();
  SettingsSource source(options.config_path, config::process_environment());
  auto local = source.read();
  if (!local) {
    std::fputs((config::to_string(local.error()) + "\n").c_str(), stderr);
    return 1;
  }
  config::remove_from_process(local->consumed);
  const config::Problems warnings = local->warnings;
  source.use(std::move(*local));
  auto settings = source.builder()(Document::map());
  if (!settings) {
    std::fputs((settings.error() + "\n").c_str(), stderr);
    return 1;
  }
  log::configure(config::log_options((*settings)->log, process::start_umask()));
  tell(warnings);
  DataDirectoryClaim claim;
  if (auto claimed = claim.take((*settings)->state_dir); !claimed) {
    log::critical("{}", claimed.error());
    log::shutdown();
    return 1;
  }
  int code = 1;
  {
    Member member(source, *settings, std::move(manager));
    held.release();
    code = member.run();
  }
  // config.md §11.7: 5 says that the log could not be written to its end.
  const bool all_written = log::shutdown();
  return code == 0 && !all_written ? kLogStuck : code;
}

}  // namespace tanist::member
