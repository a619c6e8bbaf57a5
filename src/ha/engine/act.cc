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
  const std::string text = decision.reason.text();
  const std::string owner = view.store.cluster ? view.store.cluster->leader_name() : std::string();
  const std::string heartbeat =
      fmt::format("Lock owner: {}; I am {}", owner.empty() ? "None" : owner, settings_->name);
  if (!text.empty() && (text != last_line_ || view.now - last_said_at_ >= timing().loop_wait - 100ms)) {
    // The log drops the owner's line before a "no action" line (config.md §10.4).
    if (view.store.ok) log::info("{}", heartbeat);
    log::info("{}", text);
    last_said_at_ = view.now;
  }
  last_line_ = text;
}

Task<void> Engine::Impl::act(const View& view, const Decision& decision) {
  memory_ = decision.memory;
  last_reason_ = decision.reason;
  last_decision_at_ = view.now;
  wake_at_ = decision.wake_at;
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

  const bool initialised = role_ != postgres::Role::uninitialized &&
                           ports_.server.facts().data_directory == postgres::DataDirectory::ok &&
                           !operations_.busy();
  const std::string dynamic = to_json(settings_->dynamic.raw);
  if (initialised && dynamic != dynamic_saved_ && settings_->dynamic.raw.size() > 0) {
    auto written = co_await ports_.disk.write(dynamic_cache_path(), dynamic, 0600, now() + kDiskBudget);
    if (written) {
      dynamic_saved_ = dynamic;
    } else {
      log::error("Exception when saving file: {}", written.error());
    }
  }
  // config.md §1.3, postgres.md §20: what runs has the settings of another role, or was found running.
  const auto& facts = ports_.server.facts();
  if (!applying_ && initialised && facts.accepts() && facts.settings_role &&
      (*facts.settings_role == postgres::Role::uninitialized ||
       !settings_->postgresql.role_overlays.empty()) &&
      postgres::overlay_name(*facts.settings_role) != postgres::overlay_name(role_))
    apply_wanted_ = true;
  if (apply_wanted_ && !applying_ && !operations_.busy() && !exit_code_) {
    applying_ = true;
    scope_.spawn("apply configuration", apply_in_background());
  }
}

Task<bool> Engine::Impl::release_key(std::optional<Lsn> last_lsn) {
  // Others act on the release; what they may ask must already tell the truth.
  if (is_leaderlike(role_)) set_role(postgres::Role::demoted);
  co_await keeper_.give_up();
  publish();
  std::optional<dcs::Status> status;
  if (last_lsn && status_) {
    status = status_;
    status->optime = *last_lsn;
  } else if (last_lsn) {
    status = cluster_ ? cluster_->status : dcs::Status{};
    status->optime = *last_lsn;
  }
  auto released = co_await ports_.store.release(status, store_deadline());
  fresh_read_wanted_ = true;
  switch (released.outcome) {
    case dcs::Outcome::done: log::info("Leader key released"); co_return true;
    case dcs::Outcome::refused:
      log::info("the leader key was not mine any more: {}", released.detail);
      co_return true;
    default:
      lock_unknown_ = true;
      log::warning("could not release the leader key: {}", released.detail);
      co_return false;
  }
}

}  // namespace tanist::ha
