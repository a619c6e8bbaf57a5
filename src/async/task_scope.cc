#include "async/task_scope.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/system/system_error.hpp>
#include <map>

#include "log/log.h"

TANIST_LOGGER("patroni.utils");

namespace tanist {

namespace asio = boost::asio;

struct TaskHandle::State {
  bool running = true;
  asio::cancellation_signal stop;
  Event ended;
};

struct TaskScope::State {
  Executor executor;
  bool closed = false;
  /// In the order they were spawned, so that a simulation replays exactly.
  std::map<std::uint64_t, std::shared_ptr<TaskHandle::State>> tasks;
  std::uint64_t spawned = 0;
  Event empty;
};

namespace {
bool is_cancellation(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const boost::system::system_error& e) {
    return e.code() == asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

std::string what(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "unknown exception";
  }
}
}  // namespace

bool TaskHandle::running() const {
  return state_ && state_->running;
}

void TaskHandle::cancel() {
  if (running()) state_->stop.emit(asio::cancellation_type::terminal);
}

Task<void> TaskHandle::join() {
  // Not owned by the frame that waits: what it waits for owns the frame.
  const std::weak_ptr<State> task = state_;
  for (auto state = task.lock(); state && state->running; state = task.lock()) {
    auto wait = state->ended.wait();
    state.reset();
    co_await std::move(wait);
  }
}

TaskScope::TaskScope(Executor executor) : state_(std::make_shared<State>()) {
  state_->executor = std::move(executor);
}

TaskScope::~TaskScope() = default;

bool TaskScope::closed() const {
  return state_->closed;
}

const Executor& TaskScope::executor() const {
  return state_->executor;
}

TaskHandle TaskScope::spawn(std::string name, Task<void> task) {
  if (state_->closed) throw std::logic_error("task '" + name + "' spawned in a closed scope");
  auto task_state = std::make_shared<TaskHandle::State>();
  const std::uint64_t serial = state_->spawned++;
  state_->tasks.emplace(serial, task_state);
  asio::co_spawn(state_->executor, std::move(task),
                 asio::bind_cancellation_slot(
                     task_state->stop.slot(), [scope = state_, task_state, serial,
                                               name = std::move(name)](std::exception_ptr failure) {
                       if (failure && !is_cancellation(failure)) {
                         log::critical("Unexpected exception in task {}: {}", name, what(failure));
                         log::flush();
                         std::terminate();
                       }
                       task_state->running = false;
                       task_state->ended.set();
                       scope->tasks.erase(serial);
                       if (scope->tasks.empty()) scope->empty.set();
                     }));
  return TaskHandle(task_state);
}

Task<void> TaskScope::close() {
  state_->closed = true;
  {
    const auto tasks = state_->tasks;
    for (const auto& [serial, task] : tasks) task->stop.emit(asio::cancellation_type::terminal);
  }
  state_->empty.clear();
  // As in join().
  const std::weak_ptr<State> scope = state_;
  for (auto state = scope.lock(); state && !state->tasks.empty(); state = scope.lock()) {
    auto wait = state->empty.wait();
    state.reset();
    co_await std::move(wait);
  }
}

}  // namespace tanist
