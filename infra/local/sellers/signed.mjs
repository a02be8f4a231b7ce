// A seller that requires signed requests: the demo seller's platform on npm's @adcp/sdk, which
// checks the signatures itself (signedRequests). For the tests of infra/dev/e2e. The seller is
// ready when PORT accepts connections.
//
// Environment:
//   ADCP_LOCAL_NPM  directory that has node_modules
//   PORT            MCP at /mcp, and GET /ledger
//   TOKEN           the buyer's bearer token
//   JWKS_URL        the buyer's key set
//   REQUIRED_FOR    the tools that must be signed, separated by commas
import { createRequire } from 'node:module';
import path from 'node:path';
import { createLedger } from '../seller/ledger.mjs';
import { createPlatform } from '../seller/platform.mjs';
import { createWebhooks } from '../seller/webhooks.mjs';

const need = name => process.env[name] ?? (() => { throw new Error(`${name} is not set`); })();
const HOST = '127.0.0.1';
const PORT = Number(need('PORT'));

process.env.NODE_ENV = 'development'; // tasks in memory, webhooks over http
const require = createRequire(path.join(need('ADCP_LOCAL_NPM'), 'package.json'));
const sdk = require('@adcp/sdk/server');
const signing = require('@adcp/sdk/signing/server');

const log = (event, fields) => console.log(JSON.stringify({ event, ...fields }));
const ledger = createLedger();
const webhooks = createWebhooks({ sdk, log });
const platform = createPlatform({ sdk, ledger, webhooks, delayMs: 1000, awaitEarly: () => {} });

const required_for = need('REQUIRED_FOR').split(',');
const rules = { required_for, covers_content_digest: 'required' };
const stores = {
  jwks: new signing.HttpsJwksResolver(need('JWKS_URL'), { allowPrivateIp: true }),
  replayStore: new signing.InMemoryReplayStore(),
  revocationStore: new signing.InMemoryRevocationStore(),
};
const options = {
  name: 'Signed Seller',
  version: '1.0.0',
  taskRegistry: sdk.createInMemoryTaskRegistry(),
  idempotency: sdk.createIdempotencyStore({ backend: sdk.memoryBackend(), ttlSeconds: 86_400 }),
  capabilities: {
    specialisms: ['sales-guaranteed', 'signed-requests'],
    request_signing: { supported: true, ...rules },
    overrides: { account: { require_operator_auth: true, supported_billing: ['agent'] } },
  },
  signedRequests: { ...stores, ...rules },
  taskWebhookEmitter: webhooks.emitter,
  allowPrivateWebhookUrls: true,
  resolveSessionKey: ctx => ctx?.account?.id ?? 'buyer',
  resolveIdempotencyPrincipal: () => 'buyer',
  validation: { requests: 'strict', responses: 'warn' },
};

const server = sdk.serve(() => sdk.createAdcpServerFromPlatform(platform, options), {
  port: { port: PORT, host: HOST },
  authenticate: sdk.verifyApiKey({ keys: { [need('TOKEN')]: { principal: 'buyer' } } }),
});
const [handle] = server.listeners('request');
server.removeAllListeners('request').on('request', (req, res) => {
  if (req.url === '/ledger') {
    return res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(ledger.read()));
  }
  return handle(req, res);
});
