import { X509Certificate } from 'node:crypto';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { CertificateSigningRequest } from '../../api/types.ts';
import type { Controller } from '../context.ts';

const hour = 3_600_000;
const interval = hour;
/** How long requests are kept after they were signed, denied or failed, or while nobody decides. */
const decidedFor = hour;
const pendingFor = 24 * hour;

/** Deletes requests that are over, looking once an hour. Upstream: `pkg/controller/certificates/cleaner`. */
export const startCsrCleanerController: Controller = ({ client, informers, report, signal }) => {
  const look = () => {
    for (const [key, request] of informers.certificatesigningrequests.store) {
      if (!isOver(request, Date.now())) continue;
      const preconditions = { uid: request.metadata?.uid ?? '' };
      client
        .delete(resources.certificatesigningrequests, { name: key }, { preconditions })
        .catch((error: unknown) => {
          if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) report('csrcleaner', error);
        });
    }
  };
  const timer = setInterval(look, interval).unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  look();
};

/** Whether nobody needs a request any more at `now` (ms since the epoch). */
export function isOver({ metadata, status = {} }: CertificateSigningRequest, now: number): boolean {
  const { conditions = [], certificate } = status;
  const isOlder = (time: string | undefined, than: number) =>
    time !== undefined && now - Date.parse(time) > than;
  const decidedLongAgo = (wanted: string) =>
    conditions.some(({ type, lastUpdateTime }) => type === wanted && isOlder(lastUpdateTime, decidedFor));
  if (conditions.length === 0) return isOlder(metadata?.creationTimestamp, pendingFor);
  if (decidedLongAgo('Denied') || decidedLongAgo('Failed')) return true;
  if (!certificate || !conditions.some(({ type }) => type === 'Approved')) return false;
  return decidedLongAgo('Approved') || now > Date.parse(endOf(certificate));
}

function endOf(certificate: string): string {
  return new X509Certificate(Buffer.from(certificate, 'base64')).validTo;
}
