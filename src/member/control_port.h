#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>

#include "api/control_port.h"
#include "async/task_scope.h"
#include "ha/engine/engine.h"

namespace tanist::member {

/// What the api thread may ask of the engine: posted to the control thread, run in `scope` there. `scope` and
/// `engine` must outlive the api server. `reload` is called on the control thread.
api::ControlPort control_port(boost::asio::io_context& control, TaskScope& scope, ha::Engine& engine,
                              std::function<void()> reload);

}  // namespace tanist::member
