#include "fence/fence_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>
#include <vector>

namespace tanist::fence {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

Deadline at(std::int64_t boot, std::int64_t real) {
  return {Instant(Duration(boot)), std::chrono::sys_time<std::chrono::nanoseconds>(Duration(real))};
}

class FenceFileTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/dev/shm/tanist-fence-test.XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    directory_ = name;
    path_ = directory_ + "/fence";
    identity_ = {42, 7, 11};
  }
  void TearDown() override { fs::remove_all(directory_); }

  FenceFile opened() {
    auto file = FenceFile::open(path_, identity_);
    EXPECT_TRUE(file) << file.error();
    return std::move(*file);
  }

  /// The file as a backend has it.
  const TanistFenceFile* mapped() const {
    const int descriptor = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    EXPECT_GE(descriptor, 0);
    void* at = ::mmap(nullptr, sizeof(TanistFenceFile), PROT_READ, MAP_SHARED, descriptor, 0);
    ::close(descriptor);
    EXPECT_NE(at, MAP_FAILED);
    return static_cast<const TanistFenceFile*>(at);
  }
  static std::optional<TanistFenceSlot> read(const TanistFenceFile* file) {
    TanistFenceSlot slot;
    return tanist_fence_read(file, &slot) != 0 ? std::optional(slot) : std::nullopt;
  }
  std::optional<TanistFenceSlot> read_named() const {
    const auto* file = mapped();
    const auto slot = read(file);
    ::munmap(const_cast<TanistFenceFile*>(file), sizeof(*file));
    return slot;
  }

  std::string directory_;
  std::string path_;
  Identity identity_;
};

TEST_F(FenceFileTest, what_is_armed_is_read) {
  auto file = opened();
  EXPECT_FALSE(fs::exists(path_)) << "a file that says nothing yet would refuse every commit";
  ASSERT_TRUE(file.arm(at(1000, 2000)));
  auto slot = read_named();
  ASSERT_TRUE(slot);
  EXPECT_EQ(slot->state, TANIST_FENCE_ARMED);
  EXPECT_EQ(slot->kill_at_boot, 1000);
  EXPECT_EQ(slot->kill_at_real, 2000);
  EXPECT_EQ(slot->writer, static_cast<std::uint32_t>(::getpid()));
  EXPECT_EQ(slot->sequence, 1u);
  ASSERT_TRUE(file.arm(at(500, 600)));  // an earlier one as well
  EXPECT_EQ(read_named()->kill_at_boot, 500);
  ASSERT_TRUE(file.disarm());
  slot = read_named();
  EXPECT_EQ(slot->state, TANIST_FENCE_DISARMED);
  EXPECT_EQ(slot->sequence, 3u);
}

TEST_F(FenceFileTest, the_bytes_are_where_the_page_says) {
  auto file = opened();
  ASSERT_TRUE(file.arm(at(0x1122334455667788, 0x0102030405060708)));
  std::ifstream in(path_, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  ASSERT_EQ(bytes.size(), 192u);
  EXPECT_EQ(bytes.substr(0, 8), std::string("tnstfnc\0", 8));
  EXPECT_EQ(bytes.substr(8, 8), std::string("\1\0\0\0\300\0\0\0", 8));
  EXPECT_EQ(bytes.substr(32, 8), std::string("\52\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(bytes.substr(40, 8), std::string("\7\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(bytes.substr(48, 8), std::string("\13\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(bytes.substr(64, 8), std::string(8, '\0')) << "slot 0 was never written";
  EXPECT_EQ(bytes.substr(128, 12), std::string("\1\0\0\0\0\0\0\0\1\0\0\0", 12));
  EXPECT_EQ(bytes.substr(144, 8), "\x88\x77\x66\x55\x44\x33\x22\x11");
  EXPECT_EQ(bytes.substr(152, 8), "\x08\x07\x06\x05\x04\x03\x02\x01");
  EXPECT_EQ(tanist_fence_checksum("12345678901234567890123456789012345678901234567890123456"),
            0x5ecabfd0dc4bc4e3ULL);
  struct stat found;
  ASSERT_EQ(::stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0600u);
}

TEST_F(FenceFileTest, the_next_writer_goes_on_in_the_same_file) {
  {
    auto first = opened();
    ASSERT_TRUE(first.arm(at(1000, 2000)));
    auto second = FenceFile::open(path_, identity_);
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error(), HasSubstr("another process writes"));
  }
  EXPECT_EQ(read_named()->kill_at_boot, 1000) << "the last word counts when its writer is gone";
  const auto* backend = mapped();
  auto next = opened();
  EXPECT_EQ(read(backend)->kill_at_boot, 1000);
  ASSERT_TRUE(next.arm(at(3000, 4000)));
  EXPECT_EQ(read(backend)->kill_at_boot, 3000);
  EXPECT_EQ(read(backend)->sequence, 2u);
}

TEST_F(FenceFileTest, a_file_of_another_boot_or_directory_is_replaced) {
  {
    auto file = opened();
    ASSERT_TRUE(file.arm(at(1000, 2000)));
  }
  auto other = identity_;
  other.inode = 12;
  {
    auto file = FenceFile::open(path_, other);
    ASSERT_TRUE(file) << file.error();
    EXPECT_EQ(read_named()->kill_at_boot, 1000) << "not before there is something to say";
    ASSERT_TRUE(file->arm(at(5000, 6000)));
    const auto* backend = mapped();
    EXPECT_EQ(backend->header.inode, 12u);
    EXPECT_EQ(read(backend)->sequence, 1u);
  }
  // The boot id, with a checksum that fits: a file on a disk that outlived a restart of the host.
  TanistFenceFile content;
  std::ifstream(path_, std::ios::binary).read(reinterpret_cast<char*>(&content), sizeof(content));
  content.header.boot_id[3] ^= 1;
  content.header.checksum = tanist_fence_checksum(&content.header);
  std::ofstream(path_, std::ios::binary).write(reinterpret_cast<const char*>(&content), sizeof(content));
  auto file = FenceFile::open(path_, other);
  ASSERT_TRUE(file) << file.error();
  ASSERT_TRUE(file->disarm());
  EXPECT_EQ(read_named()->state, TANIST_FENCE_DISARMED);
  EXPECT_EQ(read_named()->sequence, 1u);
}

TEST_F(FenceFileTest, a_file_that_was_cleaned_away_is_made_again) {
  auto file = opened();
  ASSERT_TRUE(file.arm(at(INT64_MAX, INT64_MAX)));
  const auto* backend = mapped();
  ASSERT_TRUE(fs::remove(path_));
  EXPECT_EQ(read(backend)->kill_at_boot, INT64_MAX) << "who has it goes on";
  ASSERT_TRUE(file.arm(at(3000, 4000)));
  EXPECT_EQ(read_named()->kill_at_boot, 3000);
  EXPECT_EQ(read(backend)->state, TANIST_FENCE_ARMED);
  EXPECT_EQ(read(backend)->kill_at_boot, 0) << "and is sent to look for the new one";
  ASSERT_TRUE(file.arm(at(5000, 6000)));
  EXPECT_EQ(read_named()->kill_at_boot, 5000);
}

TEST_F(FenceFileTest, what_cannot_be_written_is_said_and_changes_nothing) {
  auto missing = FenceFile::open(directory_ + "/nowhere/fence", identity_);
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error(), HasSubstr("nowhere/fence.new\": No such file or directory"));
  fs::create_symlink("/etc/passwd", path_);
  auto link = FenceFile::open(path_, identity_);
  ASSERT_FALSE(link);
  EXPECT_THAT(link.error(), HasSubstr("could not open"));
  fs::remove(path_);
  fs::create_directory(path_);
  EXPECT_FALSE(FenceFile::open(path_, identity_));
  fs::remove(path_);

  auto file = opened();
  ASSERT_TRUE(file.arm(at(1000, 2000)));
  const auto* backend = mapped();
  fs::remove(path_);
  fs::create_directory(path_);  // nothing can be renamed to it
  const auto failed = file.arm(at(9000, 9000));
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error(), HasSubstr("could not rename"));
  EXPECT_EQ(read(backend)->kill_at_boot, 1000) << "what was published before is in force";
  fs::remove(path_);
  ASSERT_TRUE(file.arm(at(10000, 9000)));
  EXPECT_EQ(read_named()->kill_at_boot, 10000);
  EXPECT_EQ(read(backend)->kill_at_boot, 0);
}

TEST_F(FenceFileTest, a_short_file_is_replaced) {
  std::ofstream(path_) << "tnst";
  auto file = opened();
  ASSERT_TRUE(file.arm(at(1, 2)));
  EXPECT_EQ(read_named()->kill_at_boot, 1);
}

TEST_F(FenceFileTest, one_that_is_disarmed_stays_so_when_it_is_removed) {
  auto file = opened();
  ASSERT_TRUE(file.arm(at(1, 2)));
  ASSERT_TRUE(file.disarm());
  const auto* backend = mapped();
  ASSERT_TRUE(file.remove());
  EXPECT_EQ(read(backend)->state, TANIST_FENCE_DISARMED);
}

TEST_F(FenceFileTest, it_moves_and_is_removed) {
  auto first = opened();
  ASSERT_TRUE(first.arm(at(1, 2)));
  FenceFile file = std::move(first);
  ASSERT_TRUE(file.arm(at(3, 4)));
  EXPECT_EQ(read_named()->kill_at_boot, 3);
  const auto* backend = mapped();
  ASSERT_TRUE(file.remove());
  EXPECT_EQ(read(backend)->kill_at_boot, 0) << "who has it commits nothing, either";
  EXPECT_FALSE(fs::exists(path_));
  EXPECT_FALSE(file.arm(at(5, 6)));
  EXPECT_TRUE(file.remove()) << "twice is as once";
  EXPECT_TRUE(fs::is_empty(directory_));
  {
    auto unused = opened();
  }
  EXPECT_TRUE(fs::is_empty(directory_)) << "one that never said anything leaves nothing behind";
}

/// Wherever a writer is stopped or dies, the word before is in force.
TEST_F(FenceFileTest, a_publication_that_is_broken_off_counts_for_nothing) {
  auto file = opened();
  ASSERT_TRUE(file.arm(at(1000, 2000)));
  ASSERT_TRUE(file.arm(at(1500, 2500)));  // slot 0; the next goes to slot 1
  TanistFenceFile content;
  std::ifstream(path_, std::ios::binary).read(reinterpret_cast<char*>(&content), sizeof(content));
  TanistFenceSlot next = {};
  next.sequence = 3;
  next.state = TANIST_FENCE_ARMED;
  next.kill_at_boot = 0x7777777777777777;
  next.kill_at_real = 0x7777777777777777;
  next.checksum = tanist_fence_checksum(&next);
  for (std::size_t done = 0; done < sizeof(next); ++done) {
    // In the order in which it is written: the sequence is zero first and set last.
    auto torn = content;
    auto* slot = reinterpret_cast<char*>(&torn.slots[1]);
    std::memset(slot, 0, 8);
    std::memcpy(slot + 8, reinterpret_cast<char*>(&next) + 8, std::min<std::size_t>(done, 56));
    ASSERT_EQ(read(&torn)->kill_at_boot, 1500) << done;
    // And in any other: part of the bytes, with the sequence already there.
    torn = content;
    std::memcpy(slot, &next, done);
    ASSERT_EQ(read(&torn)->kill_at_boot, 1500) << done;
  }
  content.slots[1] = next;
  EXPECT_EQ(read(&content)->kill_at_boot, 0x7777777777777777);
  content.slots[1].sequence = 4;  // of the other slot
  content.slots[1].checksum = tanist_fence_checksum(&content.slots[1]);
  EXPECT_EQ(read(&content)->kill_at_boot, 1500);
  content.slots[0].reserved[3] = 1;
  EXPECT_FALSE(read(&content)) << "no slot that counts: nothing is said";
}

TEST_F(FenceFileTest, a_torn_word_is_never_read) {
  auto file = opened();
  // Two words in a row differ in every byte, and each is known by its number.
  const auto boot_of = [](std::uint64_t sequence) {
    return static_cast<std::int64_t>((sequence % 50 + 1) * 0x0101010101010101ULL);
  };
  const auto word = [&](std::uint64_t sequence) { return at(boot_of(sequence), 2 * boot_of(sequence)); };
  ASSERT_TRUE(file.arm(word(1)));
  const auto* backend = mapped();
  std::atomic<bool> stop = false;
  std::atomic<int> reads = 0;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i)
    readers.emplace_back([&] {
      std::uint64_t last = 0;
      while (!stop) {
        TanistFenceSlot slot;
        if (tanist_fence_read(backend, &slot) == 0 || slot.sequence < last ||
            slot.kill_at_boot != boot_of(slot.sequence) || slot.kill_at_real != 2 * slot.kill_at_boot)
          ++wrong;
        last = slot.sequence;
        ++reads;
      }
    });
  const auto until = BootClock::now() + std::chrono::milliseconds(500);
  std::uint64_t sequence = 1;
  while (BootClock::now() < until) {
    if (!file.arm(word(++sequence))) ++wrong;
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0) << "of " << reads << " readings of " << sequence << " words";
  EXPECT_GT(reads, 1000);
  EXPECT_GT(sequence, 1000u);
}

TEST(fence_deadline, it_counts_from_when_the_proof_was_asked_for) {
  const ClockPair asked{Instant(std::chrono::seconds(100)),
                        std::chrono::sys_time<std::chrono::nanoseconds>(std::chrono::seconds(5000))};
  const auto end = deadline(asked, Instant(std::chrono::seconds(130)));
  EXPECT_EQ(end.boot, Instant(std::chrono::seconds(130)));
  EXPECT_EQ(end.real.time_since_epoch(), std::chrono::seconds(5030));
}

TEST(fence_deadline, both_clocks_are_read_at_about_the_same_time) {
  const auto before = std::chrono::system_clock::now();
  const auto pair = ClockPair::now();
  EXPECT_GE(pair.real, before);
  EXPECT_LE(pair.boot, BootClock::now());
}

TEST(fence_identity, it_is_the_directory_itself) {
  const auto root = identity_of("/", 5);
  ASSERT_TRUE(root);
  EXPECT_EQ(root->system_identifier, 5u);
  EXPECT_EQ(identity_of("/.", 5), root);
  EXPECT_THAT(default_path({1, 0x1f, 0xabc}), "/dev/shm/tanist_fence.1f.abc");
  const auto none = identity_of("/nowhere/at/all", 5);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error(), "could not look at \"/nowhere/at/all\": No such file or directory");
}

}  // namespace
}  // namespace tanist::fence
