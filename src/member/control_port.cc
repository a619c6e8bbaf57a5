#include "member/control_port.h"

#include <boost/asio/post.hpp>

namespace tanist::member {
namespace {

using Refreshed = api::ControlPort::Refreshed;
using Loaded = api::ControlPort::Loaded;
using Written = api::ControlPort::Written;
using Restarted = api::ControlPort::Restarted;

Task<void> refresh(ha::Engine& engine, Duration max_age, Instant deadline, Refreshed done) {
  co_await engine.refresh(max_age, deadline);
  done();
}

Task<void> load(ha::Engine& engine, Instant deadline, Loaded done) {
  auto loaded = co_await engine.load(deadline);
  if (loaded) {
    done(*loaded);
  } else {
    done(std::unexpected(loaded.error().detail));
  }
}

Task<void> write(ha::Engine& engine, dcs::Record record, dcs::Condition condition, Instant deadline,
                 Written done) {
  auto written = co_await engine.write(std::move(record), condition, deadline);
  done(std::move(written));
}

Task<void> restart(ha::Engine& engine, ha::RestartOrder order, Restarted done) {
  auto answer = co_await engine.restart(std::move(order));
  done(std::move(answer));
}

}  // namespace

api::ControlPort control_port(boost::asio::io_context& control, TaskScope& scope, ha::Engine& engine,
                              std::function<void()> reload) {
  api::ControlPort port;
  port.refresh = [&control, &scope, &engine](Duration max_age, Instant deadline, Refreshed done) {
    boost::asio::post(control, [&scope, &engine, max_age, deadline, done = std::move(done)]() mutable {
      if (!scope.closed())
        scope.spawn("refresh for the api", refresh(engine, max_age, deadline, std::move(done)));
    });
  };
  port.load = [&control, &scope, &engine](Instant deadline, Loaded done) {
    boost::asio::post(control, [&scope, &engine, deadline, done = std::move(done)]() mutable {
      if (!scope.closed()) scope.spawn("load for the api", load(engine, deadline, std::move(done)));
    });
  };
  port.write = [&control, &scope, &engine](dcs::Record record, dcs::Condition condition, Instant deadline,
                                           Written done) {
    boost::asio::post(control, [&scope, &engine, record = std::move(record), condition, deadline,
                                done = std::move(done)]() mutable {
      if (!scope.closed())
        scope.spawn("write for the api",
                    write(engine, std::move(record), condition, deadline, std::move(done)));
    });
  };
  port.restart = [&control, &scope, &engine](ha::RestartOrder order, Restarted done) {
    boost::asio::post(control, [&scope, &engine, order = std::move(order), done = std::move(done)]() mutable {
      if (!scope.closed())
        scope.spawn("restart for the api", restart(engine, std::move(order), std::move(done)));
    });
  };
  port.reload = [&control, reload = std::move(reload)] { boost::asio::post(control, reload); };
  return port;
}

}  // namespace tanist::member
