#include "fiber.h"

#include <cstdint>

#if defined(__x86_64__)
// Saves the callee-saved registers and the stack pointer in *rdi, and goes on where rsi was saved.
extern "C" void simt_switch(void** save, void* load);
asm(R"(
.text
.globl simt_switch
.hidden simt_switch
.type simt_switch, @function
simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size simt_switch, .-simt_switch
)");
#endif

namespace simt {
namespace {

#if defined(__x86_64__)
void* scheduler;
void** running;
#else
ucontext_t scheduler;
ucontext_t* running;
#endif

}  // namespace

void Fiber::start(void (*body)()) {
  if (!stack_) stack_.reset(new char[kStack]);
#if defined(__x86_64__)
  // As if `body` had been called: its address to return to, below it six registers, and the alignment of a function's entry.
  const auto top = reinterpret_cast<uintptr_t>(stack_.get() + kStack) & ~uintptr_t{15};
  auto* slots = reinterpret_cast<void**>(top) - 8;
  for (int i = 0; i < 8; ++i) slots[i] = nullptr;
  slots[6] = reinterpret_cast<void*>(body);
  sp_ = slots;
#else
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack_.get();
  context_.uc_stack.ss_size = kStack;
  context_.uc_link = nullptr;
  makecontext(&context_, body, 0);
#endif
}

void Fiber::resume() {
#if defined(__x86_64__)
  running = &sp_;
  simt_switch(&scheduler, sp_);
#else
  running = &context_;
  swapcontext(&scheduler, running);
#endif
}

void Fiber::leave() {
#if defined(__x86_64__)
  simt_switch(running, scheduler);
#else
  swapcontext(running, &scheduler);
#endif
}

}  // namespace simt
