#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "async/task_scope.h"
#include "config/settings.h"
#include "dcs/store.h"
#include "process.h"
#include "store_server.h"

namespace tanist::sim {

/// How one host's way to the store misbehaves, besides the network's own faults. Outlives the daemon.
struct StoreFaults {
  /// Operations (`acquire`, `renew`, `release`, `write`, `member`, `load`, `keep`, `begin`, `finish`,
  /// `cancel`, `grant`) whose next requests (replies) are lost; the number counts down.
  std::map<std::string, int> lose_request;
  std::map<std::string, int> lose_reply;
  double request_loss = 0;
  double reply_loss = 0;
  /// Requests and replies of this host are held up by up to that long, also past their deadline.
  Duration slow{};
  /// Events of the watch arrive that much later.
  Duration watch_lag{};
  /// A fraction of the watch's events is delivered twice, and of the requests processed twice.
  double duplicates = 0;
  /// The host's way leads to this one instead.
  StoreServer* elsewhere = nullptr;
  /// Messages lost or held up by the above.
  std::uint64_t hits = 0;
};

/// The store as one daemon sees it: every request is a message to the StoreServer and one back, and each may
/// be lost.
class SimStore final : public dcs::Store {
 public:
  SimStore(Process& process, Endpoint host, StoreServer& server, StoreFaults& faults);
  ~SimStore() override;

  Task<void> open(dcs::Identity identity) override;
  Task<void> close() override;
  Task<std::expected<dcs::ClusterPtr, dcs::LoadError>> load(dcs::Read how, Instant deadline) override;
  dcs::Session session() const override { return session_; }
  bool is_mine(const dcs::Session& session) const override {
    return !session.empty() && (session == session_ || older_sessions_.contains(session));
  }
  void on_session(std::function<Task<void>(dcs::Session)> recorder) override {
    recorder_ = std::move(recorder);
  }
  std::string store_id() const override { return store_id_; }
  void take_any_store() override { any_store_ = true; }
  void set_timing(const config::Timing& timing) override { ttl_ = timing.ttl; }
  Duration lease_length() const override { return ttl_; }
  Task<dcs::WriteResult> keep_session(Instant deadline) override;
  Task<Acquired> acquire(dcs::AcquireConditions conditions, Instant deadline) override;
  Task<dcs::Renewal> renew(std::optional<dcs::Status> status, Instant deadline) override;
  Task<dcs::WriteResult> release(std::optional<dcs::Status> last_status, Instant deadline) override;
  Task<dcs::WriteResult> touch_member(Document value, Instant deadline) override;
  Task<dcs::WriteResult> remove_member(Instant deadline) override;
  Task<dcs::WriteResult> write(dcs::Record record, dcs::Condition condition, Instant deadline) override;
  Task<dcs::WriteResult> delete_sync(dcs::Condition condition, Instant deadline) override;
  Task<dcs::WriteResult> begin_bootstrap(std::optional<dcs::Version> take_over, Instant deadline) override;
  Task<Acquired> finish_bootstrap(dcs::BootstrapResult result, Instant deadline) override;
  Task<dcs::WriteResult> cancel_bootstrap(Instant deadline) override;
  void on_change(std::function<void(Change)> listener) override { listener_ = std::move(listener); }
  dcs::ClusterPtr watched() const override { return copy_; }
  /// Requests since the last call.
  int take_requests() { return std::exchange(requests_, 0); }
  /// The stream ends.
  void break_watch();

 private:
  using Request = std::function<Answer(StoreServer&)>;
  /// What became of one request.
  struct Exchange {
    dcs::Outcome outcome = dcs::Outcome::unavailable;  // done: answered; `answer` says what
    Answer answer;
    dcs::ClusterPtr cluster;
    Instant sent_at{};
    std::string detail;
  };
  struct Flight;
  struct Inbox;
  using Merge = std::function<void(dcs::Cluster& copy, const dcs::Cluster& server)>;

  Task<Exchange> exchange(std::string operation, Request request, Instant deadline);
  void send(const std::string& operation, Request request, std::shared_ptr<Flight> flight);
  /// Sees to a live session before a bound write; false: none could be had.
  /// A ttl that changed asks for a new one.
  Task<bool> ensure_session(Instant deadline);
  Task<bool> grant_session(Instant deadline);
  std::vector<dcs::Session> own() const;
  dcs::WriteResult result(const Exchange& exchange);
  /// The same for a write that is bound to the session: with a new one where the old one has ended.
  using BoundRequest = std::function<Answer(StoreServer&, const dcs::Session&)>;
  struct Bound {
    dcs::WriteResult result;
    Answer answer;
    Instant sent_at{};
  };
  Task<Bound> bound(std::string operation, BoundRequest request, Instant deadline, Merge merge);
  Acquired acquired(const Bound& got);
  Duration attempt() const;
  /// The one that this host's way leads to now.
  StoreServer& server() const { return faults_.elsewhere != nullptr ? *faults_.elsewhere : server_; }
  Task<dcs::WriteResult> unbound(std::string operation, Request request, Instant deadline, Merge merge = {});

  Task<void> watch();
  void subscribe();
  /// The stream (or a full read) brought `cluster`.
  void adopt(const dcs::Cluster& cluster, Instant read_at, bool own_effect);
  /// An own write is in the copy at once, whatever the stream still holds back.
  void wrote(const Exchange& exchange, Merge merge);
  dcs::ClusterPtr stamped(const dcs::Cluster& cluster, bool linearizable, Instant read_at) const;

  Process& process_;
  Endpoint host_;
  StoreServer& server_;
  StoreFaults& faults_;
  TaskScope scope_;
  dcs::Identity identity_;
  /// Whose answers are believed.
  std::string store_id_;
  bool any_store_ = false;
  /// Another one that answered instead.
  std::string foreign_;
  Duration ttl_ = std::chrono::seconds(30);
  Duration session_ttl_{};
  dcs::Session session_;
  std::set<dcs::Session> older_sessions_;
  std::function<Task<void>(dcs::Session)> recorder_;
  std::function<void(Change)> listener_;
  struct OwnWrite {
    dcs::ClusterPtr server;
    Merge merge;
  };
  /// Own writes that the stream has not brought yet.
  std::deque<OwnWrite> own_writes_;
  dcs::ClusterPtr copy_;
  /// As the last listener knew it; outlives a lost stream.
  dcs::ClusterPtr told_;
  std::shared_ptr<Inbox> inbox_;
  Document last_member_;
  dcs::Session last_member_session_;
  int requests_ = 0;
};

}  // namespace tanist::sim
