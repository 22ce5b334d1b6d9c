// Tests of native code that JavaScript cannot reach: what devices share, over a device that is made up. Prints what is wrong; the exit
// status counts it. One argument picks a test by name.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <numeric>
#include <random>
#include <thread>

#include "core/check.h"
#include "core/compilation.h"
#include "core/disk_cache.h"
#include "core/lru.h"
#include "core/plan.h"
#include "core/pool.h"
#include "core/queue.h"
#include "core/uses.h"
#include "cpu/limits.h"
#include "cpu/pool.h"
#include "cpu/thread_scratch.h"

namespace {

using namespace lophi;

int wrong = 0;
std::string test;

template <class A, class B>
void same(const A& found, const B& expected, const char* what) {
  if (found == expected) return;
  ++wrong;
  std::cout << test << ": " << what << " must be " << expected << ", but it is " << found << "\n";
}

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.code() + " " + error.what();
  }
  return "no error";
}

// ---- core/pool

struct Counted : RawMemory {
  size_t room;
  size_t live = 0, allocs = 0, frees = 0;
  explicit Counted(size_t bytes) : room(bytes) {}
  std::map<void*, size_t> sizes;
  void* alloc(size_t bytes) override {
    ++allocs;
    if (live + bytes > room) return nullptr;
    live += bytes;
    void* block = ::operator new(bytes);
    sizes[block] = bytes;
    return block;
  }
  void free(void* block) noexcept override {
    ++frees;
    live -= sizes[block];
    sizes.erase(block);
    ::operator delete(block);
  }
};

struct PoolOf {
  Counted* raw;
  std::shared_ptr<BlockPool> pool;
  PoolOf(size_t room, uint64_t max_cached) {
    auto own = std::make_unique<Counted>(room);
    raw = own.get();
    pool = std::make_shared<BlockPool>(BlockPool::Options{"here", room, 16, max_cached}, std::move(own));
  }
};

void pool_reuses_what_fits() {
  PoolOf p(1 << 20, 1 << 20);
  p.pool->alloc(1000);
  p.pool->alloc(1000);
  p.pool->alloc(900);  // an eighth of it idle
  same(p.raw->allocs, 1u, "allocations");
  p.pool->alloc(800);
  same(p.raw->allocs, 2u, "allocations of less than fits");
  same(p.pool->info().used, 0u, "bytes in use");
  same(p.pool->info().cached, 1008u + 800u, "bytes kept");
  same(p.pool->info().peak, 1008u, "bytes at the peak");
}

void pool_keeps_the_last_used() {
  PoolOf p(1 << 20, 4096);
  std::vector<std::shared_ptr<Block>> blocks;
  for (int i = 0; i < 16; ++i) blocks.push_back(p.pool->alloc(512));
  for (auto& block : blocks) block = nullptr;
  same(p.pool->info().cached, 4096u, "bytes kept");
  p.pool->alloc(3072);
  same(p.pool->info().cached, 1024u + 3072u, "bytes kept when other sizes are asked for");
  p.pool->alloc(8192);
  same(p.pool->info().cached, 1024u + 3072u, "bytes kept beside a block that is larger than all that may be kept");
}

void pool_gives_back_when_short() {
  PoolOf p(4096, 4096);
  int asked = 0;
  std::shared_ptr<Block> elsewhere = p.pool->alloc(2048);
  p.pool->on_shortage([&] {
    ++asked;
    elsewhere = nullptr;
  });
  p.pool->alloc(1024);
  p.pool->alloc(2048);
  same(asked, 0, "calls of others while the cache was enough");
  const auto large = p.pool->alloc(4096);
  same(asked, 1, "calls of others");
  same(error_of([&] { p.pool->alloc(16); }),
        std::string("ERR_OUT_OF_MEMORY here: 16 bytes must be free, but 4096 of 4096 are in use"), "the error");
  same(error_of([&] { p.pool->alloc(SIZE_MAX); }).substr(0, 17), std::string("ERR_OUT_OF_MEMORY"), "the error of a huge size");
}

void cache_drops_the_least_recently_used() {
  LruCache<int, int> cache(2);
  int made = 0;
  const auto get = [&](int key) { return cache.get(key, [&] { return ++made, key * 10; }); };
  get(1);
  get(2);
  get(1);
  get(3);
  same(made, 3, "values made");
  same(get(1), 10, "a value that was used last");
  same(made, 3, "values made");
  get(2);
  same(made, 4, "values made again");
  same(cache.size(), 2u, "values kept");
}

// ---- core/disk_cache

std::string bytes_in(const DiskCache& cache, std::string_view key) {
  const auto bytes = cache.get(key);
  if (!bytes) return "none";
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

void what_is_kept_on_disk_is_whole_or_not_there() {
  const auto folder = std::filesystem::temp_directory_path() / ("lophi-cache-" + std::to_string(std::random_device{}()));
  const auto put = [](const DiskCache& cache, std::string_view key, std::string_view bytes) {
    cache.put(key, std::as_bytes(std::span(bytes)));
  };
  const auto only_file = [&] { return std::filesystem::directory_iterator(folder / "deep")->path(); };
  const DiskCache cache((folder / "deep").string());
  same(bytes_in(cache, "a"), std::string("none"), "what was never put");
  put(cache, "a", "first");
  same(bytes_in(cache, "a"), std::string("first"), "what was put");
  put(cache, "a", "second");
  same(bytes_in(cache, "a"), std::string("second"), "what was put over it");
  same(std::distance(std::filesystem::directory_iterator(folder / "deep"), {}), std::ptrdiff_t{1}, "files");

  std::ifstream file(only_file(), std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(file)), {});
  const auto write = [&](const std::string& text) { std::ofstream(only_file(), std::ios::binary) << text; };
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] ^= 4;
    write(damaged);
    same(bytes_in(cache, "a"), std::string("none"), "a file with a wrong byte");
    write(whole.substr(0, i));
    same(bytes_in(cache, "a"), std::string("none"), "a file that was cut");
  }
  write(whole + "x");
  same(bytes_in(cache, "a"), std::string("none"), "a file with more at its end");
  const auto mine = only_file();
  put(cache, "b", "other");
  for (const auto& entry : std::filesystem::directory_iterator(folder / "deep"))
    if (entry.path() != mine) std::filesystem::copy_file(entry.path(), mine, std::filesystem::copy_options::overwrite_existing);
  same(bytes_in(cache, "a"), std::string("none"), "the file of another key");
  same(bytes_in(cache, "b"), std::string("other"), "the other key's own");

  put(DiskCache(mine.string()), "a", "x");  // a file in the folder's place
  put(DiskCache(""), "a", "x");
  same(bytes_in(DiskCache(""), "a"), std::string("none"), "what is not kept");

  std::vector<std::thread> writers;
  std::atomic<int> broken = 0;
  for (int t = 0; t < 4; ++t)
    writers.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        put(cache, "c", std::string(static_cast<size_t>(1000 * (t + 1)), static_cast<char>('a' + t)));
        const std::string found = bytes_in(cache, "c");
        broken += found.size() != 1000 * static_cast<size_t>(found[0] - 'a' + 1);
      }
    });
  for (std::thread& writer : writers) writer.join();
  same(broken.load(), 0, "files that were read half written");
  std::filesystem::remove_all(folder);
}

// ---- core/fuse, over a device with ops of its own

struct OwnOps : Device {
  std::vector<std::shared_ptr<const Kernel>> kernels;
  std::string refused;
  size_t broken = 0;  // bytes that there is no memory for
  DeviceInfo about;

  OwnOps() {
    const OpText::Step neg{"neg", {{"x", "x"}}, {{"y", "n"}}}, exp{"exp", {{"x", "n"}}, {{"y", "e"}}},
        tanh{"tanh", {{"x", "e"}}, {{"y", "y"}}};
    add("expTanh", {{"exp", {{"x", "x"}}, {{"y", "e"}}}, tanh});
    add("negExpTanh", {neg, exp, tanh});
    add("negExp", {neg, {"exp", {{"x", "n"}}, {{"y", "y"}}}});
  }
  void add(std::string_view name, std::vector<OpText::Step> fuses) {
    OpText text{};
    text.name = name;
    text.in = {{"x", "float[...]"}};
    text.out = {{"y", "x[...]"}};
    text.fuses = std::move(fuses);
    kernels.push_back(std::make_shared<const Kernel>(parse_op(text)));
  }

  const DeviceInfo& info() const override { return about; }
  MemoryInfo memory() const override { return {}; }
  std::string refusal(const Call& call) const override { return call.op->name == refused ? "refused" : ""; }
  std::span<const std::shared_ptr<const Kernel>> fused() const override { return kernels; }
  std::shared_ptr<Buffer> alloc(size_t bytes) override {
    if (bytes == broken) throw Error("ERR_OUT_OF_MEMORY", "alloc: refused");
    return std::make_shared<Buffer>();
  }
  std::shared_ptr<const Weight> weight(WeightSpec) override { return nullptr; }
  std::shared_ptr<Executable> compile(Plan plan) override { return std::make_shared<Executable>(std::move(plan)); }
  std::unique_ptr<Stream> stream() override { return nullptr; }

  // What becomes of tanh(exp(neg(x))).
  std::string chain() {
    Recorder recorder;
    View x{alloc(16), 0, DType::kFloat32, {4}};
    for (const Op op : {Op::kNeg, Op::kExp, Op::kTanh}) {
      Call call = check(info_of(op), {x}, {}, {});
      call.out[0].buffer = recorder.planned(16);
      x = call.out[0];
      recorder.add(std::move(call));
    }
    std::string names;
    for (const Call& call : recorder.finish(*this, std::span(&x, 1)).calls) {
      names += (names.empty() ? "" : " ") + call.op->name;
      const bool own = call.kernel && call.kernel->op.get() == call.op;
      same(own, call.op->id < 0, "whether the call has the kernel of its op");
    }
    return names;
  }
};

void own_ops_fuse_longest_first_unless_refused() {
  OwnOps device;
  same(device.chain(), std::string("negExpTanh"), "the longest");
  device.refused = "negExpTanh";
  same(device.chain(), std::string("neg expTanh"), "of equally long ones the first that the device names");
  device.kernels.erase(device.kernels.begin());
  same(device.chain(), std::string("negExp tanh"), "the other where there is no first");
  device.kernels.clear();
  same(device.chain(), std::string("neg exp tanh"), "without any");
}

// ---- core/queue, over a lane whose work is done when the test says so

struct FakeLane : Lane {
  struct FakeMark : Mark {
    FakeLane& lane;
    size_t at;
    Fault seen;
    FakeMark(FakeLane& l) : lane(l), at(l.launched) {}
    bool reached() override { return lane.finished >= at; }
    void wait() override { lane.finished = std::max(lane.finished, at); }
    Fault fault() override { return seen; }
  };
  size_t launched = 0, finished = 0, drains = 0, cleared = 0;
  bool marks_fail = false;
  Fault word;
  std::vector<std::shared_ptr<FakeMark>> marks;

  void launch(Ticket, const Call&) override { ++launched; }
  void replay(Ticket, Executable&) override { ++launched; }
  std::shared_ptr<Staging> stage(std::span<const std::byte>, bool) override { return std::make_shared<Staging>(); }
  void upload(Ticket, const View&, const Staging&) override { ++launched; }
  std::shared_ptr<Staging> landing(std::span<std::byte> to) override {
    struct Own : Staging {
      std::vector<std::byte> memory;
    };
    auto own = std::make_shared<Own>();
    own->memory.resize(to.size(), std::byte{7});
    own->data = own->memory.data();
    own->bytes = to.size();
    return own;
  }
  void download(Ticket, const Staging&, const View&) override { ++launched; }
  std::shared_ptr<Mark> mark(Ticket) override {
    if (marks_fail) throw Error("ERR_DRIVER", "mark: refused");
    marks.push_back(std::make_shared<FakeMark>(*this));
    marks.back()->seen = word;
    return marks.back();
  }
  void drain() override {
    ++drains;
    finished = launched;
  }
  void clear_fault() override {
    ++cleared;
    word = {};
  }
};

struct QueueOf {
  FakeLane* lane;
  std::unique_ptr<Queue> queue;
  QueueOf() {
    auto own = std::make_unique<FakeLane>();
    lane = own.get();
    queue = std::make_unique<Queue>("fake:0", std::move(own));
  }
  // A call whose operand is `buffer`.
  void run(std::shared_ptr<Buffer> buffer = std::make_shared<Buffer>()) {
    Call call{};
    call.op = &info_of(Op::kCopy);
    call.in.push_back({std::move(buffer), 0, DType::kUint8, {4}});
    queue->run(std::move(call));
  }
};

// A plan of one call, with an intermediate of `scratch` bytes.
std::shared_ptr<Compilation> uncompiled(std::shared_ptr<OwnOps> device, size_t scratch = 16) {
  Plan plan;
  Call call{};
  call.op = &info_of(Op::kCopy);
  call.in.push_back(bytes_view(device->alloc(4), 4));
  call.out.push_back(bytes_view(Recorder().planned(scratch), scratch));
  plan.calls.push_back(std::move(call));
  return std::make_shared<Compilation>(std::move(device), std::move(plan));
}

void work_behind_a_plan_waits_until_it_is_compiled() {
  QueueOf q;
  const auto device = std::make_shared<OwnOps>();
  const auto plan = uncompiled(device), other = uncompiled(device);
  q.run();
  const Ticket before = q.queue->submit();
  q.queue->replay(plan);
  q.run();
  std::byte landing[2]{};
  {
    const View gone = bytes_view(device->alloc(2), 2);
    q.queue->upload(gone, landing);
    q.queue->download(landing, gone);
  }
  q.queue->replay(other);
  const Ticket behind = q.queue->submit();
  same(q.lane->launched, 1u, "work launched before the plan is compiled");
  q.queue->wait(before);
  same(q.lane->drains, 0u, "waits for all");
  Compilation::run(plan);
  std::thread later([&] { Compilation::run(other); });
  q.queue->wait(behind);
  later.join();
  same(q.lane->launched, 6u, "work launched in the end");
  same(q.lane->marks.size(), 2u, "submissions");
  same(q.lane->finished, 6u, "work waited for");
  same(std::to_integer<int>(landing[1]), 7, "what was downloaded");
  q.queue->replay(plan);
  same(q.lane->launched, 7u, "work launched when it is enqueued");
}

void a_plan_that_does_not_compile_fails_what_was_enqueued_behind_it() {
  QueueOf q;
  const auto device = std::make_shared<OwnOps>();
  device->broken = 1000;
  const auto plan = uncompiled(device, 1000);
  q.run();
  const Ticket before = q.queue->submit();
  q.queue->replay(plan);
  q.run();
  const Ticket behind = q.queue->submit();
  Compilation::run(plan);
  const std::string told = "ERR_OUT_OF_MEMORY alloc: refused";
  same(error_of([&] { q.queue->wait(before); }), std::string("no error"), "the error of earlier work");
  same(error_of([&] { q.queue->wait(behind); }), told, "the error of work behind");
  q.queue->recover();
  q.run();
  same(error_of([&] { q.queue->wait(q.queue->submit()); }), std::string("no error"), "the error of work after it was told");
  q.queue->replay(plan);
  same(error_of([&] { q.queue->wait(q.queue->submit()); }), told, "the error of the next replay");

  // told of an earlier failure while work is held
  q.queue->recover();
  q.lane->marks_fail = true;
  const auto slow = uncompiled(device);
  q.run();
  q.queue->replay(slow);
  const Ticket failed = q.queue->submit();
  q.lane->marks_fail = false;
  same(error_of([&] { q.queue->wait(failed - 1); }), std::string("ERR_DRIVER mark: refused (on fake:0)"), "the error");
  q.queue->recover();
  q.run();
  Compilation::run(slow);
  same(error_of([&] { q.queue->wait(failed); }), std::string("ERR_DRIVER mark: refused (on fake:0)"),
       "the error of a replay that was held then");
  same(error_of([&] { q.queue->wait(q.queue->submit()); }), std::string("no error"), "the error of work behind that");
}

// ---- core/uses

void a_use_that_a_device_refuses_is_refused_before_a_byte_is_read() {
  OwnOps device;
  device.about.id = "own:0";
  WeightSpec spec;
  spec.rows = 2;
  spec.columns = 64;
  WeightPart part;
  part.format = WeightFormat::kQ4_0;
  part.rows = 1;
  spec.parts = {part, part};
  spec.parts[1].format = WeightFormat::kQ8_0;  // bytes there are none of
  const auto refused = [&](const WeightUse& use) { return error_of([&] { check_uses(device, spec, std::span(&use, 1)); }); };
  same(refused({"linear", true}), std::string("no error"), "the error of a use that nothing speaks against");
  device.refused = "embedding";
  same(refused({"linear", true}), std::string("no error"), "the error of another use");
  same(refused({"embedding", false}),
       std::string("ERR_OP_UNSUPPORTED refused (a weight in q4_0 and q8_0 for own:0)"), "the error of a use that is refused");
  device.refused = "linear";
  same(refused({"linear", false}).substr(0, 18), std::string("ERR_OP_UNSUPPORTED"), "the error of a product");
  same(refused({"gather", false}),
       std::string("ERR_ARGUMENT weight: uses must be linear or embedding, but one is gather"), "the error of no use");
}

void a_plan_that_nobody_compiles_ends_waits() {
  QueueOf q;
  const auto plan = uncompiled(std::make_shared<OwnOps>());
  q.queue->replay(plan);
  const Ticket ticket = q.queue->submit();
  std::thread ending([&] { Compilation::give_up(plan); });
  same(error_of([&] { q.queue->wait(ticket); }).substr(0, 12), std::string("ERR_DISPOSED"), "the error");
  ending.join();

  // a queue that goes does not wait for it
  const auto never = uncompiled(std::make_shared<OwnOps>());
  QueueOf other;
  other.queue->replay(never);
  other.queue = nullptr;
  same(never.use_count(), 1l, "owners of a plan that was never compiled");
}

void a_wait_does_not_wait_for_later_work() {
  QueueOf q;
  q.run(nullptr);
  const Ticket first = q.queue->submit();
  q.run(nullptr);
  q.queue->submit();
  q.queue->wait(first);
  same(q.lane->finished, 1u, "work that was waited for");
}

void operands_live_until_the_work_is_done() {
  QueueOf q;
  auto buffer = std::make_shared<Buffer>();
  q.run(buffer);
  const Ticket ticket = q.queue->submit();
  same(buffer.use_count(), 2, "owners in flight");
  q.queue->wait(ticket);
  same(buffer.use_count(), 1, "owners afterwards");
}

void operands_outlive_a_mark_that_fails() {
  QueueOf q;
  auto buffer = std::make_shared<Buffer>();
  q.lane->marks_fail = true;
  q.run(buffer);
  const Ticket ticket = q.queue->submit();
  same(buffer.use_count(), 2, "owners while nothing tells how far the device is");
  same(error_of([&] { q.queue->wait(ticket); }), std::string("ERR_DRIVER mark: refused (on fake:0)"), "the error");
  same(q.lane->drains, 1u, "drains");
  same(buffer.use_count(), 1, "owners once the device has drained");
  q.queue->recover();
  q.lane->marks_fail = false;
  q.run(nullptr);
  same(error_of([&] { q.queue->wait(q.queue->submit()); }), std::string("no error"), "the error after recovering");
}

void faults_are_of_the_work_before_their_mark() {
  QueueOf q;
  q.run(nullptr);
  const Ticket fine = q.queue->submit();
  Call call{};
  call.op = &info_of(Op::kEmbedding);
  call.path = intern_path("layer.7");
  q.lane->word = {fault_code(FaultKind::kIndex, 1), fault_site(call), -3, 100, 2, {}};
  q.run(nullptr);
  std::byte landed[4] = {};
  q.queue->download(landed, {std::make_shared<Buffer>(), 0, DType::kUint8, {4}});
  const Ticket faulty = q.queue->submit();
  q.run(nullptr);
  const Ticket later = q.queue->submit();
  const std::string error =
      "ERR_OUT_OF_RANGE embedding: ids[2] must be at least 0 and below 100, but it is -3 (in layer.7 on fake:0)";
  same(error_of([&] { q.queue->wait(faulty); }), error, "the error");
  same(error_of([&] { q.queue->wait(fine); }), std::string("no error"), "the error of earlier work");
  same(error_of([&] { q.queue->wait(later); }), error, "the error of work behind it");
  same(landed[0] == std::byte{0}, true, "that nothing has landed");
  q.queue->recover();
  same(q.lane->cleared, 1u, "words cleared");
  q.run(nullptr);
  q.queue->download(landed, {std::make_shared<Buffer>(), 0, DType::kUint8, {4}});
  same(error_of([&] { q.queue->wait(q.queue->submit()); }), std::string("no error"), "the error of later work");
  same(landed[3] == std::byte{7}, true, "that bytes have landed");
}

void kept_operands_are_let_go_without_a_wait() {
  QueueOf q;
  auto buffer = std::make_shared<Buffer>();
  q.run(buffer);
  for (int i = 0; i < 63; ++i) q.run(nullptr);
  q.lane->finished = q.lane->launched;
  for (int i = 0; i < 64; ++i) q.run(nullptr);
  same(buffer.use_count(), 1, "owners");
}

// ---- cpu/limits

struct Tree {
  std::filesystem::path root = std::filesystem::temp_directory_path() / ("lophi-limits-" + std::to_string(std::chrono::steady_clock::now().time_since_epoch().count()));
  ~Tree() { std::filesystem::remove_all(root); }
  void write(const std::string& file, const std::string& text) const {
    const auto path = root / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  cpu::Limits limits() const { return cpu::limits_of_process(root.string()); }
};

void containers_limit_processors_and_memory() {
  const int all = cpu::limits_of_process("/nowhere").processors;
  same(cpu::limits_of_process("/nowhere").memory, UINT64_MAX, "bytes without a group");
  {
    const Tree tree;
    tree.write("proc/self/cgroup", "0::/pod/app\n");
    tree.write("sys/fs/cgroup/pod/cpu.max", "100000 100000\n");
    tree.write("sys/fs/cgroup/pod/app/cpu.max", "max 100000\n");
    tree.write("sys/fs/cgroup/pod/app/memory.max", "1073741824\n");
    tree.write("sys/fs/cgroup/pod/memory.max", "max\n");
    same(tree.limits().processors, 1, "processors of version 2");
    same(tree.limits().memory, uint64_t{1} << 30, "bytes of version 2");
  }
  {
    const Tree tree;
    tree.write("proc/self/cgroup", "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n");
    tree.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "150000\n");  // the path is the host's, the mount is ours
    tree.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    tree.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n");
    same(tree.limits().processors, 1, "processors of version 1");
    same(tree.limits().memory, uint64_t{512} << 20, "bytes of version 1");
  }
  {
    const Tree tree;
    tree.write("proc/self/cgroup", "0::/\ngarbage\n3:cpu:\n");
    tree.write("sys/fs/cgroup/cpu.max", "-1 0\n");
    tree.write("sys/fs/cgroup/memory.max", "many\n");
    same(tree.limits().processors, all, "processors where nothing sensible is said");
    same(tree.limits().memory, UINT64_MAX, "bytes where nothing sensible is said");
  }
}

// ---- cpu/pool

void loops_are_split_and_finished() {
  for (int threads : {1, 2, 7}) {
    cpu::Pool pool(threads);
    std::vector<int64_t> values(10'000);
    for (int round = 0; round < 200; ++round)
      pool.run(static_cast<int64_t>(values.size()), 16, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) values[static_cast<size_t>(i)] += i;
      });
    const int64_t sum = std::accumulate(values.begin(), values.end(), int64_t{0});
    same(sum, int64_t{200} * 9'999 * 5'000, "the sum");
    same(error_of([&] { pool.run(1000, 1, [](int64_t begin, int64_t end) { if (begin <= 500 && 500 < end) throw argument_error("mine"); }); }),
          std::string("ERR_ARGUMENT mine"), "the error of a piece");
  }
}

void what_threads_keep_is_counted_and_shrinks() {
  const size_t before = cpu::thread_scratch_bytes();
  auto& scores = cpu::thread_scratch().scores;
  scores.resize(4 << 20);
  cpu::settle_thread_scratch();
  same(cpu::thread_scratch_bytes() - before >= size_t{16} << 20, true, "that 16 MiB are counted");
  for (int i = 0; i < 200; ++i) {
    scores.resize(100);
    scores.resize(i % 10 == 0 ? 4 << 20 : 100);
    cpu::settle_thread_scratch();
  }
  same(scores.capacity() >= 4 << 20, true, "that it stays while it is used");
  for (int i = 0; i < 200; ++i) {
    scores.resize(100);
    cpu::settle_thread_scratch();
  }
  same(cpu::thread_scratch_bytes() - before < size_t{1} << 20, true, "that it shrinks");
  auto& block = cpu::thread_scratch().shared[1];
  const auto use = [&](int times, auto&& bytes) {
    for (int i = 0; i < times; ++i) {
      block.get(100);
      block.get(bytes(i));
      block.get(100);
      cpu::settle_thread_scratch();
    }
  };
  use(200, [](int i) { return i % 10 == 0 ? size_t{16} << 20 : size_t{100}; });
  same(cpu::thread_scratch_bytes() - before >= size_t{16} << 20, true, "that a block stays while it is used");
  use(200, [](int) { return size_t{100}; });
  same(cpu::thread_scratch_bytes() - before < size_t{1} << 20, true, "that a block shrinks");
  cpu::drop_thread_scratch();
  same(cpu::thread_scratch_bytes(), before, "bytes once the thread has ended");
}

struct Case {
  const char* name;
  void (*run)();
};
#define CASE(name) {#name, name}
const Case cases[] = {
    CASE(pool_reuses_what_fits),
    CASE(pool_keeps_the_last_used),
    CASE(pool_gives_back_when_short),
    CASE(cache_drops_the_least_recently_used),
    CASE(what_is_kept_on_disk_is_whole_or_not_there),
    CASE(own_ops_fuse_longest_first_unless_refused),
    CASE(work_behind_a_plan_waits_until_it_is_compiled),
    CASE(a_plan_that_does_not_compile_fails_what_was_enqueued_behind_it),
    CASE(a_use_that_a_device_refuses_is_refused_before_a_byte_is_read),
    CASE(a_plan_that_nobody_compiles_ends_waits),
    CASE(a_wait_does_not_wait_for_later_work),
    CASE(operands_live_until_the_work_is_done),
    CASE(operands_outlive_a_mark_that_fails),
    CASE(faults_are_of_the_work_before_their_mark),
    CASE(kept_operands_are_let_go_without_a_wait),
    CASE(containers_limit_processors_and_memory),
    CASE(loops_are_split_and_finished),
    CASE(what_threads_keep_is_counted_and_shrinks),
};

}  // namespace

int main(int argc, char** argv) {
  for (const Case& next : cases) {
    if (argc > 1 && std::strcmp(argv[1], "--list") == 0) {
      std::cout << next.name << "\n";
      continue;
    }
    if (argc > 1 && std::strcmp(argv[1], next.name) != 0) continue;
    test = next.name;
    next.run();
  }
  return wrong;
}
