// HTTP/1 of peers, cut into pieces as the network likes: how it is cut must not change what is read.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "net/message_parser.h"

namespace {

using namespace tanist::net;

constexpr ParserLimits kLimits{4096, 65536};

struct Read {
  bool failed = false;
  bool done = false;
  std::string body;
};

/// Pieces of `sizes` bytes, one after another and again from the first; 0: all that is left.
Read feed(MessageParser& parser, std::string_view bytes, std::string_view sizes) {
  Read out;
  std::string unread;
  for (std::size_t i = 0; !bytes.empty() && !parser.done(); ++i) {
    const auto size = sizes.empty() ? 0 : static_cast<unsigned char>(sizes[i % sizes.size()]);
    const std::size_t piece = size == 0 ? bytes.size() : std::min<std::size_t>(size, bytes.size());
    unread += bytes.substr(0, piece);
    bytes.remove_prefix(piece);
    for (std::size_t taken = 1; taken != 0 && !unread.empty() && !parser.done();) {
      const auto put = parser.put(unread);
      if (!put) {
        out.failed = true;
        return out;
      }
      taken = *put;
      unread.erase(0, taken);
      out.body += parser.take_body();
    }
    if (unread.size() > kLimits.header_bytes && !parser.done()) std::abort();
  }
  out.done = parser.done();
  if (!out.done) (void)parser.end_of_input();
  return out;
}

}  // namespace

/// Which side, how many sizes of pieces, these, the message.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string_view sizes = input.substr(2, data[1] % 16);
  const std::string_view message = input.substr(2 + sizes.size());
  const auto parser = [&] {
    return data[0] % 3 == 0 ? make_request_parser(kLimits) : make_response_parser(kLimits, data[0] % 3 == 1);
  };
  const Read whole = feed(*parser(), message, {});
  const Read cut = feed(*parser(), message, sizes);
  // A header over the limit fails sooner or later, depending on the pieces; and what fails has brought more
  // or less of its body before.
  if (whole.failed || cut.failed) return 0;
  if (whole.done != cut.done || whole.body != cut.body) std::abort();
  return 0;
}
