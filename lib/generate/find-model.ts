import { stat } from 'node:fs/promises'
import type { Device, DeviceName, DeviceReference } from '../device.js'
import { ArgumentError, DownloadError } from '../errors.js'
import { fileError } from '../formats/file.js'
import type { Backend, PullOptions } from '../hub/index.js'
import { isModelName } from '../hub/name.js'

export interface LocateOptions extends Omit<PullOptions, 'backend'> {
  readonly device?: Device | DeviceName | DeviceReference | undefined
}

/** The path of a model: a file or folder that exists, else org/name from the cache or from the hub. */
export async function locate(model: string, { device = 'auto', ...options }: LocateOptions = {}): Promise<string> {
  const missing = await stat(model).then(
    () => null,
    (error) => error,
  )
  if (!missing) {
    for (const name of ['variant', 'revision'] as const)
      if (options[name] !== undefined)
        throw new ArgumentError('ERR_ARGUMENT', `${name}: must go with the name of a model, but ${model} is a path`)
    return model
  }
  if (!isModelName(model)) throw fileError(model, missing)
  const { locateModel } = await import('../hub/pull.js')
  try {
    return (await locateModel(model, { ...options, backend: await backendOf(device) })).path
  } catch (error) {
    // a path with a slip of the pen looks like a name
    if (error instanceof DownloadError && error.code === 'ERR_DOWNLOAD')
      error.message += '; no file or folder has this name either'
    throw error
  }
}

/** The backend that a device has; of 'auto' the one that it would most likely take. No device is opened. */
export async function backendOf(device: Device | DeviceName | DeviceReference): Promise<Backend> {
  const id = typeof device === 'string' ? device : 'info' in device ? device.info.id : device.id
  if (id !== 'auto') return id.startsWith('cuda') ? 'cuda' : id.startsWith('dml') ? 'dml' : 'cpu'
  try {
    const { listDevices } = await import('../device.js')
    const { devices } = await listDevices()
    return (devices.find(({ backend, software }) => backend !== 'cpu' && !software)?.backend ?? 'cpu') as Backend
  } catch {
    return 'cpu' // models can be fetched where no binary loads
  }
}
