#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "contract/store_fixture.h"

namespace tanist::contract {

/// Stands between one member and etcd's JSON gateway, on a thread of its own, and spoils what it is told to.
class Proxy {
 public:
  explicit Proxy(int upstream_port);
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  int port() const;
  /// Holds everything back, both ways, until heal().
  void cut();
  void heal();
  /// Another server from now on; connections that stand are closed.
  void lead_to(int upstream_port);
  /// Of transactions.
  void lose(Loss loss, int count);
  /// Closes every connection that carries a watch, or all of them.
  void close_watches();
  void close_all();
  /// Requests by path since the last call.
  std::map<std::string, int> take_requests();
  /// Answers requests whose path ends so with a JSON body of its own instead of asking etcd; nullopt in the
  /// function's place (an empty function) removes it. A function that returns an empty text leaves the
  /// request unanswered; one that begins with `HTTP/` is the whole answer, not only its body.
  void answer(const std::string& path_end, std::function<std::string(const std::string& body)> with);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tanist::contract
