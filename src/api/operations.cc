#include "api/openapi.h"
#include "json/parse.h"

/// What each route takes and answers, and the schemas of it.
namespace tanist::api {

namespace {

constexpr std::string_view kSchemas = R"json({
"Status": {
  "type": "object", "required": ["state", "role", "dcs_last_seen", "patroni"],
  "properties": {
    "state": {"enum": ["initializing new cluster", "initdb failed", "running custom bootstrap script",
      "custom bootstrap failed", "creating replica", "running", "starting", "starting after custom bootstrap",
      "start failed", "restarting", "restart failed", "stopping", "stopped", "stop failed", "crashed", "unknown"]},
    "role": {"enum": ["primary", "standby_leader", "replica", "demoted", "promoted", "uninitialized"]},
    "postmaster_start_time": {"type": "string"},
    "server_version": {"type": "integer"},
    "xlog": {"type": "object", "properties": {
      "location": {"type": "integer"}, "received_location": {"type": "integer"},
      "replayed_location": {"type": "integer"}, "replayed_timestamp": {"type": ["string", "null"]},
      "paused": {"type": "boolean"}}},
    "sync_standby": {"const": true},
    "quorum_standby": {"const": true},
    "timeline": {"type": ["integer", "null"]},
    "replication_state": {"enum": ["streaming", "in archive recovery"]},
    "replication": {"type": "array", "items": {
      "type": "object",
      "required": ["usename", "application_name", "client_addr", "state", "sync_state", "sync_priority"],
      "properties": {
        "usename": {"type": "string"}, "application_name": {"type": "string"},
        "client_addr": {"type": ["string", "null"]}, "state": {"type": "string"},
        "sync_state": {"type": "string"}, "sync_priority": {"type": "integer"}}}},
    "pause": {"const": true},
    "cluster_unlocked": {"const": true},
    "failsafe_mode_is_active": {"const": true},
    "dcs_last_seen": {"type": "integer"},
    "tags": {"type": "object"},
    "database_system_identifier": {"type": "string"},
    "pending_restart": {"const": true},
    "pending_restart_reason": {"$ref": "#/components/schemas/PendingRestart"},
    "patroni": {"type": "object", "required": ["version", "scope", "name"], "properties": {
      "version": {"type": "string", "pattern": "^[0-9]+\\.[0-9]+\\.[0-9]+$"},
      "scope": {"type": "string"}, "name": {"type": "string"}}},
    "scheduled_restart": {"$ref": "#/components/schemas/ScheduledRestart"},
    "watchdog_failed": {"const": true},
    "logger_queue_size": {"type": "integer"},
    "logger_records_lost": {"type": "integer"},
    "tanist_version": {"type": "string"},
    "tanist_disk": {"type": "object", "properties": {
      "free_bytes": {"type": "integer"}, "size_bytes": {"type": "integer"}}},
    "tanist_slots_at_risk": {"type": "array", "items": {"$ref": "#/components/schemas/SlotAtRisk"}},
    "tanist_logical_slots": {"type": "array", "items": {"type": "string"}},
    "tanist_diverged": {"const": true},
    "tanist_delayed": {"const": true},
    "tanist_guardian": {"enum": ["missing", "ready", "armed"]},
    "tanist_watchdog": {"type": "object", "required": ["active"], "properties": {
      "active": {"type": "boolean"}, "timeout_seconds": {"type": "integer"}, "problem": {"type": "string"}}},
    "tanist_clients_held": {"const": true},
    "tanist_timelines": {"type": "array", "items": {"type": "array", "items": {"type": "integer"},
      "minItems": 2, "maxItems": 2}},
    "tanist_branch": {"type": "string"},
    "tanist_writes_ended_us": {"type": "integer"},
    "tanist_writes_began_us": {"type": "integer"},
    "operation": {"type": "string"},
    "progress": {"$ref": "#/components/schemas/Progress"},
    "rejoin_error": {"type": "string"},
    "postgres_failing": {"type": "object", "properties": {
      "seconds": {"type": "integer"}, "new_connections_only": {"type": "boolean"}, "why": {"type": "string"}}},
    "stale": {"const": true}}},
"SlotAtRisk": {
  "type": "object", "required": ["slot", "risk", "active"],
  "properties": {"slot": {"type": "string"}, "risk": {"enum": ["limit", "disk", "losing", "lost"]},
    "active": {"type": "boolean"}, "retained_bytes": {"type": "integer"}, "limit_bytes": {"type": "integer"}}},
"Progress": {
  "type": "object", "required": ["done_bytes", "total_bytes"],
  "properties": {"done_bytes": {"type": "integer"}, "total_bytes": {"type": "integer"},
    "bytes_per_second": {"type": "integer"}, "seconds_left": {"type": "integer"}}},
"PendingRestart": {
  "type": "object",
  "additionalProperties": {"type": "object", "required": ["old_value", "new_value"],
    "properties": {"old_value": {"type": "string"}, "new_value": {"type": "string"}}}},
"ScheduledRestart": {
  "type": "object", "required": ["schedule"],
  "properties": {"schedule": {"type": "string"}, "role": {"type": "string"},
    "postgres_version": {"type": "string"}, "timeout": {"type": "integer"}, "restart_pending": {},
    "postmaster_start_time": {"type": "string"}}},
"Lag": {"anyOf": [{"type": "integer", "minimum": 0}, {"const": "unknown"}]},
"Lsn": {"type": "string", "pattern": "^([0-9A-F]+/[0-9A-F]+|unknown)$"},
"Cluster": {
  "type": "object", "required": ["members", "scope"],
  "properties": {
    "members": {"type": "array", "items": {
      "type": "object", "required": ["name", "role", "state", "api_url"],
      "properties": {
        "name": {"type": "string"},
        "role": {"enum": ["leader", "standby_leader", "replica", "sync_standby", "quorum_standby"]},
        "state": {"type": "string"},
        "api_url": {"type": ["string", "null"]},
        "host": {"type": "string"}, "port": {"type": "integer"},
        "timeline": {"type": ["integer", "null"]},
        "pending_restart": {"type": "boolean"},
        "pending_restart_reason": {"$ref": "#/components/schemas/PendingRestart"},
        "scheduled_restart": {"$ref": "#/components/schemas/ScheduledRestart"},
        "tags": {"type": "object"},
        "progress": {"$ref": "#/components/schemas/Progress"},
        "rejoin_error": {"type": "string"},
        "receive_lag": {"$ref": "#/components/schemas/Lag"}, "receive_lsn": {"$ref": "#/components/schemas/Lsn"},
        "replay_lag": {"$ref": "#/components/schemas/Lag"}, "replay_lsn": {"$ref": "#/components/schemas/Lsn"},
        "lag": {"$ref": "#/components/schemas/Lag"}, "lsn": {"$ref": "#/components/schemas/Lsn"}}}},
    "pause": {"const": true},
    "scheduled_switchover": {"type": "object", "required": ["at"], "properties": {
      "at": {"type": "string"}, "from": {"type": "string"}, "to": {"type": "string"}}},
    "scope": {"type": "string"}}},
"History": {"type": "array", "items": {
  "type": "array", "minItems": 3, "maxItems": 5,
  "items": {"type": ["integer", "string"]}}},
"Configuration": {"type": "object"},
"ConfigurationChange": {"type": "object", "minProperties": 1},
"Time": {"type": "string", "format": "date-time"},
"Limit": {"type": "integer", "minimum": 0, "maximum": 1000},
"Moment": {
  "type": "object", "required": ["wall_us", "boot_ns"],
  "properties": {"wall_us": {"type": "integer"}, "boot_ns": {"type": "integer"}}},
"JournalEntry": {
  "type": "object", "required": ["version", "at"],
  "properties": {
    "version": {"type": "integer"},
    "at": {"type": "string", "format": "date-time"},
    "previous_repeated": {"type": "integer"},
    "dropped": {"type": "integer"},
    "decision": {"type": "object", "required": ["reason", "mandate", "intent", "duties"], "properties": {
      "reason": {"type": "object", "required": ["code", "text"], "properties": {
        "code": {"type": "string"}, "text": {"type": "string"}, "numbers": {"type": "object"}}},
      "checks": {"type": "array", "items": {
        "type": "object", "required": ["rule", "passed", "text"], "properties": {
          "rule": {"type": "string"}, "passed": {"type": "boolean"}, "about": {"type": "string"},
          "numbers": {"type": "object"}, "text": {"type": "string"}}}},
      "intent": {"type": "object", "required": ["kind"]}}},
    "view": {"type": "object"}}},
"Journal": {
  "type": "object", "required": ["scope", "name", "version", "received", "answered", "earlier", "now", "entries"],
  "properties": {
    "scope": {"type": "string"}, "name": {"type": "string"}, "version": {"type": "integer"},
    "received": {"$ref": "#/components/schemas/Moment"},
    "answered": {"$ref": "#/components/schemas/Moment"},
    "earlier": {"type": "boolean"},
    "now": {"anyOf": [{"type": "null"}, {"$ref": "#/components/schemas/JournalEntry"}]},
    "entries": {"type": "array", "items": {"$ref": "#/components/schemas/JournalEntry"}}}},
"FailsafeMembers": {"type": "object", "additionalProperties": {"type": "string"}},
"OpenApi": {"type": "object", "required": ["openapi", "info", "paths", "components"]},
"RestartRequest": {
  "type": "object", "additionalProperties": false,
  "properties": {
    "schedule": {"type": "string", "format": "date-time"},
    "role": {"enum": ["primary", "standby_leader", "replica"]},
    "postgres_version": {"type": "string", "pattern": "^[1-9][0-9]\\.[0-9]{1,2}$"},
    "timeout": {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 31536000},
      {"type": "string", "pattern": "^[1-9][0-9]{0,2}( ?(s|min|h))?$"}]},
    "restart_pending": {}}},
"ReinitializeRequest": {
  "type": "object",
  "properties": {"force": {"type": "boolean"}, "from_leader": {"type": "boolean"}}},
"SwitchoverRequest": {
  "type": "object", "required": ["leader"],
  "properties": {
    "leader": {"type": "string", "minLength": 1},
    "candidate": {"type": ["string", "null"]},
    "member": {"type": ["string", "null"], "description": "another word for `candidate`"},
    "scheduled_at": {"type": ["string", "null"], "format": "date-time"}}},
"FailoverRequest": {
  "type": "object", "required": ["candidate"],
  "properties": {
    "leader": {"type": ["string", "null"]},
    "candidate": {"type": "string", "minLength": 1}}},
"FailsafeRequest": {
  "type": "object", "required": ["name", "conn_url", "api_url"],
  "properties": {
    "name": {"type": "string", "minLength": 1},
    "conn_url": {"type": "string", "minLength": 1},
    "api_url": {"type": "string", "minLength": 1},
    "slots": {"type": ["object", "null"], "additionalProperties": {"type": "integer", "minimum": 0}},
    "tanist_valid_for": {"type": "number", "minimum": 0, "maximum": 86400,
      "description": "seconds that are asked for; less than `ttl` is never promised"}}},
"CitusEvent": {"type": "object", "minProperties": 1}
})json";

constexpr std::string_view kNoStore = "The store could not be read or written, or control does not answer.";

const Operation::Parameter kLag{"lag", "query", "How many bytes of WAL it may be behind: `10MB`."};
const Operation::Parameter kMode{"mode", "query",
                                 "`write`: WAL that was received counts, not what was replayed."};
const Operation::Parameter kCacheControl{"Cache-Control", "header", "`no-cache`: the store itself is read."};
const Operation::Parameter kSince{"since", "query", "No entry before this time (ISO 8601 with an offset).",
                                  "Time"};
const Operation::Parameter kUntil{"until", "query", "No entry after this time.", "Time"};
const Operation::Parameter kLimit{
    "limit", "query", "The last so many of them: 100, at most 1000; fewer where they are long.", "Limit"};

}  // namespace

const std::vector<Operation>& operations() {
  using enum Operation::Form;
  using enum Operation::Body;
  static const std::vector<Operation> kAll = {
      {.method = "GET",
       .segment = "liveness",
       .answers = {{200, bare, "The daemon decides."}, {503, text, "It hangs; with the reason."}}},
      {.method = "GET",
       .segment = "readiness",
       .parameters = {kLag, kMode},
       .answers = {{200, bare, "Ready."}, {503, text, "Not ready; with the reason."}}},
      {.method = "GET", .segment = "patroni", .answers = {{200, json, "The status document.", "Status"}}},
      {.method = "GET",
       .segment = "cluster",
       .parameters = {kCacheControl},
       .answers = {{200, json, "The cluster.", "Cluster"}, {503, text, kNoStore}}},
      {.method = "GET",
       .segment = "history",
       .answers = {{200, json, "The timelines: number, end, reason, time, leader.", "History"},
                   {503, text, kNoStore}}},
      {.method = "GET",
       .segment = "config",
       .answers = {{200, json, "The dynamic configuration.", "Configuration"},
                   {502, page, "There is none, or it is broken."},
                   {503, text, kNoStore}}},
      {.method = "GET",
       .segment = "failsafe",
       .answers = {{200, json, "Members and their REST addresses.", "FailsafeMembers"},
                   {502, page, "Failsafe mode is not active."}}},
      {.method = "GET",
       .segment = "metrics",
       .answers = {{200, metrics, "In Prometheus' text form, or as OpenMetrics."}}},
      {.method = "GET",
       .segment = "events",
       .parameters = {{"Last-Event-ID", "header",
                       "Of the last event that was seen: all that came after it is told."}},
       .answers = {{200, events, "Server-sent events, without end."},
                   {503, text, "There are too many listeners, or the daemon is about to end."}}},
      {.method = "GET", .segment = "openapi.json", .answers = {{200, json, "This document.", "OpenApi"}}},
      {.method = "GET",
       .segment = "journal",
       .parameters = {kSince, kUntil, kLimit},
       .answers = {{200, json, "`now`: the last decision; `entries`: those before it, the newest last.",
                    "Journal"},
                   {400, text, "What is wrong with a parameter."},
                   {503, text, "The files cannot be read, or are being read for too many others."}}},
      {.method = "PATCH",
       .segment = "config",
       .body = required,
       .body_schema = "ConfigurationChange",
       .answers = {{200, json, "All of the configuration, as it is in force now.", "Configuration"},
                   {409, page, "Somebody else changed it at the same moment."},
                   {503, page, kNoStore}}},
      {.method = "PUT",
       .segment = "config",
       .body = required,
       .body_schema = "ConfigurationChange",
       .answers = {{200, json, "What was sent.", "Configuration"},
                   {502, page, "The store could not be written."},
                   {503, page, kNoStore}}},
      {.method = "POST",
       .segment = "reload",
       .answers = {{202, text, "`reload scheduled`"}, {503, text, kNoStore}}},
      {.method = "POST",
       .segment = "restart",
       .body = optional,
       .body_schema = "RestartRequest",
       .answers = {{200, text, "`restarted successfully`"},
                   {202, text, "`Restart scheduled`"},
                   {400, text, "What is wrong with a key."},
                   {409, text, "`Another restart is already scheduled`"},
                   {422, text, "The time cannot be read, or is over."},
                   {500, text, "`Can't schedule restart in the paused state`"},
                   {503, text, "What is in the way, or that it failed."},
                   {503, page, kNoStore}}},
      {.method = "DELETE",
       .segment = "restart",
       .answers = {{200, text, "`scheduled restart deleted`"},
                   {404, text, "`no restarts are scheduled`"},
                   {503, text, kNoStore}}},
      {.method = "POST",
       .segment = "switchover",
       .body = required,
       .body_schema = "SwitchoverRequest",
       .answers = {{200, text, "Who leads now; `Tanist-Write-Gap-Ms` tells how long nobody could write."},
                   {202, text, "`Switchover scheduled`"},
                   {400, text, "What is wrong with a key."},
                   {412, text, "It is not possible now, and nothing was done."},
                   {422, text, "The time cannot be read, or is over."},
                   {503, text, "It failed, or its end is not known."},
                   {503, page, kNoStore}}},
      {.method = "DELETE",
       .segment = "switchover",
       .answers = {{200, text, "`scheduled switchover deleted`"},
                   {404, text, "`no switchover is scheduled`"},
                   {409, page, "It was changed meanwhile, or could not be deleted."},
                   {503, page, kNoStore}}},
      {.method = "POST",
       .segment = "failover",
       .body = required,
       .body_schema = "FailoverRequest",
       .answers = {{200, text, "Who leads now."},
                   {400, text, "What is wrong with a key."},
                   {412, text, "It is not possible now, and nothing was done."},
                   {503, text, "It failed, or its end is not known."},
                   {503, page, kNoStore}}},
      {.method = "POST",
       .segment = "failsafe",
       .body = required,
       .body_schema = "FailsafeRequest",
       .answers = {{200, text, "`Accepted`; the header `lsn` has how far this member is."},
                   {400, text, "What is wrong with a key."},
                   {500, text, "Why not: this member leads, or may be about to."},
                   {502, page, "Failsafe mode is not active."},
                   {503, text, "The daemon is busy, or ends."}}},
      {.method = "POST", .segment = "sigterm", .answers = {{202, text, "`shutdown scheduled`"}}},
      {.method = "POST",
       .segment = "reinitialize",
       .body = optional,
       .body_schema = "ReinitializeRequest",
       .answers = {{200, text, "`reinitialize started`"},
                   {503, text, "What is in the way, or that it is not known whether it was started."}}},
      {.method = "POST",
       .segment = "citus",
       .body = required,
       .body_schema = "CitusEvent",
       .answers = {{200, text, "`OK`"}}},
      {.method = "POST",
       .segment = "mpp",
       .body = required,
       .body_schema = "CitusEvent",
       .answers = {{200, text, "`OK`"}}},
      // The others: health_checks().
      {.method = "GET",
       .segment = "",
       .answers = {{200, json, "Yes; with the status document.", "Status"},
                   {503, json, "No; with the status document.", "Status"}}},
  };
  return kAll;
}

Document schemas() {
  return parse_json(kSchemas).value();
}

}  // namespace tanist::api
