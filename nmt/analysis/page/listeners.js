// What happens when the reader points, clicks, types, scrolls or goes back.

function setPressed(id, isPressed) {
  byId(id).setAttribute("aria-pressed", isPressed);
}

/** Draw the picture with this name; no picture for "". */
function setPicture(name) {
  state.picture = name;
  setPressed("links", name === "links");
  setPressed("matrix", name === "matrix");
  drawPictures();
}

function setGold(isShown) {
  state.showsGold = isShown;
  setPressed("gold", isShown);
  drawPictures();
}

function listenToSearch() {
  let timer = 0;
  byId("search").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(updateListFromTop, 60);
  });
  byId("search").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && state.order.length) selectSentence(state.order[0], true);
    if (event.key === "ArrowDown") byId("list").focus();
  });
  byId("sort").addEventListener("change", () => { state.isReversed = false; updateListFromTop(); });
  byId("reverse").addEventListener("click", () => { state.isReversed = !state.isReversed; updateListFromTop(); });
}

function listenToList() {
  const list = byId("list");
  list.addEventListener("scroll", () => requestAnimationFrame(renderRows), { passive: true });
  list.addEventListener("click", (event) => {
    const row = event.target.closest(".item");
    if (row) selectSentence(Number(row.dataset.index), true);
  });
  list.addEventListener("keydown", (event) => {
    const page = Math.max(Math.floor(list.clientHeight / ROW_HEIGHT) - 1, 1);
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in moves) {
      event.preventDefault();
      step(moves[event.key]);
    }
    if (event.key === "Enter") {
      leaveList();
      byId("views").querySelectorAll(".words")[1]?.querySelector(".word")?.focus();
    }
  });
}

/** The word that an event happened at: a word of a line, its label in a picture, or the row of a matrix. */
const wordAt = (event) => event.target.word ?? event.target.closest?.("[data-i], [data-j], .word")?.word;

function listenToWords() {
  const views = byId("views");
  const enters = { pointerover: true, focusin: true, pointerleave: false, focusout: false };
  for (const [type, isEntered] of Object.entries(enters)) {
    views.addEventListener(type, (event) => highlight((isEntered ? wordAt(event) : null) ?? state.pinned));
  }
  views.addEventListener("click", (event) => {
    const word = wordAt(event);
    const isPinned = word && ["box", "side", "index"].every((key) => word[key] === state.pinned?.[key]);
    state.pinned = isPinned ? null : word ?? null;
    highlight(state.pinned);
  });
  views.addEventListener("keydown", (event) => {
    if (event.target.classList.contains("word")) moveFocus(event);
  });
}

/** Arrow keys move through the words of a side in the direction in which it is read; Up and Down change the side. */
function moveFocus(event) {
  const line = event.target.closest(".words"), lines = event.target.closest(".view").querySelectorAll(".words");
  const words = [...line.querySelectorAll(".word")], at = words.indexOf(event.target);
  const forward = getComputedStyle(line).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
  let next = null;
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    next = words[clamp(at + (event.key === forward ? 1 : -1), 0, words.length - 1)];
  }
  if (event.key === "Home") next = words[0];
  if (event.key === "End") next = words[words.length - 1];
  if (event.key === "ArrowUp" || event.key === "ArrowDown") {
    const other = lines[event.key === "ArrowUp" ? 0 : 1].querySelectorAll(".word");
    if (other.length && other[0].parentNode !== line) next = other[clamp(at, 0, other.length - 1)];
  }
  if (!next) return;
  event.preventDefault();
  for (const one of next.closest(".words").querySelectorAll(".word")) one.tabIndex = one === next ? 0 : -1;
  next.focus();
}

function listenToControls() {
  for (const id of ["show", "compare"]) {
    byId(id).addEventListener("change", () => { state.pinned = null; renderRows(); renderSentence(); });
  }
  byId("show").addEventListener("change", () => { updateList(); scrollToCurrent(); });
  for (const name of ["links", "matrix"]) {
    byId(name).addEventListener("click", () => setPicture(state.page.review && state.picture === name ? "" : name));
  }
  byId("gold").addEventListener("click", () => setGold(!state.showsGold));
  byId("svg").addEventListener("click", () => savePicture("svg"));
  byId("png").addEventListener("click", () => savePicture("png"));
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("back").addEventListener("click", () => (history.state === "sentence" ? history.back() : returnToList()));
  byId("skip").addEventListener("click", (event) => {
    event.preventDefault();  // the address still names the sentence
    leaveList();
    byId("sentence").focus();
  });
}

function listenToWindow() {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      state.pinned = null;
      highlight(null);
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    const action = {
      "/": () => byId("search").focus(),
      j: () => step(1),
      k: () => step(-1),
      m: () => setPicture(state.picture === "links" ? "matrix" : "links"),
      g: () => byId("gold").hidden || setGold(!state.showsGold),
    }[event.key];
    if (action) {
      event.preventDefault();
      action();
    }
  });
  addEventListener("resize", () => { renderRows(); drawPictures(); });
  addEventListener("hashchange", () => followAddress(location.hash));
  addEventListener("popstate", followHistory);
}
