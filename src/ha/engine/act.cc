#include "ha/engine/impl.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

/// Acting on a decision: mandate, words, duties in their order (duties.cc), one intent (intents.cc).
namespace tanist::ha {
namespace {

using namespace std::chrono_literals;

bool is_stop(const Intent& intent) {
  return std::holds_alternative<intent::Demote>(intent) ||
         std::holds_alternative<intent::StopImmediate>(intent) ||
         std::holds_alternative<intent::PreEmpt>(intent) || std::holds_alternative<intent::Shutdown>(intent);
}

}  // namespace

void Engine::Impl::say(const View& view, const Decision& decision) {
  const std::string reason = decision.reason.text();
  // ha.md §19
  const std::string text = reason.empty() || !view.settings.dynamic.pause ? reason : "PAUSE: " + reason;
  const std::string owner = view.store.cluster ? view.store.cluster->leader_name() : std::string();
  const std::string heartbeat =
      fmt::format("Lock owner: {}; I am {}", owner.empty() ? "None" : owner, settings_->name);
  if (!text.empty() && (text != last_.line || view.now - last_.said_at >= timing().loop_wait - 100ms)) {
    // The log drops the owner's line before a "no action" line (config.md §10.4).
    if (view.store.ok) log::info("{}", heartbeat);
    log::info("{}", text);
    last_.said_at = view.now;
  }
  last_.line = text;
}

Task<void> Engine::Impl::act(const View& view, const Decision& decision) {
  memory_ = decision.memory;
  last_.reason = decision.reason;
  last_.at = view.now;
  pace_.wake_at = decision.wake_at;
  pace_.look_closely = pace_.look_closely || decision.look_closely;
  say(view, decision);

  std::optional<dcs::Status> status;
  for (const auto& ordered : decision.duties)
    if (const auto* with = std::get_if<duty::Status>(&ordered.duty)) status = with->status;
  if (status) status_ = status;
  keeper_.mandate(decision.mandate, status);

  // What stops a server does not wait for the store, or for anything else that a duty waits for.
  const bool stops = is_stop(decision.intent);
  if (stops) {
    co_await do_intent(decision.intent);
  }
  bool intent_allowed = !stops;
  for (const auto& ordered : decision.duties) {
    const bool done = co_await do_duty(ordered.duty, view);
    if (!done && ordered.on_failure == OnFailure::postpone_intent) intent_allowed = false;
  }
  if (intent_allowed) {
    co_await do_intent(decision.intent);
  }

  const bool initialised = words_.role != postgres::Role::uninitialized &&
                           ports_.server.facts().data_directory == postgres::DataDirectory::ok &&
                           !operations_.busy();
  if (initialised) co_await settings_.keep_up();
  if (!operations_.busy() && !exit_code_) settings_.apply_where_due();
}

Task<bool> Engine::Impl::release_key(std::optional<Lsn> last_lsn) {
  // Others act on the release; what they may ask must already tell the truth.
  if (is_leaderlike(words_.role)) set_role(postgres::Role::demoted);
  co_await keeper_.give_up();
  publish();
  std::optional<dcs::Status> status;
  if (last_lsn && status_) {
    status = status_;
    status->optime = *last_lsn;
  } else if (last_lsn) {
    status = store_.cluster() ? store_.cluster()->status : dcs::Status{};
    status->optime = *last_lsn;
  }
  auto released = co_await ports_.store.release(status, store_deadline());
  store_.want_fresh();
  switch (released.outcome) {
    case dcs::Outcome::done: log::info("Leader key released"); co_return true;
    case dcs::Outcome::refused:
      log::info("the leader key was not mine any more: {}", released.detail);
      co_return true;
    default:
      store_.lock_is_unknown();
      log::warning("could not release the leader key: {}", released.detail);
      co_return false;
  }
}

}  // namespace tanist::ha
