#pragma once

#include <chrono>

#include "core/document.h"
#include "core/time.h"
#include "dcs/model.h"

/// How long members of a cluster take for what they are asked.
namespace tanist::ctl {

/// Of the cluster's configuration, else of the tool's own (`local`), else the default.
std::chrono::seconds loop_wait(const dcs::Cluster& cluster, const Document& local);

/// How long a start of PostgreSQL may take.
std::chrono::seconds start_timeout(const dcs::Cluster& cluster);

/// How long the answer to a switchover or failover may take.
Duration switchover_patience(const dcs::Cluster& cluster, const Document& local);

}  // namespace tanist::ctl
