// The whole suite, in the guest kernel where this one has no IPVS.
process.env.V9S_SOAK = '1';
await import('./ipvs.netns.test.ts');

export {};
