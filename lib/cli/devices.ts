import type { Command } from 'commander'
import { DeviceError } from '../errors.js'
import type { DeviceDetails, DeviceInfo } from '../native.js'
import { addCommonOptions, type CommonFlags } from './common-options.js'
import { formatBytes, print, printJson } from './output.js'

export function addDevices(program: Command): void {
  const command = program
    .command('devices')
    .description('the devices of this machine, and the backends that have none, each with the reason')
  addCommonOptions(command, 'list this one only; auto: all').action(devices)
}

async function devices(flags: CommonFlags): Promise<void> {
  const { listDevices } = await import('../device.js')
  const { devices: all, absent } = await listDevices()
  const found = flags.device === 'auto' ? all : all.filter(({ id }) => id === flags.device)
  if (flags.device !== 'auto' && found.length === 0)
    throw new DeviceError(
      'ERR_DEVICE_ABSENT',
      `devices: --device must be one of ${all.map(({ id }) => id).join(', ')}, but is ${flags.device}`,
    )
  if (flags.json) return printJson({ devices: found.map(flat), absent })
  for (const { id, name, vendor, memory, software, details } of found) {
    const more = Object.entries(words(details)).map(([key, value]) => `${key} ${value}`)
    const facts = [vendor, formatBytes(memory), ...(software ? ['software'] : []), ...more]
    print(`${id.padEnd(8)}${name} (${facts.join(', ')})`)
  }
  for (const { backend, reason } of absent) print(`${backend.padEnd(8)}absent: ${reason}`)
}

/** A device in the form that --json prints: what only its backend tells lies beside the rest, as text. */
export function flat({ details, ...info }: DeviceInfo): Readonly<Record<string, unknown>> {
  return { ...info, ...words(details) }
}

function words(details: DeviceDetails): Record<string, string> {
  const text = (value: unknown) => (Array.isArray(value) ? value.join(' ') : String(value))
  return Object.fromEntries(Object.entries(details).map(([key, value]) => [key, text(value)]))
}
