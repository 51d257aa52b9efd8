// What needs a real Redis is skipped, and named as skipped, where there is no redis-server.
import { describe } from '@jest/globals'
import { HAS_REDIS } from './redis.ts'

export const describeWithRedis = HAS_REDIS ? describe : describe.skip
