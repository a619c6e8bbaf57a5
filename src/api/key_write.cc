#include "api/key_write.h"

#include <utility>

namespace tanist::api {
namespace {

/// Control answers by its deadline; this much later nobody waits any more.
constexpr Duration kAnswerMargin = std::chrono::milliseconds(500);

}  // namespace

Task<dcs::WriteResult> write_key(ha::Mailbox& mailbox, Clock& clock, dcs::Record record,
                                 dcs::Condition condition, Duration patience) {
  const Instant deadline = clock.now() + patience;
  ha::order::WriteKey order{
      .record = std::move(record), .condition = std::move(condition), .deadline = deadline};
  auto written = co_await mailbox.ask(std::move(order), deadline + kAnswerMargin);
  if (written) co_return *std::move(written);
  dcs::WriteResult out;
  const bool begun = written.error().kind != Unanswered::Kind::not_begun;
  out.outcome = begun ? dcs::Outcome::unknown : dcs::Outcome::unavailable;
  out.detail = std::move(written.error().why);
  co_return out;
}

}  // namespace tanist::api
