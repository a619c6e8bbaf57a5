#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "async/event.h"
#include "dcs/codec.h"
#include "dcs/etcd3/client.h"
#include "dcs/store.h"

namespace tanist::dcs::etcd3 {

/// A copy of all keys under a prefix, kept current by a watch. Built anew after every loss of the stream.
class Watch {
 public:
  using Listener = std::function<void(Store::Change)>;

  /// `prefix` ends with `/`; `own_name`: this member, whose own writes wake nobody.
  Watch(Client& client, Clock& clock, std::string prefix, std::string own_name, Listener listener);

  /// Watches until cancelled.
  Task<void> run();
  /// Drops the stream and builds the copy anew.
  void restart();
  void set_patience(Duration retry_timeout) { patience_ = retry_timeout; }

  /// The copy is complete and the stream stands.
  bool ready() const { return ready_; }
  /// False: not by the deadline.
  Task<bool> wait_ready(Instant deadline);
  /// Why it is not ready.
  const std::string& trouble() const { return trouble_; }
  const Tree& tree() const { return tree_; }
  /// All that happened up to here is in the copy. Own writes are there earlier, and do not count.
  std::int64_t streamed() const { return streamed_; }
  /// Grows whenever the copy changes.
  std::uint64_t generation() const { return generation_; }

  /// The whole copy as it was read at `revision`; the stream goes on from there.
  void install(Tree fresh, std::int64_t revision);
  /// What a message of the stream brought: each revision whole, in order.
  void follow_events(const std::vector<WatchEvent>& events);
  /// An own write that the store has answered: into the copy, without waking. nullopt: deleted.
  void wrote(const std::string& key, std::optional<KeyValue> kv, std::int64_t revision);
  /// What a transaction found at `key` when it did not apply: the copy may not have heard yet.
  void found(const std::string& key, std::optional<KeyValue> kv, std::int64_t revision);

  /// While it lives, an event that brings exactly this value is an own one: the watch may be faster than the
  /// answer.
  class Expectation {
   public:
    Expectation(Watch& watch, std::string key, std::optional<std::string> value);
    Expectation(Expectation&&) noexcept;
    Expectation& operator=(Expectation&&) = delete;
    ~Expectation();

   private:
    Watch* watch_;
    std::string key_;
    std::optional<std::string> value_;
  };

 private:
  Task<void> follow();
  Task<std::optional<std::string>> build(Tree* tree, std::int64_t* revision);
  /// Reads messages until the stream ends; says why it did.
  Task<std::string> listen(net::HttpStream* stream, Tree fresh, std::int64_t revision);
  /// nullopt: it is no news, or not to be told.
  std::optional<Store::Change> apply(const std::string& key, const std::optional<KeyValue>& kv,
                                     std::int64_t revision, bool silent);
  Store::Change judge(const std::string& key, const KeyValue* before, const KeyValue* after) const;
  /// Into the copy, silently, and proof against older events.
  void remember(const std::string& key, const std::optional<KeyValue>& kv, std::int64_t revision);
  void tell(const std::optional<Store::Change>& change);
  bool expected(const std::string& key, const std::optional<KeyValue>& kv) const;

  Client& client_;
  Clock& clock_;
  std::string prefix_;
  std::string own_name_;
  Listener listener_;
  Duration patience_ = std::chrono::seconds(10);
  Tree tree_;
  /// As above: it has come through the stream, or was there when the copy was read.
  std::int64_t streamed_ = 0;
  std::uint64_t generation_ = 0;
  bool ready_ = false;
  std::string trouble_ = "the watch has not begun";
  Event became_ready_;
  Event restart_;
  /// Revisions at which own requests saw keys absent: older events about them are history.
  std::map<std::string, std::int64_t, std::less<>> graves_;
  std::multimap<std::string, std::optional<std::string>> expected_;
  struct Written {
    std::string key;
    std::optional<KeyValue> kv;
    std::int64_t revision;
  };
  /// Own writes while the copy is being built.
  std::vector<Written> written_meanwhile_;
};

}  // namespace tanist::dcs::etcd3
