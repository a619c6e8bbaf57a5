#pragma once

#include <array>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "async/clock.h"
#include "async/task.h"
#include "config/settings.h"
#include "dcs/etcd3/messages.h"
#include "net/http.h"

namespace tanist::dcs::etcd3 {

/// How long one node may take, when `left` must do for `nodes` of them (dcs.md §2.5); with less than a second
/// left they share what there is.
struct AttemptPlan {
  int nodes = 0;
  Duration timeout{};
};
AttemptPlan plan_attempts(int nodes, Duration left);

/// Checks for Client::call.
std::function<std::string(const Document&)> is_range();
std::function<std::string(const Document&)> is_txn(std::size_t success, std::size_t failure);
std::function<std::string(const Document&)> is_grant();
std::function<std::string(const Document&)> is_keepalive_of(Claim lease);
/// The keys of a range that is_range() has passed, without `prefix`.
Tree tree_of(const Document& range_answer, const std::string& prefix);

enum class Fault {
  /// It certainly had no effect.
  unavailable,
  /// No answer, or none that tells.
  unknown,
  /// A permanent error; no effect.
  refused,
  /// The same: the server takes no more data until somebody makes room.
  no_space,
  lease_not_found,
  wrong_password,
};

struct CallError {
  Fault fault = Fault::unavailable;
  std::string detail;
  /// An earlier attempt of this call may have had its effect.
  bool ambiguous = false;
  /// What the last attempt came to, which had no effect itself; `fault` speaks for all of them.
  Fault last = fault;
};

struct Answer {
  Document body;
  Header header;
  /// Before the attempt that was answered.
  Instant sent_at{};
  /// An earlier attempt of this call may have had its effect.
  bool ambiguous = false;
};

/// Speaks to whichever node of an etcd cluster answers: endpoints and their discovery, API prefix, login,
/// repetition within a deadline, and a guard against what is no answer of this cluster as it is now: nodes
/// that live in the past, nodes of another cluster, and what stands in between and answers in their place.
class Client {
 public:
  /// What an answer must have, beside saying where it comes from: why it is none, empty when it is one.
  using Check = std::function<std::string(const Document& body)>;

  Client(Executor executor, Clock& clock, config::Etcd3 options, config::Timing timing);

  /// Finds a node that answers, logs in, learns the topology. The error says what every endpoint answered.
  /// Throws FatalStoreError for a wrong password and for options that cannot work.
  Task<std::expected<void, std::string>> connect(Instant deadline);

  /// This client holds no lease and lives shortly: nothing is warned of, remembered or read that matters only
  /// to who does.
  void for_one_reading() { for_one_reading_ = true; }

  /// `hedged`: where an answer takes longer than answers do, another node is asked as well, and whoever
  /// answers first counts: for what a lease hangs on.
  enum class Way { usual, hedged };
  /// One call, repeated on this and other nodes until the deadline: it must be one that may be applied twice.
  /// What `check` finds wanting is nobody's answer; whether it had an effect is unknown.
  Task<std::expected<Answer, CallError>> call(std::string path, std::string body, Instant deadline,
                                              Check check = {}, Way way = Way::usual);

  /// Opens a watch on the current node.
  Task<std::expected<net::HttpStream, CallError>> open_watch(std::string body, Instant deadline);

  /// Reads the member list again.
  Task<void> refresh_topology(Instant deadline);

  /// Why what came with this header from `where` must not be believed; empty: it may be. The first cluster id
  /// that is believed stays, and with it the highest raft term. A smaller term is of a node that lives in the
  /// past, for as long as a lease of that past may count: after a ttl without the highest term, and only on
  /// an answer that takes a majority (`by_majority`), etcd itself has gone back (restored from a snapshot),
  /// and its term becomes the highest; on_restored is called.
  std::string disbelief(const Header& header, const std::string& where, bool by_majority = false);
  /// Answers of this cluster only.
  void expect_cluster(std::string id) { cluster_id_ = std::move(id); }
  /// connect() may give up the cluster that is expected, when none of its nodes answers and one of another
  /// does.
  void take_any_cluster() { any_cluster_ = true; }
  /// The one whose answers are believed; empty: none has answered yet.
  const std::string& cluster_id() const { return cluster_id_; }
  /// Called when the data of the cluster went back in time: leases of before are void.
  void on_restored(std::function<void()> listener) { restored_ = std::move(listener); }

  /// Called when the current node changes and when all nodes failed.
  void on_disturbance(std::function<void()> listener) { disturbance_ = std::move(listener); }
  void set_timing(config::Timing timing);
  /// User and password from the next login on: the one in use stays until etcd ends it, so a wrong password
  /// costs nothing before.
  void renew_credentials(const std::string& username, const Secret& password);
  /// Reads the certificates anew, for the next connections; what cannot be used is logged and the old ones go
  /// on.
  Task<void> renew_certificates(Instant deadline);
  const std::vector<net::Endpoint>& endpoints() const { return endpoints_; }
  std::uint64_t calls() const { return calls_; }
  /// How long an answer is waited for before another node is asked as well: three times what answers take
  /// (the median of the last ones), and never less than 50 ms.
  Duration hedge_after() const;

 private:
  /// What one request to one node came to.
  struct Attempt {
    std::optional<Answer> answer;
    std::optional<ErrorClass> error;
    bool maybe_applied = false;
    /// Another cluster answered.
    bool foreign = false;
    std::string detail;
  };

  using Result = std::expected<Answer, CallError>;

  Task<Result> call_in_turn(std::string path, std::string body, Instant deadline, Check check);
  Task<void> ask_another(std::string path, std::string body, Instant deadline, Check check,
                         std::optional<Result>& out);
  std::vector<net::Endpoint> configured() const;
  /// Asks DNS for the nodes when `srv` is set; keeps what is known when it has no answer.
  Task<void> discover(Instant deadline);
  /// clientURLs of the cluster that has a peer at `endpoint`.
  Task<std::vector<net::Endpoint>> ask_peer(net::Endpoint endpoint, Instant deadline);
  net::HttpClientOptions http_options() const;
  net::HttpRequest make_request(const std::string& path, std::string body, bool with_token) const;
  Task<Attempt> attempt(net::Endpoint endpoint, std::string path, std::string body, Instant deadline,
                        bool with_token, Check check = {});
  Attempt judge(const net::Endpoint& endpoint, const std::string& path, const net::HttpResponse& response,
                Instant sent_at, const Check& check);
  bool foreign(const Header& header) const;
  void complain_of_foreign(const Header& header, const std::string& where);
  Task<std::optional<std::string>> check_version(net::Endpoint endpoint, Instant deadline);
  /// nullopt: logged in, or no login is needed.
  Task<std::optional<CallError>> authenticate(net::Endpoint endpoint, Instant deadline);
  /// Asks the node who belongs to its cluster. The error: it is a node of another one; other failures change
  /// nothing.
  Task<std::expected<void, std::string>> learn_topology(net::Endpoint endpoint, Instant deadline);
  void make_current(std::size_t index, const std::string& why);
  void all_failed();

  Clock& clock_;
  config::Etcd3 options_;
  config::Timing timing_;
  net::HttpClient http_;
  /// From DNS; empty: none asked, or no answer.
  std::vector<net::Endpoint> discovered_;
  std::vector<net::Endpoint> endpoints_;
  std::size_t current_ = 0;
  bool for_one_reading_ = false;
  std::string prefix_ = "/v3";
  std::string token_;
  std::string cluster_id_;
  bool any_cluster_ = false;
  bool another_answers_ = false;
  std::int64_t newest_term_ = 0;
  /// Since when only smaller terms were heard.
  std::optional<Instant> past_since_;
  std::function<void()> restored_;
  /// When next to say that this node is of another cluster.
  std::map<std::string, Instant> complain_at_;
  std::set<std::string> warned_;
  std::function<void()> disturbance_;
  std::minstd_rand dice_;
  std::uint64_t calls_ = 0;
  /// What the last answers took, in no order.
  std::array<Duration, 16> took_{};
  std::size_t answered_ = 0;
  /// Answers in a row that another node was first with.
  int beaten_ = 0;
};

}  // namespace tanist::dcs::etcd3
