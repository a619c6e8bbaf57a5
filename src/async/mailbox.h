#pragma once

#include <boost/asio/post.hpp>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "async/clock.h"
#include "async/remote_event.h"
#include "async/task.h"
#include "async/task_scope.h"
#include "async/wait.h"

namespace tanist {

/// Why an order has no answer.
struct Unanswered {
  enum class Kind {
    not_begun,  // nothing was done, and nothing will be
    late,       // it is being carried out; the asker's deadline came first
    lost,       // it was begun, and whoever carried it out ended
  } kind = Kind::not_begun;
  /// As the asker may be told.
  std::string why;
};

namespace detail {

/// Where an order's asker and its receiver meet. Of the two threads each comes once: the receiver begins and
/// settles it, the asker leaves it.
template <class Answer>
class Meeting {
 public:
  /// Nobody waits.
  Meeting() = default;
  explicit Meeting(RemoteEvent::Setter settled) : settled_(std::move(settled)) {}

  /// False: the asker has left, and the order is not to be begun.
  bool begin() {
    std::lock_guard lock(mutex_);
    if (stage_ != Stage::asked) return false;
    stage_ = Stage::begun;
    return true;
  }
  void settle(Answer answer) {
    {
      std::lock_guard lock(mutex_);
      result_.emplace(std::move(answer));
    }
    settled_.set();
  }
  /// There will be no answer.
  void fail(std::string why) {
    {
      std::lock_guard lock(mutex_);
      const bool begun = stage_ == Stage::begun;
      result_.emplace(std::unexpected(
          Unanswered{begun ? Unanswered::Kind::lost : Unanswered::Kind::not_begun, std::move(why)}));
    }
    settled_.set();
  }
  std::expected<Answer, Unanswered> leave() {
    std::lock_guard lock(mutex_);
    const bool begun = std::exchange(stage_, Stage::left) == Stage::begun;
    if (result_) return *std::move(result_);
    if (begun) return std::unexpected(Unanswered{Unanswered::Kind::late, "no answer in time"});
    return std::unexpected(Unanswered{Unanswered::Kind::not_begun, "no answer in time, nothing was done"});
  }

 private:
  enum class Stage { asked, begun, left };

  std::mutex mutex_;
  Stage stage_ = Stage::asked;
  std::optional<std::expected<Answer, Unanswered>> result_;
  RemoteEvent::Setter settled_;
};

}  // namespace detail

/// The door between two threads: coroutines of the one ask, the other carries out and answers. Each type of
/// order is a struct with a name for the log (`kName`) and the type of its `Answer`.
///
/// Every asker gets an answer, or is told why there is none: at its deadline, when nobody takes orders, and
/// when whoever carries the order out ends before it is done. An order that was not begun when its asker left
/// (at the deadline, or cancelled) is not begun any more; one that was goes on without it.
template <class... Orders>
class Mailbox {
 public:
  /// `clock` is used on the askers' thread. `not_yet` is what askers are told before open().
  Mailbox(Clock& clock, std::string not_yet) : clock_(clock), desk_(std::make_shared<Desk>()) {
    desk_->why_closed = std::move(not_yet);
  }
  /// Closed before; no ask() is pending any more.
  ~Mailbox() = default;
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  /// On the askers' thread.
  template <class Order>
  Task<std::expected<typename Order::Answer, Unanswered>> ask(Order order, Instant deadline) {
    RemoteEvent settled(co_await boost::asio::this_coro::executor);
    auto meeting = std::make_shared<detail::Meeting<typename Order::Answer>>(settled.setter());
    struct Leaving {
      std::shared_ptr<detail::Meeting<typename Order::Answer>> meeting;
      ~Leaving() { (void)meeting->leave(); }
    } leaving{meeting};
    (void)deliver(Letter<Order>(std::move(order), meeting, desk_));
    co_await run_until(clock_, settled.wait(), deadline);
    co_return meeting->leave();
  }

  /// Leaves an order, which is begun however late, and waits for nothing; the error is that nobody takes it.
  template <class Order>
  std::expected<void, Unanswered> tell(Order order) {
    auto meeting = std::make_shared<detail::Meeting<typename Order::Answer>>();
    if (deliver(Letter<Order>(std::move(order), std::move(meeting), desk_))) return {};
    return std::unexpected(Unanswered{Unanswered::Kind::not_begun, desk_->told_when_closed()});
  }

  /// From now on orders are carried out by coroutines of `scope`, on its thread, which this is called on too:
  /// `Task<Order::Answer> Receiver::obey(Order)` for each type of order. What comes when the scope is closed
  /// is not begun.
  template <class Receiver>
  void open(TaskScope& scope, Receiver& receiver) {
    std::lock_guard lock(desk_->mutex);
    desk_->executor = scope.executor();
    desk_->take = [&scope, &receiver](AnyLetter letter) {
      std::visit([&](auto& one) { take(scope, receiver, std::move(one)); }, letter);
    };
  }
  /// On the same thread. Nothing is begun any more, and the scope and the receiver may go once the scope was
  /// closed: `why` is what askers are told from now on.
  void close(std::string why) {
    std::lock_guard lock(desk_->mutex);
    desk_->executor.reset();
    desk_->take = nullptr;
    desk_->why_closed = std::move(why);
  }

 private:
  struct Desk;

  /// An order on its way. Whoever drops it without an answer says so to the asker.
  template <class Order>
  class Letter {
   public:
    Letter(Order o, std::shared_ptr<detail::Meeting<typename Order::Answer>> meeting,
           std::shared_ptr<Desk> desk)
        : order(std::move(o)), meeting_(std::move(meeting)), desk_(std::move(desk)) {}
    Letter(Letter&&) noexcept = default;
    Letter& operator=(Letter&&) = delete;
    ~Letter() {
      if (meeting_) meeting_->fail(desk_->told_when_closed());
    }

    bool begin() { return meeting_->begin(); }
    void answer(typename Order::Answer with) { std::exchange(meeting_, nullptr)->settle(std::move(with)); }

    Order order;

   private:
    std::shared_ptr<detail::Meeting<typename Order::Answer>> meeting_;
    std::shared_ptr<Desk> desk_;
  };
  using AnyLetter = std::variant<Letter<Orders>...>;

  struct Desk {
    std::mutex mutex;
    /// Of whoever takes orders; nullopt: nobody does.
    std::optional<Executor> executor;
    /// Written with the lock held and on the receiver's thread, called there.
    std::function<void(AnyLetter)> take;
    std::string why_closed;

    std::string told_when_closed() {
      std::lock_guard lock(mutex);
      return why_closed;
    }
  };

  /// False: nobody takes orders. The lock is held while posting, so that nothing is posted to a loop that may
  /// be gone, and is given up before a letter that goes nowhere is dropped: that looks at the desk.
  bool deliver(AnyLetter letter) {
    std::lock_guard lock(desk_->mutex);
    if (!desk_->executor) return false;
    boost::asio::post(*desk_->executor, [desk = desk_, sent = std::move(letter)]() mutable {
      if (desk->take) desk->take(std::move(sent));
    });
    return true;
  }

  template <class Receiver, class Order>
  static void take(TaskScope& scope, Receiver& receiver, Letter<Order> letter) {
    if (scope.closed() || !letter.begin()) return;
    scope.spawn(std::string("order ") + std::string(Order::kName), carry_out(&receiver, std::move(letter)));
  }

  template <class Receiver, class Order>
  static Task<void> carry_out(Receiver* receiver, Letter<Order> letter) {
    letter.answer(co_await receiver->obey(std::move(letter.order)));
  }

  Clock& clock_;
  std::shared_ptr<Desk> desk_;
};

}  // namespace tanist
