#include "postgres/local/control_file.h"

#include <algorithm>

#include "log/log.h"
#include "postgres/files/control_data.h"
#include "postgres/files/version_names.h"
#include "postgres/local/context.h"
#include "postgres/local/programs.h"

TANIST_LOGGER("patroni.postgresql.cancellable");

namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
constexpr Duration kControlBudget = 30s;
constexpr Duration kControlLook = 10ms;
/// After this long, a shutdown is looked at less often.
constexpr Duration kEager = 2s;
constexpr Duration kControlLookLater = 50ms;
}  // namespace

ControlFile::ControlFile(Context& context, Programs& programs) : context_(context), programs_(programs) {}

Task<void> ControlFile::read(Instant deadline) {
  Facts& facts = context_.facts;
  // postgres.md §8: where there is nothing, nothing is missing.
  if (facts.data_directory == DataDirectory::empty) {
    facts.control.reset();
    facts.control_error.clear();
    co_return;
  }
  const std::string data_dir = context_.pg().data_dir;
  std::vector<std::string> argv{programs_.path("pg_controldata"), data_dir};
  auto running = programs_.ask(std::move(argv), std::min(deadline, context_.clock.now() + kControlBudget));
  const std::uint64_t generation = context_.generation;
  auto finished = co_await std::move(running);
  // What was read while a server came or went describes neither.
  if (context_.generation != generation) co_return;
  auto data = finished && finished->success() ? parse_control_data(finished->out) : std::nullopt;
  if (!data) {
    facts.control.reset();
    facts.control_error = finished ? finished->describe() : finished.error();
    log::warning("could not read the control file of \"{}\": {}", context_.pg().data_dir,
                 facts.control_error);
    co_return;
  }
  facts.control_error.clear();
  data->seen_at = context_.clock.now();
  facts.system_identifier = data->system_identifier;
  facts.control = std::move(data);
}

Task<std::optional<ControlData>> ControlFile::wait_shutdown_checkpoint(Instant deadline) {
  Clock& clock = context_.clock;
  const Instant begin = clock.now();
  for (;;) {
    const bool last = context_.stopped();
    std::vector<std::string> argv{programs_.path("pg_controldata"), context_.pg().data_dir};
    auto finished = co_await programs_.ask(std::move(argv), deadline);
    auto data = finished && finished->success() ? parse_control_data(finished->out) : std::nullopt;
    if (data && data->cluster_state.starts_with("shut down")) {
      if (data->cluster_state != "shut down") co_return std::nullopt;
      data->seen_at = clock.now();
      co_return data;
    }
    if (last || clock.now() >= deadline) co_return std::nullopt;
    const Duration step = clock.now() - begin < kEager ? kControlLook : kControlLookLater;
    co_await clock.sleep_until(std::min(clock.now() + step, deadline));
  }
}

std::vector<std::string> ControlFile::dump_command(const ControlData& control, Lsn from,
                                                   const char* records) const {
  return {programs_.path(wal_dump_program(programs_.target_version())),
          "-p",
          programs_.wal_path(),
          "-t",
          std::to_string(control.checkpoint_timeline.value),
          "-s",
          to_string(from),
          "-n",
          records};
}

Task<Lsn> ControlFile::last_lsn(ControlData control, Instant deadline) {
  const Lsn checkpoint = control.latest_checkpoint;
  auto first = co_await programs_.ask(dump_command(control, checkpoint, "1"), deadline);
  const auto record = first && first->success() ? parse_wal_record(first->out) : std::nullopt;
  if (!record || record->lsn != checkpoint || !record->is_shutdown_checkpoint()) co_return checkpoint;
  // A primary that archives switches WAL files before the shutdown checkpoint; a replica only needs what was
  // before.
  auto second = co_await programs_.ask(dump_command(control, record->prev, "1"), deadline);
  const auto previous = second && second->success() ? parse_wal_record(second->out) : std::nullopt;
  co_return previous && previous->lsn == record->prev && previous->is_switch() ? record->prev : checkpoint;
}

Task<Lsn> ControlFile::end_of_checkpoint(ControlData control, Instant deadline) {
  auto finished = co_await programs_.ask(dump_command(control, control.latest_checkpoint, "2"), deadline);
  if (!finished) co_return Lsn{};
  co_return end_of_last_record(finished->out, finished->err);
}

}  // namespace tanist::postgres
