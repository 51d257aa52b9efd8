// A bound for the time until a connection stands, whatever its request may take then.
//
// A connection that is not answered is no sign that it will be: while a Service has no endpoint, nodes refuse connections, but say so
// only as often as the kernel lets them (ICMP, once a second by default), and whoever was not told asks again after 1, 3, 7, 15,
// 31 s. After an API server was away, such connections hung long after it was back, each with a watch waiting behind it for the
// minute that a watch may take to begin. A new one is answered at once.
import type { ClientRequest } from 'node:http'
import type { Socket } from 'node:net'

/** Ends the request with an Error when its TCP connection does not stand within `timeoutMs`; one that is kept alive stands. */
export function boundConnecting(request: ClientRequest, timeoutMs: number): void {
  request.once('socket', (socket: Socket) => {
    if (!socket.connecting) return
    const giveUp = (): void => {
      if (socket.connecting) request.destroy(new Error(`no connection within ${timeoutMs} ms`))
    }
    // Behind the news from the network: a process that was busy for seconds hears of its timers first.
    const timer = setTimeout(() => setImmediate(giveUp), timeoutMs)
    const end = (): void => {
      clearTimeout(timer)
      socket.off('connect', end).off('close', end)
    }
    socket.once('connect', end).once('close', end)
  })
}
