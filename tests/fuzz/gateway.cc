// Answers of etcd's JSON gateway, and the HTTP that carries them and the REST API.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "dcs/etcd3/messages.h"
#include "json/parse.h"
#include "net/http.h"
#include "net/message_parser.h"

namespace {

using namespace tanist;

void read_answers(const Document& answer) {
  using namespace dcs::etcd3;
  (void)read_header(answer);
  (void)read_range(answer);
  for (std::size_t operations = 0; operations < 4; ++operations) (void)read_txn(answer, operations, 2);
  (void)read_grant(answer);
  (void)read_keepalive(answer);
  (void)read_watch(answer);
}

/// Feeds in pieces of `step` bytes; a parser that takes nothing and wants more gets more, as in the real
/// loop.
void feed(net::MessageParser& parser, std::string_view bytes, std::size_t step) {
  std::string pending;
  while (!bytes.empty() && !parser.done()) {
    pending += bytes.substr(0, step);
    bytes.remove_prefix(std::min(step, bytes.size()));
    const auto taken = parser.put(pending);
    if (!taken) return;
    pending.erase(0, *taken);
    if (parser.header_done()) (void)parser.take_body();
    if (pending.size() > 64 * 1024) return;
  }
  (void)parser.end_of_input();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t step = data[1] + 1;
  switch (data[0] % 4) {
    case 0:
      if (const auto answer = parse_json(text)) read_answers(*answer);
      break;
    case 1: feed(*net::make_request_parser({4096, 65536}), text, step); break;
    case 2: feed(*net::make_response_parser({4096, 65536}, false), text, step); break;
    case 3:
      (void)net::parse_url(text);
      (void)net::parse_query(text);
      (void)net::base64_decode(text);
      break;
  }
  return 0;
}
