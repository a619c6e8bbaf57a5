#include "config/build.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>

#include "config/addresses.h"
#include "config/sections/controlled.h"
#include "config/sections/delay.h"
#include "config/sections/dynamic.h"
#include "config/sections/log_options.h"
#include "config/sections/methods.h"
#include "config/sections/options.h"
#include "config/sections/restapi.h"
#include "config/sections/tags.h"
#include "config/stores/configured.h"
#include "config/validate.h"
#include "core/format.h"
#include "core/text.h"

namespace tanist::config {
namespace {

constexpr int kPostgresqlPort = 5432;

/// What the dynamic configuration cannot say (config.md §1.2).
bool is_local_only(std::string_view key) {
  constexpr std::array<std::string_view, 7> kLocalOnly = {
      "connect_address", "proxy_address", "listen", "config_dir", "data_dir", "pgpass", "authentication"};
  return std::ranges::find(kLocalOnly, key) != kLocalOnly.end();
}

/// `postgresql` of both layers: local keys replace dynamic ones whole; parameters are merged elsewhere.
Document merge_postgresql(const Document* dynamic, const Document* local) {
  Document out = Document::map();
  auto& entries = out.entries();
  // Document::set looks through all keys each time; a /config may have a hundred thousand.
  std::unordered_map<std::string_view, std::size_t> places;
  if (dynamic && dynamic->is_map())
    for (const auto& entry : dynamic->entries())
      if (!is_local_only(entry.key)) {
        places.emplace(entry.key, entries.size());
        entries.push_back(entry);
      }
  if (local && local->is_map())
    for (const auto& entry : local->entries()) {
      if (entry.key == "use_slots") continue;
      if (const auto place = places.find(entry.key); place != places.end()) {
        entries[place->second].value = entry.value;
      } else {
        entries.push_back(entry);
      }
    }
  return out;
}

/// Where local clients reach a server that listens on `addresses`.
std::string local_host(std::string_view addresses) {
  constexpr std::array<std::string_view, 4> kLocal = {"*", "localhost", "0.0.0.0", "127.0.0.1"};
  std::string first;
  for (auto rest = addresses; !rest.empty();) {
    const auto comma = rest.find(',');
    const std::string host = lower(trim(rest.substr(0, comma)));
    if (std::ranges::find(kLocal, host) != kLocal.end()) return "localhost";
    if (first.empty()) first = host;
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
  }
  return first;
}

std::map<std::string, std::string> text_map(const Document* map) {
  std::map<std::string, std::string> out;
  if (!map || !map->is_map()) return out;
  for (const auto& [key, value, line] : map->entries())
    if (const auto text = guc_text(value)) out[key] = *text;
  return out;
}

Credentials credentials(const Document* section, std::string_view who) {
  Credentials out;
  if (!section || !section->is_map()) return out;
  for (const auto& [name, value, line] : section->entries()) {
    const Key* key = find_key(fmt::format("postgresql.authentication.{}.{}", who, name), Scope::local);
    if (!key || value.is_null() || !value.is_scalar()) continue;
    if (name == "username") {
      out.username = value.text();
    } else if (name == "password") {
      out.password = Secret(value.text());
    } else {
      out.options[name] = value.text();
    }
  }
  return out;
}

}  // namespace

std::optional<Watchdog::Mode> watchdog_mode(std::string_view text) {
  const std::string word = lower(text);
  if (word == "off" || word == "disable" || word == "disabled" || word == "false") return Watchdog::Mode::off;
  if (word == "auto" || word == "automatic") return Watchdog::Mode::automatic;
  if (word == "require" || word == "required") return Watchdog::Mode::required;
  return std::nullopt;
}

namespace {

class SettingsBuilder {
 public:
  SettingsBuilder(const LocalConfig& local, const Document& dynamic, Problems& problems)
      : local_(local), dynamic_(dynamic), problems_(problems), reader_(local.document, Scope::local) {}

  Settings build() {
    out_.scope = reader_.text("scope");
    out_.name = reader_.text("name");
    out_.name_space = reader_.text("namespace");
    out_.dynamic = build_dynamic(dynamic_);
    out_.restapi = build_restapi(reader_);
    out_.ctl = build_ctl(reader_);
    Problems known;  // load() has reported them
    out_.store = build_store(local_.document, local_.source, known);
    out_.log = build_log(reader_);
    const Document* tags = reader_.find("tags");
    out_.tags = build_tags(tags ? *tags : Document(), known);
    bootstrap();
    postgresql();
    if (out_.postgresql.replays_late) release_from_sync();
    out_.state_dir = reader_.text("tanist.state_dir");
    if (out_.state_dir.empty()) out_.state_dir = without_slashes(out_.postgresql.data_dir) + ".tanist";
    guard();
    watchdog();
    out_.silent_primary_timeout = std::chrono::seconds(reader_.integer("tanist.silent_primary_timeout"));
    out_.crash_hold_timeout = std::chrono::seconds(reader_.integer("tanist.crash_hold_timeout"));
    return std::move(out_);
  }

 private:
  static std::string without_slashes(std::string path) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    return path;
  }

  void guard() {
    using Mode = Guard::Mode;
    out_.guard.command = reader_.text("guard.command");
    const Document* mode = reader_.find("guard.mode");
    if (!mode || mode->is_null()) return;
    if (lower(mode->text()) == "required") out_.guard.mode = Mode::required;
    if (parse_bool(*mode) == false) out_.guard.mode = Mode::off;
  }

  void watchdog() {
    const Document* mode = reader_.find("watchdog.mode");
    if (mode && !mode->is_null()) {
      const bool off = mode->is_bool() && !mode->as_bool();
      out_.watchdog.mode =
          off ? Watchdog::Mode::off : watchdog_mode(mode->text()).value_or(Watchdog::Mode::off);
    }
    out_.watchdog.device = reader_.text("watchdog.device");
    out_.watchdog.safety_margin = static_cast<int>(reader_.integer("watchdog.safety_margin"));
    out_.watchdog.driver = reader_.text("watchdog.driver");
  }

  void bootstrap() {
    const Document* section = local_.document.find("bootstrap");
    out_.bootstrap.present = section != nullptr;
    if (const Document* dcs = reader_.find("bootstrap.dcs"); dcs && dcs->is_map()) out_.bootstrap.dcs = *dcs;
    if (const Document* options = reader_.find("bootstrap.initdb"))
      out_.bootstrap.initdb = tool_options("bootstrap.initdb", *options);
    out_.bootstrap.pg_hba = reader_.texts("bootstrap.pg_hba");
    out_.bootstrap.post_bootstrap = reader_.text("bootstrap.post_bootstrap");
    if (out_.bootstrap.post_bootstrap.empty())
      out_.bootstrap.post_bootstrap = reader_.text("bootstrap.post_init");
    out_.bootstrap.custom = custom_bootstrap(section);
    out_.bootstrap.users_configured = reader_.find("bootstrap.users") != nullptr;
  }

  void postgresql() {
    const Document* local = local_.document.find("postgresql");
    const Document* dynamic = dynamic_.find("postgresql");
    const Document merged = Document::map({{"postgresql", merge_postgresql(dynamic, local)}});
    const Reader reader(merged, Scope::local);
    addresses(reader);
    files(reader);
    users();
    out_.postgresql.parameters = merge_parameters(dynamic ? dynamic->find("parameters") : nullptr,
                                                  local ? local->find("parameters") : nullptr, problems_);
    out_.postgresql.parameters["listen_addresses"] = out_.postgresql.listen_addresses;
    out_.postgresql.parameters["port"] = fmt::format("{}", out_.postgresql.port);
    out_.postgresql.parameters["cluster_name"] = out_.scope;
    rest(reader);
    roles(merged.entries().front().value);
    out_.postgresql.copying.replica_methods =
        replica_methods(&merged.entries().front().value, out_.postgresql.copying.create_replica_methods);
    out_.postgresql.replays_late = replays_late(out_.postgresql);
    out_.postgresql.use_slots = Reader(dynamic_, Scope::dynamic).boolean("postgresql.use_slots");
  }

  /// Whoever is synchronous may be the next to lead, and one that replays late is not.
  void release_from_sync() {
    auto& tags = out_.tags;
    const Document* priority = tags.configured.find("sync_priority");
    const Document* nosync = tags.configured.find("nosync");
    const bool wanted = (nosync && !nosync->is_null()) || (priority && !priority->is_null());
    if (wanted && !tags.nosync)
      problems_.push_back(Problem{
          .severity = Severity::warning,
          .text = "tags.nosync counts as true: recovery_min_apply_delay makes this member replay late"});
    tags.nosync = true;
    tags.sync_priority = 0;
    tags.published.set("nosync", true);
  }

  void addresses(const Reader& reader) {
    auto& pg = out_.postgresql;
    const auto listen = split_host_port(reader.text("postgresql.listen"), kPostgresqlPort)
                            .value_or(HostPort{"", kPostgresqlPort});
    pg.listen_addresses = listen.host;
    pg.port = listen.port;
    pg.connect_address = {local_host(listen.host), listen.port};
    const std::string connect = reader.text("postgresql.connect_address");
    if (!connect.empty())
      pg.connect_address = split_host_port(connect, kPostgresqlPort).value_or(pg.connect_address);
    const std::string proxy = reader.text("postgresql.proxy_address");
    if (!proxy.empty())
      if (auto address = split_host_port(proxy, kPostgresqlPort)) pg.proxy_address = *std::move(address);
  }

  void files(const Reader& reader) {
    auto& pg = out_.postgresql;
    pg.data_dir = reader.text("postgresql.data_dir");
    pg.config_dir = reader.text("postgresql.config_dir");
    if (pg.config_dir.empty()) pg.config_dir = pg.data_dir;
    pg.config_base_name = reader.text("postgresql.config_base_name");
    pg.tools.bin_dir = reader.text("postgresql.bin_dir");
    pg.tools.bin_name = text_map(reader.find("postgresql.bin_name"));
    pg.database = reader.text("postgresql.database");
    std::string pgpass = reader.text("postgresql.pgpass");
    if (pgpass.empty()) pgpass = find_key("postgresql.pgpass")->fallback;
    pg.pgpass = expand_home(pgpass, local_.home);
    pg.krbsrvname = reader.text("postgresql.krbsrvname");
    pg.custom_conf = reader.text("postgresql.custom_conf");
  }

  void users() {
    const auto section = [&](std::string_view who) {
      return credentials(local_.document.find_path(fmt::format("postgresql.authentication.{}", who)), who);
    };
    auto& pg = out_.postgresql;
    pg.accounts.superuser = section("superuser");
    pg.accounts.replication = section("replication");
    pg.accounts.rewind = section("rewind");
    if (pg.accounts.rewind == Credentials{}) pg.accounts.rewind = pg.accounts.superuser;
  }

  void rest(const Reader& reader) {
    auto& pg = out_.postgresql;
    pg.use_unix_socket = reader.truth("postgresql.use_unix_socket");
    pg.use_unix_socket_repl = reader.truth("postgresql.use_unix_socket_repl");
    pg.pg_hba = reader.texts("postgresql.pg_hba");
    pg.pg_ident = reader.texts("postgresql.pg_ident");
    pg.recovery_conf = text_map(reader.find("postgresql.recovery_conf"));
    constexpr double kLongest = 1e9;
    pg.pg_ctl_timeout = from_seconds(std::min(reader.number("postgresql.pg_ctl_timeout"), kLongest));
    pg.use_pg_rewind = reader.truth("postgresql.use_pg_rewind");
    if (const Document* options = reader.find("postgresql.rewind"))
      pg.tools.rewind_options = tool_options("postgresql.rewind", *options);
    if (const Document* options = reader.find("postgresql.basebackup"))
      pg.tools.basebackup_options = tool_options("postgresql.basebackup", *options);
    pg.remove_data_directory_on_rewind_failure =
        reader.truth("postgresql.remove_data_directory_on_rewind_failure");
    pg.remove_data_directory_on_diverged_timelines =
        reader.truth("postgresql.remove_data_directory_on_diverged_timelines");
    pg.copying.create_replica_methods = reader.texts("postgresql.create_replica_methods");
    if (pg.copying.create_replica_methods.empty())
      pg.copying.create_replica_methods = reader.texts("postgresql.create_replica_method");
    // postgres.md §22: how this cluster copies its own leader is not how it copies another one.
    if (out_.dynamic.standby_cluster)
      pg.copying.create_replica_methods =
          Reader(dynamic_, Scope::dynamic).texts("standby_cluster.create_replica_methods");
    if (pg.copying.create_replica_methods.empty()) pg.copying.create_replica_methods = {"basebackup"};
    pg.scripts.callbacks = text_map(reader.find("postgresql.callbacks"));
    pg.scripts.pre_promote = reader.text("postgresql.pre_promote");
    pg.scripts.before_stop = reader.text("postgresql.before_stop");
  }

  /// Overlays of single roles above what was built so far (config.md §1.3).
  void roles(const Document& section) {
    auto& pg = out_.postgresql;
    for (const std::string role : {"primary", "replica", "standby_leader"}) {
      const auto part = [&](const char* what) { return section.find(fmt::format("{}_{}", what, role)); };
      const Document* parameters = part("parameters");
      const Document* hba = part("pg_hba");
      const Document* ident = part("pg_ident");
      RoleOverlay overlay{pg.parameters, pg.pg_hba, pg.pg_ident};
      bool configured = false;
      if (parameters && parameters->is_map() && parameters->size() > 0) {
        configured = true;
        overlay_parameters(*parameters, overlay.parameters);
      }
      for (const auto& [lines, target] : {std::pair(hba, &overlay.pg_hba), {ident, &overlay.pg_ident}}) {
        if (!lines || !lines->is_list()) continue;
        configured = true;
        target->clear();
        for (const auto& line : lines->as_list())
          if (line.is_scalar() && !line.is_null()) target->push_back(line.text());
      }
      if (configured) pg.role_overlays[role] = std::move(overlay);
    }
  }

  void overlay_parameters(const Document& given, std::map<std::string, std::string>& out) {
    for (const auto& [key, value, line] : given.entries()) {
      if (is_controlled(key)) {
        problems_.push_back(
            Problem{.severity = Severity::warning,
                    .text = fmt::format(
                        "Role-based config attempted to override protected parameter '{}', ignoring", key)});
      } else if (const auto text = guc_text(value)) {
        out[lower(key)] = *text;
      }
    }
  }

  const LocalConfig& local_;
  const Document& dynamic_;
  Problems& problems_;
  Reader reader_;
  Settings out_;
};

}  // namespace

Settings build(const LocalConfig& local, const Document& dynamic, Problems& problems) {
  return SettingsBuilder(local, dynamic, problems).build();
}

}  // namespace tanist::config
