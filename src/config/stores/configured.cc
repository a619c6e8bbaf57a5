#include "config/stores/configured.h"

#include <utility>

#include "config/stores/etcd3.h"

namespace tanist::config {
namespace {

/// Calls `make` with an empty value of the alternative that has this section.
template <class Make, class... Stores>
StoreOptions with_alternative(std::string_view section, const Make& make,
                              std::variant<std::monostate, Stores...>*) {
  StoreOptions out;
  const auto look = [&]<class Store>(Store empty) {
    if (section == Store::kSection) out = make(std::move(empty));
  };
  (look(Stores{}), ...);
  return out;
}

}  // namespace

const KnownStore* chosen_store(const Document& document) {
  for (const auto& store : kStores) {
    const Document* section = document.find(store.section);
    if (is_available(store) && section && section->truthy()) return &store;
  }
  return nullptr;
}

StoreOptions build_store(const Document& document, std::string_view file, Problems& problems) {
  const KnownStore* store = chosen_store(document);
  if (!store) return {};
  const Document& section = *document.find(store->section);
  const auto make = [&](auto options) -> StoreOptions {
    read_section(section, file, problems, options);
    return options;
  };
  return with_alternative(store->section, make, static_cast<StoreOptions*>(nullptr));
}

const KnownStore* configured_in_vain(const Document& document) {
  const KnownStore* out = nullptr;
  for (const auto& store : kStores) {
    if (is_available(store) || !document.find(store.section)) continue;
    if (!out || !store.instead.empty()) out = &store;
  }
  return out;
}

std::optional<net::TlsOptions> store_tls(const StoreOptions& options) {
  const auto tls = [](const auto& store) -> std::optional<net::TlsOptions> {
    if constexpr (requires { tls_options(store); }) {
      return tls_options(store);
    } else {
      return std::nullopt;
    }
  };
  return std::visit(tls, options);
}

}  // namespace tanist::config
