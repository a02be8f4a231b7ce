// Measures the verifier of npm's @adcp/sdk with one signed delivery. It reads JSON on standard
// input ({packages, request, jwk, now, rounds, base, signature}) and writes nanoseconds to standard
// output. Its stores remember nothing: like bench_test.go it measures the steps and not a store.
import { createRequire } from 'node:module';
import { createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';

const { packages, request, jwk, now, rounds, base, signature } = JSON.parse(readFileSync(0, 'utf8'));
const sdk = createRequire(path.join(packages, 'package.json'))('@adcp/sdk/signing');
const check = sdk.createWebhookVerifier({
  jwks: new sdk.StaticJwksResolver([jwk]),
  replayStore: { has: async () => false, isCapHit: async () => false, insert: async () => 'ok' },
  revocationStore: new sdk.InMemoryRevocationStore(),
  now: () => now,
});
const key = createPublicKey({ key: jwk, format: 'jwk' });
const message = Buffer.from(base, 'base64');
const value = Buffer.from(signature, 'base64');

// The median leaves out garbage collection and the first rounds, which run before the code is
// compiled.
async function median(step) {
  const took = [];
  for (let i = 0; i < rounds; i++) {
    const start = process.hrtime.bigint();
    await step();
    took.push(Number(process.hrtime.bigint() - start));
  }
  return took.sort((a, b) => a - b)[Math.floor(rounds / 2)];
}

const bare = await median(() => {
  if (!verify(null, message, key, value)) throw new Error('not valid');
});
const all = await median(async () => {
  if ((await check(request)).status !== 'verified') throw new Error('not verified');
});
console.log(JSON.stringify({ bare, all }));
