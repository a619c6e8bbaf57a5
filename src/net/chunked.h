#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace tanist::net {

/// Takes a body of `Transfer-Encoding: chunked` apart, byte by byte, wherever the pieces it comes in begin
/// and end. Chunk extensions and trailers are skipped.
class ChunkedBody {
 public:
  struct Limits {
    /// Of one chunk's head, and of all trailers together.
    std::size_t line_bytes;
    /// 0: none.
    std::size_t body_bytes;
  };
  enum class Trouble { broken, head_too_large, body_too_large };

  explicit ChunkedBody(Limits limits) : limits_(limits) {}

  /// Appends what `bytes` bring of the body to `body`; returns how many were taken: all of them until the
  /// body has ended.
  std::expected<std::size_t, Trouble> put(std::string_view bytes, std::string& body);
  bool done() const { return at_ == At::end; }

 private:
  enum class At {
    size,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    /// The first byte of a line behind the last chunk.
    trailer,
    trailer_rest,
    trailer_lf,
    last_lf,
    end,
  };

  /// One byte outside of the data; false: it must not be there.
  bool step(char c);

  Limits limits_;
  At at_ = At::size;
  /// Of the chunk at hand; what is left of it once its data has begun.
  std::uint64_t size_ = 0;
  int digits_ = 0;
  /// Of the chunk's head, or of the trailers, so far.
  std::size_t line_bytes_ = 0;
  std::uint64_t body_bytes_ = 0;
};

}  // namespace tanist::net
