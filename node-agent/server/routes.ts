import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { createAuthorizer, RefusedError } from './authorize.ts';
import type { ServerConfig } from './config.ts';
import { findLog, LogError, parseLogOptions } from './container-logs.ts';
import { containerOf, findPod } from './find.ts';
import { metricsText } from './metrics.ts';
import type { UpgradeRequest } from './upgrade/upgraded.ts';
import { sendUpgradeFailure, serveUpgrade } from './upgrades.ts';

/** The kubelet's API, request by request. Upstream: `pkg/kubelet/server/server.go`. */
export interface Routes {
  serve(request: IncomingMessage, response: ServerResponse): Promise<void>;
  upgrade(upgrade: UpgradeRequest): Promise<void>;
}

export function createRoutes(config: ServerConfig): Routes {
  const authorize = createAuthorizer(config.client, config.nodeName, config.access);
  return {
    async serve(request, response) {
      const { pathname, searchParams } = urlOf(request);
      try {
        await authorize(request, pathname);
        await answer(config, request, response, pathname, searchParams);
      } catch (error) {
        if (error instanceof RefusedError) return sendText(response, error.code, error.message);
        if (response.headersSent) {
          response.destroy();
          return;
        }
        config.onError(`answering ${pathname}`, error);
        sendText(response, 500, error instanceof Error ? error.message : String(error));
      }
    },
    async upgrade(upgrade) {
      const { pathname, searchParams } = urlOf(upgrade.request);
      try {
        await authorize(upgrade.request, pathname);
        await serveUpgrade(config, upgrade, pathname, searchParams);
      } catch (error) {
        sendUpgradeFailure(upgrade, error);
      }
    },
  };
}

async function answer(
  config: ServerConfig,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  query: URLSearchParams,
): Promise<void> {
  const [first = '', ...rest] = path.split('/').filter(Boolean).map(decodeURIComponent);
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  switch (isRead ? first : `${request.method} ${first}`) {
    case 'healthz':
      return sendText(response, 200, 'ok');
    case 'metrics':
      if (rest[0] === 'resource') {
        const { resourceMetricsText } = await import('./resource-metrics.ts');
        return sendText(response, 200, resourceMetricsText(config.pods()));
      }
      return sendText(response, 200, metricsText(config.nodeName, config.pods()));
    case 'pods':
    case 'runningpods': {
      const items = [...config.pods()].flatMap(({ pod }) => (pod ? [pod] : []));
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items }));
      return;
    }
    case 'logs': {
      const { sendNodeLog } = await import('./node-logs.ts');
      return sendNodeLog(response, config.logDir, rest);
    }
    case 'containerLogs':
      return sendLog(config, response, rest, query);
    case 'exec':
    case 'attach':
    case 'portForward':
    case 'POST exec':
    case 'POST attach':
    case 'POST portForward':
      return sendText(response, 400, 'unable to upgrade: missing upgrade headers in request');
    default:
      return sendText(response, 404, '404 page not found\n');
  }
}

async function sendLog(
  config: ServerConfig,
  response: ServerResponse,
  [namespace = '', name = '', container = '']: readonly string[],
  query: URLSearchParams,
): Promise<void> {
  const pod = findPod(config.pods(), { namespace, name });
  if (!pod) return sendText(response, 404, `pod ${JSON.stringify(name)} does not exist`);
  if (!containerOf(pod, container))
    return sendText(
      response,
      404,
      `container ${JSON.stringify(container)} not found in pod ${JSON.stringify(name)}`,
    );
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  try {
    const { previous, ...options } = parseLogOptions(query);
    const place = findLog(pod, container, previous);
    const { readLog } = await import('../runtime/read-log.ts');
    response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    // Who follows a silent container shall know that it is there.
    response.flushHeaders();
    await pipeline(readLog(place, options, gone.signal), response);
  } catch (error) {
    if (error instanceof LogError) return sendText(response, 400, error.message);
    if (!gone.signal.aborted) throw error;
  }
}

function urlOf({ url = '/' }: IncomingMessage): URL {
  return new URL(url, 'https://kubelet');
}

function sendText(response: ServerResponse, code: number, text: string): void {
  response.statusCode = code;
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.end(text);
}
