#pragma once

#include <string>

#include "core/secret.h"

namespace tanist::config {

/// `host:port` as configured; host without brackets.
struct HostPort {
  std::string host;
  int port = 0;
  bool operator==(const HostPort&) const = default;
};
/// `host:port`, IPv6 in brackets.
std::string to_string(const HostPort&);

/// Client certificate and CA of one connection; empty paths are unset.
struct TlsFiles {
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  Secret key_password;
  bool operator==(const TlsFiles&) const = default;
};

}  // namespace tanist::config
