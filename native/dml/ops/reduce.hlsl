// One value of every line along an axis. Bound by memory.
// instances: OP<op> TYPE<dtype>
#include "lines.hlsli"

// A reduction begins with the first value of the line, takes others, gives what a thread has found, joins two of those, and ends with what
// all have found.
#define SUM(step) sum_##step
#define MEAN(step) mean_##step
#define MAX(step) max_##step

struct Found {
  number value, rest;
};

// A sum that keeps what its additions round off (Knuth's two-sum): a long line loses no digits.
Found sum_begin(number first) { return (Found)0; }
Found sum_take(Found found, number x) {
  precise const number value = found.value + x, added = value - found.value;
  precise const number rest = found.rest + ((found.value - (value - added)) + (x - added));
  Found next;
  next.value = value;
  next.rest = rest;
  return next;
}
// An infinite sum has no rest: the difference of infinities is no number.
number sum_give(Found found) {
  return (asuint(found.rest) & 0x7f800000) == 0x7f800000 && TYPE != INT32 ? found.value : found.value + found.rest;
}
number sum_join(number a, number b) { return a + b; }
number sum_end(number found) { return found; }

#define mean_begin sum_begin
#define mean_take sum_take
#define mean_give sum_give
#define mean_join sum_join
number mean_end(number found) { return found / (number)c2.y; }

// Of a line that begins with NaN it is NaN; others do not count.
Found max_begin(number first) {
  Found found = (Found)0;
  found.value = first;
  return found;
}
Found max_take(Found found, number x) {
  if (found.value < x) found.value = x;
  return found;
}
number max_give(Found found) { return found.value; }
number max_join(number a, number b) { return a < b ? b : a; }
number max_end(number found) { return found; }

RWByteAddressBuffer x : register(u0);
RWByteAddressBuffer y : register(u1);

groupshared number partial[THREADS];

[numthreads(THREADS, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  const Line along = line_of(group, thread);
  if (along.there) {
    Found found = OP(begin)(load_number(x, starts0.x, along.first));
    for (uint i = along.begin; i < c2.y; i += along.shares)
      found = OP(take)(found, load_number(x, starts0.x, along.first + i * along.step));
    partial[thread] = OP(give)(found);
  }
  JOIN_LANES(partial, OP(join))
  if (along.there && thread < c2.w) store_one(y, starts0.y, along.at, bits_of(OP(end)(partial[thread])));
}
