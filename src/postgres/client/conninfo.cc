#include "postgres/client/conninfo.h"

#include <algorithm>
#include <vector>

#include "core/format.h"

namespace tanist::postgres {
namespace {

struct Keyword {
  std::string_view name;
  int since = 0;
};
constexpr Keyword kOrder[] = {
    {"service"},
    {"dbname"},
    {"user"},
    {"passfile", 100000},
    {"password"},
    {"host"},
    {"port"},
    {"sslmode"},
    {"sslcompression"},
    {"sslcert"},
    {"sslkey"},
    {"sslpassword", 130000},
    {"sslrootcert"},
    {"sslcrl"},
    {"sslcrldir", 140000},
    {"application_name"},
    {"krbsrvname"},
    {"gssencmode", 120000},
    {"channel_binding", 130000},
    {"target_session_attrs", 100000},
    {"sslnegotiation", 170000},
};

/// The one section of our service files.
constexpr const char* kService = "tanist";

std::string escape(std::string_view value, std::string_view special) {
  std::string result;
  for (const char c : value) {
    if (special.find(c) != std::string_view::npos) result += '\\';
    result += c;
  }
  return result;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find(',', begin), text.size());
    items.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return items;
}

std::string value_or(const ConnectionParameters& parameters, const std::string& key, std::string fallback) {
  const auto found = parameters.find(key);
  return found == parameters.end() || found->second.empty() ? std::move(fallback) : found->second;
}

}  // namespace

std::string render_conninfo(const ConnectionParameters& parameters, int version) {
  std::string text;
  for (const auto& [name, since] : kOrder) {
    const auto found = parameters.find(std::string(name));
    if (found == parameters.end() || version < since) continue;
    if (!text.empty()) text += ' ';
    text += fmt::format("{}={}", name, found->second.empty() ? "''" : escape(found->second, "'\\ "));
  }
  return text;
}

bool is_conninfo_keyword(std::string_view name, int version) {
  const auto found = std::ranges::find(kOrder, name, &Keyword::name);
  return found == std::end(kOrder) || version >= found->since;
}

ConnectionParameters parse_conninfo(std::string_view text) {
  ConnectionParameters parameters;
  std::size_t i = 0;
  while (i < text.size()) {
    if (is_blank(text[i])) {
      ++i;
      continue;
    }
    const auto equals = text.find('=', i);
    if (equals == std::string_view::npos) break;
    std::string key(text.substr(i, equals - i));
    while (!key.empty() && is_blank(key.back())) key.pop_back();
    i = equals + 1;
    while (i < text.size() && is_blank(text[i])) ++i;
    const bool quoted = i < text.size() && text[i] == '\'';
    if (quoted) ++i;
    std::string value;
    for (; i < text.size(); ++i) {
      if (text[i] == '\\' && i + 1 < text.size()) {
        value += text[++i];
      } else if (quoted ? text[i] == '\'' : is_blank(text[i])) {
        break;
      } else {
        value += text[i];
      }
    }
    if (quoted) ++i;
    parameters[key] = value;
  }
  return parameters;
}

std::string pgpass_content(const ConnectionParameters& parameters) {
  const auto password = parameters.find("password");
  if (password == parameters.end() || password->second.empty()) return {};
  const auto hosts = split_list(value_or(parameters, "host", "*"));
  const auto ports = split_list(value_or(parameters, "port", "*"));
  const std::string user = escape(value_or(parameters, "user", "*"), ":\\");
  const std::string secret = escape(password->second, ":\\");
  std::string text;
  const auto add = [&](const std::string& host, const std::string& port) {
    const std::string line = fmt::format("{}:{}:*:{}:{}\n", escape(host, ":\\"), port, user, secret);
    if (text.find(line) == std::string::npos) text += line;
  };
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const std::string& port = ports.size() == hosts.size() ? ports[i] : ports[0];
    add(hosts[i].empty() ? "*" : hosts[i], port);
    // libpq looks up connections by socket under this name.
    if (hosts[i].starts_with('/')) add("localhost", port);
  }
  return text;
}

SecretFiles take_secrets(ConnectionParameters& parameters, int version) {
  SecretFiles secrets;
  secrets.pgpass = pgpass_content(parameters);
  parameters.erase("password");
  // A password file has no place for it, and the environment no variable.
  const auto key = parameters.extract("sslpassword");
  if (!key || key.mapped().empty() || !is_conninfo_keyword("sslpassword", version)) return secrets;
  secrets.service = fmt::format("[{}]\nsslpassword={}\n", kService, key.mapped());
  parameters["service"] = kService;
  return secrets;
}

ConnectionParameters credentials_parameters(const config::Credentials& credentials) {
  ConnectionParameters parameters(credentials.options.begin(), credentials.options.end());
  if (!credentials.username.empty()) parameters["user"] = credentials.username;
  if (!credentials.password.empty()) parameters["password"] = credentials.password.reveal();
  return parameters;
}

ConnectionParameters source_parameters(const config::Settings& settings, const Upstream& source,
                                       const config::Credentials& credentials) {
  ConnectionParameters parameters = credentials_parameters(credentials);
  parameters["host"] = source.host;
  parameters["port"] = std::to_string(source.port);
  parameters.try_emplace("dbname", settings.postgresql.database);
  if (!settings.postgresql.krbsrvname.empty()) parameters["krbsrvname"] = settings.postgresql.krbsrvname;
  return parameters;
}

ConnectionParameters primary_parameters(const config::Settings& settings, const Upstream& source,
                                        const config::Credentials& credentials) {
  ConnectionParameters parameters = source_parameters(settings, source, credentials);
  if (source.host.find(',') != std::string::npos) parameters["target_session_attrs"] = "read-write";
  return parameters;
}

ConnectionParameters upstream_parameters(const config::Settings& settings, const Upstream& upstream,
                                         int version) {
  ConnectionParameters parameters =
      source_parameters(settings, upstream, settings.postgresql.accounts.replication);
  parameters["application_name"] = settings.name;
  // Several hosts, of which only the primary has the slot.
  const bool choice = upstream.host.find(',') != std::string::npos && !upstream.slot.empty();
  if (choice && version >= 100000) parameters["target_session_attrs"] = "read-write";
  parameters.try_emplace("sslmode", "prefer");
  if (version >= 120000) parameters.try_emplace("gssencmode", "prefer");
  if (version >= 130000) parameters.try_emplace("channel_binding", "prefer");
  if (version >= 170000) parameters.try_emplace("sslnegotiation", "postgres");
  return parameters;
}

const config::Credentials& rewind_credentials(const config::Settings& settings, int version) {
  const auto& rewind = settings.postgresql.accounts.rewind;
  const bool own = version >= 110000 && !rewind.username.empty();
  return own ? rewind : settings.postgresql.accounts.superuser;
}

namespace {

/// Items of a list with commas, without blanks around them.
std::vector<std::string> items_of(std::string_view list) {
  std::vector<std::string> items;
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    std::string item(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
    while (item.starts_with(' ')) item.erase(0, 1);
    while (item.ends_with(' ')) item.pop_back();
    items.push_back(std::move(item));
  }
  return items;
}

}  // namespace

LocalAddress local_address(const config::Settings& settings) {
  const auto& postgresql = settings.postgresql;
  LocalAddress address{postgresql.listen_addresses, postgresql.port, std::nullopt};
  const auto directories = postgresql.parameters.find("unix_socket_directories");
  if (directories != postgresql.parameters.end()) address.socket_directories = directories->second;
  return address;
}

ConnectionParameters local_parameters(const config::Settings& settings, const LocalAddress& address,
                                      const config::Credentials& credentials, bool replication) {
  const auto& postgresql = settings.postgresql;
  ConnectionParameters parameters = credentials_parameters(credentials);
  parameters["port"] = std::to_string(address.port);
  parameters["dbname"] = replication ? "replication" : postgresql.database;
  if (replication) parameters["replication"] = "1";
  if (!postgresql.krbsrvname.empty()) parameters["krbsrvname"] = postgresql.krbsrvname;
  // Asking Kerberos for a ticket touches files; nobody has one for the local server.
  parameters.try_emplace("gssencmode", "disable");
  if (replication ? postgresql.use_unix_socket_repl : postgresql.use_unix_socket) {
    if (!address.socket_directories) return parameters;
    for (auto& directory : items_of(*address.socket_directories)) {
      if (!directory.starts_with('/')) continue;
      parameters["host"] = std::move(directory);
      return parameters;
    }
  }
  // The first address that means "this host", else the first one.
  const auto addresses = items_of(address.listen_addresses);
  const bool everywhere = std::ranges::any_of(addresses, [](const std::string& item) {
    return item == "*" || item == "localhost" || item == "0.0.0.0" || item == "127.0.0.1";
  });
  const bool local = everywhere || addresses.empty() || addresses.front().empty();
  parameters["host"] = local ? "localhost" : addresses.front();
  if (local) parameters["hostaddr"] = "127.0.0.1";
  return parameters;
}

ConnectionParameters local_parameters(const config::Settings& settings,
                                      const config::Credentials& credentials, bool replication) {
  return local_parameters(settings, local_address(settings), credentials, replication);
}

}  // namespace tanist::postgres
