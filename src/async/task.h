#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>

namespace tanist {

/// A coroutine of the daemon. It runs on the executor of whoever awaits it; it starts when it is awaited.
/// Rules (CONTRIBUTING.md, "Coroutines"): no capturing lambda coroutines, no reference parameters that can
/// dangle, in an expression that awaits no braced temporary, no lambda with captures and no `?:` of a class
/// type, no await in a catch block.
template <class T>
using Task = boost::asio::awaitable<T>;

using Executor = boost::asio::any_io_executor;

}  // namespace tanist
