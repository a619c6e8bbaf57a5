#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "contract/run_task.h"
#include "net/http.h"

namespace tanist::net::test {

/// A CA, a server and a client certificate in a directory of their own.
class Certificates {
 public:
  Certificates() {
    char path[] = "/tmp/tanist-tls-XXXXXX";
    dir_ = ::mkdtemp(path);
    const std::string quiet = " >/dev/null 2>&1";
    const std::string ec = " -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes ";
    sh("cd " + dir_ + " && openssl req -x509" + ec + "-subj /CN=ca -keyout ca.key -out ca.crt -days 2" +
       quiet);
    for (const std::string who : {"server", "client"}) {
      sh("cd " + dir_ + " && openssl req" + ec + "-subj /CN=" + who + " -keyout " + who + ".key -out " + who +
         ".csr -addext subjectAltName=IP:127.0.0.1,DNS:localhost" + quiet + " && openssl x509 -req -in " +
         who + ".csr -CA ca.crt -CAkey ca.key -CAcreateserial -copy_extensions copy -days 2 -out " + who +
         ".crt" + quiet);
    }
    sh("cd " + dir_ + " && openssl pkcs8 -topk8 -in server.key -passout pass:sesame -out locked.key" + quiet);
  }
  ~Certificates() { std::filesystem::remove_all(dir_); }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;
  std::string path(const std::string& name) const { return dir_ + "/" + name; }

  /// Body of GET / over https at 127.0.0.1, with the certificate of `who` if that is not empty; empty: no
  /// answer.
  std::string get(int port, const std::string& who) const {
    boost::asio::io_context io;
    SystemClock clock;
    HttpClientOptions options;
    options.tls.ca_file = path("ca.crt");
    if (!who.empty()) {
      options.tls.cert_file = path(who + ".crt");
      options.tls.key_file = path(who + ".key");
    }
    HttpClient client(io.get_executor(), clock, options);
    const auto answer = tanist::test::run(
        io, client.request({"127.0.0.1", port, true}, HttpRequest(), clock.now() + std::chrono::seconds(5)));
    return answer ? answer->body : "";
  }

 private:
  static void sh(const std::string& command) { ASSERT_EQ(std::system(command.c_str()), 0) << command; }
  std::string dir_;
};

}  // namespace tanist::net::test
