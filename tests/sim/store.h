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
  dcs::StoreTraits traits() const override { return server_.model().traits; }
  dcs::Claim claim() const override { return session_; }
  bool is_mine(const dcs::Claim& claim) const override {
    return !has_claims() || (!claim.empty() && (claim == session_ || older_sessions_.contains(claim)));
  }
  void on_claim(std::function<Task<void>(dcs::Claim)> recorder) override { recorder_ = std::move(recorder); }
  std::string store_id() const override { return store_id_; }
  void take_any_store() override { any_store_ = true; }
  void set_timing(const config::Timing& timing) override { ttl_ = timing.ttl; }
  Duration lease_length() const override { return ttl_ / traits().ttl_parts; }
  Task<dcs::WriteResult> keep_claim(Instant deadline) override;
  Task<Acquired> acquire(dcs::AcquireConditions conditions, std::optional<dcs::LedFrom> from,
                         Instant deadline) override;
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
    StoredPtr cluster;
    Instant sent_at{};
    std::string detail;
    bool answered() const { return outcome == dcs::Outcome::done; }
    bool ok() const { return answered() && answer.ok; }
  };
  struct Flight;
  struct Inbox;
  using Merge = std::function<void(dcs::Cluster& copy, const dcs::Cluster& server)>;

  Task<std::expected<StoredPtr, dcs::LoadError>> load_all(Instant deadline);
  Task<Exchange> exchange(std::string operation, Request request, Instant deadline);
  void send(const std::string& operation, Request request, std::shared_ptr<Flight> flight);
  /// Sees to a live session before a bound write; false: none could be had.
  /// A ttl that changed asks for a new one.
  Task<bool> ensure_session(Instant deadline);
  Task<bool> grant_session(Instant deadline);
  std::vector<dcs::Claim> own() const;
  dcs::WriteResult result(const Exchange& exchange);
  /// The same for a write that is bound to the session: with a new one where the old one has ended.
  using BoundRequest = std::function<Answer(StoreServer&, const dcs::Claim&)>;
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
  bool has_claims() const { return traits().claims; }
  /// What a transaction does in one step elsewhere (store_steps.cc).
  Task<Acquired> acquire_in_steps(dcs::AcquireConditions conditions, Instant deadline);
  Task<dcs::Renewal> renew_in_steps(std::optional<dcs::Status> status, Instant deadline);
  Task<dcs::WriteResult> release_in_steps(std::optional<dcs::Status> last_status, Instant deadline);
  Task<dcs::WriteResult> put_member_value(Document value, bool forced, Instant deadline);
  Task<dcs::WriteResult> begin_in_steps(std::optional<dcs::Version> take_over, Instant deadline);
  Task<Acquired> finish_in_steps(dcs::BootstrapResult result, Instant deadline);
  Task<dcs::WriteResult> cancel_in_steps(Instant deadline);
  /// One of the steps; its effect is in the copy at once.
  Task<Exchange> step(std::string operation, Request request, Instant deadline, Merge merge = {});
  Task<Exchange> read_all(Instant deadline);
  Task<bool> sign_leadership(Instant deadline);
  /// The key was won and is not wanted: what became of that.
  Task<dcs::Outcome> give_back(dcs::Version won, Instant deadline);
  Task<dcs::WriteResult> unbound(std::string operation, Request request, Instant deadline, Merge merge = {});

  Task<void> watch();
  void subscribe();
  /// The stream (or a full read) brought `cluster`.
  void adopt(const Stored& cluster, Instant read_at, bool own_effect);
  /// An own write is in the copy at once, whatever the stream still holds back.
  void wrote(const Exchange& exchange, Merge merge);
  static StoredPtr stamped(const Stored& cluster, bool linearizable, Instant read_at);

  Process& process_;
  Endpoint host_;
  StoreServer& server_;
  StoreFaults& faults_;
  TaskScope scope_;
  /// The empty /initialize that this one created last.
  std::optional<dcs::Version> begun_;
  dcs::Identity identity_;
  /// Whose answers are believed.
  std::string store_id_;
  bool any_store_ = false;
  /// Another one that answered instead.
  std::string foreign_;
  Duration ttl_ = std::chrono::seconds(30);
  Duration session_ttl_{};
  dcs::Claim session_;
  std::set<dcs::Claim> older_sessions_;
  std::function<Task<void>(dcs::Claim)> recorder_;
  std::function<void(Change)> listener_;
  struct OwnWrite {
    StoredPtr server;
    Merge merge;
  };
  /// Own writes that the stream has not brought yet.
  std::deque<OwnWrite> own_writes_;
  StoredPtr copy_;
  /// As the last listener knew it; outlives a lost stream.
  StoredPtr told_;
  std::shared_ptr<Inbox> inbox_;
  /// Without transactions: that this leadership began is written down.
  bool signed_ = false;
  /// Of the last acquire() of this daemon.
  std::optional<dcs::LedFrom> led_from_;
  Instant member_put_at_{};
  Document last_member_;
  dcs::Claim last_member_session_;
  int requests_ = 0;
};

}  // namespace tanist::sim
