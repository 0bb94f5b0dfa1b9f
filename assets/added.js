// The images beside the prompt: chosen, pasted or dropped, sent to the server as the files they are, shown, removed.

import { takesFiles } from "./dom.js";
import { picture } from "./pictures.js";

const MIB = 2 ** 20;

export class Added {
  // `change(list)` is told what is beside the prompt now; `limits`: {images, bytes}.
  constructor(root, { url, limits, change }) {
    Object.assign(this, { root, url, limits, change, list: [], problems: [], sending: 0 });
    this.find = (name) => root.querySelector(`.e3-${name}`);
    this.find("add").addEventListener("click", () => this.find("files").click());
    this.find("files").addEventListener("change", (event) => {
      this.add([...event.target.files]);
      event.target.value = ""; // so that the same file can be chosen again
    });
    document.addEventListener("paste", (event) => this.paste(event));
    this.acceptDrops();
    this.find("add").disabled = false;
  }

  // Text that comes with a picture of itself, as from a word processor, is pasted as text.
  paste(event) {
    const { files, types } = event.clipboardData;
    if (!files.length || types.includes("text/plain")) return;
    event.preventDefault();
    this.add([...files]);
  }

  // Anywhere on the page: a file that misses would otherwise replace the page.
  acceptDrops() {
    const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
    const mark = (on) => document.body.classList.toggle("e3-dropping", on);
    document.addEventListener("dragover", (event) => {
      const ours = carriesFiles(event) && !takesFiles(event.target);
      if (ours) event.preventDefault();
      mark(ours);
    });
    document.addEventListener("dragleave", (event) => event.relatedTarget || mark(false));
    document.addEventListener("drop", (event) => {
      mark(false);
      if (!carriesFiles(event) || takesFiles(event.target)) return;
      event.preventDefault();
      this.add([...event.dataTransfer.files]);
    });
  }

  async add(files) {
    this.problems = [];
    this.sending += files.length;
    this.draw();
    for (const file of files) {
      try {
        this.keep(await this.send(file));
      } catch (error) {
        this.problems.push(error.message);
      }
      this.sending -= 1;
      this.draw();
    }
  }

  async send(file) {
    const name = file.name || "the image";
    if (this.list.length >= this.limits.images) throw new Error(`${name} was left out: a prompt takes at most ${this.limits.images} images.`);
    if (file.size > this.limits.bytes) {
      throw new Error(`${name} has ${Math.round(file.size / MIB)} MiB: at most ${this.limits.bytes / MIB} are read`);
    }
    const answer = await fetch(`${this.url}?name=${encodeURIComponent(name)}`, { method: "POST", body: file }).catch(() => {
      throw new Error(`${name} could not be sent: is the server running?`);
    });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.detail);
    return told;
  }

  keep(upload) {
    this.set([...this.list, upload]);
    this.change(this.list);
  }

  remove(upload) {
    this.problems = [];
    this.set(this.list.filter((other) => other !== upload));
    this.change(this.list);
    this.find("add").focus();
  }

  // What the server says is beside the prompt, after an example.
  replace(list) {
    this.problems = [];
    this.set(list);
  }

  set(list) {
    this.list = list;
    this.draw();
  }

  draw() {
    this.find("thumbs").replaceChildren(...this.list.map((upload) => this.thumb(upload)));
    this.find("add-hint").hidden = this.list.length > 0;
    this.find("adding").textContent = this.sending ? "Sending…" : "";
    this.find("add-problem").textContent = this.problems.join(" ");
    this.find("add-problem").hidden = !this.problems.length;
  }

  thumb(upload) {
    const item = document.createElement("li");
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "e3-remove";
    remove.textContent = "×";
    remove.setAttribute("aria-label", `Remove ${upload.name}`);
    remove.addEventListener("click", () => this.remove(upload));
    item.append(picture(upload.image, upload.name), remove);
    return item;
  }
}
