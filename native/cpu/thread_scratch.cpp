#include "cpu/thread_scratch.h"

namespace lophi::cpu {
namespace {

thread_local ThreadScratch* current = nullptr;

}  // namespace

ThreadScratch& thread_scratch() {
  if (!current) current = new ThreadScratch();
  return *current;
}

void drop_thread_scratch() {
  delete current;
  current = nullptr;
}

}  // namespace lophi::cpu
