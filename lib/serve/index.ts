export type { Answer } from './answer.js'
export { Scheduler, type SchedulerOptions, type SchedulerStats } from './scheduler.js'
