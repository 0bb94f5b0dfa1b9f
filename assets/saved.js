// The list of saved runs: open, rename, delete, report; and trace files that are dropped onto the page.

import { make, takesFiles } from "./dom.js";
import { readPlace, writePlace } from "./link.js";
import { ask } from "./server.js";
import { requestLine } from "./words.js";

const KEYS = "eagle3-runs"; // where visitors are kept apart, the browser remembers which runs are its own
const MAX_KEYS = 200;
const TRACE_FILE = /\.jsonl(\.gz)?$/i;

// Storage may be forbidden, as in a frame of another site: then the page knows its runs until it is closed.
let remembered = [];
function keys(added) {
  try {
    remembered = JSON.parse(localStorage.getItem(KEYS)) ?? remembered;
  } catch { /* forbidden or damaged: what is remembered here is all there is */ }
  if (!added) return remembered;
  remembered = [added, ...remembered].slice(0, MAX_KEYS);
  try {
    localStorage.setItem(KEYS, JSON.stringify(remembered));
  } catch { /* forbidden or full */ }
  return remembered;
}

export class Saved {
  // `show(request)` shows a request of a recording, `go(step)` one of its steps; `compare(title)` puts a recording
  // beside what is shown; `complain(text)` shows a problem.
  constructor(root, routes, { show, go, compare, complain }) {
    Object.assign(this, { root, show, go, compare, complain, url: `${routes}recordings` });
    this.find = (name) => root.querySelector(`.e3-${name}`);
    document.addEventListener("e3:started", ({ detail }) => this.leave(detail));
    document.addEventListener("e3:elsewhere", ({ detail: arrived }) => {
      this.wanted = null;
      this.complain(null);
      if (arrived) this.forget();
    });
    document.addEventListener("e3:ended", ({ detail }) => this.name(detail));
    addEventListener("hashchange", () => this.followAddress());
    this.find("which").addEventListener("change", ({ target }) => this.choose(target.selectedIndex));
    this.acceptDrops();
    this.refresh().then(() => this.followAddress());
  }

  // A run has begun: the view is its own now.
  leave(run) {
    keys(run);
    this.forget();
    this.refresh();
  }

  // The view shows something that is not of this list.
  forget() {
    this.opened = null;
    this.wanted = null;
    this.index = null;
    this.find("opened").hidden = true;
    writePlace({ run: null, request: null, step: null });
  }

  // A run has ended: where it is saved, the address can name it from now on.
  name(saved) {
    if (saved) {
      this.opened = saved;
      writePlace({ run: saved });
    }
    this.refresh();
  }

  at(name, rest = "") {
    return `${this.url}/${encodeURIComponent(name)}${rest}`;
  }

  async try(work) {
    try {
      await work();
    } catch (error) {
      this.complain(error.message);
    }
  }

  // What the server answers; null where something else was chosen before it came.
  async latest(url) {
    this.wanted = url;
    const answer = await ask(url).catch((error) => {
      if (this.wanted === url) throw error;
    });
    return this.wanted === url ? answer : null;
  }

  refresh() {
    return this.try(async () => {
      const turn = (this.refreshing = {});
      const { recordings, writable, keyed, folder } = await ask(`${this.url}?keys=${keys().join(",")}`);
      if (this.refreshing !== turn) return;
      this.acts = [...(writable && !keyed ? ["rename"] : []), ...(writable ? ["delete"] : [])];
      this.replay = !writable;
      this.find("saved").hidden = !recordings.length;
      if (!this.names && this.replay && recordings.length > 1) this.find("saved").open = true;
      this.names = recordings.map(({ name }) => name);
      this.find("count").textContent = `${writable ? "Saved runs" : "Recordings"} (${recordings.length})`;
      this.find("saved-note").textContent = keyed
        ? "Only this browser knows of these runs. They are deleted after a while." : folder ? `in ${folder}` : "";
      this.list(recordings);
    });
  }

  // The keyboard stays where it was; where that is gone, it is on the list's heading.
  list(recordings) {
    const focused = this.find("saved-list").contains(document.activeElement) && document.activeElement;
    const place = focused && Array.from(focused.parentElement.children).indexOf(focused);
    const rows = recordings.map((recording) => this.row(recording));
    this.find("saved-list").replaceChildren(...rows);
    if (!focused) return;
    const row = rows.find(({ dataset }) => dataset.name === focused.parentElement.dataset.name);
    (row?.children[place] ?? this.find("count").parentElement).focus({ preventScroll: true });
  }

  row({ name, title, prompt, verifier, modified, num_bytes: size }) {
    const row = make("li", "e3-saved-row");
    const open = make("button", "e3-saved-open", title);
    open.type = "button";
    open.addEventListener("click", () => this.openAnew(name));
    const when = new Date(1000 * modified).toLocaleString();
    const about = make("span", "e3-saved-about", [prompt.replaceAll(/\s+/g, " ").slice(0, 120), verifier, when, `${Math.ceil(size / 1024)} kB`].filter(Boolean).join(" · "));
    const report = make("a", "e3-saved-act", "report", { href: this.at(name, "/report.html"), title: "Save as one HTML file that opens anywhere" });
    const trace = make("a", "e3-saved-act", "trace", { href: this.at(name, "/trace") });
    for (const link of [report, trace]) link.target = "_blank"; // where it is refused, this page stays
    row.dataset.name = name;
    row.append(open, about, this.act("compare", () => this.compare(title)), report, trace);
    row.append(...this.acts.map((act) => this.act(act, () => this[act](name, title))));
    return row;
  }

  act(label, work) {
    const button = make("button", "e3-saved-act", label);
    button.type = "button";
    button.addEventListener("click", () => this.try(work));
    return button;
  }

  async rename(name, title) {
    const wanted = prompt("A title for this run:", title);
    if (wanted === null) return;
    const { name: now } = await ask(this.at(name, "/title"), { method: "PUT", body: wanted });
    if (name === this.opened) {
      this.opened = now;
      writePlace({ run: now });
      this.find("opened-title").textContent = now.replace(TRACE_FILE, "");
      this.find("opened-report").href = this.at(now, "/report.html");
    }
    await this.refresh();
  }

  async delete(name, title) {
    if (!confirm(`Delete “${title}”? This cannot be undone.`)) return;
    await ask(this.at(name), { method: "DELETE" });
    if (name === this.opened) this.forget();
    await this.refresh();
  }

  // From its beginning.
  openAnew(name) {
    return this.open(name, null, { request: null, step: null });
  }

  open(name, request, place) {
    this.complain(null);
    return this.try(async () => {
      const index = await this.latest(this.at(name));
      if (!index) return;
      if (!index.requests.length) throw new Error(`“${index.title}” holds no request: it was cut short before the first one.`);
      this.index = index;
      this.number = -1; // none of its requests is in view yet
      writePlace({ run: name, ...place });
      this.opened = name;
      this.describe();
      await this.openRequest(Math.max(0, this.index.requests.findIndex((line) => line.request_id === request)));
    });
  }

  choose(number) {
    this.complain(null);
    writePlace({ request: this.index.requests[number].request_id, step: null });
    return this.try(() => this.openRequest(number));
  }

  async openRequest(number) {
    const request = await this.latest(this.at(this.opened, `/requests/${number}`)).catch((error) => {
      this.find("which").selectedIndex = this.number; // what is still in view
      throw error;
    });
    if (!request) return;
    this.find("which").selectedIndex = this.number = number;
    this.find("opened-prompt").textContent = this.index.requests[number].prompt;
    this.show(request);
  }

  // What a run can be compared with.
  async choices() {
    const { recordings } = await ask(`${this.url}?keys=${keys().join(",")}`);
    return recordings.map(({ name, title, prompt }) => ({ name: title, prompt, current: name === this.opened, requests: () => this.requestsOf(name) }));
  }

  async requestsOf(name) {
    const { requests } = await ask(this.at(name));
    const shown = name === this.opened ? (this.index ? this.number : 0) : null;
    return requests.map(({ prompt, outcome }, number) => ({
      name: requestLine(prompt, outcome), prompt, current: number === shown, load: () => ask(this.at(name, `/requests/${number}`)),
    }));
  }

  describe() {
    const { title, totals, facts, warnings, requests } = this.index;
    this.find("opened").hidden = false;
    this.find("opened-title").textContent = title;
    this.find("opened-totals").textContent = [...totals, ...facts].join(" · ");
    this.find("opened-warnings").replaceChildren(...warnings.map((text) => make("div", "e3-opened-warning", text)));
    this.find("opened-report").href = this.at(this.opened, "/report.html");
    this.find("which").replaceChildren(...requests.map(({ prompt, outcome }) => new Option(requestLine(prompt, outcome))));
    this.find("which").hidden = requests.length < 2;
  }

  // An address may name a run that is gone: then the page says so. A page that only replays opens something at once.
  followAddress() {
    const { run, request, step } = readPlace();
    const name = run ?? (this.replay && !this.opened ? this.names?.[0] : null);
    if (name && name !== this.opened) return this.open(name, request);
    const number = this.index?.requests.findIndex((line) => line.request_id === request) ?? -1;
    this.wanted = null;
    if (number < 0 || number === this.number) return this.go(step);
    this.complain(null);
    return this.try(() => this.openRequest(number));
  }

  // Before anything else on the page that takes dropped files.
  acceptDrops() {
    addEventListener("dragover", (event) => { if (!takesFiles(event.target)) event.preventDefault(); });
    addEventListener("drop", (event) => {
      if (takesFiles(event.target)) return;
      const files = Array.from(event.dataTransfer.files);
      const file = files.find(({ name }) => TRACE_FILE.test(name));
      if (files.length) event.preventDefault();
      if (file) {
        event.stopImmediatePropagation();
        document.body.classList.remove("e3-dropping");
        this.try(() => this.take(file));
      } else if (files.length && this.replay) {
        this.complain(`${files[0].name} is no recording: drop a file whose name ends in .jsonl or .jsonl.gz.`);
      }
    }, true);
  }

  async take(file) {
    const turn = (this.wanted = {});
    const { name } = await ask(`${this.url}?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file });
    if (this.wanted === turn) await this.openAnew(name);
  }
}
