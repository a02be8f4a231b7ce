// A sender of webhooks made of npm's @adcp/sdk: createWebhookEmitter signs and sends, nothing of it is done here. Loopback only, for the tests of
// infra/dev/e2e.
//
// Environment: ADCP_LOCAL_NPM (directory that holds node_modules), PORT; AGENT_URL, which brand.json lists byte for byte. One line of JSON on standard
// output tells that it listens.
//   GET  /.well-known/brand.json, /.well-known/jwks.json    the keys as the SDK's own tools for them make them
//   POST /sign  {url, body, mode, secret?}  ->  {method, url, headers, body}: the request as the SDK gives it to fetch, its body in base64; nothing is
//               sent. fetch itself adds host, connection, user-agent, accept, accept-language, accept-encoding, sec-fetch-mode and content-length.
//   POST /send  the same, and retries?      ->  {status, attempts, idempotency_key, errors}: it is sent; status is null if nobody answered
// mode is rfc9421, rfc9421-es256, hmac or bearer; the last two take secret as text. body is an object, or the text of one, and the SDK serializes it,
// without blanks. The emitter adds an idempotency_key where there is none, and nothing else.
// A delivery is tried five times after growing delays (1 s, doubling), but only once after a 4xx; retries are the SDK's WebhookRetryOptions.
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

// The SDK has two tools for keys, and each has its own idea of adcp_use: the library's makes Ed25519 keys for webhook-signing, the command line's
// keys of both kinds for request-signing. Receivers have to accept both, so one key comes from each.
const ed25519 = await mintEphemeralEd25519Key({ kid: 'npm-ed25519' });
const es256 = generate('es256', 'npm-es256');
const signers = {
  rfc9421: { keyid: ed25519.kid, alg: 'ed25519', privateKey: ed25519.privateKey },
  'rfc9421-es256': { keyid: es256.publicKey.kid, alg: 'ecdsa-p256-sha256', privateKey: es256.privateKey },
};

// `adcp signing generate-key` writes a PEM, the key set to publish and the private JWK, each of the last two after a comment.
function generate(alg, kid) {
  const cli = path.join(NPM, 'node_modules/@adcp/sdk/bin/adcp.js');
  const text = execFileSync(process.execPath, [cli, 'signing', 'generate-key', '--alg', alg, '--kid', kid], { encoding: 'utf8' });
  const [, jwks, jwk] = text.split(/^\/\/.*$/m);
  return { publicKey: JSON.parse(jwks).keys[0], privateKey: JSON.parse(jwk) };
}

const documents = {
  '/.well-known/jwks.json': { keys: [ed25519.publicKey, es256.publicKey] },
  '/.well-known/brand.json': {
    house: { domain: HOST, name: 'Sender' },
    agents: [{ type: 'sales', id: 'sender', url: AGENT_URL, jwks_uri: `http://${HOST}:${PORT}/.well-known/jwks.json` }],
  },
};

// The emitter takes its idempotency key from a generator of its own, even over the payload's: the generator is told the payload's.
async function emit({ url, body, mode, secret, retries }, fetch) {
  const authentication = { hmac: { type: 'hmac_sha256', secret }, bearer: { type: 'bearer', token: secret } }[mode];
  if (!authentication && !signers[mode]) throw new Error(`mode ${mode} is none of ${Object.keys(signers).join(', ')}, hmac and bearer`);
  if (authentication && !secret) throw new Error(`mode ${mode} needs a secret`);
  const payload = typeof body === 'string' ? JSON.parse(body) : body;
  const key = payload.idempotency_key;
  const emitter = createWebhookEmitter({
    signerKey: signers[mode] ?? signers.rfc9421,
    ...(key !== undefined && { generateIdempotencyKey: () => key }),
    ...(fetch && { fetch }),
    suppressLegacyWarnings: true,
  });
  return emitter.emit({ url, payload, operation_id: payload.operation_id ?? '', ...(authentication && { authentication }), ...(retries && { retries }) });
}

// Sends into a fetch that keeps the request instead of sending it. Its URL is the one that fetch would dial, which may be spelt otherwise.
async function sign(order) {
  let sent;
  const { errors } = await emit({ ...order, retries: { maxAttempts: 1 } }, async (url, init) => {
    const request = new Request(url, init);
    const body = Buffer.from(await request.arrayBuffer()).toString('base64');
    sent = { method: request.method, url: request.url, headers: init.headers, body };
    return new Response();
  });
  if (!sent) throw new Error(errors.join('; ')); // the emitter takes a URL that it can't sign for a failure of the network
  return sent;
}

async function send(order) {
  const { final_status, attempts, idempotency_key, errors } = await emit(order);
  return { status: final_status ?? null, attempts, idempotency_key, errors };
}

const actions = { '/sign': sign, '/send': send };

async function answer(req) {
  if (req.method === 'GET' && documents[req.url]) return [200, documents[req.url]];
  const act = req.method === 'POST' && actions[req.url];
  if (!act) return [404, { error: 'not found' }];
  try {
    return [200, await act(JSON.parse(Buffer.concat(await req.toArray()).toString()))];
  } catch (e) {
    return [400, { error: String(e) }]; // the SDK's own words are what the test wants to see
  }
}

createServer(async (req, res) => {
  const [status, document] = await answer(req);
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(document));
}).listen(PORT, HOST, () => console.log(JSON.stringify({ event: 'listening', url: `http://${HOST}:${PORT}` })));
