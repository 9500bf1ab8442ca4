import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { attributesOf } from '../auth/attributes.ts';
import { createRequestMetrics, limits } from './requests.ts';

const somebody = { name: 'jane', groups: ['system:authenticated'] };
const administrator = { name: 'kubernetes-admin', groups: ['system:masters'] };
const pods = '/api/v1/namespaces/default/pods';

function counting() {
  const metrics = createRequestMetrics((group) => group === 'example.com');
  const begin = (method: string, url: string, user = somebody) => {
    const request = Object.assign(new IncomingMessage(new Socket()), { method, url });
    const response = new ServerResponse(request);
    const admitted = metrics.begin(request, response, attributesOf(method, url), user);
    return { admitted, end: () => response.emit('close') };
  };
  return { metrics, begin };
}

describe('requests under way', () => {
  it('are limited, reads and writes apart, but for administrators and what lasts', () => {
    const { metrics, begin } = counting();
    const reads = Array.from({ length: limits.readOnly }, () => begin('GET', pods));
    expect(reads.every(({ admitted }) => admitted)).toBe(true);
    expect(begin('GET', pods).admitted).toBe(false);
    expect(begin('GET', pods, administrator).admitted).toBe(true);
    expect(begin('GET', `${pods}?watch=1`).admitted).toBe(true);
    expect(begin('GET', `${pods}/web/log`).admitted).toBe(true);
    expect(begin('POST', pods).admitted).toBe(true);
    expect(metrics.rejected).toEqual({ readOnly: 1, mutating: 0 });
    for (const { end } of reads) end();
    expect(metrics.inFlight).toEqual({ readOnly: 1, mutating: 1 });
    expect(begin('GET', pods).admitted).toBe(true);
  });

  it('have labels of what is served only: others cannot make any number of them', () => {
    const { metrics, begin } = counting();
    for (const url of [pods, '/apis/example.com/v1/widgets', '/apis/nobody.com/v1/things', '/x', '/y']) {
      begin('GET', url).end();
    }
    begin('BREW', `${pods}/web/coffee`).end();
    expect([...metrics.series.keys()]).toEqual([
      'group="",resource="pods",scope="namespace",subresource="",verb="LIST",version="v1"',
      'group="example.com",resource="widgets",scope="cluster",subresource="",verb="LIST",version="v1"',
      'group="",resource="",scope="",subresource="",verb="LIST",version=""',
      'group="",resource="",scope="",subresource="",verb="GET",version=""',
      'group="",resource="",scope="",subresource="",verb="OTHER",version=""',
    ]);
  });
});
