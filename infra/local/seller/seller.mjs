// The demo sales agent: a guaranteed seller on @adcp/sdk's server primitives, over MCP and A2A. It
// listens on loopback only.
//
// Environment:
//   ADCP_LOCAL_NPM    directory that has node_modules
//   PORT              MCP at /mcp
//   A2A_PORT          A2A at /a2a, and GET /ledger
//   TOKEN             the buyer's bearer token
//   DELAY             milliseconds until a task is decided (1500)
// Both ports serve the key set and brand.json. The capabilities and brand.json name the A2A port's.
// A request selects the seller's behavior in args.ext.adcp_demo:
//   delay_ms          how long the task takes
//   outcome           completed | failed | rejected | sync
//   webhook           normal | none | duplicate | early (before the answer) | late (after the task)
//                     | es256 (signed with an ES256 key) | wrong_key (with an unpublished key)
//   webhook_delay_ms  how late a late webhook is (5000)
//   operation_id      "omit" leaves out push_notification_config.operation_id, as the SDK does
import { createRequire } from 'node:module';
import path from 'node:path';
import { createDocuments } from './documents.mjs';
import { createEarlyAnswers } from './hold.mjs';
import { createLedger, toolCall } from './ledger.mjs';
import { createPlatform } from './platform.mjs';
import { createWebhooks } from './webhooks.mjs';

const need = name => process.env[name] ?? (() => { throw new Error(`${name} is not set`); })();
const HOST = '127.0.0.1';
const PORT = Number(need('PORT'));
const A2A_PORT = Number(need('A2A_PORT'));
const TOKEN = need('TOKEN');
const DELAY = Number(process.env.DELAY ?? 1500);

// Outside production the SDK keeps tasks in memory and accepts http webhook URLs.
process.env.NODE_ENV = 'development';
const require = createRequire(path.join(need('ADCP_LOCAL_NPM'), 'package.json'));
const sdk = require('@adcp/sdk/server');
const express = require('express');

const log = (event, fields) => console.log(JSON.stringify({ time: new Date().toISOString(), event, ...fields }));
const ledger = createLedger();
const webhooks = createWebhooks({ sdk, log });
const early = createEarlyAnswers();
const platform = createPlatform({ sdk, ledger, webhooks, delayMs: DELAY, awaitEarly: early.awaitEarly });

const agentUrl = `http://${HOST}:${PORT}/mcp`;
const origin = `http://${HOST}:${A2A_PORT}`;
const agentUrls = { mcp: agentUrl, a2a: `${origin}/a2a` };
const documents = createDocuments({ agentUrls, origin, keys: webhooks.publicKeys });

const principal = ctx => ctx?.authInfo?.clientId ?? ctx?.account?.id ?? 'anonymous';
const options = {
  name: 'Demo Seller',
  version: '1.0.0',
  taskRegistry: sdk.createInMemoryTaskRegistry(),
  idempotency: sdk.createIdempotencyStore({ backend: sdk.memoryBackend(), ttlSeconds: 86_400 }),
  capabilities: documents.capabilities(webhooks.algorithms),
  taskWebhookEmitter: webhooks.emitter,
  allowPrivateWebhookUrls: true,
  resolveSessionKey: ctx => ctx?.account?.id ?? principal(ctx),
  resolveIdempotencyPrincipal: principal,
  validation: { requests: 'strict', responses: 'warn' },
  observability: {
    onTaskCreate: info => log('task_create', info),
    onTaskTransition: info => log('task_transition', info),
  },
};
const createServer = () => sdk.createAdcpServerFromPlatform(platform, options);

// Gets each tool call before the SDK does: counts it, and holds the answer of an early webhook.
function observe(body, res) {
  const call = toolCall(body);
  if (!call) return;
  ledger.called(call);
  if (call.args.ext?.adcp_demo?.webhook === 'early') early.hold(call.args, res);
}

const parse = text => {
  try {
    return JSON.parse(text);
  } catch {
    return null; // the SDK rejects it
  }
};

const mcp = sdk.serve(createServer, {
  port: { port: PORT, host: HOST }, // for listen(): without a host it uses every interface
  authenticate: sdk.verifyApiKey({ keys: { [TOKEN]: { principal: 'buyer' } } }),
  preTransport: async (req, res) => {
    observe(parse(req.rawBody), res);
    return false;
  },
  onListening: () => log('mcp_listening', { url: agentUrl }),
});
documents.serveBefore(mcp);

const app = express();
app.use(express.json({ limit: '10mb' }));
app.get('/ledger', (_, res) => res.json(ledger.read()));
app.get('/.well-known/:name', (req, res, next) => documents.answer(req, res) || next());
app.use('/a2a', (req, res, next) => {
  observe(req.body, res);
  next();
});
sdk.createA2AAdapter({
  server: createServer(),
  agentCard: {
    name: 'Demo Seller',
    description: 'A guaranteed seller for local use',
    url: `${origin}/a2a`,
    version: '1.0.0',
    provider: { organization: 'Demo', url: origin },
    securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
  },
  authenticate: async req => {
    const token = req.headers.authorization?.replace(/^Bearer\s+/i, '');
    return token === TOKEN ? { token, clientId: 'buyer', scopes: [] } : null;
  },
}).mount(app);
app.listen(A2A_PORT, HOST, () => log('a2a_listening', { url: `${origin}/a2a` }));
