#include "member/reload.h"

#include "config/build.h"
#include "config/read/until_restart.h"
#include "config/stores/configured.h"
#include "config/tls_options.h"
#include "log/log.h"
#include "member/peers.h"

TANIST_LOGGER("patroni.__main__");

namespace tanist::member {
namespace {

using namespace std::chrono_literals;

constexpr Duration kReadBudget = 10s;

using LoadedTls = std::expected<net::TlsContextPtr, std::string>;

/// Why the store's certificates could not be used; the store itself reads them with its next connection.
/// Their paths are those of the start.
std::string trouble_of_store_files(const config::StoreOptions& first) {
  const auto options = config::store_tls(first);
  if (!options) return {};
  const auto loaded = net::load_client_tls(*options);
  return loaded ? std::string() : loaded.error();
}

/// What only a thread that may block can tell.
struct Files {
  LoadedTls peers;
  std::string store_trouble;
};

}  // namespace

Reloader::Reloader(Clock& clock, DiskThread& disk, SettingsSource& source, const ha::SnapshotBoard& board,
                   config::SettingsPtr first, Parts parts)
    : clock_(clock),
      disk_(disk),
      source_(source),
      board_(board),
      first_(std::move(first)),
      parts_(std::move(parts)) {}

Task<void> Reloader::serve() {
  for (;;) {
    co_await asked_.wait();
    asked_.clear();
    parts_.begun();
    co_await reload();
    parts_.ended();
  }
}

/// True: the local configuration is another one now.
Task<bool> Reloader::read() {
  using Read = std::expected<config::LocalConfig, config::Problems>;
  const SettingsSource* source = &source_;
  auto reading = disk_.call<Read>(
      "read the configuration", [source] { return source->read(); }, clock_.now() + kReadBudget);
  auto read = co_await std::move(reading);
  const std::string from = source_.local().source;
  if (!read) {
    log::error("Exception when reloading local configuration from {}: {}", from, read.error());
    co_return false;
  }
  if (!*read) {
    tell((*read).error());
    log::error("Exception when reloading local configuration from {}: the old one stays in force", from);
    co_return false;
  }
  config::LocalConfig& local = **read;
  tell(local.warnings);
  const auto waiting = config::keep_until_restart(source_.local(), local);
  tell_of_restart(waiting);
  if (local.document == source_.local().document) {
    if (waiting.empty()) log::info("No local configuration items changed.");
    co_return false;
  }
  const std::string trouble = co_await trouble_of_https(local);
  if (!trouble.empty()) {
    log::error(
        "Exception when reloading local configuration from {}: restapi: {}: the old one stays in force", from,
        trouble);
    co_return false;
  }
  source_.use(std::move(local));
  co_return true;
}

/// Why a member that answers http could not answer https as it is now told to. It would publish an https
/// address that nobody could reach it at. (Where it answers https already, the certificates it has go on.)
Task<std::string> Reloader::trouble_of_https(config::LocalConfig local) {
  const auto tls_of = [](const config::LocalConfig& from) {
    config::Problems told_elsewhere;
    return config::build(from, Document::map(), told_elsewhere).restapi.tls;
  };
  const Document* certificate = local.document.find_path("restapi.certfile");
  const bool https = certificate != nullptr && certificate->truthy();
  if (!https || !tls_of(source_.local()).cert_file.empty()) co_return std::string();
  const net::TlsOptions options = config::tls_options(tls_of(local));
  const auto load = [options] { return net::load_server_tls(options, net::ClientCertificates::ignored); };
  auto loaded = co_await disk_.call<LoadedTls>("read the certificates of the REST API", load,
                                               clock_.now() + kReadBudget);
  if (!loaded) co_return loaded.error();
  co_return *loaded ? std::string() : loaded->error();
}

void Reloader::hand_on(std::string_view part, const std::function<void()>& take) const {
  std::string failure;
  try {
    take();
  } catch (const std::exception& e) {
    failure = e.what();
  }
  if (!failure.empty())
    log::error("Failed to reload config_file={}: {}: {}", source_.local().source, part, failure);
}

Task<void> Reloader::reload() {
  const bool changed = co_await read();
  const auto snapshot = board_.get();
  const Document dynamic =
      snapshot && snapshot->settings ? snapshot->settings->dynamic.raw : first_->dynamic.raw;
  const auto built = source_.builder()(dynamic);
  if (!built) {
    log::error("Failed to reload config_file={}: {}", source_.local().source, built.error());
    co_return;
  }
  const config::SettingsPtr settings = *built;
  // Files may have changed where their names have not: certificates are read anew each time.
  auto loading = disk_.call<Files>(
      "read certificates",
      [settings, first = first_] {
        return Files{load_peer_tls(settings->ctl), trouble_of_store_files(first->store)};
      },
      clock_.now() + kReadBudget);
  const auto files = co_await std::move(loading);

  if (changed) hand_on("log", [&] { parts_.log(*settings); });
  if (files && files->peers) {
    hand_on("ctl", [&] { parts_.peers(settings->ctl, *files->peers); });
  } else {
    log::error("calls to other members: {}; the certificates that were loaded before stay in use",
               files ? files->peers.error() : files.error());
  }
  hand_on("restapi", [&] { parts_.rest(settings); });
  if (files && files->store_trouble.empty()) {
    hand_on(config::store_of(first_->store)->section, [&] { parts_.store(settings->store); });
  } else {
    log::error("the store: {}; its credentials and certificates stay as they were",
               files ? files->store_trouble : files.error());
  }
  hand_on("postgresql", [&] { parts_.engine(settings, source_.builder()); });
}

}  // namespace tanist::member
