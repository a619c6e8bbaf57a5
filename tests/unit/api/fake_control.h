#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <optional>
#include <thread>

#include "async/event.h"
#include "async/task_scope.h"
#include "contract/run_task.h"
#include "ha/mailbox.h"

/// Whoever takes the orders of the API in tests.
namespace tanist::api::test {

namespace order = ha::order;

/// Answers as a test says; what the test has nothing to say to, and nullopt, is begun and never answered.
struct FakeControl {
  template <class Order>
  using Reaction = std::function<std::optional<typename Order::Answer>(Order)>;

  Reaction<order::Refresh> refresh;
  Reaction<order::ReadCluster> read;
  Reaction<order::AskMembers> ask;
  Reaction<order::Promise> promise;
  Reaction<order::WriteKey> write;
  Reaction<order::Restart> restart;
  Reaction<order::Reinitialize> reinitialize;
  Reaction<order::ScheduleRestart> schedule;
  Reaction<order::DropScheduledRestart> drop;
  Reaction<order::Reload> reload;

  Task<order::Refresh::Answer> obey(order::Refresh o) { return react(&refresh, std::move(o)); }
  Task<order::ReadCluster::Answer> obey(order::ReadCluster o) { return react(&read, std::move(o)); }
  Task<order::AskMembers::Answer> obey(order::AskMembers o) { return react(&ask, std::move(o)); }
  Task<order::Promise::Answer> obey(order::Promise o) { return react(&promise, std::move(o)); }
  Task<order::WriteKey::Answer> obey(order::WriteKey o) { return react(&write, std::move(o)); }
  Task<order::Restart::Answer> obey(order::Restart o) { return react(&restart, std::move(o)); }
  Task<order::Reinitialize::Answer> obey(order::Reinitialize o) { return react(&reinitialize, std::move(o)); }
  Task<order::ScheduleRestart::Answer> obey(order::ScheduleRestart o) {
    return react(&schedule, std::move(o));
  }
  Task<order::DropScheduledRestart::Answer> obey(order::DropScheduledRestart o) {
    return react(&drop, std::move(o));
  }
  Task<order::Reload::Answer> obey(order::Reload o) { return react(&reload, std::move(o)); }

 private:
  template <class Order>
  static Task<typename Order::Answer> react(const Reaction<Order>* reaction, Order order) {
    std::optional<typename Order::Answer> answer;
    if (*reaction) answer = (*reaction)(std::move(order));
    if (!answer) {
      Event never;
      co_await never.wait();
    }
    co_return *std::move(answer);
  }
};

/// The control thread, which carries out what comes through the mailbox until it is closed or destroyed.
class ControlThread {
 public:
  ControlThread(ha::Mailbox& mailbox, FakeControl control) : mailbox_(mailbox), control_(std::move(control)) {
    mailbox_.open(scope_, control_);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~ControlThread() { close("the test is over"); }

  void close(const std::string& why) {
    if (!thread_.joinable()) return;
    boost::asio::post(io_, [this, why] {
      mailbox_.close(why);
      io_.stop();
    });
    thread_.join();
    tanist::test::run(io_, scope_.close());
  }

 private:
  ha::Mailbox& mailbox_;
  FakeControl control_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  TaskScope scope_{io_.get_executor()};
  std::thread thread_;
};

}  // namespace tanist::api::test
