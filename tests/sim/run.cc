#include <algorithm>

#include "chaos.h"
#include "core/format.h"

/// One run of two phases: chaos, then heal and converge.
namespace tanist::sim {

using namespace std::chrono_literals;

namespace {

/// What is set in few clusters, and changes who may lead.
void draw_rare(Options& o, Random& dice) {
  // A diverged member that may neither be rewound nor removed stays out.
  if (dice.chance(0.2)) o.use_pg_rewind = o.remove_on_divergence = false;
  o.check_timeline = dice.chance(0.25);
  if (dice.chance(0.15)) o.primary_race_backoff = dice.between(o.loop_wait, 3 * o.loop_wait);
  if (dice.chance(0.3)) o.slow_promotions = 0.3;
  // Two members at least may lead, else nobody might.
  for (Endpoint host = 1; host <= o.members; ++host) {
    config::Tags tags;
    if (host > 2 && dice.chance(0.15)) {
      tags.nofailover = true;
      tags.published = Document::map({{"nofailover", true}});
    } else if (dice.chance(0.2)) {
      tags.failover_priority = 1 + static_cast<int>(dice.below(3));
      tags.published = Document::map({{"failover_priority", tags.failover_priority}});
    }
    o.tags.emplace(host, std::move(tags));
  }
}

}  // namespace

void set_zone(Options& o, Endpoint host, const std::string& zone) {
  config::Tags& tags = o.tags[host];
  tags.zone = zone;
  tags.published.set("zone", zone);
}

/// What commits wait for, and whether that changes.
void draw_synchronous(Options& o, Random dice) {
  using SyncMode = config::Dynamic::SyncMode;
  constexpr SyncMode kModes[] = {SyncMode::off, SyncMode::on, SyncMode::on, SyncMode::quorum,
                                 SyncMode::quorum};
  o.synchronous = kModes[dice.below(std::size(kModes))];
  o.synchronous_strict = dice.chance(0.3);
  o.synchronous_node_count = dice.chance(0.3) ? 2 : 1;
  o.changes_synchronous = dice.chance(0.4);
}

/// Zones of three to five members, one of which may tell none, and what is asked of them.
void draw_zones(Options& o, Random dice) {
  using SyncMode = config::Dynamic::SyncMode;
  draw_synchronous(o, dice.fork());
  if (o.synchronous == SyncMode::off) o.synchronous = dice.chance(0.5) ? SyncMode::on : SyncMode::quorum;
  o.synchronous_strict = dice.chance(0.4);
  // What a run keeps from its begin can be looked at all the time.
  if (dice.chance(0.6)) o.changes_synchronous = false;
  o.members = 3 + static_cast<int>(dice.below(3));
  const int names = dice.chance(0.3) ? 3 : 2;
  for (Endpoint host = 1; host <= o.members; ++host) {
    if (host > 3 && dice.chance(0.2)) continue;
    const auto pick = host <= 2 ? host - 1 : static_cast<int>(dice.below(static_cast<std::uint64_t>(names)));
    set_zone(o, host, std::string(1, static_cast<char>('a' + pick)));
  }
  o.zones.min_other_zones = o.members > 3 && dice.chance(0.2) ? 2 : 1;
  if (dice.chance(0.5)) {
    o.zones.prefer_same = true;
  } else if (dice.chance(0.5)) {
    o.zones.prefer = {"b", "a"};
  }
}

void draw_brutal(Options& o, Random dice) {
  o.brutal = true;
  if (dice.chance(0.2)) draw_zones(o, dice.fork());
  o.members = 2 + static_cast<int>(dice.below(6));
  o.failsafe = dice.chance(0.25);
}

Options options_for(std::uint64_t seed, const StoreModel* store, Draw draw) {
  const bool audit = draw != Draw::before_audit;
  const bool zones = draw == Draw::zones;
  const bool failsafe = draw == Draw::failsafe;
  const bool brutal = draw == Draw::brutal;
  const bool mild = draw == Draw::mild;
  const bool modes = draw == Draw::all || draw == Draw::without_operators || failsafe || brutal || mild;
  const bool without_operators = draw == Draw::without_operators ||
                                 draw == Draw::without_operators_before_modes || zones || failsafe || mild;
  const bool operators = draw == Draw::all || brutal || draw == Draw::before_modes ||
                         draw == Draw::before_administrators || draw == Draw::before_orders;
  Random dice(seed ^ 0x0b1ec75u);
  Options o;
  o.members = dice.chance(0.2) ? 2 : dice.chance(0.1) ? 5 : 3;
  switch (dice.below(4)) {
    case 0: break;
    case 1:
      o.ttl = 20s;
      o.loop_wait = 5s;
      o.retry_timeout = 5s;
      break;
    case 2:
      o.ttl = 20s;
      o.loop_wait = 2s;
      o.retry_timeout = 3s;
      break;
    default:
      o.ttl = 9s;
      o.loop_wait = 1s;
      o.retry_timeout = 3s;
      break;
  }
  o.maximum_lag_on_failover = dice.chance(0.5) ? 1048576 : 100'000;
  o.use_pg_rewind = dice.chance(0.7);
  // One of both, else a diverged member stays out by design.
  o.remove_on_divergence = !o.use_pg_rewind || dice.chance(0.5);
  o.audit = audit;
  o.operators = operators;
  o.administrators = draw == Draw::all || draw == Draw::before_modes || brutal;
  o.orders = o.administrators || draw == Draw::before_administrators || without_operators;
  // Without a guardian the daemon alone keeps the invariants, for as long as it lives and runs.
  o.guardian = dice.chance(audit ? 0.25 : 0.75);
  o.primary_start_timeout = dice.chance(0.2) ? 0s : dice.chance(0.5) ? 300s : 20s;
  o.custom_bootstrap = dice.chance(0.25);
  o.restarts_to_follow = dice.chance(0.2);
  if (audit) draw_rare(o, dice);
  if (modes) draw_synchronous(o, Random(seed ^ 0x51c0deu));
  o.failsafe = failsafe;
  if (zones) draw_zones(o, Random(seed ^ 0x20e5u));
  if (brutal) draw_brutal(o, Random(seed ^ 0xb7a1u));
  o.store = store ? store : &kStoreModels.at(Random(seed ^ 0x5702eu).below(kStoreModels.size()));
  return o;
}

/// Strictly, commits wait where too few of those who stream are of other zones, whoever they are.
bool waits_for_zones(Cluster& cluster) {
  const int wanted = cluster.options().zones.min_other_zones;
  Member* primary = cluster.primary();
  if (wanted == 0 || !primary) return false;
  const std::string& mine = primary->tags().zone;
  const auto there = primary->postgres().downstream();
  const auto others = std::ranges::count_if(there, [&](const Postgres* standby) {
    const config::Tags& tags = cluster.member(standby->host()).tags();
    return !mine.empty() && !tags.zone.empty() && tags.zone != mine && !tags.nosync;
  });
  return others < wanted;
}

/// With everybody there commits are acknowledged, whatever they wait for; but for where they are to wait for
/// somebody, and all others stay out for good.
void expect_commits(Cluster& cluster) {
  World& world = cluster.world();
  // What an operator has asked for is done first: who leads may change once more.
  world.run_for(cluster.longest_ttl() + 2 * cluster.options().loop_wait, [&] {
    const auto& request = cluster.store().snapshot()->failover;
    return cluster.primary() && (!request.present() || request.scheduled_at);
  });
  const bool strict = config::modes_of(cluster.store().snapshot()->config.data).synchronous_strict;
  if (strict && cluster.primary() && cluster.primary()->postgres().downstream().empty()) return;
  if (strict && waits_for_zones(cluster)) return;
  const std::size_t before = cluster.wal().acknowledged().size();
  // Whose zone counts is known by his member key, which a store that answers badly has some cycles later.
  const bool by_zones = strict && cluster.options().zones.min_other_zones > 0;
  const Duration bound = (by_zones ? 5 : 1) * cluster.options().loop_wait + (by_zones ? 15s : 5s);
  world.run_for(bound, [&] { return cluster.wal().acknowledged().size() > before; });
  if (cluster.ok() && cluster.wal().acknowledged().size() == before)
    world.violated(
        Invariant::progress,
        fmt::format("no commit is acknowledged {:.1f} s after everybody streams, with "
                    "synchronous_standby_names \"{}\"{}\n{}",
                    seconds(bound), cluster.primary() ? cluster.primary()->postgres().standby_names() : "",
                    strict ? ", strictly" : "", cluster.shape()));
}

RunResult run_seed(std::uint64_t seed, int faults, const StoreModel* store, Draw draw, bool verbose) {
  RunResult result;
  Cluster cluster(seed, options_for(seed, store, draw));
  World& world = cluster.world();
  world.echo(verbose);
  cluster.replay = fmt::format("tanist-sim --seed {} --faults {} --store {} --trace", seed, faults,
                               cluster.options().store->name);
  for (const auto& [drawn, option] : kDrawOptions)
    if (drawn == draw) cluster.replay += std::string(" ") + option;
  Chaos chaos(cluster, seed);
  auto& dice = chaos.dice();
  const auto& o = cluster.options();

  // Some runs begin quietly, some in the middle of a bootstrap.
  for (Endpoint host = 1; host <= cluster.size(); ++host) {
    Member& m = cluster.member(host);
    world.after(dice.between(0s, 2s), [&m] { m.start(); });
  }
  if (dice.chance(0.7)) world.run_for(60s, [&] { return cluster.converged(); });
  for (int done = 0; done < faults && cluster.ok();) {
    chaos.strike();
    ++done;
    // In bursts, and after a while of quiet: both find different things.
    const auto quiet = [&] { return dice.between(o.loop_wait, o.ttl + o.loop_wait); };
    const Duration pause = draw == Draw::mild                  ? quiet() + quiet()
                           : dice.chance(o.brutal ? 0.8 : 0.5) ? dice.between(1ms, 500ms)
                           : dice.chance(0.7)                  ? dice.between(500ms, o.loop_wait)
                                                               : quiet();
    world.run_for(pause);
  }

  if (cluster.ok()) {
    cluster.heal();
    const Time healed = world.now();
    // What the lease leaves and two cycles; and the crash recovery that may be due.
    const Duration bound = cluster.longest_ttl() + 2 * o.loop_wait + 2s + o.primary_race_backoff +
                           (o.slow_promotions > 0 ? PostgresTiming{}.slow_promotion_max : 0s);
    const auto led = [&] { return cluster.primary() != nullptr; };
    world.run_for(bound, led);
    // Where operators have let a member lead that lacked WAL, and two promotions look alike, nobody may know
    // who comes before whom; nor where administrators have had two of them lead in pause. The operator's word
    // is waited for, as docs/safety.md says, and is enough.
    const bool undecided = cluster.has_look_alikes() || cluster.was_paused();
    if (o.operators && cluster.ok() && !led() && undecided) {
      cluster.count_stand_off();
      const auto ask_for_each = [&] {
        for (Endpoint host = 1; host <= cluster.size() && !led(); ++host) {
          chaos.ask({.leader = {}, .candidate = cluster.member(host).name()});
          world.run_for(bound, led);
        }
      };
      ask_for_each();
      if (!led() && cluster.was_paused()) {
        cluster.give_up_history();
        world.run_for(bound, led);
        // /status still tells of more than they have.
        ask_for_each();
      }
    }
    if (cluster.ok() && !cluster.primary())
      world.violated(Invariant::progress, fmt::format("no primary {:.1f} s after everything healed\n{}",
                                                      seconds(bound), cluster.shape()));
    result.to_primary = world.now() - healed;
    result.allowed = cluster.longest_ttl() + 2 * o.loop_wait;
    // Then the others: they find out, rewind or clone, start, and look for their upstream every five seconds.
    const Duration others = 2 * o.loop_wait + 30s;
    if (cluster.ok() && !cluster.run_until_converged(others) && !cluster.converged(true) && cluster.ok())
      world.violated(Invariant::progress,
                     fmt::format("not everybody streams {:.1f} s after there was a primary\n{}",
                                 seconds(others), cluster.shape()));
    result.to_converged = world.now() - healed;
    if (cluster.ok()) expect_commits(cluster);
    cluster.expect_requests_settled();
  }
  result.ok = cluster.ok();
  result.hash = world.hash();
  result.counts = cluster.counts();
  if (!result.ok) result.report = cluster.report();
  return result;
}

}  // namespace tanist::sim
