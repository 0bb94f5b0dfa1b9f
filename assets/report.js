// The report: recordings inside one file, in the same view as the page's. What it shows, it has with it.

import { make } from "./dom.js";
import { readPlace, writePlace } from "./link.js";
import { View } from "./page.js";
import { Recorded } from "./recorded.js";
import { requestLine } from "./words.js";

const find = (selector) => document.querySelector(selector);

// A block of the file: base64 of gzip.
function unpack(id) {
  const packed = Uint8Array.from(atob(document.getElementById(id).textContent), (character) => character.charCodeAt(0));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip")));
}

function showTheme(dark) {
  document.body.classList.toggle("dark", dark);
  find(".r-theme").textContent = dark ? "light theme" : "dark theme";
}

function followTheme() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  showTheme(system.matches);
  system.addEventListener("change", () => showTheme(system.matches));
  find(".r-theme").addEventListener("click", () => showTheme(!document.body.classList.contains("dark")));
}

class Report {
  constructor(recordings, plotlyUrl) {
    this.recordings = recordings;
    this.select = find(".r-choice select");
    this.places = []; // of each option: {recording, number}
    recordings.forEach((recording) => this.addOptions(recording));
    find(".r-choice").hidden = this.places.length < 2;
    this.recorded = new Recorded(new View(find(".e3-view"), "", plotlyUrl));
    if (this.places.length > 1) this.recorded.view.explorer.compare.choices = async () => recordings.map((recording) => this.choice(recording));
    this.select.addEventListener("change", () => this.choose(this.select.selectedIndex));
    addEventListener("hashchange", () => this.followAddress());
  }

  addOptions(recording) {
    const group = document.createElement("optgroup");
    group.label = recording.title;
    recording.requests.forEach(({ prompt, outcome }, number) => {
      group.append(new Option(requestLine(prompt, outcome)));
      this.places.push({ recording, number });
    });
    this.select.append(group);
  }

  // What a run can be compared with.
  choice(recording) {
    const shown = this.places[this.index];
    const requests = recording.requests.map(({ prompt, outcome, block }, number) => ({
      name: requestLine(prompt, outcome), prompt, current: recording === shown.recording && number === shown.number,
      load: () => unpack(block).json(),
    }));
    return { name: recording.title, prompt: requests[0]?.prompt, current: recording === shown.recording, requests: async () => requests };
  }

  // Only what the file has: an address may be wrong.
  async followAddress() {
    const { file, request } = readPlace();
    const fits = ({ recording, number }) => (!file || recording.title === file) && (!request || recording.requests[number].request_id === request);
    const index = Math.max(0, this.places.findIndex(fits));
    if (index === this.index) return this.recorded.goTo(readPlace().step);
    return this.open(index);
  }

  choose(index) {
    const { recording, number } = this.places[index];
    writePlace({ file: recording.title, request: recording.requests[number].request_id, step: null });
    return this.open(index);
  }

  async open(index) {
    this.index = index;
    this.recorded.view.complain(null);
    this.select.selectedIndex = index;
    const { recording, number } = this.places[index];
    find(".r-head h1").textContent = recording.title;
    find(".r-facts").textContent = recording.facts.join(" · ");
    find(".r-totals").textContent = [`recorded ${recording.created.replace("T", " ").replace("Z", " UTC")}`, ...recording.totals].join(" · ");
    find(".r-warnings").replaceChildren(...recording.warnings.map((text) => make("div", "r-warning", text)));
    const request = await unpack(recording.requests[number].block).json();
    if (this.index !== index) return; // another was chosen meanwhile
    find(".r-prompt").replaceChildren(make("b", "", "Prompt  "), recording.requests[number].prompt);
    this.recorded.open(request);
  }
}

followTheme();
const plotlyUrl = URL.createObjectURL(await unpack("e3-plotly").blob());
const recordings = JSON.parse(document.getElementById("e3-index").textContent);
await new Report(recordings, plotlyUrl).followAddress();
document.body.dataset.state = "ready";
