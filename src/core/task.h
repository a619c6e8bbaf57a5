#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>

namespace tanist {

/// A coroutine of the daemon. It runs on the executor of whoever awaits it; it starts when it is awaited.
/// Rules (CONTRIBUTING.md, "Coroutines"): no capturing lambda coroutines, no reference parameters that can
/// dangle, name each awaitable before awaiting it (`auto op = f(x); auto r = co_await std::move(op);`), no
/// await in a catch block.
template <class T>
using Task = boost::asio::awaitable<T>;

using Executor = boost::asio::any_io_executor;

}  // namespace tanist
