import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { ComponentStatus } from './components.ts';
import type { ComponentSpec, LabNode } from './spec.ts';

/** One request to the supervisor: a line of JSON. */
export type ControlRequest =
  | { do: 'status' }
  | { do: 'restart'; component: string }
  | { do: 'stop' }
  | { do: 'add-component'; component: ComponentSpec }
  | { do: 'add-node'; node: LabNode; components: readonly ComponentSpec[] }
  /** `netns`: names of the network namespaces that go with it. */
  | { do: 'remove-node'; node: string; netns: readonly string[] };
/** Its answer: a line of JSON. */
export type ControlReply = { components: ComponentStatus[] } | { error: string };

export const controlPath = (stateDir: string) => join(stateDir, 'control.sock');

/** Serves requests on a Unix socket that only the lab's own user may open. */
export function startControl(
  path: string,
  answer: (request: ControlRequest) => ControlReply | Promise<ControlReply>,
): Promise<Server> {
  const server = createServer((connection) => {
    // A client that goes away is no concern of the lab.
    connection.on('error', () => connection.destroy());
    onLine(connection, (line) => {
      void reply(line).then((said) => connection.write(`${JSON.stringify(said)}\n`));
    });
  });
  const reply = async (line: string): Promise<ControlReply> => {
    try {
      return await answer(parseRequest(line));
    } catch (error) {
      return { error: error instanceof Error ? error.message : String(error) };
    }
  };
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // The directory is 0700; the socket's own mode does not count on its being so.
    const mask = process.umask(0o177);
    server.listen(path, () => resolve(server));
    process.umask(mask);
  });
}

/** Throws an `Error` when the line is no request. */
export function parseRequest(line: string): ControlRequest {
  const value: unknown = JSON.parse(line);
  if (typeof value === 'object' && value !== null && 'do' in value) {
    if (value.do === 'status' || value.do === 'stop') return { do: value.do };
    if (value.do === 'restart' && 'component' in value && typeof value.component === 'string')
      return { do: 'restart', component: value.component };
    if (value.do === 'add-component' && 'component' in value)
      return { do: 'add-component', component: value.component as ComponentSpec };
    // Who may write here is the lab's own user; names and addresses are looked at by validateNames.
    if (
      value.do === 'add-node' &&
      'node' in value &&
      'components' in value &&
      Array.isArray(value.components)
    )
      return { do: 'add-node', node: value.node as LabNode, components: value.components };
    if (value.do === 'remove-node' && 'node' in value && typeof value.node === 'string')
      return { do: 'remove-node', node: value.node, netns: namesOf(value) };
  }
  throw new Error(
    `unknown request ${line}; known are status, restart, stop, add-component, add-node, remove-node`,
  );
}

function namesOf(value: object): string[] {
  const names: unknown = 'netns' in value ? value.netns : [];
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string' && /^[\w.-]+$/.test(name)))
    throw new Error(`netns must be a list of names, not ${JSON.stringify(names)}`);
  return names;
}

/** Sends one request and waits for its answer. Rejects when the lab does not answer or answers with an error. */
export function control(stateDir: string, request: ControlRequest): Promise<ComponentStatus[]> {
  return new Promise((resolve, reject) => {
    const connection = createConnection(controlPath(stateDir));
    connection.once('error', reject);
    connection.once('close', () => reject(new Error('the lab ended before it answered')));
    onLine(connection, (line) => {
      const reply: ControlReply = JSON.parse(line);
      if ('error' in reply) reject(new Error(reply.error));
      else resolve(reply.components);
      connection.destroy();
    });
    connection.write(`${JSON.stringify(request)}\n`);
  });
}

function onLine(connection: Socket, handle: (line: string) => void): void {
  let rest = '';
  connection.setEncoding('utf8').on('data', (chunk) => {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) handle(line);
  });
}
