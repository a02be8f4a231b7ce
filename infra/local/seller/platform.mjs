// What the seller sells: one product. It is bought at once or after a delay, as ext.adcp_demo of
// each request says.
import { randomUUID } from 'node:crypto';

const sleep = ms => new Promise(done => setTimeout(done, ms));

const product = {
  product_id: 'prod_1',
  name: 'Homepage takeover',
  description: 'Guaranteed display on the home page',
  delivery_type: 'guaranteed',
  publisher_properties: [{ publisher_domain: 'publisher.example', selection_type: 'all' }],
  format_ids: [{ agent_url: 'https://creative.adcontextprotocol.org', id: 'display_300x250' }],
  pricing_options: [{ pricing_option_id: 'po_cpm', pricing_model: 'cpm', currency: 'USD', fixed_price: 10 }],
  reporting_capabilities: {
    available_reporting_frequencies: ['daily'],
    expected_delay_minutes: 60,
    timezone: 'UTC',
    supports_webhooks: false,
    available_metrics: ['impressions', 'spend'],
    date_range_support: 'date_range',
  },
};

const accounts = Object.fromEntries(['acct_a', 'acct_b'].map(id =>
  [id, { id, name: `Account ${id.slice(-1).toUpperCase()}`, status: 'active', ctx_metadata: {} }]));

export function createPlatform({ sdk, ledger, webhooks, delayMs, awaitEarly }) {
  const buys = new Map();

  // ext.adcp_demo = {delay_ms, outcome, webhook, operation_id, webhook_delay_ms}
  const behavior = request => {
    const demo = { outcome: 'completed', webhook: 'normal', delay_ms: delayMs, ...request.ext?.adcp_demo };
    return demo.webhook === 'early' ? { ...demo, delay_ms: 0 } : demo;
  };

  const refuse = ({ outcome }) => {
    if (outcome === 'rejected') {
      throw new sdk.AdcpError('POLICY_VIOLATION', {
        recovery: 'terminal',
        message: 'The publisher declined the order',
      });
    }
    if (outcome === 'failed') {
      throw new sdk.AdcpError('POLICY_VIOLATION', {
        recovery: 'correctable',
        message: 'The trafficker returned the order',
      });
    }
  };

  const sell = (request, taskId) => {
    const id = `mb_${randomUUID().slice(0, 8)}`;
    const buy = {
      media_buy_id: id,
      status: 'pending_creatives',
      revision: 1,
      confirmed_at: new Date().toISOString(),
      context: request.context,
      packages: (request.packages ?? []).map((p, i) => ({
        package_id: `${id}_p${i}`,
        product_id: p.product_id,
        budget: p.budget,
        pricing_option_id: p.pricing_option_id,
      })),
    };
    buys.set(id, buy);
    ledger.bought(buy, { task_id: taskId, request });
    return buy;
  };

  return sdk.definePlatform({
    capabilities: {
      specialisms: ['sales-guaranteed'],
      channels: ['display'],
      pricingModels: ['cpm'],
      // The seller does require it, and documents.mjs declares it: if the SDK derived an account
      // block from this field, it would drop everything that documents.mjs declares.
      requireOperatorAuth: false,
    },
    accounts: {
      resolution: 'explicit',
      resolve: async ref => {
        if (ref?.account_id) return accounts[ref.account_id] ?? null;
        return ref?.brand ? { ...accounts.acct_a, brand: ref.brand, operator: ref.operator } : accounts.acct_a;
      },
    },
    sales: {
      getProducts: async () => ({ products: [product] }),
      createMediaBuy: async (request, ctx) => {
        const demo = behavior(request);
        if (demo.outcome === 'sync') {
          const buy = sell(request);
          webhooks.remember(buy.media_buy_id, { request, demo });
          return buy;
        }
        const taskId = `task_${randomUUID()}`;
        webhooks.remember(taskId, { request, demo });
        if (demo.webhook === 'early') awaitEarly(request, webhooks.firstAttempt('create_media_buy', taskId));
        return ctx.handoffToTask(async task => {
          await task.update({ message: 'Awaiting the trafficker', percentage: 10 });
          await sleep(demo.delay_ms);
          refuse(demo);
          return sell(request, taskId);
        }, { task_id: taskId });
      },
      updateMediaBuy: async (id, request) => {
        const demo = behavior(request);
        refuse(demo);
        const buy = buys.get(id);
        if (!buy) {
          throw new sdk.AdcpError('MEDIA_BUY_NOT_FOUND', { recovery: 'terminal', message: `No media buy ${id}` });
        }
        buy.revision += 1;
        if (request.canceled) buy.status = 'canceled';
        webhooks.remember(id, { request, demo });
        return { media_buy_id: id, status: buy.status, revision: buy.revision };
      },
      getMediaBuys: async () => ({ media_buys: [...buys.values()] }),
      getMediaBuyDelivery: async () => ({
        currency: 'USD',
        reporting_period: { start: '2027-05-01T00:00:00Z', end: '2027-05-31T23:59:59Z' },
        media_buy_deliveries: [],
      }),
      syncCreatives: async creatives => creatives.map(c => ({ creative_id: c.creative_id, action: 'created' })),
      listCreativeFormats: async () => ({ formats: [] }),
    },
  });
}
