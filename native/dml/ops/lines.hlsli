// Lines along an axis of a tensor (outer, size, inner), shared by the threads of a group: `lanes` lines lie side by side in a group, and of each
// a lane's threads take every shares-th value. c2: lines, size, inner, lanes. The order of sums follows from the shape alone.
#define THREADS 256

struct Line {
  bool there;
  uint at;             // among all lines
  uint first, step;    // its elements in the tensor
  uint begin, shares;  // the thread's own: begin, begin + shares, ...
};

Line line_of(uint3 group, uint thread) {
  Line found;
  found.at = group_index(group) * c2.w + thread % c2.w;
  found.there = found.at < c2.x;
  found.first = found.at / c2.z * c2.y * c2.z + found.at % c2.z;
  found.step = c2.z;
  found.begin = thread / c2.w;
  found.shares = THREADS / c2.w;
  return found;
}

// partial[lane] = join(..) of what the threads of a lane put at partial[thread]. The same in all threads of a group.
#define JOIN_LANES(partial, join)                                                            \
  GroupMemoryBarrierWithGroupSync();                                                         \
  for (uint half = THREADS / 2; half >= c2.w; half /= 2) {                                   \
    if (thread < half) partial[thread] = join(partial[thread], partial[thread + half]);      \
    GroupMemoryBarrierWithGroupSync();                                                       \
  }
