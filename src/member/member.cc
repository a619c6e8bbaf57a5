#include "member/member.h"

#include <signal.h>
#include <sys/stat.h>

#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <memory>
#include <random>

#include "api/server.h"
#include "config/log_options.h"
#include "core/disk_thread.h"
#include "core/log.h"
#include "core/task_scope.h"
#include "dcs/etcd3/store.h"
#include "ha/engine.h"
#include "member/control_port.h"
#include "member/journal.h"
#include "member/peers.h"
#include "member/settings_source.h"
#include "postgres/local_server.h"
#include "process/notify.h"
#include "process/signals.h"

namespace tanist::member {
namespace {

using namespace std::chrono_literals;

constexpr Duration kReadConfigBudget = 10s;

class SystemDice final : public ha::Dice {
 public:
  double roll() override { return std::uniform_real_distribution<double>(0, 1)(generator_); }

 private:
  std::mt19937_64 generator_{std::random_device{}()};
};

/// One member put together: the control thread is the one that calls run().
class Member {
 public:
  Member(SettingsSource& source, config::SettingsPtr settings)
      : source_(source),
        settings_(std::move(settings)),
        scope_(io_.get_executor()),
        disk_(clock_),
        store_(dcs::etcd3::make_store(
            io_.get_executor(), clock_,
            {*settings_->etcd3, settings_->base_path(), settings_->dynamic.timing})),
        server_(io_.get_executor(), clock_, disk_),
        peers_(io_.get_executor(), clock_),
        journal_(clock_, disk_, scope_, settings_->state_dir),
        signals_(io_.get_executor(), {SIGTERM, SIGINT, SIGHUP}) {
    peers_.set_credentials(settings_->ctl_username, settings_->ctl_password);
  }

  int run() {
    ha::Ports ports{clock_, *store_, server_, peers_, fence_, disk_, dice_, journal_};
    ha::EngineObserver observer;
    observer.before_first_cycle = [this] { return open_api(); };
    engine_ = std::make_unique<ha::Engine>(io_.get_executor(), ports, settings_, source_.builder(), board_,
                                           std::move(observer));
    TaskScope main_scope(io_.get_executor());
    main_scope.spawn("member", live());
    main_scope.spawn("signals", obey_signals());
    io_.run();
    return exit_code_;
  }

 private:
  Task<void> live() {
    auto running = engine_->run();
    exit_code_ = co_await std::move(running);
    process::notify("STOPPING=1");
    // Others ask GET /patroni until PostgreSQL is down; from here on nobody needs to.
    if (api_) api_->stop();
    auto closing = scope_.close();
    co_await std::move(closing);
    io_.stop();
  }

  bool open_api() {
    api::ApiServer::Options options;
    options.settings = settings_;
    options.control = control_port(io_, scope_, *engine_);
    api_ = std::make_unique<api::ApiServer>(board_, std::move(options));
    auto started = api_->start();
    if (!started) {
      log::critical("Couldn't start a service on '{}', please check your `restapi.listen` configuration ({})",
                    config::to_string(settings_->restapi.listen), started.error());
      return false;
    }
    process::notify("READY=1");
    return true;
  }

  Task<void> obey_signals() {
    while (true) {
      auto waiting = signals_.next();
      const int number = co_await std::move(waiting);
      if (number == SIGHUP) {
        auto reloading = reload();
        co_await std::move(reloading);
      } else {
        process::notify("STOPPING=1");
        engine_->shutdown(stopping_);
        stopping_ = true;
      }
    }
  }

  Task<void> reload() {
    const auto monotonic = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now().time_since_epoch());
    process::notify(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", monotonic.count()));
    using Read = std::expected<config::LocalConfig, config::Problems>;
    const SettingsSource* source = &source_;
    auto reading = disk_.call<Read>(
        "read the configuration", [source] { return source->read(); }, clock_.now() + kReadConfigBudget);
    auto read = co_await std::move(reading);
    if (!read) {
      log::error("Exception when reloading local configuration: {}", read.error());
    } else if (!*read) {
      tell((*read).error());
      log::error("Exception when reloading local configuration: the old one stays in force");
    } else {
      use(std::move(**read));
    }
    process::notify("READY=1");
  }

  void use(config::LocalConfig local) {
    tell(local.warnings);
    if (local.document == source_.local().document) log::info("No local configuration items changed.");
    for (const auto& path : config::changes_needing_restart(source_.local(), local))
      log::warning("a change of {} takes effect when the daemon is restarted", path);
    source_.use(std::move(local));
    const auto snapshot = board_.get();
    const Document dynamic = snapshot ? snapshot->settings->dynamic.raw : settings_->dynamic.raw;
    auto built = source_.builder()(dynamic);
    if (!built) {
      log::error("Exception when reloading local configuration: {}", built.error());
      return;
    }
    log::configure(config::log_options((*built)->log));
    peers_.set_credentials((*built)->ctl_username, (*built)->ctl_password);
    engine_->reload(*built, source_.builder());
  }

  SettingsSource& source_;
  config::SettingsPtr settings_;
  boost::asio::io_context io_{1};
  SystemClock clock_;
  TaskScope scope_;
  DiskThread disk_;
  std::unique_ptr<dcs::Store> store_;
  postgres::LocalServer server_;
  HttpPeers peers_;
  ha::NoFence fence_;
  SystemDice dice_;
  FileJournal journal_;
  process::Signals signals_;
  ha::SnapshotBoard board_;
  std::unique_ptr<ha::Engine> engine_;
  std::unique_ptr<api::ApiServer> api_;
  int exit_code_ = 1;
  bool stopping_ = false;
};

}  // namespace

int run(const Options& options) {
  process::ignore_sigpipe();
  ::umask(0077);
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
  if (!(*settings)->etcd3) {
    std::fputs("Can not find suitable configuration of distributed configuration store\n"
               "Available implementations: etcd3\n",
               stderr);
    return 1;
  }
  log::configure(config::log_options((*settings)->log));
  tell(warnings);
  int code = 1;
  {
    Member member(source, *settings);
    code = member.run();
  }
  log::shutdown();
  return code;
}

}  // namespace tanist::member
