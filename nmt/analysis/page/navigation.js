// From one sentence to another, and between the list and the sentence where only one of them has room.

/** Update the buttons that lead to the sentences beside this one, and its number. */
function updateSteps() {
  const place = state.order.indexOf(state.current), number = numberOf(state.current);
  const count = numberOf(state.page.sentences.length - 1);
  byId("number").textContent = number < 1 ? "" : `${formatNumber(number)} of ${formatNumber(count)}`;
  byId("previous").disabled = place <= 0;
  byId("next").disabled = place >= state.order.length - 1;
}

/** Select the sentence that stands a number of rows further down the list; -1 is the one above. */
function step(rows) {
  const place = state.order.indexOf(state.current);
  const next = clamp(place < 0 ? 0 : place + rows, 0, state.order.length - 1);
  if (state.order.length) selectSentence(state.order[next]);
}

/** Show a sentence that the reader selected; with `nmt serve` its text is put into the boxes as well. */
function selectSentence(index, isOpened = false) {
  if (state.page.max_characters && index !== state.current) fillTextBoxes(index);
  return showSentence(index, isOpened);
}

function showSentence(index, isOpened = false) {
  state.current = index;
  state.pinned = null;
  history.replaceState(history.state, "", `#${index + 1}`);
  if (isOpened) leaveList();
  scrollToCurrent();
  return renderSentence();
}

/** Go from the list to the sentence where only one has room; Back in the browser returns to the list. */
function leaveList() {
  if (document.body.classList.contains("shows-sentence")) return;
  const wasListShown = byId("list").clientHeight && !byId("sentence").clientHeight;
  document.body.classList.add("shows-sentence");
  if (!wasListShown || !("ready" in document.documentElement.dataset)) return;
  history.replaceState("list", "");
  history.pushState("sentence", "");
}

function returnToList() {
  document.body.classList.remove("shows-sentence");
  scrollToCurrent();
  byId("list").focus();
}

/** Follow Back and Forward of the browser. */
function followHistory() {
  const go = { list: returnToList, sentence: leaveList }[history.state];
  if (!go) return;  // an address was typed
  history.replaceState(history.state, "", `#${state.current + 1}`);
  go();
}

/** Show the sentence that an address names: `#12` is the twelfth of the file. -> whether there is one */
function followAddress(hash) {
  const index = /^#[0-9]+$/.test(hash) ? Number(hash.slice(1)) - 1 : -1;
  const exists = index in state.page.sentences;
  if (exists && index !== state.current) selectSentence(index, true);
  return exists;
}
