// y [M, N] = a [M, K] * b [K, N], float32 sums. A group makes a tile of 32 x 32, a thread 2 x 2 of it, from slices of 16 along K in shared memory.
// c2: M, N, K.
// instances: TYPE<dtype>
RWByteAddressBuffer a : register(u0);
RWByteAddressBuffer b : register(u1);
RWByteAddressBuffer y : register(u2);

#define SIDE 32
#define SLICE 16
groupshared float left[SLICE][SIDE + 1], right[SLICE][SIDE];

// Element (row, column) of a matrix; 0 outside.
float load_inside(RWByteAddressBuffer from, uint start, uint row, uint column, uint rows, uint columns) {
  const bool inside = row < rows && column < columns;
  // `?:` reads both of its sides
  const float value = load_number(from, start, inside ? row * columns + column : 0);
  return inside ? value : 0;
}

[numthreads(256, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  const uint across = (c2.y + SIDE - 1) / SIDE, tile = group_index(group);
  const uint first_row = tile / across * SIDE, first_column = tile % across * SIDE;
  const uint row = thread / 16 * 2, column = thread % 16 * 2;  // of the thread, in the tile
  float2 sums[2] = {float2(0, 0), float2(0, 0)};
  for (uint k = 0; k < c2.z; k += SLICE) {
    for (uint i = thread; i < SIDE * SLICE; i += 256) {
      const uint deep = i % SLICE, r = i / SLICE;
      left[deep][r] = load_inside(a, starts0.x, first_row + r, k + deep, c2.x, c2.z);
    }
    for (uint j = thread; j < SIDE * SLICE; j += 256) {
      const uint deep = j / SIDE, c = j % SIDE;
      right[deep][c] = load_inside(b, starts0.y, k + deep, first_column + c, c2.z, c2.y);
    }
    GroupMemoryBarrierWithGroupSync();
    [unroll] for (uint deep = 0; deep < SLICE; ++deep) {
      const float2 across_b = float2(right[deep][column], right[deep][column + 1]);
      sums[0] += left[deep][row] * across_b;
      sums[1] += left[deep][row + 1] * across_b;
    }
    GroupMemoryBarrierWithGroupSync();
  }
  [unroll] for (uint r = 0; r < 2; ++r)
    [unroll] for (uint c = 0; c < 2; ++c) {
      const uint m = first_row + row + r, n = first_column + column + c;
      if (m < c2.x && n < c2.y) store_one(y, starts0.z, m * c2.y + n, bits_of(sums[r][c]));
    }
}
