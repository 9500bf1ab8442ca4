import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { resolveOptions } from './spec.ts';
import { readTrace } from './trace.ts';

let log = '';

beforeEach(() => {
  log = mkdtempSync(join(tmpdir(), 'v9s-trace-'));
});

afterEach(() => rmSync(log, { recursive: true, force: true }));

it("reads a node's commands once each, and lines only when they are whole", () => {
  const next = readTrace(resolveOptions({ nodes: 1 }), { log });
  expect(next()).toEqual([]);
  const file = join(log, 'control-plane.log');
  appendFileSync(file, '+ ip -batch -\n++ link add cni0 type bridge\nan error of its own\n+ nft -f');
  expect(next()).toEqual(['control-plane: ip -batch -', 'control-plane:     link add cni0 type bridge']);
  appendFileSync(file, ' -\n');
  expect(next()).toEqual(['control-plane: nft -f -']);
  expect(next()).toEqual([]);
});
