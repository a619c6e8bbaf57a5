#include "guard/message.h"

#include <algorithm>

namespace tanist::guard {

std::optional<Result> wrong_with(const Request& request, std::size_t bytes) {
  constexpr std::size_t kHead = 8;
  if (bytes < kHead || request.magic != kMagic) return Result::broken;
  if (request.version != kVersion) return Result::other_version;
  if (bytes != sizeof(Request)) return Result::broken;
  switch (request.kind) {
    case Kind::hello: return std::nullopt;
    case Kind::arm: return request.kill_at > 0 ? std::nullopt : std::optional(Result::broken);
    case Kind::disarm:
    case Kind::leave: return std::nullopt;
  }
  return Result::broken;
}

std::string_view why_of(const Request& request) {
  const char* const end = std::find(std::begin(request.why), std::end(request.why), '\0');
  return {request.why, static_cast<std::size_t>(end - request.why)};
}

void set_why(Request& request, std::string_view why) {
  std::fill(std::begin(request.why), std::end(request.why), '\0');
  std::copy_n(why.begin(), std::min(why.size(), sizeof request.why), request.why);
}

}  // namespace tanist::guard
