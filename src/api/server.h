#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "ha/mailbox.h"
#include "ha/snapshot_board.h"
#include "net/http.h"

namespace tanist::api {

/// Bounds of what one request may cost.
inline constexpr Duration kProbeMaxAge = std::chrono::milliseconds(100);
inline constexpr Duration kRefreshPatience = std::chrono::milliseconds(250);
/// Control publishes more often than that also where nothing happens (its tick): an older copy of the store
/// may be one that it has stopped to keep current.
inline constexpr Duration kCopyMaxAge = std::chrono::seconds(2);

/// The REST API of a member, on a thread of its own. Health checks are answered from the published snapshot,
/// so neither a hung PostgreSQL nor a blocked control thread delays them; only GET /patroni (a fresh look at
/// PostgreSQL, briefly), GET /cluster where the watched copy may not be relied on (a read of the store) and
/// what changes something cross to control.
class ApiServer {
 public:
  struct Options {
    /// Where to listen, and what is answered until control publishes its first snapshot.
    config::SettingsPtr settings;
    /// Limits; all else comes from the settings.
    net::HttpServerOptions http;
  };

  /// Both must outlive this.
  ApiServer(ha::SnapshotBoard& board, ha::Mailbox& mailbox, Options options);
  /// Stops.
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  /// Binds and starts the thread; returns when it answers. The error names the address and what the system
  /// said. Blocks for as long as the name of the listen address takes to resolve.
  std::expected<void, std::string> start();
  /// The same without waiting, for a thread that may not block: begun, then asked for until it has an answer.
  std::expected<void, std::string> begin();
  std::optional<std::expected<void, std::string>> started();
  /// Gives requests that are being answered a moment (those that wait for a mailbox are answered once it is
  /// closed), ends every connection, and joins the thread. Does nothing the second time.
  void stop();
  /// New `restapi` settings: access, headers and certificates for requests from now on, another socket for
  /// another address. Returns at once; what cannot be used is logged and the old goes on.
  void reload(config::SettingsPtr settings);
  /// The port it listens on; 0 before start().
  int port() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tanist::api
