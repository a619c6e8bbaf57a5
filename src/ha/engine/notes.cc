#include "ha/engine/notes.h"

#include <expected>
#include <optional>
#include <utility>

#include "core/document.h"
#include "ha/engine/small_file.h"
#include "json/parse.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

namespace tanist::ha {
namespace {

using namespace std::chrono_literals;

constexpr const char* kBootId = "/proc/sys/kernel/random/boot_id";
constexpr int kClaimsAttempts = 3;
constexpr Duration kClaimsPause = 1s;
/// Sessions that a restarted daemon takes for its own: after an unknown outcome the leader key may hang on an
/// older one.
constexpr std::size_t kClaimsRecorded = 4;

Lease noted_lease(const std::string& text, const std::string& boot_id) {
  const auto record = parse_json(text);
  if (!record) return {};
  const Document* until = record->find("until");
  const Document* length = record->find("length");
  const Document* boot = record->find("boot");
  if (!until || !until->is_int() || !boot || boot->text() != boot_id) return {};
  Lease lease{.until = Instant(Duration(until->as_int()))};
  if (length && length->is_int()) lease.proven_at = lease.until - Duration(length->as_int());
  return lease;
}

}  // namespace

Task<void> Notes::read_boot_id() {
  boot_id_ = co_await read_small(ports_, kBootId);
}

Task<Lease> Notes::read_lease() {
  const std::string text = co_await read_small(ports_, path("lease"));
  co_return noted_lease(text, boot_id_);
}

/// Written at each proof of a member that leads, beside the cycle: an older note only makes the end earlier.
Task<void> Notes::record_lease() {
  while (lease_recorded_ != keeper_.lease().until && keeper_.lease().until != Instant{}) {
    const Lease lease = keeper_.lease();
    const Document record =
        Document::map({{"boot", boot_id_},
                       {"until", static_cast<std::int64_t>(lease.until.time_since_epoch().count())},
                       {"length", static_cast<std::int64_t>(lease.length().count())}});
    auto written = co_await ports_.disk.write(path("lease"), to_json(record), 0600, deadline());
    if (!written) {
      log::debug("could not note the end of the lease: {}", written.error());
      break;
    }
    lease_recorded_ = lease.until;
  }
  recording_lease_ = false;
}

void Notes::lease_proven() {
  if (recording_lease_ || scope_.closed()) return;
  recording_lease_ = true;
  scope_.spawn("note of the lease", record_lease());
}

/// What cannot be read is asked for again: a session that is only out of reach is not a foreign one. Of
/// another run of the host (a reboot, or a copy of the machine that was started elsewhere) none counts: the
/// original may still live under them, and the end of a session is not long to wait for.
Task<void> Notes::read_claims(dcs::Identity& identity) {
  std::expected<std::optional<std::string>, std::string> content;
  for (int attempt = 0; attempt < kClaimsAttempts; ++attempt) {
    content = co_await ports_.disk.read(path("session"), deadline());
    if (content) break;
    log::warning("{}", content.error());
    co_await ports_.clock.sleep_for(kClaimsPause);
  }
  const auto record = parse_json(content ? content->value_or("") : "");
  if (!record || !record->find("session") || !record->find("session")->is_string()) co_return;
  if (const Document* store = record->find("store"); store && store->is_string())
    identity.store_id = store->as_string();
  if (const Document* boot = record->find("boot"); boot && boot->text() != boot_id_) {
    log::info("the store session that was recorded before the host was started is not taken over");
    co_return;
  }
  claims_ = {record->find("session")->as_string()};
  if (const Document* older = record->find("older"); older && older->is_list())
    for (const auto& claim : older->as_list())
      if (claim.is_string()) claims_.push_back(claim.as_string());
  // A store without claims has only itself recorded.
  std::erase(claims_, dcs::Claim());
  identity.previous_claims = claims_;
}

Task<void> Notes::record_claim(dcs::Claim claim, std::string incarnation) {
  std::erase(claims_, claim);
  claims_.insert(claims_.begin(), claim);
  if (claims_.size() > kClaimsRecorded) claims_.resize(kClaimsRecorded);
  Document::List older;
  for (std::size_t i = 1; i < claims_.size(); ++i) older.emplace_back(claims_[i]);
  Document record = Document::map({{"session", claim},
                                   {"older", Document::list(std::move(older))},
                                   {"incarnation", incarnation},
                                   {"boot", boot_id_},
                                   {"store", ports_.store.store_id()}});
  // The renewal of the lease may be waiting for it.
  const Duration patience = std::min(kDiskBudget, settings_->dynamic.timing.ttl / 10);
  auto written =
      co_await ports_.disk.write(path("session"), to_json(record), 0600, ports_.clock.now() + patience);
  if (!written)
    log::warning("could not record the store session, a restarted daemon will wait for its end: {}",
                 written.error());
}

}  // namespace tanist::ha
