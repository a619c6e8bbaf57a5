#include "postgres/copies/clone.h"

#include "async/wait.h"
#include "log/log.h"
#include "postgres/copies/left_work.h"
#include "postgres/files/data_directory.h"
#include "postgres/files/lock_files.h"
#include "postgres/local/context.h"
#include "postgres/local/control_file.h"
#include "postgres/local/directory.h"
#include "postgres/local/marks.h"

TANIST_LOGGER("patroni.postgresql.bootstrap");

namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {

/// How long the end of an attempt waits for the removal of what it left, which then goes on.
constexpr Duration kCleanBudget = 30s;
/// A removal takes as long as it takes: nothing is started meanwhile.
constexpr Duration kNever = 24h;
constexpr Duration kNoteEach = 250ms;
constexpr Duration kEndBudget = 5s;

}  // namespace

Task<std::expected<ClonePlace, Failure>> Clone::prepare(ClonePlan plan, Instant deadline) {
  struct Prepared {
    std::expected<ClonePlace, std::string> place;
    bool marked = false;
  };
  plan.data_dir = context_.pg().data_dir;
  plan.mark = clone_mark(*context_.settings);
  plan.removal_mark = removal_mark(*context_.settings);
  // Before the first removal: it may go on after the deadline.
  const std::uint64_t number = ++attempts_;
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
    context_.spawn("end of a clone that was not begun", end_attempt(std::nullopt, number));
    throw;
  }
  if (!prepared) {
    context_.spawn("end of a clone that was not begun", end_attempt(std::nullopt, number));
    co_return std::unexpected(Failure{std::move(prepared.error())});
  }
  if (!prepared->place) {
    directory_.note_unfinished_clone(prepared->marked);
    co_return std::unexpected(Failure{std::move(prepared->place.error())});
  }
  co_return std::move(*prepared->place);
}

Task<void> Clone::note_what_is_made() {
  for (;;) {
    co_await context_.clock.sleep_for(kNoteEach);
    auto noting = context_.long_disk.run(
        "note what a clone makes",
        [data_dir = context_.pg().data_dir, mark = clone_mark(*context_.settings)] {
          note_made(data_dir, mark);
        },
        context_.clock.now() + kNever);
    co_await std::move(noting);
  }
}

Task<void> Clone::end_attempt(std::optional<ClonePlace> place, std::uint64_t number) {
  using Ended = std::expected<bool, std::string>;
  auto ending = context_.long_disk.call<Ended>(
      "remove a clone that failed",
      [place, data_dir = context_.pg().data_dir, mark = clone_mark(*context_.settings)]() -> Ended {
        if (!place) return clear_left_clone(data_dir, mark);
        note_made(data_dir, mark);
        log::warning("removing what the clone that failed left in \"{}\"", place->path);
        if (auto discarded = discard_clone(*place, data_dir, mark); !discarded)
          return std::unexpected(discarded.error());
        return false;
      },
      context_.clock.now() + kNever);
  std::expected<Ended, std::string> ended = co_await std::move(ending);
  if (!ended || !*ended) {
    log::error("{}", ended ? ended->error() : ended.error());
  } else if (number == attempts_) {
    directory_.note_unfinished_clone(**ended);
  }
}

Task<std::expected<Result, Failure>> Clone::make(ClonePlan plan, Body body, Instant deadline) {
  Attempt attempt;
  attempt.keep_data = plan.keep_data;
  auto building = build(attempt, std::move(plan), std::move(body), deadline);
  co_return co_await with_cleanup(std::move(building), settle(attempt));
}

Task<std::expected<Result, Failure>> Clone::build(Attempt& attempt, ClonePlan plan, Body body,
                                                  Instant deadline) {
  auto prepared = co_await prepare(std::move(plan), deadline);
  if (!prepared) co_return std::unexpected(std::move(prepared.error()));
  attempt.place = std::move(*prepared);
  attempt.number = attempts_;
  const ClonePlace place = *attempt.place;
  if (!place.beside) attempt.noting = context_.spawn("note what a clone makes", note_what_is_made());
  Result result = co_await body(place);
  attempt.noting.cancel();
  if (result) {
    auto finishing = context_.on_long_disk(
        "finish the clone",
        [place, data_dir = context_.pg().data_dir, mark = clone_mark(*context_.settings)] {
          return finish_clone(place, data_dir, mark);
        },
        deadline);
    result = co_await std::move(finishing);
  }
  // Until then nothing starts in the data directory, however whole it looks.
  if (result) directory_.note_unfinished_clone(false);
  attempt.whole = result.has_value();
  co_return result;
}

Task<void> Clone::settle(Attempt& attempt) {
  attempt.noting.cancel();
  if (!attempt.place || attempt.whole) co_return;
  Result ended = co_await left_work_.end_tools(context_.clock.now() + kEndBudget);
  if (!ended) log::error("{}", ended.error().detail);
  if (attempt.keep_data) {
    auto noting = context_.long_disk.run(
        "note what a clone made",
        [data_dir = context_.pg().data_dir, mark = clone_mark(*context_.settings)] {
          note_made(data_dir, mark);
        },
        context_.clock.now() + kEndBudget);
    co_await std::move(noting);
    co_return;
  }
  auto removal = context_.spawn("end of a clone that failed", end_attempt(attempt.place, attempt.number));
  auto ending = removal.join();
  co_await run_until(context_.clock, std::move(ending), context_.clock.now() + kCleanBudget);
  if (removal.running())
    log::warning("still removing what the clone that failed left in \"{}\": nothing starts there until then",
                 attempt.place->path);
}

Task<void> welcome_clone(Context& context, Directory& directory, ControlFile& control_file,
                         Instant deadline) {
  co_await directory.look(deadline);
  std::string trigger = "promote";
  for (const char* name : {"promote_trigger_file", "trigger_file"}) {
    if (const auto set = context.pg().parameters.find(name); set != context.pg().parameters.end())
      trigger = set->second;
    if (const auto set = context.pg().recovery_conf.find(name); set != context.pg().recovery_conf.end())
      trigger = set->second;
  }
  if (!trigger.starts_with('/')) trigger = context.pg().data_dir + "/" + trigger;
  auto restoring = context.disk.run(
      "restore configuration files",
      [settings = context.settings, trigger] {
        restore_configuration(settings->postgresql);
        for (const auto& path : remove_copied_sockets(settings->postgresql))
          log::info("removed \"{}\": a socket of the server that was copied", path);
        // One that came with the copy would promote what is to be a standby.
        if (auto removed = blocking::remove_file(trigger); !removed) log::warning("{}", removed.error());
      },
      deadline);
  auto restored = co_await std::move(restoring);
  if (!restored) log::warning("{}", restored.error());
  co_await control_file.read(deadline);
}

}  // namespace tanist::postgres
