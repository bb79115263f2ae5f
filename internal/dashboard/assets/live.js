// Live tables of attempts: <section data-live="ADDRESS OF THE STREAM" data-most="ROWS"> around #live-table, which comes anew
// from the page's own address when rows would not be enough. Rows wait while somebody points at the table, has the focus or
// a selection in it, or has scrolled past its top.
//
// The stream is read with fetch and not with EventSource, which neither tells a status nor lets the page say when to try
// again.

const quiet = 30000; // without a word for so long, a stream is broken: the server speaks every 10 s
const retryFrom = 500, retryMost = 4000, calm = 2000, pollEvery = 5000, streamAgain = 30000;

export function live(section, say) {
	const $ = (selector) => section.querySelector(selector);
	const table = $("#live-table"), state = $("[data-live-state]"), pause = $("[data-live-pause]"), fresh = $("[data-live-new]");
	const most = Number(section.dataset.most);
	let paused = section.hasAttribute("data-paused"), pointed = false, swapping = false;
	let waiting = [], count = 0, stale = false; // messages that are held back, their attempts, and whether they do not matter any more
	let connection = null, delay = retryFrom, timer = 0, quietTimer = 0, pollTimer = 0, calmTimer = 0, unsaid = 0;
	let skipped = false; // there were too many to show each: the table comes anew when that is over

	const rows = () => table.querySelector("tbody");
	const newest = () => {
		const rendered = $("[data-after]")?.dataset.after ?? "", row = $("tr[data-id]")?.dataset.id ?? "";
		return row > rendered ? row : rendered; // ids sort by time
	};

	function show(word, kind) {
		state.hidden = pause.hidden = false;
		state.className = "pill " + kind;
		if (state.textContent !== word) state.textContent = word;
		section.dataset.state = word;
	}

	// --- What is held back.

	function held() {
		const selection = getSelection();
		return paused || pointed || table.contains(document.activeElement) || table.querySelector("input:checked") ||
			!selection.isCollapsed && table.contains(selection.anchorNode) || table.getBoundingClientRect().top < 0;
	}

	function tellWaiting() {
		fresh.hidden = !count && !stale;
		fresh.textContent = stale && !count ? "Show new" : count + " new";
	}

	async function flush() {
		if (swapping) return;
		swapping = true;
		try {
			while (stale || waiting.length) { // more may come meanwhile
				count = 0;
				if (stale || !rows()) {
					waiting = [], stale = false;
					await reload();
				}
				for (const message of waiting.splice(0)) await insert(message.html);
				trim();
			}
		} finally {
			swapping = false;
			tellWaiting();
		}
	}

	// release shows what waits if nothing holds it back any more.
	const release = () => setTimeout(() => held() || flush());

	const insert = (html) => window.htmx.swap({ text: html, target: rows(), sourceElement: rows(), swap: "afterbegin" });

	const reload = () => window.htmx.ajax("GET", location.pathname + location.search, { target: "#live-table", source: table, swap: "innerHTML" });

	// trim removes rows that came twice, puts the others in order, and keeps as many as there may be.
	function trim() {
		const body = rows();
		if (!body) return;
		const seen = new Set();
		let last = "￿", sorted = true;
		for (const row of [...body.rows]) {
			const id = row.dataset.id;
			if (!id) continue;
			if (seen.has(id)) row.remove();
			else {
				seen.add(id);
				sorted &&= id < last;
				last = id;
			}
		}
		if (!sorted) body.append(...[...body.querySelectorAll("tr[data-id]")].sort((a, b) => (a.dataset.id < b.dataset.id ? 1 : -1)));
		while (body.rows.length > most) body.rows[body.rows.length - 1].remove();
	}

	function got(message) {
		count += message.rows + message.more;
		unsaid += message.rows + message.more;
		if (waiting.length * 20 >= most) waiting = [], stale = true; // the page itself has more than all of these
		if (!stale) waiting.push(message);
		clearTimeout(calmTimer);
		if ((skipped ||= message.more > 0)) {
			calmTimer = setTimeout(() => {
				skipped = false, stale = true;
				release();
			}, calm);
		}
		if (held()) tellWaiting();
		else flush();
	}

	// --- The stream.

	async function connect() {
		clearTimeout(timer);
		if (connection || document.hidden) return;
		const mine = (connection = new AbortController());
		let polite = true; // the end was announced, or the page's own wish
		try {
			const answer = await fetch(section.dataset.live + "&after=" + encodeURIComponent(newest()), { signal: mine.signal, headers: { Accept: "text/event-stream" } });
			if (answer.status === 429) return poll();
			if (answer.redirected || answer.status === 401 || answer.status === 403 || answer.status === 404) return gone();
			if (!answer.ok) throw new Error(answer.status);
			polite = await read(answer.body, mine);
		} catch {
			polite = false;
		} finally {
			clearTimeout(quietTimer);
			if (connection === mine) connection = null;
			else polite = true;
			if (!polite) {
				show("Connection lost, trying again", "warn");
				timer = setTimeout(connect, delay + Math.random() * 250);
				delay = Math.min(delay * 2, retryMost);
			}
		}
	}

	// read takes the stream's events; it reports whether the end was expected.
	async function read(body, mine) {
		const reader = body.pipeThrough(new TextDecoderStream()).getReader();
		let text = "";
		for (;;) {
			clearTimeout(quietTimer);
			quietTimer = setTimeout(() => mine.abort(), quiet);
			const { value, done } = await reader.read();
			if (done) return false;
			const parts = (text + value).split("\n\n");
			text = parts.pop();
			for (const part of parts) {
				const field = (name) => part.match(new RegExp("^" + name + ": (.*)$", "m"))?.[1];
				switch (field("event")) {
				case "open":
					delay = retryFrom;
					clearInterval(pollTimer);
					showState();
					break;
				case "rows": got(JSON.parse(field("data"))); break;
				case "stale":
					stale = true, waiting = [];
					if (held()) tellWaiting();
					else flush();
					break;
				case "gone": gone(); return true;
				case "restart": return false;
				}
			}
		}
	}

	function showState() {
		if (paused) show("Paused", "");
		else show("Live", "live");
		pause.textContent = paused ? "Resume" : "Pause";
	}

	function leave() {
		const mine = connection;
		connection = null;
		mine?.abort();
		clearTimeout(timer);
		clearTimeout(quietTimer);
	}

	function gone() {
		leave();
		clearInterval(pollTimer);
		show("Signed out: reload the page", "bad");
	}

	// poll stands in for a stream while there are as many as may be.
	function poll() {
		if (paused) showState();
		else show("Every 5 s", "live");
		clearInterval(pollTimer);
		const until = Date.now() + streamAgain;
		pollTimer = setInterval(() => {
			if (document.hidden) return;
			if (Date.now() > until) {
				clearInterval(pollTimer);
				connect();
				return;
			}
			stale = !paused;
			if (!held()) flush().catch(() => show("Connection lost, trying again", "warn"));
		}, pollEvery);
	}

	pause.addEventListener("click", () => {
		paused = !paused;
		const address = new URL(location);
		if (paused) address.searchParams.set("live", "off");
		else address.searchParams.delete("live");
		history.replaceState(history.state, "", address);
		showState();
		release();
	});
	fresh.addEventListener("click", flush);
	table.addEventListener("pointerenter", (event) => (pointed = event.pointerType === "mouse"));
	table.addEventListener("pointerleave", () => (pointed = false, release()));
	table.addEventListener("focusout", release);
	setInterval(() => (count || stale) && release(), 1000); // whatever way it ended
	addEventListener("scroll", () => count && release(), { passive: true });
	document.addEventListener("visibilitychange", () => (document.hidden ? leave() : connect()));
	addEventListener("pagehide", leave);
	addEventListener("pageshow", (event) => event.persisted && connect());
	setInterval(() => {
		if (unsaid) say(unsaid + " new attempts");
		unsaid = 0;
	}, 20000);
	if (paused) showState();
	connect();
}
