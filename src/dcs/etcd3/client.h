#pragma once

#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "config/settings.h"
#include "core/clock.h"
#include "core/task.h"
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
/// repetition within a deadline, and a guard against nodes that live in the past.
class Client {
 public:
  Client(Executor executor, Clock& clock, config::Etcd3 options, config::Timing timing);

  /// Finds a node that answers, logs in, learns the topology. The error says what every endpoint answered.
  /// Throws FatalStoreError for a wrong password and for options that cannot work.
  Task<std::expected<void, std::string>> connect(Instant deadline);

  /// This client holds no lease and lives shortly: nothing is warned of and no topology read that matters
  /// only to who does.
  void for_one_reading() { for_one_reading_ = true; }

  /// One call, repeated on this and other nodes until the deadline: it must be one that may be applied twice.
  Task<std::expected<Answer, CallError>> call(std::string path, std::string body, Instant deadline);

  /// Opens a watch on the current node.
  Task<std::expected<net::HttpStream, CallError>> open_watch(std::string body, Instant deadline);

  /// Reads the member list again.
  Task<void> refresh_topology(Instant deadline);

  /// False: this header is from before what another node has said; what it belongs to must not be believed.
  bool current(const Header& header);

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

 private:
  /// What one request to one node came to.
  struct Attempt {
    std::optional<Answer> answer;
    std::optional<ErrorClass> error;
    bool maybe_applied = false;
    std::string detail;
  };

  std::vector<net::Endpoint> configured() const;
  /// Asks DNS for the nodes when `srv` is set; keeps what is known when it has no answer.
  Task<void> discover(Instant deadline);
  /// clientURLs of the cluster that has a peer at `endpoint`.
  Task<std::vector<net::Endpoint>> ask_peer(net::Endpoint endpoint, Instant deadline);
  net::HttpClientOptions http_options() const;
  net::HttpRequest make_request(const std::string& path, std::string body, bool with_token) const;
  Task<Attempt> attempt(net::Endpoint endpoint, std::string path, std::string body, Instant deadline,
                        bool with_token);
  Attempt judge(const net::Endpoint& endpoint, const net::HttpResponse& response, Instant sent_at);
  Task<std::optional<std::string>> check_version(net::Endpoint endpoint, Instant deadline);
  /// nullopt: logged in, or no login is needed.
  Task<std::optional<CallError>> authenticate(net::Endpoint endpoint, Instant deadline);
  Task<bool> learn_topology(net::Endpoint endpoint, Instant deadline);
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
  std::map<std::string, std::int64_t> terms_;
  std::set<std::string> warned_;
  std::function<void()> disturbance_;
  std::minstd_rand dice_;
  std::uint64_t calls_ = 0;
};

}  // namespace tanist::dcs::etcd3
