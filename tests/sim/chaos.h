#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cluster.h"

/// What is done to a cluster in a run, and the two phases of a run.
namespace tanist::sim {

/// Injects faults at random moments, a share of them at the leader.
class Chaos {
 public:
  Chaos(Cluster& cluster, std::uint64_t seed);
  /// One fault, chosen by weight; returns its name.
  std::string strike();
  Random& dice() { return dice_; }
  /// Writes /failover, as a tool or a member of other make does.
  void ask(const dcs::FailoverRecord& request);

 private:
  /// The option of the cluster without which a fault is not drawn.
  enum class Only {
    always,
    audit,
    operators,
    orders,
    administrators,
    changes_synchronous,
    zones,
    failsafe,
    brutal,
  };
  struct Fault {
    const char* name;
    int weight;
    /// False: cannot be done now.
    bool (Chaos::*act)();
    Only only = Only::always;
  };
  bool drawn(const Fault& fault) const;
  static const std::vector<Fault>& faults();
  Member& victim();
  Member& anybody();
  Duration spell(Duration longest);
  /// Undoes something later, unless the world was healed meanwhile.
  void later(Duration delay, std::function<void()> what);

  /// Whether a daemon may be killed or stopped, with its PostgreSQL going on.
  bool may_be_left_alone() const;
  /// What the next start of its daemon will take.
  void draw_start(Member& m);

  bool crash_daemon();
  bool lose_power();
  bool kill_postmaster();
  bool kill_both();
  bool restart_daemon();
  bool hand_over();
  bool stop_all();
  bool lose_power_of_all();
  bool restart_postgres();
  bool stop_daemon();
  bool freeze_postgres();
  bool cut_from_store();
  bool cut_one_way();
  bool cut_members();
  bool isolate();
  bool store_down();
  bool lossy_store();
  bool lose_one();
  bool slow_store();
  bool stale_watch();
  bool duplicates();
  bool lossy_members();
  bool hang_disk();
  bool slow_disk();
  bool delete_leader_key();
  bool end_session();
  bool wipe_replica();
  bool fail_start();
  bool fail_copy();
  bool refuse_fence();
  bool burst();
  bool immediate_stop_by_hand();
  bool crash_backends();
  bool fail_promotion();
  bool hide_data();
  bool hide_control();
  bool change_initialize();
  bool remove_initialize();
  bool change_ttl();
  bool change_synchronous();
  bool lose_zone();
  bool store_down_for_long();
  bool fill_disk();
  bool pause_cluster();
  bool promote_by_hand();
  bool start_by_hand();
  bool ask_switchover();
  bool ask_failover();
  bool ask_scheduled_switchover();
  bool withdraw_request();
  bool ask_copy();
  bool schedule_restart();
  bool withdraw_restart();

  Cluster& cluster_;
  World& world_;
  Random dice_;
};

/// One run: chaos for a while, then heal and converge.
struct RunResult {
  bool ok = false;
  std::string report;
  std::uint64_t hash = 0;
  Counts counts;
  Duration to_primary{};
  /// The longest that there may be no primary, without what PostgreSQL itself takes: ttl + 2 * loop_wait.
  Duration allowed{};
  Duration to_converged{};
};

/// What clusters and faults are drawn from. Seeds that were found with less mean the same only where nothing
/// of it is drawn.
enum class Draw {
  all,
  before_modes,                    // without Options::synchronous
  before_administrators,           // nor Options::administrators
  without_operators,               // all but those and Options::operators
  without_operators_before_modes,  // nor Options::synchronous
  before_orders,                   // operators, but none of the others, nor Options::orders
  before_operators,                // nor those
  before_audit,                    // nor Options::audit
  zones,                           // without operators, with zones in each
  failsafe,                        // without operators, with failsafe mode in each
  mild,                            // as without operators, with a while of quiet after each fault
  brutal,                          // all and more, two to seven members, in bursts
};
/// The option of tanist-sim for each; none for all.
struct DrawOption {
  Draw draw;
  const char* option;
};
inline constexpr DrawOption kDrawOptions[] = {
    {Draw::before_modes, "--before-modes"},
    {Draw::before_administrators, "--before-administrators"},
    {Draw::without_operators, "--without-operators"},
    {Draw::without_operators_before_modes, "--without-operators-before-modes"},
    {Draw::before_orders, "--before-orders"},
    {Draw::before_operators, "--before-operators"},
    {Draw::before_audit, "--before-audit"},
    {Draw::zones, "--zones"},
    {Draw::failsafe, "--failsafe"},
    {Draw::mild, "--mild"},
    {Draw::brutal, "--brutal"},
};

/// Everything about the run follows from the seed. `faults`: how many are injected at least; `store`:
/// nullptr: of a kind that the seed draws.
RunResult run_seed(std::uint64_t seed, int faults, const StoreModel* store = nullptr, Draw draw = Draw::all,
                   bool verbose = false);
/// A member's zone, as its tag says it.
void set_zone(Options& options, Endpoint host, const std::string& zone);
Options options_for(std::uint64_t seed, const StoreModel* store = nullptr, Draw draw = Draw::all);

}  // namespace tanist::sim
