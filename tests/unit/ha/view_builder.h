#pragma once

#include <string>
#include <vector>

#include "ha/model/decision.h"
#include "ha/policy/decide.h"

/// Views for tests: start from a scene, change what the test is about, decide.
namespace tanist::ha::testing {

using namespace std::chrono_literals;

inline constexpr const char* kSystemId = "7000000000000000001";
inline constexpr Lsn kHere{0x5000000};

/// A cluster of n1 (me), n2 and n3 on timeline 1, with nothing decided on yet.
class ViewBuilder {
 public:
  ViewBuilder();

  // Scenes.

  /// I am the primary with the lock and a lease.
  ViewBuilder& as_leader();
  /// n2 leads, I stream from it.
  ViewBuilder& as_replica();
  /// Nobody leads any more (n2 did), I have streamed from it.
  ViewBuilder& as_candidate();
  /// No data, n2 leads.
  ViewBuilder& without_data();
  /// An empty store and an empty data directory, all members waiting.
  ViewBuilder& before_bootstrap();

  // Changes.

  ViewBuilder& leader(const std::string& name);
  ViewBuilder& unlocked();
  ViewBuilder& lock_mine();
  ViewBuilder& lease_for(Duration left);
  ViewBuilder& no_lease();
  ViewBuilder& linearizable(bool yes = true);
  ViewBuilder& store_down(Duration since = 3s);
  ViewBuilder& member(const std::string& name, const std::string& role = "replica");
  ViewBuilder& without_member(const std::string& name);
  /// PostgreSQL is gone; the control file says `cluster_state`, the words are still those from before.
  ViewBuilder& down(const std::string& cluster_state = "in production");
  ViewBuilder& starting(Duration since = 5s);
  ViewBuilder& peer(const std::string& name, Lsn position, Timeline timeline = {1});
  ViewBuilder& peer_primary(const std::string& name);
  ViewBuilder& peer_unreachable(const std::string& name);
  ViewBuilder& divergence(postgres::Divergence verdict);
  ViewBuilder& operation(OperationKind kind, Phase phase = Phase::starting, Cancel cancel = Cancel::free);
  ViewBuilder& ended(OperationKind kind, Ending how, const std::string& detail = {});
  ViewBuilder& ended(OperationKind kind, bool ok, const std::string& detail = {}) {
    return ended(kind, ok ? Ending::done : Ending::failed, detail);
  }

  View build() const;
  Decision decide() const { return ha::decide(build()); }

  View view;
  dcs::Cluster cluster;
  dcs::Cluster last;
  config::Settings settings;
  /// nullopt: the peers have answered under the leadership of the view.
  std::optional<LeadershipSeen> asked_under;

 private:
  void running_primary();
  void running_standby();
};

/// The duties of one kind.
template <class D>
std::vector<D> duties(const Decision& decision) {
  std::vector<D> found;
  for (const auto& ordered : decision.duties)
    if (const auto* duty = std::get_if<D>(&ordered.duty)) found.push_back(*duty);
  return found;
}
template <class D>
bool has_duty(const Decision& decision) {
  return !duties<D>(decision).empty();
}
template <class I>
bool intends(const Decision& decision) {
  return std::holds_alternative<I>(decision.intent);
}
/// A line of the log with exactly this text.
bool says(const Decision& decision, const std::string& text);
bool says_something_like(const Decision& decision, const std::string& part);

}  // namespace tanist::ha::testing
