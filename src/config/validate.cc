#include "config/validate.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <stdexcept>
#include <unordered_set>
#include <utility>

#include "config/addresses.h"
#include "config/sections/controlled.h"
#include "config/sections/log_options.h"
#include "config/sections/options.h"
#include "config/sections/restapi.h"
#include "config/yaml/secrets_in_text.h"
#include "config/zones.h"
#include "core/format.h"

namespace tanist::config {
namespace {

constexpr std::size_t kMaxProblems = 200;

std::string_view kind(const Document& value) {
  if (value.is_null()) return "null";
  if (value.is_bool()) return "a boolean";
  if (value.is_int()) return "an integer";
  if (value.is_double()) return "a number";
  if (value.is_string()) return "a string";
  return value.is_list() ? "a list" : "a mapping";
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto blank = text.find(' ');
    out.emplace_back(text.substr(0, blank));
    text.remove_prefix(blank == std::string_view::npos ? text.size() : blank + 1);
  }
  return out;
}

bool among(const Key& key, const Document& value) {
  const std::string text = key.any_case ? lower(value.text()) : value.text();
  return std::ranges::any_of(words(key.allowed),
                             [&](const std::string& w) { return (key.any_case ? lower(w) : w) == text; });
}

std::optional<double> parse_number(const Document& value) {
  if (value.is_int()) return static_cast<double>(value.as_int());
  if (value.is_double()) return value.as_double();
  if (!value.is_string()) return std::nullopt;
  const auto text = trim(value.as_string());
  double out = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

bool in_range(const Key& key, double value) {
  return !(key.min && value < static_cast<double>(*key.min)) &&
         !(key.max && value > static_cast<double>(*key.max));
}

bool is_text(const Document& value) {
  return value.is_string() || value.is_int() || value.is_double();
}

/// Why a value does not fit; empty: it does.
struct Misfit {
  std::string reason;
  std::string hint;
  explicit operator bool() const { return !reason.empty(); }
};

Misfit misfit(const Key& key, const Document& value, std::string hint = {}) {
  return {fmt::format("given {}, allowed: {}", describe(value, &key), allowed_values(key)), std::move(hint)};
}

Misfit check_number(const Key& key, const Document& value) {
  std::optional<double> number;
  if (key.type == Type::number) {
    number = parse_number(value);
  } else if (const auto whole = key.type == Type::duration ? parse_int(value, "s") : parse_int(value)) {
    number = static_cast<double>(*whole);
  }
  if (number && (in_range(key, *number) || key.clamped)) return {};
  return misfit(key, value);
}

Misfit check_text(const Key& key, const Document& value) {
  if (is_text(value)) return {};
  const bool quotable = value.is_bool();
  return misfit(key, value,
                quotable ? "yes, no, on, off, true and false are booleans: put the text in quotes" : "");
}

Misfit check_address(const Key& key, const Document& value) {
  const bool listen = key.path == "restapi.listen";
  if (value.is_string()) {
    const auto address = split_host_port(value.as_string(), listen ? std::nullopt : std::optional(1));
    if (address) return {};
    if (!listen) return {fmt::format("given {}: {}", describe(value), address.error()), ""};
  }
  if (listen)
    return {fmt::format("Invalid \"restapi\" config: expected <HOST>:<PORT> for \"listen\", but got \"{}\"",
                        without_passwords(value.text())),
            ""};
  return misfit(key, value);
}

Misfit check_choice(const Key& key, const Document& value) {
  if (among(key, value) || (key.path == "log.level" && value.is_int())) return {};
  if (key.lenient && !value.truthy()) return {};
  const auto choices = words(key.allowed);
  std::string text = value.text();
  for (const auto& choice : choices)
    if (lower(choice) == lower(text)) return misfit(key, value, fmt::format("did you mean {}?", choice));
  const auto near = nearest_word(text, choices);
  // The text of config.md §2.5; the whole sentence is read by operators' scripts.
  if (key.path == "restapi.verify_client")
    return {fmt::format("Bad value in the \"restapi.verify_client\": {}", value.text()),
            near ? fmt::format("did you mean {}?", *near) : ""};
  return misfit(key, value, near ? fmt::format("did you mean {}?", *near) : "");
}

/// Their names count where a list is meant, as with other members.
bool names_methods(const Key& key, const Document& value) {
  return value.is_map() &&
         (key.path == "postgresql.create_replica_methods" || key.path == "postgresql.create_replica_method");
}

Misfit check_items(const Key& key, const Document& value, auto fits) {
  if (names_methods(key, value)) return {};
  if (!value.is_list()) return misfit(key, value);
  for (std::size_t i = 0; i < value.size(); ++i)
    if (!fits(value.as_list()[i]))
      return {
          fmt::format("item {} is {}, allowed: {}", i + 1, describe(value.as_list()[i]), allowed_values(key)),
          ""};
  return {};
}

Misfit check_scalar_map(const Key& key, const Document& value) {
  if (!value.is_map() && key.path == "postgresql.parameters")
    return {"postgresql.parameters is not a dictionary: " + misfit(key, value).reason, ""};
  if (!value.is_map()) return misfit(key, value);
  // A mapping below is left out with a warning, a start does not end with it: see special().
  for (const auto& entry : value.entries())
    if (entry.value.is_list())
      return {fmt::format("{} is {}, allowed: a single value", entry.key, describe(entry.value)), ""};
  return {};
}

Misfit check(const Key& key, const Document& value) {
  switch (key.type) {
    case Type::section:
    case Type::dynamic: return value.is_map() || !value.truthy() ? Misfit{} : misfit(key, value);
    case Type::map: return value.is_map() ? Misfit{} : misfit(key, value);
    case Type::scalar_map: return check_scalar_map(key, value);
    case Type::text:
    case Type::path:
    case Type::command: return check_text(key, value);
    case Type::address: return check_address(key, value);
    case Type::texts: return check_items(key, value, [](const Document& d) { return d.is_string(); });
    case Type::list: return value.is_list() ? Misfit{} : misfit(key, value);
    case Type::options: return value.is_list() || value.is_map() ? Misfit{} : misfit(key, value);
    case Type::integer:
    case Type::duration:
    case Type::number: return check_number(key, value);
    case Type::boolean:
      return value.is_scalar() && (parse_bool(value) || among(key, value)) ? Misfit{} : misfit(key, value);
    case Type::truth: return value.is_scalar() ? Misfit{} : misfit(key, value);
    case Type::choice: return check_choice(key, value);
    case Type::any: return {};
  }
  return {};
}

bool is_default(const Key& key, const Document& value) {
  if (key.fallback.empty()) return false;
  if (value.text() == key.fallback) return true;
  const auto given = parse_bool(value);
  return key.type == Type::boolean && given && given == parse_bool(Document(key.fallback));
}

Effect effect_of(const Key& key, const Document& value) {
  if (key.judge) return key.judge(value);
  return is_default(key, value) ? Effect::full : key.effect;
}

class Validator {
 public:
  Validator(Scope scope, std::string_view file, std::string prefix, Severity misfits, Problems& out)
      : scope_(scope), file_(file), prefix_(std::move(prefix)), misfits_(misfits), out_(out) {}

  void section(const Document& map, const std::string& path, bool open) {
    std::optional<Names> own;  // made once: a /config may have as many keys as methods
    for (const auto& entry : map.entries()) {
      const std::string name = path.empty() ? entry.key : path + "." + entry.key;
      const int line = entry.line > 0 ? entry.line : entry.value.line;
      if (const Key* key = find_key(name, scope_)) {
        value(*key, entry.value, line);
      } else if (const Key* elsewhere = find_key(name)) {
        wrong_place(*elsewhere, line);
      } else if (warnings_ < kMaxProblems) {
        if (open && !own) own = own_names(map, path);
        const bool named = open && (own->contains(entry.key) || methods_.contains(entry.key));
        if (path == kZonesKey) {
          refused_key(name, line);
        } else if (!open || (path != "tags" && !named)) {
          unknown(name, line);
        }
      }
    }
  }

  /// What a standby cluster, in force or to be made, names as its ways to make a replica.
  void know_methods(const Document& document) {
    for (const char* path :
         {"standby_cluster.create_replica_methods", "bootstrap.dcs.standby_cluster.create_replica_methods"})
      if (const Document* methods = document.find_path(path); methods && methods->is_list())
        for (const auto& method : methods->as_list())
          if (method.is_string()) methods_.insert(method.as_string());
  }

 private:
  void add(Severity severity, const std::string& key, int line, std::string text, std::string hint = {}) {
    // Errors are counted by themselves: what ends the start is not hidden by what does not.
    std::size_t& found = severity == Severity::error ? errors_ : warnings_;
    if (found++ >= kMaxProblems) return;
    out_.push_back(Problem{.severity = severity,
                           .file = std::string(file_),
                           .line = line,
                           .column = 0,
                           .key = prefix_ + key,
                           .text = std::move(text),
                           .hint = std::move(hint)});
  }

  using Names = std::unordered_set<std::string_view>;

  /// Undeclared keys that mean something: sections of methods that are named elsewhere.
  static Names own_names(const Document& map, const std::string& path) {
    Names out;
    const auto add = [&](const Document& name) {
      if (name.is_string()) out.insert(name.as_string());
    };
    if (path == "bootstrap") {
      if (const Document* method = map.find("method")) add(*method);
      return out;
    }
    for (const char* list : {"create_replica_methods", "create_replica_method"})
      if (const Document* methods = map.find(list)) {
        if (methods->is_list())
          for (const auto& method : methods->as_list()) add(method);
        if (methods->is_map())
          for (const auto& method : methods->entries()) out.insert(method.key);
      }
    return out;
  }

  void unknown(const std::string& name, int line) {
    const auto near = nearest_key(name, scope_);
    add(Severity::warning, name, line, "unknown key, ignored",
        near ? fmt::format("did you mean {}?", prefix_ + *near) : "");
  }

  /// Where a word that is misspelt would promise less than was meant.
  void refused_key(const std::string& name, int line) {
    const auto near = nearest_key(name, scope_);
    add(Severity::error, name, line, "unknown key",
        near ? fmt::format("did you mean {}?", prefix_ + *near) : "");
  }

  void wrong_place(const Key& key, int line) {
    if (scope_ == Scope::local) {
      add(Severity::warning, key.path, line,
          "has no effect here: it is read from the dynamic configuration only",
          fmt::format(
              "set it under bootstrap.dcs for a new cluster, in the store's /config for a running one"));
    } else {
      add(Severity::warning, key.path, line,
          "has no effect here: it is read from the local configuration only");
    }
  }

  void value(const Key& key, const Document& value, int line) {
    if (value.is_null()) return;
    const Effect effect = effect_of(key, value);
    if (effect == Effect::refused) {
      add(Severity::error, key.path, line,
          fmt::format("given {}: not supported in this version, and ignoring it would be unsafe",
                      describe(value, &key)),
          std::string(key.hint));
      return;
    }
    if (effect == Effect::none) {
      add(Severity::warning, key.path, line, "recognised, but without effect in this version");
      return;
    }
    if (const Misfit found = check(key, value)) {
      const bool promises = key.path.starts_with(kZonesKey);
      const Severity severity = promises ? Severity::error : key.lenient ? Severity::warning : misfits_;
      const std::string tail = severity == Severity::warning ? "; the default is used" : "";
      add(severity, key.path, line, found.reason + tail, found.hint);
      return;
    }
    special(key, value, line);
    if (key.type == Type::section && value.is_map()) section(value, key.path, key.open);
    if (key.type == Type::dynamic && value.is_map()) {
      Validator inner(Scope::dynamic, file_, prefix_ + key.path + ".", misfits_, out_);
      inner.know_methods(value);
      inner.warnings_ = warnings_;
      inner.errors_ = errors_;
      inner.section(value, "", false);
      warnings_ = inner.warnings_;
      errors_ = inner.errors_;
    }
  }

  void special(const Key& key, const Document& value, int line) {
    if (key.type == Type::truth && value.is_string() && parse_bool(value) == false) {
      add(Severity::warning, key.path, line, fmt::format("the text \"{}\" counts as true", value.as_string()),
          "write it without quotes");
    } else if (key.path == "watchdog" && value.is_bool()) {
      add(Severity::warning, key.path, line, "counts as an empty section, which means automatic",
          "write \"watchdog: {mode: off}\"");
    } else if (key.path == "watchdog.mode" && !(value.is_bool() && !value.as_bool()) &&
               !watchdog_mode(value.text())) {
      add(Severity::warning, key.path, line,
          fmt::format("given {}, allowed: automatic, required, off; it counts as off", value.text()));
    } else if (key.path == "bootstrap.users") {
      add(Severity::warning, key.path, line,
          "User creation is not be supported starting from v4.0.0. Please use \"bootstrap.post_bootstrap\" "
          "script to "
          "create users.");
    } else if (names_methods(key, value)) {
      add(Severity::warning, key.path, line,
          "given a mapping, allowed: a list of strings; the names in it count, what stands below them does "
          "not",
          "write the names as a list, and what belongs to each as a section of that name under postgresql");
    }
    if (key.type == Type::scalar_map && value.is_map()) {
      for (const auto& entry : value.entries())
        if (entry.value.is_map())
          add(Severity::warning, key.path + "." + entry.key, entry.line > 0 ? entry.line : line,
              "given a mapping, allowed: a single value; it is left out");
    }
    if (key.path == "postgresql.parameters" && scope_ == Scope::local && value.is_map()) {
      for (const auto& entry : value.entries())
        if (is_controlled(entry.key))
          add(Severity::warning, key.path + "." + entry.key, entry.line > 0 ? entry.line : line,
              "has no effect here: this parameter must be the same on all members",
              "set it in the dynamic configuration, under postgresql.parameters");
    } else if (key.path == "synchronous_zones.prefer") {
      if (auto wrong = preference_complaint(value); !wrong.empty())
        add(Severity::error, key.path, line, std::move(wrong));
    } else if (key.path == "restapi.allowlist") {
      for (auto& complaint : allowlist_complaints(value))
        add(Severity::warning, key.path, line, std::move(complaint));
    } else if (key.path == "restapi.http_extra_headers" || key.path == "restapi.https_extra_headers") {
      for (auto& complaint : header_complaints(value))
        add(Severity::warning, key.path, line, std::move(complaint));
    } else if (key.path == "log") {
      for (auto& complaint : log_complaints(value)) {
        const Document* at = value.find(complaint.key);
        add(Severity::warning, "log." + complaint.key, at && at->line > 0 ? at->line : line,
            std::move(complaint.text));
      }
    } else if (key.path == "log.loggers" && value.is_map()) {
      for (const auto& entry : value.entries())
        if (const Misfit found = check_choice(*find_key("log.level"), entry.value))
          add(misfits_, key.path + "." + entry.key, entry.line > 0 ? entry.line : line, found.reason,
              found.hint);
    } else if (key.type == Type::options) {
      for (auto& complaint : complaints(key.path, value))
        add(key.path == "bootstrap.initdb" ? misfits_ : Severity::warning, key.path, line,
            std::move(complaint));
    }
  }

  /// Of a standby cluster, whose sections stand where all methods have theirs.
  Names methods_;
  Scope scope_;
  std::string_view file_;
  std::string prefix_;
  Severity misfits_;
  Problems& out_;
  std::size_t warnings_ = 0;
  std::size_t errors_ = 0;
};

}  // namespace

std::string describe(const Document& value, const Key* key) {
  if (key && key->secret) return fmt::format("a value that is not shown ({})", kind(value));
  if (value.is_null()) return "nothing";
  if (!value.is_scalar()) return std::string(kind(value));
  constexpr std::size_t kShown = 60;
  std::string text = value.is_bool() ? (value.as_bool() ? "true" : "false") : value.text();
  if (value.is_string()) text = without_passwords(std::move(text));
  if (text.size() > kShown) text = text.substr(0, kShown) + "…";
  std::ranges::replace_if(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return value.is_string() ? fmt::format("\"{}\" ({})", text, kind(value))
                           : fmt::format("{} ({})", text, kind(value));
}

void validate(const Document& document, Scope scope, std::string_view file, Problems& out) {
  if (!document.is_map()) return;
  const Severity misfits = scope == Scope::dynamic ? Severity::warning : Severity::error;
  Validator validator(scope, file, "", misfits, out);
  validator.know_methods(document);
  validator.section(document, "", false);
}

const Key& Reader::declaration(std::string_view path) const {
  const Key* key = find_key(path, scope_);
  if (!key) throw std::logic_error(fmt::format("configuration key {} is not declared", path));
  return *key;
}

const Document* Reader::find(std::string_view path) const {
  const Document* value = document_.find_path(path);
  return value && !value->is_null() ? value : nullptr;
}

std::string Reader::text(std::string_view path) const {
  const Key& key = declaration(path);
  const Document* value = find(path);
  return value && is_text(*value) ? value->text() : std::string(key.fallback);
}

std::int64_t Reader::integer(std::string_view path) const {
  const Key& key = declaration(path);
  const auto parse = [&](const Document& value) {
    return key.type == Type::duration ? parse_int(value, "s") : parse_int(value);
  };
  if (const Document* value = find(path))
    if (const auto given = parse(*value); given && in_range(key, static_cast<double>(*given))) return *given;
  return key.fallback.empty() ? 0 : parse(Document(key.fallback)).value_or(0);
}

double Reader::number(std::string_view path) const {
  const Key& key = declaration(path);
  if (const Document* value = find(path))
    if (const auto given = parse_number(*value); given && in_range(key, *given)) return *given;
  return parse_number(Document(key.fallback)).value_or(0);
}

bool Reader::boolean(std::string_view path) const {
  const Key& key = declaration(path);
  const Document* value = find(path);
  const auto given = value && value->is_scalar() ? parse_bool(*value) : std::nullopt;
  return given.value_or(parse_bool(Document(key.fallback)).value_or(false));
}

bool Reader::truth(std::string_view path) const {
  const Key& key = declaration(path);
  const Document* value = find(path);
  return value && value->is_scalar() ? value->truthy() : parse_bool(Document(key.fallback)).value_or(false);
}

std::vector<std::string> Reader::texts(std::string_view path) const {
  std::vector<std::string> out;
  const Document* value = find(path);
  if (value && value->is_list())
    for (const auto& item : value->as_list())
      if (is_text(item)) out.push_back(item.text());
  if (value && names_methods(declaration(path), *value))
    for (const auto& entry : value->entries()) out.push_back(entry.key);
  return out;
}

}  // namespace tanist::config
