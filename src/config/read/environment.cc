#include "config/read/environment.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <set>
#include <string_view>

#include "config/addresses.h"
#include "config/keys/keys.h"
#include "config/stores.h"
#include "config/yaml/yaml.h"
#include "core/format.h"

namespace tanist::config {
namespace {

struct Variable {
  std::string name;
  std::string value;
};

/// Variables of sections that may have any name: `<SECTION>_<SUFFIX>`.
struct Suffix {
  std::string_view name;
  EnvForm form;
};
constexpr Suffix kSuffixes[] = {
    {"PORT", EnvForm::integer},
    {"HOSTS", EnvForm::list},
    {"PORTS", EnvForm::list},
    {"CHECKS", EnvForm::list},
    {"SERVICE_TAGS", EnvForm::list},
    {"RETRIABLE_HTTP_CODES", EnvForm::list},
    {"LABELS", EnvForm::map},
    {"SET_ACLS", EnvForm::map},
    {"AUTH_DATA", EnvForm::map},
    {"BOOTSTRAP_LABELS", EnvForm::map},
    {"USE_PROXIES", EnvForm::boolean},
    {"REGISTER_SERVICE", EnvForm::boolean},
    {"USE_ENDPOINTS", EnvForm::boolean},
    {"BYPASS_API_SERVICE", EnvForm::boolean},
    {"VERIFY", EnvForm::boolean},
    {"USE_SSL", EnvForm::boolean},
    {"HOST", EnvForm::text},
    {"PROTOCOL", EnvForm::text},
    {"SRV", EnvForm::text},
    {"SRV_SUFFIX", EnvForm::text},
    {"URL", EnvForm::text},
    {"PROXY", EnvForm::text},
    {"CACERT", EnvForm::text},
    {"CERT", EnvForm::text},
    {"KEY", EnvForm::text},
    {"KEY_PASSWORD", EnvForm::text},
    {"TOKEN", EnvForm::text},
    {"DC", EnvForm::text},
    {"CONSISTENCY", EnvForm::text},
    {"SERVICE_CHECK_INTERVAL", EnvForm::text},
    {"SERVICE_CHECK_TLS_SERVER_NAME", EnvForm::text},
    {"NAMESPACE", EnvForm::text},
    {"CONTEXT", EnvForm::text},
    {"SCOPE_LABEL", EnvForm::text},
    {"ROLE_LABEL", EnvForm::text},
    {"POD_IP", EnvForm::text},
    {"GROUP", EnvForm::text},
    {"DATABASE", EnvForm::text},
    {"LEADER_LABEL_VALUE", EnvForm::text},
    {"FOLLOWER_LABEL_VALUE", EnvForm::text},
    {"STANDBY_LEADER_LABEL_VALUE", EnvForm::text},
    {"TMP_ROLE_LABEL", EnvForm::text},
};

/// Other names of keys that the table cannot hold: old ones, and those of sections this version does not
/// serve.
struct Alias {
  std::string_view name;
  std::string_view path;
  EnvForm form;
  /// Documented for Patroni, which ignores it: that it counts here may surprise.
  bool ignored_by_patroni = false;
};
constexpr Alias kAliases[] = {
    {"LOGLEVEL", "log.level", EnvForm::text},
    {"LOGFORMAT", "log.format", EnvForm::log_format},
    {"LOG_DATEFMT", "log.dateformat", EnvForm::text},
    {"POSTGRESQL_BIN_IS_READY", "postgresql.bin_name.pg_isready", EnvForm::text, true},
    {"CONSUL_SCHEME", "consul.scheme", EnvForm::text, true},
    {"RETRIABLE_HTTP_CODES", "kubernetes.retriable_http_codes", EnvForm::list, true},
    {"RAFT_DATA_DIR", "raft.data_dir", EnvForm::text},
    {"RAFT_SELF_ADDR", "raft.self_addr", EnvForm::text},
    {"RAFT_PASSWORD", "raft.password", EnvForm::text},
    {"RAFT_BIND_ADDR", "raft.bind_addr", EnvForm::text},
    {"RAFT_PARTNER_ADDRS", "raft.partner_addrs", EnvForm::list},
    {"RAFT_MIN_TIMEOUT", "raft.min_timeout", EnvForm::real},
    {"RAFT_MAX_TIMEOUT", "raft.max_timeout", EnvForm::real},
    {"RAFT_CONNECTION_TIMEOUT", "raft.connection_timeout", EnvForm::real},
    {"RAFT_APPEND_ENTRIES_PERIOD", "raft.append_entries_period", EnvForm::real},
    {"RAFT_CONNECTION_RETRY_TIME", "raft.connection_retry_time", EnvForm::real},
    {"RAFT_LEADER_FALLBACK_TIMEOUT", "raft.leader_fallback_timeout", EnvForm::real},
};

/// Used by other parts of the daemon; neither configuration nor a typing error.
constexpr std::string_view kForeign[] = {"MALLOC_ARENA_MAX", "MISSING_CONFIG"};

std::string upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::toupper(c); });
  return out;
}

/// `%(word)` occurs in the text.
bool has_field(std::string_view text) {
  for (auto at = text.find("%("); at != std::string_view::npos; at = text.find("%(", at + 1)) {
    auto end = at + 2;
    while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) || text[end] == '_'))
      ++end;
    if (end > at + 2 && end < text.size() && text[end] == ')') return true;
  }
  return false;
}

class Scanner {
 public:
  explicit Scanner(const Environment& environment) {
    for (const std::string prefix : {"PATRONI_", "TANIST_"})
      for (const auto& [name, value] : environment)
        if (name.starts_with(prefix)) add(name.substr(prefix.size()), {name, value});
  }

  EnvironmentConfig run() {
    whole();
    fixed();
    aliases();
    generic();
    store_users();
    for (const auto& [suffix, variables] : found_)
      if (used_.contains(suffix))
        for (const auto& variable : variables) out_.consumed.push_back(variable.name);
    report_unknown();
    return std::move(out_);
  }

 private:
  void add(std::string suffix, Variable variable) {
    found_[std::move(suffix)].push_back(std::move(variable));
  }

  /// The variable that counts: TANIST_ was added last, and an empty one hides nothing.
  const Variable* take(const std::string& suffix) {
    const auto at = found_.find(suffix);
    if (at == found_.end()) return nullptr;
    used_.insert(suffix);
    const auto given = std::ranges::find_if(at->second.rbegin(), at->second.rend(),
                                            [](const Variable& v) { return !v.value.empty(); });
    return given == at->second.rend() ? &at->second.back() : &*given;
  }

  void warn(const Variable& variable, std::string text, std::string hint = {}) {
    out_.problems.push_back(Problem{.severity = Severity::warning,
                                    .file = variable.name,
                                    .text = std::move(text),
                                    .hint = std::move(hint)});
  }

  void notice(const Variable& variable, std::string_view path) {
    warn(variable, fmt::format("counts as {}; Patroni documents this variable but ignores it", path));
  }

  std::optional<Document> parse_collection(const Variable& variable, std::string text,
                                           std::string_view kind) {
    Problems ignored;
    auto parsed = parse_yaml(text, variable.name, ignored);
    if (!parsed) {
      // The value is not repeated: it may be a password.
      warn(variable, fmt::format("Exception when parsing {}", kind), parsed.error().text);
      return std::nullopt;
    }
    return *std::move(parsed);
  }

  static std::string as_list(const std::string& value) {
    const auto text = trim(value);
    const bool whole = text.starts_with('-') || text.find('[') != std::string_view::npos;
    return whole ? value : "[" + value + "]";
  }

  std::optional<Document> parse(const Variable& variable, EnvForm form) {
    const std::string& value = variable.value;
    switch (form) {
      case EnvForm::none: return std::nullopt;
      case EnvForm::text: return Document(value);
      case EnvForm::list: return parse_collection(variable, as_list(value), "list");
      case EnvForm::map:
        return parse_collection(variable, trim(value).starts_with('{') ? value : "{" + value + "}", "dict");
      case EnvForm::log_format: {
        if (has_field(value)) return Document(value);
        auto list = parse_collection(variable, as_list(value), "list");
        return list ? list : std::optional<Document>(value);
      }
      case EnvForm::boolean: {
        const auto parsed = parse_bool(Document(value));
        if (!parsed && !value.empty()) warn(variable, "is no boolean, ignored");
        return parsed ? std::optional<Document>(*parsed) : std::nullopt;
      }
      case EnvForm::integer: {
        const auto parsed = parse_int(Document(value));
        if (!parsed && !value.empty()) warn(variable, "is no integer, ignored");
        return parsed ? std::optional<Document>(*parsed) : std::nullopt;
      }
      case EnvForm::real: {
        const auto text = trim(value);
        double parsed = 0;
        const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), parsed);
        if (ec == std::errc() && end == text.data() + text.size()) return Document(parsed);
        if (!value.empty()) warn(variable, "is no number, ignored");
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

  void store(std::string_view path, const Variable& variable, Document value) {
    Document* at = &out_.overlay;
    std::string_view rest = path;
    for (auto dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
      Document* next = at->find(rest.substr(0, dot));
      if (!next || !next->is_map()) next = &at->set(rest.substr(0, dot), Document::map());
      at = next;
      rest.remove_prefix(dot + 1);
    }
    at->set(rest, std::move(value));
    out_.variables[std::string(path)] = variable.name;
  }

  void set(std::string_view path, const Variable& variable, EnvForm form) {
    if (auto value = parse(variable, form)) store(path, variable, *std::move(value));
  }

  void whole() {
    const Variable* variable = take("CONFIGURATION");
    if (!variable || variable->value.empty()) return;
    out_.whole = variable->value;
    out_.variables[""] = variable->name;
  }

  /// Sections of most stores have no names of variables of their own (config.md §3.3).
  static bool is_generic(const Key& key) {
    const KnownStore* store = store_of_key(key.path);
    return store && store->variables == KnownStore::Variables::generic;
  }

  void fixed() {
    for (const auto& key : keys()) {
      if (key.environment.empty() || is_generic(key)) continue;
      known_.push_back(key.environment);
      const Variable* variable = take(key.environment);
      if (!variable || variable->value.empty()) continue;
      set(key.path, *variable, environment_form(key));
      if (key.path == "restapi.thread_pool_size") notice(*variable, key.path);
    }
  }

  void aliases() {
    for (const auto& alias : kAliases) {
      known_.emplace_back(alias.name);
      const Variable* variable = take(std::string(alias.name));
      if (!variable || variable->value.empty() || out_.overlay.find_path(alias.path)) continue;
      set(alias.path, *variable, alias.form);
      if (alias.ignored_by_patroni) notice(*variable, alias.path);
    }
  }

  /// `<SECTION>_<SUFFIX>`: an empty value counts here, and an empty map or list is one.
  void generic() {
    for (const auto& [suffix, variables] : found_) {
      const auto underscore = suffix.find('_');
      if (used_.contains(suffix) || underscore == std::string::npos || underscore == 0) continue;
      const std::string section = lower(suffix.substr(0, underscore));
      const std::string rest = upper(suffix.substr(underscore + 1));
      const auto known = std::ranges::find_if(kSuffixes, [&](const Suffix& s) { return s.name == rest; });
      if (known == std::end(kSuffixes)) continue;
      const Variable* variable = take(suffix);
      EnvForm form = known->form;
      if (section == "citus") {
        if (rest != "GROUP" && rest != "DATABASE") continue;
        if (rest == "GROUP") form = EnvForm::integer;
      }
      set(section + "." + lower(rest), *variable, form);
      if (rest == "USE_SSL" && parse_bool(Document(variable->value)) == false)
        warn(*variable, "counts as false; for Patroni any text means true");
    }
  }

  /// User and password of the store count only beside another variable of the same section.
  void store_users() {
    for (const auto& store : kStores) {
      if (!store.user_variables) continue;
      const std::string section(store.section);
      for (const std::string name : {"username", "password"}) {
        const Variable* variable = take(upper(section) + "_" + upper(name));
        if (!variable || variable->value.empty()) continue;
        if (out_.overlay.find(section)) {
          set(section + "." + name, *variable, EnvForm::text);
        } else {
          warn(*variable, "has no effect without another variable of the same section",
               fmt::format("set PATRONI_{}_HOSTS too, or put {}.{} into the configuration file",
                           upper(section), section, name));
        }
      }
    }
  }

  void report_unknown() {
    for (const auto& [suffix, variables] : found_) {
      if (used_.contains(suffix) || std::ranges::find(kForeign, suffix) != std::end(kForeign)) continue;
      const Variable& variable = variables.back();
      const auto near = nearest_word(suffix, known_);
      const bool ours = variable.name.starts_with("TANIST_");
      if (ours && !near) continue;
      warn(variable, "unknown variable, ignored",
           near ? fmt::format("did you mean {}_{}?", ours ? "TANIST" : "PATRONI", *near) : "");
    }
  }

  std::map<std::string, std::vector<Variable>> found_;
  std::set<std::string> used_;
  std::vector<std::string> known_;
  EnvironmentConfig out_;
};

}  // namespace

EnvironmentConfig read_environment(const Environment& environment) {
  return Scanner(environment).run();
}

Environment process_environment() {
  Environment out;
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string_view text(*entry);
    const auto equals = text.find('=');
    if (equals != std::string_view::npos) out.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

void remove_from_process(const std::vector<std::string>& names) {
  for (const auto& name : names) unsetenv(name.c_str());
}

}  // namespace tanist::config
