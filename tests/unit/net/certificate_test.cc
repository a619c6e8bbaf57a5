#include "net/certificate.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace tanist::net {
namespace {

constexpr const char* kCertificate = R"(-----BEGIN CERTIFICATE-----
MIH/MIGmAgEBMAoGCCqGSM49BAMCMAwxCjAIBgNVBAMMAXgwHhcNMjAwMTAxMDAw
MDAwWhcNMjAwMTAyMDMwNDA1WjAMMQowCAYDVQQDDAF4MFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAE0Nqcn5ngSChGmyzSl4GAQejHZd20qWL2+WSkvqyLCUKg8SUA
sU31Pwbnvb4ccP4lhsS5lgxIrLKehip0wy4iiDAKBggqhkjOPQQDAgNIADBFAiEA
qvnHoqHxhyQ+RmchJQoQ+qIgi4dELvdVLo0DMs/S1zICIAOMaYLbKdWsUUoh3EpF
70TF6beoWZVtp5VH0LRa1SEy
-----END CERTIFICATE-----
)";

TEST(Certificate, its_end_is_read) {
  std::string file = "/tmp/tanist-certificate-XXXXXX";
  const int descriptor = mkstemp(file.data());
  ASSERT_GE(descriptor, 0);
  const std::string text = kCertificate;
  ASSERT_EQ(write(descriptor, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  close(descriptor);
  EXPECT_EQ(unix_seconds(certificate_end(file).value()), 1577934245);
  unlink(file.c_str());
  EXPECT_EQ(certificate_end(file).error(), "cannot read a certificate from " + file);
}

}  // namespace
}  // namespace tanist::net
