#include "postgres/copies/data_directory_life.h"

#include <utility>

#include "core/format.h"
#include "log/log.h"
#include "postgres/copies/rewind.h"
#include "postgres/files/data_directory.h"
#include "postgres/files/removal.h"
#include "postgres/local/configuration.h"
#include "postgres/local/context.h"
#include "postgres/local/directory.h"
#include "postgres/local/marks.h"
#include "postgres/local/postmaster.h"

TANIST_LOGGER("patroni.postgresql.bootstrap");

namespace tanist::postgres {

DataDirectoryLife::DataDirectoryLife(Context& context, Directory& directory, Postmaster& postmaster,
                                     Configuration& configuration)
    : context_(context), directory_(directory), postmaster_(postmaster), configuration_(configuration) {}

Task<Result> DataDirectoryLife::begin_new(std::string what, Instant deadline) {
  if (!context_.stopped()) co_return std::unexpected(Failure{what + ": PostgreSQL runs"});
  co_await directory_.look(deadline);
  if (context_.facts.data_directory != DataDirectory::empty || directory_.unfinished_clone()) {
    co_return std::unexpected(
        Failure{fmt::format("{}: data directory \"{}\" is not empty", what, context_.pg().data_dir)});
  }
  Result forgotten = co_await forget_rewind(context_, deadline);
  if (forgotten) begun_ = true;
  co_return forgotten;
}

Task<std::expected<ClusterIdentity, Failure>> DataDirectoryLife::identify(bool make, Instant deadline) {
  using Found = std::expected<ClusterIdentity, std::string>;
  auto looking = context_.disk.call<Found>(
      "identify data directory " + context_.pg().data_dir,
      [path = context_.pg().data_dir, make]() -> Found {
        if (make) {
          if (auto made = make_data_directory(path); !made) return std::unexpected(made.error());
        }
        const auto directory = file_identity(path);
        if (!directory) return std::unexpected(directory.error());
        const auto cluster = file_identity(path + "/PG_VERSION");
        if (!cluster) return std::unexpected(cluster.error());
        return ClusterIdentity{*directory, *cluster, {}};
      },
      deadline);
  std::expected<Found, std::string> found = co_await std::move(looking);
  if (!found) co_return std::unexpected(Failure{std::move(found.error())});
  if (!*found) co_return std::unexpected(Failure{std::move(found->error())});
  if (postmaster_.running())
    (*found)->postmaster =
        fmt::format("{}:{}", postmaster_.identity().pid, postmaster_.identity().start_ticks);
  co_return std::move(**found);
}

namespace {

struct Removed {
  bool begun = false;
  std::expected<void, std::string> done;
};

}  // namespace

Task<Result> DataDirectoryLife::remove(std::string why, Instant begin_by, Instant deadline) {
  if (!context_.stopped())
    co_return std::unexpected(Failure{"data directory is not removed: PostgreSQL runs"});
  log::info("Removing data directory {}: {}", context_.pg().data_dir, why);
  const Directory::Rebuilding rebuilding(directory_);
  const std::string path = context_.pg().data_dir;
  auto removing = context_.long_disk.call<Removed>(
      "remove data directory " + path,
      [path, mark = removal_mark(*context_.settings), begin_by, &clock = context_.clock]() -> Removed {
        // Asked here: the thread, or all of the process, may have been held up.
        if (clock.now() >= begin_by) return Removed{.begun = false, .done = {}};
        return Removed{.begun = true, .done = remove_cluster(path, mark)};
      },
      deadline);
  const auto removed = co_await std::move(removing);
  if (!removed) co_return std::unexpected(Failure{removed.error()});
  if (!removed->begun) {
    co_await directory_.look(deadline);
    co_return std::unexpected(
        Failure{fmt::format("data directory \"{}\" is kept: its removal was not begun in time", path)});
  }
  Result result;
  if (!removed->done) {
    // postgres.md §23: out of the way all the same.
    log::error("{}", removed->done.error());
    result = std::unexpected(Failure{removed->done.error()});
    Result renamed = co_await put_aside(false, deadline);
    if (renamed) co_return renamed;
  }
  context_.facts.control.reset();
  co_await directory_.look(deadline);
  co_return result;
}

Task<Result> DataDirectoryLife::rename(Instant deadline) {
  return put_aside(std::exchange(begun_, false), deadline);
}

Task<Result> DataDirectoryLife::put_aside(bool failed_bootstrap, Instant deadline) {
  if (!context_.stopped())
    co_return std::unexpected(Failure{"data directory is not renamed: PostgreSQL runs"});
  const std::string path = context_.pg().data_dir;
  const Directory::Rebuilding rebuilding(directory_);
  auto renaming = context_.on_long_disk(
      "rename data directory " + path,
      [path, failed_bootstrap, mark = failed_mark(*context_.settings)]() -> std::expected<void, std::string> {
        const auto aside = postgres::rename_data_directory(path, mark, failed_bootstrap);
        if (!aside) return std::unexpected(aside.error());
        if (!aside->empty()) log::info("renamed data directory \"{}\" to \"{}\"", path, *aside);
        return {};
      },
      deadline);
  Result renamed = co_await std::move(renaming);
  context_.facts.control.reset();
  configuration_.give_up_custom_bootstrap();
  co_await directory_.look(deadline);
  co_return renamed;
}

}  // namespace tanist::postgres
