#include "config/sections/log_options.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "config/addresses.h"
#include "core/format.h"

namespace tanist::config {
namespace {

constexpr int kMostFiles = 1000;
constexpr std::size_t kMostLines = 100'000;

/// The level a name or number of Python's logging means; other text as it is.
std::string level_name(const Document& level) {
  std::string text = level.text();
  int number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec == std::errc() && end == text.data() + text.size())
    return number <= 10   ? "DEBUG"
           : number <= 20 ? "INFO"
           : number <= 30 ? "WARNING"
           : number <= 40 ? "ERROR"
                          : "CRITICAL";
  if (text == "WARN") return "WARNING";
  if (text == "FATAL") return "CRITICAL";
  if (text == "NOTSET") return "DEBUG";
  return text;
}

/// A field of JSON lines: `name` or `{name: other name}`.
std::optional<std::pair<std::string, std::string>> field(const Document& item) {
  if (item.is_string() && !item.as_string().empty()) return std::pair(item.as_string(), item.as_string());
  if (!item.is_map() || item.size() != 1) return std::nullopt;
  const auto& entry = item.entries().front();
  if (!entry.value.is_string() || entry.key.empty()) return std::nullopt;
  return std::pair(entry.key, entry.value.as_string());
}

std::map<std::string, std::string> loggers(const Document* section) {
  std::map<std::string, std::string> out;
  if (section && section->is_map())
    for (const auto& entry : section->entries())
      if (entry.value.is_scalar() && !entry.value.is_null()) out[entry.key] = level_name(entry.value);
  return out;
}

}  // namespace

Log build_log(const Reader& local) {
  Log out;
  out.json = local.text("log.type") == "json";
  if (const Document* level = local.find("log.level")) out.level = level_name(*level);
  const Document* format = local.find("log.format");
  if (format && format->is_string() && !format->as_string().empty()) out.format = format->as_string();
  if (format && format->is_list() && out.json)
    for (const auto& item : format->as_list())
      if (auto named = field(item)) out.fields.push_back(*std::move(named));
  if (const Document* fields = local.find("log.static_fields"); fields && fields->is_map())
    out.static_fields = *fields;
  const Document* dates = local.find("log.dateformat");
  if (dates && dates->is_string()) out.date_format = dates->as_string();
  out.max_queue_size = static_cast<std::size_t>(local.integer("log.max_queue_size"));
  out.dir = local.text("log.dir");
  if (const Document* mode = local.find("log.mode"))
    if (const auto bits = parse_int(*mode); bits && *bits >= 0 && *bits <= 0777)
      out.mode = static_cast<unsigned>(*bits);
  out.file_size = std::max<std::int64_t>(0, local.integer("log.file_size"));
  out.file_num = static_cast<int>(std::clamp<std::int64_t>(local.integer("log.file_num"), 0, kMostFiles));
  out.loggers = loggers(local.find("log.loggers"));
  out.deduplicate_heartbeat_logs = local.boolean("log.deduplicate_heartbeat_logs");
  return out;
}

std::vector<LogComplaint> log_complaints(const Document& section) {
  std::vector<LogComplaint> out;
  if (!section.is_map()) return out;
  const auto given = [&](std::string_view name) {
    const Document* value = section.find(name);
    return value && !value->is_null() ? value : nullptr;
  };
  const Document* type = given("type");
  const bool json = type && type->text() == "json";
  if (const Document* format = given("format"); format && !format->is_string()) {
    if (!json) {
      out.push_back(
          {"format", fmt::format("given {}, allowed: a string where type is plain; the default is used",
                                 describe(*format))});
    } else if (!format->is_list()) {
      out.push_back({"format", fmt::format("given {}, allowed: a string or a list; the default is used",
                                           describe(*format))});
    } else {
      std::size_t usable = 0;
      for (std::size_t i = 0; i < format->size(); ++i) {
        if (field(format->as_list()[i])) {
          ++usable;
        } else {
          out.push_back(
              {"format", fmt::format("item {} is {}, allowed: a field, or a mapping of one field to "
                                     "its new name; skipped",
                                     i + 1, describe(format->as_list()[i]))});
        }
      }
      if (usable == 0) out.push_back({"format", "names no field; the default is used"});
    }
  }
  if (const Document* dates = given("dateformat"); dates && !dates->is_string())
    out.push_back({"dateformat", fmt::format("given {}, allowed: a string; ignored", describe(*dates))});
  return out;
}

namespace {

log::Level level_from(const std::string& name) {
  for (const auto level :
       {log::Level::debug, log::Level::info, log::Level::warning, log::Level::error, log::Level::critical})
    if (log::name(level) == name) return level;
  return log::Level::info;
}

}  // namespace

log::Options log_options(const Log& settings, unsigned start_umask) {
  log::Options out;
  out.level = level_from(settings.level);
  for (const auto& [logger, level] : settings.loggers) out.loggers[logger] = level_from(level);
  out.format = settings.format;
  out.date_format = settings.date_format;
  out.json = settings.json;
  out.fields = settings.fields;
  if (settings.static_fields.size() > 0)
    out.static_fields = std::make_shared<const Document>(settings.static_fields);
  // 0 or less means "no limit" to existing files; a queue has one all the same.
  out.max_queue_size =
      settings.max_queue_size == 0 ? kMostLines : std::min(settings.max_queue_size, kMostLines);
  out.directory = settings.dir;
  out.file_mode = settings.mode.value_or(0666 & ~start_umask);
  out.file_size = settings.file_size;
  out.file_num = settings.file_num;
  out.deduplicate_heartbeats = settings.deduplicate_heartbeat_logs;
  return out;
}

}  // namespace tanist::config
