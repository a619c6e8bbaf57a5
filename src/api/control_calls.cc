#include "api/control_calls.h"

#include <boost/asio/post.hpp>

#include "core/task_scope.h"

namespace tanist::api {

namespace asio = boost::asio;

struct ControlCalls::Impl {
  Impl(Executor control, ha::Engine& engine) : control(control), engine(engine), scope(control) {}

  Executor control;
  ha::Engine& engine;
  TaskScope scope;
  bool open = true;

  static Task<void> refresh(Impl* self, Duration max_age, Instant deadline, ControlPort::Refreshed done) {
    auto refreshing = self->engine.refresh(max_age, deadline);
    co_await std::move(refreshing);
    done();
  }

  static Task<void> load(Impl* self, Instant deadline, ControlPort::Loaded done) {
    auto loading = self->engine.load(deadline);
    auto cluster = co_await std::move(loading);
    if (cluster) {
      done(*cluster);
    } else {
      done(std::unexpected(cluster.error().detail));
    }
  }
};

ControlCalls::ControlCalls(Executor control, ha::Engine& engine) : impl_(std::make_shared<Impl>(control, engine)) {}
ControlCalls::~ControlCalls() { impl_->open = false; }

ControlPort ControlCalls::port() const {
  ControlPort out;
  out.refresh = [impl = impl_](Duration max_age, Instant deadline, ControlPort::Refreshed done) {
    asio::post(impl->control, [impl, max_age, deadline, done] {
      if (impl->open) impl->scope.spawn("refresh for the API", Impl::refresh(impl.get(), max_age, deadline, done));
    });
  };
  out.load = [impl = impl_](Instant deadline, ControlPort::Loaded done) {
    asio::post(impl->control, [impl, deadline, done] {
      if (impl->open) impl->scope.spawn("load for the API", Impl::load(impl.get(), deadline, done));
    });
  };
  return out;
}

Task<void> ControlCalls::close() {
  impl_->open = false;
  auto closing = impl_->scope.close();
  co_await std::move(closing);
}

}  // namespace tanist::api
