#pragma once

#include <memory>

#include "async/clock.h"
#include "async/task.h"
#include "config/settings.h"
#include "config/stores.h"
#include "dcs/access.h"
#include "dcs/place.h"
#include "dcs/store.h"

/// The one place that knows every backend: from what is configured to what speaks to it. Nothing is sent
/// before the first call. Everything runs on `executor`; `clock` must outlive what is returned. Options that
/// name no store throw FatalStoreError: whoever reads a configuration has refused them before.
namespace tanist::stores {

/// For a daemon.
std::unique_ptr<dcs::Store> open(Executor executor, Clock& clock, const config::StoreOptions& options,
                                 const dcs::Place& place, const config::Timing& timing);

/// For who looks, writes and goes.
std::unique_ptr<dcs::Access> access(Executor executor, Clock& clock, const config::StoreOptions& options,
                                    const dcs::Place& place);

}  // namespace tanist::stores
