// A sender of webhooks on npm's @adcp/sdk. The SDK's createWebhookEmitter signs and sends;
// nothing of that is done here. It listens on loopback only, for the tests of infra/dev/e2e.
//
// Environment: ADCP_LOCAL_NPM (directory that has node_modules), PORT, AGENT_URL (brand.json
// lists it byte for byte). A line of JSON on standard output says that the sender listens.
//   GET  /.well-known/brand.json, /.well-known/jwks.json
//       the keys, as the SDK's own tools for keys make them
//   POST /sign  {url, body, mode, secret?}  ->  {method, url, headers, body}
//       the request as the SDK gives it to fetch, with its body in base64; nothing is sent. fetch
//       itself adds host, connection, user-agent, accept, accept-language, accept-encoding,
//       sec-fetch-mode and content-length.
//   POST /send  {url, body, mode, secret?, retries?}  ->
//               {status, attempts, idempotency_key, errors}
//       sends it; status is null if nobody answered
// mode is rfc9421, rfc9421-es256, hmac or bearer. The last two need secret, as text. body is an
// object, or the text of one. The SDK serializes it, without blanks. The emitter adds an
// idempotency_key if there is none, and nothing else. A delivery is tried five times with growing
// delays (1 s, then doubled), but only once after a 4xx. retries is the SDK's
// WebhookRetryOptions.
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';

const need = name => process.env[name] ?? (() => { throw new Error(`${name} is not set`); })();
const HOST = '127.0.0.1';
const PORT = Number(need('PORT'));
const AGENT_URL = need('AGENT_URL');
const NPM = need('ADCP_LOCAL_NPM');

const require = createRequire(path.join(NPM, 'package.json'));
const { createWebhookEmitter } = require('@adcp/sdk/server');
const { mintEphemeralEd25519Key } = require('@adcp/sdk/signing/testing');

// The SDK has two tools for keys, which set different values of adcp_use: the library makes Ed25519
// keys for webhook-signing, and the command line makes both kinds of keys for request-signing.
// Receivers must accept both, so each tool makes one key.
const ed25519 = await mintEphemeralEd25519Key({ kid: 'npm-ed25519' });
const es256 = generate('es256', 'npm-es256');
const signers = {
  rfc9421: { keyid: ed25519.kid, alg: 'ed25519', privateKey: ed25519.privateKey },
  'rfc9421-es256': { keyid: es256.publicKey.kid, alg: 'ecdsa-p256-sha256', privateKey: es256.privateKey },
};

// `adcp signing generate-key` prints a PEM, the key set to publish, and the private JWK. A
// comment line precedes each of the last two.
function generate(alg, kid) {
  const cli = path.join(NPM, 'node_modules/@adcp/sdk/bin/adcp.js');
  const args = [cli, 'signing', 'generate-key', '--alg', alg, '--kid', kid];
  const text = execFileSync(process.execPath, args, { encoding: 'utf8' });
  const [, jwks, jwk] = text.split(/^\/\/.*$/m);
  return { publicKey: JSON.parse(jwks).keys[0], privateKey: JSON.parse(jwk) };
}

const documents = {
  '/.well-known/jwks.json': { keys: [ed25519.publicKey, es256.publicKey] },
  '/.well-known/brand.json': {
    house: { domain: HOST, name: 'Sender' },
    agents: [{
      type: 'sales',
      id: 'sender',
      url: AGENT_URL,
      jwks_uri: `http://${HOST}:${PORT}/.well-known/jwks.json`,
    }],
  },
};

// The emitter generates an idempotency key even if the payload has one, so the generator returns
// the payload's key.
async function emit({ url, body, mode, secret, retries }, fetch) {
  const authentication = { hmac: { type: 'hmac_sha256', secret }, bearer: { type: 'bearer', token: secret } }[mode];
  if (!authentication && !signers[mode]) {
    throw new Error(`mode ${mode} is none of ${Object.keys(signers).join(', ')}, hmac and bearer`);
  }
  if (authentication && !secret) throw new Error(`mode ${mode} needs a secret`);
  const payload = typeof body === 'string' ? JSON.parse(body) : body;
  const key = payload.idempotency_key;
  const emitter = createWebhookEmitter({
    signerKey: signers[mode] ?? signers.rfc9421,
    ...(key !== undefined && { generateIdempotencyKey: () => key }),
    ...(fetch && { fetch }),
    suppressLegacyWarnings: true,
  });
  return emitter.emit({
    url,
    payload,
    operation_id: payload.operation_id ?? '',
    ...(authentication && { authentication }),
    ...(retries && { retries }),
  });
}

// Gives the emitter a fetch that only records the request. The URL of the result is the one that
// fetch would call, which may be spelled differently.
async function sign(job) {
  let sent;
  const { errors } = await emit({ ...job, retries: { maxAttempts: 1 } }, async (url, init) => {
    const request = new Request(url, init);
    const body = Buffer.from(await request.arrayBuffer()).toString('base64');
    sent = { method: request.method, url: request.url, headers: init.headers, body };
    return new Response();
  });
  if (!sent) throw new Error(errors.join('; ')); // for the emitter, a URL that it cannot sign is a network error
  return sent;
}

async function send(job) {
  const { final_status, attempts, idempotency_key, errors } = await emit(job);
  return { status: final_status ?? null, attempts, idempotency_key, errors };
}

const actions = { '/sign': sign, '/send': send };

async function answer(req) {
  if (req.method === 'GET' && documents[req.url]) return [200, documents[req.url]];
  const action = req.method === 'POST' && actions[req.url];
  if (!action) return [404, { error: 'not found' }];
  try {
    return [200, await action(JSON.parse(Buffer.concat(await req.toArray()).toString()))];
  } catch (e) {
    return [400, { error: String(e) }]; // the tests check the SDK's own error text
  }
}

createServer(async (req, res) => {
  const [status, document] = await answer(req);
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(document));
}).listen(PORT, HOST, () => console.log(JSON.stringify({ event: 'listening', url: `http://${HOST}:${PORT}` })));
