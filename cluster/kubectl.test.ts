import { expect, it } from 'vitest';
import { printTable } from './kubectl.ts';

it('lays out a table as kubectl does', () => {
  const table = {
    columnDefinitions: [
      { name: 'Name', priority: 0 },
      { name: 'Endpoints', priority: 0 },
      { name: 'Age', priority: 0 },
      { name: 'Node', priority: 1 },
    ],
    rows: [{ cells: ['hostnames', '10.244.1.5:9376,10.244.1.6:9376', '33s', 'worker'] }],
  };
  expect(printTable(table, false)).toBe(
    'NAME        ENDPOINTS                         AGE\nhostnames   10.244.1.5:9376,10.244.1.6:9376   33s\n',
  );
  expect(printTable(table, true)).toBe(
    'NAME        ENDPOINTS                         AGE   NODE\nhostnames   10.244.1.5:9376,10.244.1.6:9376   33s   worker\n',
  );
});
