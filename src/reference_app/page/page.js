const element = (id) => document.getElementById(id);
const SHOWN = 80;
const AGAIN_MS = 1000;
const STATUS = { queued: "Waiting for a worker", running: "Being analysed", complete: "Complete", failed: "Failed" };
let settings = { trace_url: null, max_upload_bytes: Infinity };
let shown = null;  // the AbortController of the one report that the page shows

// Integers of 64 bits are more than a JavaScript number can hold: where they are, they are kept as they are written.
function parse(text) {
  return JSON.parse(text, (_, value, context) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
      ? context.source
      : value);
}

function short(value) {
  const text = String(value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

function make(tag, text, className) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
}

function showError(sentence) {
  element("error").textContent = sentence;
  element("error").hidden = !sentence;
}

async function sentenceOf(answer) {
  try {
    return (await answer.json()).detail ?? answer.statusText;
  } catch {
    return `The server answered with status ${answer.status}.`;
  }
}

function showProgress({ status, progress }) {
  element("progress").value = progress;
  element("status").textContent = `${STATUS[status] ?? status}, ${Math.floor(progress * 100)} %`;
}

async function showLinks(id, traceId, signal) {
  const trace = element("trace");
  element("self").href = `#${id}`;
  element("links").hidden = false;
  trace.hidden = true;
  await settled;
  if (signal.aborted || !settings.trace_url || !traceId) return;
  trace.href = settings.trace_url.replaceAll("{trace_id}", traceId);
  trace.hidden = false;
}

// What was shown before is given up: its signal ends what is still asked for, so that no late answer shows itself.
function begin(name) {
  shown?.abort();
  shown = new AbortController();
  showError("");
  element("report").hidden = true;
  element("work").hidden = false;
  element("name").textContent = name;
  showProgress({ status: "queued", progress: 0 });
  return shown.signal;
}

function fail(error, signal) {
  if (signal.aborted) return;
  element("work").hidden = true;
  showError(error instanceof TypeError ? "The server can't be reached." : error.message);
}

async function upload(file) {
  const signal = begin(file.name);
  history.replaceState(null, "", location.pathname);
  element("links").hidden = true;
  element("status").textContent = "Being sent";
  try {
    if (file.size > settings.max_upload_bytes) {
      throw new Error(`The file is larger than the ${settings.max_upload_bytes} bytes that are taken.`);
    }
    const body = new FormData();
    body.append("file", file);
    const answer = await fetch("/reports", { method: "POST", body, signal });
    if (!answer.ok) throw new Error(await sentenceOf(answer));
    const { id } = await answer.json();
    history.replaceState(null, "", `#${id}`);
    await follow(id, signal);
  } catch (error) {
    fail(error, signal);
  }
}

async function fetchReport(id, signal) {
  const answer = await fetch(`/reports/${encodeURIComponent(id)}`, { signal });
  if (!answer.ok) throw new Error(await sentenceOf(answer));
  return parse(await answer.text());
}

async function follow(id, signal) {
  const report = await fetchReport(id, signal);
  showLinks(id, report.trace_id, signal);
  show(report);
  if (report.status === "complete" || report.status === "failed") return;
  const source = new EventSource(`/reports/${encodeURIComponent(id)}/events`);
  signal.addEventListener("abort", () => source.close());
  source.addEventListener("progress", (event) => showProgress(JSON.parse(event.data)));
  const again = async () => {
    source.close();
    try {
      await follow(id, signal);
    } catch (error) {
      fail(error, signal);
    }
  };
  source.addEventListener("complete", again);
  source.addEventListener("failed", again);
  // A lost connection is taken up again by itself; a refused one is not.
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(again, AGAIN_MS);
  });
}

function show(report) {
  showProgress(report);
  if (report.status === "failed") showError(report.error);
  if (report.status !== "complete") return;
  const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
  element("title").textContent = `${count(report.rows, "row")}, ${count(report.columns.length, "column")}`;
  element("figures").replaceChildren(...report.columns.map(row));
  element("charts").replaceChildren(...report.columns.map((column, index) => chart(report.id, column, index)));
  element("report").hidden = false;
}

function nameOf(column) {
  return column.name.trim() || "(no name)";
}

function cell(value, className) {
  if (value === null) return make("td", "–", `${className ?? ""} none`);
  const node = make("td", short(value), className);
  if (node.textContent !== String(value)) node.title = String(value).slice(0, 2000);
  return node;
}

function row(column) {
  const line = make("tr");
  const head = make("th", short(nameOf(column)));
  head.scope = "row";
  const type = make("td");
  type.append(make("span", column.type, "type"));
  const numeric = ["integer", "number"].includes(column.type) ? "number" : "";
  const mean = cell(column.mean === null ? null : Number(Number(column.mean).toPrecision(8)), "number");
  line.append(
    head, type, cell(column.count, "number"), cell(column.nulls, "number"), cell(column.distinct, "number"),
    cell(column.min, numeric), cell(column.max, numeric), mean, top(column.top));
  return line;
}

function top(values) {
  const list = make("ul", undefined, "top");
  for (const { value, count } of values) {
    const item = make("li", short(value));
    item.append(make("span", ` × ${count}`, "times"));
    list.append(item);
  }
  const node = make("td");
  node.append(list);
  return node;
}

function chart(id, column, index) {
  const figure = make("figure");
  const image = make("img");
  image.loading = "lazy";
  image.alt = `Frequencies of ${nameOf(column)}: ${column.distinct} different values, from ${short(column.min)} to ${short(column.max)}`;
  image.src = `/reports/${encodeURIComponent(id)}/columns/${index}/chart.svg`;
  figure.append(make("figcaption", short(nameOf(column))), image);
  return figure;
}

async function openFromAddress() {
  const id = location.hash.slice(1);
  if (!id) return;
  const signal = begin("Report");
  try {
    await follow(id, signal);
  } catch (error) {
    fail(error, signal);
  }
}

function listen() {
  const form = element("upload");
  const input = element("file");
  form.addEventListener("submit", (event) => event.preventDefault());
  input.addEventListener("change", () => {
    const [file] = input.files;
    if (file) upload(file).finally(() => { input.value = ""; });
  });
  for (const name of ["dragenter", "dragover"]) {
    form.addEventListener(name, (event) => {
      event.preventDefault();
      form.classList.add("over");
    });
  }
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    const [file] = event.dataTransfer.files;
    if (file) upload(file);
  });
  window.addEventListener("hashchange", openFromAddress);
}

async function loadSettings() {
  try {
    const answer = await fetch("/page/settings.json");
    if (answer.ok) settings = await answer.json();
  } catch {
    // Without them no file is too large for the page, and no trace is shown.
  }
}

listen();  // before anything is waited for: a file that is dropped early must not open in place of the page
const settled = loadSettings();
openFromAddress();
