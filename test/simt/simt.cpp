#include "simt.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>

#include "fiber.h"

namespace simt {

Dim thread_index, block_index, block_dim, grid_dim;

namespace {

constexpr size_t kMaxShared = 227 << 10;  // of a block of compute capability 9.0
constexpr unsigned char kPoison = 0xcd;

enum class State { kReady, kAtBarrier, kInCollective, kDone };

struct Copy {
  void* to;
  const void* from;
  size_t group;
};

struct Thread {
  Fiber fiber;
  Dim index;
  State state = State::kReady;
  Site site{};
  unsigned mask = 0;
  uint64_t value = 0;
  uint64_t values[32];       // what the lanes of the last collective put in
  std::vector<Copy> copies;  // not landed yet
  size_t group = 0;          // of the next copy
  bool odd = false;          // of the products that it has taken part in
};

struct SharedArray {
  const void* key;
  size_t offset, bytes;
};

// The launch under way. One at a time: the caller holds a lock.
const Kernel* kernel_now;
void** params_now;
std::vector<std::unique_ptr<Thread>> threads;  // at least as many as the block has
unsigned thread_count;
Thread* now;
unsigned now_at;
std::optional<std::string> error;
std::vector<SharedArray> arrays;
size_t static_bytes, dynamic_bytes_now;
alignas(256) unsigned char arena[kMaxShared];  // static arrays from the start
alignas(256) unsigned char dynamic[kMaxShared];

void body() {
  kernel_now->call(kernel_now->function, params_now);
  now->state = State::kDone;
  for (;;) Fiber::leave();
}

bool same(const Site& a, const Site& b) {
  return a.line == b.line && std::strcmp(a.call, b.call) == 0 && std::strcmp(a.file, b.file) == 0;
}

// Lets a whole block, or lanes of a warp, go on where all that must have come are there.
bool release() {
  const auto at_barrier = [](unsigned i) {
    return threads[i]->state == State::kAtBarrier && same(threads[i]->site, threads[0]->site);
  };
  bool all = true;
  for (unsigned i = 0; i < thread_count && all; ++i) all = at_barrier(i);
  if (all) {
    for (unsigned i = 0; i < thread_count; ++i) threads[i]->state = State::kReady;
    return true;
  }
  bool released = false;
  for (unsigned first = 0; first < thread_count; first += 32) {
    const unsigned lanes = std::min(32u, thread_count - first);
    for (unsigned lane = 0; lane < lanes; ++lane) {
      const Thread& leader = *threads[first + lane];
      if (leader.state != State::kInCollective) continue;
      const auto joins = [&](unsigned i) {
        const Thread& t = *threads[first + i];
        return t.state == State::kInCollective && t.mask == leader.mask && same(t.site, leader.site);
      };
      bool complete = true;
      for (unsigned i = 0; i < lanes && complete; ++i) complete = !(leader.mask >> i & 1) || joins(i);
      if (!complete) continue;
      uint64_t values[32];
      std::memset(values, kPoison, sizeof values);
      const unsigned mask = leader.mask;
      for (unsigned i = 0; i < lanes; ++i)
        if (mask >> i & 1) values[i] = threads[first + i]->value;
      for (unsigned i = 0; i < lanes; ++i)
        if (mask >> i & 1) {
          std::memcpy(threads[first + i]->values, values, sizeof values);
          threads[first + i]->state = State::kReady;
        }
      released = true;
    }
  }
  return released;
}

// Who waits where, when nobody can go on.
std::string deadlock() {
  std::map<std::string, unsigned> groups;
  for (unsigned i = 0; i < thread_count; ++i) {
    const Thread& t = *threads[i];
    const char* file = t.site.file ? std::strrchr(t.site.file, '/') : nullptr;
    ++groups[t.state == State::kDone ? "have returned"
                                     : std::string("wait at ") + t.site.call + " (" + (file ? file + 1 : t.site.file) +
                                           ":" + std::to_string(t.site.line) + ")"];
  }
  std::string text = "divergent barrier: of " + std::to_string(thread_count) + " threads";
  const char* comma = " ";
  for (const auto& [where, count] : groups) {
    text += comma + std::to_string(count) + " " + where;
    comma = ", ";
  }
  return text;
}

// Numbers 0..n-1 in the order that SIMT_ORDER asks for; a shuffled order differs from call to call.
class Order {
 public:
  Order() {
    const char* asked = std::getenv("SIMT_ORDER");
    text_ = asked && *asked ? asked : "forward";
    const std::string seed = text_.starts_with("shuffled:") ? text_.substr(9) : "";
    if (text_ != "forward" && text_ != "reverse" && text_ != "shuffled" && seed.empty())
      throw std::runtime_error("SIMT_ORDER must be forward, reverse, shuffled or shuffled:<seed>, but it is " + text_);
    state_ = 0x9e3779b97f4a7c15u + (seed.empty() ? 0 : std::strtoull(seed.c_str(), nullptr, 10));
  }
  void fill(std::vector<unsigned>& order, unsigned count) {
    order.resize(count);
    std::iota(order.begin(), order.end(), 0u);
    if (text_ == "reverse") std::reverse(order.begin(), order.end());
    if (text_.starts_with("shuffled"))
      for (unsigned i = count; i > 1; --i) std::swap(order[i - 1], order[next() % i]);
  }

 private:
  uint64_t next() {  // xorshift64
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    return state_ ^= state_ << 17;
  }
  std::string text_;
  uint64_t state_;
};

void run_block(Order& order) {
  arrays.clear();
  static_bytes = 0;
  std::memset(dynamic, kPoison, dynamic_bytes_now);
  while (threads.size() < thread_count) threads.push_back(std::make_unique<Thread>());
  for (unsigned i = 0; i < thread_count; ++i) {
    Thread& t = *threads[i];
    t.index = {i % block_dim.x, i / block_dim.x % block_dim.y, i / block_dim.x / block_dim.y};
    t.state = State::kReady;
    t.copies.clear();
    t.group = 0;
    t.fiber.start(body);
  }
  std::vector<unsigned> turns;
  for (;;) {
    order.fill(turns, thread_count);
    unsigned done = 0;
    for (unsigned i : turns) {
      now = threads[i].get();
      now_at = i;
      if (now->state == State::kReady) {
        thread_index = now->index;
        now->fiber.resume();
        if (error) return;
      }
      done += now->state == State::kDone;
    }
    if (done == thread_count) return;
    if (!release()) {
      error = deadlock();
      return;
    }
  }
}

}  // namespace

unsigned lane() { return now_at % 32; }

void fail(const std::string& message) {
  error = message;
  for (;;) Fiber::leave();
}

void barrier(Site site) {
  now->site = site;
  now->state = State::kAtBarrier;
  Fiber::leave();
}

const uint64_t* collective(Site site, unsigned mask, uint64_t value) {
  if (!(mask >> lane() & 1)) fail(std::string(site.call) + " is called by a lane that its mask leaves out");
  Thread* self = now;
  self->site = site;
  self->mask = mask;
  self->value = value;
  self->state = State::kInCollective;
  Fiber::leave();
  return self->values;
}

void* shared(const void* key, size_t bytes, size_t alignment) {
  for (const SharedArray& array : arrays)
    if (array.key == key) return arena + array.offset;
  const size_t offset = (static_bytes + alignment - 1) / alignment * alignment;
  if (offset + bytes > kMaxShared) fail("shared memory must be at most " + std::to_string(kMaxShared) + " bytes");
  static_bytes = offset + bytes;
  arrays.push_back({key, offset, bytes});
  std::memset(arena + offset, kPoison, bytes);
  return arena + offset;
}

void* dynamic_shared() { return dynamic; }

void copy_later(void* shared, const void* global) {
  if (reinterpret_cast<uintptr_t>(shared) % 16 || reinterpret_cast<uintptr_t>(global) % 16)
    fail("cp_async16 must copy between addresses aligned to 16 bytes");
  now->copies.push_back({shared, global, now->group});
}

void commit_copies() { ++now->group; }

void land_copies(size_t under_way) {
  std::erase_if(now->copies, [&](const Copy& copy) {
    if (copy.group + under_way >= now->group) return false;
    if (copy.from)
      std::memcpy(copy.to, copy.from, 16);
    else
      std::memset(copy.to, 0, 16);
    return true;
  });
}

void launch(const Kernel& kernel, Dim grid, Dim block, size_t dynamic_bytes, void** params) {
  const size_t count = size_t{block.x} * block.y * block.z;
  const std::string name = std::string("simt: kernel ") + kernel.name;
  if (count == 0 || count > 1024)
    throw std::runtime_error(name + ": a block must have 1 to 1024 threads, but has " + std::to_string(count));
  if (dynamic_bytes > kMaxShared) throw std::runtime_error(name + ": too much dynamic shared memory");
  kernel_now = &kernel;
  params_now = params;
  thread_count = static_cast<unsigned>(count);
  dynamic_bytes_now = dynamic_bytes;
  grid_dim = grid;
  block_dim = block;
  error.reset();
  Order order;
  std::vector<unsigned> blocks;
  order.fill(blocks, grid.x * grid.y * grid.z);
  for (unsigned b : blocks) {
    block_index = {b % grid.x, b / grid.x % grid.y, b / grid.x / grid.y};
    run_block(order);
    if (error)
      throw std::runtime_error(name + ", block (" + std::to_string(block_index.x) + ", " +
                               std::to_string(block_index.y) + ", " + std::to_string(block_index.z) + "): " + *error);
  }
}

namespace {

// What the lanes of a warp bring to a product. Two of each, as one lane may come to the next product before another has read this
// one; the next but one has to wait for both.
template <class T, int rows, int columns, int depth>
struct Operands {
  T a[rows][depth], b[depth][columns];
  static Operands& of_warp(Thread& thread) {
    static Operands all[1024 / 32][2];
    thread.odd = !thread.odd;
    return all[now_at / 32][thread.odd];
  }
};

// c += a · b: `put` writes this lane's elements, and the sums are rounded once.
template <int depth, class T, class C, class F>
void multiply(Site site, C (&c)[4], F&& put) {
  using All = Operands<T, 16, 8, depth>;
  All& all = All::of_warp(*now);
  const unsigned g = lane() / 4, t = lane() % 4;
  put(all, g, t);
  collective(site, 0xffffffff, 0);
  for (unsigned i = 0; i < 4; ++i) {
    auto sum = static_cast<std::conditional_t<std::is_same_v<T, int>, int64_t, double>>(c[i]);
    for (unsigned k = 0; k < depth; ++k) {
      using Sum = decltype(sum);
      sum += static_cast<Sum>(all.a[g + i / 2 * 8][k]) * static_cast<Sum>(all.b[k][2 * t + i % 2]);
    }
    c[i] = static_cast<C>(sum);
  }
}

template <class F>
void multiply16(Site site, float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2], F&& value) {
  multiply<16, float>(site, c, [&](auto& all, unsigned g, unsigned t) {
    for (unsigned r = 0; r < 4; ++r)
      for (unsigned i = 0; i < 2; ++i) all.a[g + r % 2 * 8][2 * t + r / 2 * 8 + i] = value(a[r] >> 16 * i & 0xffff);
    for (unsigned r = 0; r < 2; ++r)
      for (unsigned i = 0; i < 2; ++i) all.b[2 * t + r * 8 + i][g] = value(b[r] >> 16 * i & 0xffff);
  });
}

template <unsigned registers>
void multiply8(Site site, int (&c)[4], const unsigned* a, const unsigned* b) {
  multiply<registers * 8, int>(site, c, [&](auto& all, unsigned g, unsigned t) {
    for (unsigned r = 0; r < registers; ++r)
      for (unsigned i = 0; i < 4; ++i)
        all.a[g + r % 2 * 8][4 * t + r / 2 * 16 + i] = static_cast<uint8_t>(a[r] >> 8 * i);
    for (unsigned r = 0; r < registers / 2; ++r)
      for (unsigned i = 0; i < 4; ++i) all.b[4 * t + r * 16 + i][g] = static_cast<int8_t>(b[r] >> 8 * i);
  });
}

}  // namespace
}  // namespace simt

unsigned half2_sub(unsigned a, unsigned b) {
  unsigned d = 0;
  for (int at = 0; at < 32; at += 16) {
    const auto of = [at](unsigned pair) { return half_to_float(static_cast<unsigned short>(pair >> at)); };
    d |= static_cast<unsigned>(float_to_half(of(a) - of(b))) << at;
  }
  return d;
}

uint4 ldmatrix4(const void* shared, const char* file, int line) {
  const uint64_t* rows = simt::collective({"ldmatrix4", file, line}, 0xffffffff, reinterpret_cast<uintptr_t>(shared));
  const unsigned lane = simt::lane();
  unsigned words[4];
  for (unsigned i = 0; i < 4; ++i) {
    const uint64_t row = rows[8 * i + lane / 4];
    if (row % 16) simt::fail("a row of a matrix must be aligned to 16 bytes");
    std::memcpy(&words[i], reinterpret_cast<const char*>(row) + lane % 4 * 4, 4);
  }
  return {words[0], words[1], words[2], words[3]};
}

uint4 ldmatrix4_turned(const void* shared, const char* file, int line) {
  const simt::Site site{"ldmatrix4_turned", file, line};
  const uint64_t* rows = simt::collective(site, 0xffffffff, reinterpret_cast<uintptr_t>(shared));
  const unsigned column = simt::lane() / 4, first = simt::lane() % 4 * 2;
  unsigned words[4] = {};
  for (unsigned i = 0; i < 8; ++i) {
    const uint64_t row = rows[8 * (i / 2) + first + i % 2];
    if (row % 16) simt::fail("a row of a matrix must be aligned to 16 bytes");
    words[i / 2] |= static_cast<unsigned>(reinterpret_cast<const uint16_t*>(row)[column]) << i % 2 * 16;
  }
  return {words[0], words[1], words[2], words[3]};
}

void mma16816(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2], const char* file, int line) {
  simt::multiply16({"mma16816", file, line}, c, a, b,
                   [](unsigned bits) { return half_to_float(static_cast<unsigned short>(bits)); });
}

void mma16816_bf16(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2], const char* file, int line) {
  simt::multiply16({"mma16816_bf16", file, line}, c, a, b, [](unsigned bits) { return bits_to_float(bits << 16); });
}

void mma16832(int (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2], const char* file, int line) {
  simt::multiply8<4>({"mma16832", file, line}, c, a, b);
}

void mma16816_int8(int (&c)[4], const unsigned (&a)[2], unsigned b, const char* file, int line) {
  simt::multiply8<2>({"mma16816_int8", file, line}, c, a, &b);
}

float half_to_float(unsigned short bits) {
  const unsigned sign = (bits & 0x8000u) << 16, exponent = bits >> 10 & 31, mantissa = bits & 1023;
  if (exponent == 31) return bits_to_float(sign | 0x7f800000 | mantissa << 13);
  if (exponent == 0) {
    const float value = std::ldexp(static_cast<float>(mantissa), -24);
    return sign ? -value : value;
  }
  return bits_to_float(sign | (exponent + 112) << 23 | mantissa << 13);
}

unsigned short float_to_half(float value) {
  const unsigned bits = float_to_bits(value), sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
  if (rest > 0x7f800000) return static_cast<unsigned short>(sign | 0x7e00);
  // 65520 and more round to infinity.
  if (rest >= 0x477ff000) return static_cast<unsigned short>(sign | 0x7c00);
  // Below 2^-14 the step is 2^-24: adding 0.5 brings those bits to the end of the mantissa, rounded by the processor.
  if (rest < 0x38800000) {
    const unsigned moved = float_to_bits(bits_to_float(rest) + 0.5f) - 0x3f000000;
    return static_cast<unsigned short>(sign | moved);
  }
  const unsigned rounded = rest + 0xfff + (rest >> 13 & 1);
  return static_cast<unsigned short>(sign | (rounded - 0x38000000) >> 13);
}
