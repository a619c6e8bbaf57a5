#include "config/stores.h"

#include "core/format.h"

namespace tanist::config {
namespace {

const KnownStore* row_or_null(decltype(kStores)::const_iterator at) {
  return at == kStores.end() ? nullptr : &*at;
}

template <class Wanted>
std::string sections(Wanted wanted) {
  std::string out;
  for (const auto& store : kStores) {
    if (!wanted(store)) continue;
    if (!out.empty()) out += ", ";
    out += store.section;
  }
  return out;
}

}  // namespace

const KnownStore* find_store(std::string_view section) {
  return row_or_null(std::ranges::find(kStores, section, &KnownStore::section));
}

const KnownStore* store_of_key(std::string_view path) {
  const auto dot = path.find('.');
  return dot == std::string_view::npos ? nullptr : find_store(path.substr(0, dot));
}

const KnownStore* store_of_url(std::string_view scheme, int port) {
  const auto has_url = [](const KnownStore& store) { return store.url != KnownStore::Url::none; };
  if (!scheme.empty()) {
    const KnownStore* named = find_store(scheme);
    return named && has_url(*named) ? named : nullptr;
  }
  // Both interfaces of etcd have the same port; the first row is the one that Patroni takes.
  const KnownStore* by_port = row_or_null(
      std::ranges::find_if(kStores, [&](const auto& store) { return has_url(store) && store.port == port; }));
  return by_port ? by_port : find_store("etcd");
}

const KnownStore* store_of(const StoreOptions& options) {
  const auto row = [](const auto& store) -> const KnownStore* {
    if constexpr (requires { store.kSection; }) {
      return find_store(store.kSection);
    } else {
      return nullptr;
    }
  };
  return std::visit(row, options);
}

const TlsFiles* tls_files(const StoreOptions& options) {
  const auto files = [](const auto& store) -> const TlsFiles* {
    if constexpr (requires { store.tls; }) {
      return &store.tls;
    } else {
      return nullptr;
    }
  };
  return std::visit(files, options);
}

std::string known_stores() {
  return sections([](const KnownStore&) { return true; });
}

std::string available_stores() {
  return sections(is_available);
}

std::string no_store_text(std::string_view names) {
  return fmt::format(
      "Can not find suitable configuration of distributed configuration store\nAvailable implementations: {}",
      names);
}

}  // namespace tanist::config
