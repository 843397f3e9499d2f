// Walks through the base protocol with the npm package "ws", a client we did not write. Usage: node ws-walk.js http://127.0.0.1:3000/
import assert from 'node:assert/strict';
import { once } from 'node:events';
import WebSocket from 'ws';

const base = new URL(process.argv[2]);
const socketUrl = new URL('ws', base);
socketUrl.protocol = 'ws:';

const socket = new WebSocket(socketUrl);
const frames = [];
let wake = () => {};
socket.on('message', (bytes, isBinary) => {
  assert.equal(isBinary, false, 'every frame is text');
  frames.push(JSON.parse(bytes.toString('utf8')));
  wake();
});

/** Takes the next frame; ten seconds are enough for anything on one machine. */
async function next() {
  const deadline = setTimeout(() => {
    console.error('no frame within 10 s');
    process.exit(1);
  }, 10_000);
  while (frames.length === 0) await new Promise((resolve) => (wake = resolve));
  clearTimeout(deadline);
  return frames.shift();
}

function say(command) {
  socket.send(typeof command === 'string' ? command : JSON.stringify(command));
}

async function publish(channel, data) {
  const response = await fetch(new URL('api/events', base), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ channel, data }),
  });
  assert.equal(response.status, 202);
  return response.json();
}

await once(socket, 'open');

say({ type: 'subscribe', channel: 'walk.a' });
const subscribed = await next();
assert.equal(subscribed.type, 'subscribed');
assert.equal(subscribed.channel, 'walk.a');

const published = await publish('walk.a', { message: 'héllo', n: 1 });
await publish('walk.b', { message: 'not for us' });
const event = await next();
assert.equal(event.type, 'event');
assert.equal(event.channel, 'walk.a');
assert.equal(event.id, published.id);
assert.equal(event.offset, published.offset);
assert.deepEqual(Object.keys(event.data), ['id', 'timestamp', 'message', 'n']);
assert.equal(event.data.id, published.id);
assert.equal(event.data.message, 'héllo');

say({ type: 'ping' });
assert.deepEqual(await next(), { type: 'pong' }, 'nothing came from the other channel');

socket.ping('alive?');
const [echoed] = await once(socket, 'pong');
assert.equal(echoed.toString(), 'alive?');

say('{"type":');
assert.equal((await next()).type, 'error');
say({ type: 'dance' });
assert.equal((await next()).type, 'error');

say({ type: 'unsubscribe', channel: 'walk.a' });
assert.deepEqual(await next(), { type: 'unsubscribed', channel: 'walk.a' });
await publish('walk.a', { message: 'too late' });
say({ type: 'ping' });
assert.deepEqual(await next(), { type: 'pong' }, 'nothing came after the unsubscribe');

socket.close(1000);
const [code] = await once(socket, 'close');
assert.equal(code, 1000);
console.log('walked');
