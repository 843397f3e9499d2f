// The client logic of the page, without a browser: a socket played by the test and a clock moved by it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NotifyConnection, backoff, defaults, isFinal, matches } from '../../src/OrleansNotify.Server/Page/notify.js';

class Stage {
  sockets = [];
  told = [];
  #now = 0;
  #timers = [];

  constructor(options = {}) {
    const stage = this;
    this.connection = new NotifyConnection('ws://test/ws', options, {
      WebSocket: class {
        sent = [];
        closed = null;
        constructor(url) { this.url = url; stage.sockets.push(this); }
        send(text) { this.sent.push(JSON.parse(text)); }
        close(code) { this.closed = code; }
      },
      random: () => 0.5,
      setTimeout: (then, ms) => { const timer = { at: this.#now + ms, then }; this.#timers.push(timer); return timer; },
      clearTimeout: (timer) => { this.#timers = this.#timers.filter((other) => other !== timer); },
    });
    for (const type of ['state', 'event', 'subscribed', 'unsubscribed', 'refused', 'recovered', 'lost', 'gap', 'error', 'identity', 'unauthorized'])
      this.connection.addEventListener(type, ({ detail }) => this.told.push({ is: type, ...detail }));
  }

  get socket() { return this.sockets.at(-1); }
  get asked() { return this.socket.sent.at(-1); }

  open() { this.connection.connect(); this.socket.onopen(); return this; }
  say(message) { this.socket.onmessage({ data: JSON.stringify(message) }); return this; }
  event(channel, offset, extra = {}) { return this.say({ type: 'event', channel, id: `evt_${offset}`, offset, ...extra, data: { n: offset } }); }
  cut(code = 1006, reason = '') { this.socket.onclose({ code, reason }); return this; }

  /** Subscribes to a channel that stands at `offset`. */
  join(channel, offset, epoch = 'A') {
    this.connection.subscribe(channel);
    return this.say({ type: 'subscribed', channel, id: this.asked.id, epoch, offset, recoverable: true });
  }

  /** Lets `ms` pass; timers run in their order. */
  pass(ms) {
    const until = this.#now + ms;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#now = due.at;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      due.then();
    }
    this.#now = until;
    return this;
  }

  reopen() {
    const before = this.sockets.length;
    while (this.sockets.length === before) this.pass(50);
    this.socket.onopen();
    return this;
  }

  only(type) { return this.told.filter((one) => one.is === type); }
  offsets() { return this.only('event').map((one) => one.offset); }
}

test('a token is shown before anything else, at each connect, and channels are asked for once it is taken', () => {
  const stage = new Stage();
  stage.connection.subscribe('a');
  stage.connection.authenticate('T');
  stage.socket.onopen();
  assert.deepEqual(stage.socket.sent, [{ type: 'auth', token: 'T', id: 1 }]);
  stage.connection.subscribe('b');
  assert.equal(stage.socket.sent.length, 1);
  stage.say({ type: 'authenticated', id: 1, user: 'alice', expires: 1800000000 });
  assert.deepEqual(stage.only('identity'), [{ is: 'identity', user: 'alice', expires: 1800000000 }]);
  assert.deepEqual(stage.socket.sent.slice(1).map(({ type, channel }) => [type, channel]), [['subscribe', 'a'], ['subscribe', 'b']]);
  stage.cut().reopen();
  assert.deepEqual(stage.socket.sent.map(({ type, token }) => [type, token]), [['auth', 'T']]);
});

test('a token that is refused keeps the channels, and another one is tried at once', () => {
  const stage = new Stage();
  stage.connection.subscribe('a');
  stage.connection.authenticate('T');
  stage.socket.onopen();
  const first = stage.socket;
  stage.say({ type: 'error', id: 1, code: 109, message: 'expired' });
  assert.deepEqual(stage.only('unauthorized'), [{ is: 'unauthorized', code: 109, message: 'expired' }]);
  stage.connection.authenticate('U');
  assert.equal(first.closed, 1000);
  stage.socket.onopen();
  assert.equal(stage.asked.token, 'U');
  stage.say({ type: 'authenticated', id: stage.asked.id, user: 'alice', expires: 1800000000 });
  assert.equal(stage.asked.channel, 'a');
});

test('who says nothing where it is asked for is told so, and no channel is given up', () => {
  const stage = new Stage().open();
  stage.connection.subscribe('a');
  stage.say({ type: 'error', id: stage.asked.id, code: 101, message: 'Say first who you are', channel: 'a' });
  assert.equal(stage.only('unauthorized').length, 1);
  assert.equal(stage.only('refused').length, 0);
  assert.deepEqual(stage.connection.channels, ['a']);
});

test('a token where nobody is asked changes nothing but for being told so, and keys that are away for now are tried again', () => {
  const stage = new Stage();
  stage.connection.subscribe('a');
  stage.connection.authenticate('T');
  stage.socket.onopen();
  stage.say({ type: 'error', id: 1, code: 108, message: 'This server takes no tokens' });
  assert.equal(stage.only('unauthorized')[0].code, 108);
  assert.equal(stage.asked.channel, 'a');

  stage.cut().reopen();
  stage.say({ type: 'error', id: stage.asked.id, code: 100, message: 'keys are away' });
  assert.equal(stage.only('state').at(-1).state, 'waiting');
  stage.reopen();
  assert.equal(stage.asked.type, 'auth');
});

test('back-off doubles its bound up to the cap, and jitter reaches from nothing to the bound', () => {
  const bounds = [0, 1, 2, 3, 4, 5, 6, 100].map((attempt) => backoff(attempt, defaults, () => 1));
  assert.deepEqual(bounds, [500, 1000, 2000, 4000, 8000, 16000, 20000, 20000]);
  assert.equal(backoff(3, defaults, () => 0), 0);
  assert.equal(backoff(3, defaults, () => 0.25), 1000);
});

test('exactly the two ranges of the protocol are final', () => {
  const final = [1000, 1006, 3001, 3499, 3500, 3999, 4000, 4499, 4500, 4999].filter(isFinal);
  assert.deepEqual(final, [3500, 3999, 4500, 4999]);
});

test('a channel is asked for with history once, and with its position after a cut', () => {
  const stage = new Stage().open().join('news', 7);
  assert.deepEqual(stage.asked, { type: 'subscribe', channel: 'news', id: 1, history: 20 });
  stage.event('news', 8).cut().reopen();
  assert.deepEqual(stage.asked, { type: 'subscribe', channel: 'news', id: 2, recover: { epoch: 'A', offset: 8 } });
});

test('a channel wanted before the connection is open is asked for when it opens', () => {
  const stage = new Stage();
  stage.connection.subscribe('news');
  stage.open();
  assert.deepEqual(stage.socket.sent.map((command) => command.channel), ['news']);
});

test('history is shown as past, live events follow it, and neither is told as a gap', () => {
  const stage = new Stage().open().join('news', 7);
  stage.event('news', 5).event('news', 7).event('news', 8);
  assert.deepEqual(stage.only('event').map(({ offset, how }) => [offset, how]), [[5, 'history'], [7, 'history'], [8, 'live']]);
  assert.deepEqual(stage.only('gap'), []);
});

test('recovered events come once, and their number is told', () => {
  const stage = new Stage().open().join('news', 7).event('news', 8).cut().reopen();
  stage.say({ type: 'subscribed', channel: 'news', id: 2, epoch: 'A', offset: 10, wasRecovering: true, recovered: true });
  stage.event('news', 8).event('news', 9).event('news', 10).event('news', 11).event('news', 11).event('news', 12);
  assert.deepEqual(stage.offsets(), [8, 9, 10, 11, 12]);
  assert.deepEqual(stage.only('event').map(({ how }) => how), ['live', 'recovered', 'recovered', 'live', 'live']);
  assert.deepEqual(stage.only('recovered'), [{ is: 'recovered', channel: 'news', count: 2 }]);
  assert.deepEqual(stage.only('gap'), []);
});

test('a cut in the middle of recovery recovers the rest, not the beginning', () => {
  const stage = new Stage().open().join('news', 7).cut().reopen();
  stage.say({ type: 'subscribed', channel: 'news', id: 2, epoch: 'A', offset: 10, wasRecovering: true, recovered: true });
  stage.event('news', 8).cut().reopen();
  assert.deepEqual(stage.asked.recover, { epoch: 'A', offset: 8 });
});

test('a new epoch after a restart is told, and the new offsets are followed', () => {
  const stage = new Stage().open().join('news', 7).cut().reopen();
  stage.say({ type: 'subscribed', channel: 'news', id: 2, epoch: 'B', offset: 0, wasRecovering: true, recovered: false });
  stage.event('news', 1).cut().reopen();
  assert.deepEqual(stage.only('lost'), [{ is: 'lost', channel: 'news', newEpoch: true }]);
  assert.deepEqual(stage.offsets(), [1]);
  assert.deepEqual(stage.asked.recover, { epoch: 'B', offset: 1 });
});

test('what a new epoch holds already is fetched from its beginning', () => {
  const stage = new Stage().open().join('news', 7).cut().reopen();
  stage.say({ type: 'subscribed', channel: 'news', id: 2, epoch: 'B', offset: 2, wasRecovering: true, recovered: false });
  assert.deepEqual(stage.socket.sent.slice(-2), [
    { type: 'unsubscribe', channel: 'news' },
    { type: 'subscribe', channel: 'news', id: 3, recover: { epoch: 'B', offset: 0 } }]);
  stage.event('news', 3); // still of the subscription given up
  stage.say({ type: 'subscribed', channel: 'news', id: 3, epoch: 'B', offset: 3, wasRecovering: true, recovered: true });
  stage.event('news', 1).event('news', 2).event('news', 3).event('news', 4);
  assert.deepEqual(stage.offsets(), [1, 2, 3, 4]);
  assert.equal(stage.only('lost').length, 1);
});

test('history that is too short is told with the number that is lost', () => {
  const stage = new Stage().open().join('news', 7).cut().reopen();
  stage.say({ type: 'subscribed', channel: 'news', id: 2, epoch: 'A', offset: 500, wasRecovering: true, recovered: false });
  assert.deepEqual(stage.only('lost'), [{ is: 'lost', channel: 'news', newEpoch: false, count: 493 }]);
});

test('a position that is no longer recoverable leads to a subscription without it', () => {
  const stage = new Stage().open().join('news', 7).cut().reopen();
  stage.say({ type: 'error', id: 2, code: 112, message: 'gone' });
  assert.deepEqual(stage.asked, { type: 'subscribe', channel: 'news', id: 3, history: 20 });
  assert.equal(stage.only('lost').length, 1);
});

test('a new epoch in the midst of a connection is told once and does not reuse offsets', () => {
  const stage = new Stage().open().join('news', 7);
  stage.say({ type: 'position', channel: 'news', epoch: 'B', offset: 0, recovered: false });
  stage.event('news', 1, { epoch: 'B' }).event('news', 2);
  assert.equal(stage.only('lost').length, 1);
  assert.deepEqual(stage.only('event').map(({ epoch, offset }) => `${epoch}${offset}`), ['B1', 'B2']);
});

test('a base event of a new epoch tells the epoch and how many of its first are missing', () => {
  const stage = new Stage().open().join('news', 7).event('news', 3, { epoch: 'B' });
  assert.deepEqual(stage.told.slice(-3).map(({ is, count }) => [is, count]), [['lost', undefined], ['gap', 2], ['event', undefined]]);
});

test('holes are told with their size, whether a position or an event shows them', () => {
  const stage = new Stage().open().join('news', 7);
  stage.say({ type: 'position', channel: 'news', epoch: 'A', offset: 9, recovered: false }).event('news', 10).event('news', 14);
  assert.deepEqual(stage.only('gap').map(({ count }) => count), [2, 3]);
});

test('no event of a channel is shown after it was given up, and none of an old subscription in a new one', () => {
  const stage = new Stage().open().join('news', 7);
  stage.connection.unsubscribe('news');
  assert.deepEqual(stage.asked, { type: 'unsubscribe', channel: 'news' });
  stage.event('news', 8);
  stage.connection.subscribe('news');
  stage.event('news', 9);
  assert.deepEqual(stage.offsets(), []);
});

test('a reply to a subscription that was given up and taken again is not taken for the new one', () => {
  const stage = new Stage().open();
  stage.connection.subscribe('news');
  const first = stage.asked.id;
  stage.connection.unsubscribe('news');
  stage.connection.subscribe('news');
  stage.say({ type: 'subscribed', channel: 'news', id: first, epoch: 'A', offset: 3 });
  assert.deepEqual(stage.only('subscribed'), []);
});

test('events to everyone arrive without asking, once, also after a reconnect', () => {
  const stage = new Stage().open().event('@broadcast', 4, { epoch: 'A' }).event('@broadcast', 5).cut().reopen();
  stage.event('@broadcast', 7, { epoch: 'A' });
  assert.deepEqual(stage.offsets(), [4, 5, 7]);
  assert.deepEqual(stage.only('gap').map(({ count }) => count), [1]);
});

test('a refused channel is given up; a temporary error is asked again after a pause', () => {
  const stage = new Stage().open();
  stage.connection.subscribe('no such:place');
  stage.say({ type: 'error', id: 1, code: 102, message: 'unknown namespace' });
  assert.deepEqual(stage.connection.channels, []);
  assert.equal(stage.only('refused')[0].message, 'unknown namespace');
  stage.connection.subscribe('busy');
  stage.say({ type: 'error', id: 2, code: 111, message: 'slowly' });
  assert.equal(stage.socket.sent.length, 2);
  stage.pass(250);
  assert.deepEqual(stage.asked, { type: 'subscribe', channel: 'busy', id: 3, history: 20 });
});

test('failed attempts wait longer and longer; a connection that lasted starts anew', () => {
  const stage = new Stage().open();
  const waits = () => stage.only('state').filter(({ state }) => state === 'waiting').map(({ delay }) => delay);
  stage.cut().pass(250).cut().pass(500).cut();
  assert.deepEqual(waits(), [250, 500, 1000]);
  stage.pass(1000).socket.onopen();
  stage.pass(defaults.steadyAfter).cut();
  assert.equal(waits().at(-1), 250);
});

test('a server that accepts and closes at once is not hammered', () => {
  const stage = new Stage().open();
  stage.cut(3001).pass(250).socket.onopen();
  stage.cut(3001);
  assert.equal(stage.told.at(-1).delay, 500);
});

test('a final close code ends the connection until somebody asks for it', () => {
  const stage = new Stage().open().cut(3503, 'disconnected').pass(600_000);
  assert.equal(stage.sockets.length, 1);
  assert.deepEqual(stage.told.at(-1), { is: 'state', state: 'closed', code: 3503, reason: 'disconnected' });
  stage.open();
  assert.equal(stage.sockets.length, 2);
});

test('a silent connection is asked, and left when nothing answers', () => {
  const stage = new Stage().open().pass(defaults.pingAfter);
  assert.deepEqual(stage.asked, { type: 'ping' });
  stage.say({ type: 'pong' }).pass(defaults.pingAfter);
  assert.equal(stage.socket.sent.length, 2);
  stage.pass(defaults.pongTimeout - 1);
  assert.equal(stage.connection.state, 'open');
  stage.pass(1);
  assert.equal(stage.connection.state, 'waiting');
  assert.equal(stage.sockets[0].closed, 1000);
});

test('a handshake without an answer is given up', () => {
  const stage = new Stage();
  stage.connection.connect();
  stage.pass(defaults.openTimeout);
  assert.equal(stage.connection.state, 'waiting');
});

test('what is not JSON and what is unknown ends nothing', () => {
  const stage = new Stage().open().join('news', 0);
  stage.socket.onmessage({ data: 'oops' });
  stage.say({ type: 'novelty' }).event('news', 1);
  assert.equal(stage.only('error').length, 1);
  assert.deepEqual(stage.offsets(), [1]);
});

test('closing on purpose stays closed', () => {
  const stage = new Stage().open();
  stage.connection.close();
  stage.pass(600_000);
  assert.equal(stage.sockets.length, 1);
  assert.equal(stage.connection.state, 'closed');
});

test('a pattern is asked for without history, and again with the positions of the channels it brought', () => {
  const stage = new Stage().open();
  stage.connection.subscribe('chat.*');
  assert.deepEqual(stage.asked, { type: 'subscribe', channel: 'chat.*', id: stage.asked.id });
  stage.say({ type: 'subscribed', channel: 'chat.*', id: stage.asked.id });
  assert.deepEqual(stage.connection.standing('chat.*'), { live: true, offset: null });
  stage.event('chat.a', 7, { epoch: 'A' }).event('chat.b', 1, { epoch: 'B' }).event('other.c', 1, { epoch: 'C' }).event('chat.a', 8);
  assert.deepEqual(stage.only('event').map(({ channel, offset, how }) => `${channel} ${offset} ${how}`), ['chat.a 7 live', 'chat.b 1 live', 'chat.a 8 live']);

  stage.cut();
  stage.reopen();
  assert.deepEqual(stage.asked.recover, [{ channel: 'chat.a', epoch: 'A', offset: 8 }, { channel: 'chat.b', epoch: 'B', offset: 1 }]);
  stage.say({ type: 'subscribed', channel: 'chat.*', id: stage.asked.id });
  stage.say({ type: 'position', channel: 'chat.a', epoch: 'A', offset: 10, recovered: true }).event('chat.a', 9).event('chat.a', 10).event('chat.a', 11);
  stage.say({ type: 'position', channel: 'chat.b', epoch: 'B2', offset: 4, recovered: false }).event('chat.b', 5);

  assert.deepEqual(stage.only('recovered').map(({ channel, count }) => `${channel} ${count}`), ['chat.a 2']);
  assert.deepEqual(stage.only('lost').map(({ channel, newEpoch }) => `${channel} ${newEpoch}`), ['chat.b true']);
  assert.deepEqual(
    stage.only('event').slice(3).map(({ channel, offset, how }) => `${channel} ${offset} ${how}`),
    ['chat.a 9 recovered', 'chat.a 10 recovered', 'chat.a 11 live', 'chat.b 5 live']);
  assert.equal(stage.only('gap').length, 0);
});

test('patterns are read as the server reads them', () => {
  for (const [pattern, channel, expected] of [
    ['chat.*', 'chat.a', true], ['chat.*', 'chat', false], ['chat.*', 'chat.a.b', false], ['chat.**', 'chat.a.b', true], ['chat.**', 'chat', false],
    ['*.a', 'chat.a', true], ['chat.*.x', 'chat.a.y', false], ['*', 'ns:chat', false], ['ns:chat.*', 'ns:chat.a', true], ['ns:chat.*', 'chat.a', false],
    ['**', '$private', false], ['chat.**', 'chat.a#42', false], ['**', '@system', false], ['chat', 'chat', false],
  ]) assert.equal(matches(pattern, channel), expected, `${pattern} ${channel}`);
});
