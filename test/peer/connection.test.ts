import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { Connection, type ConnectionUser } from '../../src/peer/connection.ts'
import { dataFrame } from '../../src/peer/frame.ts'
import { eventually } from './support/recorder.ts'
import { clock } from './support/worlds.ts'

let server: Server
const sockets: Socket[] = []

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  server.close()
})

/** Both ends of a connection that is open. */
async function ends(): Promise<[Socket, Socket]> {
  server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const far = await accepted
  sockets.push(near, far)
  return [near, far]
}

function ignoring(user: Partial<ConnectionUser>): ConnectionUser {
  return { onFrame: () => undefined, onClosed: () => undefined, ...user }
}

describe('a connection', () => {
  test('hands out no frame while another one is being served, nor while paused', async () => {
    const [near, far] = await ends()
    const steps: string[] = []
    const connection = new Connection(
      far,
      { pings: false, clock },
      ignoring({
        onFrame: (body) => {
          steps.push(`begin ${body.length}`)
          connection.pause()
          if (body.length === 2) connection.resume()
          steps.push(`end ${body.length}`)
        },
      }),
    )
    near.write(Buffer.concat([dataFrame([1]), dataFrame([1, 2]), dataFrame([1, 2, 3])]))
    await eventually(() => steps.length === 4)
    connection.resume()
    await eventually(() => steps.length === 6)
    expect(steps).toEqual(['begin 2', 'end 2', 'begin 3', 'end 3', 'begin 4', 'end 4'])
  })

  test('tells its end once, and serves nothing afterwards', async () => {
    const [near, far] = await ends()
    const reasons: string[] = []
    const connection = new Connection(
      far,
      { pings: false, clock },
      ignoring({
        onFrame: () => connection.close('enough'),
        onClosed: (reason) => reasons.push(reason),
      }),
    )
    near.write(Buffer.concat([dataFrame([1]), dataFrame([2])]))
    await eventually(() => near.destroyed || near.readableEnded)
    connection.close('again')
    expect(reasons).toEqual(['enough'])
    expect(connection.send(dataFrame([1]))).toBe(false)
  })

  test('sends nothing after its end', async () => {
    const [near, far] = await ends()
    let received = 0
    near.on('data', (bytes: Buffer) => (received += bytes.length))
    const reasons: string[] = []
    const user = ignoring({ onClosed: (reason) => reasons.push(reason) })
    const connection = new Connection(far, { pings: false, clock }, user)
    const frame = dataFrame([1])
    connection.send(frame)
    connection.end()
    expect(connection.send(frame)).toBe(false)
    await eventually(() => reasons.length > 0)
    expect(received).toBe(frame.length)
    expect(reasons).toEqual(['closed by the other side'])
  })
})
