#include "postgres/slot_risk.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "core/format.h"

namespace tanist::postgres {
namespace {

/// What every slot may hold for a moment, on however small a disk.
constexpr std::int64_t kHarmless = std::int64_t{64} << 20;

/// What a slot may not hold, where that is more than `edge`; what held it before has to go below by a tenth.
bool over(std::int64_t retained, std::int64_t edge, bool was) {
  return retained >= (was ? edge - edge / 10 : edge);
}

std::optional<SlotRisk> risk_of(const Probe& probe, const SlotSeen& slot, const SlotLimits& limits,
                                const SlotRisk* before) {
  SlotRisk risk{.name = slot.name, .active = slot.active};
  if (slot.wal_status == "lost") {
    risk.kind = SlotRisk::Kind::lost;
    return risk;
  }
  const auto retained = retained_bytes(probe, slot);
  if (!retained) return std::nullopt;
  risk.retained_bytes = *retained;
  const auto is = [&](SlotRisk::Kind kind, std::int64_t edge) {
    const bool was = before != nullptr && before->kind == kind;
    if (!over(*retained, edge, was)) return false;
    risk.kind = kind;
    risk.limit_bytes = edge;
    return true;
  };
  const std::int64_t keep = probe.slot_wal_keep_bytes;
  if (slot.wal_status == "unreserved") {
    risk.kind = SlotRisk::Kind::losing;
    risk.limit_bytes = std::max<std::int64_t>(keep, 0);
    return risk;
  }
  // Checkpoints take away whole files, so nine tenths are near enough; a limit of nothing is always reached.
  if (keep > 0 && *retained >= kHarmless / 4 && is(SlotRisk::Kind::losing, keep - keep / 10)) {
    risk.limit_bytes = keep;
    return risk;
  }
  if (limits.wal_disk && *retained >= kHarmless) {
    const std::int64_t free = limits.wal_disk->free_bytes;
    // Where it is bounded it may take no more than that.
    const bool fits = keep >= 0 && keep - *retained < free;
    if (!fits && is(SlotRisk::Kind::disk, free)) return risk;
  }
  if (limits.warning_bytes > 0 && is(SlotRisk::Kind::limit, limits.warning_bytes)) return risk;
  return std::nullopt;
}

std::string size_text(std::int64_t bytes) {
  constexpr double kUnit = 1024;
  double value = static_cast<double>(bytes);
  int unit = 0;
  static constexpr std::string_view kUnits[] = {"bytes", "kB", "MB", "GB", "TB"};
  while (value >= kUnit && unit < 4) {
    value /= kUnit;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} bytes", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

}  // namespace

std::optional<std::int64_t> retained_bytes(const Probe& probe, const SlotSeen& slot) {
  if (!slot.restart_lsn) return std::nullopt;
  return std::max<std::int64_t>(0, probe.position() - slot.restart_lsn);
}

std::vector<SlotRisk> slots_at_risk(const Probe& probe, const SlotLimits& limits,
                                    const std::vector<SlotRisk>& before) {
  std::map<std::string_view, const SlotRisk*> known;
  for (const auto& risk : before) known.emplace(risk.name, &risk);
  std::vector<SlotRisk> out;
  const auto look = [&](const std::vector<SlotSeen>& slots) {
    for (const auto& slot : slots) {
      const auto found = known.find(slot.name);
      auto risk = risk_of(probe, slot, limits, found == known.end() ? nullptr : found->second);
      if (risk) out.push_back(*std::move(risk));
    }
  };
  look(probe.slots);
  look(probe.other_slots);
  std::ranges::sort(out, [](const SlotRisk& a, const SlotRisk& b) {
    if (a.kind != b.kind) return a.kind > b.kind;
    if (a.retained_bytes != b.retained_bytes) return a.retained_bytes > b.retained_bytes;
    return a.name < b.name;
  });
  return out;
}

std::string describe(const SlotRisk& risk) {
  const std::string who =
      fmt::format("replication slot '{}'{}", risk.name, risk.active ? "" : ", which nobody reads from,");
  const std::string holds = fmt::format("{} holds back {} of WAL", who, size_text(risk.retained_bytes));
  const std::string limit = size_text(risk.limit_bytes);
  switch (risk.kind) {
    case SlotRisk::Kind::limit:
      return fmt::format(
          "{}, more than tanist.slot_wal_warning ({})\n"
          "HINT: start or hurry who reads from it, or drop it: max_slot_wal_keep_size bounds what it takes",
          holds, limit);
    case SlotRisk::Kind::disk:
      return fmt::format(
          "{}, and {} are free where WAL is written\n"
          "HINT: start or hurry who reads from it, or drop it, before the disk is full",
          holds, limit);
    case SlotRisk::Kind::losing:
      return fmt::format(
          "{}, and max_slot_wal_keep_size is {}: a checkpoint may soon take away what its consumer needs\n"
          "HINT: start or hurry who reads from it, or raise max_slot_wal_keep_size",
          holds, limit);
    case SlotRisk::Kind::lost: break;
  }
  return fmt::format("{} has lost WAL that its consumer needs\nHINT: its consumer has to begin anew", who);
}

}  // namespace tanist::postgres
