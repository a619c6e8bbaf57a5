#pragma once

#include <memory>
#include <string>

#include "async/clock.h"
#include "async/task.h"
#include "config/settings.h"
#include "dcs/access.h"
#include "dcs/place.h"
#include "dcs/store.h"

/// The store on etcd 3, through its JSON gateway (dcs.md §4.2).
namespace tanist::dcs::etcd3 {

struct Options {
  config::Etcd3 connection;
  /// `/<namespace>/<scope>`
  std::string base_path;
  config::Timing timing;
};

/// Everything runs on `executor`; `clock` must outlive the store.
std::unique_ptr<Store> make_store(Executor executor, Clock& clock, Options options);

}  // namespace tanist::dcs::etcd3

/// What stores/ opens: see there.
namespace tanist::dcs {
std::unique_ptr<Store> make_store(Executor executor, Clock& clock, const config::Etcd3& connection,
                                  const Place& place, const config::Timing& timing);
std::unique_ptr<Access> make_access(Executor executor, Clock& clock, const config::Etcd3& connection,
                                    Place place);
}  // namespace tanist::dcs
