#include "core/document.h"
#include "ha/engine_impl.h"

/// The value of /members/{me} (dcs.md §1.4, ha.md §3.2).
namespace tanist::ha {
namespace {

/// The Patroni level that this daemon speaks; peers compare it.
constexpr const char* kCompatibleVersion = "4.1.4";

std::string url(const config::HostPort& address, const std::string& database) {
  return "postgres://" + config::to_string(address) + "/" + database;
}

}  // namespace

Document Engine::Impl::member_record() const {
  const auto& facts = ports_.server.facts();
  Document value = Document::map();
  value.set("conn_url", facts.conn_url.empty() ? settings_->conn_url() : facts.conn_url);
  value.set("api_url", settings_->api_url());
  value.set("state", to_string(state_));
  value.set("role", to_string(role_));
  value.set("version", kCompatibleVersion);
  value.set("tanist_version", TANIST_VERSION);
  const auto& postgresql = settings_->postgresql;
  if (postgresql.proxy_address) value.set("proxy_url", url(*postgresql.proxy_address, postgresql.database));
  if (keeper_.lease().held(now()) && !memory_.checkpoint_after_promote_done)
    value.set("checkpoint_after_promote", false);
  if (settings_->tags.published.size() > 0) value.set("tags", settings_->tags.published);
  if (!facts.pending_restart.empty()) {
    value.set("pending_restart", true);
    Document reasons = Document::map();
    for (const auto& [name, change] : facts.pending_restart)
      reasons.set(name, Document::map({{"old_value", change.old_value}, {"new_value", change.new_value}}));
    value.set("pending_restart_reason", std::move(reasons));
  }
  const bool quiet = !operations_.busy() || operations_.view()->kind == OperationKind::promote;
  const bool positioned = state_ == postgres::State::running || state_ == postgres::State::restarting ||
                          state_ == postgres::State::starting;
  if (quiet && positioned && facts.probe) {
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
  if (progress_ && progress_->total_bytes > 0) {
    Document& progress = value.set(
        "tanist_progress",
        Document::map({{"done_bytes", progress_->done_bytes}, {"total_bytes", progress_->total_bytes}}));
    if (progress_->bytes_per_second > 0) progress.set("bytes_per_second", progress_->bytes_per_second);
    if (progress_->seconds_left) progress.set("seconds_left", *progress_->seconds_left);
  }
  if (const auto& planned = commands_.scheduled_restart) {
    Document& shown = value.set("scheduled_restart", planned->shown);
    shown.set("postmaster_start_time", planned->postmaster_start_time);
  }
  if (settings_->dynamic.pause) value.set("pause", true);
  return value;
}

}  // namespace tanist::ha
