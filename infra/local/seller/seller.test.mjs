import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEarlyAnswers, holdResponse } from './hold.mjs';
import { createLedger, toolCall } from './ledger.mjs';

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
      toolCall({ method: 'message/send', params: { message: { parts: [{ kind: 'data', data: { skill: 'tasks_get', [member]: { b: 2 } } }] } } }),
      { tool: 'tasks_get', args: { b: 2 } });
  }
  for (const body of [null, {}, { method: 'initialize' }]) assert.equal(toolCall(body), null);
});

test('the ledger counts calls and buys apart', () => {
  const ledger = createLedger();
  for (let i = 0; i < 2; i++) ledger.called({ tool: 'create_media_buy', args: { idempotency_key: 'k', po_number: 'PO-1' } });
  ledger.called({ tool: 'tasks_get', args: {} });
  ledger.bought({ media_buy_id: 'mb_1' }, { task_id: 'task_1', request: { po_number: 'PO-1', context: { trace: 't' } } });
  const { calls, buys, tools } = ledger.read();
  assert.deepEqual(calls.map(c => c.po_number), ['PO-1', 'PO-1']);
  assert.equal(calls[0].idempotency_key_sha256, calls[1].idempotency_key_sha256);
  assert.deepEqual(buys, [{ media_buy_id: 'mb_1', task_id: 'task_1', po_number: 'PO-1', context: { trace: 't' } }]);
  assert.deepEqual(tools, { create_media_buy: 2, tasks_get: 1 });
});

test('a held response leaves whole and in order', async () => {
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

test('an early answer waits for its webhook, a replay for nothing', async () => {
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
