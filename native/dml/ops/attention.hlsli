// Sequences, pages and caches as the kernels of attention see them; the names are those of native/core/attention.h. Wrong data is reported and
// passed over. TYPE: of qkv and y, CACHE: of the cache; one of int8 has a scale per token and head.
// c2: tokens, heads, groups, d; c3: tokens of a page, pages, elements of a row of qkv, window; c4: sequences, pages of a row of the table, rows
// of each sequence, 1: there is a table, 2: there are rows; c5: scale.
RWByteAddressBuffer qkv : register(u0);     // (tokens, width): rows of Q (heads x d) | K (groups x d) | V (groups x d)
RWByteAddressBuffer keys : register(u1);    // (pages, groups, page, d)
RWByteAddressBuffer values : register(u2);  //
RWByteAddressBuffer y : register(u3);       // (tokens, heads * d)
RWByteAddressBuffer position : register(u4);
RWByteAddressBuffer table : register(u5);
RWByteAddressBuffer rows : register(u6);
RWByteAddressBuffer key_scales : register(u7);    // (pages, groups, page)
RWByteAddressBuffer value_scales : register(u8);  //

static const uint tokens = c2.x;
static const uint heads = c2.y;
static const uint groups = c2.z;
static const uint d = c2.w;
static const uint page = c3.x;
static const uint pages = c3.y;
static const uint width = c3.z;
static const uint window = c3.w;
static const uint sequences = c4.x;
static const uint table_width = c4.y;
static const uint rows_each = c4.z;
static const bool has_table = c4.w & 1, has_rows = c4.w & 2;

// Operands, in the schema's order.
#define FAULT_POSITION 3
#define FAULT_PAGES 4
#define FAULT_ROWS 5

int position_of(uint t) { return asint(position.Load(t * 4)); }
int rows_at(uint b) { return asint(rows.Load(b * 4)); }

// The sequence that a row belongs to, -1 for a row of none, and its first row.
int2 owner_of(uint t) {
  if (!has_rows) return int2(t / rows_each, t / rows_each * rows_each);
  int2 owner = int2(-1, 0);
  for (uint b = 0; b < sequences; ++b)
    if (owner.x < 0 && rows_at(b) <= (int)t && (int)t < rows_at(b + 1)) owner = int2(b, rows_at(b));
  return owner;
}

// Whether the position of a row is above that of the row before it, and has a place in the pages.
bool check_position(int2 owner, uint t) {
  const int at = position_of(t), before = position_of(t > 0 ? t - 1 : 0);
  const uint capacity = table_width * page;
  if (at < 0)
    report(FAULT_NEGATIVE, FAULT_POSITION, t, at, 0);
  else if ((int)t > owner.y && at <= before)
    report(FAULT_ASCENDING, FAULT_POSITION, t, at, before);
  else if ((uint)at >= capacity)
    report(FAULT_CAPACITY, FAULT_POSITION, t, at, capacity);
  else
    return true;
  return false;
}

// Where token j of a sequence lies for a group, counted in tokens; -1 where its page is none.
int slot_of(uint sequence, uint group, uint j) {
  const uint at = sequence * table_width + j / page;
  int found = at;
  if (has_table) found = asint(table.Load(at * 4));
  if (found < 0 || (uint)found >= pages) {
    report(FAULT_PAGE, FAULT_PAGES, at, found, pages, table_width);
    return -1;
  }
  return (found * groups + group) * page + j % page;
}
