#include "cuda/tuner.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <sstream>
#include <vector>

#include "core/env.h"
#include "core/error.h"
#include "cuda/context.h"

namespace lophi::cuda {
namespace {

using namespace std::chrono_literals;

constexpr auto kMost = 2000ms;  // for all measurements of a GPU
constexpr float kEnough = 200;  // microseconds that a time is taken of
constexpr int kMostLaunches = 16, kRounds = 3;
constexpr float kNoise = 0.98f;  // of the usual one's time that another may take

std::string micros(float time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f us", static_cast<double>(time));
  return text;
}

}  // namespace

Tuner::Asked Tuner::asked(const Gpu& gpu) {
  const std::string given = env::cuda_tune();
  Asked made{!gpu.driver.emulated || !given.empty(), false, kMost};  // the times of an emulator say nothing
  std::stringstream text(given);
  for (std::string word; std::getline(text, word, ',');) {
    int milliseconds = 0;
    const char* end = word.data() + word.size();
    if (word == "off")
      made.on = false;
    else if (word == "verbose")
      made.verbose = true;
    else if (const auto [at, error] = std::from_chars(word.data(), end, milliseconds);
             error == std::errc() && at == end && milliseconds > 0)
      made.most = std::chrono::milliseconds(milliseconds);
    else if (word != "on")
      throw argument_error("LOPHI_CUDA_TUNE: must be off, on, verbose, or milliseconds, but it is " + word);
  }
  return made;
}

Tuner::Tuner(std::shared_ptr<const Gpu> gpu, std::shared_ptr<Modules> modules)
    : gpu_(std::move(gpu)),
      modules_(std::move(modules)),
      asked_(asked(*gpu_)),
      disk_(env::cache().empty() ? "" : env::cache() + "/choices") {}

Tuner::~Tuner() {
  if (!stream_) return;
  try {
    const Current current(*gpu_);
    gpu_->driver.stream_destroy(stream_);
    if (begin_) gpu_->driver.event_destroy(begin_);
    if (end_) gpu_->driver.event_destroy(end_);
  } catch (const Error&) {
    // The context is lost, and its streams with it.
  }
}

void Tuner::say(const std::string& line) const {
  if (asked_.verbose) std::fprintf(stderr, "lophi: %s: %s\n", gpu_->id.c_str(), line.c_str());
}

CUstream Tuner::stream() {
  if (!stream_) gpu_->driver.check(gpu_->driver.stream_create(&stream_, kStreamNonBlocking), "cuStreamCreate");
  return stream_;
}

std::string Tuner::key_of(const std::string& shape, std::span<const Candidate> candidates) {
  if (device_.empty()) {
    char name[256] = "";
    gpu_->driver.check(gpu_->driver.device_name(name, sizeof name - 1, gpu_->device), "cuDeviceGetName");
    device_ = std::string("cuda choice|") + name + "|" + std::to_string(gpu_->capability) + "|" +
              std::to_string(gpu_->multiprocessors) + "|" +
              std::to_string(attribute_of(gpu_->driver, gpu_->device, kAttributeClock)) + "|" +
              std::to_string(gpu_->driver.version) + "|" + std::to_string(gpu_->dependent_launch) + "|" +
              std::to_string(modules_->version());
  }
  std::string key = device_ + "|" + shape;
  for (const Candidate& each : candidates) key += "|" + each.name;
  return key;
}

std::optional<size_t> Tuner::known(const std::string& shape, std::span<const Candidate> candidates) {
  const std::lock_guard lock(mutex_);
  const std::string key = key_of(shape, candidates);
  if (const auto found = known_.find(key); found != known_.end()) return found->second;
  const auto bytes = disk_.get(key);
  if (!bytes) return {};
  const std::string name(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  const auto named = std::ranges::find(candidates, name, &Candidate::name);
  if (named == candidates.end()) return {};
  say(shape + ": " + name + ", as measured earlier");
  return known_[key] = static_cast<size_t>(named - candidates.begin());
}

float Tuner::time(const Candidate& candidate, int& round, int launches) {
  const Driver& driver = gpu_->driver;
  Context context(gpu_, *modules_, stream(), reports_);
  driver.check(driver.event_record(begin_, stream_), "cuEventRecord");
  for (int i = 0; i < launches; ++i) candidate.launch(context, round++);
  driver.check(driver.event_record(end_, stream_), "cuEventRecord");
  driver.check(driver.event_synchronize(end_), "cuEventSynchronize");
  float milliseconds = 0;
  driver.check(driver.event_elapsed(&milliseconds, begin_, end_), "cuEventElapsedTime");
  return milliseconds * 1000 / static_cast<float>(launches);
}

std::optional<size_t> Tuner::measure(const std::string& shape, std::span<const Candidate> candidates) {
  const std::lock_guard lock(mutex_);
  const Driver& driver = gpu_->driver;
  const auto began = Clock::now();
  const auto is_late = [&] { return spent_ + (Clock::now() - began) >= asked_.most; };
  if (is_late()) return {};
  for (CUevent* event : {&begin_, &end_})
    if (!*event) driver.check(driver.event_create(event, 0), "cuEventCreate");

  std::vector<float> best(candidates.size());
  std::vector<int> launches(candidates.size());
  int round = 0;
  bool late = false, whole = false;  // all have been seen
  // first of all alone, which also loads its code; then in turns, so that all see the same clocks
  for (int turn = 0; turn <= kRounds && !late; ++turn)
    for (size_t i = 0; i < candidates.size() && !(late = is_late()); ++i) {
      if (turn == 0) {
        time(candidates[i], round, 1);
        best[i] = time(candidates[i], round, 1);
        launches[i] = static_cast<int>(std::clamp(kEnough / std::max(best[i], 1.0f), 1.0f, float{kMostLaunches}));
        if (launches[i] > 1) best[i] = time(candidates[i], round, launches[i]);
      } else {
        best[i] = std::min(best[i], time(candidates[i], round, launches[i]));
      }
      whole = whole || i + 1 == candidates.size();
    }
  spent_ += Clock::now() - began;
  if (!whole) {
    say(shape + ": " + candidates[0].name + ", as the time for measurements is up");
    return {};
  }
  auto fastest = static_cast<size_t>(std::ranges::min_element(best) - best.begin());
  if (best[fastest] > best[0] * kNoise) fastest = 0;
  const std::string& name = candidates[fastest].name;
  say(shape + ": " + name + " " + micros(best[fastest]) + ", " + candidates[0].name + " " + micros(best[0]));
  const std::string key = key_of(shape, candidates);
  disk_.put(key, std::as_bytes(std::span(name)));
  return known_[key] = fastest;
}

}  // namespace lophi::cuda
