#pragma once

#include "config/settings.h"
#include "net/http.h"

namespace tanist::config {

/// The files of a section for the library that reads them. What is checked of the other side (`verify`,
/// `verify_host`) and the ciphers stay as net has them: they are each caller's own rule.
inline net::TlsOptions tls_options(const TlsFiles& files) {
  net::TlsOptions out;
  out.ca_file = files.ca_file;
  out.cert_file = files.cert_file;
  out.key_file = files.key_file;
  out.key_password = files.key_password;
  return out;
}

}  // namespace tanist::config
