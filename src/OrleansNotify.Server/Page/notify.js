// The page's connection: keeps one WebSocket open, keeps each channel's position, and recovers after every loss. No DOM in here.
// What it tells goes out as events of an EventTarget; see the list at NotifyConnection.

/** How the connection behaves in time, in milliseconds. */
export const defaults = {
  backoffBase: 500, // the first retry comes within this time
  backoffCap: 20_000, // and no retry later than this
  steadyAfter: 5_000, // a connection that lived this long starts the back-off anew
  openTimeout: 10_000,
  pingAfter: 15_000, // silence after which we ask whether anybody is there
  pongTimeout: 8_000, // and how long we wait for any answer
  history: 20, // publications asked for when a channel is new to us
};

/** Exponential back-off with full jitter: anywhere between 0 and the bound, so that a thousand clients do not come back at once. */
export function backoff(attempt, { backoffBase, backoffCap } = defaults, random = Math.random) {
  return random() * Math.min(backoffCap, backoffBase * 2 ** Math.min(attempt, 30));
}

/** Whether a close code asks us to stay away (the ranges are part of the protocol). */
export function isFinal(code) {
  return (code >= 3500 && code <= 3999) || (code >= 4500 && code <= 4999);
}

const TEMPORARY = new Set([100, 111]); // errors of a subscribe that are worth another try
const UNAUTHORIZED = 101;
const NOT_AVAILABLE = 108;
const UNRECOVERABLE = 112;
const MAX_RECOVERIES = 300; // positions in one subscribe to a pattern

/**
 * Events, each a CustomEvent with these members in `detail`:
 * - `state` {state: connecting|open|waiting|closed, delay?, code?, reason?}
 * - `event` {channel, offset, epoch, text, message, how}: a publication; `text` is the frame as received, `how` is live, recovered or history
 * - `subscribed` {channel} · `unsubscribed` {channel} · `refused` {channel, code, message}
 * - `identity` {user, expires}: the server takes our token; expires is in seconds since 1970
 * - `unauthorized` {code, message}: it does not, or wants one; the channels are kept until there is one that it takes
 * - `recovered` {channel, count} · `lost` {channel, newEpoch, count?}: could not recover, because of a new epoch or because history is too short
 * - `gap` {channel, count}: publications that will not come
 * - `error` {code, message}: an error that belongs to no subscription
 */
export class NotifyConnection extends EventTarget {
  #url;
  #options;
  #env;
  #socket = null;
  #opened = false;
  #ready = false; // open, and the server knows who we are, if it wants to
  #token = '';
  #authId = null;
  #attempt = 0;
  #timers = new Map();
  #channels = new Map(); // name → what we know of a channel we want
  #unasked = new Map(); // the same for channels that reach us without asking (@broadcast, our user's)
  #pending = new Map(); // command id → channel name
  #nextId = 1;
  state = 'closed';

  constructor(url, options = {}, env = {}) {
    super();
    this.#url = url;
    this.#options = { ...defaults, ...options };
    this.#env = {
      WebSocket: globalThis.WebSocket,
      random: Math.random,
      setTimeout: (f, ms) => setTimeout(f, ms),
      clearTimeout: (t) => clearTimeout(t),
      ...env,
    };
  }

  /** The channels wanted, in the order they were added. */
  get channels() {
    return [...this.#channels.keys()];
  }

  /** Where a wanted channel stands: {live, offset}; offset is null until the server has answered for the first time. */
  standing(channel) {
    const { live, epoch, offset } = this.#channels.get(channel);
    return { live, offset: epoch === null ? null : offset };
  }

  /** Says from now on, at each connect, who we are; '' says nothing. Connects anew at once. */
  authenticate(token) {
    this.#token = token;
    this.#drop(1000);
    this.#clear('retry');
    this.connect();
  }

  /** Opens now; in the middle of a back-off the wait ends. Without effect while connecting or open. */
  connect() {
    if (this.#socket) return;
    this.#clear('retry');
    let socket;
    try {
      socket = new this.#env.WebSocket(this.#url);
    } catch (error) {
      this.#retry({ code: 0, reason: error.message });
      return;
    }
    this.#socket = socket;
    this.#opened = false;
    this.#tell('state', { state: 'connecting' });
    this.#after('open', this.#options.openTimeout, () => this.#abandon('no answer to the handshake'));
    socket.onopen = () => this.#onOpen();
    socket.onmessage = ({ data }) => this.#onFrame(data);
    socket.onclose = ({ code, reason }) => this.#onClose(code, reason);
  }

  /** Ends for good, until the next connect(). Positions are kept. */
  close() {
    this.#drop(1000);
    this.#clear('retry');
    this.#tell('state', { state: 'closed', code: 1000, reason: '' });
  }

  /** Wants a channel from now on, over every reconnect. Without effect when it is wanted already. */
  subscribe(channel) {
    if (this.#channels.has(channel)) return;
    this.#channels.set(channel, newChannel());
    if (this.#ready) this.#ask(channel);
  }

  /** Wants a channel no longer and forgets its position. */
  unsubscribe(channel) {
    const known = this.#channels.get(channel);
    if (!known) return;
    this.#channels.delete(channel);
    this.#clear(`ask ${channel}`);
    if (isPattern(channel)) for (const name of [...this.#unasked.keys()]) if (matches(channel, name)) this.#unasked.delete(name);
    for (const [id, name] of this.#pending) if (name === channel) this.#pending.delete(id);
    if (this.#opened && (known.live || known.asked)) this.#send({ type: 'unsubscribe', channel });
    this.#tell('unsubscribed', { channel });
  }

  #onOpen() {
    this.#clear('open');
    this.#opened = true;
    this.#after('steady', this.#options.steadyAfter, () => (this.#attempt = 0));
    this.#tell('state', { state: 'open' });
    this.#listen();
    if (this.#token === '') return this.#start();
    this.#authId = this.#nextId++;
    return this.#send({ type: 'auth', token: this.#token, id: this.#authId });
  }

  #start() {
    this.#ready = true;
    for (const channel of this.#channels.keys()) this.#ask(channel);
  }

  #onClose(code, reason) {
    this.#drop();
    if (isFinal(code)) this.#tell('state', { state: 'closed', code, reason });
    else this.#retry({ code, reason });
  }

  /** Gives a socket up without waiting for its closing handshake, which on a dead connection takes a minute. */
  #abandon(reason) {
    this.#drop(1000);
    this.#retry({ code: 1006, reason });
  }

  #retry(why) {
    const delay = backoff(this.#attempt++, this.#options, this.#env.random);
    this.#tell('state', { state: 'waiting', delay, ...why });
    this.#after('retry', delay, () => this.connect());
  }

  #drop(code) {
    const socket = this.#socket;
    this.#socket = null;
    this.#opened = this.#ready = false;
    this.#authId = null;
    this.#pending.clear();
    for (const name of [...this.#timers.keys()]) if (name !== 'retry') this.#clear(name);
    for (const known of this.#channels.values()) known.live = known.asked = false;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    if (code) socket.close(code);
  }

  #ask(channel) {
    const known = this.#channels.get(channel);
    const id = this.#nextId++;
    this.#pending.set(id, channel);
    known.asked = true;
    this.#send({ type: 'subscribe', channel, id, ...(isPattern(channel) ? this.#sincePattern(channel) : this.#since(known)) });
  }

  #since({ epoch, offset }) {
    return epoch === null ? { history: this.#options.history } : { recover: { epoch, offset } };
  }

  /** A pattern has no position: each of its channels that was seen has. The last seen, should there be too many to list. */
  #sincePattern(pattern) {
    const seen = [...this.#unasked].filter(([channel, { epoch }]) => epoch !== null && matches(pattern, channel) && !this.#channels.has(channel));
    const recover = seen.slice(-MAX_RECOVERIES).map(([channel, { epoch, offset }]) => ({ channel, epoch, offset }));
    return recover.length > 0 ? { recover } : {};
  }

  /** Any frame shows that somebody is there; after long silence we ask, and without an answer we leave. */
  #listen() {
    this.#after('ping', this.#options.pingAfter, () => {
      this.#send({ type: 'ping' });
      this.#after('ping', this.#options.pongTimeout, () => this.#abandon('no answer to a ping'));
    });
  }

  #onFrame(text) {
    this.#listen();
    const message = parse(text);
    if (message === undefined) return this.#tell('error', { code: 0, message: 'the server sent something that is not JSON' });
    switch (message.type) {
      case 'event': return this.#onEvent(message, text);
      case 'subscribed': return this.#onSubscribed(message);
      case 'position': return this.#onPosition(message);
      case 'authenticated': return this.#onAuthenticated(message);
      case 'error': return this.#onError(message);
      default: return undefined; // pong, unsubscribed, and what later versions may send
    }
  }

  #onAuthenticated({ user, expires }) {
    this.#authId = null;
    this.#tell('identity', { user, expires });
    this.#start();
  }

  #onSubscribed({ channel, epoch, offset, id, wasRecovering, recovered }) {
    if (!this.#pending.delete(id)) return undefined; // given up meanwhile
    const known = this.#channels.get(channel);
    if (isPattern(channel)) {
      Object.assign(known, { live: true, attempt: 0 });
      return this.#tell('subscribed', { channel });
    }
    const sameEpoch = known.epoch === epoch;
    const missed = offset - known.offset;
    known.live = true;
    known.attempt = 0;
    known.upTo = offset; // what follows up to here is not live
    if (!recovered) Object.assign(known, { epoch, offset, shown: sameEpoch ? known.shown : 0 });
    this.#tell('subscribed', { channel });
    if (!wasRecovering) return undefined;
    if (recovered) return this.#tell('recovered', { channel, count: missed });
    this.#tell('lost', sameEpoch ? { channel, newEpoch: false, count: missed } : { channel, newEpoch: true });
    if (sameEpoch || offset === 0) return undefined;
    // What the new epoch holds already came after what is lost: subscribe once more, from its beginning.
    Object.assign(known, { offset: 0, live: false });
    this.#send({ type: 'unsubscribe', channel });
    return this.#ask(channel);
  }

  #onEvent(message, text) {
    const { channel, offset, epoch } = message;
    const known = this.#channels.get(channel) ?? this.#unaskedChannel(channel);
    if (!known?.live) return; // still under way when we unsubscribed
    if (epoch !== undefined && epoch !== known.epoch) {
      if (known.epoch !== null) this.#tell('lost', { channel, newEpoch: true });
      // First seen here: nothing before it was promised. In a new epoch everything from 1 on was.
      Object.assign(known, { epoch, offset: known.epoch === null ? offset - 1 : 0, shown: 0, upTo: 0 });
    }
    if (offset <= known.shown) return; // a duplicate
    const history = offset <= known.offset; // it lies before the position we joined at
    if (!history) {
      if (offset > known.offset + 1) this.#tell('gap', { channel, count: offset - known.offset - 1 });
      known.offset = offset;
    }
    known.shown = offset;
    const how = history ? 'history' : offset <= known.upTo ? 'recovered' : 'live';
    this.#tell('event', { channel, offset, epoch: known.epoch, text, message, how });
  }

  #onPosition({ channel, epoch, offset, recovered }) {
    const known = this.#channels.get(channel) ?? this.#unasked.get(channel);
    if (!known?.live) return;
    if (recovered) { // one of a pattern's channels: what was missed follows
      known.upTo = offset;
      this.#tell('recovered', { channel, count: offset - known.offset });
      return;
    }
    if (epoch !== known.epoch) this.#tell('lost', { channel, newEpoch: true });
    else if (offset <= known.offset) return;
    else this.#tell('gap', { channel, count: offset - known.offset });
    Object.assign(known, { epoch, offset, shown: offset, upTo: 0 });
  }

  #onError({ id, code, message, channel: named }) {
    if (id !== undefined && id === this.#authId) {
      this.#authId = null;
      if (TEMPORARY.has(code)) return this.#abandon(message);
      this.#tell('unauthorized', { code, message });
      return code === NOT_AVAILABLE ? this.#start() : undefined; // nobody is asked there
    }
    const channel = this.#pending.get(id);
    if (channel === undefined) return this.#tell('error', { code, message, channel: named });
    this.#pending.delete(id);
    const known = this.#channels.get(channel);
    known.asked = false;
    if (code === UNRECOVERABLE && known.epoch !== null) {
      Object.assign(known, newChannel());
      this.#tell('lost', { channel, newEpoch: false });
      return this.#ask(channel);
    }
    if (code === UNAUTHORIZED) return this.#tell('unauthorized', { code, message });
    if (TEMPORARY.has(code))
      return this.#after(`ask ${channel}`, backoff(known.attempt++, this.#options, this.#env.random), () => this.#ask(channel));
    this.#channels.delete(channel);
    return this.#tell('refused', { channel, code, message });
  }

  /** Everyone's channels and our user's reach us without asking, and a pattern brings channels of other names. */
  #unaskedChannel(channel) {
    if (!/^[@#]/.test(channel) && !this.channels.some((name) => matches(name, channel))) return undefined;
    let known = this.#unasked.get(channel);
    if (!known) this.#unasked.set(channel, (known = { ...newChannel(), live: true }));
    return known;
  }

  #send(command) {
    this.#socket?.send(JSON.stringify(command));
  }

  #tell(type, detail) {
    if (type === 'state') this.state = detail.state;
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #after(name, delay, then) {
    this.#clear(name);
    this.#timers.set(name, this.#env.setTimeout(() => {
      this.#timers.delete(name);
      then();
    }, delay));
  }

  #clear(name) {
    if (this.#timers.has(name)) this.#env.clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}

function isPattern(channel) {
  return channel.includes('*');
}

/** Whether a channel is one of a pattern's, as the server reads patterns: * is one level, ** at the end one or more; none has $, @ or #. */
export function matches(pattern, channel) {
  if (!isPattern(pattern) || /[$@#]/.test(channel)) return false;
  const colon = (name) => name.indexOf(':') + 1;
  if (pattern.slice(0, colon(pattern)) !== channel.slice(0, colon(channel))) return false;
  const levels = pattern.slice(colon(pattern)).split('.');
  const named = channel.slice(colon(channel)).split('.');
  const open = levels.at(-1) === '**';
  if (open ? named.length < levels.length : named.length !== levels.length) return false;
  return levels.every((level, i) => level === '*' || level === '**' || level === named[i]);
}

/**
 * epoch, offset: our position, that is the last publication up to which nothing is missing. shown: the last one handed out.
 * upTo: the position the subscription joined at; what comes up to there is history or recovered.
 */
function newChannel() {
  return { epoch: null, offset: 0, shown: 0, upTo: 0, live: false, asked: false, attempt: 0 };
}

function parse(text) {
  try {
    const message = JSON.parse(text);
    return message !== null && typeof message === 'object' ? message : undefined;
  } catch {
    return undefined;
  }
}
