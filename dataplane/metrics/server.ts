import type { RequestListener } from 'node:http';
import type { ProxyConfiguration } from '../configuration.ts';
import { json, plainText, reply } from '../health/listen.ts';
import type { ProxyMetrics } from './proxy.ts';
import { exposition } from './registry.ts';

/** What kube-proxy serves on its metrics address. Upstream: `serveMetrics` of `cmd/kube-proxy/app/server.go`. */
export function metricsHandler(metrics: ProxyMetrics, configuration: ProxyConfiguration): RequestListener {
  const pages: Record<string, () => [body: string, headers: { 'content-type': string }]> = {
    '/metrics': () => [metrics.text(), { 'content-type': exposition }],
    '/proxyMode': () => [configuration.mode, plainText],
    '/healthz': () => ['ok', plainText],
    '/configz': () => [JSON.stringify({ 'kubeproxy.config.k8s.io': configuration }), json],
  };
  return ({ url = '/' }, response) => {
    const page = pages[url.split('?')[0] ?? ''];
    if (page) reply(response, 200, ...page());
    else reply(response, 404, '404 page not found\n');
  };
}
