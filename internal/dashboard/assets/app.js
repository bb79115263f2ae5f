// The script of all pages. Every page works as plain links and forms; this adds answers in place (htmx), copying, dates
// in words, dialogs and keys. Nothing here writes HTML: Trusted Types allows that to htmx alone.
import htmx from "htmx.org/dist/htmx.esm.js";
import "htmx.org/dist/ext/hx-csp.js";
import { live } from "./live.js";
import { openPalette } from "./palette.js";
import { passkeys } from "./passkey.js";
import { closePanel, follow, pick, selecting, unselect } from "./select.js";

window.htmx = htmx;

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

// --- Times: <time datetime> says how long ago it was, and the exact time when pointed at.

const units = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const language = document.documentElement.lang;
// The reader's own way to write dates, if it is of the page's language.
const region = navigator.languages.find((l) => l.split("-")[0] === language) ?? language;
const inWords = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
const exact = new Intl.DateTimeFormat(region, { dateStyle: "medium", timeStyle: "long" });

function tell(element) {
	const at = new Date(element.dateTime);
	if (isNaN(at)) return;
	const seconds = (at - Date.now()) / 1000;
	const [unit, size] = units.find(([, n]) => Math.abs(seconds) >= n) ?? ["second", 1];
	element.textContent = Math.abs(seconds) < 1 ? inWords.format(0, "second") : inWords.format(Math.round(seconds / size), unit);
	element.title = exact.format(at) + " · " + at.toISOString();
}

function tellAll() {
	for (const element of $$("time[data-exact]:not([title])")) {
		const at = new Date(element.dateTime);
		if (isNaN(at)) continue;
		element.textContent = exact.format(at);
		element.title = at.toISOString();
	}
	$$("time[data-ago]").forEach(tell);
}
setInterval(() => document.hidden || tellAll(), 10000);
document.addEventListener("visibilitychange", () => document.hidden || tellAll());

// --- Copying: a button with data-copy copies that text, or the text of the element that data-copy-of selects.

async function copy(button) {
	const text = button.dataset.copy ?? $(button.dataset.copyOf)?.textContent ?? "";
	try {
		await navigator.clipboard.writeText(text);
	} catch {
		say($("#said")?.dataset.sayUncopied);
		return;
	}
	say($("#said")?.dataset.sayCopied);
	const icon = $("use", button), before = icon?.getAttribute("href");
	if (!icon || button.dataset.copied) return;
	button.dataset.copied = "1";
	icon.setAttribute("href", before.replace(/#.*/, "#check"));
	setTimeout(() => {
		icon.setAttribute("href", before);
		delete button.dataset.copied;
	}, 1500);
}

// say has screen readers announce a sentence; it takes no focus.
function say(sentence) {
	const place = $("#said");
	if (!place) return;
	place.textContent = "";
	setTimeout(() => (place.textContent = sentence), 50);
}

// --- Dialogs, and what a click does.

document.addEventListener("click", (event) => {
	const at = event.target.closest("[data-copy], [data-copy-of], [data-opens], [data-closes], [data-menu], [data-all], [data-goes]");
	if (at?.matches("[data-copy], [data-copy-of]")) copy(at);
	else if (at?.dataset.opens) $(at.dataset.opens)?.showModal();
	else if (at?.matches("[data-closes]")) at.closest("dialog")?.close();
	else if (at?.matches("[data-menu]")) toggleSide();
	else if (at?.matches("[data-goes]")) openPalette();
	else if (at?.dataset.all) $$(at.dataset.all).forEach((box) => (box.checked = at.checked));
	for (const menu of $$("details[data-dismiss][open]")) if (!menu.contains(event.target)) menu.open = false;
	const side = $(".side.open");
	if (side && !side.contains(event.target) && !at?.matches("[data-menu]")) side.classList.remove("open");
	if (event.target.matches?.("dialog")) event.target.close(); // the backdrop
});

function toggleSide() {
	const side = $(".side");
	side.classList.toggle("open");
	if (side.classList.contains("open")) $("a", side)?.focus();
}

// A form with data-auto is sent when a choice in it changes.
document.addEventListener("change", (event) => {
	const form = event.target.closest("form[data-auto]");
	if (form && event.target.matches("select, input[type=checkbox]")) form.requestSubmit();
});

// A field with data-narrows hides what the selector finds and does not have its text.
document.addEventListener("input", (event) => {
	const list = event.target.dataset?.narrows;
	if (list) $$(list).forEach((item) => (item.hidden = !item.textContent.toLowerCase().includes(event.target.value.trim().toLowerCase())));
});

// A form with data-head sends the beginning of what it is given, a file or a text, for the page to say what it is.
const headSize = 16384;
document.addEventListener("input", async (event) => {
	const form = event.target.closest("form[data-head]"), head = form && $("#head");
	if (!head || !event.target.matches("[type=file], #text")) return;
	const file = event.target.files?.[0];
	head.value = file ? await file.slice(0, headSize).text() : event.target.value.slice(0, headSize);
	$("#columns")?.dispatchEvent(new Event("head"));
});

// A button with data-line leads to that line of the text that is edited.
document.addEventListener("click", (event) => {
	const at = event.target.closest("[data-line]"), field = at && $("textarea[data-lines]");
	if (!field) return;
	const lines = field.value.split("\n"), line = Math.min(at.dataset.line, lines.length) - 1;
	const begin = lines.slice(0, line).join("\n").length + (line ? 1 : 0) + Math.min(at.dataset.column - 1, lines[line].length);
	field.focus();
	field.setSelectionRange(begin, begin);
	field.scrollTop = Math.max(0, (line - 5) * (field.scrollHeight / lines.length));
});

// Choosing single event types takes "all events" back, and the reverse.
document.addEventListener("change", (event) => {
	const list = event.target.closest("[data-types]");
	if (!list || !event.target.checked) return;
	const all = event.target.value === "*";
	$$("input", list).forEach((box) => {
		if (box !== event.target && (all || box.value === "*")) box.checked = false;
	});
});

// Empty fields of a search do not belong in its address.
document.addEventListener("submit", (event) => {
	const form = event.target;
	if (form.method === "get") $$("input, select", form).forEach((field) => field.value || (field.disabled = true));
	else if (form.matches("[data-once]")) setTimeout(() => $$("button", form).forEach((b) => (b.disabled = true)));
});
addEventListener("pageshow", () => $$("form :disabled:not([data-off])").forEach((field) => (field.disabled = false)));

// --- Keys: letters without modifiers, never while typing. "?" shows them.

let pending = "", pendingTimer;

function rows() {
	return $$("tbody[data-rows] > tr");
}

function moveRow(step) {
	const list = rows(), at = list.findIndex((row) => row.classList.contains("here"));
	const next = list[Math.max(0, Math.min(list.length - 1, at < 0 ? 0 : at + step))];
	if (!next) return;
	list[at]?.classList.remove("here");
	next.classList.add("here");
	next.scrollIntoView({ block: "nearest" });
	$("a", next)?.focus({ preventScroll: true });
	follow(next);
}

document.addEventListener("keydown", (event) => {
	if (event.key === "Escape") {
		if ($("dialog[open]")) return;
		const open = $(".side.open, details[data-dismiss][open]");
		if (!open && !closePanel()) unselect();
		$(".side.open")?.classList.remove("open");
		$$("details[data-dismiss][open]").forEach((menu) => {
			menu.open = false;
			$("summary", menu).focus();
		});
		return;
	}
	if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
		const tries = event.target.closest?.("form") && $("[data-tries]", event.target.closest("form"));
		if (tries) event.preventDefault(), tries.click();
		return;
	}
	if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key === "k") {
		if (openPalette()) event.preventDefault();
		return;
	}
	if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || $("dialog[open]")) return;
	if (event.target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]") || document.body.dataset.keys === "off") return;
	if (pending === "g") {
		pending = "";
		const link = $(`.nav a[data-go="${CSS.escape(event.key)}"]`);
		if (link) event.preventDefault(), link.click();
		return;
	}
	const row = $("tbody[data-rows] > tr.here");
	switch (event.key) {
	case "/": {
		const field = $("[data-search]");
		if (field) event.preventDefault(), field.focus();
		break;
	}
	case "?": $("#keys")?.showModal(); break;
	case "g":
		pending = "g";
		clearTimeout(pendingTimer);
		pendingTimer = setTimeout(() => (pending = ""), 1000);
		break;
	case "j": moveRow(1); break;
	case "k": moveRow(-1); break;
	case "x": case "X": pick(row, event.key === "X"); break;
	case "o": if (row) window.open($("a", row).href, "_blank", "noopener"); break;
	case "[": $("a[rel=prev]")?.click(); break;
	case "]": $("a[rel=next]")?.click(); break;
	default: {
		const what = `[data-key="${CSS.escape(event.key)}"]`;
		// A key acts on the row, else on what is in no row: never on another one.
		(row ? $(what, row) ?? $$(what).find((e) => !e.closest("tbody[data-rows] > tr")) : $(what))?.click();
	}
	}
});

// --- What htmx brought into the page.

document.addEventListener("htmx:after:swap", () => {
	tellAll();
	const wrong = $("[aria-invalid=true]");
	if (wrong) wrong.focus();
	const said = $("[data-say]");
	if (said) say(said.dataset.say), said.removeAttribute("data-say");
});
document.addEventListener("htmx:error", () => say($("#said")?.dataset.sayFailed));

tellAll();
passkeys();
selecting();
$$("[data-live]").forEach((section) => live(section, say));
$("[aria-invalid=true]")?.focus();
$$("dialog[data-open]").forEach((dialog) => dialog.showModal());
