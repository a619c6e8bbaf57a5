#include "config/stores/tls.h"

#include <variant>

#include "config/stores/etcd3.h"

namespace tanist::config {

std::optional<net::TlsOptions> store_tls(const StoreOptions& options) {
  const auto tls = [](const auto& store) -> std::optional<net::TlsOptions> {
    // A store with certificates that does not say what is done with them does not compile.
    if constexpr (requires { store.tls; }) {
      return tls_options(store);
    } else {
      return std::nullopt;
    }
  };
  return std::visit(tls, options);
}

}  // namespace tanist::config
