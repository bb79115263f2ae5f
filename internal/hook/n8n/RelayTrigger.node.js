'use strict';

// A trigger node of n8n for one installation of Relay, made from its catalogue of event types (catalogue.json).
// n8n subscribes a REST hook when a workflow is activated, and ends it when the workflow is deactivated.

const crypto = require('crypto');

const catalogue = require('./catalogue.json');

const request = async (context, options) => {
  const credentials = await context.getCredentials('relayApi');
  return context.helpers.httpRequestWithAuthentication.call(context, 'relayApi', {
    json: true,
    ...options,
    url: credentials.baseUrl.replace(/\/+$/, '') + options.url,
  });
};

class RelayTrigger {
  constructor() {
    this.description = {
      displayName: 'Relay Trigger',
      name: 'relayTrigger',
      group: ['trigger'],
      version: 1,
      description: 'Starts when Relay delivers an event',
      defaults: { name: 'Relay Trigger' },
      inputs: [],
      outputs: ['main'],
      credentials: [{ name: 'relayApi', required: true }],
      webhooks: [{ name: 'default', httpMethod: 'POST', responseMode: 'onReceived', path: 'webhook', rawBody: true }],
      properties: [
        {
          displayName: 'Event',
          name: 'event',
          type: 'options',
          default: catalogue.triggers.length ? catalogue.triggers[0].event : '*',
          options: [
            { name: 'All Events', value: '*', description: 'Whatever is published' },
            ...catalogue.triggers.map((t) => ({ name: t.label, value: t.event, description: t.description })),
          ],
        },
      ],
    };
    this.webhookMethods = {
      default: {
        async checkExists() {
          const kept = this.getWorkflowStaticData('node');
          const target = this.getNodeWebhookUrl('default');
          const list = await request(this, {
            method: 'GET',
            url: '/v1/hooks',
            qs: { targetUrl: target, event: this.getNodeParameter('event') },
          });
          // Without the secret nothing can be verified: then it is subscribed anew.
          return list.some((hook) => hook.id === kept.id && hook.status === 'active') && Boolean(kept.secret);
        },
        async create() {
          const hook = await request(this, {
            method: 'POST',
            url: '/v1/hooks',
            body: { targetUrl: this.getNodeWebhookUrl('default'), event: this.getNodeParameter('event') },
          });
          Object.assign(this.getWorkflowStaticData('node'), { id: hook.id, secret: hook.secret });
          return true;
        },
        async delete() {
          const kept = this.getWorkflowStaticData('node');
          if (kept.id) {
            await request(this, { method: 'DELETE', url: `/v1/hooks/${encodeURIComponent(kept.id)}` });
          }
          delete kept.id;
          delete kept.secret;
          return true;
        },
      },
    };
  }

  async webhook() {
    const { secret } = this.getWorkflowStaticData('node');
    const headers = this.getHeaderData();
    const raw = this.getRequestObject().rawBody;
    const own = crypto
      .createHmac('sha256', secret || crypto.randomBytes(32))
      .update(`${headers['x-relay-timestamp']}.`)
      .update(raw)
      .digest();
    const given = Buffer.from(String(headers['x-relay-signature'] || '').replace(/^sha256=/, ''), 'hex');
    if (given.length !== own.length || !crypto.timingSafeEqual(given, own)) {
      this.getResponseObject().status(401).json({ message: 'The request was not signed with the secret of this subscription.' });
      return { noWebhookResponse: true };
    }
    return { workflowData: [[{ json: JSON.parse(raw.toString('utf8')) }]] };
  }
}

module.exports = { RelayTrigger };
