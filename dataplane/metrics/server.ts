import type { RequestListener } from 'node:http';
import type { ProxyConfiguration } from '../configuration.ts';
import { plainText } from '../health/server.ts';
import type { ProxyMetrics } from './proxy.ts';
import { exposition } from './registry.ts';

/** What kube-proxy serves on its metrics address. Upstream: `serveMetrics` of `cmd/kube-proxy/app/server.go`. */
export function metricsHandler(metrics: ProxyMetrics, configuration: ProxyConfiguration): RequestListener {
  const pages: Record<string, () => [type: string, body: string]> = {
    '/metrics': () => [exposition, metrics.text()],
    '/proxyMode': () => [plainText['content-type'], configuration.mode],
    '/healthz': () => [plainText['content-type'], 'ok'],
    '/configz': () => ['application/json', JSON.stringify({ 'kubeproxy.config.k8s.io': configuration })],
  };
  return ({ url = '/' }, response) => {
    const page = pages[url.split('?')[0] ?? ''];
    if (!page) {
      response.writeHead(404, plainText).end('404 page not found\n');
      return;
    }
    const [type, body] = page();
    response.writeHead(200, { ...plainText, 'content-type': type }).end(body);
  };
}
