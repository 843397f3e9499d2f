import assert from 'node:assert/strict';
import { test } from 'node:test';
import { member, pretty, tokens } from '../../src/OrleansNotify.Server/Page/json.js';
import { eventBody, jsonProblem, publish } from '../../src/OrleansNotify.Server/Page/publish.js';

const reply = (status, body, headers = {}) => new Response(JSON.stringify(body), { status, headers });

/** Answers one call after the other; an Error is thrown instead. */
function server(...answers) {
  const calls = [];
  const waits = [];
  return {
    calls,
    waits,
    options: {
      random: () => 0.5,
      wait: async (ms) => void waits.push(ms),
      fetch: async (url, init) => {
        calls.push({ url, ...init });
        const answer = answers.shift();
        if (answer instanceof Error) throw answer;
        return answer;
      },
    },
  };
}

test('the body carries the data byte for byte', () => {
  const data = '{"n":12345678901234567890, "s":"\\u00e9"}';
  assert.equal(eventBody({ type: 'custom', target: 'a"b', data }), `{"channel":"a\\"b","data":${data}}`);
  assert.equal(eventBody({ type: 'user', target: '42', data: '1' }), '{"type":"user","user":"42","data":1}');
  assert.equal(eventBody({ type: 'broadcast', target: 'ignored', data: '1' }), '{"type":"broadcast","data":1}');
});

test('an API key goes along when there is one, in a header', async () => {
  for (const apiKey of ['K', '']) {
    const stage = server(reply(202, { offset: 1 }));
    await publish('http://test/api/events', '{}', { ...stage.options, apiKey });
    assert.equal(stage.calls[0].headers['X-API-Key'], apiKey === '' ? undefined : 'K');
    assert.equal(stage.calls[0].url, 'http://test/api/events');
  }
});

test('a JSON problem is a sentence, and right JSON is none', () => {
  assert.equal(jsonProblem(' {"a":1} '), null);
  assert.match(jsonProblem(''), /^Write a JSON value/);
  assert.match(jsonProblem('{"a":}'), /^This is not JSON yet: .+\.$/);
});

test('a lost answer is tried again with the same key', async () => {
  const { calls, waits, options } = server(new TypeError('fetch failed'), reply(202, { id: 'evt_1', offset: 3 }));
  assert.deepEqual(await publish('/api/events', '{}', options), { id: 'evt_1', offset: 3 });
  assert.equal(calls.length, 2);
  assert.equal(calls[0].headers['Idempotency-Key'], calls[1].headers['Idempotency-Key']);
  assert.match(calls[0].headers['Idempotency-Key'], /^[0-9a-f]{32}$/);
  assert.deepEqual(waits, [250]);
});

test('a 503 waits as long as it asks for and gives up after the third try', async () => {
  const busy = () => reply(503, { title: 'Busy', detail: 'Not accepted.' }, { 'Retry-After': '2' });
  const { calls, waits, options } = server(busy(), busy(), busy());
  await assert.rejects(publish('/api/events', '{}', options), { message: 'Not accepted.' });
  assert.equal(calls.length, 3);
  assert.deepEqual(waits, [2000, 2000]);
});

test('a refusal is not tried again and shows the reason given by the server', async () => {
  const { calls, options } = server(reply(400, { title: 'Bad', detail: 'channel: missing' }));
  await assert.rejects(publish('/api/events', '{}', options), { message: 'channel: missing' });
  assert.equal(calls.length, 1);
});

test('each publication has its own key', async () => {
  const { calls, options } = server(reply(202, {}), reply(202, {}));
  await publish('/api/events', '{}', options);
  await publish('/api/events', '{}', options);
  assert.notEqual(calls[0].headers['Idempotency-Key'], calls[1].headers['Idempotency-Key']);
});

test('a member comes out as it stands, whatever surrounds it', () => {
  const frame = '{"type":"event","tags":["data",":"],"in":{"data":1}, "data" : {"n":1.50,"s":"}\\",data"} ,"z":0}';
  assert.equal(member(frame, 'data'), '{"n":1.50,"s":"}\\",data"}');
  assert.equal(member(frame, 'z'), '0');
  assert.equal(member(frame, 'n'), undefined);
  assert.equal(member('{"d\\u0061ta":true}', 'data'), 'true');
});

test('pretty printing changes nothing but white space', () => {
  const text = '{"a":[1.0,{"b":12345678901234567890},[],{}],"c":"x: [1,2]","d":null,"e":-1e5}';
  const printed = pretty(text).map(([, piece]) => piece).join('');
  assert.deepEqual(tokens(printed), tokens(text));
  assert.deepEqual(printed.split('\n').slice(0, 2), ['{', '  "a": [1.0, { "b": 12345678901234567890 }, [], {}],']);
  assert.equal(pretty('[1,{"a":[]}]').map(([, piece]) => piece).join(''), '[1, { "a": [] }]');
  const kinds = Object.fromEntries(pretty(text).map(([kind, piece]) => [piece, kind]));
  assert.deepEqual([kinds['"a"'], kinds['"x: [1,2]"'], kinds['null'], kinds['-1e5'], kinds['1.0']], ['key', 'string', 'word', 'number', 'number']);
});
