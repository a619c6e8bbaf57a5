#pragma once

#include <functional>
#include <string>

#include "postgres/files/data_directory.h"
#include "postgres/server.h"

namespace tanist {
class DiskThread;
}

namespace tanist::postgres {

struct Context;

/// The data directory as last seen. Looks happen on the disk thread, are bounded, and end in the facts; what
/// was seen before stays where a look fails. Owned by who puts the parts together; on the control thread.
class Directory {
 public:
  explicit Directory(Context& context) : context_(context) {}

  /// Told of each look that could be made, after the facts were written: who adopts, and who reads recovery
  /// files.
  void on_look(std::function<void(const DataDirectorySeen&)> listener) { listener_ = std::move(listener); }

  Task<void> look(Instant deadline);
  /// Not behind what else waits for the disk. The failure says why it could not be looked at.
  Task<Result> look_beside(Instant deadline);

  const DataDirectorySeen& seen() const { return seen_; }
  Instant looked_at() const { return looked_at_; }
  /// By which the processes that work in it are known; the last one that was there.
  const process::WorkPlace& place() const { return place_; }
  /// Of a file of the configuration that is written.
  unsigned file_mode(const std::string& path) const;

  /// While one lives the data directory is in pieces: an action changes it without a postmaster, and nobody
  /// looks into it.
  class Rebuilding {
   public:
    explicit Rebuilding(Directory& directory) : directory_(directory) { ++directory_.rebuilding_; }
    ~Rebuilding() { --directory_.rebuilding_; }
    Rebuilding(const Rebuilding&) = delete;
    Rebuilding& operator=(const Rebuilding&) = delete;

   private:
    Directory& directory_;
  };
  bool in_pieces() const { return rebuilding_ > 0; }

  /// From the begin of a clone until it is finished, or what it left is gone: what is in the data directory
  /// is no server, however whole it looks.
  bool unfinished_clone() const { return unfinished_clone_; }
  void note_unfinished_clone(bool yes) { unfinished_clone_ = yes; }

 private:
  Task<std::expected<DataDirectorySeen, std::string>> look_once(DiskThread& disk, Instant deadline);
  void take(DataDirectorySeen seen);

  Context& context_;
  std::function<void(const DataDirectorySeen&)> listener_;
  DataDirectorySeen seen_;
  Instant looked_at_{};
  process::WorkPlace place_;
  int rebuilding_ = 0;
  bool unfinished_clone_ = false;
};

}  // namespace tanist::postgres
