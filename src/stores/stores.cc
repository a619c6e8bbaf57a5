#include "stores/stores.h"

#include <type_traits>
#include <variant>

#include "dcs/etcd3/store.h"

namespace tanist::stores {
namespace {

/// Calls `make` with the options of the configured store. A backend without make_store or make_access does
/// not compile.
template <class Made, class Make>
std::unique_ptr<Made> made(const config::StoreOptions& options, const Make& make) {
  const auto one = [&](const auto& store) -> std::unique_ptr<Made> {
    if constexpr (std::is_same_v<std::decay_t<decltype(store)>, std::monostate>) {
      throw dcs::FatalStoreError(config::no_store_text(config::available_stores()));
    } else {
      return make(store);
    }
  };
  return std::visit(one, options);
}

}  // namespace

std::unique_ptr<dcs::Store> open(Executor executor, Clock& clock, const config::StoreOptions& options,
                                 const dcs::Place& place, const config::Timing& timing) {
  return made<dcs::Store>(options, [&](const auto& store) {
    return dcs::make_store(std::move(executor), clock, store, place, timing);
  });
}

std::unique_ptr<dcs::Access> access(Executor executor, Clock& clock, const config::StoreOptions& options,
                                    const dcs::Place& place) {
  return made<dcs::Access>(
      options, [&](const auto& store) { return dcs::make_access(std::move(executor), clock, store, place); });
}

}  // namespace tanist::stores
