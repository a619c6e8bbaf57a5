#include "ctl/schedule.h"

#include <charconv>
#include <ctime>
#include <string_view>

#include "config/addresses.h"
#include "core/format.h"
#include "ctl/settings.h"

namespace tanist::ctl {

namespace {

using namespace std::chrono_literals;

std::tm local(WallTime when) {
  const std::time_t whole = unix_seconds(when);
  std::tm out{};
  ::localtime_r(&whole, &out);
  return out;
}

std::string formatted(WallTime when, const char* format) {
  const std::tm at = local(when);
  char text[48];
  const std::size_t length = std::strftime(text, sizeof text, format, &at);
  return {text, length};
}

/// Reads a text from its beginning to its end.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }
  bool skip(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  /// Exactly so many digits.
  std::optional<int> digits(std::size_t count) {
    if (rest_.size() < count) return std::nullopt;
    int out = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + count, out);
    if (error != std::errc{} || end != rest_.data() + count || rest_[0] == '-') return std::nullopt;
    rest_.remove_prefix(count);
    return out;
  }
  /// Of a second, one to nine digits: whole microseconds.
  std::optional<std::chrono::microseconds> fraction() {
    std::int64_t out = 0;
    std::size_t count = 0;
    for (; !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; rest_.remove_prefix(1), ++count)
      if (count < 6) out = out * 10 + (rest_[0] - '0');
    if (count == 0 || count > 9) return std::nullopt;
    for (; count < 6; ++count) out *= 10;
    return std::chrono::microseconds(out);
  }
  /// How the text goes on, nothing taken.
  bool at(std::size_t position, char c) const { return rest_.size() > position && rest_[position] == c; }

 private:
  std::string_view rest_;
};

struct Written {
  std::chrono::year_month_day day;
  std::chrono::microseconds of_day{};
  /// From UTC; nullopt: it names no zone.
  std::optional<std::chrono::minutes> offset;
};

std::optional<std::chrono::year_month_day> read_day(Reader& in) {
  const auto year = in.digits(4);
  if (!year || !in.skip('-')) return std::nullopt;
  const auto month = in.digits(2);
  if (!month || !in.skip('-')) return std::nullopt;
  const auto day = in.digits(2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day out{std::chrono::year(*year),
                                        std::chrono::month(static_cast<unsigned>(*month)),
                                        std::chrono::day(static_cast<unsigned>(*day))};
  return out.ok() ? std::optional(out) : std::nullopt;
}

std::optional<std::chrono::microseconds> read_time(Reader& in) {
  const auto hour = in.digits(2);
  if (!hour || *hour > 23 || !in.skip(':')) return std::nullopt;
  const auto minute = in.digits(2);
  if (!minute || *minute > 59) return std::nullopt;
  std::chrono::microseconds out = std::chrono::hours(*hour) + std::chrono::minutes(*minute);
  if (!in.skip(':')) return out;
  const auto second = in.digits(2);
  if (!second || *second > 59) return std::nullopt;
  out += std::chrono::seconds(*second);
  if (!in.skip('.') && !in.skip(',')) return out;
  const auto fraction = in.fraction();
  if (!fraction) return std::nullopt;
  return out + *fraction;
}

/// `Z`, `+01`, `+0100`, `+01:00`.
std::optional<std::chrono::minutes> read_offset(Reader& in) {
  if (in.skip('Z') || in.skip('z')) return 0min;
  const bool negative = in.skip('-');
  if (!negative && !in.skip('+')) return std::nullopt;
  const auto hours = in.digits(2);
  if (!hours) return std::nullopt;
  std::optional<int> minutes = 0;
  if (!in.done()) {
    in.skip(':');
    minutes = in.digits(2);
  }
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const auto out = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
  return negative ? -out : out;
}

std::chrono::year_month_day today(WallTime now) {
  const std::tm at = local(now);
  return {std::chrono::year(at.tm_year + 1900), std::chrono::month(static_cast<unsigned>(at.tm_mon + 1)),
          std::chrono::day(static_cast<unsigned>(at.tm_mday))};
}

std::optional<Written> read(std::string_view text, WallTime now) {
  Reader in(text);
  Written out;
  const bool time_only = in.at(2, ':');
  if (time_only) {
    out.day = today(now);
  } else {
    const auto day = read_day(in);
    if (!day) return std::nullopt;
    out.day = *day;
    if (in.done()) return out;
    if (!in.skip('T') && !in.skip('t') && !in.skip(' ')) return std::nullopt;
  }
  const auto time = read_time(in);
  if (!time) return std::nullopt;
  out.of_day = *time;
  in.skip(' ');
  if (in.done()) return out;
  out.offset = read_offset(in);
  return out.offset && in.done() ? std::optional(out) : std::nullopt;
}

/// By this host's zone; a time that the change to summer time leaves out is taken as the C library does.
std::pair<WallTime, std::chrono::minutes> in_local_zone(const Written& written) {
  std::tm fields{};
  fields.tm_year = static_cast<int>(written.day.year()) - 1900;
  fields.tm_mon = static_cast<int>(static_cast<unsigned>(written.day.month())) - 1;
  fields.tm_mday = static_cast<int>(static_cast<unsigned>(written.day.day()));
  const auto whole = std::chrono::floor<std::chrono::seconds>(written.of_day);
  fields.tm_hour = static_cast<int>(whole / 1h);
  fields.tm_min = static_cast<int>(whole / 1min % 60);
  fields.tm_sec = static_cast<int>(whole.count() % 60);
  fields.tm_isdst = -1;
  const std::time_t at = ::mktime(&fields);
  return {WallTime(std::chrono::seconds(at)) + (written.of_day - whole),
          std::chrono::duration_cast<std::chrono::minutes>(std::chrono::seconds(fields.tm_gmtoff))};
}

std::string iso_text(WallTime at, std::chrono::minutes offset) {
  const auto there = at + offset;
  const auto days = std::chrono::floor<std::chrono::days>(there);
  const std::chrono::year_month_day day(days);
  const auto of_day = there - days;
  const auto whole = std::chrono::floor<std::chrono::seconds>(of_day);
  std::string out = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(day.year()),
                                static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()),
                                whole / 1h, whole / 1min % 60, whole.count() % 60);
  if (of_day != whole)
    out +=
        fmt::format(".{:06}", std::chrono::duration_cast<std::chrono::microseconds>(of_day - whole).count());
  const auto distance = offset < 0min ? -offset : offset;
  return out + fmt::format("{}{:02}:{:02}", offset < 0min ? '-' : '+', distance / 1h, distance.count() % 60);
}

}  // namespace

std::optional<Schedule> parse_schedule(const std::string& text, WallTime now) {
  if (text.empty() || text == "now") return std::nullopt;
  const auto written = read(config::trim(text), now);
  if (!written)
    throw Failure(fmt::format(
        "Unable to parse scheduled timestamp ({}). It should be in an unambiguous format (e.g. ISO 8601)",
        text));
  if (!written->offset) {
    const auto [at, offset] = in_local_zone(*written);
    return Schedule{.at = at, .iso = iso_text(at, offset)};
  }
  const WallTime at = std::chrono::sys_days(written->day) + written->of_day - *written->offset;
  return Schedule{.at = at, .iso = iso_text(at, *written->offset)};
}

std::string an_hour_from(WallTime now) {
  return formatted(now + 1h, "%Y-%m-%dT%H:%M");
}

std::string local_time(WallTime when) {
  return formatted(when, "%Y-%m-%d %H:%M:%S");
}

std::string local_timestamp(WallTime when) {
  constexpr int kMicrosecondsOfADigit = 10;
  const auto fraction = when - std::chrono::floor<std::chrono::seconds>(when);
  return local_time(when) + fmt::format(".{:05}", fraction.count() / kMicrosecondsOfADigit);
}

}  // namespace tanist::ctl
