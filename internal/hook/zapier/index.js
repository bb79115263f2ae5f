'use strict';

// A Zapier integration for one installation of Relay, made from its catalogue of event types (catalogue.json).
// Each event type is a trigger: Zapier subscribes a REST hook when a Zap is turned on, and ends it when the Zap is turned off.

const crypto = require('crypto');

const catalogue = require('./catalogue.json');

const address = (bundle, path) => bundle.authData.baseUrl.replace(/\/+$/, '') + path;

const authentication = {
  type: 'custom',
  fields: [
    {
      key: 'baseUrl',
      label: 'Address of Relay',
      type: 'string',
      required: true,
      default: catalogue.baseUrl || undefined,
      helpText: 'For example `https://relay.example.com`.',
    },
    {
      key: 'apiKey',
      label: 'API key',
      type: 'password',
      required: true,
      helpText: 'A key with the scope `hooks`, which can do nothing but subscribe.',
    },
  ],
  test: async (z, bundle) => (await z.request({ url: address(bundle, '/v1/hooks/me') })).data,
  connectionLabel: '{{label}}',
};

const addKey = (request, z, bundle) => {
  if (bundle.authData && bundle.authData.apiKey) {
    request.headers.Authorization = `Bearer ${bundle.authData.apiKey}`;
  }
  return request;
};

// Zapier gives the headers of a hook with "Http-" before their names.
const header = (headers, name) => {
  for (const [given, value] of Object.entries(headers || {})) {
    if (given.toLowerCase().replace(/^http-/, '') === name) return String(value);
  }
  return '';
};

// verified returns the event of a request that Relay has signed for this subscription. How old it is does not matter: Zapier
// may hold requests back.
const verified = (z, bundle) => {
  const secret = (bundle.subscribeData || {}).secret;
  const raw = bundle.rawRequest || {};
  const wanted = header(raw.headers, 'x-relay-signature').replace(/^sha256=/, '');
  const timestamp = header(raw.headers, 'x-relay-timestamp');
  const own = crypto
    .createHmac('sha256', secret || crypto.randomBytes(32))
    .update(`${timestamp}.${raw.content}`)
    .digest();
  const given = Buffer.from(wanted, 'hex');
  if (given.length !== own.length || !crypto.timingSafeEqual(given, own)) {
    throw new z.errors.Error('The request was not signed with the secret of this subscription.', 'SignatureError', 401);
  }
  return JSON.parse(raw.content);
};

const trigger = (type) => ({
  key: type.key,
  noun: type.label,
  display: { label: type.label, description: type.description },
  operation: {
    type: 'hook',
    performSubscribe: async (z, bundle) =>
      (await z.request({
        method: 'POST',
        url: address(bundle, '/v1/hooks'),
        body: { targetUrl: bundle.targetUrl, event: type.event },
      })).data,
    performUnsubscribe: async (z, bundle) =>
      (await z.request({
        method: 'DELETE',
        url: address(bundle, `/v1/hooks/${encodeURIComponent(bundle.subscribeData.id)}`),
      })).data,
    perform: (z, bundle) => [verified(z, bundle)],
    performList: async (z, bundle) =>
      (await z.request({ url: address(bundle, '/v1/hooks/samples'), params: { event: type.event, limit: 3 } })).data,
    sample: type.sample,
    outputFields: type.outputFields,
  },
});

module.exports = {
  version: require('./package.json').version,
  platformVersion: require('zapier-platform-core').version,
  authentication,
  beforeRequest: [addKey],
  afterResponse: [],
  triggers: Object.fromEntries(catalogue.triggers.map((type) => [type.key, trigger(type)])),
  searches: {},
  creates: {},
  resources: {},
};
