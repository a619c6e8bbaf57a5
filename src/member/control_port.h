#pragma once

#include <boost/asio/io_context.hpp>

#include "api/control_port.h"
#include "core/task_scope.h"
#include "ha/engine.h"

namespace tanist::member {

/// What the api thread may ask of the engine: posted to the control thread, run in `scope` there. `scope` and `engine`
/// must outlive the api server.
api::ControlPort control_port(boost::asio::io_context& control, TaskScope& scope, ha::Engine& engine);

}  // namespace tanist::member
