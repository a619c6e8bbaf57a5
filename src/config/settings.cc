#include "config/settings.h"

#include "core/format.h"

namespace tanist::config {

std::string to_string(const HostPort& address) {
  const bool ipv6 = address.host.find(':') != std::string::npos;
  return ipv6 ? fmt::format("[{}]:{}", address.host, address.port)
              : fmt::format("{}:{}", address.host, address.port);
}

std::string base_path(std::string_view name_space, std::string_view scope) {
  std::string out;
  for (const char c : fmt::format("/{}/{}", name_space, scope))
    if (c != '/' || !out.ends_with('/')) out += c;
  return out;
}

std::string Settings::api_url() const {
  return fmt::format("{}://{}/patroni", restapi.tls.cert_file.empty() ? "http" : "https",
                     to_string(restapi.connect_address));
}

std::string Settings::conn_url() const {
  return fmt::format("postgres://{}/{}", to_string(postgresql.connect_address), postgresql.database);
}

}  // namespace tanist::config
