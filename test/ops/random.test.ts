import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Device, LophiError, listDevices, openDevice, type Tensor } from '../../lib/index.js'
import type { OpName } from '../../lib/ops/schema.js'
import { opsOf } from '../support/on-device.js'
import { randomCall } from '../support/random-calls.js'

// LOPHI_FUZZ_OPS is 'seconds first': so long from call number `first` on, at least that one. Without it, a few seconds of
// the same calls on every device. `npm run fuzz:ops` sets it, and runs native code under sanitizers.
const settings = process.env.LOPHI_FUZZ_OPS?.split(' ').map(Number)
const [seconds, first] = settings ? [settings[0] ?? 0, settings[1] ?? 0] : [4, 1]
const least = settings ? 1 : 150

const { devices } = await listDevices()
const columns = (await Promise.all(devices.map(opsOf))).filter(({ has }) => has.length > 0)

/** Where a process that crashed has left what it was doing. */
const findings = settings ? fileURLToPath(new URL('../../build/fuzz-ops', import.meta.url)) : tmpdir()
mkdirSync(findings, { recursive: true })
const trace = join(findings, `call-${process.pid}.txt`)
const file = openSync(trace, 'w')
afterAll(() => {
  closeSync(file)
  rmSync(trace)
})
const doing = (text: string) => void writeSync(file, text.padEnd(1000).slice(0, 1000), 0)

/** Tensors that no call is given: what writes beyond its own memory meets one of them sooner or later. */
class Bystanders {
  readonly #tensors: { readonly tensor: Tensor; readonly bytes: Uint8Array }[]

  constructor(device: Device) {
    this.#tensors = [4, 64, 100, 256, 1000, 4096, 20_000].flatMap((size) =>
      [1, 2, 3].map((mark) => {
        const bytes = Uint8Array.from({ length: size }, (_, i) => 31 * i + mark)
        return { tensor: device.tensor(bytes, [size]), bytes }
      }),
    )
  }

  async check(): Promise<void> {
    for (const { tensor, bytes } of this.#tensors)
      expect(Buffer.compare((await tensor.read()) as Uint8Array, bytes)).toBe(0)
  }

  dispose(): void {
    for (const { tensor } of this.#tensors) tensor.dispose()
  }
}

describe.each(columns)('$id', ({ id, has }) => {
  let device: Device
  beforeAll(async () => {
    device = await openDevice({ id })
  })
  afterAll(() => device[Symbol.asyncDispose]())

  test('whatever an op is called with, it runs or is refused', { timeout: 60_000 + seconds * 2000 }, async () => {
    console.log(`${id}: calls from number ${first} on, for ${seconds} s; the last one stands in ${trace}`)
    const bystanders = new Bystanders(device)
    const before = await used(device)
    const counts = new Map<OpName, number>()
    const end = performance.now() + seconds * 1000
    let calls = 0
    let refused = 0
    const make = async (n: number) => {
      doing(`${id} call ${n}`)
      try {
        const call = randomCall(device, has, n)
        doing(`${id} call ${n}: ${call.text}`)
        if ((await call.run()) === 'ran') counts.set(call.op, (counts.get(call.op) ?? 0) + 1)
        else refused++
      } catch (error) {
        // a weight whose parts do not go together
        if (!(error instanceof LophiError) || error.message.includes('internal error'))
          throw new Error(`call ${n} on ${id} (LOPHI_FUZZ_OPS='0 ${n}'): ${error}`, { cause: error })
        refused++
      }
    }
    for (let n = first; calls < least || performance.now() < end; n++, calls++) {
      await make(n)
      if (n % 100 === 99) await bystanders.check()
    }
    await bystanders.check()
    const ran = [...counts.values()].reduce((sum, count) => sum + count, 0)
    console.log(`${id}: ${calls} calls, ${ran} ran, ${refused} were refused`)
    const left = await used(device)
    if (device.info.backend === 'dml') {
      // compiled graphs are kept, and memory with some: the same calls find them, and take no more
      for (let n = first; n < first + calls; n++) await make(n)
      expect(await used(device), 'memory that calls have left behind').toBe(left)
    } else expect(left, 'memory that calls have left behind').toBe(before)
    bystanders.dispose()
    if (calls < 1000) return
    // both happen, and no op is left out, or the calls are too tame or too wild to show anything
    expect(ran).toBeGreaterThan(calls / 4)
    expect(refused).toBeGreaterThan(calls / 20)
    expect(has.filter((op) => !counts.has(op))).toEqual([])
  })
})

async function used(device: Device): Promise<number> {
  await device.sync().catch(() => {}) // of a call whose outputs nobody read
  return device.memory().used
}
