#include "postgres/local/secret_files.h"

#include "log/log.h"
#include "postgres/local/context.h"

TANIST_LOGGER("patroni.postgresql.cancellable");

namespace tanist::postgres {
namespace {

constexpr Duration kRemoveBudget = std::chrono::seconds(5);

/// Static, and by value: what is awaited outlives the object that made it.
Task<std::expected<void, std::string>> write_secrets(Disk& disk, std::map<std::string, std::string> files,
                                                     Instant deadline) {
  std::expected<void, std::string> all;
  for (const auto& [path, content] : files) {
    auto written = co_await disk.write(path, content, 0600, deadline);
    if (!written) all = std::move(written);
  }
  co_return all;
}

Task<void> remove_secrets(Disk& disk, Clock& clock, std::map<std::string, std::string> files) {
  for (const auto& [path, content] : files) {
    auto removed = co_await disk.remove(path, clock.now() + kRemoveBudget);
    if (!removed) log::warning("{}", removed.error());
  }
}

}  // namespace

HeldSecrets::HeldSecrets(Context& context, std::string purpose, SecretFiles secrets) : context_(context) {
  const std::string& directory = context.settings->state_dir;
  if (!secrets.pgpass.empty()) {
    pgpass_ = directory + "/pgpass." + purpose;
    files_[pgpass_] = std::move(secrets.pgpass);
  }
  if (!secrets.service.empty()) {
    service_ = directory + "/pgservice." + purpose;
    files_[service_] = std::move(secrets.service);
  }
}

void HeldSecrets::name_in(process::Environment& environment) const {
  if (!pgpass_.empty()) environment["PGPASSFILE"] = pgpass_;
  if (!service_.empty()) environment["PGSERVICEFILE"] = service_;
}

Task<HeldSecrets::Written> HeldSecrets::write(Instant deadline) const {
  return write_secrets(context_.disk, files_, deadline);
}

Task<void> HeldSecrets::remove() const {
  return remove_secrets(context_.disk, context_.clock, files_);
}

}  // namespace tanist::postgres
