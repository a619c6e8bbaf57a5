#include "postgres/local/slot_watch.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "log/log.h"
#include "postgres/local/context.h"
#include "postgres/slot_risk.h"

TANIST_LOGGER("patroni.postgresql.slots");

namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
/// What lasts is told again, but of the gravest only: there may be hundreds.
constexpr Duration kToldAgain = 10min;
constexpr std::size_t kMostTold = 5;

void write(const SlotRisk& risk) {
  log::write(risk.kind == SlotRisk::Kind::lost ? log::Level::error : log::Level::warning, describe(risk));
}
}  // namespace

void SlotWatch::take(const Probe& probe) {
  const SlotLimits limits{.warning_bytes = context_.settings->dynamic.slot_wal_warning_bytes,
                          .wal_disk = context_.facts.wal_disk};
  auto now = slots_at_risk(probe, limits, context_.facts.slots_at_risk);
  const auto before = std::exchange(context_.facts.slots_at_risk, std::move(now));
  tell(before, context_.facts.slots_at_risk);
}

void SlotWatch::take_end() {
  context_.facts.slots_at_risk.clear();
}

void SlotWatch::tell(const std::vector<SlotRisk>& before, const std::vector<SlotRisk>& now) {
  std::map<std::string_view, SlotRisk::Kind> was, is;
  for (const auto& risk : before) was.emplace(risk.name, risk.kind);
  for (const auto& risk : now) is.emplace(risk.name, risk.kind);
  std::size_t told = 0;
  std::size_t untold = 0;
  for (const auto& risk : now) {
    const auto known = was.find(risk.name);
    if (known != was.end() && known->second == risk.kind) continue;
    if (++told <= kMostTold) {
      write(risk);
    } else {
      ++untold;
    }
  }
  if (untold > 0) log::warning("the same or less is true of {} more replication slots", untold);
  for (const auto& risk : before)
    if (!is.contains(risk.name)) log::info("replication slot '{}' is a danger no more", risk.name);
  const Instant at = context_.clock.now();
  if (told > 0 || now.empty()) {
    told_ = at;
    return;
  }
  if (at - told_ < kToldAgain) return;
  told_ = at;
  for (std::size_t i = 0; i < std::min(now.size(), kMostTold); ++i) write(now[i]);
  if (now.size() > kMostTold)
    log::warning("the same or less is true of {} more replication slots", now.size() - kMostTold);
}

}  // namespace tanist::postgres
