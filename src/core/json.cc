#include <utility>

#include "core/document.h"
#include "core/format.h"

/// A Document as JSON text. Reading it is in json/, which needs a library.
namespace tanist {
namespace {

void append_escape(std::string& out, std::uint32_t code) {
  if (code >= 0x10000) {
    code -= 0x10000;
    out += fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + (code >> 10), 0xdc00 + (code & 0x3ff));
  } else {
    out += fmt::format("\\u{:04x}", code);
  }
}

/// Decodes one UTF-8 sequence at `i` and moves past it; a broken one becomes U+FFFD.
std::uint32_t next_code_point(const std::string& s, std::size_t& i) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(s[at]); };
  const unsigned char first = byte(i++);
  int more = first >= 0xf0 && first < 0xf8 ? 3 : first >= 0xe0 ? 2 : first >= 0xc2 ? 1 : -1;
  if (first >= 0xf8) more = -1;
  if (more < 0) return 0xfffd;
  std::uint32_t code = first & (0x3f >> more);
  for (; more > 0; --more) {
    if (i >= s.size() || (byte(i) & 0xc0) != 0x80) return 0xfffd;
    code = (code << 6) | (byte(i++) & 0x3f);
  }
  return code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0xfffd : code;
}

void append_string(std::string& out, const std::string& s) {
  out += '"';
  for (std::size_t i = 0; i < s.size();) {
    const auto c = static_cast<unsigned char>(s[i]);
    if (c >= 0x80) {
      append_escape(out, next_code_point(s, i));
      continue;
    }
    ++i;
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      default:
        if (c < 0x20 || c == 0x7f) {
          append_escape(out, c);
        } else {
          out += static_cast<char>(c);
        }
    }
  }
  out += '"';
}

void append(std::string& out, const Document& d, std::string_view comma, std::string_view colon) {
  if (d.is_null()) {
    out += "null";
  } else if (d.is_bool()) {
    out += d.as_bool() ? "true" : "false";
  } else if (d.is_string()) {
    append_string(out, d.as_string());
  } else if (d.is_list()) {
    out += '[';
    bool first = true;
    for (const auto& item : d.as_list()) {
      if (!std::exchange(first, false)) out += comma;
      append(out, item, comma, colon);
    }
    out += ']';
  } else if (d.is_map()) {
    out += '{';
    bool first = true;
    for (const auto& [key, value, line] : d.entries()) {
      if (!std::exchange(first, false)) out += comma;
      append_string(out, key);
      out += colon;
      append(out, value, comma, colon);
    }
    out += '}';
  } else {
    const std::string text = d.text();
    out += text == "nan" || text == "inf" || text == "-inf" ? "null" : text;
  }
}

}  // namespace

std::string to_json(const Document& d) {
  std::string out;
  append(out, d, ",", ":");
  return out;
}

std::string to_spaced_json(const Document& d) {
  std::string out;
  append(out, d, ", ", ": ");
  return out;
}

}  // namespace tanist
