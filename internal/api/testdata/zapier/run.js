'use strict';

// Runs the Zapier app in the folder APP against a server, with the real zapier-platform-core and its checks on. It answers
// each line of standard input, a JSON object {call, …}, with a line "> " and JSON; all else that the library prints is not an
// answer.

process.env.NODE_ENV = 'test';
const [, , folder, baseUrl, apiKey] = process.argv;
const zapier = require('zapier-platform-core');
const schema = require('zapier-platform-schema');
const App = require(folder);

// The definition as it is uploaded: functions become texts of this form.
const uploaded = (v) => {
  if (typeof v === 'function') return `$func$${v.length}$f$`;
  if (Array.isArray(v)) return v.map(uploaded);
  if (v && typeof v === 'object') return Object.fromEntries(Object.entries(v).map(([k, w]) => [k, uploaded(w)]));
  return v;
};
const invalid = schema.validateAppDefinition(uploaded(App)).errors.map(String);

// Of a trigger's calls the library checks the results of "perform" alone. So the samples are the results of a polling trigger
// as well: then they must be an array of objects with unique ids.
const hooks = Object.values(App.triggers);
for (const { key, operation } of hooks) {
  App.triggers[`${key}_samples`] = {
    key: `${key}_samples`,
    noun: 'Sample',
    display: { label: 'Samples', description: 'Checks the samples.', hidden: true },
    operation: { type: 'polling', perform: operation.performList, sample: operation.sample },
  };
}
// What the visual builder makes of an unsubscription: a request instead of a function, whose answer must be JSON.
App.triggers.shorthand = {
  key: 'shorthand',
  noun: 'Shorthand',
  display: { label: 'Shorthand', description: 'Unsubscribes as the visual builder does.' },
  operation: {
    ...hooks[0].operation,
    performUnsubscribe: { method: 'DELETE', url: '{{bundle.authData.baseUrl}}/v1/hooks/{{bundle.subscribeData.id}}' },
  },
};

const tester = zapier.createAppTester(App);
const authData = { baseUrl, apiKey };

const run = ({ call, trigger, ...bundle }) => {
  const given = { authData, ...bundle };
  if (call === 'triggers') return hooks.map((t) => t.key);
  if (call === 'auth') return tester(App.authentication.test, given);
  if (call === 'validate') return invalid;
  return tester(App.triggers[trigger].operation[call], given);
};

const lines = require('readline').createInterface({ input: process.stdin });
(async () => {
  for await (const line of lines) {
    let answer;
    try {
      answer = { result: await run(JSON.parse(line)) };
    } catch (err) {
      answer = { error: `${err.name}: ${err.message}` };
    }
    process.stdout.write(`\n> ${JSON.stringify(answer)}\n`);
  }
})();
