#include "dcs/codec.h"
#include "json/parse.h"

#include <algorithm>
#include <charconv>

#include "core/format.h"
#include "log/log.h"
#include "net/http.h"

TANIST_LOGGER("patroni.dcs");

namespace tanist::dcs {

namespace {

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::optional<std::int64_t> decimal(std::string_view text) {
  text = trim(text);
  std::int64_t out = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

/// An integer that may have come as text.
std::optional<std::int64_t> integer(const Document* value) {
  if (value == nullptr) return std::nullopt;
  if (value->is_int()) return value->as_int();
  if (value->is_double() && value->as_double() > -9e18 && value->as_double() < 9e18) {
    return static_cast<std::int64_t>(value->as_double());
  }
  if (value->is_string()) return decimal(value->as_string());
  return std::nullopt;
}

Lsn position(const Document* value) {
  const auto number = integer(value).value_or(0);
  return Lsn{number > 0 ? static_cast<std::uint64_t>(number) : 0};
}

Timeline timeline(const Document* value) {
  const auto number = integer(value).value_or(0);
  return Timeline{number > 0 && number <= 0xffffffff ? static_cast<std::uint32_t>(number) : 0};
}

std::string text(const Document* value) {
  if (value == nullptr || value->is_null() || !value->is_scalar()) return {};
  return value->text();
}

/// Reads what may be a value of its own or a JSON text that holds it.
std::optional<Document> nested(const Document* value) {
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (!value->is_string()) return *value;
  auto parsed = parse_json(value->as_string());
  return parsed ? std::optional<Document>(std::move(*parsed)) : std::nullopt;
}

const char* kind(const Document& value) {
  if (value.is_map()) return "an object";
  if (value.is_list()) return "an array";
  if (value.is_string()) return "a string";
  if (value.is_bool()) return "a boolean";
  return value.is_null() ? "null" : "a number";
}

class Decoder {
 public:
  explicit Decoder(const Tree& tree) : tree_(tree) {}

  Decoded run() {
    auto& cluster = out_.cluster;
    if (const auto* at = find(key::kInitialize)) {
      const auto* by = find(key::kInitializedBy);
      cluster.initialize = {at->version, true, at->value, by != nullptr && by->version == at->version};
    }
    if (const auto* at = find(key::kLeader)) cluster.leader = Leader{at->value, at->claim, at->version};
    leadership();
    config();
    status();
    members();
    failover();
    sync();
    history();
    failsafe();
    bootstrap_note();
    return std::move(out_);
  }

 private:
  void leadership() {
    const auto* at = find(key::kLeadership);
    if (at == nullptr) return;
    auto& cluster = out_.cluster;
    cluster.leadership_version = at->version;
    const auto data = object(key::kLeadership, *at);
    if (!data) return;
    cluster.leadership_name = text(data->find("name"));
    if (const auto from = timeline(data->find("timeline")))
      cluster.led_from = LedFrom{.timeline = from,
                                 .position = position(data->find("position")),
                                 .replayed = position(data->find("replayed")),
                                 .optime = position(data->find("optime")),
                                 .branch = text(data->find("branch")),
                                 .next = text(data->find("next"))};
  }

  const KeyValue* find(std::string_view key) const {
    const auto found = tree_.find(key);
    return found != tree_.end() ? &found->second : nullptr;
  }

  void broken(std::string_view key, Version version, std::string why) {
    out_.broken.push_back({std::string(key), version, std::move(why)});
  }

  /// The JSON object at `key`; nullopt, and reported, when it is none.
  std::optional<Document> object(std::string_view key, const KeyValue& at) {
    auto parsed = parse_json(at.value);
    if (!parsed) {
      broken(key, at.version, "invalid JSON: " + parsed.error());
      return std::nullopt;
    }
    if (!parsed->is_map()) {
      broken(key, at.version, fmt::format("expected a JSON object, found {}", kind(*parsed)));
      return std::nullopt;
    }
    return std::move(*parsed);
  }

  void config() {
    const auto* at = find(key::kConfig);
    if (at == nullptr) return;
    auto& config = out_.cluster.config;
    config.version = at->version;
    if (auto data = object(key::kConfig, *at)) {
      config.data = std::move(*data);
      config.valid = true;
    }
  }

  void status() {
    auto& cluster = out_.cluster;
    if (const auto* at = find(key::kStatus)) {
      cluster.status_present = true;
      cluster.status_version = at->version;
      const auto parsed = parse_json(at->value);
      if (parsed && parsed->is_int()) {
        cluster.status.optime = position(&*parsed);
      } else if (parsed && parsed->is_map()) {
        read_status(*parsed, *at);
      } else {
        broken(key::kStatus, at->version,
               parsed ? fmt::format("expected a JSON object, found {}", kind(*parsed))
                      : "invalid JSON: " + parsed.error());
      }
    } else if (const auto* legacy = find(key::kLegacyOptime)) {
      cluster.status_present = true;
      const auto number = decimal(legacy->value);
      if (number && *number > 0) cluster.status.optime = Lsn{static_cast<std::uint64_t>(*number)};
      if (!number)
        broken(key::kLegacyOptime, legacy->version,
               fmt::format("expected a number, found '{}'", legacy->value));
    }
  }

  void read_status(const Document& data, const KeyValue& at) {
    auto& status = out_.cluster.status;
    status.optime = position(data.find("optime"));
    if (const auto slots = nested(data.find("slots")); slots && slots->is_map()) {
      for (const auto& [name, value, line] : slots->entries()) status.slots[name] = position(&value);
    } else if (const auto* raw = data.find("slots"); raw != nullptr && !raw->is_null()) {
      broken(key::kStatus, at.version, "slots is no object");
    }
    if (const auto retained = nested(data.find("retain_slots")); retained && retained->is_list()) {
      for (const auto& name : retained->as_list()) {
        if (name.is_string()) status.retain_slots.push_back(name.as_string());
      }
    } else if (const auto* raw = data.find("retain_slots"); raw != nullptr && !raw->is_null()) {
      broken(key::kStatus, at.version, "retain_slots is no array");
    }
  }

  void members() {
    for (auto at = tree_.lower_bound(key::kMembers); at != tree_.end(); ++at) {
      if (!at->first.starts_with(key::kMembers)) break;
      const std::string name = at->first.substr(key::kMembers.size());
      if (name.empty() || name.find('/') != std::string::npos) continue;
      Member member;
      member.name = name;
      member.claim = at->second.claim;
      member.version = at->second.version;
      read_member(member, at->first, at->second);
      out_.cluster.members.emplace(name, std::move(member));
    }
  }

  void read_member(Member& member, const std::string& key, const KeyValue& at) {
    if (at.value.starts_with("postgres")) return read_legacy_member(member, at.value);
    auto data = object(key, at);
    if (!data) return;
    member.conn_url = text(data->find("conn_url"));
    member.api_url = text(data->find("api_url"));
    member.proxy_url = text(data->find("proxy_url"));
    if (auto state = text(data->find("state")); !state.empty()) member.state = std::move(state);
    member.role = text(data->find("role"));
    if (member.role == "master") member.role = "primary";
    member.patroni_version = text(data->find("version"));
    member.tanist_version = text(data->find("tanist_version"));
    member.xlog_location = position(data->find("xlog_location"));
    member.replay_lsn = position(data->find("replay_lsn"));
    member.receive_lsn = position(data->find("receive_lsn"));
    member.replication_state = text(data->find("replication_state"));
    member.timeline = timeline(data->find("timeline"));
    if (const auto* tags = data->find("tags"); tags != nullptr && tags->is_map()) member.tags = *tags;
    const auto truthy = [&](std::string_view name) {
      const auto* value = data->find(name);
      return value != nullptr && value->truthy();
    };
    member.pause = truthy("pause");
    member.pending_restart = truthy("pending_restart");
    const auto* checkpoint = data->find("checkpoint_after_promote");
    member.checkpoint_after_promote_pending = checkpoint != nullptr && !checkpoint->is_null();
    member.raw = std::move(*data);
  }

  /// `postgres://host:port/db?application_name=<api_url>` of ancient members.
  static void read_legacy_member(Member& member, std::string_view value) {
    const auto mark = value.find('?');
    member.conn_url = std::string(value.substr(0, mark));
    member.raw = Document::map();
    if (mark != std::string_view::npos) {
      for (auto& [name, decoded] : net::parse_query(value.substr(mark + 1))) {
        if (name == "application_name") member.api_url = std::move(decoded);
      }
    }
    member.raw.set("conn_url", member.conn_url);
    member.raw.set("api_url", member.api_url);
  }

  void failover() {
    const auto* at = find(key::kFailover);
    if (at == nullptr) return;
    auto& failover = out_.cluster.failover;
    failover.version = at->version;
    const auto parsed = parse_json(at->value);
    if (!parsed) {
      // Ancient form: `leader[:candidate]`.
      const std::string_view line = trim(at->value);
      const auto colon = line.find(':');
      failover.leader = std::string(trim(line.substr(0, colon)));
      if (colon != std::string_view::npos) failover.candidate = std::string(trim(line.substr(colon + 1)));
      return;
    }
    if (!parsed->is_map()) {
      return broken(key::kFailover, at->version,
                    fmt::format("expected a JSON object, found {}", kind(*parsed)));
    }
    failover.leader = text(parsed->find("leader"));
    failover.candidate = text(parsed->find("member"));
    const auto* schedule = parsed->find("scheduled_at");
    if (schedule == nullptr || !schedule->truthy()) return;
    if (schedule->is_string()) failover.scheduled_at = parse_iso8601(schedule->as_string());
    if (!failover.scheduled_at) {
      failover.invalid_schedule = schedule->text();
      broken(key::kFailover, at->version,
             fmt::format("scheduled_at is no time with an offset: {}", schedule->text()));
    }
  }

  void sync() {
    const auto* at = find(key::kSync);
    if (at == nullptr) return;
    auto& sync = out_.cluster.sync;
    sync.version = at->version;
    const auto data = object(key::kSync, *at);
    if (!data) return;
    sync.leader = text(data->find("leader"));
    const std::string standbys = text(data->find("sync_standby"));
    std::string_view rest = standbys;
    while (!rest.empty()) {
      const auto item = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(rest.size(), item.size() + 1));
      if (const auto name = trim(item); !name.empty()) sync.voters.emplace_back(name);
    }
    if (sync.active()) sync.quorum = static_cast<int>(integer(data->find("quorum")).value_or(0));
  }

  void history() {
    const auto* at = find(key::kHistory);
    if (at == nullptr) return;
    auto& history = out_.cluster.history;
    history.version = at->version;
    const auto parsed = parse_json(at->value);
    if (!parsed || !parsed->is_list()) {
      return broken(key::kHistory, at->version,
                    parsed ? fmt::format("expected a JSON array, found {}", kind(*parsed))
                           : "invalid JSON: " + parsed.error());
    }
    history.empty_list = trim(at->value) == "[]";
    for (const auto& row : parsed->as_list()) {
      const auto item = [&](std::size_t i) { return row.size() > i ? &row.as_list()[i] : nullptr; };
      if (!row.is_list() || row.size() < 3 || !timeline(item(0)) || !integer(item(1))) {
        history.lines.clear();
        return broken(key::kHistory, at->version, "a row is not [timeline, LSN, reason, …]: " + to_json(row));
      }
      history.lines.push_back(
          {timeline(item(0)), position(item(1)), text(item(2)), text(item(3)), text(item(4))});
      history.incomplete = row.size() != 5;
    }
  }

  void failsafe() {
    const auto* at = find(key::kFailsafe);
    if (at == nullptr) return;
    auto& cluster = out_.cluster;
    cluster.failsafe_version = at->version;
    const auto data = object(key::kFailsafe, *at);
    cluster.failsafe_broken = !data;
    if (!data) return;
    cluster.failsafe.emplace();
    for (const auto& [name, url, line] : data->entries()) cluster.failsafe->emplace(name, text(&url));
  }

  void bootstrap_note() {
    const auto* at = find(key::kBootstrapNote);
    if (at == nullptr) return;
    auto& note = out_.cluster.bootstrap_note;
    note.version = at->version;
    note.claim = at->claim;
    const auto data = object(key::kBootstrapNote, *at);
    if (!data) return;
    note.name = text(data->find("name"));
    note.incarnation = text(data->find("incarnation"));
  }

  const Tree& tree_;
  Decoded out_;
};

struct Digits {
  std::string_view rest;
  bool good = true;

  int number(std::size_t width) {
    int out = 0;
    if (rest.size() < width) good = false;
    for (std::size_t i = 0; good && i < width; ++i) {
      good = rest[i] >= '0' && rest[i] <= '9';
      out = out * 10 + (rest[i] - '0');
    }
    if (good) rest.remove_prefix(width);
    return out;
  }
  bool skip(std::string_view any_of) {
    if (rest.empty() || any_of.find(rest[0]) == std::string_view::npos) return false;
    rest.remove_prefix(1);
    return true;
  }
  void expect(std::string_view any_of) { good = good && skip(any_of); }
};

}  // namespace

Decoded decode(const Tree& tree) {
  return Decoder(tree).run();
}

std::map<int, Tree> split_groups(const Tree& scope) {
  std::map<int, Tree> out;
  for (const auto& [path, value] : scope) {
    const auto slash = path.find('/');
    const std::string_view group = std::string_view(path).substr(0, slash);
    const bool number = group == "0" || (!group.empty() && group.front() >= '1' && group.front() <= '9');
    int parsed = 0;
    const auto [end, ec] = std::from_chars(group.data(), group.data() + group.size(), parsed);
    if (slash == std::string::npos || !number || ec != std::errc() || end != group.data() + group.size())
      continue;
    out[parsed].emplace(path.substr(slash + 1), value);
  }
  return out;
}

namespace {

/// `Z`, `UTC`, `GMT`, `+HH`, `+HHMM` or `+HH:MM`.
std::optional<std::chrono::minutes> zone_of(std::string_view text) {
  using std::chrono::minutes;
  for (const std::string_view name : {"Z", "z", "UTC", "GMT"})
    if (text == name) return minutes(0);
  Digits in{text};
  const bool west = text.starts_with('-');
  in.expect("+-");
  const int hour = in.number(2);
  in.skip(":");
  const int minute = in.rest.empty() ? 0 : in.number(2);
  if (!in.good || !in.rest.empty() || text.ends_with(':') || hour > 23 || minute > 59) return std::nullopt;
  const minutes out(hour * 60 + minute);
  return west ? -out : out;
}

}  // namespace

std::optional<WallTime> parse_iso8601(std::string_view text) {
  using namespace std::chrono;
  Digits in{trim(text)};
  const int year = in.number(4);
  // The basic form of the standard goes without separators, of date and time each.
  const bool dashes = in.skip("-");
  const int month = in.number(2);
  if (dashes) in.expect("-");
  const int day = in.number(2);
  int hour = 0;
  int minute = 0;
  int second = 0;
  std::int64_t micros = 0;
  const bool timed = in.rest.size() > 1 && in.rest[1] >= '0' && in.rest[1] <= '9';
  if (in.good && timed && in.skip("Tt ")) {
    const auto digit_next = [&] { return !in.rest.empty() && in.rest[0] >= '0' && in.rest[0] <= '9'; };
    hour = in.number(2);
    const bool colons = in.good && in.skip(":");
    if (colons || digit_next()) minute = in.number(2);
    if (in.good && (colons ? in.skip(":") : digit_next())) {
      second = in.number(2);
      if (in.good && in.skip(".,")) {
        std::int64_t unit = 100000;
        std::size_t digits = 0;
        for (; digit_next(); ++digits, unit /= 10) {
          micros += unit * (in.rest[0] - '0');
          in.rest.remove_prefix(1);
        }
        in.good = digits > 0;
      }
    }
  }
  in.skip(" ");
  const auto zone = in.good ? zone_of(in.rest) : std::nullopt;
  const year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day))};
  if (!zone || !date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  return WallTime(sys_days(date) + hours(hour) + minutes(minute) + std::chrono::seconds(second) +
                  microseconds(micros) - *zone);
}

void BrokenKeyLog::report(const std::vector<BrokenKey>& broken) {
  std::map<std::string, Version> now;
  for (const auto& [key, version, why] : broken) {
    const bool fresh = now.emplace(key, version).second;
    const auto before = reported_.find(key);
    if (fresh && (before == reported_.end() || before->second != version))
      log::warning("cannot read /{} (version {}): {}", key, version.text(), why);
  }
  reported_ = std::move(now);
}

}  // namespace tanist::dcs
