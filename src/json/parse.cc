#include "json/parse.h"

#include <boost/json.hpp>
#include <charconv>
#include <limits>

#include "core/format.h"

namespace tanist {
namespace {

namespace json = boost::json;

/// Maps are searched from front to back; nothing that members exchange comes near this.
constexpr std::size_t kMostKeys = 10000;

bool too_many_keys(const json::value& v) {
  if (const auto* object = v.if_object()) {
    if (object->size() > kMostKeys) return true;
    for (const auto& [key, value] : *object)
      if (too_many_keys(value)) return true;
  } else if (const auto* array = v.if_array()) {
    for (const auto& item : *array)
      if (too_many_keys(item)) return true;
  }
  return false;
}

/// The token is an integer that no Document could hold.
bool is_huge_integer(std::string_view token) {
  if (token.find_first_of(".eE") != std::string_view::npos) return false;
  const std::string_view digits = token.substr(token.starts_with('-') ? 1 : 0);
  if (digits.size() > 1 && digits.front() == '0') return false;
  std::int64_t value = 0;
  return std::from_chars(token.data(), token.data() + token.size(), value).ec ==
         std::errc::result_out_of_range;
}

bool has_long_number(std::string_view text) {
  constexpr int kShort = std::numeric_limits<std::int64_t>::digits10;
  int digits = 0;
  for (const char c : text) {
    digits = c >= '0' && c <= '9' ? digits + 1 : 0;
    if (digits > kShort) return true;
  }
  return false;
}

/// Integers beyond 64 bits become text: as the nearest double they would be stored changed.
std::string quote_huge_integers(std::string_view text) {
  std::string out;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (in_string || !(c == '-' || (c >= '0' && c <= '9'))) {
      const bool escape = in_string && c == '\\' && i + 1 < text.size();
      if (c == '"') in_string = !in_string;
      out += text.substr(i, escape ? 2 : 1);
      i += escape ? 2 : 1;
      continue;
    }
    const auto token = text.substr(i, text.find_first_not_of("-+.0123456789eE", i) - i);
    const bool huge = is_huge_integer(token);
    if (huge) out += '"';
    out += token;
    if (huge) out += '"';
    i += token.size();
  }
  return out;
}

Document from_json(const json::value& v) {
  switch (v.kind()) {
    case json::kind::null: return {};
    case json::kind::bool_: return v.get_bool();
    case json::kind::int64: return v.get_int64();
    case json::kind::uint64: return std::to_string(v.get_uint64());
    case json::kind::double_: return v.get_double();
    case json::kind::string: return std::string(v.get_string());
    case json::kind::array: {
      Document out = Document::list();
      for (const auto& item : v.get_array()) out.push_back(from_json(item));
      return out;
    }
    case json::kind::object: {
      Document out = Document::map();
      out.entries().reserve(v.get_object().size());
      // Keys of a parsed object are distinct: the last of equal ones has won already.
      for (const auto& [key, value] : v.get_object())
        out.entries().push_back({std::string(std::string_view(key)), from_json(value), 0});
      return out;
    }
  }
  return {};
}

}  // namespace

std::expected<Document, std::string> parse_json(std::string_view text) {
  std::string quoted;
  if (has_long_number(text)) {
    quoted = quote_huge_integers(text);
    text = quoted;
  }
  json::parse_options options;
  options.max_depth = 64;
  boost::system::error_code ec;
  json::stream_parser parser({}, options);
  const std::size_t read = parser.write_some(text.data(), text.size(), ec);
  if (!ec) parser.finish(ec);
  if (!ec && text.find_first_not_of(" \t\r\n", read) != std::string_view::npos) ec = json::error::extra_data;
  if (ec) return std::unexpected(fmt::format("{} at byte {}", ec.message(), read));
  const json::value value = parser.release();
  if (too_many_keys(value)) return std::unexpected(fmt::format("more than {} keys in one object", kMostKeys));
  return from_json(value);
}

}  // namespace tanist
