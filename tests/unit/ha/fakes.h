#pragma once

#include <map>
#include <vector>

#include "ha/model/decision.h"
#include "ha/ports.h"

/// Ports that do what a test says and count what they were asked.
namespace tanist::test {

class FakeStore : public dcs::Store {
 public:
  explicit FakeStore(Clock& clock) : clock_(clock) {}

  dcs::RenewOutcome outcome = dcs::RenewOutcome::proven;
  Duration delay = std::chrono::microseconds(100);
  Duration length = std::chrono::seconds(30);
  int renewals = 0;
  int statuses_written = 0;
  dcs::ClusterPtr loaded = std::make_shared<const dcs::Cluster>();
  std::function<dcs::WriteResult()> on_cancel;

  Task<dcs::Renewal> renew(std::optional<dcs::Status> status, Instant) override {
    ++renewals;
    dcs::Renewal answer;
    answer.outcome = outcome;
    answer.proof = {clock_.now(), length};
    answer.status_written = status && outcome == dcs::RenewOutcome::proven;
    if (answer.status_written) ++statuses_written;
    co_await clock_.sleep_for(delay);
    co_return answer;
  }

  Task<void> open(dcs::Identity) override { co_return; }
  Task<void> close() override { co_return; }
  Task<std::expected<dcs::ClusterPtr, dcs::LoadError>> load(dcs::Read, Instant) override { co_return loaded; }
  dcs::StoreTraits traits() const override { return {}; }
  dcs::Claim claim() const override { return "1"; }
  bool is_mine(const dcs::Claim& session) const override { return session == "1"; }
  void on_claim(std::function<Task<void>(dcs::Claim)>) override {}
  void set_timing(const config::Timing&) override {}
  Duration lease_length() const override { return length; }
  Task<dcs::WriteResult> keep_claim(Instant) override { return done(); }
  Task<Acquired> acquire(dcs::AcquireConditions, std::optional<dcs::LedFrom>, Instant) override {
    co_return Acquired{};
  }
  Task<dcs::WriteResult> release(std::optional<dcs::Status>, Instant) override { return done(); }
  Task<dcs::WriteResult> touch_member(Document, Instant) override { return done(); }
  Task<dcs::WriteResult> remove_member(Instant) override { return done(); }
  Task<dcs::WriteResult> write(dcs::Record, dcs::Condition, Instant) override { return done(); }
  Task<dcs::WriteResult> delete_sync(dcs::Condition, Instant) override { return done(); }
  Task<dcs::WriteResult> begin_bootstrap(std::optional<dcs::Version>, Instant) override { return done(); }
  Task<Acquired> finish_bootstrap(dcs::BootstrapResult, Instant) override { co_return Acquired{}; }
  Task<dcs::WriteResult> cancel_bootstrap(Instant) override {
    if (!on_cancel) return done();
    return [](dcs::WriteResult answer) -> Task<dcs::WriteResult> { co_return answer; }(on_cancel());
  }
  void on_change(std::function<void(Change)>) override {}
  dcs::ClusterPtr watched() const override { return nullptr; }

  Task<dcs::WriteResult> done() { co_return dcs::WriteResult{dcs::Outcome::done, dcs::Version("1"), {}}; }

 protected:
  Clock& clock_;
};

class FakeFence final : public ha::Fence {
 public:
  bool arms = true;
  bool usable() const override { return true; }
  bool armed() const override { return armed_; }
  Task<bool> arm(Instant) override {
    armed_ = arms;
    co_return arms;
  }
  void prolong(Instant, Instant) override {}
  Task<void> disarm(std::string) override {
    armed_ = false;
    co_return;
  }

 private:
  bool armed_ = false;
};

class FakeServer : public postgres::Server {
 public:
  std::vector<postgres::StopMode> stops;
  int kills = 0;

  void signal_stop(postgres::StopMode mode) override { stops.push_back(mode); }
  void kill_now() override { ++kills; }

  Task<postgres::Result> find(config::SettingsPtr) override { return fine(); }
  Task<postgres::Result> open(config::SettingsPtr) override { return fine(); }
  Task<void> close() override { co_return; }
  void on_event(std::function<void(postgres::ServerEvent)>) override {}
  const postgres::Facts& facts() const override { return facts_; }
  Task<void> refresh(Duration, Instant) override { co_return; }
  Task<void> read_control(Instant) override { co_return; }
  postgres::RecoveryDifference recovery_difference(const std::optional<postgres::Upstream>&,
                                                   postgres::Role) const override {
    return postgres::RecoveryDifference::none;
  }
  Task<postgres::Result> apply(config::SettingsPtr, postgres::Role, bool, Instant) override { return fine(); }
  Task<std::expected<postgres::ClusterIdentity, postgres::Failure>> identify(bool, Instant) override {
    co_return postgres::ClusterIdentity{};
  }
  Task<postgres::Result> initdb(Instant) override { return fine(); }
  Task<postgres::Result> custom_bootstrap(Instant) override { return fine(); }
  Task<postgres::Result> post_bootstrap(Instant) override { return fine(); }
  Task<std::expected<bool, postgres::Failure>> end_custom_bootstrap(Instant) override { co_return false; }
  Task<postgres::Result> start(postgres::StartRequest, Instant) override { return fine(); }
  Task<postgres::StartOutcome> wait_started(Instant) override { co_return postgres::StartOutcome::accepting; }
  Task<postgres::Result> checkpoint(Instant) override { return fine(); }
  Task<void> run_before_stop(Instant) override { co_return; }
  Task<bool> wait_no_clients(Instant) override { co_return true; }
  Task<std::optional<postgres::ControlData>> wait_shutdown_checkpoint(Instant) override {
    co_return std::nullopt;
  }
  Task<Lsn> last_lsn(postgres::ControlData, Instant) override { co_return Lsn{}; }
  Task<bool> wait_down(Instant) override { co_return true; }
  Task<bool> kill_everything(Instant) override { co_return true; }
  Task<postgres::Result> run_pre_promote(Instant) override { return fine(); }
  Task<postgres::Result> promote(Instant) override { return fine(); }
  Task<bool> wait_promoted(Instant) override { co_return true; }
  Task<postgres::Result> follow_by_reload(std::optional<postgres::Upstream>, postgres::Role,
                                          Instant) override {
    return fine();
  }
  Task<postgres::Result> crash_recover(Instant) override { return fine(); }
  Task<postgres::DivergenceAnswer> compare_with(postgres::Upstream, Instant) override {
    co_return postgres::DivergenceAnswer{};
  }
  Task<postgres::SourceAnswer> ask_source(postgres::Upstream source, Instant) override {
    co_return postgres::SourceAnswer{.member = source.member, .system_identifier = {}, .detail = {}};
  }
  Task<postgres::Result> rewind(postgres::Upstream, std::function<void(postgres::Progress)>,
                                Instant) override {
    return fine();
  }
  Task<postgres::Result> create_replica(postgres::ReplicaRequest, std::function<void(postgres::Progress)>,
                                        Instant) override {
    return fine();
  }
  Task<postgres::Result> remove_data_directory(std::string, Instant, Instant) override { return fine(); }
  Task<postgres::Result> rename_data_directory(Instant) override { return fine(); }
  Task<void> sync_slots(postgres::SlotsWanted, Instant) override { co_return; }
  Task<std::expected<std::vector<postgres::SlotCopy>, postgres::Failure>> fetch_slots(
      postgres::Upstream, std::vector<postgres::WantedSlot>, Instant) override {
    co_return std::vector<postgres::SlotCopy>();
  }
  Task<postgres::Result> write_slots(std::vector<postgres::SlotCopy>, Instant) override { return fine(); }
  void force_feedback(bool on) override { facts_.feedback_forced = on; }
  Task<std::vector<HistoryLine>> history(Timeline, std::string, Instant) override {
    co_return std::vector<HistoryLine>();
  }
  void run_callback(std::string, postgres::Role) override {}

 private:
  Task<postgres::Result> fine() { co_return postgres::Result{}; }
  postgres::Facts facts_;
};

class FakePeers final : public ha::Peers {
 public:
  Task<std::map<std::string, ha::PeerAnswer>> ask(std::map<std::string, std::string>, Instant) override {
    co_return std::map<std::string, ha::PeerAnswer>();
  }
  /// Who does not let the asker lead on, and why.
  std::map<std::string, std::string> against;
  std::vector<ha::FailsafeQuestion> questions;
  /// Before the answers to a question come in.
  std::function<void()> before_replies;
  Task<std::map<std::string, ha::FailsafeReply>> ask_promises(std::map<std::string, std::string> api_urls,
                                                              ha::FailsafeQuestion question,
                                                              Instant) override {
    questions.push_back(std::move(question));
    std::map<std::string, ha::FailsafeReply> replies;
    for (const auto& [name, url] : api_urls) {
      const auto found = against.find(name);
      const std::string why = found == against.end() ? std::string() : found->second;
      replies[name] = {.accepted = why.empty(), .why = why};
    }
    if (before_replies) before_replies();
    co_return replies;
  }
  Task<bool> answers_as(std::string, std::string, Instant) override { co_return false; }
};

class FakeDisk final : public Disk {
 public:
  bool unreadable = false;
  /// So many appends fail, then they are done.
  int appends_to_fail = 0;
  std::vector<std::string> appended;
  std::map<std::string, std::string> files;

  Task<std::expected<std::optional<std::string>, std::string>> read(std::string path, Instant) override {
    if (path.ends_with("/boot_id")) co_return std::optional<std::string>("this run of the host");
    if (unreadable) co_return std::unexpected("could not read " + path);
    const auto file = files.find(path);
    co_return file == files.end() ? std::nullopt : std::optional<std::string>(file->second);
  }
  Task<std::expected<void, std::string>> write(std::string, std::string, unsigned, Instant) override {
    co_return std::expected<void, std::string>();
  }
  Task<std::expected<void, std::string>> append(std::string path, std::string, unsigned, Instant) override {
    if (appends_to_fail-- > 0) co_return std::unexpected("could not write " + path);
    appended.push_back(std::move(path));
    co_return std::expected<void, std::string>();
  }
  Task<std::expected<void, std::string>> remove(std::string, Instant) override {
    co_return std::expected<void, std::string>();
  }
};

class FakeDice final : public ha::Dice {
 public:
  double roll() override { return 0.5; }
};

class FakeJournal final : public ha::Journal {
 public:
  void record(const ha::View&, const ha::Decision&) override {}
};

}  // namespace tanist::test
