#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

namespace tanist::contract {

/// A port that nothing listens on right now.
int free_port();
/// A directory under /tmp that goes with the object.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Runs a program to its end; its output is discarded unless `output` is given. Returns its exit code.
int run_program(const std::vector<std::string>& command, std::string* output = nullptr);

/// One real etcd with a data directory of its own.
class EtcdProcess {
 public:
  struct Options {
    std::string name = "n1";
    int client_port = 0;
    int peer_port = 0;
    /// What clients are told; 0: client_port.
    int advertised_port = 0;
    /// `n1=http://127.0.0.1:1,n2=…`; empty: alone.
    std::string cluster;
    /// cert, key and CA for clients; empty: plain HTTP.
    std::string cert_file;
    std::string key_file;
    std::string client_ca_file;
    std::vector<std::string> more;
  };
  explicit EtcdProcess(Options options);
  ~EtcdProcess();
  EtcdProcess(const EtcdProcess&) = delete;
  EtcdProcess& operator=(const EtcdProcess&) = delete;

  void start();
  /// SIGKILL.
  void kill();
  void signal(int number);
  /// What an operator does after a disaster: a snapshot, restored into the same member, which then runs
  /// again.
  bool restore_itself();
  /// Until it answers, at most 20 s.
  bool wait_healthy() const;
  int port() const { return options_.client_port; }

  /// POST of a JSON body; the body of the answer, empty when there is none within `timeout_s`.
  std::string post(const std::string& path, const std::string& body, int timeout_s = 3) const;
  void put(const std::string& key, const std::string& value) const;
  void erase(const std::string& key) const;
  std::string get(const std::string& key, bool* present) const;

 private:
  std::string peer_url() const;
  /// `name=url` of all, as etcd wants it.
  std::string initial_cluster() const;

  Options options_;
  TemporaryDirectory directory_;
  pid_t pid_ = -1;
};

}  // namespace tanist::contract
