#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/errors.h"
#include "config/keys/keys.h"
#include "core/document.h"

namespace tanist::config {

/// Checks a document against the table: unknown keys, wrong types and ranges, keys in the wrong place, keys
/// that this version does not serve. `file` names the source. In a local document a wrong value is an error;
/// in a dynamic one it is a warning, because the default takes its place.
void validate(const Document& document, Scope scope, std::string_view file, Problems& out);

/// `"abc" (a string)`, shortened; the value of a secret key is not shown.
std::string describe(const Document& value, const Key* key = nullptr);

/// Typed values by dotted path; a missing or unusable value gives the default that the table declares.
class Reader {
 public:
  Reader(const Document& document, Scope scope) : document_(document), scope_(scope) {}

  /// Present and not null.
  const Document* find(std::string_view path) const;
  std::string text(std::string_view path) const;
  std::int64_t integer(std::string_view path) const;
  double number(std::string_view path) const;
  bool boolean(std::string_view path) const;
  bool truth(std::string_view path) const;
  std::vector<std::string> texts(std::string_view path) const;

 private:
  const Key& declaration(std::string_view path) const;

  const Document& document_;
  Scope scope_;
};

}  // namespace tanist::config
