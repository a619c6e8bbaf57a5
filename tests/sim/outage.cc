#include "cluster.h"
#include "core/format.h"
#include "ha/policy/questions.h"
#include "ha/policy/timelines.h"

/// A healthy primary whose store can be reached is let alone: nobody stops it, and nobody gives its key away.
namespace tanist::sim {

using namespace ha;
using namespace std::chrono_literals;

namespace {

constexpr Duration kShortLease = 10s;

/// What a decision ends or gives away by itself; empty: nothing.
std::string_view gives_up(const Decision& decision) {
  // One with a name was asked for (check_obedience).
  if (const auto* demote = std::get_if<intent::Demote>(&decision.intent))
    return demote->name.empty() ? "demoted" : "";
  if (std::holds_alternative<intent::StopImmediate>(decision.intent)) return "stopped";
  if (std::holds_alternative<intent::Release>(decision.intent)) return "made to give its key away";
  return "";
}

bool healthy(const View& view) {
  const auto& facts = view.postgres.facts;
  const auto& initialize = view.cluster().initialize;
  return policy::is_primary(view) && policy::has_fresh_probe(view) && view.fence.usable &&
         facts.data_directory == postgres::DataDirectory::ok &&
         (!initialize.valid_system_id() || initialize.value == facts.system_identifier);
}

}  // namespace

void Cluster::check_no_outage(Endpoint host, const View& view, const Decision& decision) {
  const auto what = gives_up(decision);
  const auto& dynamic = view.settings.dynamic;
  if (what.empty() || dynamic.pause || dynamic.standby_cluster || view.commands.shutdown || view.operation)
    return;
  if (!view.store.ok || !policy::leads(view) || !healthy(view)) return;
  // Its request for the key was on its way while another led.
  if (view.memory.race.acquiring && policy::own_timeline(view) < policy::Line(view).newest()) return;
  world_.violated(Invariant::no_self_inflicted_outage,
                  fmt::format("{} is {}, a healthy primary with a proven lease", member(host).name(), what));
}

void Cluster::stopping(Endpoint host) {
  Member& m = member(host);
  const auto snapshot = m.snapshot();
  // What an operation stops was decided on, and a start that fails leaves nothing behind.
  if (!m.postgres().can_commit() || !snapshot || snapshot->operation || snapshot->paused) return;
  // Whose data that is nobody can tell: nothing is done for it.
  if (m.postgres().seen_as) return;
  if (snapshot->last_decision_at == Instant{}) return;
  if (excused() || takes_back(m) || let_go_.contains(host) || store_.snapshot()->leader_name() != m.name())
    return;
  if (!hears(m) || world_.now() < deaf_until_[host]) return;
  // One lost message ends no lease, two in a row end a short one.
  if (world_.now() - store_losses_[host].before_last < std::min(options_.ttl, kShortLease)) return;
  world_.violated(
      Invariant::no_self_inflicted_outage,
      fmt::format("{} is stopped as if its lease ended, while the store can be reached and names it",
                  m.name()));
}

}  // namespace tanist::sim
