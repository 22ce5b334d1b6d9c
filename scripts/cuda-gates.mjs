// What compiled kernels must be, read from what the compiler says of them (ptxas -v), from their PTX and from their machine code.
// Each check gives lines of what is wrong. scripts/cuda-images.mjs runs them; ceilings stand in native/cuda/ceilings.json.

/** "ptxas info : Compiling entry function 'add_float32' ...", "... 0 bytes spill stores, 0 bytes spill loads", "Used 20 registers" */
export function kernelsOf(log) {
  return log
    .split('Compiling entry function ')
    .slice(1)
    .map((part) => ({
      name: /'(\w+)'/.exec(part)?.[1],
      registers: Number(/Used (\d+) registers/.exec(part)?.[1]),
      stack: Number(/(\d+) bytes stack frame/.exec(part)?.[1]),
      spills: [...part.matchAll(/(\d+) bytes spill/g)].reduce((sum, [, bytes]) => sum + Number(bytes), 0),
    }))
}

/** No kernel has a stack or spills, and none takes more registers than its ceiling: they decide how many threads run at once. */
export function registerProblems(kernels, ceilings) {
  return kernels.flatMap(({ name, template, registers, stack, spills }) => {
    const ceiling = ceilings[template] ?? ceilings.default
    return [
      ...(spills === 0 && stack === 0
        ? []
        : [`${name} must not spill, but it spills ${spills} bytes and has ${stack} bytes of stack`]),
      ...(registers <= ceiling
        ? []
        : [`${name} must take at most ${ceiling} registers (native/cuda/ceilings.json), but it takes ${registers}`]),
    ]
  })
}

const sassLine = /^\s+\/\*[0-9a-f]{4,}\*\/\s+(?:\{ )?(?:@!?U?P\w+ )?([A-Z].*?) ?;/

/** Instructions of every kernel: { name, instructions: [text, ...] }. */
export const ptxKernels = (text) =>
  text
    .split(/^(?=\.visible \.entry )/m)
    .filter((part) => part.startsWith('.visible'))
    .map((part) => ({ name: /\.entry (\w+)/.exec(part)[1], instructions: lines(part, /^\s+(?:@!?%p\d+ )?([a-z].*);/) }))
export const sassKernels = (text) =>
  text
    .split(/^(?=\.text\.\w+:)/m)
    .filter((part) => part.startsWith('.text'))
    .map((part) => ({ name: /\.text\.(\w+):/.exec(part)[1], text: part, instructions: lines(part, sassLine) }))
/** Instructions of the smallest loop of a kernel that holds one like `pattern`; null where none does. */
export function loopOf(text, pattern) {
  const places = new Map()
  const instructions = []
  const loops = []
  for (const line of text.split('\n')) {
    const label = /^(\.L_x_\d+):/.exec(line)?.[1]
    if (label) places.set(label, instructions.length)
    const [instruction] = lines(line, sassLine)
    if (!instruction) continue
    instructions.push(instruction)
    const to = places.get(/^BRA.*`\((\.L_x_\d+)\)/.exec(instruction)?.[1])
    if (to !== undefined) loops.push(instructions.slice(to))
  }
  const found = loops.filter((loop) => loop.some((instruction) => pattern.test(instruction)))
  return found.sort((a, b) => a.length - b.length)[0] ?? null
}

const lines = (text, pattern) =>
  text.split('\n').flatMap((line) => {
    const instruction = pattern.exec(line)?.[1]
    return instruction ? [instruction] : []
  })

const ptx = {
  wait: /^griddepcontrol\.wait/,
  next: /^griddepcontrol\.launch_dependents/,
  memory: /^(ld|st|atom|red|cp\.async)\.(?!param|shared|const|local|commit|wait)/,
  weights: /^ld\.global\.nc\.L1::no_allocate/,
}
const sass = {
  wait: /^ACQBULK/,
  next: /^PREEXIT/,
  memory: /^(LDG|STG|LD|ST|ATOMG?|RED|LDGSTS|UBLKCP)\b/,
  weights: /^LDG\.\S*CONSTANT/,
}

/**
 * From compute capability 9.0 on a kernel begins while the one before it runs: until its wait it may load weights, which nobody writes,
 * and touch no other global memory. The text's order stands for the order of execution.
 */
function orderProblems({ name, instructions }, { wait, next, memory, weights }) {
  const waits = instructions.findIndex((text) => wait.test(text))
  if (waits < 0) return [`${name} must wait for earlier kernels, but it does not`]
  const early = instructions.slice(0, waits).filter((text) => memory.test(text) && !weights.test(text))
  return [
    ...early.map((text) => `${name} must wait for earlier kernels before it runs \`${text}\``),
    ...(instructions.slice(0, waits).some((text) => next.test(text))
      ? [`${name} must let the next kernel begin behind its own wait, but it does so before`]
      : []),
    ...(instructions.some((text) => next.test(text))
      ? []
      : [`${name} must let the next kernel begin, but it does not`]),
  ]
}

/** `early`: of compute capability 9.0 or later. */
export function ptxProblems(text, early) {
  return ptxKernels(text).flatMap((kernel) => [
    ...(early ? orderProblems(kernel, ptx) : []),
    // the path of read-only data lies outside of the memory model: what another kernel wrote may be missing there
    ...kernel.instructions
      .filter((line) => /^ld\.global\.nc/.test(line) && !ptx.weights.test(line))
      .map(
        (line) => `${kernel.name} must read nothing but streamed weights as read-only data, but it runs \`${line}\``,
      ),
  ])
}

/**
 * `rules`, by kernel or template: `must`, patterns of instructions that machine code must hold; `loops`, the `most` instructions of the
 * smallest loop that holds one like `of`, or how many there may be for `each` of those.
 */
export function sassProblems(text, early, templateOf, { must = {}, loops = {} }) {
  return sassKernels(text).flatMap((kernel) => [
    ...(early ? orderProblems(kernel, sass) : []),
    ...kernel.instructions
      .filter((line) => /^(LDL|STL)\b/.test(line))
      .map((line) => `${kernel.name} must not use local memory, but it runs \`${line}\``),
    ...(must[kernel.name] ?? must[templateOf(kernel.name)] ?? [])
      .filter((pattern) => !kernel.instructions.some((line) => new RegExp(`^(?:${pattern})`).test(line)))
      .map((pattern) => `${kernel.name} must run ${pattern}, but it does not`),
    ...loopProblems(kernel, loops[kernel.name] ?? loops[templateOf(kernel.name)]),
  ])
}

function loopProblems({ name, text }, rule) {
  if (!rule) return []
  const pattern = new RegExp(`^(?:${rule.of})`)
  const loop = loopOf(text, pattern) ?? []
  const most = rule.most ?? rule.each * loop.filter((instruction) => pattern.test(instruction)).length
  if (loop.length > 0 && loop.length <= most) return []
  return [`${name} must have a loop of ${rule.of} of at most ${most} instructions, but it has ${loop.length || 'none'}`]
}
