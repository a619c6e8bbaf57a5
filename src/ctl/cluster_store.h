#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "async/clock.h"
#include "async/task.h"
#include "ctl/settings.h"
#include "dcs/access.h"

namespace tanist::ctl {

/// The store as commands use it, which wait for each answer: within the patience of the tool.
class ClusterStore {
 public:
  /// An access to the cluster of this name, on `executor`.
  using Open = std::function<std::unique_ptr<dcs::Access>(Executor executor, Clock& clock,
                                                          const std::string& cluster)>;

  /// `product`: as the store is called in messages; `source`: what it is named by.
  ClusterStore(std::string_view product, Open open, std::string source = {})
      : product_(product), open_(std::move(open)), source_(std::move(source)) {}

  /// Read linearizably. Throws Failure when the store does not answer.
  dcs::ClusterPtr read(const std::string& cluster);
  /// Replaces `/config` where it still has version `seen`.
  dcs::WriteResult write_config(const std::string& cluster, const Document& config, dcs::Version seen);
  /// Replaces `/failover` where it still has version `seen`; an empty record takes the request back.
  dcs::WriteResult write_failover(const std::string& cluster, const dcs::FailoverRecord& record,
                                  dcs::Version seen);
  /// Deletes all that the store has of the cluster.
  dcs::WriteResult remove(const std::string& cluster);

 private:
  using Write = std::function<Task<dcs::WriteResult>(dcs::Access& access, Instant deadline)>;
  dcs::WriteResult write(const std::string& cluster, const char* what, const Write& write);

  std::string product_;
  Open open_;
  std::string source_;
};

/// Throws Failure where what was to be written is not, or perhaps not: `attempted` completes `could not …`.
void require_done(const dcs::WriteResult& written, const std::string& attempted);

/// The configured store. Throws Failure where none is configured, or one that this version does not speak to.
std::unique_ptr<ClusterStore> open_store(const Settings& settings);

}  // namespace tanist::ctl
