export type { Answer } from './answer.js'
export { Scheduler, type SchedulerOptions, type SchedulerStats } from './scheduler.js'
export {
  createServer,
  type ListenOptions,
  type RequestLine,
  type Server,
  type ServerOptions,
} from './server.js'
