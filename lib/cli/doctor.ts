import { arch, env, platform, report, version } from 'node:process'
import type { Command } from 'commander'
import type { DeviceName } from '../device.js'
import { DeviceError } from '../errors.js'
import type { DeviceInfo } from '../native.js'
import { addCommonOptions, type CommonFlags } from './common-options.js'
import { flat } from './devices.js'
import { codeOf, exitCodes, print, printJson } from './output.js'
import { packageVersion } from './version.js'

export function addDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .description('checks that this machine can compute, and says what to do where it cannot')
  addCommonOptions(command, 'the device that must work; auto: the cpu').action(doctor)
}

interface Problem {
  readonly code: string
  readonly message: string
}

const problemOf = (error: unknown): Problem => ({
  code: codeOf(error),
  message: error instanceof Error ? error.message : String(error),
})

async function doctor(flags: CommonFlags): Promise<void> {
  const diagnosis = await diagnose(flags.device === 'auto' ? 'cpu' : flags.device)
  if (!diagnosis.works) process.exitCode = exitCodes.failed
  if (flags.json) printJson(diagnosis)
  else printDiagnosis(diagnosis)
}

type Diagnosis = Awaited<ReturnType<typeof diagnose>>

async function diagnose(checked: string) {
  const problem = await tryDevice(checked).then(() => null, problemOf)
  const { devices, absent } = await listAll()
  const cpu = devices.find(({ id }) => id === 'cpu')
  return {
    works: problem === null,
    checked,
    problem,
    devices: devices.map(flat),
    absent,
    advice: absent.map(({ backend, reason }) => ({ backend, action: remedies[backend] ?? reason })),
    versions: { lophi: packageVersion(), node: version.slice(1), platform, arch, glibc: glibcVersion() },
    binary: binaryPath(),
    cpu: cpu
      ? { name: cpu.name, isa: cpu.details.isa, available: cpu.details.isas ?? [], threads: cpu.details.threads }
      : null,
    environment: Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('LOPHI_'))),
  }
}

const remedies: Readonly<Record<string, string>> = {
  cpu: 'unset LOPHI_CPU_ISA if it is set; else install the package again, or in a checkout: npm run build',
  cuda: "install NVIDIA's display driver for CUDA 12.0 or later; a toolkit is not needed",
  dml: 'needs Windows 10 (1903) or later with a Direct3D 12 driver',
}

/** Opens the device and has it add two numbers. */
async function tryDevice(id: string): Promise<void> {
  const { openDevice } = await import('../device.js')
  const { ops } = await import('../ops/index.js')
  await using device = await openDevice(id as DeviceName)
  using a = device.tensor(Float32Array.of(27, 1), [2])
  using b = device.tensor(Float32Array.of(48, 2), [2])
  using sum = ops.add({ a, b })
  const [first, second] = await sum.read()
  if (first !== 75 || second !== 3)
    throw new DeviceError(
      'ERR_DEVICE_LOST',
      `${id}: 27 + 48 and 1 + 2 must be 75 and 3, but are ${first} and ${second}`,
    )
}

/** Where no binary loads or the environment is wrong, the CPU is what is absent. */
async function listAll(): Promise<{ devices: DeviceInfo[]; absent: { backend: string; reason: string }[] }> {
  try {
    const { listDevices } = await import('../device.js')
    return await listDevices()
  } catch (error) {
    const [reason = ''] = problemOf(error).message.split('\n')
    return { devices: [], absent: [{ backend: 'cpu', reason }] }
  }
}

/** The addon that this process has loaded. */
function binaryPath(): string | null {
  const { sharedObjects } = systemReport()
  return sharedObjects?.find((path) => /lophi[^\\/]*\.node$/.test(path)) ?? null
}

function glibcVersion(): string | null {
  return systemReport().header?.glibcVersionRuntime ?? null
}

interface SystemReport {
  readonly header?: { readonly glibcVersionRuntime?: string }
  readonly sharedObjects?: readonly string[]
}

function systemReport(): SystemReport {
  // looking up the names of peers can take seconds
  Object.assign(report, { excludeNetwork: true })
  return report.getReport() as SystemReport
}

function printDiagnosis({ works, checked, problem, ...diagnosis }: Diagnosis): void {
  const { versions, cpu, environment } = diagnosis
  const libc = versions.glibc ? `, glibc ${versions.glibc}` : ''
  print(works ? `${checked} works` : `${checked} does not work: ${problem?.message} (${problem?.code})`)
  print(`lophi ${versions.lophi}, Node ${versions.node}, ${versions.platform}-${versions.arch}${libc}`)
  print(`binary: ${diagnosis.binary ?? 'none loaded'}`)
  if (cpu) print(`cpu: ${cpu.name}, ${cpu.threads} threads, ${cpu.isa} (of ${cpu.available.join(', ')})`)
  for (const { id, name } of diagnosis.devices) print(`device ${id}: ${name}`)
  for (const { backend, reason } of diagnosis.absent) print(`no ${backend}: ${reason}`)
  for (const { backend, action } of diagnosis.advice) print(`for ${backend}: ${action}`)
  for (const [name, value] of Object.entries(environment)) print(`${name}=${value}`)
}
