#include "ha/model/member_record.h"

#include "core/version.h"
#include "dcs/compatible_version.h"

namespace tanist::ha {
namespace {

std::string url(const config::HostPort& address, const std::string& database) {
  return "postgres://" + config::to_string(address) + "/" + database;
}

/// Left out, not zeroed, where PostgreSQL does not tell it now.
void set_position(const View& view, Document& value) {
  const auto& facts = view.postgres.facts;
  const auto state = view.postgres.state;
  const bool quiet = !view.operation || view.operation->kind == OperationKind::promote;
  const bool positioned = state == postgres::State::running || state == postgres::State::restarting ||
                          state == postgres::State::starting;
  if (!quiet || !positioned || !facts.probe || facts.failing_since) return;
  const auto& probe = *facts.probe;
  value.set("xlog_location", probe.position().value);
  if (probe.in_recovery) {
    if (probe.replay) value.set("replay_lsn", probe.replay.value);
    if (probe.receive) value.set("receive_lsn", probe.receive.value);
    if (!probe.replication_state().empty()) value.set("replication_state", probe.replication_state());
  }
  if (probe.effective_timeline)
    value.set("timeline", static_cast<std::int64_t>(probe.effective_timeline.value));
}

}  // namespace

Document member_record(const View& view, const config::Settings& settings,
                       const std::optional<postgres::Progress>& progress) {
  const auto& facts = view.postgres.facts;
  Document value = Document::map();
  value.set("conn_url", facts.conn_url.empty() ? settings.conn_url() : facts.conn_url);
  value.set("api_url", settings.api_url());
  value.set("state", to_string(view.postgres.state));
  value.set("role", to_string(view.postgres.role));
  value.set("version", dcs::kCompatibleVersion);
  value.set("tanist_version", version());
  const auto& postgresql = settings.postgresql;
  if (postgresql.proxy_address) value.set("proxy_url", url(*postgresql.proxy_address, postgresql.database));
  const bool leads = view.lease.held(view.now) && !view.settings.dynamic.standby_cluster;
  if (leads && !view.memory.promotion.checkpoint_done) value.set("checkpoint_after_promote", false);
  Document tags = settings.tags.published;
  // replication.md §15: before it stops.
  if (view.operation && view.operation->phase == Phase::leaving_sync) {
    tags.set("nosync", true);
    tags.set("sync_priority", 0);
  }
  if (tags.size() > 0) value.set("tags", std::move(tags));
  if (!facts.pending_restart.empty()) {
    value.set("pending_restart", true);
    Document reasons = Document::map();
    for (const auto& [name, change] : facts.pending_restart)
      reasons.set(name, Document::map({{"old_value", change.old_value}, {"new_value", change.new_value}}));
    value.set("pending_restart_reason", std::move(reasons));
  }
  set_position(view, value);
  if (progress && progress->total_bytes > 0) {
    Document& shown = value.set("tanist_progress", Document::map({{"done_bytes", progress->done_bytes},
                                                                  {"total_bytes", progress->total_bytes}}));
    if (progress->bytes_per_second > 0) shown.set("bytes_per_second", progress->bytes_per_second);
    if (progress->seconds_left) shown.set("seconds_left", *progress->seconds_left);
  }
  if (!view.memory.rejoin.error.empty()) value.set("tanist_rejoin_error", view.memory.rejoin.error);
  if (const auto& planned = view.commands.scheduled_restart) {
    Document& shown = value.set("scheduled_restart", planned->wanted.shown);
    shown.set("postmaster_start_time", planned->postmaster_start_time);
  }
  if (settings.dynamic.pause) value.set("pause", true);
  return value;
}

}  // namespace tanist::ha
