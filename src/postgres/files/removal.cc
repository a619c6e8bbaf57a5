#include "postgres/files/removal.h"

#include "async/disk_thread.h"
#include "log/log.h"
#include "postgres/files/data_directory.h"

TANIST_LOGGER("patroni.postgresql.bootstrap");

namespace tanist::postgres {
namespace {

/// PG_VERSION goes last (remove_data_directory): while it is there, and the one that was noted, the rest is
/// of the cluster that was to be removed.
std::expected<std::string, std::string> cluster_in(const std::string& data_dir) {
  const auto identity = file_identity(data_dir + "/PG_VERSION");
  if (!identity) return identity;
  if (identity->empty()) return std::string();
  return data_dir + "\n" + *identity + "\n";
}

}  // namespace

std::expected<void, std::string> remove_cluster(const std::string& data_dir, const std::string& mark) {
  const auto cluster = cluster_in(data_dir);
  if (!cluster) return std::unexpected(cluster.error());
  // Without PG_VERSION nothing can be started on it.
  if (cluster->empty()) return remove_data_directory(data_dir);
  if (auto noted = blocking::write_file(mark, *cluster, 0600); !noted) return noted;
  if (auto removed = remove_data_directory(data_dir); !removed) return removed;
  // Where it stays it speaks of a file that is gone.
  if (auto forgotten = blocking::remove_file(mark); !forgotten) log::warning("{}", forgotten.error());
  return {};
}

std::expected<void, std::string> finish_removal(const std::string& data_dir, const std::string& mark) {
  const auto noted = blocking::read_file(mark);
  if (!noted) return std::unexpected(noted.error());
  if (!*noted) return {};
  const auto cluster = cluster_in(data_dir);
  if (!cluster) return std::unexpected(cluster.error());
  if (!cluster->empty() && *cluster == **noted) {
    log::warning("removing what is left of data directory \"{}\": its removal was broken off", data_dir);
    if (auto removed = remove_data_directory(data_dir); !removed) return removed;
  }
  return blocking::remove_file(mark);
}

}  // namespace tanist::postgres
