import { describeKilled } from './testing/killed.ts';
import { hostBackends } from './testing/standing.ts';

for (const name of hostBackends) describeKilled(name);
