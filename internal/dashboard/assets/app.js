// The script of all pages. Every page works as plain links and forms; this adds answers in place (htmx), copying, dates
// in words, dialogs and keys. Nothing here writes HTML: Trusted Types allows that to htmx alone.
import htmx from "htmx.org/dist/htmx.esm.js";
import "htmx.org/dist/ext/hx-csp.js";

window.htmx = htmx;

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

// --- Times: <time datetime> says how long ago it was, and the exact time when pointed at.

const units = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const inWords = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

function tell(element) {
	const at = new Date(element.dateTime);
	if (isNaN(at)) return;
	const seconds = (at - Date.now()) / 1000;
	const [unit, size] = units.find(([, n]) => Math.abs(seconds) >= n) ?? ["second", 1];
	element.textContent = Math.abs(seconds) < 1 ? "now" : inWords.format(Math.round(seconds / size), unit);
	element.title = exact.format(at) + " · " + at.toISOString();
}

function tellAll() {
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
		say("The browser does not allow copying here");
		return;
	}
	say("Copied");
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
	const at = event.target.closest("[data-copy], [data-copy-of], [data-opens], [data-closes], [data-menu], [data-all]");
	if (at?.matches("[data-copy], [data-copy-of]")) copy(at);
	else if (at?.dataset.opens) $(at.dataset.opens)?.showModal();
	else if (at?.matches("[data-closes]")) at.closest("dialog")?.close();
	else if (at?.matches("[data-menu]")) toggleSide();
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

const go = { h: "home", w: "webhooks", l: "log", e: "events", s: "account" };
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
}

document.addEventListener("keydown", (event) => {
	if (event.key === "Escape") {
		$(".side.open")?.classList.remove("open");
		$$("details[data-dismiss][open]").forEach((menu) => {
			menu.open = false;
			$("summary", menu).focus();
		});
		return;
	}
	if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || $("dialog[open]")) return;
	if (event.target.closest?.("input, textarea, select, [contenteditable]") || document.body.dataset.keys === "off") return;
	if (pending === "g") {
		pending = "";
		const link = $(`.nav a[data-go="${go[event.key]}"]`);
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
	case "o": if (row) window.open($("a", row).href, "_blank", "noopener"); break;
	case "[": $("a[rel=prev]")?.click(); break;
	case "]": $("a[rel=next]")?.click(); break;
	default: $(`[data-key="${CSS.escape(event.key)}"]`, row ?? document)?.click();
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
document.addEventListener("htmx:error", () => say("Relay could not be reached. Try again."));

tellAll();
$("[aria-invalid=true]")?.focus();
$$("dialog[data-open]").forEach((dialog) => dialog.showModal());
