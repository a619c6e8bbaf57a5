#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "async/clock.h"
#include "async/task.h"
#include "dcs/store.h"

/// What the contract suite needs of a store and of the world around it. One cluster; every member has a link
/// of its own to the store, on which faults can be set.
namespace tanist::contract {

/// What happens to a member's writes (transactions; not keep-alives and reads) while it is set.
enum class Loss {
  none,
  /// The request is lost: no effect, no answer.
  before_effect,
  /// It takes effect, the answer is lost.
  after_effect,
};

class StoreFixture {
 public:
  virtual ~StoreFixture() = default;

  /// Runs the world until `task` ends; exceptions pass through.
  virtual void run(Task<void> task) = 0;
  virtual Clock& clock() = 0;

  /// A store for `identity`, to be opened and closed by the test; its requests go over the link of
  /// identity.name.
  virtual std::unique_ptr<dcs::Store> make(const dcs::Identity& identity) = 0;
  /// The ttl that make() configures: short, since tests wait for its end.
  virtual Duration ttl() const = 0;
  /// How much later than ttl a lease may end.
  virtual Duration lease_slack() const = 0;

  /// Neither requests nor answers of this member pass, without an error; those under way are held until
  /// heal().
  virtual void cut(const std::string& member) = 0;
  virtual void heal(const std::string& member) = 0;
  /// Until changed, or (`count` > 0) for that many writes.
  virtual void lose(const std::string& member, Loss loss, int count = 0) = 0;
  /// The member's link leads to another store, empty and alive, or back home.
  virtual void lead_elsewhere(const std::string& member, bool elsewhere) = 0;
  /// While it is held the stream that keeps the member's copy current brings nothing, for half a second at
  /// least, unless it ends.
  virtual void hold_watch(const std::string& member, bool held) = 0;
  /// Ends the stream that keeps the member's copy current.
  virtual void break_watch(const std::string& member) = 0;
  /// Forgets the history of the store, so that no old position can be watched from.
  virtual void compact() = 0;

  /// Requests of this member since the last call.
  virtual int requests(const std::string& member) = 0;

  /// An operator at the store's own tool. Keys without base path.
  virtual void put_by_hand(const std::string& key, const std::string& value) = 0;
  virtual void erase_by_hand(const std::string& key) = 0;
  virtual std::optional<std::string> value_by_hand(const std::string& key) = 0;

  template <class T>
  T get(Task<T> task) {
    std::optional<T> out;
    run(keep<T>(std::move(task), &out));
    return std::move(*out);
  }
  void pass(Duration d) { run(clock().sleep_for(d)); }
  Instant in(Duration d) { return clock().now() + d; }

 private:
  template <class T>
  static Task<void> keep(Task<T> task, std::optional<T>* out) {
    out->emplace(co_await std::move(task));
  }
};

/// Makes the fixture of a backend, new for each test.
using MakeFixture = std::function<std::unique_ptr<StoreFixture>()>;

}  // namespace tanist::contract
