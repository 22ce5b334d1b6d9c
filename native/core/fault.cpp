#include "core/fault.h"

#include <bit>
#include <cmath>
#include <map>
#include <mutex>
#include <vector>

#include "core/op.h"

namespace lophi {
namespace {

struct Site {
  std::string op;
  std::vector<std::string> operands;
  int path;
};

std::mutex mutex;
// Grows with the ops and places that a program has, not with its calls; [0] is unused.
std::vector<Site> sites(1);
std::map<std::pair<std::string, int>, uint32_t> numbers;

}  // namespace

uint32_t fault_site(const Call& call) {
  const std::lock_guard lock(mutex);
  const auto [at, fresh] = numbers.emplace(std::pair(call.op->name, call.path), static_cast<uint32_t>(sites.size()));
  if (fresh) {
    sites.push_back({call.op->name, {}, call.path});
    for (const Operand& operand : call.op->in) sites.back().operands.push_back(operand.name);
  }
  return at->second;
}

CallError fault_error(const Fault& fault, std::string_view device) {
  const std::lock_guard lock(mutex);
  const Site& site = sites[fault.call < sites.size() ? fault.call : 0];
  const size_t operand = fault.code / 256;
  const Error error = fault_error(site.op, static_cast<FaultKind>(fault.code % 256),
                                  operand < site.operands.size() ? site.operands[operand] : "operand", fault.index,
                                  fault.value, fault.limit, fault.more);
  return located(error, site.path, device);
}

Error fault_error(std::string_view op, FaultKind kind, std::string_view operand, int64_t index, int64_t value,
                  int64_t limit, int64_t more) {
  const auto at = [](int64_t i) { return std::string("[").append(std::to_string(i)).append("]"); };
  const bool table = kind == FaultKind::kPage && more > 0;
  const std::string element = std::string(operand) + (table ? at(index / more) + at(index % more) : at(index));
  const std::string what = std::string(op) + ": " + element, bound = std::to_string(limit);
  const std::string found = ", but it is " + std::to_string(value);
  switch (kind) {
    case FaultKind::kNegative:
      return range_error(what + " must not be negative" + found);
    case FaultKind::kCapacity:
      return Error("ERR_CONTEXT_OVERFLOW", what + " must lie in the cache of " + bound + " tokens" + found);
    case FaultKind::kAscending:
      return range_error(what + " must be above that of the row before, " + bound + found);
    case FaultKind::kFinite: {
      const auto number = std::bit_cast<float>(static_cast<int32_t>(value));
      return range_error(std::string(op) + ": the largest of " + element + " must be a finite number, but it is " +
                         (std::isnan(number) ? "NaN" : std::to_string(number)));
    }
    case FaultKind::kPage:
      return range_error(what + " must be a page of the cache of " + bound + found);
    case FaultKind::kRow:
      return range_error(what + " must be " + std::to_string(more) + " to " + bound + found);
    default:
      return range_error(what + " must be " + (value < 0 ? "at least 0 and " : "") + "below " + bound + found);
  }
}

}  // namespace lophi
