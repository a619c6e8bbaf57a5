#pragma once

/// The fence file, byte for byte (docs/fence.md): the daemon or the guardian writes it, PostgreSQL's backends
/// read it by the extension tanist_fence. For C and C++. Integers are in the byte order of the host: the file
/// never leaves it.
///
///   0..63     header: written once, before the file gets its name
///   64..127   slot 0
///   128..191  slot 1
///
/// The valid slot with the higher sequence counts. A writer only ever touches the other one: it sets the
/// sequence to zero, writes the fields and the checksum, and sets the sequence last. So a writer that is
/// stopped or dies anywhere leaves what it had published before, and a reader that meets it there never
/// waits. A reader copies both slots between two readings of both sequences, and again if one has changed; a
/// copy counts if its sequence is not zero and the checksum fits.

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* "tnstfnc" and a zero byte. */
#define TANIST_FENCE_MAGIC "tnstfnc"
#define TANIST_FENCE_VERSION 1u
#define TANIST_FENCE_SLOTS 2

/* Where the file is unless told otherwise, for a data directory by its device and its inode (hexadecimal).
 * Memory, never a disk: neither who writes nor who commits may wait for one. */
#define TANIST_FENCE_PATH "/dev/shm/tanist_fence.%llx.%llx"

/* States of a slot. Any other number means that nothing is known. */
#define TANIST_FENCE_ARMED 1u    /* commits until the deadlines, none after them */
#define TANIST_FENCE_DISARMED 2u /* commits: pause, a standby, a server that nobody guards */

typedef struct TanistFenceHeader {
  char magic[8];
  uint32_t version;
  uint32_t size;       /* of the whole file */
  uint8_t boot_id[16]; /* /proc/sys/kernel/random/boot_id: of another boot, nothing in the file counts */
  uint64_t system_identifier; /* as in pg_control */
  uint64_t device;            /* st_dev and st_ino of the data directory: a copy of it has others */
  uint64_t inode;
  uint64_t checksum; /* of the 56 bytes before */
} TanistFenceHeader;

typedef struct TanistFenceSlot {
  uint64_t sequence; /* grows by one with each publication; the slot is the rest of its division by two */
  uint32_t state;
  uint32_t writer;      /* process id, for people */
  int64_t kill_at_boot; /* armed: the lease's kill_at on CLOCK_BOOTTIME, ns */
  int64_t kill_at_real; /* armed: the same instant on CLOCK_REALTIME as both clocks stood when the proof of
                           the lease was asked for, ns; never moved when the wall clock is stepped later */
  int64_t published_at; /* CLOCK_BOOTTIME, ns, for people */
  uint8_t reserved[16]; /* zero */
  uint64_t checksum;    /* of the 56 bytes before */
} TanistFenceSlot;

typedef struct TanistFenceFile {
  TanistFenceHeader header;
  TanistFenceSlot slots[TANIST_FENCE_SLOTS];
} TanistFenceFile;

#ifdef __cplusplus
static_assert(sizeof(TanistFenceFile) == 192 && offsetof(TanistFenceFile, slots) == 64);
static_assert(offsetof(TanistFenceHeader, checksum) == 56 && offsetof(TanistFenceSlot, checksum) == 56);
#else
_Static_assert(sizeof(TanistFenceFile) == 192 && offsetof(TanistFenceFile, slots) == 64,
               "layout of the fence file");
_Static_assert(offsetof(TanistFenceHeader, checksum) == 56 && offsetof(TanistFenceSlot, checksum) == 56,
               "layout of the fence file");
#endif

/* FNV-1a over 64 bits of the 56 bytes that stand before a checksum. */
static inline uint64_t tanist_fence_checksum(const void* before) {
  const unsigned char* byte = (const unsigned char*)before;
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (int i = 0; i < 56; i++) hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
  return hash;
}

/* Copies the slot that counts; 0: there is none, the file says nothing. Never waits; may run in any process
 * that maps the file, at any time. */
static inline int tanist_fence_read(const TanistFenceFile* file, TanistFenceSlot* result) {
  for (int attempt = 0; attempt < 1000; attempt++) {
    const uint64_t first = __atomic_load_n(&file->slots[0].sequence, __ATOMIC_ACQUIRE);
    const uint64_t second = __atomic_load_n(&file->slots[1].sequence, __ATOMIC_ACQUIRE);
    TanistFenceSlot copies[TANIST_FENCE_SLOTS];
    memcpy(copies, file->slots, sizeof(copies));
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    /* Both, not only the one that is taken: while this process was stopped the writer may have come round to
     * the newer one, and what is in the other is then older than what was in force when this began. */
    if (__atomic_load_n(&file->slots[0].sequence, __ATOMIC_RELAXED) != first ||
        __atomic_load_n(&file->slots[1].sequence, __ATOMIC_RELAXED) != second)
      continue;
    for (int turn = 0; turn < TANIST_FENCE_SLOTS; turn++) {
      const uint64_t i = (second > first) != (turn == 1);
      const uint64_t sequence = i == 0 ? first : second;
      if (sequence == 0 || sequence % TANIST_FENCE_SLOTS != i || copies[i].sequence != sequence) continue;
      if (copies[i].checksum != tanist_fence_checksum(&copies[i])) continue;
      *result = copies[i];
      return 1;
    }
    return 0;
  }
  return 0;
}
