#include "member/control_port.h"

#include <boost/asio/post.hpp>

namespace tanist::member {
namespace {

using Refreshed = api::ControlPort::Refreshed;
using Loaded = api::ControlPort::Loaded;

Task<void> refresh(ha::Engine& engine, Duration max_age, Instant deadline, Refreshed done) {
  auto refreshing = engine.refresh(max_age, deadline);
  co_await std::move(refreshing);
  done();
}

Task<void> load(ha::Engine& engine, Instant deadline, Loaded done) {
  auto loading = engine.load(deadline);
  auto loaded = co_await std::move(loading);
  if (loaded) {
    done(*loaded);
  } else {
    done(std::unexpected(loaded.error().detail));
  }
}

}  // namespace

api::ControlPort control_port(boost::asio::io_context& control, TaskScope& scope, ha::Engine& engine) {
  api::ControlPort port;
  port.refresh = [&control, &scope, &engine](Duration max_age, Instant deadline, Refreshed done) {
    boost::asio::post(control, [&scope, &engine, max_age, deadline, done = std::move(done)]() mutable {
      if (!scope.closed()) scope.spawn("refresh for the api", refresh(engine, max_age, deadline, std::move(done)));
    });
  };
  port.load = [&control, &scope, &engine](Instant deadline, Loaded done) {
    boost::asio::post(control, [&scope, &engine, deadline, done = std::move(done)]() mutable {
      if (!scope.closed()) scope.spawn("load for the api", load(engine, deadline, std::move(done)));
    });
  };
  return port;
}

}  // namespace tanist::member
