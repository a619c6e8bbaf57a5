#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "async/disk_thread.h"
#include "async/event.h"
#include "ha/model/snapshot.h"
#include "member/settings_source.h"
#include "net/http.h"

namespace tanist::member {

/// Reads the local configuration again when asked (SIGHUP, POST /reload) and hands it on (config.md §6).
/// Requests that come while one is served are served together. Lives on the control thread.
class Reloader {
 public:
  /// What takes the new settings, in their order. One that throws does not keep them from the others.
  struct Parts {
    /// Around it all: the service manager is told.
    std::function<void()> begun;
    std::function<void()> ended;
    std::function<void(const config::Settings&)> log;
    std::function<void(const config::Ctl&, net::TlsContextPtr)> peers;
    std::function<void(config::SettingsPtr)> rest;
    std::function<void(const config::StoreOptions&)> store;
    /// Rewrites PostgreSQL's files and reloads it, also when nothing changed.
    std::function<void(config::SettingsPtr, ha::SettingsBuilder)> engine;
  };

  /// `first`: the settings until the board has some.
  Reloader(Clock& clock, DiskThread& disk, SettingsSource& source, const ha::SnapshotBoard& board,
           config::SettingsPtr first, Parts parts);

  void ask() { asked_.set(); }
  /// Serves requests until cancelled.
  Task<void> serve();

 private:
  Task<void> reload();
  Task<bool> read();
  Task<std::string> trouble_of_https(config::LocalConfig local);
  void hand_on(std::string_view part, const std::function<void()>& take) const;

  Clock& clock_;
  DiskThread& disk_;
  SettingsSource& source_;
  const ha::SnapshotBoard& board_;
  config::SettingsPtr first_;
  Parts parts_;
  Event asked_;
};

}  // namespace tanist::member
