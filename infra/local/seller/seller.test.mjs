import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { createDocuments } from './documents.mjs';
import { createEarlyAnswers, holdResponse } from './hold.mjs';
import { createLedger, toolCall } from './ledger.mjs';
import { createWebhooks } from './webhooks.mjs';

class Response {
  written = [];
  write(chunk) { this.written.push(chunk); return true; }
  writeHead(status) { this.written.push(status); return this; }
  flushHeaders() { this.written.push('flush'); }
  end(chunk) { this.written.push(chunk ?? 'end'); return this; }
}

test('a tool call is found in MCP and in A2A requests', () => {
  assert.deepEqual(
    toolCall({ method: 'tools/call', params: { name: 'create_media_buy', arguments: { a: 1 } } }),
    { tool: 'create_media_buy', args: { a: 1 } });
  for (const member of ['input', 'parameters']) {
    assert.deepEqual(
      toolCall({
        method: 'message/send',
        params: { message: { parts: [{ kind: 'data', data: { skill: 'tasks_get', [member]: { b: 2 } } }] } },
      }),
      { tool: 'tasks_get', args: { b: 2 } });
  }
  for (const body of [null, {}, { method: 'initialize' }]) assert.equal(toolCall(body), null);
});

test('the ledger counts calls and buys separately', () => {
  const ledger = createLedger();
  const call = { tool: 'create_media_buy', args: { idempotency_key: 'k', po_number: 'PO-1' } };
  for (let i = 0; i < 2; i++) ledger.called(call);
  ledger.called({ tool: 'tasks_get', args: {} });
  const request = { po_number: 'PO-1', context: { trace: 't' } };
  ledger.bought({ media_buy_id: 'mb_1' }, { task_id: 'task_1', request });
  const { calls, buys, tools } = ledger.read();
  assert.deepEqual(calls.map(c => c.po_number), ['PO-1', 'PO-1']);
  assert.equal(calls[0].idempotency_key_sha256, calls[1].idempotency_key_sha256);
  assert.deepEqual(buys, [{ media_buy_id: 'mb_1', task_id: 'task_1', po_number: 'PO-1', context: { trace: 't' } }]);
  assert.deepEqual(tools, { create_media_buy: 2, tasks_get: 1 });
});

test('a held response is sent completely and in order', async () => {
  const res = new Response();
  let release;
  holdResponse(res, () => new Promise(done => { release = done; }));
  res.writeHead(200);
  res.write('body');
  res.end();
  assert.deepEqual(res.written, []);
  release();
  await new Promise(setImmediate);
  assert.deepEqual(res.written, [200, 'body', 'end']);
});

test('an early answer waits for its webhook, and a replay does not wait', async () => {
  const early = createEarlyAnswers();
  const [first, replay] = [new Response(), new Response()];
  let delivered;
  early.hold({ idempotency_key: 'k' }, first);
  early.awaitEarly({ idempotency_key: 'k' }, new Promise(done => { delivered = done; }));
  first.end('answer');
  await new Promise(setImmediate);
  assert.deepEqual(first.written, []);
  delivered();
  await new Promise(setImmediate);
  assert.deepEqual(first.written, ['answer']);

  early.hold({ idempotency_key: 'k' }, replay);
  replay.end('answer');
  await new Promise(setImmediate);
  assert.deepEqual(replay.written, ['answer']);
});

// The public part of a signer's key.
const publicPart = ({ privateKey: { x, y } }) => JSON.stringify([x, y]);

test('each signing mode uses its own key', async () => {
  const sent = [];
  const sdk = {
    createWebhookEmitter: ({ signerKey }) => ({ emit: async delivery => sent.push({ signerKey, delivery }) }),
  };
  const webhooks = createWebhooks({ sdk, log: () => {} });
  for (const webhook of ['normal', 'es256', 'wrong_key', 'duplicate', 'none']) {
    webhooks.remember(webhook, { request: {}, demo: { webhook } });
    await webhooks.emitter.emit({ payload: { task_id: webhook } });
  }
  assert.deepEqual(
    sent.map(s => s.delivery.payload.task_id),
    ['normal', 'es256', 'wrong_key', 'duplicate', 'duplicate']);
  const [normal, es256, wrong] = sent.map(s => s.signerKey);

  const published = Object.fromEntries(webhooks.publicKeys.map(k => [k.kid, k]));
  for (const signer of [normal, es256]) {
    const { x, y, d } = published[signer.keyid];
    assert.equal(JSON.stringify([x, y]), publicPart(signer));
    assert.equal(d, undefined);
  }
  assert.deepEqual([normal.alg, es256.alg], webhooks.algorithms);
  assert.equal(wrong.keyid, normal.keyid);
  assert.notEqual(publicPart(wrong), publicPart(normal));
});

test('the buyer decides how a webhook is authenticated', async () => {
  const sent = [];
  const sdk = { createWebhookEmitter: () => ({ emit: async d => sent.push(d) }) };
  const webhooks = createWebhooks({ sdk, log: () => {} });
  for (const scheme of [undefined, 'HMAC-SHA256', 'Bearer']) {
    const authentication = scheme && { schemes: [scheme], credentials: 's' };
    const push_notification_config = { operation_id: 'op_1', authentication };
    webhooks.remember('t', { request: { push_notification_config }, demo: {} });
    await webhooks.emitter.emit({ payload: { task_id: 't' } });
  }
  assert.deepEqual(
    sent.map(d => d.authentication),
    [undefined, { type: 'hmac_sha256', secret: 's' }, { type: 'bearer', token: 's' }]);
  assert.ok(sent.every(d => d.payload.operation_id === 'op_1'));
});

test('the keys are found from the capabilities and from the agent\'s origin', async () => {
  const server = createServer((_, res) => res.writeHead(404).end());
  await new Promise(done => server.listen(0, '127.0.0.1', done));
  const origin = `http://127.0.0.1:${server.address().port}`;
  const agentUrls = { mcp: 'http://127.0.0.1:1/mcp', a2a: `${origin}/a2a` };
  const documents = createDocuments({ agentUrls, origin, keys: [{ kid: 'k' }] });
  documents.serveBefore(server);
  const get = async url => (await fetch(url)).json();

  const { identity } = documents.capabilities(['ed25519']).overrides;
  assert.equal(identity.brand_json_url, `${origin}/.well-known/brand.json`);
  const { agents } = await get(identity.brand_json_url);
  assert.deepEqual(agents.map(a => a.url), ['http://127.0.0.1:1/mcp', `${origin}/a2a`]);
  for (const a of agents) assert.equal(new URL(a.jwks_uri).origin, identity.key_origins.webhook_signing);
  assert.deepEqual(await get(agents[0].jwks_uri), { keys: [{ kid: 'k' }] });
  assert.equal((await fetch(`${origin}/mcp`)).status, 404); // the answer of the server before
  server.close();
});
