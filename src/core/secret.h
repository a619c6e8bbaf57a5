#pragma once

#include <string>
#include <utility>

namespace tanist {

/// A password or token. It has no formatter, no stream operator and no conversion, so it cannot slip into a
/// log, an error, a journal or a REST answer; whoever needs the text says so with reveal().
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  const std::string& reveal() const { return text_; }
  bool empty() const { return text_.empty(); }
  bool operator==(const Secret&) const = default;

 private:
  std::string text_;
};

}  // namespace tanist
