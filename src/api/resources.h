#pragma once

#include <memory>
#include <optional>
#include <string>

#include "api/control_port.h"
#include "api/observed.h"
#include "core/clock.h"
#include "core/task.h"
#include "ha/snapshot.h"
#include "net/http.h"

namespace tanist::api {

/// Routes a request and answers it. Lives on the api thread.
class Resources {
 public:
  /// `io` is the api thread's executor; answers of control are posted to it.
  Resources(Executor io, Clock& clock, ha::SnapshotBoard& board, config::SettingsPtr settings,
            ControlPort control);
  ~Resources();

  Task<net::HttpResponse> answer(net::HttpRequest request);
  /// Whether a request that changes something may be served; nullopt: it may.
  Task<std::optional<net::HttpResponse>> admit(net::HttpRequest request);
  /// Access and headers from now on.
  void use(const config::RestApi& rest);
  /// Work in the background, until cancelled.
  Task<void> live();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace tanist::api
