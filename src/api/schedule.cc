#include "api/schedule.h"

#include <chrono>
#include <string>

#include "api/responses.h"
#include "core/format.h"
#include "dcs/codec.h"

namespace tanist::api {
namespace {

using namespace std::chrono_literals;

/// Everything beyond is a slip of the finger, and would not fit a clock.
constexpr auto kFurthestSchedule = 3653 * 24h;

}  // namespace

std::expected<WallTime, net::HttpResponse> parse_schedule(const Document& value, std::string_view action,
                                                          WallTime now) {
  const auto wrong = [](int status, std::string text) {
    return std::unexpected(text_body(status, std::move(text)));
  };
  const std::string text = value.is_string() ? value.as_string() : std::string();
  const auto at = dcs::parse_iso8601(text);
  if (!at && dcs::parse_iso8601(text + "Z"))
    return wrong(400, fmt::format("Timezone information is mandatory for the scheduled {}", action));
  if (!at)
    return wrong(422,
                 "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601");
  if (*at > now + kFurthestSchedule)
    return wrong(422, fmt::format("Cannot schedule {} more than ten years ahead", action));
  if (*at < now) return wrong(422, fmt::format("Cannot schedule {} in the past", action));
  return *at;
}

}  // namespace tanist::api
