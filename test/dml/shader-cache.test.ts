import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { env, execPath } from 'node:process'
import { beforeAll, describe, expect, test } from 'vitest'
import { listDevices } from '../../lib/index.js'
import { temporaryFolder } from '../support/shared.js'

// Shaders that were compiled at run time are kept on disk, and taken from there by the next process.

const { devices, absent } = await listDevices()
const ids = devices.map(({ id }) => id).filter((id) => id === 'dml:0')
if (ids.length === 0)
  test('shaders of dml', ({ skip }) => skip(`no DirectML: ${absent.find(({ backend }) => backend === 'dml')?.reason}`))

// the compiled package: beside the tests' sources it is dist/, beside compiled tests lib/
const built = new URL(import.meta.url.endsWith('.ts') ? '../../dist/index.js' : '../../lib/index.js', import.meta.url)

/** Sums on a device in a process of its own. */
function sums(id: string, cache: string): unknown {
  const script = `const { openDevice, ops } = await import(${JSON.stringify(built.href)})
    const device = await openDevice(${JSON.stringify(id)})
    const x = device.tensor(Float32Array.of(1, 2), [2])
    console.log(JSON.stringify([...await ops.add({ a: x, b: x }).read(), ...await ops.neg({ x }).read()]))`
  const { stdout, stderr } = spawnSync(execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: { ...env, NODE_OPTIONS: '', LOPHI_CACHE: cache },
  })
  if (!stdout.startsWith('[')) throw new Error(`${stdout}${stderr}`)
  return JSON.parse(stdout)
}

describe.each(ids)('shaders on disk, for %s', (id) => {
  let folder: string
  const files = () =>
    readdirSync(join(folder, 'shaders')).map((name) => {
      const file = join(folder, 'shaders', name)
      return { file, bytes: readFileSync(file), time: statSync(file).mtimeMs }
    })
  beforeAll(async () => {
    folder = await temporaryFolder()
  })

  test('are written by the first process, and read by the next', () => {
    expect(sums(id, folder)).toEqual([2, 4, -1, -2])
    const written = files()
    expect(written.length).toBe(2)
    expect(sums(id, folder)).toEqual([2, 4, -1, -2])
    expect(files()).toEqual(written)
  })

  test('that are damaged are made again', () => {
    const written = files()
    const [first, second] = written
    writeFileSync(first.file, first.bytes.subarray(0, first.bytes.length - 7))
    writeFileSync(
      second.file,
      second.bytes.map((byte, i) => (i === second.bytes.length - 1 ? byte ^ 1 : byte)),
    )
    expect(sums(id, folder)).toEqual([2, 4, -1, -2])
    expect(files().map(({ bytes }) => bytes)).toEqual(written.map(({ bytes }) => bytes))
  })

  test('are not needed, nor a folder where they could be', async () => {
    const other = await temporaryFolder()
    writeFileSync(join(other, 'file'), '')
    expect(sums(id, join(other, 'file'))).toEqual([2, 4, -1, -2])
    mkdirSync(join(other, 'off'))
    expect(sums(id, 'off')).toEqual([2, 4, -1, -2])
    expect(readdirSync(other).sort()).toEqual(['file', 'off'])
  })
})
