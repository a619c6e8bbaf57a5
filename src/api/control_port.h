#pragma once

#include <expected>
#include <functional>
#include <string>

#include "core/time.h"
#include "dcs/model.h"
#include "dcs/values.h"
#include "ha/model/requests.h"

namespace tanist::api {

/// What the API asks of the control thread. The functions are called on the api thread and return at once;
/// the answer is given through the function passed along, on any thread, at most once. No answer is fine: the
/// asker waits no longer than its deadline.
struct ControlPort {
  using Refreshed = std::function<void()>;
  using Loaded = std::function<void(std::expected<dcs::ClusterPtr, std::string>)>;
  using Written = std::function<void(dcs::WriteResult)>;
  using Restarted = std::function<void(ha::RestartAnswer)>;

  /// Look at PostgreSQL now unless that is younger than `max_age`, and publish.
  std::function<void(Duration max_age, Instant deadline, Refreshed done)> refresh;
  /// Read the cluster from the store; the error says why it could not be had.
  std::function<void(Instant deadline, Loaded done)> load;
  /// Write a key of the store, and wake the cycle.
  std::function<void(dcs::Record record, dcs::Condition condition, Instant deadline, Written done)> write;
  /// Restart PostgreSQL, now or at a time, or withdraw that. The answer may come minutes later.
  std::function<void(ha::RestartOrder order, Restarted done)> restart;
  /// Read the local configuration again and apply it, as SIGHUP does.
  std::function<void()> reload;
};

}  // namespace tanist::api
