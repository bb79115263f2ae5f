// Rows of the log: boxes to select them, and the attempt beside the table. Without this file boxes are sent by the form around
// them, and an attempt has a page of its own.

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
const boxes = () => $$("#live-table input[name=attempt]");
const wide = matchMedia("(min-width: 75rem)"); // as in the style sheet
let last = null; // the box that was changed last: one end of a range

// choose sets the boxes between the last one and this one, or this one alone.
function choose(box, range) {
	const all = boxes(), from = all.indexOf(last), to = all.indexOf(box);
	if (range && from >= 0) all.slice(Math.min(from, to), Math.max(from, to) + 1).forEach((b) => (b.checked = box.checked));
	last = box;
	tell();
}

// pick is what a key does to a row.
export function pick(row, range) {
	const box = row && $("input[name=attempt]", row);
	if (!box) return;
	box.checked = range || !box.checked;
	choose(box, range);
}

function tell() {
	const bar = $("#selected");
	if (!bar) return;
	const n = boxes().filter((b) => b.checked).length;
	$("[data-selected]", bar).textContent = n + " selected";
	$("[data-two]", bar).disabled = n !== 2;
	const all = $("[data-all]");
	if (all) all.checked = n > 0 && n === boxes().length;
}

// unselect reports whether there was anything to take back.
export function unselect() {
	const chosen = boxes().filter((b) => b.checked);
	chosen.forEach((b) => (b.checked = false));
	tell();
	return chosen.length > 0;
}

// --- The attempt beside the table.

let opened = false, timer = 0;

const shown = () => $("#panel [data-at]")?.dataset.at;

function load(id) {
	const panel = $("#panel"), place = $("[data-panels]").dataset.panels;
	return window.htmx.ajax("GET", place + "/" + encodeURIComponent(id) + "/panel", { target: "#panel", source: panel, swap: "innerHTML" });
}

function open(id) {
	const address = new URL(location), before = shown();
	address.searchParams.set("at", id);
	if (before) history.replaceState(history.state, "", address);
	else history.pushState({ panel: true }, "", address), (opened = true);
	return load(id);
}

// beside shows the row's attempt if there is room, and reports whether there is.
function beside(row) {
	if (!row?.dataset.id || !row.closest("[data-panels]") || !wide.matches) return false;
	$$("#live-table tr.here").forEach((r) => r.classList.remove("here"));
	row.classList.add("here");
	open(row.dataset.id);
	return true;
}

// follow has the panel show the row that a key has led to, if it is open.
export function follow(row) {
	if (!shown() || !row?.dataset.id) return;
	clearTimeout(timer);
	timer = setTimeout(() => beside(row), 150);
}

// closePanel reports whether there was one.
export function closePanel() {
	const id = shown();
	if (!id) return false;
	if (opened) history.back();
	else {
		const address = new URL(location);
		address.searchParams.delete("at");
		history.replaceState(history.state, "", address);
		empty();
	}
	$(`#live-table tr[data-id="${CSS.escape(id)}"] a`)?.focus();
	return true;
}

function empty() {
	opened = false;
	$("#panel")?.replaceChildren();
}

export function selecting() {
	if (!$("[data-panels]")) return;
	document.addEventListener("click", (event) => {
		if (event.target.matches("input[name=attempt]")) choose(event.target, event.shiftKey);
		else if (event.target.matches("[data-all]")) setTimeout(tell);
		else if (event.target.closest("[data-panel-closes]")) event.preventDefault(), closePanel();
		else if (!event.button && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey) {
			const link = event.target.closest("#live-table tr[data-id] a");
			if (link && beside(link.closest("tr"))) event.preventDefault();
		}
	});
	$("#selected").addEventListener("reset", () => setTimeout(tell));
	addEventListener("popstate", () => {
		const id = new URL(location).searchParams.get("at");
		if (id) load(id), (opened = false);
		else empty();
	});
	document.addEventListener("htmx:after:swap", () => {
		const done = $("[data-done]");
		if (done) done.removeAttribute("data-done"), unselect();
		else tell();
	});
	tell();
}
