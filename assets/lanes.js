// The token lane: appends steps, one group each, and lets a token be pointed at or selected. Never re-renders.

import { rejectionOf } from "./causes.js";
import { levelClasses } from "./colours.js";
import { make } from "./dom.js";
import { Pieces } from "./pieces.js";
import { isGhost, tokensOf } from "./verdicts.js";
import { label } from "./words.js";

// A block is what the browser may skip while it is out of sight. It ends at a line break if one comes in time.
const BLOCK_STEPS = 24;
const BLOCK_STEPS_AT_MOST = 96;
const NEAR_END_PX = 48;
const LONG = 24; // characters of a token above which it may be broken: it could be wider than the lane

export class Lane {
  // `point(token | null)` is told what the pointer is over, `select(token | null, index)` what is selected, and
  // `stretch({from, to})` which steps the marked text belongs to.
  constructor(root, { point, select, stretch }) {
    this.root = root;
    this.onPoint = point;
    this.onSelect = select;
    this.clear();
    root.addEventListener("scroll", () => { this.follows = this.isNearEnd(); });
    document.addEventListener("selectionchange", () => this.marked(stretch));
    root.addEventListener("mouseover", (event) => this.onPoint(this.tokenAt(event.target)));
    root.addEventListener("mouseleave", () => this.onPoint(null));
    root.addEventListener("click", (event) => this.choose(this.indexAt(event.target)));
    root.addEventListener("keydown", (event) => this.key(event, stretch));
  }

  clear() {
    this.root.replaceChildren();
    this.follows = true;
    this.tokens = [];
    this.nodes = [];
    this.groups = [];
    this.shown = 0;
    this.keeps = null;
    this.kept = 0; // by `keeps`, so far
    this.pieces = new Pieces();
    this.selected = null;
    this.anchor = null; // the step where Shift was first held
    this.block = null;
    this.onSelect(null);
  }

  // What events say of the engine and of tokens, before `append` takes them.
  learn(events) {
    for (const event of events) {
      if (event.type === "trace_started") this.pieces.begin(event.engine);
      if (event.type === "pieces") this.pieces.add(event.pieces);
    }
  }

  append(events) {
    for (const event of events) {
      if (event.type === "step") this.appendStep(event);
      if (event.type === "steps_dropped") this.currentBlock().append(make("span", "e3-gap", ` ${event.count} steps lost `));
    }
    if (this.follows) this.root.scrollTop = this.root.scrollHeight;
  }

  isNearEnd() {
    return this.root.scrollHeight - this.root.scrollTop - this.root.clientHeight < NEAR_END_PX;
  }

  appendStep(step) {
    const group = make("span", "e3-step");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", `step ${step.index + 1}`);
    group.dataset.n = this.groups.length;
    const rejection = rejectionOf(step, this.pieces);
    for (const token of tokensOf(step)) group.append(this.tokenNode({ ...token, cause: causeAt(token, rejection) }));
    this.groups.push({ node: group, step });
    this.dim(this.groups.at(-1));
    this.shown = this.groups.length;
    this.currentBlock().append(group);
    this.stepsInBlock += 1;
    this.brokenLine = group.textContent.endsWith("\n");
  }

  currentBlock() {
    const full = this.stepsInBlock >= BLOCK_STEPS && (this.brokenLine || this.stepsInBlock >= BLOCK_STEPS_AT_MOST);
    if (!this.block || full) {
      this.block = make("div", "e3-block");
      this.block.setAttribute("role", "presentation");
      this.stepsInBlock = 0;
      this.root.append(this.block);
    }
    return this.block;
  }

  tokenNode(token) {
    const ghost = isGhost(token);
    const shown = ghost ? { ...this.pieces.alone(token.id), before: "" } : this.pieces.next(token.id);
    if (shown.before) this.lastText.append(shown.before); // a character that was never completed
    const marks = `${ghost ? " ghost" : ""}${token.filler ? " filler" : ""}${shown.text.length > LONG ? " long" : ""}`;
    const node = make("span", `e3-t ${token.verdict}${marks} ${shown.kind} ${levelClasses(token)}`);
    node.dataset.i = this.tokens.length;
    node.setAttribute("role", "option");
    node.setAttribute("aria-label", label(token, this.pieces));
    node.append(...textNodes(shown.text, ghost));
    if (!ghost) this.lastText = node;
    this.tokens.push(token);
    this.nodes.push(node);
    return node;
  }

  indexAt(target) {
    const node = target.closest(".e3-t");
    return node ? Number(node.dataset.i) : null;
  }

  tokenAt(target) {
    return this.tokens[this.indexAt(target)] ?? null;
  }

  choose(index) {
    this.nodes[this.selected]?.removeAttribute("aria-selected");
    this.nodes[this.selected]?.removeAttribute("id");
    this.selected = index;
    this.anchor = null;
    const node = this.nodes[index];
    if (node) {
      node.setAttribute("aria-selected", "true");
      node.id = "e3-selected";
      (node.offsetParent ? node : node.parentElement).scrollIntoView({ block: "nearest" }); // a ghost may be hidden
      this.root.setAttribute("aria-activedescendant", "e3-selected");
    } else {
      this.root.removeAttribute("aria-activedescendant");
    }
    this.onSelect(this.tokens[index] ?? null, index);
  }

  // The rejected token of the step with this index.
  chooseRejected(index) {
    const found = this.tokens.findIndex(({ step, verdict }) => step.index === index && verdict === "rejected");
    if (found >= 0) this.choose(found);
  }

  setMode(name) {
    this.root.className = this.root.className.replace(/ ?by-\w+/, "") + ` by-${name}`;
  }

  // "show", "fold" (glyphs only) or "hide".
  setGhosts(how) {
    this.root.classList.toggle("no-ghosts", how === "hide");
    this.root.classList.toggle("fold-ghosts", how === "fold");
  }

  // Dim every step that `keeps` does not keep; null keeps all.
  filter(keeps) {
    this.keeps = keeps;
    this.kept = 0;
    for (const group of this.groups) this.dim(group);
    if (keeps) this.groups.find(({ node }) => !node.classList.contains("dim"))?.node.scrollIntoView({ block: "nearest" });
  }

  dim({ node, step }) {
    const stays = !this.keeps || this.keeps(step);
    node.classList.toggle("dim", !stays);
    this.kept += stays;
  }

  // Show the first `number` steps. Going back and forth costs only the difference.
  show(number) {
    if (number === this.shown) return;
    const [from, to] = [Math.min(this.shown, number), Math.max(this.shown, number)];
    for (const { node } of this.groups.slice(from, to)) node.classList.toggle("later", number < this.shown);
    this.shown = number;
    if (number) this.reveal(this.groups[number - 1].node);
  }

  // Scrolls the lane alone: the page stays where its reader has it.
  reveal(node) {
    const [box, at] = [this.root, node].map((each) => each.getBoundingClientRect());
    this.root.scrollTop += Math.max(0, at.bottom - box.bottom) + Math.min(0, at.top - box.top);
  }

  marked(tell) {
    const selection = document.getSelection();
    if (!selection.rangeCount || selection.isCollapsed) return;
    const range = selection.getRangeAt(0);
    let [from, to] = [range.startContainer, range.endContainer].map((node) => this.groupOf(node));
    if (from === null && to === null) return;
    for (from ??= to; this.touches(range, from - 1);) from -= 1;
    for (to ??= from; this.touches(range, to + 1);) to += 1;
    if (!covers(range, this.groups[from].node)) from += 1;
    if (!covers(range, this.groups[to].node)) to -= 1;
    if (to > from) tell({ from, to });
  }

  touches(range, number) {
    return Boolean(this.groups[number] && range.intersectsNode(this.groups[number].node));
  }

  groupOf(node) {
    const element = node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement;
    const group = this.root.contains(element) ? element.closest(".e3-step") : null;
    return group ? Number(group.dataset.n) : null;
  }

  // With Shift, from the step where it was first held to the one that is reached.
  key(event, stretch) {
    const to = { ArrowRight: () => this.walk(1), ArrowLeft: () => this.walk(-1), ArrowDown: () => this.walkStep(1),
      ArrowUp: () => this.walkStep(-1), Home: () => this.seen(0, 1), End: () => this.seen(this.tokens.length - 1, -1) }[event.key];
    if (!to || !this.tokens.length || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const anchor = this.anchor ?? this.selectedGroup() ?? 0;
    this.choose(to());
    if (!event.shiftKey) return;
    this.anchor = anchor;
    const [from, last] = [anchor, this.selectedGroup() ?? 0].sort((a, b) => a - b);
    stretch(last > from ? { from, to: last } : null);
  }

  selectedGroup() {
    return this.selected === null ? null : this.groupOf(this.nodes[this.selected]);
  }

  // The first token, from `index` on, that can be seen; where there is none, the one that is selected.
  seen(index, by) {
    const hidden = (at) => this.nodes[at].parentElement.classList.contains("later")
      || (this.root.classList.contains("no-ghosts") && isGhost(this.tokens[at]));
    let at = index;
    while (this.nodes[at] && hidden(at)) at += by;
    return this.nodes[at] ? at : this.selected;
  }

  walk(by) {
    return this.selected === null ? this.seen(0, 1) : this.seen(this.selected + by, by);
  }

  walkStep(by) {
    if (this.selected === null) return this.seen(0, 1);
    const group = this.groups[this.selectedGroup() + by];
    return group ? this.seen(Number(group.node.firstChild.dataset.i), 1) : this.selected;
  }
}

// Whether a range holds some text of a node: it may end just before it, or begin just behind it.
function covers(range, node) {
  const own = document.createRange();
  own.selectNodeContents(node);
  if (range.compareBoundaryPoints(Range.START_TO_START, own) > 0) own.setStart(range.startContainer, range.startOffset);
  if (range.compareBoundaryPoints(Range.END_TO_END, own) < 0) own.setEnd(range.endContainer, range.endOffset);
  return own.toString() !== "";
}

// The cause that a token's colour shows: that of the rejected token, and of what stands in its place.
function causeAt({ position, verdict }, rejection) {
  return position === rejection?.position && verdict !== "discarded" ? rejection.cause : null;
}

// Text only ever becomes text nodes. Line breaks are kept and shown; a ghost only shows them.
function textNodes(text, ghost) {
  return text.split(/(\n)/).flatMap((part) => {
    if (part !== "\n") return part ? [part] : [];
    const mark = make("span", "e3-nl", "⏎");
    mark.setAttribute("aria-hidden", "true");
    return ghost ? [mark] : [mark, "\n"];
  });
}
