// A sales agent on npm's @modelcontextprotocol/sdk that fails after it has bought: streamable HTTP,
// stateless. What a client gets for a failure is the SDK's own choice. It listens on loopback only,
// for the tests of infra/dev/e2e, and is ready when PORT accepts connections.
//
// Environment: ADCP_LOCAL_NPM (directory that has node_modules), PORT, TOKEN (the buyer's token).
//   GET /ledger   create_media_buy calls and buys by po_number, like ../seller/ledger.mjs
//   POST /mcp     the words of a longer path, as in /mcp/lowlevel/plain, select another agent:
//     lowlevel    on the SDK's Server, which passes on what a tool throws (McpServer makes it text)
//     plain       which does not deduplicate
//     unlisted    which has no get_media_buys
// ext.adcp_demo of a create_media_buy says how it fails after the purchase:
//   fail    broken_result  the answer breaks the SDK's schema of a tool's result
//           rpc            the tool throws the SDK's own error, with the JSON-RPC code in `code`
//           exception      the tool throws a plain error
//           unavailable    SERVICE_UNAVAILABLE, transient
//           internal       INTERNAL_ERROR, terminal: a code that AdCP does not know
//           http           a gateway before the SDK answers the HTTP status in `code`, with a page
//                          if `body` is true
//           close          a gateway closes the connection without an answer
//           cut            a gateway closes the connection within the answer
//   always  fails for each call of a purchase order, not only for the first
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createLedger } from '../seller/ledger.mjs';

const need = name => process.env[name] ?? (() => { throw new Error(`${name} is not set`); })();
const [PORT, TOKEN] = [Number(need('PORT')), need('TOKEN')];
const require = createRequire(path.join(need('ADCP_LOCAL_NPM'), 'package.json'));
const { Server } = require('@modelcontextprotocol/sdk/server/index.js');
const { McpServer } = require('@modelcontextprotocol/sdk/server/mcp.js');
const { StreamableHTTPServerTransport } = require('@modelcontextprotocol/sdk/server/streamableHttp.js');
const types = require('@modelcontextprotocol/sdk/types.js');
const { z } = createRequire(require.resolve('@modelcontextprotocol/sdk/types.js'))('zod');

const ledger = createLedger();
const buys = []; // as get_media_buys shows them
const bought = new Map(); // idempotency key -> buy

const text = value => ({ type: 'text', text: value });
const answer = value => ({ content: [text(JSON.stringify(value))], structuredContent: value });
const refuse = (code, recovery) => ({
  ...answer({ adcp_error: { code, recovery, message: 'The ad server did not answer in time' } }),
  isError: true,
});

const failures = {
  broken_result: () => ({ content: [text(undefined)] }),
  rpc: ({ code }) => { throw new types.McpError(code, 'The ad server did not answer in time'); },
  exception: () => { throw new Error('The ad server did not answer in time'); },
  unavailable: () => refuse('SERVICE_UNAVAILABLE', 'transient'),
  internal: () => refuse('INTERNAL_ERROR', 'terminal'),
};

// What becomes of an answer behind a gateway. The SDK has given it.
const gateway = {
  http: (res, { code, body }) => {
    res.writeHead(code, body ? { 'content-type': 'text/html' } : {});
    res.end(body ? `<html><body><h1>${code}</h1>The upstream server did not answer</body></html>` : undefined);
  },
  close: res => res.socket.destroy(),
  cut: res => {
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 });
    res.write('{"jsonrpc":"2.0","id":', () => res.socket.destroy());
  },
};

const isFirst = args => !ledger.read().calls.some(c => c.po_number === args.po_number);

// Returns the failure that a gateway puts in place of the answer to a message, if it does.
function lostAnswer(message) {
  const args = message.params?.arguments ?? {};
  const demo = args.ext?.adcp_demo ?? {};
  const lost = message.params?.name === 'create_media_buy' && demo.fail in gateway && (demo.always || isFirst(args));
  return lost ? demo : undefined;
}

function buy(request) {
  const id = `mb_${randomUUID().slice(0, 8)}`;
  const made = {
    media_buy_id: id,
    status: 'pending_start',
    confirmed_at: new Date().toISOString(),
    revision: 1,
    currency: 'USD',
    total_budget: request.packages.reduce((sum, p) => sum + p.budget, 0),
    packages: request.packages.map((p, i) => ({ ...p, package_id: `${id}_p${i}` })),
    context: request.context,
  };
  buys.push(made);
  bought.set(request.idempotency_key, made);
  ledger.bought(made, { request });
  return made;
}

const tools = {
  get_adcp_capabilities: has => answer({
    status: 'completed',
    adcp: {
      major_versions: [3],
      supported_versions: ['3.1'],
      idempotency: has('plain') ? { supported: false } : { supported: true, replay_ttl_seconds: 86_400 },
    },
    supported_protocols: ['media_buy'],
  }),
  create_media_buy(has, args) {
    const first = isFirst(args);
    ledger.called({ tool: 'create_media_buy', args });
    const known = has('plain') ? undefined : bought.get(args.idempotency_key);
    const { status, ...made } = known ?? buy(args);
    const demo = args.ext?.adcp_demo ?? {};
    if (demo.fail in failures && (first || demo.always)) return failures[demo.fail](demo);
    return answer({ ...made, media_buy_status: status, status: 'completed', replayed: known !== undefined });
  },
  get_media_buys(_, { status_filter = ['active'], media_buy_ids }) {
    const statuses = [status_filter].flat();
    return answer({
      status: 'completed',
      media_buys: buys.filter(b => media_buy_ids?.includes(b.media_buy_id) ?? statuses.includes(b.status)),
      pagination: { has_more: false },
    });
  },
  // All its answers are final, so it knows no task.
  get_task_status: () => refuse('REFERENCE_NOT_FOUND', 'correctable'),
};

function agent(has) {
  const info = { name: 'mcpsdk', version: '1' };
  const offered = Object.entries(tools).filter(([name]) => name !== 'get_media_buys' || !has('unlisted'));
  if (!has('lowlevel')) {
    const server = new McpServer(info);
    for (const [name, tool] of offered) {
      server.registerTool(name, { inputSchema: z.looseObject({}) }, async args => tool(has, args));
    }
    return server;
  }
  const server = new Server(info, { capabilities: { tools: {} } });
  server.setRequestHandler(types.ListToolsRequestSchema, async () => (
    { tools: offered.map(([name]) => ({ name, inputSchema: { type: 'object' } })) }));
  server.setRequestHandler(types.CallToolRequestSchema, async ({ params }) => {
    const tool = Object.fromEntries(offered)[params.name];
    if (!tool) throw new types.McpError(types.ErrorCode.InvalidParams, 'no such tool');
    return tool(has, params.arguments);
  });
  return server;
}

async function readAll(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

createServer(async (req, res) => {
  if (req.url === '/ledger') {
    return res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(ledger.read()));
  }
  if (req.headers.authorization !== `Bearer ${TOKEN}`) return res.writeHead(401).end();
  if (req.method !== 'POST') return res.writeHead(405).end();
  const message = JSON.parse(await readAll(req));
  const demo = req.headers['x-behind-gateway'] ? undefined : lostAnswer(message);
  if (demo) {
    const headers = { ...req.headers, 'x-behind-gateway': '1' };
    for (const name of ['connection', 'content-length', 'host', 'transfer-encoding']) delete headers[name];
    const answered = await fetch(`http://127.0.0.1:${PORT}${req.url}`,
      { method: 'POST', headers, body: JSON.stringify(message) });
    await answered.text();
    return gateway[demo.fail](res, demo);
  }
  const words = req.url.split('/');
  const server = agent(word => words.includes(word));
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
  res.on('close', () => server.close());
  await server.connect(transport);
  await transport.handleRequest(req, res, message);
}).listen(PORT, '127.0.0.1');
