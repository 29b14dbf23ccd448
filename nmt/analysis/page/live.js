// With `nmt serve`: what is typed is sent to the server, and its answer is shown as the first sentence of the list.

const live = {
  request: null,       // the latest request, which can be aborted
  timer: 0,
  hasUnsentText: false,
};

function showLiveMessage(text, isError = false) {
  byId("live-message").textContent = text;
  byId("live-message").classList.toggle("error", isError);
}

/** Send a request. -> the answer; null when there is none, or when the owner of the request has a newer one by then */
async function fetchAnswer(path, body, owner, show) {
  owner.request?.abort();
  const request = owner.request = new AbortController();
  show("…");
  try {
    const response = await fetch(path, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
      signal: request.signal,
    });
    const answer = await response.json();
    if (owner.request !== request) return null;
    show(response.ok ? "" : answer.error, !response.ok);
    return response.ok ? answer : null;
  } catch (error) {
    if (error.name !== "AbortError") show("The server does not answer.", true);
    return null;
  }
}

/** Why the server would not take a text: its length; null for one that is not too long. */
function describeTooLong(name, text, most) {
  const count = [...text].length;  // the server counts characters, and no surrogates
  if (count <= most) return null;
  return `The ${name} has ${formatNumber(count)} characters; at most ${formatNumber(most)} are allowed.`;
}

/** Ask the server about a sentence. -> its answer or null */
async function postToServer(path, body) {
  const most = state.page.max_characters;
  const problem = describeTooLong("text", body.source, most) ?? describeTooLong("translation", body.target ?? "", most);
  if (problem) {
    showLiveMessage(problem, true);
    return null;
  }
  const answer = await fetchAnswer(path, { ...body, ...readTerms() }, live, showLiveMessage);
  if (answer) answer.weights = answer.weights.map(decodeBase64);
  return answer;
}

/** Show an answer, by the first of these views that it has. */
function showAnswer(sentence, ...keys) {
  state.page.sentences[0] = sentence;
  updateMenus();
  byId("show").value = keys.find((key) => findView(sentence, key) >= 0);
  updateList();
  return showSentence(0);
}

const shownTarget = (sentence) => joinWords(shownView(sentence)?.target ?? "");

/** Put a sentence of the list into the text boxes; what was typed there is not sent any more. */
function fillTextBoxes(index) {
  live.request?.abort();
  clearTimeout(live.timer);
  live.hasUnsentText = false;
  showLiveMessage("");
  const sentence = state.page.sentences[index];
  byId("source-text").value = joinWords(sentence.source);
  byId("target-text").value = shownTarget(sentence);
}

async function translateText() {
  const answer = await postToServer("api/translate", { source: byId("source-text").value, n_best: 3 });
  if (!answer) return;
  const chosen = byId("show").value, [model] = chosen.split(":");
  await showAnswer(answer, chosen, `${model || 0}:1`, "0:1");
  byId("target-text").value = shownTarget(answer);
}

/** Show the attention for an edited target; the models' own translations of the same source stay beside it. */
async function alignText() {
  const given = byId("target-text").value;
  const answer = await postToServer("api/align", { source: byId("source-text").value, target: given });
  if (!answer) return;
  const before = state.page.sentences[state.current];
  before.views.forEach((view, number) => {
    if (before.source !== answer.source || view.rank === 0) return;
    answer.views.push(view);
    answer.weights.push(before.weights[number]);
  });
  await showAnswer(answer, byId("show").value.replace(/:.*/, ":0"), "0:0");
  if (byId("target-text").value !== given) byId("target-text").value = shownTarget(answer);  // another view was chosen
}

function keepSentence() {
  const [{ source, views }, ...kept] = state.page.sentences;
  const isSame = (one) => one.source === source && JSON.stringify(one.views) === JSON.stringify(views);
  if (state.current > 0 || kept.some(isSame)) return showLiveMessage("The list has this sentence already.");
  if (!source) return showLiveMessage("There is no sentence to keep.");
  state.page.sentences.push({ ...state.page.sentences[0] });
  updateList();
  return showLiveMessage("The sentence is in the list.");
}

/** Do something when no key was pressed for a while. */
function whenTypingPauses(work) {
  return () => {
    live.request?.abort();  // an answer to the text before must not replace what is typed
    clearTimeout(live.timer);
    live.hasUnsentText = true;
    live.timer = setTimeout(() => {
      live.hasUnsentText = false;
      work();
    }, 250);
  };
}

function startLive() {
  byId("live").hidden = false;
  state.page.sentences.push({ source: "", views: [], weights: [] });
  byId("source-text").addEventListener("input", whenTypingPauses(translateText));
  byId("target-text").addEventListener("input", whenTypingPauses(alignText));
  byId("keep").addEventListener("click", keepSentence);
  byId("show").addEventListener("change", () => {
    if (!live.hasUnsentText) byId("target-text").value = shownTarget(state.page.sentences[state.current]);
  });
  document.body.classList.add("shows-sentence");
  startDocuments();
}
