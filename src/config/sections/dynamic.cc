#include "config/sections/dynamic.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>

#include "config/addresses.h"
#include "config/modes.h"
#include "config/sections/slots.h"
#include "config/validate.h"
#include "config/zones.h"
#include "core/format.h"

namespace tanist::config {
namespace {

/// Python's int(): decimals lose their fraction, text must be a whole decimal number.
std::optional<std::int64_t> python_int(const Document& value) {
  if (value.is_bool()) return value.as_bool() ? 1 : 0;
  if (value.is_int()) return value.as_int();
  if (value.is_double()) {
    const double number = value.as_double();
    if (!(std::abs(number) < 9e18)) return std::nullopt;
    return static_cast<std::int64_t>(number);
  }
  if (!value.is_string()) return std::nullopt;
  std::string digits(trim(value.as_string()));
  if (digits.starts_with('+') && digits.size() > 1 && digits[1] != '-') digits.erase(0, 1);
  std::int64_t out = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  if (ec != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return out;
}

/// What `ttl` and `retry_timeout` may be with `tanist.short_lease`.
constexpr std::int64_t kShortestTtl = 3;
constexpr std::int64_t kShortestRetry = 1;

class Adjuster {
 public:
  Adjuster(Document& config, Problems& notes, bool short_lease)
      : config_(config), notes_(notes), short_lease_(short_lease) {}

  /// Raises values below their minimum, then keeps loop_wait + 2*retry_timeout <= ttl by lowering the two,
  /// never by raising ttl. The order of the keys and the arithmetic are those of all other members.
  std::optional<std::string> run() {
    const auto loop_wait = value("loop_wait");
    const auto retry_timeout = value("retry_timeout");
    const auto ttl = value("ttl");
    if (!refused_.empty()) return refused_;
    constexpr std::int64_t kMinLoopWait = 1;
    // Larger values would overflow the sums below and are refused by value().
    if (kMinLoopWait + 2 * retry_timeout > ttl) {
      const std::int64_t fitting = (ttl - kMinLoopWait) / 2;
      config_.set("loop_wait", kMinLoopWait);
      config_.set("retry_timeout", fitting);
      warn(
          fmt::format("Violated the rule \"loop_wait + 2*retry_timeout <= ttl\", where ttl={}. Adjusting "
                      "loop_wait from {} "
                      "to {} and retry_timeout from {} to {}",
                      ttl, loop_wait, kMinLoopWait, retry_timeout, fitting));
    } else if (loop_wait + 2 * retry_timeout > ttl) {
      config_.set("loop_wait", ttl - 2 * retry_timeout);
      warn(
          fmt::format("Violated the rule \"loop_wait + 2*retry_timeout <= ttl\", where ttl={}. Adjusting "
                      "loop_wait from {} to {}",
                      ttl, loop_wait, ttl - 2 * retry_timeout));
    }
    return std::nullopt;
  }

 private:
  static constexpr std::int64_t kLargest = std::numeric_limits<std::int32_t>::max();

  std::int64_t value(std::string_view name) {
    const Key* key = find_key(name, Scope::dynamic);
    const Document* given = config_.find(name);
    const auto number = given ? python_int(*given) : parse_int(Document(key->fallback));
    if (!number || *number > kLargest) {
      refused_ = fmt::format("{}: given {}, allowed: {}", name, describe(*given, key), allowed_values(*key));
      return *key->min;
    }
    const std::int64_t least = smallest(name, *key->min);
    if (*number >= least) return *number;
    warn(fmt::format("{}={} can't be smaller than {}, adjusting...", name, *number, least));
    config_.set(name, least);
    return least;
  }

  std::int64_t smallest(std::string_view name, std::int64_t usual) const {
    if (!short_lease_) return usual;
    return name == "ttl" ? kShortestTtl : name == "retry_timeout" ? kShortestRetry : usual;
  }

  void warn(std::string text) {
    notes_.push_back(Problem{.severity = Severity::warning, .text = std::move(text)});
  }

  Document& config_;
  Problems& notes_;
  bool short_lease_;
  std::string refused_;
};

/// Seconds of a key that has an older name, consulted when the new one is absent.
Duration seconds_of(const Reader& reader, std::string_view key, std::string_view older) {
  const auto name = !older.empty() && !reader.find(key) && reader.find(older) ? older : key;
  const Key* declared = find_key(name, Scope::dynamic);
  auto value = reader.integer(name);
  // An older name declares no default of its own.
  const bool usable =
      !reader.find(name) || !declared->fallback.empty() || parse_int(*reader.find(name)).value_or(-1) >= 0;
  if (!usable) value = reader.integer(key);
  return std::chrono::seconds(std::clamp<std::int64_t>(value, 0, std::numeric_limits<std::int32_t>::max()));
}

StandbyCluster standby_cluster(const Reader& reader) {
  StandbyCluster out;
  out.host = reader.text("standby_cluster.host");
  // libpq takes no blanks in a list of hosts.
  std::erase_if(out.host, [](unsigned char c) { return std::isspace(c) != 0; });
  out.port = static_cast<int>(reader.integer("standby_cluster.port"));
  out.primary_slot_name = reader.text("standby_cluster.primary_slot_name");
  out.restore_command = reader.text("standby_cluster.restore_command");
  out.archive_cleanup_command = reader.text("standby_cluster.archive_cleanup_command");
  out.recovery_min_apply_delay = reader.text("standby_cluster.recovery_min_apply_delay");
  return out;
}

}  // namespace

std::expected<Document, std::string> accept_dynamic(const Document& raw, Problems& notes) {
  if (!raw.is_map())
    return std::unexpected(fmt::format("the dynamic configuration is {}, allowed: a mapping", describe(raw)));
  if (const Document* section = raw.find("postgresql"); section && section->truthy()) {
    if (!section->is_map()) return std::unexpected("postgresql is not a dictionary");
    if (const Document* parameters = section->find("parameters");
        parameters && parameters->truthy() && !parameters->is_map())
      return std::unexpected("postgresql.parameters is not a dictionary");
  }
  // Without those that it names an operator's slots would be dropped: what was in force before stays so.
  for (const auto key : kPermanentSlotsKeys)
    if (const Document* slots = raw.find(key); slots && slots->truthy() && !slots->is_map())
      return std::unexpected(fmt::format("{} is {}, allowed: a mapping", key, describe(*slots)));
  if (const Document* ignored = raw.find("ignore_slots"); ignored && ignored->truthy() && !ignored->is_list())
    return std::unexpected(fmt::format("ignore_slots is {}, allowed: a list", describe(*ignored)));
  // As with slots: to go on with less than was promised before is worse than to go on with what was.
  if (const auto wrong = zones_complaints(raw); !wrong.empty()) return std::unexpected(wrong.front());
  Document adjusted = raw;
  Problems found;
  const bool short_lease = Reader(raw, Scope::dynamic).boolean("tanist.short_lease");
  if (auto refused = Adjuster(adjusted, found, short_lease).run())
    return std::unexpected(*std::move(refused));
  validate(adjusted, Scope::dynamic, "dynamic configuration", found);
  for (auto& complaint : slot_complaints(adjusted))
    found.push_back(Problem{.severity = Severity::error,
                            .file = "dynamic configuration",
                            .key = std::move(complaint.key),
                            .text = std::move(complaint.text)});
  notes.insert(notes.end(), found.begin(), found.end());
  return adjusted;
}

std::expected<Document, std::string> accept_dynamic(const Document& raw) {
  Problems ignored;
  return accept_dynamic(raw, ignored);
}

namespace {

Timing timing_of(const Document& accepted) {
  const Reader reader(accepted, Scope::dynamic);
  const auto timing = [&](std::string_view name) {
    const Document* given = accepted.find(name);
    const auto number = given ? python_int(*given) : std::nullopt;
    return std::chrono::seconds(std::clamp<std::int64_t>(number.value_or(reader.integer(name)), 1,
                                                         std::numeric_limits<std::int32_t>::max()));
  };
  return {timing("ttl"), timing("loop_wait"), timing("retry_timeout")};
}

/// As members make it of the same configuration that know nothing of short leases.
Timing usual_timing_of(Document accepted) {
  Problems told_already;
  Adjuster(accepted, told_already, false).run();
  return timing_of(accepted);
}

}  // namespace

Dynamic build_dynamic(const Document& accepted) {
  const Reader reader(accepted, Scope::dynamic);
  Dynamic out;
  out.timing = timing_of(accepted);
  out.short_lease = reader.boolean("tanist.short_lease");
  out.usual_timing = out.short_lease ? usual_timing_of(accepted) : out.timing;
  out.maximum_lag_on_failover = reader.integer("maximum_lag_on_failover");
  out.primary_start_timeout = seconds_of(reader, "primary_start_timeout", "master_start_timeout");
  out.primary_stop_timeout = seconds_of(reader, "primary_stop_timeout", "master_stop_timeout");
  out.primary_race_backoff = seconds_of(reader, "primary_race_backoff", {});
  out.member_slots_ttl = seconds_of(reader, "member_slots_ttl", {});
  out.max_timelines_history = static_cast<int>(reader.integer("max_timelines_history"));
  out.check_timeline = reader.boolean("check_timeline");
  const Modes modes = modes_of(accepted);
  out.pause = modes.pause;
  out.failsafe_mode = modes.failsafe;
  out.standby_cluster = modes.standby_cluster;
  if (out.standby_cluster) out.remote = standby_cluster(reader);
  out.synchronous_mode = modes.synchronous;
  out.synchronous_mode_strict = modes.synchronous_strict;
  out.synchronous_node_count = static_cast<int>(
      std::min<std::int64_t>(reader.integer("synchronous_node_count"), std::numeric_limits<int>::max()));
  out.maximum_lag_on_syncnode = reader.integer("maximum_lag_on_syncnode");
  out.zones = zones_of(accepted);
  out.permanent_slots = permanent_slots(accepted, out.standby_cluster);
  out.ignored_slots = ignored_slots(accepted);
  out.standby_slots = reader.boolean("tanist.synchronized_standby_slots");
  out.slot_wal_warning_bytes = reader.integer("tanist.slot_wal_warning") * (1 << 20);
  out.raw = accepted;
  return out;
}

}  // namespace tanist::config
