import { createSpdyConnection, type SpdyConnection, type SpdyOptions } from '../spdy/connection.ts';
import { listed, UpgradeError, type UpgradeRequest } from './upgraded.ts';

/**
 * The first protocol of the client's `X-Stream-Protocol-Version` that is one of ours. Upstream:
 * `apimachinery/pkg/util/httpstream` (Handshake).
 *
 * @throws UpgradeError 403 when there is none
 */
export function negotiateSpdy({ request }: UpgradeRequest, ours: readonly string[]): string {
  const { upgrade = '' } = request.headers;
  if (!upgrade.toLowerCase().includes('spdy/3.1'))
    throw new UpgradeError(400, `unable to upgrade: missing upgrade headers in request: Upgrade: ${upgrade}`);
  const theirs = listed(request.headers['x-stream-protocol-version']);
  if (theirs.length === 0)
    throw new UpgradeError(400, 'unable to upgrade: X-Stream-Protocol-Version is required');
  const agreed = theirs.find((one) => ours.includes(one));
  if (agreed) return agreed;
  throw new UpgradeError(
    403,
    `unable to upgrade: unable to negotiate protocol: client supports [${theirs.join(' ')}], server accepts [${ours.join(' ')}]`,
    { 'X-Accepted-Stream-Protocol-Versions': ours.join(', ') },
  );
}

/** Answers the request, and speaks SPDY/3.1 from then on. */
export function upgradeToSpdy(
  { socket, head }: UpgradeRequest,
  protocol: string,
  options: Omit<SpdyOptions, 'role'>,
): SpdyConnection {
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  );
  if (head.length > 0) socket.unshift(head);
  return createSpdyConnection(socket, { role: 'server', ...options });
}
