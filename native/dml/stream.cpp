#include "dml/stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "dml/faults.h"
#include "dml/ops/table.h"

namespace lophi::dml {
namespace {

struct DmlStaging : Staging {
  DmlStaging(Chunks::Place at, size_t size) : place(std::move(at)) {
    data = place.data();
    bytes = size;
  }
  const Chunks::Place place;
};

}  // namespace

// A value of the lane's fence, and the lists that ran before it.
class DmlMark : public Mark {
 public:
  DmlMark(DmlLane& lane, UINT64 value) : lane_(lane), value_(value) {}
  // All marks but those of a dying queue are gone when the GPU has passed them: the lists may be recorded anew.
  ~DmlMark() override {
    for (auto& commands : commands) {
      commands->release();
      lane_.spare_.push_back(std::move(commands));
    }
  }
  bool reached() override { return lane_.fence_.completed() >= value_; }
  void wait() override { lane_.fence_.wait(value_); }
  Fault fault() override {
    for (const Chunks::Place& place : words) {
      Fault fault;
      std::memcpy(&fault, place.data(), sizeof fault);
      if (fault.code) return fault;
    }
    return {};
  }

  std::vector<std::unique_ptr<Commands>> commands;
  std::vector<Chunks::Place> words;  // copies of the fault words

 private:
  DmlLane& lane_;
  const UINT64 value_;
};

DmlExecutable::DmlExecutable(std::shared_ptr<Gpu> on, Plan recorded)
    : Executable(std::move(recorded)), gpu(std::move(on)) {
  parts.push_back(std::make_unique<Commands>(*gpu, shared));
  for (const Call& call : plan.calls)
    with_place(call, gpu->info.id, [&] { function_of(call.op->kind())(*parts.back(), call); });
  for (const auto& part : parts) lists.push_back(part->close());
  gpu->check_alive();
}

DmlLane::DmlLane(std::shared_ptr<Gpu> gpu)
    : gpu_(std::move(gpu)),
      fence_(gpu_->device.Get()),
      uploads_(gpu_->device, D3D12_HEAP_TYPE_UPLOAD),
      downloads_(gpu_->device, D3D12_HEAP_TYPE_READBACK) {}

Commands& DmlLane::open() {
  if (open_) return *open_;
  if (spare_.empty()) {
    open_ = std::make_unique<Commands>(*gpu_, shared_);
  } else {
    open_ = std::move(spare_.back());
    spare_.pop_back();
    open_->reopen();
  }
  return *open_;
}

void DmlLane::launch(Ticket, const Call& call) {
  function_of(call.op->kind())(open(), call);
  if (std::exchange(shared_.may_report, false)) watch(shared_);
}

void DmlLane::watch(const Shared& shared) {
  const auto known = std::ranges::find(watched_, shared.faults, &Watched::word);
  if (known != watched_.end())
    known->used = true;
  else
    watched_.push_back({shared.faults, true});
}

void DmlLane::replay(Ticket, Executable& executable) {
  auto& plan = static_cast<DmlExecutable&>(executable);
  close_open();
  lists_.insert(lists_.end(), plan.lists.begin(), plan.lists.end());
  shared_.in_uav.insert(plan.shared.in_uav.begin(), plan.shared.in_uav.end());
  if (plan.shared.may_report) watch(plan.shared);
}

std::shared_ptr<Staging> DmlLane::stage(std::span<const std::byte> from, bool) {
  auto staged = std::make_shared<DmlStaging>(uploads_.take(from.size()), from.size());
  std::memcpy(staged->data, from.data(), from.size());
  return staged;
}

void DmlLane::upload(Ticket, const View& to, const Staging& from) {
  const Chunks::Place& place = static_cast<const DmlStaging&>(from).place;
  open().upload(to, place.chunk->resource.Get(), place.offset);
}

std::shared_ptr<Staging> DmlLane::landing(std::span<std::byte> to) {
  return std::make_shared<DmlStaging>(downloads_.take(to.size()), to.size());
}

void DmlLane::download(Ticket, const Staging& to, const View& from) {
  const Chunks::Place& place = static_cast<const DmlStaging&>(to).place;
  open().download(place.chunk->resource.Get(), place.offset, from);
}

void DmlLane::close_open() {
  if (!open_) return;
  lists_.push_back(open_->close());
  closed_.push_back(std::move(open_));
}

std::shared_ptr<Mark> DmlLane::mark(Ticket ticket) {
  auto mark = std::make_shared<DmlMark>(*this, ticket);
  try {
    for (Watched& watched : watched_)
      if (std::exchange(watched.used, false)) {
        mark->words.push_back(downloads_.take(sizeof(Fault)));
        const Chunks::Place& place = mark->words.back();
        open().download(place.chunk->resource.Get(), place.offset, view_of_fault(watched.word));
      }
    std::erase_if(watched_, [](const Watched& watched) { return watched.word.use_count() == 1; });
    close_open();
    gpu_->check_alive();
  } catch (...) {
    // What was recorded will never run; a list that does not close is good for nothing.
    open_ = nullptr;
    closed_.clear();
    lists_.clear();
    shared_.in_uav.clear();
    throw;
  }
  if (!lists_.empty()) gpu_->queue->ExecuteCommandLists(static_cast<UINT>(lists_.size()), lists_.data());
  lists_.clear();
  shared_.in_uav.clear();
  mark->commands = std::move(closed_);
  closed_.clear();
  try {
    fence_.signal(gpu_->queue.Get(), ticket);
  } catch (...) {
    lost_ = true;
    throw;
  }
  signalled_ = ticket;
  return mark;
}

void DmlLane::clear_fault() {
  const auto zeros = uploads_.take(sizeof(Fault));
  std::memset(zeros.data(), 0, sizeof(Fault));
  for (const Watched& watched : watched_)
    open().upload(view_of_fault(watched.word), zeros.chunk->resource.Get(), zeros.offset);
  if (!watched_.empty()) open().keep(zeros.chunk);
  std::erase_if(watched_, [](const Watched& watched) { return !watched.used; });
}

void DmlLane::drain() {
  if (!lost_) fence_.wait(signalled_);
}

}  // namespace lophi::dml
