'use strict';

const catalogue = require('./catalogue.json');

class RelayApi {
  constructor() {
    this.name = 'relayApi';
    this.displayName = 'Relay API';
    this.properties = [
      { displayName: 'Address of Relay', name: 'baseUrl', type: 'string', default: catalogue.baseUrl, required: true },
      { displayName: 'API Key', name: 'apiKey', type: 'string', typeOptions: { password: true }, default: '', required: true },
    ];
    this.authenticate = {
      type: 'generic',
      properties: { headers: { Authorization: '=Bearer {{$credentials.apiKey}}' } },
    };
    this.test = { request: { baseURL: '={{$credentials.baseUrl}}', url: '/v1/hooks/me' } };
  }
}

module.exports = { RelayApi };
