// Sleeping until another thread changes an atomic: its own wait, but for libstdc++ without a futex (mingw), where a waiter does
// not look again under the mutex that its notifier never takes, so that it sleeps through the change (libstdc++ 12, atomic_wait.h).
#pragma once
#include <atomic>

#ifdef __MINGW32__
#include <windows.h>
#endif

namespace lophi {

// Returns once `value` is no longer `same`; at once where it is not.
template <class T>
void sleep_while(const std::atomic<T>& value, T same) {
#ifdef __MINGW32__
  static_assert(sizeof(value) == sizeof same && std::atomic<T>::is_always_lock_free);
  while (value.load(std::memory_order_acquire) == same)
    WaitOnAddress(const_cast<std::atomic<T>*>(&value), &same, sizeof same, INFINITE);
#else
  value.wait(same, std::memory_order_acquire);
#endif
}

template <class T>
void wake_all(std::atomic<T>& value) {
#ifdef __MINGW32__
  WakeByAddressAll(&value);
#else
  value.notify_all();
#endif
}

}  // namespace lophi
