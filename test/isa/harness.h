// What the tests and the benchmark of native/cpu/isa*.cpp share.
#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "cpu/isa.h"

namespace harness {

// SFC32 (Doty-Humphrey).
class Random {
 public:
  explicit Random(uint32_t seed) : c_(seed) {
    for (int i = 0; i < 12; ++i) bits();
  }
  uint32_t bits() {
    const uint32_t sum = a_ + b_ + counter_++;
    a_ = b_ ^ (b_ >> 9);
    b_ = c_ + (c_ << 3);
    c_ = ((c_ << 21) | (c_ >> 11)) + sum;
    return sum;
  }
  int64_t integer(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(bits() % static_cast<uint64_t>(high - low + 1));
  }
  float uniform(float low, float high) { return low + (high - low) * static_cast<float>(bits() >> 8) * 0x1p-24f; }

 private:
  uint32_t a_ = 0, b_ = 0, c_, counter_ = 1;
};

// `count` values whose last byte lies `slack` bytes before a page that may not be touched; slack > 0 makes them
// unaligned.
template <class T>
class Guarded {
 public:
  explicit Guarded(int64_t count, size_t slack = 0) : count_(count) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)),
                 bytes = static_cast<size_t>(count) * sizeof(T) + slack;
    size_ = (bytes + page - 1) / page * page + page;
    void* map = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) {
      std::perror("mmap");
      std::exit(2);
    }
    map_ = static_cast<std::byte*>(map);
    if (mprotect(map_ + size_ - page, page, PROT_NONE) != 0) std::exit(2);
    data_ = map_ + size_ - page - bytes;
  }
  ~Guarded() { munmap(map_, size_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  std::byte* bytes() { return data_; }
  T* data() { return reinterpret_cast<T*>(data_); }
  int64_t count() const { return count_; }
  T get(int64_t i) const {
    T value;
    std::memcpy(&value, data_ + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
    return value;
  }
  void set(int64_t i, T value) { std::memcpy(data_ + i * static_cast<int64_t>(sizeof(T)), &value, sizeof(T)); }
  void fill(T value) {
    for (int64_t i = 0; i < count_; ++i) set(i, value);
  }

 private:
  int64_t count_;
  size_t size_;
  std::byte *map_, *data_;
};

// Prints GB/s and GFLOP/s of every instruction set; `only` limits it to one of them, `weights` to kernels with that in
// their name.
void bench(const char* only, const char* weights);

}  // namespace harness
