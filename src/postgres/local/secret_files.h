#pragma once

#include <expected>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "async/wait.h"
#include "postgres/client/conninfo.h"
#include "process/child.h"

namespace tanist::postgres {

struct Context;

/// Files with secrets, most of them for libpq, which are there while a program needs them and no longer. A
/// value of whoever runs the program; on the control thread.
class HeldSecrets {
 public:
  /// `purpose`: names the files in the state directory; one program at a time has it.
  HeldSecrets(Context& context, std::string purpose, SecretFiles secrets);

  /// Files that are named otherwise: path → content.
  HeldSecrets(Context& context, std::map<std::string, std::string> files)
      : context_(context), files_(std::move(files)) {}

  /// Tells libpq where they are.
  void name_in(process::Environment& environment) const;

  /// Runs `op` while the files exist (those that are not empty); they are removed in any case. The error:
  /// they could not be written.
  template <class T>
  Task<std::expected<T, std::string>> during(Task<T> op, Instant deadline) const {
    return with_cleanup(written_then(write(deadline), std::move(op)), remove());
  }

 private:
  using Written = std::expected<void, std::string>;
  template <class T>
  static Task<std::expected<T, std::string>> written_then(Task<Written> writing, Task<T> op) {
    Written written = co_await std::move(writing);
    if (!written) co_return std::unexpected(std::move(written.error()));
    co_return co_await std::move(op);
  }
  Task<Written> write(Instant deadline) const;
  Task<void> remove() const;

  Context& context_;
  /// Path → content.
  std::map<std::string, std::string> files_;
  std::string pgpass_;
  std::string service_;
};

}  // namespace tanist::postgres
