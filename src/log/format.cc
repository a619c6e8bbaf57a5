#include "log/format.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <optional>

#include "core/document.h"
#include "log/names.h"

namespace tanist::log {
namespace {

/// What relativeCreated counts from.
const WallTime kProcessStart =
    std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());

std::string asctime(WallTime when, const std::string& date_format) {
  const std::time_t whole = std::chrono::floor<std::chrono::seconds>(when).time_since_epoch().count();
  std::tm local{};
  ::localtime_r(&whole, &local);
  char buffer[256];
  const std::size_t n = std::strftime(
      buffer, sizeof buffer, date_format.empty() ? "%Y-%m-%d %H:%M:%S" : date_format.c_str(), &local);
  std::string out(buffer, n);
  if (date_format.empty()) {
    const auto micros = (when - std::chrono::floor<std::chrono::seconds>(when)).count();
    out += fmt::format(",{:03}", micros / 1000);
  }
  return out;
}

std::string_view file_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

/// `%-8s`, `%03d`, `%.3f`: what stands behind the name.
struct Conversion {
  std::string flags;
  int width = 0;
  std::optional<int> precision;
  char letter = 's';
};

struct Placeholder {
  std::string_view name;
  Conversion conversion;
  /// Behind it.
  std::size_t end = 0;
};

int bounded_number(std::string_view text, std::size_t& i) {
  constexpr int kMost = 500;
  int value = 0;
  for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i)
    value = std::min(kMost, value * 10 + (text[i] - '0'));
  return value;
}

/// `%(name)…` at `begin`; nullopt: it is none.
std::optional<Placeholder> placeholder(std::string_view format, std::size_t begin) {
  if (!format.substr(begin).starts_with("%(")) return std::nullopt;
  const auto close = format.find(')', begin);
  if (close == std::string_view::npos) return std::nullopt;
  Placeholder found;
  found.name = format.substr(begin + 2, close - begin - 2);
  std::size_t i = close + 1;
  for (; i < format.size() && std::string_view("-+ 0#").contains(format[i]); ++i)
    if (!found.conversion.flags.contains(format[i])) found.conversion.flags += format[i];
  found.conversion.width = bounded_number(format, i);
  if (i < format.size() && format[i] == '.') found.conversion.precision = bounded_number(format, ++i);
  if (i >= format.size() || !std::string_view("sradiuoxXeEfFgGc").contains(format[i])) return std::nullopt;
  found.conversion.letter = format[i];
  found.end = i + 1;
  return found;
}

std::string python_float(double number) {
  std::string text = fmt::format("{}", number);
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

std::string text_of(const FieldValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* number = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *number);
  if (const auto* number = std::get_if<double>(&value)) return python_float(*number);
  return {};
}

std::string as_text(std::string text, const Conversion& how) {
  if (how.precision) text.resize(std::min(text.size(), static_cast<std::size_t>(*how.precision)));
  const auto width = static_cast<std::size_t>(how.width);
  if (text.size() >= width) return text;
  const std::string fill(width - text.size(), ' ');
  return how.flags.contains('-') ? text + fill : fill + text;
}

std::string converted(const FieldValue& value, const Conversion& how) {
  const auto* whole = std::get_if<std::int64_t>(&value);
  const auto* real = std::get_if<double>(&value);
  const bool wants_number = !std::string_view("srac").contains(how.letter);
  if (!wants_number || (!whole && !real)) return as_text(text_of(value), how);

  std::array<char, 1024> buffer{};
  const int precision = how.precision.value_or(-1);
  const bool wants_real = std::string_view("eEfFgG").contains(how.letter);
  const char letter = how.letter == 'i' || how.letter == 'u' ? 'd' : how.letter;
  const std::string c_format = fmt::format("%{}*.*{}{}", how.flags, wants_real ? "" : "ll", letter);
  int n = 0;
  if (wants_real) {
    n = std::snprintf(buffer.data(), buffer.size(), c_format.c_str(), how.width, precision,
                      real ? *real : static_cast<double>(*whole));
  } else {
    n = std::snprintf(buffer.data(), buffer.size(), c_format.c_str(), how.width, precision,
                      whole ? static_cast<long long>(*whole) : static_cast<long long>(*real));
  }
  return std::string(buffer.data(),
                     std::clamp<std::size_t>(static_cast<std::size_t>(std::max(0, n)), 0, buffer.size() - 1));
}

std::string plain(const Options& options, const Line& line) {
  const std::string_view format = options.format;
  std::string out;
  for (std::size_t i = 0; i < format.size();) {
    if (format.substr(i).starts_with("%%")) {
      out += '%';
      i += 2;
    } else if (const auto found = placeholder(format, i)) {
      FieldValue value = field_value(found->name, options, line);
      if (found->name == "message") value = one_line(line.message);
      out += converted(value, found->conversion);
      i = found->end;
    } else {
      out += format[i++];
    }
  }
  return out;
}

Document json_value(const FieldValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  if (const auto* number = std::get_if<double>(&value)) return *number;
  return {};
}

std::string json(const Options& options, const Line& line) {
  Document out = Document::map();
  if (options.fields.empty()) {
    auto names = fields_of(options.format);
    if (names.empty()) names = fields_of(Options().format);
    for (const auto& name : names) out.set(name, json_value(field_value(name, options, line)));
  } else {
    for (const auto& [name, written] : options.fields)
      out.set(written, json_value(field_value(name, options, line)));
  }
  if (options.static_fields && options.static_fields->is_map())
    for (const auto& entry : options.static_fields->entries()) out.set(entry.key, entry.value);
  return to_spaced_json(out);
}

}  // namespace

std::string one_line(std::string_view message) {
  while (message.ends_with('\n')) message.remove_suffix(1);
  std::string out;
  for (std::size_t i = 0; i < message.size(); ++i) {
    const auto c = static_cast<unsigned char>(message[i]);
    if (c == '\n' && message.substr(i + 1).starts_with("HINT:")) {
      out += '\n';
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c != '\t' && (c < 0x20 || c == 0x7f)) {
      out += fmt::format("\\x{:02x}", c);
    } else {
      out += message[i];
    }
  }
  return out;
}

std::vector<std::string> fields_of(std::string_view format) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < format.size();) {
    const auto found = placeholder(format, i);
    if (found) names.emplace_back(found->name);
    i = found ? found->end : i + (format.substr(i).starts_with("%%") ? 2 : 1);
  }
  return names;
}

FieldValue field_value(std::string_view name, const Options& options, const Line& line) {
  const auto micros = line.when.time_since_epoch().count();
  const auto path = source_path(line.where.file_name());
  if (name == "asctime") return asctime(line.when, options.date_format);
  if (name == "created") return static_cast<double>(micros) / 1e6;
  if (name == "filename") return std::string(file_name(path));
  if (name == "funcName") return std::string(bare_function_name(line.where.function_name()));
  if (name == "levelname") return std::string(log::name(line.level));
  if (name == "levelno") return static_cast<std::int64_t>(line.level) * 10 + 10;
  if (name == "lineno") return static_cast<std::int64_t>(line.where.line());
  if (name == "message") return line.message;
  if (name == "module") {
    const auto file = file_name(path);
    return std::string(file.substr(0, file.rfind('.')));
  }
  if (name == "msecs") return static_cast<double>(micros % 1'000'000) / 1e3;
  if (name == "name") return logger_name(path);
  if (name == "pathname") return std::string(path);
  if (name == "process") return static_cast<std::int64_t>(::getpid());
  if (name == "processName") return std::string("MainProcess");
  if (name == "relativeCreated") return static_cast<double>((line.when - kProcessStart).count()) / 1e3;
  if (name == "thread") return line.thread;
  if (name == "threadName") return line.thread_name;
  return {};
}

std::string format_line(const Options& options, const Line& line) {
  return options.json ? json(options, line) : plain(options, line);
}

}  // namespace tanist::log
