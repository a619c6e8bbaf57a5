#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/server.h"
#include "process/child.h"
#include "process/data_directory_processes.h"
#include "process/pidfd.h"
#include "process/proc.h"

namespace tanist::postgres {

struct Context;
struct DataDirectorySeen;
class Directory;
class Programs;

/// The processes of the data directory: the postmaster that runs, found or launched, with its children, and
/// what an earlier one left. It watches them, tells the facts of their coming and going, and ends them. Owned
/// by who puts the parts together; on the control thread, which looks into no process that may hang.
class Postmaster {
 public:
  Postmaster(Context& context, Programs& programs, Directory& directory);

  /// What else is known of a postmaster is of that one only. `found`: it was running; else this daemon has
  /// launched it. `port`: as its pid file says; 0: as the settings do.
  struct Arrival {
    bool found = false;
    int port = 0;
  };
  void on_arrival(std::function<void(Arrival)> told) { arrived_ = std::move(told); }
  void on_end(std::function<void()> told) { ended_ = std::move(told); }

  /// Adopts the one that the pid file names, if there is one.
  void adopt_from(const DataDirectorySeen& seen);
  /// Where none was found by a pid file: backends whose postmaster has none any more. Where it lives it is
  /// adopted, else they are orphans. What runs without backends (a tool's server, one that only starts) is
  /// left to find_left_processes().
  Task<Result> find_without_pid_file();
  /// Everything that works in the data directory. Fails when what is left there cannot be told.
  Task<Result> find_left_processes();
  /// Nothing is awaited between the fork and knowing the process, so no cancellation can come between.
  Result launch(std::vector<std::string> argv, process::Environment environment);

  bool running() const { return current_.has_value(); }
  /// Of the one that runs; none: all zero.
  process::Identity identity() const { return current_ ? current_->identity : process::Identity(); }
  /// Names the one that runs; -1: none does.
  int descriptor() const { return current_ ? current_->pidfd.descriptor() : -1; }
  /// False: none runs.
  bool signal(int number) { return current_ && current_->pidfd.signal(number); }
  /// It was told to stop.
  bool stop_requested() const { return stop_requested_; }
  /// It is stopped, or waits for the kernel: for a moment that is everyday.
  bool rests() const;
  /// Looks for its children; every second, so that those are known when it ends.
  void note_children();
  bool has_child(const process::Identity& one) const { return current_ && current_->children.contains(one); }
  using TitleKind = bool (*)(std::string_view);
  /// Its children with such a title. Read beside this thread: a title lies in the memory of its process.
  /// Empty when it could not be had, or when another postmaster runs by then.
  Task<std::vector<process::Identity>> children_titled(TitleKind wanted, std::uint64_t generation);
  /// Whether its children say in their titles what they do (update_process_title).
  void note_titles(bool updated) { titles_updated_ = updated; }
  /// Something works in the data directory, tools that this daemon runs included.
  bool anybody_works_there() const { return !processes_of_data_directory(true).empty(); }

  // stop.cc
  void signal_stop(StopMode mode);
  Task<bool> wait_no_clients(Instant deadline);
  Task<bool> wait_down(Instant deadline);
  void kill_now();
  Task<bool> kill_everything(Instant deadline);

 private:
  struct Current {
    process::PidFd pidfd;
    process::Identity identity;
    /// Set when this daemon started it: then it is reaped here.
    std::optional<process::Child> child;
    /// Its children as last seen, and those of them that have told what they are.
    std::set<process::Identity> children;
    std::set<process::Identity> titled;
  };

  void adopt(process::PidFd pidfd, std::optional<process::Child> child, int port);
  Task<void> watch(std::uint64_t generation);
  void take_end();
  /// Backends that a postmaster left behind can still commit: they are killed until none is left.
  Task<void> clear_orphans();
  void take_orphans(std::set<process::Identity> left);
  std::set<std::string> program_names() const;
  /// With `ours`: also what tools that this daemon runs have started. Without the logger, where that is
  /// known.
  std::set<process::Identity> processes_of_data_directory(bool ours) const;
  std::set<process::Identity> remaining() const;
  bool is_work_of_a_tool(const process::Identity& found) const;
  bool is_logger(const process::Identity& found) const { return logger_ == found; }
  Task<void> read_titles(std::vector<process::Identity> unread, std::uint64_t generation);
  /// Of each, in their order. The error: they could not be read in time.
  Task<std::expected<std::vector<std::string>, std::string>> titles_of(std::vector<process::Identity> ones);
  Task<void> end_other_senders(std::uint64_t generation);
  Task<void> kill_until_down(Instant deadline);
  Task<bool> has_clients(std::set<process::Identity>& others, Instant deadline);

  Context& context_;
  Programs& programs_;
  Directory& directory_;
  std::function<void(Arrival)> arrived_;
  std::function<void()> ended_;
  std::optional<Current> current_;
  std::set<process::Identity> orphans_;
  /// The logging collector, of the last postmaster too. Found out early: a title lies in the memory of its
  /// process, and reading that of one that hangs in the kernel may never end.
  std::optional<process::Identity> logger_;
  bool reading_titles_ = false;
  bool titles_updated_ = true;
  bool stop_requested_ = false;
};

}  // namespace tanist::postgres
