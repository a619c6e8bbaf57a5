#include "ctl/show/yaml_writer.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "config/yaml/yaml.h"
#include "core/format.h"
#include "ctl/show/unicode.h"

namespace tanist::ctl {

namespace {

constexpr std::size_t kWidth = 200;
constexpr int kIndent = 2;

bool digit(char c) {
  return c >= '0' && c <= '9';
}

/// Reads `least` to `most` digits; false when there are fewer.
bool digits(std::string_view& text, std::size_t least, std::size_t most) {
  std::size_t n = 0;
  while (n < most && n < text.size() && digit(text[n])) ++n;
  text.remove_prefix(n);
  return n >= least;
}

bool literal(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

void blanks(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
}

/// YAML 1.1 reads these as dates and times.
bool is_timestamp(std::string_view text) {
  std::string_view day = text;
  if (digits(day, 4, 4) && literal(day, '-') && digits(day, 2, 2) && literal(day, '-') && digits(day, 2, 2) &&
      day.empty()) {
    return true;
  }
  if (!digits(text, 4, 4) || !literal(text, '-') || !digits(text, 1, 2) || !literal(text, '-') ||
      !digits(text, 1, 2)) {
    return false;
  }
  if (!literal(text, 'T') && !literal(text, 't')) {
    if (text.empty() || (text[0] != ' ' && text[0] != '\t')) return false;
    blanks(text);
  }
  if (!digits(text, 1, 2) || !literal(text, ':') || !digits(text, 2, 2) || !literal(text, ':') ||
      !digits(text, 2, 2)) {
    return false;
  }
  if (literal(text, '.')) digits(text, 0, text.size());
  blanks(text);
  if (text.empty() || text == "Z") return true;
  if (!literal(text, '+') && !literal(text, '-')) return false;
  if (!digits(text, 1, 2)) return false;
  return text.empty() || (literal(text, ':') && digits(text, 2, 2) && text.empty());
}

/// A plain scalar of this text would be read as a string.
bool reads_as_text(const std::string& text) {
  if (text == "=" || text == "<<" || is_timestamp(text)) return false;
  const auto resolved = config::resolve_plain_scalar(text);
  return resolved && resolved->is_string();
}

/// In which styles a text can be written.
struct Analysis {
  bool plain_in_flow = true;
  bool plain_in_block = true;
  bool single_quoted = true;
  bool multiline = false;
};

bool is_break(char32_t c) {
  return c == '\n' || c == 0x85 || c == 0x2028 || c == 0x2029;
}
bool is_space(char32_t c) {
  return c == 0 || c == ' ' || c == '\t' || c == '\r' || is_break(c);
}
bool one_of(std::u32string_view set, char32_t c) {
  return set.find(c) != std::u32string_view::npos;
}

Analysis analyse(const std::string& text) {
  Analysis out;
  const auto chars = code_points(text);
  bool block = text.starts_with("---") || text.starts_with("...");
  bool flow = block;
  bool special = false;
  bool edge_space = false;
  bool break_space = false;
  bool space_break = false;
  bool after_space = true;
  bool previous_space = false;
  bool previous_break = false;
  for (std::size_t i = 0; i < chars.size(); ++i) {
    const char32_t c = chars[i];
    const bool before_space = i + 1 >= chars.size() || is_space(chars[i + 1]);
    if (i == 0) {
      if (one_of(U"#,[]{}&*!|>'\"%@`", c)) flow = block = true;
      if (c == '?' || c == ':') {
        flow = true;
        block |= before_space;
      }
      if (c == '-' && before_space) flow = block = true;
    } else {
      if (one_of(U",?[]{}", c)) flow = true;
      if (c == ':') {
        flow = true;
        block |= before_space;
      }
      if (c == '#' && after_space) flow = block = true;
    }
    const bool ascii = c == '\n' || (c >= 0x20 && c <= 0x7e);
    const bool printable = c == 0x85 || (c >= 0xa0 && c <= 0xd7ff) ||
                           (c >= 0xe000 && c <= 0xfffd && c != 0xfeff) || (c >= 0x10000 && c <= 0x10ffff);
    special |= !ascii && !printable;
    const bool edge = i == 0 || i + 1 == chars.size();
    if (c == ' ' || is_break(c)) edge_space |= edge;
    out.multiline |= is_break(c);
    break_space |= c == ' ' && previous_break;
    space_break |= is_break(c) && previous_space;
    previous_space = c == ' ';
    previous_break = is_break(c);
    after_space = is_space(c);
  }
  out.single_quoted = !break_space && !space_break && !special;
  const bool plain = out.single_quoted && !edge_space && !out.multiline;
  out.plain_in_flow = plain && !flow;
  out.plain_in_block = plain && !block;
  return out;
}

std::string double_quoted(const std::string& text) {
  std::string out = "\"";
  std::size_t at = 0;
  for (const char32_t c : code_points(text)) {
    const std::size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    switch (c) {
      case 0: out += "\\0"; break;
      case 7: out += "\\a"; break;
      case 8: out += "\\b"; break;
      case 9: out += "\\t"; break;
      case 10: out += "\\n"; break;
      case 11: out += "\\v"; break;
      case 12: out += "\\f"; break;
      case 13: out += "\\r"; break;
      case 27: out += "\\e"; break;
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case 0x85: out += "\\N"; break;
      case 0x2028: out += "\\L"; break;
      case 0x2029: out += "\\P"; break;
      case 0xfeff: out += "\\uFEFF"; break;
      default:
        if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
          out += fmt::format("\\x{:02X}", static_cast<unsigned>(c));
        } else if (c == U'\ufffd' && text.compare(at, 3, "\xef\xbf\xbd") != 0) {
          out += "\\uFFFD";
          at += 1;
          continue;
        } else {
          out += text.substr(at, length);
        }
    }
    at += length;
  }
  return out + "\"";
}

class Writer {
 public:
  void block(const Document& value, int indent, bool in_map) {
    if (value.is_map() && value.size() != 0) {
      block_map(value, indent);
    } else if (value.is_list() && value.size() != 0) {
      // A list under a key stands where the key stands.
      block_list(value, in_map ? indent - kIndent : indent);
    } else {
      scalar(value, false, false, indent);
      out_ += '\n';
    }
  }

  void flow(const Document& value) {
    if (value.is_map()) {
      out_ += '{';
      bool first = true;
      for (const auto* entry : sorted(value)) {
        if (!std::exchange(first, false)) out_ += ", ";
        text(entry->key, true, true, 0);
        out_ += ": ";
        flow(entry->value);
      }
      out_ += '}';
    } else if (value.is_list()) {
      out_ += '[';
      bool first = true;
      for (const auto& item : value.as_list()) {
        if (!std::exchange(first, false)) out_ += ", ";
        flow(item);
      }
      out_ += ']';
    } else {
      scalar(value, true, false, 0);
    }
  }

  std::string take() { return std::move(out_); }

 private:
  static std::vector<const Document::Entry*> sorted(const Document& map) {
    std::vector<const Document::Entry*> out;
    for (const auto& entry : map.entries()) out.push_back(&entry);
    std::ranges::sort(out, {}, [](const auto* e) -> const std::string& { return e->key; });
    return out;
  }

  void block_map(const Document& map, int indent) {
    bool first = true;
    for (const auto* entry : sorted(map)) {
      if (!std::exchange(first, false)) out_.append(static_cast<std::size_t>(indent), ' ');
      text(entry->key, false, true, indent);
      out_ += ':';
      const Document& value = entry->value;
      const bool nested = (value.is_map() || value.is_list()) && value.size() != 0;
      if (nested) {
        out_ += '\n';
        out_.append(static_cast<std::size_t>(value.is_map() ? indent + kIndent : indent), ' ');
      } else {
        out_ += ' ';
      }
      block(value, indent + kIndent, true);
    }
  }

  void block_list(const Document& list, int indent) {
    bool first = true;
    for (const auto& item : list.as_list()) {
      if (!std::exchange(first, false)) out_.append(static_cast<std::size_t>(indent), ' ');
      out_ += "- ";
      block(item, indent + kIndent, false);
    }
  }

  void scalar(const Document& value, bool in_flow, bool is_key, int indent) {
    if (value.is_null()) {
      out_ += "null";
    } else if (value.is_bool()) {
      out_ += value.as_bool() ? "true" : "false";
    } else if (value.is_int()) {
      out_ += std::to_string(value.as_int());
    } else if (value.is_double()) {
      out_ += number(value);
    } else if (value.is_map()) {
      out_ += "{}";
    } else if (value.is_list()) {
      out_ += "[]";
    } else {
      text(value.as_string(), in_flow, is_key, indent);
    }
  }

  static std::string number(const Document& value) {
    std::string out = value.text();
    if (out == "inf" || out == "-inf" || out == "nan") return out.insert(out[0] == '-' ? 1 : 0, ".");
    if (out.find('.') == std::string::npos) {
      if (const auto e = out.find('e'); e != std::string::npos) out.insert(e, ".0");
    }
    return out;
  }

  void text(const std::string& value, bool in_flow, bool is_key, int indent) {
    const Analysis styles = analyse(value);
    const bool plain = (in_flow ? styles.plain_in_flow : styles.plain_in_block) && !value.empty();
    const bool may_fold = !is_key && !in_flow;
    if (plain && reads_as_text(value)) {
      folded(value, may_fold, indent, false);
    } else if (styles.single_quoted && !((is_key || in_flow) && styles.multiline)) {
      out_ += '\'';
      folded(value, may_fold, indent, true);
      out_ += '\'';
    } else {
      out_ += double_quoted(value);
    }
  }

  std::size_t column() const {
    const auto line = out_.rfind('\n');
    const auto begin = out_.begin() + static_cast<std::ptrdiff_t>(line == std::string::npos ? 0 : line + 1);
    // Characters, not bytes: those that continue one are not counted.
    return static_cast<std::size_t>(std::count_if(
        begin, out_.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
  }

  void new_line(int indent) {
    out_ += '\n';
    out_.append(static_cast<std::size_t>(indent), ' ');
  }

  /// Breaks a long line at single blanks. In quotes a line break of the text becomes an empty line.
  void folded(const std::string& value, bool may_fold, int indent, bool quoted) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      const char c = value[i];
      if (c == ' ') {
        const bool single = (i == 0 || value[i - 1] != ' ') && i + 1 < value.size() && value[i + 1] != ' ';
        if (single && may_fold && column() > kWidth && i != 0) {
          new_line(indent);
        } else {
          out_ += ' ';
        }
      } else if (c == '\n') {
        if (i == 0 || value[i - 1] != '\n') out_ += '\n';
        out_ += '\n';
        if (i + 1 < value.size() && value[i + 1] != '\n') out_.append(static_cast<std::size_t>(indent), ' ');
        if (i + 1 == value.size()) out_.append(static_cast<std::size_t>(indent), ' ');
      } else {
        out_ += c;
        if (quoted && c == '\'') out_ += '\'';
      }
    }
  }

  std::string out_;
};

}  // namespace

std::string to_yaml(const Document& value) {
  Writer writer;
  const bool top_scalar = value.is_scalar();
  writer.block(value, 0, false);
  std::string out = writer.take();
  // PyYAML ends a lone plain scalar with the document's end mark.
  if (top_scalar && out[0] != '\'' && out[0] != '"') out += "...\n";
  return out;
}

std::string to_flow_yaml(const Document& value) {
  Writer writer;
  writer.flow(value);
  return writer.take();
}

}  // namespace tanist::ctl
