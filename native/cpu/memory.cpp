#include "cpu/memory.h"

#include <new>

namespace lophi::cpu {
namespace {

constexpr size_t kAlign = 64;
constexpr uint64_t kMaxCached = uint64_t{512} << 20;  // fresh pages cost a fault per 4 KiB

struct Heap : RawMemory {
  void* alloc(size_t bytes) override { return ::operator new(bytes, std::align_val_t{kAlign}, std::nothrow); }
  void free(void* block) noexcept override { ::operator delete(block, std::align_val_t{kAlign}); }
};

}  // namespace

std::shared_ptr<BlockPool> make_pool(uint64_t total) {
  return std::make_shared<BlockPool>(BlockPool::Options{"cpu", total, kAlign, kMaxCached}, std::make_unique<Heap>());
}

}  // namespace lophi::cpu
