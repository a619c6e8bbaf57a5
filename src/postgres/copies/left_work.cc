#include "postgres/copies/left_work.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "async/disk_thread.h"
#include "log/log.h"
#include "postgres/files/clone_place.h"
#include "postgres/files/data_directory.h"
#include "postgres/files/removal.h"
#include "postgres/local/context.h"
#include "postgres/local/directory.h"
#include "postgres/local/marks.h"
#include "postgres/local/programs.h"
#include "process/data_directory_processes.h"
#include "process/proc.h"

TANIST_LOGGER("patroni.postgresql.bootstrap");

namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {

/// A removal takes as long as it takes: nothing is started meanwhile.
constexpr Duration kRemoval = 24h;
constexpr Duration kKillBudget = 5s;
constexpr Duration kKillLook = 20ms;
constexpr Duration kTellRemoval = 10s;

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

Task<Result> LeftWork::end_tools(Instant deadline) {
  const Instant patience = std::min(deadline, context_.clock.now() + kKillBudget);
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
    if (context_.clock.now() >= patience) {
      co_return std::unexpected(
          Failure{fmt::format("process {} still works on data directory \"{}\" and cannot be ended",
                              left.front().pid, context_.pg().data_dir)});
    }
    co_await context_.clock.sleep_for(kKillLook);
  }
}

Task<void> LeftWork::tell_removal() {
  const Instant begin = context_.clock.now();
  for (;;) {
    co_await context_.clock.sleep_for(kTellRemoval);
    log::info("still removing what an unfinished clone left in \"{}\" (since {} s): the start waits for it",
              context_.pg().data_dir,
              std::chrono::duration_cast<std::chrono::seconds>(context_.clock.now() - begin).count());
  }
}

Task<Result> LeftWork::clear(Instant deadline) {
  const std::vector<std::string> notes{clone_mark(*context_.settings), rewind_mark(*context_.settings),
                                       bootstrap_mark(*context_.settings), removal_mark(*context_.settings)};
  auto noticing = context_.disk.call<bool>(
      "look for unfinished work", [notes] { return std::ranges::any_of(notes, file_exists); }, deadline);
  auto noticed = co_await std::move(noticing);
  if (!noticed) co_return std::unexpected(Failure{noticed.error()});
  if (!*noticed) co_return Result();

  Result ended = co_await end_tools(deadline);
  if (!ended) co_return ended;
  const std::string mark = clone_mark(*context_.settings);
  const std::string data_dir = context_.pg().data_dir;
  const std::string removal = removal_mark(*context_.settings);
  if (context_.facts.running()) {
    // Whoever started it has it for whole: once stopped it must not go.
    auto keeping = context_.on_long_disk(
        "keep data directory " + data_dir, [removal] { return blocking::remove_file(removal); }, deadline);
    Result kept = co_await std::move(keeping);
    if (!kept) co_return kept;
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
      "clean up after an unfinished clone",
      [mark, removal, data_dir]() -> Cleared {
        if (auto finished = finish_removal(data_dir, removal); !finished)
          return std::unexpected(finished.error());
        return clear_left_clone(data_dir, mark);
      },
      context_.clock.now() + kRemoval);
  // However long it takes: who gives up begins anew at the next start.
  auto telling = context_.spawn("progress of a removal", tell_removal());
  std::expected<Cleared, std::string> cleared = co_await std::move(clearing);
  telling.cancel();
  if (!cleared) co_return std::unexpected(Failure{std::move(cleared.error())});
  if (!*cleared) co_return std::unexpected(Failure{std::move(cleared->error())});
  directory_.note_unfinished_clone(**cleared);
  co_await directory_.look(context_.clock.now() + kKillBudget);
  co_return Result();
}

}  // namespace tanist::postgres
