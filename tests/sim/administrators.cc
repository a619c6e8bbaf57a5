#include "chaos.h"
#include "core/format.h"
#include "ha/policy/questions.h"

/// Administrators who pause the cluster, and what holds of that: nothing is done to PostgreSQL but what
/// somebody asks for (ha.md §19).
namespace tanist::sim {

using namespace std::chrono_literals;

bool Chaos::pause_cluster() {
  const auto view = cluster_.store().snapshot();
  if (!cluster_.store().up() || !view->config.valid || cluster_.is_paused()) return false;
  cluster_.forget_handover();
  const auto set = [this](bool pause) {
    Document data = cluster_.store().snapshot()->config.data;
    if (pause) {
      data.set("pause", true);
    } else {
      data.erase("pause");
    }
    world_.note("operator", pause ? "pauses the cluster" : "resumes the cluster");
    (void)cluster_.store().write(dcs::ConfigRecord{std::move(data)}, dcs::Always{});
  };
  set(true);
  cluster_.when_healed([this, set] {
    if (cluster_.is_paused()) set(false);
  });
  later(spell(4 * cluster_.options().ttl), [this, set] {
    if (cluster_.is_paused()) set(false);
  });
  return true;
}

bool Chaos::promote_by_hand() {
  Member& m = anybody();
  auto& p = m.postgres();
  const auto snapshot = m.snapshot();
  if (!cluster_.is_paused() || !snapshot || !snapshot->paused || !p.answers() || !p.in_recovery() ||
      p.promoting())
    return false;
  cluster_.forget_handover();
  world_.note(m.name(), "is promoted by hand");
  return p.promote();
}

bool Chaos::start_by_hand() {
  Member& m = anybody();
  auto& p = m.postgres();
  const auto snapshot = m.snapshot();
  if (!cluster_.is_paused() || !snapshot || !snapshot->paused || p.life() != Postgres::Life::down ||
      p.disk().data != Postgres::Data::ok)
    return false;
  world_.note(m.name(), "is started by hand");
  std::optional<postgres::Upstream> upstream;
  if (Member* leader = cluster_.primary(); leader && leader != &m && p.disk().standby_signal)
    upstream = postgres::Upstream{.member = leader->name(), .host = address_of(leader->host()), .port = 5432};
  return p.start(p.disk().standby_signal, upstream);
}

void Cluster::give_up_history() {
  world_.note("operator", "gives up the commits of the last leader");
  (void)store_.write(dcs::HistoryRecord{}, dcs::Always{});
  for (auto& m : members_) {
    m->crash();
    m->start();
  }
}

void Cluster::watch_paused() {
  was_paused_ = was_paused_ || is_paused();
  for (const auto& m : members_) {
    const auto snapshot = m->snapshot();
    // One that starts tells nothing yet of what it has read.
    const bool starts = !snapshot || snapshot->last_decision_at == Instant{};
    if (m->running() && (starts ? is_paused() : snapshot->paused)) {
      let_go_.insert(m->host());
    } else if (m->running() && !starts && let_go_.contains(m->host())) {
      const bool leads = snapshot->lease_until > snapshot->published_at;
      // What was told to promote itself by hand is seen when it has.
      const bool done = !m->postgres().can_commit() && !m->postgres().promoting();
      if (leads || done) let_go_.erase(m->host());
    }
  }
}

void Cluster::check_hands_off(Endpoint host, const ha::View& view, const ha::Decision& decision) {
  using namespace ha;
  const auto& facts = view.postgres.facts;
  const bool named = view.store.cluster && view.cluster().failover.candidate == view.self.name;
  // What was stopped on request goes on as a standby.
  const bool handed_over = decision.memory.outage.start_is_due && !view.has_lock();
  std::string what;
  if (const auto* demote = std::get_if<intent::Demote>(&decision.intent); demote && demote->name.empty())
    what = "demoted";
  if (std::holds_alternative<intent::Promote>(decision.intent) && !named && !view.postgres.promoting)
    what = "promoted";
  if (std::holds_alternative<intent::Start>(decision.intent) && !handed_over) what = "started";
  if (std::holds_alternative<intent::StopImmediate>(decision.intent) &&
      facts.data_directory == postgres::DataDirectory::ok)
    what = "stopped";
  if (std::holds_alternative<intent::Bootstrap>(decision.intent)) what = "founded";
  const auto* clone = std::get_if<intent::Clone>(&decision.intent);
  const bool replaces = std::holds_alternative<intent::Rewind>(decision.intent) || (clone && !clone->order);
  if (replaces && policy::may_commit(view)) what = "replaced";
  if (!what.empty())
    world_.violated(Invariant::hands_off, fmt::format("{} is {} in pause, and nobody has asked for that",
                                                      member(host).name(), what));
}

}  // namespace tanist::sim
