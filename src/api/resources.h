#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/member_status.h"
#include "async/clock.h"
#include "async/task.h"
#include "ha/mailbox.h"
#include "ha/snapshot_board.h"
#include "net/http.h"

namespace tanist::api {

/// Who may ask.
enum class Access {
  /// Everybody.
  open,
  /// Whom address, certificate and password let through.
  guarded,
  /// The same, and addresses of members do not count: the store, which knows them, may be down when it is
  /// asked.
  guarded_by_list,
};

/// Routes a request and answers it. Lives on the api thread.
class Resources {
  struct Impl;

 public:
  /// One row of what is served (rest-api.md §1.1). Who may ask, the answer, and docs/rest-api.md come from
  /// it.
  struct Route {
    std::string_view method;
    /// The first of the path, the rest does not count; empty: every path that no other row names.
    std::string_view segment;
    Access access = Access::open;
    Task<net::HttpResponse> (*handler)(std::shared_ptr<Impl> self, net::HttpRequest request) = nullptr;
    /// For the page, and the summary in the document for machines, which has from operations()
    /// (api/openapi.h) what the route takes and answers.
    std::string_view what = {};
    /// HEAD and OPTIONS are answered, too, with the status alone.
    bool health_check = false;
  };
  static std::span<const Route> routes();
  /// nullptr: there is no such method.
  static const Route* route_of(std::string_view method, std::string_view target);

  /// `io` is the api thread's executor; board and mailbox must outlive this.
  Resources(Executor io, Clock& clock, ha::SnapshotBoard& board, ha::Mailbox& mailbox,
            config::SettingsPtr settings);
  ~Resources();

  Task<net::HttpResponse> answer(net::HttpRequest request);
  /// Ends the answers of those who listen to events.
  void close();
  /// Returns when no request is being answered, and nobody listens.
  Task<void> idle();
  /// Whether a request that changes something may be served; nullopt: it may.
  Task<std::optional<net::HttpResponse>> admit(net::HttpRequest request);
  /// Access and headers from now on.
  void use(const config::RestApi& rest);
  /// Work in the background, until cancelled.
  Task<void> live();

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace tanist::api
