// Opens one socket to a provider: TCP, through an egress proxy's CONNECT where one is set, then TLS. The time limit is the
// caller's, who destroys what takes too long.
import net from 'node:net'
import tls from 'node:tls'

export interface ConnectTarget {
  secure: boolean
  host: string
  port: number
  /** Name for SNI and verification. */
  serverName: string
  secureContext: tls.SecureContext | undefined
  proxy: ProxyTarget | undefined
}

export interface ProxyTarget {
  host: string
  port: number
  /** Value of `proxy-authorization`. */
  authorization: string | undefined
}

export interface SocketEvents {
  onReady(socket: net.Socket): void
  /** A view that is valid until this returns. Absent: the socket's user reads from it as from any stream. */
  onRead?(bytes: Buffer): void
  onSession(session: Buffer): void
  /** The peer ended its side. */
  onEnd(): void
  /** Once, last; `error` is undefined when the socket closed without one. */
  onClose(error: Error | undefined): void
}

export interface OpenSocket {
  /** Closes it at any stage; `error` is what onClose will report. */
  destroy(error?: Error): void
}

const READ_BYTES = 64 * 1024
const PROXY_HEAD_BYTES_MAX = 16 * 1024

/**
 * Every direct socket of the process reads into this one buffer: a read is consumed before the next one begins, so no
 * Buffer is allocated per read, which is a large part of why this client is cheap.
 */
const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES)

/** `session` is the TLS ticket of an earlier connection, so that this one needs no full handshake. */
export function openSocket(target: ConnectTarget, session: Buffer | undefined, events: SocketEvents): OpenSocket {
  let current: net.Socket | undefined
  let failure: Error | undefined
  const watch = (socket: net.Socket): void => {
    current = socket
    socket.on('error', (error) => {
      failure ??= error
    })
    // A socket that another one was wrapped around reports through that one.
    socket.on('close', () => socket === current && events.onClose(failure))
  }
  const use = (socket: net.Socket): void => {
    if (socket !== current) watch(socket)
    socket.on('end', () => events.onEnd())
    socket.on('session', (session: Buffer) => events.onSession(session))
  }
  if (target.proxy === undefined) use(connectDirectly(target, session, events))
  else {
    watch(
      connectThroughProxy(target, target.proxy, (tunnel, problem) => {
        if (problem !== undefined) tunnel.destroy(new Error(problem))
        else use(useTunnel(target, session, tunnel, events))
      }),
    )
  }
  return {
    destroy: (error) => {
      failure ??= error
      current?.destroy()
    },
  }
}

function connectDirectly(target: ConnectTarget, session: Buffer | undefined, events: SocketEvents): net.Socket {
  const options: net.NetConnectOpts = { host: target.host, port: target.port, noDelay: true, keepAlive: true }
  if (events.onRead !== undefined) options.onread = sharedReads(events.onRead.bind(events))
  if (!target.secure) {
    const socket = net.connect(options)
    socket.once('connect', () => events.onReady(socket))
    return socket
  }
  const socket = tls.connect({ ...options, ...tlsOptions(target, session) } as tls.ConnectionOptions)
  socket.once('secureConnect', () => events.onReady(socket))
  return socket
}

function sharedReads(onRead: (bytes: Buffer) => void): net.OnReadOpts {
  return {
    buffer: readBuffer,
    callback(bytes, buffer) {
      onRead((buffer as Buffer).subarray(0, bytes))
      return true
    },
  }
}

function tlsOptions(target: ConnectTarget, session: Buffer | undefined): tls.ConnectionOptions {
  const options: tls.ConnectionOptions = { ALPNProtocols: ['http/1.1'] }
  // RFC 6066 allows no address in SNI. Without one node:tls would verify the host, whatever name was configured.
  options.checkServerIdentity = (_host, certificate) => tls.checkServerIdentity(target.serverName, certificate)
  if (net.isIP(target.serverName) === 0) options.servername = target.serverName
  if (target.secureContext !== undefined) options.secureContext = target.secureContext
  if (session !== undefined) options.session = session
  return options
}

/** Calls back with the tunnel once, either ready for the provider's bytes or with the reason why not. */
function connectThroughProxy(
  target: ConnectTarget,
  proxy: ProxyTarget,
  done: (tunnel: net.Socket, problem: string | undefined) => void,
): net.Socket {
  const socket = net.connect({ host: proxy.host, port: proxy.port, noDelay: true, keepAlive: true })
  const authority = `${net.isIPv6(target.host) ? `[${target.host}]` : target.host}:${target.port}`
  const authorization = proxy.authorization === undefined ? '' : `proxy-authorization: ${proxy.authorization}\r\n`
  socket.once('connect', () => {
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n${authorization}\r\n`, 'latin1')
  })
  let head = ''
  const onData = (bytes: Buffer): void => {
    head += bytes.toString('latin1')
    const end = head.indexOf('\r\n\r\n')
    if (end < 0 && head.length <= PROXY_HEAD_BYTES_MAX) return
    socket.off('data', onData)
    // The provider speaks only after we did, so bytes behind the head cannot be its.
    const accepted = end >= 0 && end + 4 === head.length && /^HTTP\/1\.[01] 2\d\d[ \r]/.test(head)
    done(socket, accepted ? undefined : `the egress proxy refused the tunnel: ${head.slice(0, 12)}`)
  }
  socket.on('data', onData)
  return socket
}

function useTunnel(
  target: ConnectTarget,
  session: Buffer | undefined,
  tunnel: net.Socket,
  events: SocketEvents,
): net.Socket {
  if (!target.secure) {
    if (events.onRead !== undefined) tunnel.on('data', events.onRead.bind(events))
    events.onReady(tunnel)
    return tunnel
  }
  const socket = tls.connect({ ...tlsOptions(target, session), socket: tunnel, host: target.host })
  socket.once('secureConnect', () => events.onReady(socket))
  if (events.onRead !== undefined) socket.on('data', events.onRead.bind(events))
  return socket
}
