#include "setup/yaml_text.h"

#include <algorithm>
#include <cctype>

#include "config/yaml/yaml.h"
#include "core/format.h"

namespace tanist::setup {
namespace {

constexpr int kIndent = 2;

bool is_plain(const std::string& text) {
  constexpr std::string_view kNotFirst = "-?:,[]{}#&*!|>'\"%@`=<";
  if (text.empty() || text.front() == ' ' || text.back() == ' ') return false;
  if (text.size() > 1 && text.front() == '-' && text[1] != ' ' && text[1] != '-') {
    // An option like `-x`, fine.
  } else if (kNotFirst.find(text.front()) != std::string_view::npos) {
    return false;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7f) return false;
    const bool blank_after = i + 1 == text.size() || text[i + 1] == ' ';
    if (c == ':' && blank_after) return false;
    if (c == '#' && i > 0 && text[i - 1] == ' ') return false;
  }
  // Dates and times are no text for other readers.
  const bool dated = text.size() >= 8 && std::isdigit(static_cast<unsigned char>(text[0])) &&
                     std::isdigit(static_cast<unsigned char>(text[3])) && text[4] == '-';
  const auto meant = config::resolve_plain_scalar(text);
  return !dated && meant && meant->is_string();
}

bool is_one_line(const std::string& text) {
  return std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

std::string single_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    out += c;
    if (c == '\'') out += c;
  }
  return out + "'";
}

std::string double_quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02X}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string string_scalar(const std::string& text) {
  if (is_plain(text)) return text;
  return is_one_line(text) ? single_quoted(text) : double_quoted(text);
}

bool is_nested(const Document& value) {
  return !value.is_scalar() && value.size() > 0;
}

std::vector<const Document::Entry*> sorted(const Document& map, const std::vector<std::string>& first) {
  std::vector<const Document::Entry*> out;
  for (const auto& entry : map.entries()) out.push_back(&entry);
  const auto rank = [&](const Document::Entry* entry) {
    return std::ranges::find(first, entry->key) - first.begin();
  };
  std::ranges::sort(out, [&](const auto* a, const auto* b) {
    return rank(a) != rank(b) ? rank(a) < rank(b) : a->key < b->key;
  });
  return out;
}

class Writer {
 public:
  void map(const Document& value, int indent, const std::vector<std::string>& first = {}) {
    bool begun = false;
    for (const auto* entry : sorted(value, first)) {
      if (std::exchange(begun, true) || !inline_) pad(indent);
      inline_ = false;
      this->entry(entry->key, entry->value, indent);
    }
  }

  void entry(std::string_view key, const Document& value, int indent) {
    out_ += string_scalar(std::string(key)) + ":";
    if (!is_nested(value)) {
      out_ += " " + yaml_scalar(value) + "\n";
      return;
    }
    out_ += '\n';
    if (value.is_map()) {
      map(value, indent + kIndent);
    } else {
      list(value, indent);
    }
  }

  void list(const Document& value, int indent) {
    for (const auto& item : value.as_list()) {
      if (!std::exchange(inline_, false)) pad(indent);
      out_ += "- ";
      if (!is_nested(item)) {
        out_ += yaml_scalar(item) + "\n";
        continue;
      }
      inline_ = true;
      if (item.is_map()) {
        map(item, indent + kIndent);
      } else {
        list(item, indent + kIndent);
      }
    }
  }

  std::string take() { return std::move(out_); }

 private:
  void pad(int indent) { out_.append(static_cast<std::size_t>(indent), ' '); }

  std::string out_;
  /// The next line goes on behind a dash.
  bool inline_ = false;
};

}  // namespace

std::string yaml_scalar(const Document& value) {
  if (value.is_map()) return "{}";
  if (value.is_list()) return "[]";
  if (value.is_null()) return "null";
  if (value.is_bool()) return value.as_bool() ? "true" : "false";
  if (value.is_string()) return string_scalar(value.as_string());
  std::string out = value.text();
  if (value.is_double() && (out == "inf" || out == "-inf" || out == "nan"))
    return out.insert(out[0] == '-' ? 1 : 0, ".");
  if (value.is_double() && out.find('.') == std::string::npos)
    if (const auto e = out.find('e'); e != std::string::npos) out.insert(e, ".0");
  return out;
}

std::string yaml_block(const Document& value, const std::vector<std::string>& first) {
  if (!is_nested(value)) return yaml_scalar(value) + "\n";
  Writer writer;
  if (value.is_map()) {
    writer.map(value, 0, first);
  } else {
    writer.list(value, 0);
  }
  return writer.take();
}

std::string yaml_entry(std::string_view key, const Document& value, int indent) {
  Writer writer;
  writer.entry(key, value, indent);
  return std::string(static_cast<std::size_t>(indent), ' ') + writer.take();
}

}  // namespace tanist::setup
