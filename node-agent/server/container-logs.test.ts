import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ContainerEntry, PodState } from '../pods/state.ts';
import { findLog, parseLogOptions } from './container-logs.ts';

let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'v9s-logs-'));
  mkdirSync(join(dir, 'containers/main'), { recursive: true });
  for (const attempt of [1, 2]) writeFileSync(join(dir, `containers/main/${attempt}.log`), '');
});
afterAll(() => rmSync(dir, { recursive: true }));

const state = (entry?: Partial<ContainerEntry>): PodState => ({
  uid: 'u',
  dir,
  pod: { metadata: { name: 'web' } },
  startTime: '',
  ips: [],
  netns: undefined,
  sandboxReady: true,
  released: false,
  containers: new Map(entry ? [['main', { name: 'main', firstAttempt: 0, ...entry }]] : []),
});
const record = (attempt: number) => ({ id: 'i', name: 'main', image: '', imageID: '', attempt });
const running = { pid: 1, startedAt: '' };
const waiting = { reason: 'CrashLoopBackOff' };

describe('findLog', () => {
  it.each([
    ['the one that runs', { record: record(2), running }, false, '2.log'],
    ['the one before', { record: record(2), running }, true, '1.log'],
    ['the one that ended, while the next one waits', { record: record(2), waiting }, false, '2.log'],
    ['the same as the one before', { record: record(2), waiting }, true, '2.log'],
  ])('finds %s', (_, entry, previous, file) => {
    expect(findLog(state(entry), 'main', previous).file).toBe(join(dir, 'containers/main', file));
  });

  it.each([
    [undefined, false, 'container "main" in pod "web" is waiting to start: ContainerCreating'],
    [
      { waiting: { reason: 'ErrImagePull' } },
      false,
      `container "main" in pod "web" is waiting to start: image can't be pulled`,
    ],
    [
      { waiting: { reason: 'CreateContainerConfigError' } },
      false,
      'container "main" in pod "web" is waiting to start: CreateContainerConfigError',
    ],
    [{ record: record(0), running }, true, 'previous terminated container "main" in pod "web" not found'],
    [{ record: record(1), running }, true, 'previous terminated container "main" in pod "web" not found'],
    [{ record: record(9), running }, false, 'unable to retrieve container logs for vethernetes://i'],
  ])('says why there is none: %#', (entry, previous, message) => {
    expect(() => findLog(state(entry), 'main', previous)).toThrow(message);
  });
});

describe('parseLogOptions', () => {
  const parse = (query: string) =>
    parseLogOptions(new URLSearchParams(query), Date.parse('2026-01-02T03:04:05Z'));

  it('reads what the API passes on', () => {
    expect(parse('follow=true&previous=false&timestamps=1&tailLines=0&limitBytes=5')).toEqual({
      follow: true,
      previous: false,
      timestamps: true,
      tailLines: 0,
      limitBytes: 5,
    });
  });

  it.each([
    ['sinceSeconds=5', '2026-01-02T03:04:00.000000000Z'],
    ['sinceTime=2026-01-02T04:04:00.5%2B01:00', '2026-01-02T03:04:00.500000000Z'],
  ])('compares times as text: %s', (query, since) => {
    expect(parse(query).since).toBe(since);
  });

  it.each(['tailLines=x', 'limitBytes=-1', 'sinceTime=yesterday'])('refuses %s', (query) => {
    expect(() => parse(query)).toThrow('Unable to decode query.');
  });
});
