#include "ha/engine/promises.h"

#include <algorithm>
#include <utility>

#include "core/document.h"
#include "json/parse.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

namespace tanist::ha {
namespace {

/// Its own slot stands for its own position.
Lsn position_of(const FailsafeQuestion& question) {
  const auto own = question.slots.find(dcs::slot_name(question.leader));
  return own == question.slots.end() ? Lsn() : own->second;
}

std::string note_of(const Promise& promise, Duration length, const std::string& boot_id) {
  const auto nanoseconds = [](Duration d) { return static_cast<std::int64_t>(d.count()); };
  return to_json(Document::map({{"boot", boot_id},
                                {"until", nanoseconds(promise.until.time_since_epoch())},
                                {"length", nanoseconds(length)},
                                {"leader", promise.to.leader},
                                {"position", static_cast<std::int64_t>(position_of(promise.to).value)},
                                {"conn_url", promise.to.conn_url},
                                {"api_url", promise.to.api_url}}));
}

/// nullopt: it cannot be understood.
std::optional<Promise> noted_promise(const std::string& text, const std::string& boot_id, Instant now) {
  const auto record = parse_json(text);
  if (!record || !record->is_map()) return std::nullopt;
  const auto number = [&](const char* key) -> std::optional<Duration> {
    const Document* value = record->find(key);
    return value && value->is_int() ? std::optional(Duration(value->as_int())) : std::nullopt;
  };
  const auto word = [&](const char* key) {
    const Document* value = record->find(key);
    return value && value->is_string() ? value->as_string() : std::string();
  };
  const auto until = number("until"), length = number("length");
  if (!until || !length || *length < Duration::zero()) return std::nullopt;
  Promise promise;
  promise.to = {.leader = word("leader"), .conn_url = word("conn_url"), .api_url = word("api_url")};
  if (const Document* position = record->find("position");
      position && position->is_int() && position->as_int() > 0)
    promise.to.slots[dcs::slot_name(promise.to.leader)] = Lsn{static_cast<std::uint64_t>(position->as_int())};
  // Instants count in one run of the host only.
  promise.until = word("boot") == boot_id ? Instant(*until) : now + *length;
  return promise;
}

}  // namespace

Duration Promises::length_of(const FailsafeQuestion& question) const {
  return std::max(question.valid_for, settings_.timing().ttl);
}

Task<void> Promises::read() {
  auto content = co_await ports_.disk.read(path(), ports_.clock.now() + kDiskBudget);
  if (content && !*content) co_return;
  const Instant now = ports_.clock.now();
  if (content) promise_ = noted_promise(**content, notes_.boot_id(), now);
  if (promise_) co_return;
  log::warning("what was promised to a primary in failsafe mode is not known ({}): waiting for {:.0f} s",
               path(), seconds(settings_.timing().ttl));
  promise_ = Promise{.until = now + settings_.timing().ttl};
}

Task<std::expected<void, std::string>> Promises::give(FailsafeQuestion question) {
  const Instant now = ports_.clock.now();
  Promise promise{.until = now + length_of(question)};
  promise.to = std::move(question);
  // Also what somebody else was promised before goes on.
  if (promise_) promise.until = std::max(promise.until, promise_->until);
  promise_ = promise;
  auto written = co_await ports_.disk.write(path(), note_of(promise, promise.until - now, notes_.boot_id()),
                                            0600, ports_.clock.now() + kDiskBudget);
  if (!written) co_return std::unexpected(std::move(written.error()));
  co_return std::expected<void, std::string>();
}

std::optional<Promise> Promises::held() const {
  if (!promise_ || ports_.clock.now() >= promise_->until) return std::nullopt;
  return promise_;
}

Lsn Promises::told_by(const std::string& leader) const {
  return promise_ && !leader.empty() && promise_->to.leader == leader ? position_of(promise_->to) : Lsn();
}

void Promises::leader_is_seen() {
  if (promise_) promise_->to.slots.erase(dcs::slot_name(promise_->to.leader));
}

dcs::ClusterPtr with_position(dcs::ClusterPtr cluster, Lsn position) {
  if (!cluster || cluster->status.optime >= position) return cluster;
  auto out = std::make_shared<dcs::Cluster>(*cluster);
  out->status.optime = position;
  return out;
}

dcs::ClusterPtr with_promise(dcs::ClusterPtr cluster, const Promise& promise, bool store_ok) {
  if (!cluster || promise.to.leader.empty()) return cluster;
  const bool led = !cluster->unlocked();
  const bool same = led && cluster->leader_name() == promise.to.leader;
  if (led && (store_ok || !same)) return cluster;
  auto out = std::make_shared<dcs::Cluster>(*cluster);
  if (!led) {
    out->leader = dcs::Leader{};
    out->leader->name = promise.to.leader;
    // Its member key ends with its session.
    dcs::Member& member = out->members[promise.to.leader];
    member.name = promise.to.leader;
    if (!promise.to.conn_url.empty()) member.conn_url = promise.to.conn_url;
    if (!promise.to.api_url.empty()) member.api_url = promise.to.api_url;
  }
  for (const auto& [name, position] : promise.to.slots) out->status.slots[name] = position;
  return out;
}

}  // namespace tanist::ha
