#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <memory>

#include "async/wait.h"
#include "log/log.h"
#include "postgres/copies/progress.h"
#include "postgres/files/clone_place.h"
#include "postgres/files/lock_files.h"
#include "postgres/local/local_server.h"

TANIST_LOGGER("patroni.postgresql.bootstrap");

/// The data directory around an attempt to make a replica, and its end. What is run in between:
/// replica_methods.cc.
namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {

/// How long the end of an attempt waits for the removal of what it left, which then goes on.
constexpr Duration kCleanBudget = 30s;
/// A removal takes as long as it takes: nothing is started meanwhile.
constexpr Duration kNever = 24h;
constexpr Duration kNoteEach = 250ms;
constexpr Duration kKillBudget = 5s;
constexpr Duration kKillLook = 20ms;
constexpr Duration kTellEach = 10s;

/// The process, its parent, and so on: those are never what an earlier daemon left behind.
bool is_above_us(pid_t pid) {
  constexpr int kDeepest = 32;
  pid_t at = ::getpid();
  for (int depth = 0; at > 0 && depth < kDeepest; ++depth) {
    if (at == pid) return true;
    const auto seen = process::stat(at);
    if (!seen) return false;
    at = seen->parent;
  }
  return false;
}

}  // namespace

/// Another data directory takes the place of the one that was to be rewound.
Task<Result> LocalServer::forget_rewind(Instant deadline) {
  if (!facts_.half_rewound) co_return Result();
  auto removed = co_await context_.disk.remove(half_rewound_path(), deadline);
  if (!removed) co_return std::unexpected(Failure{removed.error()});
  facts_.half_rewound = false;
  co_return Result();
}

Task<std::expected<ClonePlace, Failure>> LocalServer::prepare_attempt(ClonePlan plan, Instant deadline) {
  struct Prepared {
    std::expected<ClonePlace, std::string> place;
    bool marked = false;
  };
  plan.data_dir = context_.pg().data_dir;
  plan.mark = clone_marker();
  // Before the first removal: it may go on after the deadline.
  const std::uint64_t attempt = ++clone_attempt_;
  directory_.note_unfinished_clone(true);
  auto preparing = context_.long_disk.call<Prepared>(
      "prepare a clone",
      [plan = std::move(plan)] {
        Prepared done{prepare_clone(plan)};
        done.marked = file_exists(plan.mark);
        return done;
      },
      deadline);
  std::expected<Prepared, std::string> prepared;
  try {
    prepared = co_await std::move(preparing);
  } catch (...) {
    context_.spawn("end of a clone that was not begun", end_attempt(std::nullopt, attempt));
    throw;
  }
  if (!prepared) {
    context_.spawn("end of a clone that was not begun", end_attempt(std::nullopt, attempt));
    co_return std::unexpected(Failure{std::move(prepared.error())});
  }
  if (!prepared->place) {
    directory_.note_unfinished_clone(prepared->marked);
    co_return std::unexpected(Failure{std::move(prepared->place.error())});
  }
  co_return std::move(*prepared->place);
}

/// While a tool works in the data directory itself: so that a later daemon can tell what it has made from
/// what somebody restores after it.
Task<void> LocalServer::note_what_is_made() {
  for (;;) {
    co_await clock_.sleep_for(kNoteEach);
    auto noting = context_.long_disk.run(
        "note what a clone makes",
        [data_dir = context_.pg().data_dir, mark = clone_marker()] { note_made(data_dir, mark); },
        clock_.now() + kNever);
    co_await std::move(noting);
  }
}

/// Without a place: of the one that the mark names.
Task<void> LocalServer::end_attempt(std::optional<ClonePlace> place, std::uint64_t attempt) {
  using Ended = std::expected<bool, std::string>;
  auto ending = context_.long_disk.call<Ended>(
      "remove a clone that failed",
      [place, data_dir = context_.pg().data_dir, mark = clone_marker()]() -> Ended {
        if (!place) return clear_left_clone(data_dir, mark);
        note_made(data_dir, mark);
        log::warning("removing what the clone that failed left in \"{}\"", place->path);
        if (auto discarded = discard_clone(*place, data_dir, mark); !discarded)
          return std::unexpected(discarded.error());
        return false;
      },
      clock_.now() + kNever);
  std::expected<Ended, std::string> ended = co_await std::move(ending);
  if (!ended || !*ended) {
    log::error("{}", ended ? ended->error() : ended.error());
  } else if (attempt == clone_attempt_) {
    directory_.note_unfinished_clone(**ended);
  }
}

Task<Result> LocalServer::attempt_clone(ClonePlace place, bool keep_data, Task<Result> body,
                                        Instant deadline) {
  const std::string data_dir = context_.pg().data_dir;
  const std::string mark = clone_marker();
  const std::uint64_t attempt = clone_attempt_;
  Result result = std::unexpected(Failure{"no attempt was made"});
  auto noting = place.beside ? TaskHandle() : context_.spawn("note what a clone makes", note_what_is_made());
  std::exception_ptr cancelled;
  try {
    result = co_await std::move(body);
    noting.cancel();
    if (result) {
      auto finishing = context_.on_long_disk(
          "finish the clone", [place, data_dir, mark] { return finish_clone(place, data_dir, mark); },
          deadline);
      result = co_await std::move(finishing);
    }
  } catch (...) {
    cancelled = std::current_exception();
  }
  noting.cancel();
  const bool failed = cancelled || !result;
  // Until then nothing starts in the data directory, however whole it looks.
  if (!failed) directory_.note_unfinished_clone(false);
  if (cancelled) co_await shield_from_cancellation();
  if (failed) {
    Result ended = co_await end_left_tools(clock_.now() + kKillBudget);
    if (!ended) log::error("{}", ended.error().detail);
  }
  if (failed && keep_data) {
    auto noting_last = context_.long_disk.run(
        "note what a clone made", [data_dir, mark] { note_made(data_dir, mark); },
        clock_.now() + kKillBudget);
    co_await std::move(noting_last);
  }
  if (failed && !keep_data) {
    auto removal = context_.spawn("end of a clone that failed", end_attempt(place, attempt));
    auto ending = removal.join();
    co_await run_until(clock_, std::move(ending), clock_.now() + kCleanBudget);
    if (removal.running())
      log::warning(
          "still removing what the clone that failed left in \"{}\": nothing starts there until then",
          place.path);
  }
  if (cancelled) std::rethrow_exception(cancelled);
  co_return result;
}

Task<void> LocalServer::welcome_clone(Instant deadline) {
  co_await directory_.look(deadline);
  std::string trigger = "promote";
  for (const char* name : {"promote_trigger_file", "trigger_file"}) {
    if (const auto set = context_.pg().parameters.find(name); set != context_.pg().parameters.end())
      trigger = set->second;
    if (const auto set = context_.pg().recovery_conf.find(name); set != context_.pg().recovery_conf.end())
      trigger = set->second;
  }
  if (!trigger.starts_with('/')) trigger = context_.pg().data_dir + "/" + trigger;
  auto restoring = context_.disk.run(
      "restore configuration files",
      [settings = context_.settings, trigger] {
        restore_configuration(settings->postgresql);
        for (const auto& path : remove_copied_sockets(settings->postgresql))
          log::info("removed \"{}\": a socket of the server that was copied", path);
        // One that came with the copy would promote what is to be a standby.
        if (auto removed = blocking::remove_file(trigger); !removed) log::warning("{}", removed.error());
      },
      deadline);
  auto restored = co_await std::move(restoring);
  if (!restored) log::warning("{}", restored.error());
  co_await control_file_.read(deadline);
}

/// What a daemon was waiting for and waits for no longer would go on writing into the next attempt.
Task<Result> LocalServer::end_left_tools(Instant deadline) {
  const Instant patience = std::min(deadline, clock_.now() + kKillBudget);
  for (bool told = false;; told = true) {
    // Not on this thread: the environment lies in the memory of a process, which may hang.
    auto looking = context_.long_disk.call<std::vector<process::Identity>>(
        "look for programs that an earlier daemon has left",
        [state_dir = context_.settings->state_dir] {
          auto found = process::with_variable(Programs::kWorksFor, state_dir);
          // Another container may have a data directory of the same name.
          std::erase_if(found, [&](const process::Identity& one) {
            return is_above_us(one.pid) || !process::sees_the_same(one.pid, state_dir);
          });
          return found;
        },
        patience);
    const auto looked = co_await std::move(looking);
    if (!looked) co_return std::unexpected(Failure{looked.error()});
    const auto& left = *looked;
    if (left.empty()) co_return Result();
    if (!told)
      log::warning("ending {} processes that still work on data directory {}", left.size(),
                   context_.pg().data_dir);
    for (const auto& found : left) process::send_signal(found, SIGKILL);
    if (clock_.now() >= patience) {
      co_return std::unexpected(
          Failure{fmt::format("process {} still works on data directory \"{}\" and cannot be ended",
                              left.front().pid, context_.pg().data_dir)});
    }
    co_await clock_.sleep_for(kKillLook);
  }
}

Task<void> LocalServer::tell_removal() {
  const Instant begin = clock_.now();
  for (;;) {
    co_await clock_.sleep_for(kTellEach);
    log::info("still removing what an unfinished clone left in \"{}\" (since {} s): the start waits for it",
              context_.pg().data_dir,
              std::chrono::duration_cast<std::chrono::seconds>(clock_.now() - begin).count());
  }
}

Task<Result> LocalServer::clear_left_work(Instant deadline) {
  const std::vector<std::string> notes{clone_marker(), half_rewound_path(),
                                       context_.settings->state_dir + "/bootstrap.json"};
  auto noticing = context_.disk.call<bool>(
      "look for unfinished work", [notes] { return std::ranges::any_of(notes, file_exists); }, deadline);
  auto noticed = co_await std::move(noticing);
  if (!noticed) co_return std::unexpected(Failure{noticed.error()});
  if (!*noticed) co_return Result();

  Result ended = co_await end_left_tools(deadline);
  if (!ended) co_return ended;
  const std::string mark = clone_marker();
  const std::string data_dir = context_.pg().data_dir;
  if (facts_.running()) {
    auto looking = context_.disk.call<bool>(
        "look for the mark of a clone", [data_dir, mark] { return marks_unfinished_clone(data_dir, mark); },
        deadline);
    const auto marked = co_await std::move(looking);
    if (!marked) co_return std::unexpected(Failure{marked.error()});
    if (*marked)
      log::error(
          "PostgreSQL runs in \"{}\", but \"{}\" says that a clone into it was not finished: once stopped it "
          "is not started again\nHINT: remove \"{}\" if this server is whole",
          data_dir, mark, mark);
    co_return Result();
  }
  using Cleared = std::expected<bool, std::string>;
  auto clearing = context_.long_disk.call<Cleared>(
      "clean up after an unfinished clone", [mark, data_dir] { return clear_left_clone(data_dir, mark); },
      clock_.now() + kNever);
  // However long it takes: who gives up begins anew at the next start.
  auto telling = context_.spawn("progress of a removal", tell_removal());
  std::expected<Cleared, std::string> cleared = co_await std::move(clearing);
  telling.cancel();
  if (!cleared) co_return std::unexpected(Failure{std::move(cleared.error())});
  if (!*cleared) co_return std::unexpected(Failure{std::move(cleared->error())});
  directory_.note_unfinished_clone(**cleared);
  co_await directory_.look(clock_.now() + kKillBudget);
  co_return Result();
}

Task<std::expected<ClusterIdentity, Failure>> LocalServer::identify(bool make, Instant deadline) {
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

std::function<void(Progress)> LocalServer::report_progress(std::string what,
                                                           std::function<void(Progress)> progress) {
  struct Told {
    ProgressMeter meter;
    Instant next{};
  };
  auto told = std::make_shared<Told>();
  return [this, told, what = std::move(what), progress = std::move(progress)](Progress seen) {
    const Instant now = clock_.now();
    seen = told->meter.note(now, seen);
    if (progress) progress(seen);
    context_.changed(ServerEvent::progress);
    if (told->next == Instant{}) told->next = now + kTellEach;
    if (now < told->next) return;
    told->next = now + kTellEach;
    log::info("{}: {}", what, describe(seen));
  };
}

Task<Result> LocalServer::remove_data_directory(std::string why, Instant deadline) {
  if (!context_.stopped())
    co_return std::unexpected(Failure{"data directory is not removed: PostgreSQL runs"});
  log::info("Removing data directory {}: {}", context_.pg().data_dir, why);
  const Directory::Rebuilding rebuilding(directory_);
  const std::string path = context_.pg().data_dir;
  auto removing = context_.on_long_disk(
      "remove data directory " + path, [path] { return postgres::remove_data_directory(path); }, deadline);
  Result removed = co_await std::move(removing);
  if (!removed) {
    // postgres.md §23: out of the way all the same.
    log::error("{}", removed.error().detail);
    Result renamed = co_await put_aside(false, deadline);
    if (renamed) co_return renamed;
  }
  facts_.control.reset();
  co_await directory_.look(deadline);
  co_return removed;
}

Task<Result> LocalServer::rename_data_directory(Instant deadline) {
  return put_aside(std::exchange(bootstrap_begun_, false), deadline);
}

Task<Result> LocalServer::put_aside(bool failed_bootstrap, Instant deadline) {
  if (!context_.stopped())
    co_return std::unexpected(Failure{"data directory is not renamed: PostgreSQL runs"});
  const std::string path = context_.pg().data_dir;
  const Directory::Rebuilding rebuilding(directory_);
  auto renaming = context_.on_long_disk(
      "rename data directory " + path,
      [path, failed_bootstrap,
       mark = context_.settings->state_dir + "/failed"]() -> std::expected<void, std::string> {
        const auto aside = postgres::rename_data_directory(path, mark, failed_bootstrap);
        if (!aside) return std::unexpected(aside.error());
        if (!aside->empty()) log::info("renamed data directory \"{}\" to \"{}\"", path, *aside);
        return {};
      },
      deadline);
  Result renamed = co_await std::move(renaming);
  facts_.control.reset();
  custom_bootstrapping_ = false;
  co_await directory_.look(deadline);
  co_return renamed;
}

}  // namespace tanist::postgres
