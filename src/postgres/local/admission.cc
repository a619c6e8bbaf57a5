#include "postgres/local/admission.h"

#include <signal.h>

#include <algorithm>

#include "log/log.h"
#include "postgres/files/data_directory.h"
#include "postgres/local/apply.h"
#include "postgres/local/configuration.h"
#include "postgres/local/context.h"
#include "postgres/local/control_file.h"
#include "postgres/local/monitor.h"
#include "postgres/local/postmaster.h"
#include "postgres/parameters/config_files.h"
#include "postgres/parameters/narrowed_hba.h"
#include "postgres/standby_names.h"

TANIST_LOGGER("patroni.postgresql.postmaster");

namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {

/// How often the server is asked for the positions of its standbys.
constexpr Duration kLook = 30ms;
constexpr Duration kAskBudget = 2s;
constexpr Duration kOpenBudget = 5s;
/// Between two tries to let them in.
constexpr Duration kOpenAgain = 1s;

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    lines.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

/// Whoever finds the file is told what it is.
std::vector<std::string> explained(std::vector<std::string> lines, const std::string& original) {
  std::vector<std::string> out = {
      "# Clients are kept out for a moment: this primary recovered from a crash, and its standbys do not "
      "have",
      "# yet what it recovered."};
  if (!original.empty()) out.push_back("# The file that was here is " + original + ": Tanist puts it back.");
  out.insert(out.end(), lines.begin(), lines.end());
  return out;
}

}  // namespace

Admission::Admission(Context& context, ControlFile& control_file, Postmaster& postmaster,
                     Configuration& configuration, Monitor& monitor, Apply& apply)
    : context_(context),
      control_file_(control_file),
      postmaster_(postmaster),
      configuration_(configuration),
      monitor_(monitor),
      apply_(apply) {}

std::string Admission::rules_file() const {
  return own_file(context_.pg(), "hba_file");
}

std::string Admission::set_aside() const {
  return rules_file() + ".tanist_set_aside";
}

bool Admission::has_to_wait(const StartRequest& request) const {
  const Facts& facts = context_.facts;
  if (request.as_standby || request.custom_bootstrap || context_.settings->crash_hold_timeout <= 0s)
    return false;
  // A server that was stopped in order has sent everything to who streamed from it.
  if (facts.control && facts.control->cluster_state == "shut down") return false;
  return facts.own_standby_names && !facts.own_standby_names->empty();
}

Task<Result> Admission::prepare(const StartRequest& request, Instant deadline) {
  configuration_.keep_out({});
  context_.facts.clients_held = false;
  auto put = co_await put_back(deadline);
  if (!put) co_return std::unexpected(std::move(put.error()));
  if (!request.as_standby && !context_.facts.control) co_await control_file_.read(deadline);
  if (!has_to_wait(request)) co_return Result();
  Result shut = co_await shut_out(deadline);
  if (!shut) {
    log::warning("clients may see commits of before the crash that no standby has: {}", shut.error().detail);
  }
  co_return Result();
}

Task<Result> Admission::shut_out(Instant deadline) {
  const config::Postgresql& pg = context_.pg();
  const std::string place = rules_file();
  if (!configuration_.has_own_hba())
    co_return std::unexpected(Failure{"hba_file names a file that Tanist does not write"});
  std::vector<std::string> lines = pg.pg_hba;
  const bool is_users = lines.empty();
  if (is_users) {
    auto text = co_await context_.disk.read(place, deadline);
    if (!text) co_return std::unexpected(Failure{text.error()});
    lines = lines_of(text->value_or(""));
  }
  auto narrowed = narrowed_hba(lines, pg.accounts.superuser.username);
  if (!narrowed) co_return std::unexpected(Failure{narrowed.error()});
  if (is_users) {
    auto moving = context_.on_disk(
        "set pg_hba.conf aside", [place, aside = set_aside()] { return rename_file(place, aside); },
        deadline);
    Result moved = co_await std::move(moving);
    if (!moved) co_return moved;
  }
  configuration_.keep_out(explained(std::move(*narrowed), is_users ? set_aside() : std::string()));
  context_.facts.clients_held = true;
  co_return Result();
}

void Admission::begin() {
  if (!context_.facts.clients_held) return;
  log::info("Clients are let in once the standbys have what is recovered, in {} s at the latest",
            std::chrono::duration_cast<std::chrono::seconds>(context_.settings->crash_hold_timeout).count());
  context_.spawn("keep clients out", watch(context_.generation));
}

std::string Admission::reason_to_open(Lsn recovered, Instant until) const {
  const auto& probe = context_.facts.probe;
  if (probe && !context_.facts.failing_since) {
    const auto names = parse_standby_names(probe->standby_names);
    if (names && names->kind == StandbyNames::Kind::off) return "commits wait for nobody";
    NameSet have;
    for (const auto& sender : probe->wal_senders) {
      // What receives WAL for a backup replays nothing.
      const bool counts =
          names && sender.replay_lsn && (names->any || names->names.contains(sender.application_name));
      if (counts && sender.flush_lsn >= recovered) have.insert(sender.application_name);
    }
    if (names && std::ssize(have) >= std::max(names->count, 1)) {
      std::string who;
      for (const auto& name : in_text_order(have)) who += (who.empty() ? "" : ", ") + name;
      return who + (have.size() == 1 ? " has" : " have") + " what was recovered";
    }
  }
  return context_.clock.now() >= until ? "tanist.crash_hold_timeout is over" : "";
}

Task<void> Admission::watch(std::uint64_t generation) {
  const Facts& facts = context_.facts;
  const auto ended = [&] { return context_.generation != generation || !facts.running(); };
  for (;;) {
    context_.change.clear();
    if (ended()) co_return;
    if (facts.accepts() && facts.probe) break;
    co_await context_.wait_change(1s, Instant::max());
  }
  const Instant began = context_.clock.now();
  const Lsn recovered = facts.probe->wal;
  const Instant until = began + context_.settings->crash_hold_timeout;
  std::string reason;
  while ((reason = reason_to_open(recovered, until)).empty()) {
    co_await context_.clock.sleep_for(kLook);
    co_await monitor_.refresh(Duration::zero(), context_.clock.now() + kAskBudget);
    if (ended()) co_return;
  }
  for (;;) {
    Result opened = co_await open(context_.clock.now() + kOpenBudget);
    if (ended()) co_return;
    if (opened) break;
    log::error("could not let clients in: {}", opened.error().detail);
    co_await context_.clock.sleep_for(kOpenAgain);
  }
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(context_.clock.now() - began);
  if (context_.clock.now() >= until) {
    log::warning("Clients are let in after {} ms although standbys may lack what was recovered: {}",
                 took.count(), reason);
  } else {
    log::info("Clients are let in after {} ms: {}", took.count(), reason);
  }
}

Task<std::expected<bool, Failure>> Admission::put_back(Instant deadline) {
  using Outcome = std::expected<bool, std::string>;
  auto putting = context_.disk.call<Outcome>(
      "put pg_hba.conf back",
      [aside = set_aside(), place = rules_file()]() -> Outcome {
        if (!file_exists(aside)) return false;
        if (auto renamed = rename_file(aside, place); !renamed) return std::unexpected(renamed.error());
        return true;
      },
      deadline);
  std::expected<Outcome, std::string> put = co_await std::move(putting);
  if (!put) co_return std::unexpected(Failure{std::move(put.error())});
  if (!*put) co_return std::unexpected(Failure{std::move(put->error())});
  co_return **put;
}

Task<Result> Admission::open(Instant deadline) {
  auto put = co_await put_back(deadline);
  if (!put) co_return std::unexpected(std::move(put.error()));
  auto written = co_await configuration_.write_who_is_let_in(deadline);
  if (!written) co_return std::unexpected(std::move(written.error()));
  Result reloaded = co_await apply_.reload(Role::primary, false, deadline);
  if (!reloaded) co_return reloaded;
  context_.facts.clients_held = false;
  monitor_.copy_files();
  context_.changed(ServerEvent::started_accepting);
  co_return Result();
}

Task<Result> Admission::clear(Instant deadline) {
  auto put = co_await put_back(deadline);
  if (!put) co_return std::unexpected(std::move(put.error()));
  if (*put) {
    log::warning("pg_hba.conf is put back: an earlier daemon ended while it kept clients out");
    postmaster_.signal(SIGHUP);
  }
  co_return Result();
}

Task<void> Admission::close(Instant deadline) {
  if (!context_.facts.clients_held || !context_.facts.running()) co_return;
  Result opened = co_await open(deadline);
  if (!opened) log::error("could not let clients in: {}", opened.error().detail);
}

}  // namespace tanist::postgres
