import table from './descriptions.json' with { type: 'json' };

/** Of each model: what it is, and what its fields are. A bundle of its own; of JSON alone a bundler exports nothing. */
export const descriptions: unknown = table;
