#pragma once

#include <memory>

#include "api/control_port.h"
#include "core/task.h"
#include "ha/engine.h"

namespace tanist::api {

/// Carries the API's questions to an engine: each becomes a coroutine on the engine's executor. Lives on the control
/// thread, is closed before the engine goes away; questions that come later get no answer.
class ControlCalls {
 public:
  ControlCalls(Executor control, ha::Engine& engine);
  ~ControlCalls();
  /// To be handed to the ApiServer; may outlive this.
  ControlPort port() const;
  Task<void> close();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace tanist::api
