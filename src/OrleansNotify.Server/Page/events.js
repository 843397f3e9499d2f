// The list of what arrived: newest first, bounded, drawn at most once a frame however fast events come.

import { member, pretty } from './json.js';

const LIMIT = 500; // entries kept, events and notices together
const COLOURED = 1_000; // pieces of a payload; a longer one is shown in one colour, for the sake of speed

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hourCycle: 'h23' });

export class EventList {
  #list;
  #empty;
  #received;
  #count = 0;
  #waiting = []; // entries not drawn yet; a hidden page draws nothing, so this is bounded as well
  #scheduled = false;

  constructor(list, { empty, received }) {
    this.#list = list;
    this.#empty = empty;
    this.#received = received;
  }

  static #hues = new Map();

  /** A channel's colour, kept while the page is open: its hue in degrees, as far as can be from those given before. */
  static hue(channel) {
    const hues = EventList.#hues;
    if (!hues.has(channel)) hues.set(channel, (278 + hues.size * 137.508) % 360); // the golden angle
    return hues.get(channel);
  }

  /** An event as NotifyConnection tells it. */
  event(told) {
    this.#count++;
    this.#add(() => eventEntry(told));
  }

  /** Something the reader should know about the stream itself. */
  notice(kind, text, channel = '') {
    const at = new Date();
    this.#add(() => noticeEntry(kind, text, channel, at));
  }

  clear() {
    this.#waiting = [];
    this.#count = 0;
    this.#list.replaceChildren();
    this.#draw();
  }

  #add(build) {
    this.#waiting.push(build);
    if (this.#waiting.length > LIMIT) this.#waiting.shift();
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#scheduled = false;
    const entries = this.#waiting.map((build) => build()).reverse();
    this.#waiting = [];
    this.#list.prepend(...entries);
    while (this.#list.childElementCount > LIMIT) this.#list.lastElementChild.remove();
    this.#empty.hidden = this.#list.childElementCount > 0;
    this.#received.textContent = this.#count.toLocaleString();
  }
}

function eventEntry({ channel, offset, epoch, text, message, how }) {
  const entry = document.createElement('li');
  entry.className = 'event';
  Object.assign(entry.dataset, { channel, offset, epoch, how });
  entry.style.setProperty('--hue', EventList.hue(channel));
  const what = element('div', 'what');
  const id = element('span', 'id', message.id);
  what.append(element('span', 'channel', channel), element('span', 'offset', `offset ${offset}`));
  if (message.event) what.append(element('span', 'mark', message.event));
  for (const tag of Array.isArray(message.tags) ? message.tags : []) what.append(element('span', 'mark', tag));
  if (how !== 'live') what.append(element('span', `mark ${how}`, how));
  what.append(id);
  const pre = element('pre');
  pre.tabIndex = 0; // long payloads scroll: reachable without a mouse
  pre.setAttribute('aria-label', 'Data');
  const pieces = pretty(published(member(text, 'data') ?? 'null', message.id));
  if (pieces.length > COLOURED) pre.textContent = pieces.map(([, piece]) => piece).join('');
  else pre.append(...pieces.map(([kind, piece]) => (kind === 'mark' ? piece : element('span', kind, piece))));
  entry.append(what, timeOf(message.data?.timestamp), pre);
  return entry;
}

/** What the publisher wrote: without the id and the timestamp that the server put first, which the entry shows beside it. */
function published(data, id) {
  const ours = data.match(/^\{"id":"([^"]*)",?("timestamp":"\d{4}-[-\dT:.]+Z",?)?/);
  return ours?.[1] === id ? `{${data.slice(ours[0].length)}` : data;
}

function noticeEntry(kind, text, channel, at) {
  const entry = document.createElement('li');
  entry.className = 'notice';
  Object.assign(entry.dataset, { kind, channel });
  const line = element('p');
  line.append(...(channel ? [element('b', '', channel), ' '] : []), text);
  entry.append(line, timeOf(at));
  return entry;
}

function timeOf(stamp) {
  const given = new Date(typeof stamp === 'string' || stamp instanceof Date ? stamp : NaN);
  const at = Number.isNaN(given.getTime()) ? new Date() : given; // a publisher's own timestamp can be anything
  const time = element('time', '', clock.format(at));
  time.dateTime = at.toISOString();
  time.title = at.toLocaleString();
  return time;
}

function element(name, className = '', textContent = '') {
  return Object.assign(document.createElement(name), { className, textContent });
}
