#include "api/metrics.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "core/enum_names.h"
#include "core/format.h"
#include "core/text.h"
#include "core/version.h"
#include "dcs/codec.h"
#include "dcs/compatible_version.h"
#include "dcs/overview.h"
#include "dcs/zones.h"
#include "log/log.h"
#include "postgres/queries.h"
#include "postgres/slot_risk.h"

/// The metrics of a member: Patroni's under their names, then its own.
namespace tanist::api {

namespace {

constexpr std::string_view kOpenMetricsType = "application/openmetrics-text";

/// A label's value; of what it may hold, these three end it or the line.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '\\': out += "\\\\"; break;
      case '"': out += "\\\""; break;
      case '\n': out += "\\n"; break;
      default: out += c;
    }
  }
  return out;
}

/// The text, family by family.
class Text {
 public:
  Text(const MemberStatus& o, MetricsForm form)
      : form_(form),
        labels_(fmt::format("scope=\"{}\",name=\"{}\"", escaped(o.snapshot->settings->scope),
                            escaped(o.snapshot->settings->name))) {}

  /// `values`: what the numbers stand for. OpenMetrics has no comments.
  void family(std::string_view name, std::string_view type, std::string_view help,
              std::string_view values = {}) {
    name_ = name;
    const bool open = form_ == MetricsForm::openmetrics;
    // There a family of counters goes without the suffix that its samples have. Patroni's counters have none:
    // their names stay, and the type is left open.
    const bool total = type == "counter" && name.ends_with(kTotal);
    if (open && total) name.remove_suffix(kTotal.size());
    if (open && type == "counter" && !total) type = "unknown";
    out_ += fmt::format("# HELP {} {}{}{}\n", name, help, open && !values.empty() ? " " : "",
                        open ? values : std::string_view());
    if (!open && !values.empty()) out_ += fmt::format("# {}\n", values);
    out_ += fmt::format("# TYPE {} {}\n", name, type);
  }
  template <class Value>
  void sample(const Value& value, std::string_view suffix = {}, std::string_view more_labels = {}) {
    out_ += fmt::format("{}{}{{{}{}{}}} {}\n", name_, suffix, labels_, more_labels.empty() ? "" : ",",
                        more_labels, value);
  }
  template <class Value>
  void gauge(std::string_view name, std::string_view help, const Value& value) {
    family(name, "gauge", help);
    sample(value);
  }
  void counter(std::string_view name, std::string_view help, std::uint64_t value) {
    family(name, "counter", help);
    sample(value);
  }
  void end() {
    if (form_ == MetricsForm::openmetrics) out_ += "# EOF\n";
  }
  std::string take() { return std::move(out_); }

 private:
  static constexpr std::string_view kTotal = "_total";

  MetricsForm form_;
  std::string labels_;
  std::string_view name_;
  std::string out_;
};

int flag(bool on) {
  return on ? 1 : 0;
}

/// Two digits for each part: `040104`.
std::string numbers_of(std::string_view version) {
  std::string out;
  while (!version.empty()) {
    const auto part = version.substr(0, version.find('.'));
    version.remove_prefix(std::min(version.size(), part.size() + 1));
    out += fmt::format("{:0>2}", part);
  }
  return out;
}

/// Unix seconds with microseconds; 0 for what is no time.
std::string epoch(const std::optional<std::string>& time) {
  const auto at = time ? dcs::parse_iso8601(*time) : std::nullopt;
  if (!at) return "0";
  const auto micros = at->time_since_epoch().count();
  return fmt::format("{}.{:06}", micros / 1'000'000, micros % 1'000'000);
}

/// Seconds, to the millisecond.
std::string in_seconds(Duration d) {
  return fmt::format("{:.3f}", std::max(0.0, seconds(d)));
}

/// The names of rest-api.md §10, in its order, which is that of postgres::State.
constexpr std::array<std::string_view, 15> kStates = {
    "initdb",           "initdb_failed", "custom_bootstrap", "custom_bootstrap_failed",
    "creating_replica", "running",       "starting",         "bootstrap_starting",
    "start_failed",     "restarting",    "restart_failed",   "stopping",
    "stopped",          "stop_failed",   "crashed"};
static_assert(kStates[static_cast<std::size_t>(postgres::State::crashed)] == "crashed");

std::string states() {
  std::string out = "Values: ";
  for (std::size_t i = 0; i < kStates.size(); ++i)
    out += fmt::format("{}{}={}", i == 0 ? "" : ", ", i, kStates[i]);
  return out;
}

/// In the order of rest-api.md §6.
void add_patronis(Text& out, const MemberStatus& o) {
  static const postgres::Probe kNone;
  const ha::Snapshot& s = *o.snapshot;
  const postgres::Probe& probe = o.probe != nullptr ? *o.probe : kNone;
  const bool replays = o.probe != nullptr && probe.in_recovery;

  out.gauge("patroni_version", "The version of Patroni that this member is compatible with, without periods.",
            numbers_of(dcs::kCompatibleVersion));
  out.gauge("patroni_postgres_running", "1 if PostgreSQL is running, else 0.", flag(o.state == "running"));
  out.gauge("patroni_postmaster_start_time", "When PostgreSQL was started, in Unix seconds; 0 if not known.",
            epoch(probe.postmaster_start_time));
  out.gauge("patroni_primary", "1 if this member is the primary, else 0.", flag(o.role == "primary"));
  out.family("patroni_xlog_location", "counter", "The WAL position of a primary in bytes, else 0.");
  out.sample(probe.wal.value);
  out.gauge("patroni_standby_leader", "1 if this member leads a standby cluster, else 0.",
            flag(o.role == "standby_leader"));
  out.gauge("patroni_replica", "1 if this member is a replica, else 0.", flag(o.role == "replica"));
  out.gauge("patroni_sync_standby", "1 if this member is a synchronous standby, else 0.",
            flag(o.sync_standby));
  out.gauge("patroni_quorum_standby", "1 if this member is a standby of the quorum, else 0.",
            flag(o.quorum_standby));
  out.family("patroni_xlog_received_location", "counter",
             "The WAL position that a replica has received, in bytes, else 0.");
  out.sample(replays ? (probe.receive ? probe.receive : probe.replay).value : 0);
  out.family("patroni_xlog_replayed_location", "counter",
             "The WAL position that a replica has replayed, in bytes, else 0.");
  out.sample(replays ? probe.replay.value : 0);
  out.gauge("patroni_xlog_replayed_timestamp",
            "The commit time of the last transaction that a replica has replayed, in Unix seconds, else 0.",
            replays ? epoch(probe.replayed_timestamp) : "0");
  out.gauge("patroni_xlog_paused", "1 if replay is paused, else 0.", flag(replays && probe.replay_paused));
  if (o.probe != nullptr) {
    out.gauge("patroni_postgres_streaming", "1 if a replica streams, else 0.",
              flag(o.replication_state == "streaming"));
    out.gauge("patroni_postgres_in_archive_recovery", "1 if a replica replays from the archive, else 0.",
              flag(o.replication_state == "in archive recovery"));
  }
  out.gauge("patroni_postgres_server_version",
            "The version of PostgreSQL, as server_version_num; 0 if not known.", probe.server_version);
  out.gauge("patroni_cluster_unlocked", "1 if no leader is known, else 0.",
            flag(o.view == nullptr || o.view->unlocked()));
  out.gauge("patroni_failsafe_mode_is_active", "1 if failsafe mode is active, else 0.", flag(o.failsafe));
  out.gauge("patroni_failsafe_mode_enabled", "1 if failsafe mode is configured, else 0.",
            flag(s.settings->dynamic.failsafe_mode));
  out.gauge("patroni_failsafe_member", "1 if failsafe mode counts on this member, else 0.",
            flag(s.cluster && s.cluster->failsafe && s.cluster->failsafe->contains(s.settings->name)));
  const Timeline timeline = probe.in_recovery ? probe.effective_timeline : probe.timeline;
  out.gauge("patroni_postgres_timeline", "The timeline of PostgreSQL; 0 if not known.", timeline.value);
  out.gauge("patroni_dcs_last_seen", "When the store was last read, in Unix seconds; 0: never.",
            s.dcs_last_seen);
  out.gauge("patroni_pending_restart", "1 if a changed parameter waits for a restart of PostgreSQL, else 0.",
            flag(!s.facts.pending_restart.empty()));
  out.gauge("patroni_is_paused", "1 if automatic failover is switched off, else 0.", flag(s.paused));
  static const std::string kStateValues = states();
  out.family("patroni_postgres_state", "gauge",
             "The state of PostgreSQL as a number, -1 if it does not answer.", kStateValues);
  out.sample(o.state == "unknown" ? -1 : static_cast<int>(s.state));
  const auto& tags = s.settings->tags;
  out.gauge("patroni_failover_priority", "The priority of this member in a failover; 0: it takes over never.",
            tags.nofailover ? 0 : tags.failover_priority);
}

/// The buckets of one histogram, with their bounds as labels.
/// The samples of a histogram. `labels` stand before the bounds, with a comma behind each.
template <class Bounds, class Times>
void add_buckets(Text& out, const Bounds& bounds, const Times& times, std::string labels) {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    below += times.counts[i];
    const std::string bound = fmt::format("{}", seconds(bounds[i]));
    // OpenMetrics wants a float to be seen as one.
    out.sample(below, "_bucket",
               fmt::format("{}le=\"{}{}\"", labels, bound, bound.find('.') == std::string::npos ? ".0" : ""));
  }
  out.sample(below + times.counts.back(), "_bucket", labels + "le=\"+Inf\"");
  if (!labels.empty()) labels.pop_back();
  out.sample(fmt::format("{:.6f}", seconds(times.sum)), "_sum", labels);
  out.sample(below + times.counts.back(), "_count", labels);
}

void add_cycles(Text& out, const ha::CycleTimes& times) {
  out.family("tanist_cycle_duration_seconds", "histogram",
             "How long the cycles of the control thread took, from the look at the store to what was done.");
  add_buckets(out, times.kBounds, times, {});
}

void add_store(Text& out, const dcs::StoreTimes& times) {
  using dcs::StoreOperation;
  using dcs::StoreTimes;
  const auto label = [](std::size_t i) {
    return fmt::format("operation=\"{}\"", enum_name(static_cast<StoreOperation>(i)));
  };
  out.family(
      "tanist_store_request_seconds", "histogram",
      "How long requests to the store took, by what was asked; without what the watched copy answers.");
  for (std::size_t i = 0; i < times.of.size(); ++i)
    add_buckets(out, times.kBounds, times.of[i], label(i) + ",");
  out.family("tanist_store_errors_total", "counter",
             "Requests to the store that failed, or whose outcome is not known.");
  for (std::size_t i = 0; i < times.of.size(); ++i) out.sample(times.of[i].errors, "", label(i));
}

/// How often and for how long.
void add_spent(Text& out, const ha::Spent& spent, const std::string& labels) {
  out.sample(fmt::format("{:.6f}", seconds(spent.sum)), "_sum", labels);
  out.sample(spent.count, "_count", labels);
}

void add_tallies(Text& out, const ha::Tallies& tallies) {
  add_store(out, tallies.store);
  if (tallies.smallest_lease_margin)
    out.gauge(
        "tanist_lease_smallest_margin_seconds",
        "What was left of the lease when it was renewed, at its smallest since the daemon was started; 0: it "
        "ended once.",
        in_seconds(*tallies.smallest_lease_margin));
  out.family(
      "tanist_takeover_seconds", "summary",
      "How this member became the primary: election, from when nobody led until the leader key was won, and "
      "promotion, from then until PostgreSQL accepted writes.");
  for (std::size_t i = 0; i < tallies.takeovers.size(); ++i) {
    const auto kind = enum_name(static_cast<ha::TakeoverKind>(i));
    add_spent(out, tallies.takeovers[i].election, fmt::format("kind=\"{}\",phase=\"election\"", kind));
    add_spent(out, tallies.takeovers[i].promotion, fmt::format("kind=\"{}\",phase=\"promotion\"", kind));
  }
  bool first = true;
  for (std::size_t i = 0; i < tallies.phases.size(); ++i) {
    if (tallies.phases[i].count == 0) continue;
    if (std::exchange(first, false))
      out.family(
          "tanist_operation_phase_seconds", "summary",
          "How long the phases of long operations took: of a hand-over, a promotion, a clone, a start.");
    add_spent(out, tallies.phases[i], fmt::format("phase=\"{}\"", enum_name(static_cast<ha::Phase>(i))));
  }
}

void add_watchdog(Text& out, const ha::WatchdogState& watchdog) {
  if (!watchdog.configured) return;
  out.gauge("tanist_watchdog_active", "1 while the watchdog device counts down, else 0.",
            watchdog.active ? 1 : 0);
  out.gauge("tanist_watchdog_timeout_seconds",
            "From the last keepalive to the reset of the host; 0: not active.", watchdog.timeout);
}

void add_guardian(Text& out, const ha::GuardianState& guardian) {
  using Kind = ha::GuardianState::Kind;
  if (guardian.kind == Kind::off) return;
  out.gauge("tanist_guardian_up", "1: the guardian answers; 0: there is to be one, and it does not.",
            guardian.kind == Kind::missing ? 0 : 1);
  out.gauge("tanist_guardian_armed",
            "1: it kills PostgreSQL when the lease is over and nobody has prolonged it.",
            guardian.kind == Kind::armed ? 1 : 0);
  out.counter("tanist_guardian_starts_total", "Guardians that this daemon has started.", guardian.starts);
  out.counter("tanist_guardian_kills_total", "How often a guardian of this daemon has killed PostgreSQL.",
              guardian.kills);
}

/// What the primary's own server says of who streams from it, all at one moment.
void add_standbys(Text& out, const postgres::Probe& probe) {
  if (probe.in_recovery || probe.wal_senders.empty()) return;
  const auto lag = [&](Lsn position) { return std::max<std::int64_t>(0, probe.wal - position); };
  const auto each = [&](std::string_view name, std::string_view help, const auto& value) {
    bool first = true;
    for (const auto& sender : probe.wal_senders) {
      // A backup has no position, and two of one name would be one sample twice.
      const auto same = [&](const auto& other) { return other.application_name == sender.application_name; };
      if (!sender.replay_lsn || &*std::ranges::find_if(probe.wal_senders, same) != &sender) continue;
      if (std::exchange(first, false)) out.family(name, "gauge", help);
      out.sample(value(sender), "", fmt::format("standby=\"{}\"", escaped(sender.application_name)));
    }
  };
  each("tanist_standby_flush_lag_bytes", "How much of its WAL the primary has not seen flushed by a standby.",
       [&](const auto& sender) { return lag(sender.flush_lsn); });
  each("tanist_standby_replay_lag_bytes",
       "How much of its WAL the primary has not seen replayed by a standby.",
       [&](const auto& sender) { return lag(sender.replay_lsn); });
  each("tanist_standby_replay_lag_seconds",
       "How long the primary's WAL lately took until a standby had replayed it; 0 where nothing was written.",
       [&](const auto& sender) {
         return fmt::format("{:.6f}", seconds(sender.replay_lag.value_or(Duration::zero())));
       });
}

/// Where zones are asked for.
void add_zones(Text& out, const dcs::Cluster& cluster, const config::Settings& settings) {
  const dcs::ZonesSeen zones = dcs::zones_seen(cluster, settings.dynamic.raw);
  if (zones.wanted == 0) return;
  out.gauge("tanist_sync_other_zones_wanted",
            "How many members of other zones than the leader's are to have each commit.", zones.wanted);
  out.gauge("tanist_sync_other_zones", "How many of them have each commit, by /sync.", zones.sure);
}

void add_slots(Text& out, const postgres::Probe& probe, const std::vector<postgres::SlotRisk>& risks) {
  bool first = true;
  for (const auto* slots : {&probe.slots, &probe.other_slots}) {
    for (const auto& slot : *slots) {
      const auto retained = postgres::retained_bytes(probe, slot);
      if (!retained) continue;
      if (std::exchange(first, false))
        out.family("tanist_slot_retained_wal_bytes", "gauge",
                   "How much WAL a replication slot of this member holds back.");
      out.sample(*retained, "", fmt::format("slot=\"{}\"", escaped(slot.name)));
    }
  }
  if (risks.empty()) return;
  out.family(
      "tanist_slot_at_risk", "gauge",
      "1 for each replication slot that holds back more WAL than tanist.slot_wal_warning (risk limit) or "
      "than is free on the disk (disk), is about to lose WAL (losing), or has lost some (lost).");
  for (const auto& risk : risks)
    out.sample(1, "", fmt::format("slot=\"{}\",risk=\"{}\"", escaped(risk.name), enum_name(risk.kind)));
}

using Rows = std::vector<dcs::MemberOverview>;

void add_lags(Text& out, const Rows& rows, std::string_view name, std::string_view help,
              dcs::PositionSeen dcs::MemberOverview::* position) {
  bool first = true;
  for (const auto& row : rows) {
    const auto& seen = row.*position;
    if (row.is_leader || !seen.known()) continue;
    if (std::exchange(first, false)) out.family(name, "gauge", help);
    out.sample(seen.lag, "", fmt::format("member=\"{}\"", escaped(row.name)));
  }
}

void add_own(Text& out, const MemberStatus& o) {
  const ha::Snapshot& s = *o.snapshot;
  out.family("tanist_build_info", "gauge", "1; the label tells the version of Tanist.");
  out.sample(1, "", fmt::format("version=\"{}\"", escaped(version())));
  out.gauge("tanist_store_reachable", "1 if the store answered when it was asked last, else 0.",
            flag(s.store_ok));
  out.gauge("tanist_lease_ttl_seconds", "How long the leader key lasts without being renewed.",
            in_seconds(s.settings->dynamic.timing.ttl));
  out.gauge("tanist_wal_diverged", "1 if the WAL of this replica has left the leader's, else 0.",
            flag(s.diverged));
  out.gauge("tanist_rejoin_failed",
            "1 if this member cannot follow the leader again, as the status document explains, else 0.",
            flag(!s.rejoin_error.empty()));
  add_cycles(out, s.cycles);
  add_tallies(out, s.tallies);
  add_guardian(out, s.guardian);
  add_watchdog(out, s.watchdog);
  if (o.probe != nullptr) add_standbys(out, *o.probe);
  if (o.probe != nullptr) add_slots(out, *o.probe, s.facts.slots_at_risk);
  // One member speaks of the others, so that each is told of once.
  if (!o.lease_held || o.view == nullptr) return;
  config::Modes modes;
  modes.standby_cluster = o.standby_cluster;
  const dcs::Cluster& cluster = s.watched ? *s.watched : *o.view;
  const Rows rows = dcs::member_overviews(cluster, modes);
  out.gauge("tanist_members", "The members that the leader knows, itself among them.", rows.size());
  add_lags(out, rows, "tanist_member_receive_lag_bytes",
           "How far the WAL that a member has received is behind the leader's, as the leader sees it.",
           &dcs::MemberOverview::receive);
  add_lags(out, rows, "tanist_member_replay_lag_bytes",
           "How far the replay of a member is behind the leader's WAL, as the leader sees it.",
           &dcs::MemberOverview::replay);
  add_zones(out, cluster, *s.settings);
}

std::string_view without_blanks(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// The quality of a media type in an Accept header; nullopt: it is not named. Of several, the best.
std::optional<double> quality(std::string_view accept, std::string_view type) {
  std::optional<double> best;
  while (!accept.empty()) {
    const auto item = accept.substr(0, accept.find(','));
    accept.remove_prefix(std::min(accept.size(), item.size() + 1));
    std::string_view rest = item;
    std::optional<double> q;
    for (bool first = true; !rest.empty(); first = false) {
      const auto raw = rest.substr(0, rest.find(';'));
      rest.remove_prefix(std::min(rest.size(), raw.size() + 1));
      const std::string part = lower(without_blanks(raw));
      if (first) {
        if (part != type) break;
        q = 1;
      } else if (part.starts_with("q=")) {
        double value = 0;
        const auto [end, ec] = std::from_chars(part.data() + 2, part.data() + part.size(), value);
        q = ec == std::errc() && end == part.data() + part.size() ? value : 0;
      }
    }
    if (q) best = std::max(best.value_or(0), *q);
  }
  return best;
}

}  // namespace

MetricsForm metrics_form(std::string_view accept) {
  const double open = quality(accept, kOpenMetricsType).value_or(0);
  const double plain =
      std::max({quality(accept, "text/plain").value_or(0), quality(accept, "text/*").value_or(0)});
  return open > 0 && open >= plain ? MetricsForm::openmetrics : MetricsForm::prometheus;
}

const char* metrics_type(MetricsForm form) {
  return form == MetricsForm::openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                          : "text/plain; version=0.0.4; charset=utf-8";
}

std::string lasting_metrics(const MemberStatus& o, MetricsForm form) {
  Text out(o, form);
  add_patronis(out, o);
  add_own(out, o);
  return out.take();
}

std::string momentary_metrics(const MemberStatus& o, Instant now, MetricsForm form) {
  const ha::Snapshot& s = *o.snapshot;
  Text out(o, form);
  out.gauge("tanist_control_age_seconds", "How long ago the control thread was last heard of.",
            in_seconds(now - s.published_at));
  // Without an answer there is no age.
  if (s.facts.probe)
    out.gauge("tanist_postgres_answer_age_seconds", "How long ago PostgreSQL was asked for its last answer.",
              in_seconds(now - s.facts.probe->asked_at));
  out.gauge("tanist_lease_remaining_seconds",
            "How long this member may still lead without renewing the leader key; 0: it does not lead.",
            in_seconds(s.lease_until == Instant{} ? Duration::zero() : s.lease_until - now));
  out.gauge("tanist_log_queue_lines", "Lines of the log that wait to be written.", log::queue_size());
  out.counter("tanist_postgres_queries_dropped_total",
              "Queries that were given up, as PostgreSQL had not answered in time.",
              postgres::queries_dropped.load(std::memory_order_relaxed));
  out.counter("tanist_log_lines_dropped_total", "Lines of the log that were lost, as the queue was full.",
              log::lost());
  out.end();
  return out.take();
}

}  // namespace tanist::api
