// What the seller received and what it sold. Tests need both to distinguish "called twice" from
// "bought twice".
import { createHash } from 'node:crypto';

const sha256 = text => createHash('sha256').update(text).digest('hex');

export function createLedger() {
  const calls = [];
  const buys = [];
  const tools = {};
  return {
    // Counts every tool call that arrives, including replays, which never reach the platform's
    // handlers.
    called({ tool, args }) {
      tools[tool] = (tools[tool] ?? 0) + 1;
      if (tool !== 'create_media_buy') return;
      calls.push({
        idempotency_key_sha256: args.idempotency_key ? sha256(args.idempotency_key) : null,
        po_number: args.po_number ?? null,
        received_at: new Date().toISOString(),
      });
    },
    bought(buy, { task_id, request }) {
      buys.push({
        media_buy_id: buy.media_buy_id,
        task_id: task_id ?? null,
        po_number: request.po_number ?? null,
        context: request.context ?? null,
      });
    },
    read: () => ({ calls, buys, tools }),
  };
}

// Returns the tool call in the body of an MCP or A2A request, or null for anything else.
export function toolCall(body) {
  if (body?.method === 'tools/call') {
    return { tool: body.params?.name, args: body.params?.arguments ?? {} };
  }
  for (const part of body?.params?.message?.parts ?? []) {
    if (part.data?.skill) {
      return { tool: part.data.skill, args: part.data.input ?? part.data.parameters ?? {} };
    }
  }
  return null;
}
