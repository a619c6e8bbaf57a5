#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <stdexcept>

#include "async/task.h"

namespace tanist::test {

/// Runs `task` on `io` until it ends and gives its result; rethrows what it threw. Other work of `io` runs
/// meanwhile.
template <class T>
T run(boost::asio::io_context& io, Task<T> task) {
  std::optional<T> result;
  std::exception_ptr failure;
  bool done = false;
  boost::asio::co_spawn(io, std::move(task), [&](std::exception_ptr e, T value) {
    done = true;
    failure = e;
    if (!e) result.emplace(std::move(value));
  });
  io.restart();
  while (!done) {
    if (io.run_one() == 0) throw std::logic_error("the task waits for something that nothing will bring");
  }
  if (failure) std::rethrow_exception(failure);
  return std::move(*result);
}

inline void run(boost::asio::io_context& io, Task<void> task) {
  std::exception_ptr failure;
  bool done = false;
  boost::asio::co_spawn(io, std::move(task), [&](std::exception_ptr e) {
    done = true;
    failure = e;
  });
  io.restart();
  while (!done) {
    if (io.run_one() == 0) throw std::logic_error("the task waits for something that nothing will bring");
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace tanist::test
