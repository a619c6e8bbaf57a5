#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "async/disk.h"
#include "ha/ports.h"
#include "postgres.h"
#include "process.h"
#include "server.h"

namespace tanist::sim {

/// The guardian of a host: a process of its own that outlives the daemon. Kills what can commit at `kill_at`.
class Guardian {
 public:
  Guardian(World& world, Postgres& postgres, HostClock clock)
      : world_(world), postgres_(postgres), clock_(clock) {}
  bool present = true;
  /// The next attempts to arm that fail.
  /// The last one that was asked for.
  bool refused = false;
  int refusals = 0;
  bool armed() const { return armed_; }
  void arm();
  void prolong(Instant kill_at);
  void disarm();

 private:
  void look();
  World& world_;
  Postgres& postgres_;
  HostClock clock_;
  bool armed_ = false;
  std::optional<Instant> kill_at_;
};

class SimFence final : public ha::Fence {
 public:
  SimFence(Process& process, Guardian& guardian) : process_(process), guardian_(guardian) {}
  bool usable() const override { return true; }
  bool armed() const override { return guardian_.armed(); }
  Task<bool> arm(Instant deadline) override;
  void prolong(Instant kill_at, Instant) override { guardian_.prolong(kill_at); }
  Task<void> disarm(std::string why) override;

 private:
  Process& process_;
  Guardian& guardian_;
};

/// What is on a host's file system besides the data directory, and how the disk behaves.
struct HostDisk {
  std::map<std::string, std::string> files;
  /// What was removed and may be back after a power loss: a directory is not written at once.
  std::map<std::string, std::pair<Time, std::string>> removed;
  /// Another one after each start of the host, and on each host.
  std::string boot_id;
  bool hung = false;
  Duration slow{};
  double failures = 0;
};

class SimDisk final : public Disk {
 public:
  SimDisk(Process& process, HostDisk& disk, const StartTiming& start)
      : process_(process), disk_(disk), start_(start) {}
  /// The start of the daemon is over.
  void start_is_over() { starting_ = false; }
  Task<std::expected<std::optional<std::string>, std::string>> read(std::string path,
                                                                    Instant deadline) override;
  Task<std::expected<void, std::string>> write(std::string path, std::string content, unsigned mode,
                                               Instant deadline) override;
  Task<std::expected<void, std::string>> append(std::string path, std::string content, unsigned mode,
                                                Instant deadline) override;
  Task<std::expected<void, std::string>> remove(std::string path, Instant deadline) override;

 private:
  /// The time an access takes; false: it did not come to an end.
  Task<bool> access(Instant deadline);
  bool draws_nothing(const std::string& path) const;
  Process& process_;
  HostDisk& disk_;
  const StartTiming& start_;
  bool starting_ = true;
};

class SimDice final : public ha::Dice {
 public:
  explicit SimDice(Random dice) : dice_(dice) {}
  double roll() override { return dice_.roll(); }

 private:
  Random dice_;
};

class SimJournal final : public ha::Journal {
 public:
  void record(const ha::View&, const ha::Decision&) override { ++records_; }
  std::uint64_t records() const { return records_; }

 private:
  std::uint64_t records_ = 0;
};

/// A host whose daemon others ask through its REST API; they are answered when (and if) it answers, there.
class PeerHost {
 public:
  virtual ~PeerHost() = default;
  virtual Endpoint host() const = 0;
  /// GET /patroni
  virtual void serve(std::function<void(ha::PeerAnswer)> reply) = 0;
  /// POST /failsafe
  virtual void serve(ha::FailsafeQuestion question, std::function<void(ha::FailsafeReply)> reply) = 0;
};

/// Who has the address; nullptr: nobody.
using PeerDirectory = std::function<PeerHost*(const std::string& api_url)>;

class SimPeers final : public ha::Peers {
 public:
  SimPeers(Process& process, Endpoint host, PeerDirectory directory)
      : process_(process), host_(host), directory_(std::move(directory)) {}
  Task<std::map<std::string, ha::PeerAnswer>> ask(std::map<std::string, std::string> api_urls,
                                                  Instant deadline) override;
  Task<std::map<std::string, ha::FailsafeReply>> ask_promises(std::map<std::string, std::string> api_urls,
                                                              ha::FailsafeQuestion question,
                                                              Instant deadline) override;
  Task<bool> answers_as(std::string name, std::string api_url, Instant deadline) override;
  /// Called for each host that is asked.
  std::function<void(Endpoint there)> on_ask;

 private:
  template <class Reply>
  using Request = std::function<void(PeerHost& there, std::function<void(Reply)> reply)>;
  template <class Reply>
  Task<std::map<std::string, Reply>> ask_all(std::map<std::string, std::string> api_urls, Reply silence,
                                             Request<Reply> request, Instant deadline);

  Process& process_;
  Endpoint host_;
  PeerDirectory directory_;
};

/// `10.0.0.2` of `http://10.0.0.2:8008/patroni`.
std::string host_of(const std::string& url);

}  // namespace tanist::sim
