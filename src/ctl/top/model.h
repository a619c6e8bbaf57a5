#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/document.h"
#include "core/lsn.h"
#include "core/time.h"
#include "ctl/event_parser.h"
#include "dcs/model.h"

/// What `tanistctl top` knows, and how it comes to know it. Pure.
namespace tanist::ctl {

struct TopMember {
  std::string name;
  std::string api_url;
  /// As the store tells.
  std::string role;
  std::string state;
  std::int64_t timeline = 0;
  bool leads = false;
  bool pending_restart = false;
  bool nofailover = false;
  std::optional<std::int64_t> published_lag;
  /// As it answers itself; null: it has not been asked yet.
  Document answer;
  /// Why it does not answer; empty: it does, or was not asked.
  std::string trouble;
  /// Bytes that it is behind, the latest last; nullopt where that was not known.
  std::deque<std::optional<std::int64_t>> lags;
};

struct TopEvent {
  /// `03:00:01`
  std::string time;
  std::string text;
};

/// What may be done to a cluster by a key.
struct TopWish {
  enum class Kind { switchover, restart, pause, resume };
  Kind kind = Kind::switchover;
  /// The one to switch over to, or to restart.
  std::string member;
  /// Who led when it was wished for.
  std::string leader;
};

struct TopModel {
  std::string cluster;
  /// The store as it is called.
  std::string store;
  /// Has been read at all.
  bool seen = false;
  Instant seen_at{};
  /// Why the last reading failed; empty: it did not.
  std::string store_trouble;
  std::string system_identifier;
  std::string leader;
  bool pause = false;
  /// What is planned, for people; empty: nothing.
  std::string planned;
  /// By name.
  std::vector<TopMember> members;

  std::string selected;
  bool help = false;
  /// What is to be confirmed, and what was typed so far.
  struct Question {
    TopWish wish;
    std::string text;
    std::string typed;
  };
  std::optional<Question> question;
  /// What is under way, and since when; empty: nothing.
  std::string busy;
  Instant busy_since{};
  /// What came of the last wish; the next key takes it away.
  std::string message;
  bool message_is_bad = false;

  std::deque<TopEvent> events;
  /// Members that are listened to, with what they told while another was believed; `teller` is that one. Of
  /// its own work each is believed.
  std::map<std::string, std::deque<std::pair<Instant, TopEvent>>> listened_to;
  std::string teller;
  Instant last_told{};

  TopMember* find(const std::string& name);
  const TopMember* find(const std::string& name) const;
};

void take_cluster(TopModel& model, const dcs::Cluster& cluster, Instant now);
/// What a member answered to GET /patroni, or why it did not.
void take_answer(TopModel& model, const std::string& name, Document status);
void take_silence(TopModel& model, const std::string& name, std::string why);
/// After all were asked: another point in each curve.
void take_lags(TopModel& model);
/// Of a member that is listened to; `time` is that of the clock on the wall.
void take_event(TopModel& model, const std::string& from, const MemberEvent& event, Instant now,
                const std::string& time);
/// It is listened to no more.
void take_end(TopModel& model, const std::string& from);
/// Bytes that a member is behind the leader now; nullopt: not known, or it leads.
std::optional<std::int64_t> lag_of(const TopModel& model, const TopMember& member);

/// An event for people; empty: it is not worth a line.
std::string event_text(const std::string& from, const MemberEvent& event);
/// `12 MB`
std::string bytes_text(std::int64_t bytes);

enum class TopKey { up, down, enter, escape, backspace, letter };
struct TopPress {
  TopKey key = TopKey::letter;
  char letter = 0;
};
/// What a key does to the model; `quit`, or a wish that was confirmed.
struct TopOutcome {
  bool quit = false;
  std::optional<TopWish> wish;
};
TopOutcome press(TopModel& model, TopPress key);
/// `switchover to pgb`
std::string wish_text(const TopWish& wish);

}  // namespace tanist::ctl
