// Runs CUDA kernels as plain C++: every thread a fiber, block by block. The same .cu text goes through NVRTC and through this.
// It finds wrong results, missing and divergent barriers, reads of unwritten shared memory and misaligned 128-bit loads; not
// memory-model bugs, hardware rounding or speed. docs/cuda.md says more.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#define KERNEL(name) extern "C" void name
#define BOUNDED_KERNEL(name, type) KERNEL(name)
#define PARAMS(...) __VA_ARGS__
#define DEVICE inline
// A key of its own tells the arrays of a block apart.
#define SHARED(type, name, count)   \
  static const char name##_key = 0; \
  type* const name = static_cast<type*>(simt::shared(&name##_key, sizeof(type) * (count), alignof(type)))
#define DYNAMIC_SHARED(type, name) type* const name = static_cast<type*>(simt::dynamic_shared())

namespace simt {

struct Dim {
  unsigned x = 1, y = 1, z = 1;
};

// Where a thread waits; source positions tell two barriers apart.
struct Site {
  const char* call;
  const char* file;
  int line;
};

extern Dim thread_index, block_index, block_dim, grid_dim;  // of the running fiber

void barrier(Site site);
// Waits for all lanes of `mask` at this site, then gives what each of the 32 put in.
const uint64_t* collective(Site site, unsigned mask, uint64_t value);
// Memory of the block, filled with 0xCD before its first use.
void* shared(const void* key, size_t bytes, size_t alignment);
void* dynamic_shared();
[[noreturn]] void fail(const std::string& message);  // ends the launch
// The thread's copies of 16 bytes from global to shared memory (from null: of zeros), in groups. A group lands, byte by byte, when
// somebody waits for it and not before.
void copy_later(void* shared, const void* global);
void commit_copies();
void land_copies(size_t under_way);
unsigned lane();

template <class T>
uint64_t pack(T value) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}

template <class T>
T shuffle(Site site, unsigned mask, T value, unsigned source) {
  const uint64_t* values = collective(site, mask, pack(value));
  if (source < 32 && !(mask >> source & 1))
    fail(std::string(site.call) + " reads lane " + std::to_string(source) + ", which its mask leaves out");
  T result = value;
  if (source < 32) std::memcpy(&result, &values[source], sizeof result);
  return result;
}

// A kernel by name, and how to call it with the driver's array of pointers to arguments.
struct Kernel {
  const char* name;
  std::vector<size_t> sizes;
  void (*call)(void (*function)(), void** params);
  void (*function)();
};

template <class... A>
Kernel kernel(const char* name, void (*function)(A...)) {
  return {name,
          {sizeof(A)...},
          [](void (*erased)(), void** params) {
            [&]<size_t... I>(std::index_sequence<I...>) {
              reinterpret_cast<void (*)(A...)>(erased)(*static_cast<std::remove_reference_t<A>*>(params[I])...);
            }(std::index_sequence_for<A...>{});
          },
          reinterpret_cast<void (*)()>(function)};
}

// Runs a grid; throws std::runtime_error naming kernel and block. The order of threads, and of blocks, is that of the environment's
// SIMT_ORDER: forward, reverse, shuffled or shuffled:<seed>. Not reentrant.
void launch(const Kernel& kernel, Dim grid, Dim block, size_t dynamic_bytes, void** params);

}  // namespace simt

#define threadIdx simt::thread_index
#define blockIdx simt::block_index
#define blockDim simt::block_dim
#define gridDim simt::grid_dim
#define SIMT_SITE(call) \
  simt::Site { call, file, line }

inline void __syncthreads(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  simt::barrier(SIMT_SITE("__syncthreads"));
}
inline void __syncwarp(unsigned mask = 0xffffffff, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  simt::collective(SIMT_SITE("__syncwarp"), mask, 0);
}
template <class T>
T __shfl_sync(unsigned mask, T value, int source, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  return simt::shuffle(SIMT_SITE("__shfl_sync"), mask, value, static_cast<unsigned>(source) % 32);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  return simt::shuffle(SIMT_SITE("__shfl_xor_sync"), mask, value, simt::lane() ^ static_cast<unsigned>(bits));
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, int delta, const char* file = __builtin_FILE(),
                   int line = __builtin_LINE()) {
  return simt::shuffle(SIMT_SITE("__shfl_down_sync"), mask, value, simt::lane() + static_cast<unsigned>(delta));
}
inline unsigned __ballot_sync(unsigned mask, int predicate, const char* file = __builtin_FILE(),
                              int line = __builtin_LINE()) {
  const uint64_t* values = simt::collective(SIMT_SITE("__ballot_sync"), mask, predicate != 0);
  unsigned result = 0;
  for (unsigned i = 0; i < 32; ++i) result |= (mask >> i & 1 && values[i] ? 1u : 0u) << i;
  return result;
}
#undef SIMT_SITE
// Fibers switch at barriers alone.
inline unsigned atomicCAS(unsigned* at, unsigned expected, unsigned value) {
  const unsigned found = *at;
  if (found == expected) *at = value;
  return found;
}
template <class T>
T atomicAdd(T* at, T value) {
  const T found = *at;
  *at = found + value;
  return found;
}

// ---- what native/cuda/port.h promises

inline void wait_for_earlier_kernels() {}
inline void let_next_kernel_begin() {}
inline void memory_fence() {}
inline float load_fresh(const float* from) { return *from; }

struct uint4 {
  unsigned x, y, z, w;
};
// 16 bytes at once, as LDG.128 reads them.
inline void prefetch(const void*) {}
inline uint4 load128(const void* from) {
  if (reinterpret_cast<uintptr_t>(from) % 16)
    simt::fail("a 128-bit load must be aligned to 16 bytes, but its address ends in " +
               std::to_string(reinterpret_cast<uintptr_t>(from) % 16));
  uint4 value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
inline float bits_to_float(unsigned bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline unsigned float_to_bits(float value) {
  unsigned bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}
struct uint2 {
  unsigned x, y;
};
inline uint2 load64(const void* from) {
  if (reinterpret_cast<uintptr_t>(from) % 8) simt::fail("a 64-bit load must be aligned to 8 bytes");
  uint2 value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
inline uint4 ldg_stream(const void* from) { return load128(from); }
inline uint2 ldg_stream64(const void* from) { return load64(from); }
inline unsigned ldg_stream32(const void* from) {
  if (reinterpret_cast<uintptr_t>(from) % 4) simt::fail("a 32-bit load must be aligned to 4 bytes");
  unsigned value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
inline unsigned ldg_stream16(const void* from) {
  unsigned short value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
inline unsigned ldg_stream8(const void* from) { return *static_cast<const unsigned char*>(from); }
template <int table>
unsigned lop3(unsigned a, unsigned b, unsigned c) {
  unsigned d = 0;
  for (int i = 0; i < 8; ++i)
    if (table >> i & 1) d |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
  return d;
}
inline unsigned prmt(unsigned a, unsigned b, unsigned select) {
  const uint64_t bytes = static_cast<uint64_t>(b) << 32 | a;
  unsigned d = 0;
  for (int i = 0; i < 4; ++i) {
    const auto byte = static_cast<uint8_t>(bytes >> (select >> 4 * i & 7) * 8);
    d |= static_cast<unsigned>(select >> 4 * i & 8 ? (byte & 0x80 ? 0xff : 0) : byte) << 8 * i;
  }
  return d;
}
inline int dp4a(unsigned a, unsigned b, int c) {
  for (int i = 0; i < 4; ++i) c += static_cast<int8_t>(a >> 8 * i) * static_cast<int8_t>(b >> 8 * i);
  return c;
}
inline void cp_async16(void* shared, const void* global, bool valid = true) {
  simt::copy_later(shared, valid ? global : nullptr);
}
inline void cp_async_commit() { simt::commit_copies(); }
template <int groups>
void cp_async_wait() {
  simt::land_copies(groups);
}
unsigned half2_sub(unsigned a, unsigned b);
uint4 ldmatrix4(const void* shared, const char* file = __builtin_FILE(), int line = __builtin_LINE());
uint4 ldmatrix4_turned(const void* shared, const char* file = __builtin_FILE(), int line = __builtin_LINE());
void mma16816(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2], const char* file = __builtin_FILE(),
              int line = __builtin_LINE());
void mma16816_bf16(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2], const char* file = __builtin_FILE(),
                   int line = __builtin_LINE());
void mma16832(int (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2], const char* file = __builtin_FILE(),
              int line = __builtin_LINE());
void mma16816_int8(int (&c)[4], const unsigned (&a)[2], unsigned b, const char* file = __builtin_FILE(),
                   int line = __builtin_LINE());
// Compiled without fused products.
inline double plain_product(double a, double b) { return a * b; }
inline double plain_sum(double a, double b) { return a + b; }
float half_to_float(unsigned short bits);
unsigned short float_to_half(float value);  // to nearest, ties to even
inline unsigned pack_halves(float a, float b) {
  return float_to_half(a) | static_cast<unsigned>(float_to_half(b)) << 16;
}
