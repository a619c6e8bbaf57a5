#include "ha/engine/impl.h"
#include "ha/operations/bootstrap_note.h"
#include "log/log.h"

TANIST_LOGGER("patroni.postgresql.bootstrap");

/// A bootstrap that this member began in an earlier incarnation and did not finish.
namespace tanist::ha {
namespace {

using namespace std::chrono_literals;
constexpr Duration kKillBudget = 30s;
/// Of a directory: its tablespaces may be many.
constexpr Duration kRenameBudget = 30s;

}  // namespace

/// Only what that attempt made is renamed, then everything begins anew. False: it must not go on.
Task<bool> Engine::Impl::clear_abandoned_bootstrap(dcs::ClusterPtr cluster) {
  const std::string path = bootstrap_note_path();
  const auto read = co_await ports_.disk.read(path, now() + kDiskBudget);
  if (!read) {
    log::critical("whether a bootstrap was begun and not finished is not known: {}", read.error());
    co_return false;
  }
  if (!*read) co_return true;
  const std::string data_dir = settings_->postgresql.data_dir;
  const auto note = parse_bootstrap_note(**read);
  // The leader key comes with the result of a bootstrap, never before.
  const bool finished = keeper_.lease().held(now());
  if (finished)
    log::warning("\"{}\" is left of a bootstrap that was finished: this member leads the cluster", path);
  if (note && note->data_dir == data_dir && !finished) {
    const auto here = co_await ports_.server.identify(false, now() + kDiskBudget);
    if (!here) {
      log::critical("{}", here.error().detail);
      co_return false;
    }
    const auto& initialize = cluster->initialize;
    const auto left = judge_left_bootstrap(*note, ports_.server.facts(), *here,
                                           initialize.valid_system_id() ? initialize.value : std::string());
    switch (left.what) {
      case LeftBootstrap::nothing: break;
      case LeftBootstrap::of_others:
        log::warning(
            "data directory \"{}\" is not what the bootstrap made that \"{}\" speaks of: {}; it is kept",
            data_dir, path, left.found);
        break;
      case LeftBootstrap::unknown:
        log::critical(
            "\"{}\" says that a bootstrap into data directory \"{}\" was not finished, but nothing shows "
            "that what is there was made by it: {}; nothing is touched\nHINT: if this data is to be kept, "
            "remove \"{}\" and start again; else stop what runs there, move the directory away and start "
            "again",
            path, data_dir, left.found, path);
        co_return false;
      case LeftBootstrap::ours:
        const bool aside = co_await put_bootstrap_aside();
        if (!aside) co_return false;
    }
  }
  auto removed = co_await ports_.disk.remove(path, now() + kDiskBudget);
  if (!removed) log::warning("{}", removed.error());
  co_return true;
}

Task<bool> Engine::Impl::put_bootstrap_aside() {
  log::warning(
      "found the data directory {} of a bootstrap that was not finished: renaming it and beginning anew",
      settings_->postgresql.data_dir);
  const bool down = co_await ports_.server.kill_everything(now() + kKillBudget);
  if (!down) {
    log::critical("could not stop the PostgreSQL of an unfinished bootstrap in {}",
                  settings_->postgresql.data_dir);
    co_return false;
  }
  auto renamed = co_await ports_.server.rename_data_directory(now() + kRenameBudget);
  if (!renamed) log::critical("{}", renamed.error().detail);
  co_return renamed.has_value();
}

}  // namespace tanist::ha
