// Memory of one kind on one device: counted, kept for reuse, and given back where it runs short. A backend gives raw blocks.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "core/backend.h"

namespace lophi {

// Where the blocks of a pool come from. Called under the pool's lock.
struct RawMemory {
  virtual ~RawMemory() = default;
  virtual void* alloc(size_t bytes) = 0;  // null where there is no more; throws for any other reason
  virtual void free(void* block) noexcept = 0;
};

class BlockPool;

// A piece of a pool's memory: an address of the host or of the device, or what the backend's RawMemory calls a block.
struct Block : Buffer {
  Block(std::shared_ptr<BlockPool> pool, void* data, size_t bytes, size_t capacity)
      : data(data), pool_(std::move(pool)), capacity_(capacity) {
    this->bytes = bytes;
  }
  ~Block() override;
  void* const data;

 private:
  std::shared_ptr<BlockPool> pool_;
  size_t capacity_;
};

class BlockPool : public std::enable_shared_from_this<BlockPool> {
 public:
  struct Options {
    std::string name;     // whose memory it is, in errors: "cuda:0"
    uint64_t total;       // bytes that there are
    size_t granularity;   // blocks are multiples of it
    uint64_t max_cached;  // bytes kept for reuse at most; the oldest go first
  };
  BlockPool(Options options, std::unique_ptr<RawMemory> raw);
  ~BlockPool();

  // Throws ERR_OUT_OF_MEMORY. A block may be given out again as soon as it is released: queues hold on to what they use.
  std::shared_ptr<Block> alloc(size_t bytes);
  MemoryInfo info() const;
  // What else gives memory back when there is none left: caches of the backend. Called without the lock.
  void on_shortage(std::function<void()> drop) { drop_others_ = std::move(drop); }

 private:
  friend struct Block;
  // Under the mutex, but for release().
  void* take(size_t wanted, size_t& capacity);  // null where there is none
  void release(void* data, size_t capacity) noexcept;
  void keep_at_most(uint64_t bytes) noexcept;

  const Options options_;
  const std::unique_ptr<RawMemory> raw_;
  std::function<void()> drop_others_;
  mutable std::mutex mutex_;
  MemoryInfo info_;
  uint64_t clock_ = 0;
  std::map<std::pair<size_t, uint64_t>, void*> idle_;  // (capacity, time of release) -> block
  std::map<uint64_t, size_t> ages_;                    // time of release -> capacity
};

}  // namespace lophi
